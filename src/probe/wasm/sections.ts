// Takes an uploaded module apart as far as checks and rewriting need it (core spec 5.5). What is not looked into stays a
// range of bytes. Anything that is not understood is refused here, so that the rewriting misses nothing.
import { Cursor } from "./cursor.js";
import { WasmPluginError } from "./errors.js";
import { skipConstant } from "./immediates.js";

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
} as const;

/** Order in which sections may come. */
const ORDER = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];
const SECTION_NAMES = "custom type import function table memory global export start element code data data-count".split(
  " ",
);

export const EXTERNAL_KINDS = ["function", "table", "memory", "global"] as const;
export type ExternalKind = (typeof EXTERNAL_KINDS)[number];

const VALUE_TYPES: Record<number, string> = {
  127: "i32",
  126: "i64",
  125: "f32",
  124: "f64",
  123: "v128",
  112: "funcref",
  111: "externref",
};

export interface Signature {
  params: readonly string[];
  results: readonly string[];
}

export interface Limits {
  min: number;
  max: number | undefined;
}

export interface Import {
  module: string;
  name: string;
  kind: ExternalKind;
  /** Index into `types` of a function. */
  type: number;
}

export interface Export {
  name: string;
  kind: ExternalKind;
  index: number;
}

export interface GlobalEntry {
  type: string;
  mutable: boolean;
  /** Value of an `i32.const` initializer. */
  value: number | undefined;
}

export interface DataSegment {
  /** Address, where it is active and constant. */
  address: number | undefined;
  bytes: Uint8Array;
}

export interface Section {
  id: number;
  /** Content, without id and length. */
  content: Uint8Array;
}

export interface Code {
  /** Range of the body in the module, locals first, `end` included. */
  from: number;
  to: number;
}

export interface ParsedModule {
  bytes: Uint8Array;
  sections: Section[];
  types: Signature[];
  imports: Import[];
  importedFunctions: number;
  importedGlobals: number;
  /** Type index of each function defined. */
  functions: number[];
  tables: { type: string; limits: Limits }[];
  memories: Limits[];
  globals: GlobalEntry[];
  exports: Export[];
  start: number | undefined;
  code: Code[];
  data: DataSegment[];
  /** Names of functions by index, from the name section or exports. */
  names: Map<number, string>;
}

/** @throws WasmPluginError */
export function parseModule(bytes: Uint8Array): ParsedModule {
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    throw new WasmPluginError(
      "not-wasm",
      bytes[0] === 0x7f && bytes[1] === 0x45
        ? "This is an ELF file. Compile the plugin with --target=wasm32-wasi and the headers of sdk/c."
        : "This is not a WebAssembly module in binary form: it does not begin with 00 61 73 6d.",
    );
  }
  if (bytes[4] !== 1 || bytes[5] !== 0 || bytes[6] !== 0 || bytes[7] !== 0) {
    throw new WasmPluginError(
      "unsupported",
      bytes[6] === 1
        ? "This is a component. Upload the core module it was made from."
        : `Version ${bytes[4]} of the binary format is not supported, 1 is.`,
    );
  }
  const module: ParsedModule = {
    bytes,
    sections: [],
    types: [],
    imports: [],
    importedFunctions: 0,
    importedGlobals: 0,
    functions: [],
    tables: [],
    memories: [],
    globals: [],
    exports: [],
    start: undefined,
    code: [],
    data: [],
    names: new Map(),
  };
  const cursor = new Cursor(bytes, 8, bytes.length, "module");
  let place = -1;
  while (!cursor.done) {
    const id = cursor.u8();
    const name = SECTION_NAMES[id];
    if (name === undefined) {
      throw new WasmPluginError(
        "unsupported",
        id === 13 ? "The module uses exceptions; compile without them (-fno-exceptions)." : `Section ${id} is unknown.`,
      );
    }
    const section = cursor.part(cursor.u32(), `${name} section`);
    if (id !== SECTION.custom) {
      const next = ORDER.indexOf(id);
      if (next <= place) section.fail("out of order or twice");
      place = next;
    }
    module.sections.push({ id, content: bytes.subarray(section.at, section.end) });
    readSection(id, section, module);
    if (id !== SECTION.custom && !section.done) section.fail("has bytes left over");
  }
  if (module.code.length !== module.functions.length) cursor.fail("functions and bodies differ in number");
  for (const { kind, index, name } of module.exports) {
    if (kind === "function" && !module.names.has(index)) module.names.set(index, name);
  }
  return module;
}

