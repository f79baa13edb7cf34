// Finds callbacks that compiled code may call without ceremony: leaves, which ask the host for nothing while they run. Of each
// one a copy is made that takes what it would ask about its access as parameters. Nobody can see the difference: there is no
// import in it through which the missing bookkeeping (mode, the record of the access) could show.
//
// Compiled code settles an access by itself only where it went to memory, within one page; for others the interpreter
// calls the callback itself. That is what the constants below say.
import type { LeafField } from "../../engine/probe-ops.js";
import { Bytes } from "../../wasm/bytes.js";
import { I32, I64, OP } from "../../wasm/opcodes.js";
import { Cursor } from "./cursor.js";
import { WasmPluginError } from "./errors.js";
import { readInstruction } from "./immediates.js";
import { IMPORT_MODULE } from "./imports.js";
import { type Code, type ParsedModule, SECTION, type Signature } from "./sections.js";

const FIELDS: readonly LeafField[] = ["paddr", "value", "offset", "region", "device"];
const fieldType = (field: LeafField): number => (field === "region" || field === "device" ? I32 : I64);

/** A callback with a copy; plain data. */
export interface Leaf {
  /** Index of the function it is a copy of. */
  function: number;
  /** Export that is the copy. */
  name: string;
  fields: LeafField[];
}

export interface LeafCode {
  leaf: Leaf;
  params: number[];
  /** Locals first; not metered. */
  body: Bytes;
}

/** A parameter, or what is the same for every access that compiled code settles. */
type Answer = LeafField | { type: number; value: number };
const ANSWERS: Readonly<Record<string, Answer>> = {
  get_hwaddr: { type: I32, value: 1 },
  hwaddr_is_io: { type: I32, value: 0 },
  hwaddr_phys_addr: "paddr",
  mem_get_value: "value",
  emu_hwaddr_offset: "offset",
  emu_hwaddr_region: "region",
  emu_hwaddr_device: "device",
  emu_hwaddr_split: { type: I32, value: 0 },
  emu_hwaddr_second_phys_addr: { type: I64, value: 0 },
  emu_hwaddr_second_region: { type: I32, value: 0 },
  emu_hwaddr_second_offset: { type: I64, value: 0 },
};
/** Of the core, and right wherever hart state is. */
const HARMLESS = new Set(["emu_instructions", "emu_virtual_ns"]);

/** Copies are bounded, one and all together: most functions of this type are never callbacks. */
const MAX_BYTES = 4096;
const MAX_TOTAL = 65536;
const MAX_CANDIDATES = 256;
/** Functions a leaf may call, directly or not. */
const MAX_REACHED = 256;

const CALLS = new Set<number>([OP.call, OP.return_call]);
const MISC = 0xfc << 16;
const TABLE_SET = 0x26;
const REF_FUNC = 0xd2;
/** Change what an index of a table stands for. */
const CHANGES_TABLE = new Set<number>([TABLE_SET, MISC | 12, MISC | 14, MISC | 17]);
/** May go anywhere. */
const INDIRECT = new Set<number>([OP.call_indirect, OP.return_call_indirect]);
const LOCALS = new Set<number>([OP.local_get, OP.local_set, OP.local_tee]);

/** What matters about a function here. */
interface Facts {
  /** Functions it calls. */
  calls: Set<number>;
  indirect: boolean;
}

/** The module's leaves, in the order of their functions. */
export function leavesOf(parsed: ParsedModule): LeafCode[] {
  const candidates = candidatesOf(parsed);
  if (candidates.length === 0) return [];
  const facts: Facts[] = [];
  for (const { from, to } of parsed.code) {
    const found = factsOf(parsed, from, to);
    // a callback is what its index stood for when it was registered: only where that cannot change are both tiers alike
    if (found === "changes table") return [];
    facts.push(found);
  }
  const imports = parsed.imports.filter(({ kind }) => kind === "function");
  const importName = (index: number): string => {
    const entry = imports[index];
    return entry?.module === IMPORT_MODULE ? entry.name : "";
  };
  const answer = (callee: number): Answer | undefined =>
    callee < parsed.importedFunctions ? ANSWERS[importName(callee)] : undefined;
  /** Whether none of the functions, whatever they call, asks anybody anything. */
  const silent = (functions: readonly number[]): boolean => {
    const reached = new Set(functions);
    for (const index of reached) {
      if (index < parsed.importedFunctions) {
        if (!HARMLESS.has(importName(index))) return false;
        continue;
      }
      const found = facts[index - parsed.importedFunctions];
      if (!found || found.indirect || reached.size > MAX_REACHED) return false;
      for (const callee of found.calls) reached.add(callee);
    }
    return true;
  };
  const leaves: LeafCode[] = [];
  let total = 0;
  for (const index of candidates.slice(0, MAX_CANDIDATES)) {
    const { from, to } = parsed.code[index - parsed.importedFunctions] as Code;
    const { calls, indirect } = facts[index - parsed.importedFunctions] as Facts;
    if (indirect || to - from > MAX_BYTES || total + to - from > MAX_TOTAL) continue;
    if (!silent([...calls].filter((callee) => answer(callee) === undefined))) continue;
    const made = copy(parsed, index, calls, answer);
    if (!made) continue;
    leaves.push(made);
    total += to - from;
  }
  return leaves;
}

