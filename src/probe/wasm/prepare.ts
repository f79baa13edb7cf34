// Checks an uploaded module and makes of it one that can be trusted to end: with fuel in its code, a bound on its memory,
// and functions through which generated code calls its callbacks. Done once for each upload, on whatever thread; the result
// (a compiled module and plain data) goes to as many sessions as want it.
//
// Everything is added behind what is there (types, functions, globals, exports), so no index in the module changes and
// reports can use its own name section. The start function becomes an export, so that nothing runs before the host can
// answer for it.
import { Bytes } from "../../wasm/bytes.js";
import { I32, I64, OP } from "../../wasm/opcodes.js";
import { Cursor } from "./cursor.js";
import { WasmPluginError } from "./errors.js";
import { checkInterface } from "./interface.js";
import { type Leaf, type LeafCode, leavesOf } from "./leaf.js";
import { meter } from "./metering.js";
import { type Limits, type ParsedModule, parseModule, SECTION, type Section, type Signature } from "./sections.js";

export interface PrepareLimits {
  /** Of the module as uploaded. */
  moduleBytes: number;
  /** Most linear memory, in bytes. */
  memoryBytes: number;
  /** Most table elements. */
  tableElements: number;
  /** Units of fuel (metering.ts) a callback from generated code may use on average; what is not used is saved ... */
  callbackFuel: number;
  /** ... up to so many, which a single callback may use. */
  burstFuel: number;
}

export const DEFAULT_LIMITS: PrepareLimits = {
  moduleBytes: 8 << 20,
  memoryBytes: 256 << 20,
  tableElements: 1 << 16,
  callbackFuel: 200_000,
  burstFuel: 50_000_000,
};

/** Exports that preparation adds; the colon keeps them apart from a plugin's own. */
export const ADDED = {
  memory: "emuscope:memory",
  table: "emuscope:table",
  fuel: "emuscope:fuel",
  mode: "emuscope:mode",
  exec: "emuscope:exec",
  access: "emuscope:access",
  peek64: "emuscope:peek64",
  poke64: "emuscope:poke64",
  start: "emuscope:start",
} as const;

/** A call's `fn` is a table index in the low bits and the callback's flags above; in `mode`, IN_CALLBACK is set while it runs. */
export const FN_FLAGS_SHIFT = 24;
export const IN_CALLBACK = 0x80;

/** What the bridge needs to know of a prepared module; plain data that can be posted to another thread. */
export type PreparedInfo = {
  /** QEMU's interface version it was made for. */
  version: number;
  /** Export that allocates. */
  allocator: string;
  hasTable: boolean;
  hasStart: boolean;
  /** Signature of each function by index, as `params>results` in the letters of imports.ts. */
  signatures: string[];
  /** Names of functions by index, as far as known. */
  names: [number, string][];
  /** Callbacks with a copy for compiled code. */
  leaves: Leaf[];
  /** What it imports of `emuscope` and of WASI. */
  imports: string[];
  wasi: string[];
  memoryPages: { min: number; max: number };
  limits: PrepareLimits;
};

export interface PreparedPlugin {
  module: WebAssembly.Module;
  info: PreparedInfo;
  /** The rewritten module, as it was compiled. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** @throws WasmPluginError that says what is wrong with the module and what to do about it */
export function prepare(bytes: Uint8Array, limits: PrepareLimits = DEFAULT_LIMITS): PreparedPlugin {
  if (bytes.length > limits.moduleBytes) {
    throw new WasmPluginError(
      "too-large",
      `The module has ${bytes.length} bytes, more than the ${limits.moduleBytes} allowed. Compile with -Os and without debug information (-Wl,--strip-debug).`,
    );
  }
  const parsed = parseModule(bytes);
  const contract = checkInterface(parsed);
  const memory = cap(parsed.memories[0] as Limits, limits.memoryBytes >>> 16, "memory", "pages of 64 KiB");
  const leaves = leavesOf(parsed);
  const nameOf = (leaf: Leaf): string => parsed.names.get(leaf.function) ?? `function ${leaf.function}`;
  const rewritten = rewrite(parsed, memory, limits, leaves);
  // the original is asked first: its offsets are those the author can look up
  compile(bytes, (message) => `The module is not valid: ${message}`);
  const module = compile(rewritten, (message) => `The module cannot be prepared: ${message}`);
  return {
    module,
    bytes: rewritten,
    info: {
      ...contract,
      hasTable: callTable(parsed) >= 0,
      hasStart: parsed.start !== undefined,
      signatures: signatures(parsed),
      names: [
        ...parsed.names,
        ...leaves.map(({ leaf }, i): [number, string] => [firstAdded(parsed) + i, nameOf(leaf)]),
      ],
      leaves: leaves.map(({ leaf }) => leaf),
      memoryPages: { min: memory.min, max: memory.max as number },
      limits: { ...limits },
    },
  };
}

function compile(bytes: Uint8Array, message: (reason: string) => string): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^WebAssembly\.Module\(\):\s*/, "") : String(error);
    throw new WasmPluginError("invalid", message(reason));
  }
}