function readSection(id: number, cursor: Cursor, module: ParsedModule): void {
  switch (id) {
    case SECTION.custom:
      if (cursor.name() === "name") readNames(cursor, module.names);
      break;
    case SECTION.type:
      for (let n = cursor.count(); n > 0; n--) module.types.push(readType(cursor));
      break;
    case SECTION.import:
      for (let n = cursor.count(); n > 0; n--) readImport(cursor, module);
      break;
    case SECTION.function:
      for (let n = cursor.count(); n > 0; n--) module.functions.push(typeIndex(cursor, module));
      break;
    case SECTION.table:
      for (let n = cursor.count(); n > 0; n--) module.tables.push(readTable(cursor));
      break;
    case SECTION.memory:
      for (let n = cursor.count(); n > 0; n--) module.memories.push(readLimits(cursor, "memory"));
      break;
    case SECTION.global:
      for (let n = cursor.count(); n > 0; n--) {
        const { type, mutable } = readGlobalType(cursor);
        module.globals.push({ type, mutable, value: skipConstant(cursor) });
      }
      break;
    case SECTION.export:
      for (let n = cursor.count(); n > 0; n--) {
        const name = cursor.name();
        const kind = externalKind(cursor);
        module.exports.push({ name, kind, index: cursor.u32() });
      }
      break;
    case SECTION.start:
      module.start = cursor.u32();
      break;
    case SECTION.code:
      for (let n = cursor.count(); n > 0; n--) {
        const body = cursor.part(cursor.u32(), "function body");
        module.code.push({ from: body.at, to: body.end });
      }
      break;
    case SECTION.data:
      for (let n = cursor.count(); n > 0; n--) module.data.push(readData(cursor));
      break;
    case SECTION.dataCount:
      cursor.u32();
      break;
    case SECTION.element:
      cursor.at = cursor.end;
      break;
  }
}

function valueType(cursor: Cursor): string {
  const byte = cursor.u8();
  return VALUE_TYPES[byte] ?? cursor.fail(`value type 0x${byte.toString(16)} is not supported`);
}

function readType(cursor: Cursor): Signature {
  if (cursor.u8() !== 0x60) cursor.fail("only function types are supported, no garbage collection");
  const params = Array.from({ length: cursor.count() }, () => valueType(cursor));
  const results = Array.from({ length: cursor.count() }, () => valueType(cursor));
  return { params, results };
}

function typeIndex(cursor: Cursor, module: ParsedModule): number {
  const type = cursor.u32();
  if (type >= module.types.length) cursor.fail(`there is no type ${type}`);
  return type;
}

function externalKind(cursor: Cursor): ExternalKind {
  const byte = cursor.u8();
  return EXTERNAL_KINDS[byte] ?? cursor.fail(`kind ${byte} of import or export is not supported`);
}

function readImport(cursor: Cursor, module: ParsedModule): void {
  const from = cursor.name();
  const name = cursor.name();
  const kind = externalKind(cursor);
  let type = 0;
  if (kind === "function") {
    type = typeIndex(cursor, module);
    module.importedFunctions++;
  } else if (kind === "table") readTable(cursor);
  else if (kind === "memory") readLimits(cursor, "imported memory");
  else {
    readGlobalType(cursor);
    module.importedGlobals++;
  }
  module.imports.push({ module: from, name, kind, type });
}

function readTable(cursor: Cursor): { type: string; limits: Limits } {
  const type = valueType(cursor);
  return { type, limits: readLimits(cursor, "table") };
}

function readLimits(cursor: Cursor, what: string): Limits {
  const flags = cursor.u8();
  if (flags & 2) throw new WasmPluginError("memory", `The ${what} is shared; compile without threads (-mno-atomics).`);
  if (flags & 4) throw new WasmPluginError("memory", `The ${what} has 64-bit addresses; compile for wasm32.`);
  if (flags > 1) cursor.fail(`limits of kind ${flags} are not supported`);
  const min = cursor.u32();
  return { min, max: flags & 1 ? cursor.u32() : undefined };
}

function readGlobalType(cursor: Cursor): { type: string; mutable: boolean } {
  const type = valueType(cursor);
  const mutable = cursor.u8();
  if (mutable > 1) cursor.fail("bad mutability");
  return { type, mutable: mutable === 1 };
}

function readData(cursor: Cursor): DataSegment {
  const kind = cursor.u32();
  if (kind > 2) cursor.fail(`data segments of kind ${kind} are not supported`);
  if (kind === 2 && cursor.u32() !== 0) cursor.fail("there is one memory");
  const address = kind === 1 ? undefined : skipConstant(cursor);
  return { address, bytes: cursor.take(cursor.u32()) };
}

/** Function names; a broken name section is no reason to refuse a module. */
function readNames(cursor: Cursor, names: Map<number, string>): void {
  try {
    while (!cursor.done) {
      const kind = cursor.u8();
      const part = cursor.part(cursor.u32(), "name section");
      if (kind !== 1) continue;
      for (let n = part.count(); n > 0; n--) {
        const index = part.u32();
        names.set(index, part.name());
      }
    }
  } catch (error) {
    if (!(error instanceof WasmPluginError)) throw error;
  }
}