/** Functions of the tables that have the type of a callback. */
function candidatesOf(parsed: ParsedModule): number[] {
  const callback = (index: number): boolean => {
    const type = parsed.functions[index - parsed.importedFunctions];
    const { params, results } = parsed.types[type ?? -1] ?? ({ params: [], results: ["?"] } as Signature);
    return results.length === 0 && ["i32 i32", "i32 i32 i64 i32"].includes(params.join(" "));
  };
  const section = parsed.sections.find(({ id }) => id === SECTION.element);
  if (!section) return [];
  try {
    return [...new Set(functionsOf(section.content))].filter(callback).sort((a, b) => a - b);
  } catch (error) {
    // whoever compiles the module says better what is wrong with it
    if (error instanceof WasmPluginError) return [];
    throw error;
  }
}

/** Functions named in an element section. */
function functionsOf(content: Uint8Array): number[] {
  const cursor = new Cursor(content, 0, content.length, "element section");
  const functions: number[] = [];
  const operand = { index: 0 };
  const expression = (): void => {
    for (let opcode = -1; opcode !== OP.end; ) {
      opcode = readInstruction(cursor, operand);
      if (opcode === REF_FUNC) functions.push(operand.index);
    }
  };
  for (let n = cursor.count(); n > 0; n--) {
    const kind = cursor.u32();
    const passive = (kind & 1) !== 0;
    if (!passive && (kind & 2) !== 0) cursor.u32();
    if (!passive) expression();
    if ((kind & 3) !== 0) cursor.u8();
    for (let count = cursor.count(); count > 0; count--) {
      if ((kind & 4) !== 0) expression();
      else functions.push(cursor.u32());
    }
  }
  return functions;
}
function factsOf(parsed: ParsedModule, from: number, to: number): Facts | "changes table" {
  const body = codeAt(parsed, from, to).code;
  const facts: Facts = { calls: new Set(), indirect: false };
  const operand = { index: 0 };
  while (!body.done) {
    const opcode = readInstruction(body, operand);
    if (CHANGES_TABLE.has(opcode)) return "changes table";
    if (CALLS.has(opcode)) facts.calls.add(operand.index);
    else if (INDIRECT.has(opcode)) facts.indirect = true;
  }
  return facts;
}

/** The instructions of a body, and the declarations of its locals in front of them. */
function codeAt(parsed: ParsedModule, from: number, to: number): { code: Cursor; locals: Uint8Array } {
  const code = new Cursor(parsed.bytes, from, to, "function body");
  for (let n = code.count(); n > 0; n--) {
    code.u32();
    code.u8();
  }
  return { code, locals: parsed.bytes.subarray(from, code.at) };
}

/** The function with parameters in place of what it asks; undefined where that cannot be written. */
function copy(
  parsed: ParsedModule,
  index: number,
  calls: ReadonlySet<number>,
  answer: (callee: number) => Answer | undefined,
): LeafCode | undefined {
  const { from, to } = parsed.code[index - parsed.importedFunctions] as Code;
  const signature = parsed.types[parsed.functions[index - parsed.importedFunctions] as number] as Signature;
  // before an instruction there is no access
  const onAccess = signature.params.length === 4;
  const asked = new Set(onAccess ? [...calls].map(answer) : []);
  const fields = FIELDS.filter((field) => asked.has(field));
  const own = signature.params.length;
  const { code, locals } = codeAt(parsed, from, to);
  const body = new Bytes(to - from + 64);
  body.append(locals);
  const operand = { index: 0 };
  let copied = code.at;
  while (!code.done) {
    const at = code.at;
    const opcode = readInstruction(code, operand);
    const replaced = CALLS.has(opcode) ? answer(operand.index) : undefined;
    const moved = LOCALS.has(opcode) && operand.index >= own;
    if (replaced === undefined && !moved) continue;
    if (opcode === OP.return_call) return undefined;
    body.append(parsed.bytes.subarray(copied, at));
    copied = code.at;
    if (moved) {
      body.u8(opcode);
      body.u32(operand.index + fields.length);
    } else if (typeof replaced === "string") {
      const field = fields.indexOf(replaced);
      if (field >= 0) {
        body.u8(OP.local_get);
        body.u32(own + field);
      } else constant(body, fieldType(replaced), 0);
    } else if (replaced) constant(body, replaced.type, onAccess ? replaced.value : 0);
  }
  body.append(parsed.bytes.subarray(copied, to));
  const params = [...signature.params.map((type) => (type === "i64" ? I64 : I32)), ...fields.map(fieldType)];
  return { leaf: { function: index, name: `emuscope:leaf:${index}`, fields }, params, body };
}

function constant(body: Bytes, type: number, value: number): void {
  body.u8(type === I32 ? OP.i32_const : OP.i64_const);
  body.i32(value);
}