function cap(declared: Limits, most: number, what: string, unit: string): Limits {
  if (declared.min > most) {
    throw new WasmPluginError(
      "memory",
      `The module's ${what} begins with ${declared.min} ${unit}, more than the ${most} allowed.`,
    );
  }
  return { min: declared.min, max: Math.min(declared.max ?? most, most) };
}

/** The first table of functions: what C, C++, Rust and AssemblyScript keep function pointers in. */
function callTable(parsed: ParsedModule): number {
  return parsed.tables.findIndex(({ type }) => type === "funcref");
}

const LETTERS: Record<string, string> = { i32: "i", i64: "I", f32: "f", f64: "F" };
const letters = ({ params, results }: Signature): string => {
  const spell = (types: readonly string[]): string => types.map((type) => LETTERS[type] ?? "?").join("");
  return `${spell(params)}>${spell(results)}`;
};

function signatures(parsed: ParsedModule): string[] {
  const types = parsed.imports.filter(({ kind }) => kind === "function").map(({ type }) => type);
  return [...types, ...parsed.functions].map((type) => letters(parsed.types[type] as Signature));
}

// ---- rewriting

function rewrite(
  parsed: ParsedModule,
  memory: Limits,
  limits: PrepareLimits,
  leaves: readonly LeafCode[],
): Uint8Array<ArrayBuffer> {
  const fuel = parsed.importedGlobals + parsed.globals.length;
  const table = callTable(parsed);
  const copies = leaves.map(({ leaf, params, body }): AddedFunction => {
    const label = functionLabel(parsed, leaf.function - parsed.importedFunctions);
    const metered = meter(new Cursor(body.view(), 0, body.length, label), params.length, {
      fuel,
      importedFunctions: parsed.importedFunctions,
      income: { units: limits.callbackFuel, most: limits.burstFuel },
    });
    return { name: leaf.name, params, body: metered };
  });
  // the copies first: their names in reports are by their place
  const added = [...copies, ...addedFunctions(parsed, { fuel, mode: fuel + 1, table }, limits)];
  const firstFunction = firstAdded(parsed);
  const out = new Bytes(parsed.bytes.length * 2);
  out.append(parsed.bytes.subarray(0, 8));

  const emit = (id: number, content: Bytes): void => {
    out.u8(id);
    out.u32(content.length);
    out.append(content.view());
  };
  /** The section's vector with `count` elements more. */
  const extend = (id: number, count: number, more: (content: Bytes) => void): void => {
    const original = parsed.sections.find((section) => section.id === id);
    const content = new Bytes((original?.content.length ?? 0) + 64);
    const elements = original ? new Cursor(original.content, 0, original.content.length, "section") : undefined;
    content.u32((elements?.u32() ?? 0) + count);
    if (original) content.append(original.content.subarray(elements?.at));
    more(content);
    emit(id, content);
  };
  const writers: Record<number, () => void> = {
    [SECTION.type]: () =>
      extend(SECTION.type, CALLBACKS.length + added.length, (content) => {
        for (const { params, result } of [...CALLBACKS, ...added]) {
          content.u8(0x60);
          content.u32(params.length);
          for (const type of params) content.u8(type);
          content.u32(result === undefined ? 0 : 1);
          if (result !== undefined) content.u8(result);
        }
      }),
    [SECTION.function]: () =>
      extend(SECTION.function, added.length, (content) => {
        added.forEach((_, i) => void content.u32(parsed.types.length + CALLBACKS.length + i));
      }),
    [SECTION.table]: () => {
      if (parsed.tables.length === 0) return;
      const content = new Bytes();
      content.u32(parsed.tables.length);
      for (const { type, limits: declared } of parsed.tables) {
        content.u8(type === "funcref" ? 0x70 : 0x6f);
        writeLimits(content, cap(declared, limits.tableElements, "table", "elements"));
      }
      emit(SECTION.table, content);
    },
    [SECTION.memory]: () => {
      const content = new Bytes();
      content.u32(1);
      writeLimits(content, memory);
      emit(SECTION.memory, content);
    },
    [SECTION.global]: () =>
      extend(SECTION.global, 2, (content) => {
        content.u8(I64);
        content.u8(1);
        content.u8(OP.i64_const);
        content.i64(0);
        content.u8(OP.end);
        content.u8(I32);
        content.u8(1);
        content.u8(OP.i32_const);
        content.i32(0);
        content.u8(OP.end);
      }),
    [SECTION.export]: () => {
      const exports: [string, number, number][] = [
        [ADDED.memory, 2, 0],
        [ADDED.fuel, 3, fuel],
        [ADDED.mode, 3, fuel + 1],
        ...added.map(({ name }, i): [string, number, number] => [name, 0, firstFunction + i]),
      ];
      if (table >= 0) exports.push([ADDED.table, 1, table]);
      if (parsed.start !== undefined) exports.push([ADDED.start, 0, parsed.start]);
      extend(SECTION.export, exports.length, (content) => {
        for (const [name, kind, index] of exports) {
          content.name(name);
          content.u8(kind);
          content.u32(index);
        }
      });
    },
    [SECTION.code]: () => {
      const content = new Bytes(parsed.bytes.length);
      content.u32(parsed.code.length + added.length);
      parsed.code.forEach(({ from, to }, i) => {
        const signature = parsed.types[parsed.functions[i] as number] as Signature;
        const body = meter(new Cursor(parsed.bytes, from, to, functionLabel(parsed, i)), signature.params.length, {
          fuel,
          importedFunctions: parsed.importedFunctions,
        });
        content.u32(body.length);
        content.append(body.view());
      });
      for (const { body } of added) {
        content.u32(body.length);
        content.append(body.view());
      }
      emit(SECTION.code, content);
    },
    [SECTION.start]: () => undefined,
  };

  // the known sections in their order, each once, with custom ones left where they were
  const order = [1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11];
  let next = 0;
  const upTo = (id: number): void => {
    for (; next < order.length; next++) {
      const known = order[next] as number;
      const original = parsed.sections.find((section) => section.id === known);
      const writer = writers[known];
      if (writer) writer();
      else if (original) copy(out, original);
      if (known === id) {
        next++;
        return;
      }
    }
  };
  for (const section of parsed.sections) {
    if (section.id === SECTION.custom) copy(out, section);
    else if (section.id !== SECTION.start) upTo(section.id);
  }
  upTo(-1);
  return out.take() as Uint8Array<ArrayBuffer>;
}

/** Index of the first function behind the module's own. */
function firstAdded(parsed: ParsedModule): number {
  return parsed.importedFunctions + parsed.functions.length;
}

function copy(out: Bytes, { id, content }: Section): void {
  out.u8(id);
  out.u32(content.length);
  out.append(content);
}

function writeLimits(content: Bytes, { min, max }: Limits): void {
  content.u8(1);
  content.u32(min);
  content.u32(max as number);
}

function functionLabel(parsed: ParsedModule, defined: number): string {
  const index = parsed.importedFunctions + defined;
  return `function ${parsed.names.get(index) ?? index}`;
}

interface AddedType {
  params: number[];
  result?: number;
}

interface AddedFunction extends AddedType {
  name: string;
  /** Locals first, `end` last. */
  body: Bytes;
}

/** QEMU's callbacks: (vcpu, userdata) and (vcpu, info, vaddr, userdata). The first types behind the module's own. */
const CALLBACKS: readonly AddedType[] = [{ params: [I32, I32] }, { params: [I32, I32, I64, I32] }];

/** The dispatchers and the two functions that reach the plugin's memory. */
function addedFunctions(
  parsed: ParsedModule,
  { fuel, mode, table }: { fuel: number; mode: number; table: number },
  limits: PrepareLimits,
): AddedFunction[] {
  const added: AddedFunction[] = [
    { name: ADDED.peek64, params: [I32], result: I64, body: code(0, OP.local_get, 0, OP.i64_load, 0, 0, OP.end) },
    {
      name: ADDED.poke64,
      params: [I32, I64],
      body: code(0, OP.local_get, 0, OP.local_get, 1, OP.i64_store, 0, 0, OP.end),
    },
  ];
  if (table < 0) return added;
  const dispatcher = (name: string, params: number[], callback: number): AddedFunction => {
    // one local, an i64 behind its parameters
    const body = code(1, 1, I64);
    // fuel = min(fuel + callbackFuel, burstFuel)
    const set = (opcode: number, index: number): void => {
      body.u8(opcode);
      body.u32(index);
    };
    const constant = (value: number): void => {
      body.u8(OP.i64_const);
      body.i64(value);
    };
    const sum = params.length;
    set(OP.global_get, fuel);
    constant(limits.callbackFuel);
    body.u8(OP.i64_add);
    set(OP.local_tee, sum);
    constant(limits.burstFuel);
    set(OP.local_get, sum);
    constant(limits.burstFuel);
    body.u8(OP.i64_lt_s);
    body.u8(OP.select);
    set(OP.global_set, fuel);
    // mode = flags | IN_CALLBACK
    set(OP.local_get, 0);
    body.u8(OP.i32_const);
    body.i32(FN_FLAGS_SHIFT);
    body.u8(OP.i32_shr_u);
    body.u8(OP.i32_const);
    body.i32(IN_CALLBACK);
    body.u8(OP.i32_or);
    set(OP.global_set, mode);
    for (let i = 1; i < params.length; i++) set(OP.local_get, i);
    set(OP.local_get, 0);
    body.u8(OP.i32_const);
    body.i32((1 << FN_FLAGS_SHIFT) - 1);
    body.u8(OP.i32_and);
    set(OP.call_indirect, callback);
    body.u32(table);
    body.u8(OP.i32_const);
    body.i32(0);
    set(OP.global_set, mode);
    body.u8(OP.end);
    return { name, params, body };
  };
  added.push(dispatcher(ADDED.exec, [I32, I32, I32], parsed.types.length));
  added.push(dispatcher(ADDED.access, [I32, I32, I32, I64, I32], parsed.types.length + 1));
  return added;
}

function code(...bytes: number[]): Bytes {
  const out = new Bytes();
  for (const byte of bytes) out.u8(byte);
  return out;
}
