// Which immediates follow each opcode (core spec 5.4, with the finished proposals up to SIMD and tail calls). Opcodes that
// are not listed are refused by name of the proposal they belong to: what cannot be read cannot be metered.
import type { Cursor } from "./cursor.js";
import { WasmPluginError } from "./errors.js";

/** What a body's reader wants to know of an instruction. */
export type Immediate =
  | "none"
  | "block"
  | "index"
  | "index2"
  | "branches"
  | "types"
  | "memory"
  | "byte"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "reference"
  | "lane"
  | "memoryLane"
  | "v128";

const PLAIN = table([
  [0x00, 0x01, "none"],
  [0x02, 0x04, "block"],
  [0x05, 0x05, "none"],
  [0x0b, 0x0b, "none"],
  [0x0c, 0x0d, "index"],
  [0x0e, 0x0e, "branches"],
  [0x0f, 0x0f, "none"],
  [0x10, 0x10, "index"],
  [0x11, 0x11, "index2"],
  [0x12, 0x12, "index"],
  [0x13, 0x13, "index2"],
  [0x1a, 0x1b, "none"],
  [0x1c, 0x1c, "types"],
  [0x20, 0x26, "index"],
  [0x28, 0x3e, "memory"],
  [0x3f, 0x40, "byte"],
  [0x41, 0x41, "i32"],
  [0x42, 0x42, "i64"],
  [0x43, 0x43, "f32"],
  [0x44, 0x44, "f64"],
  [0x45, 0xc4, "none"],
  [0xd0, 0xd0, "reference"],
  [0xd1, 0xd1, "none"],
  [0xd2, 0xd2, "index"],
]);

/** Behind 0xfc: conversions that saturate, bulk memory, tables. */
const MISC = table([
  [0, 7, "none"],
  [8, 8, "index2"],
  [9, 9, "index"],
  [10, 10, "index2"],
  [11, 11, "index"],
  [12, 12, "index2"],
  [13, 13, "index"],
  [14, 14, "index2"],
  [15, 17, "index"],
]);

/** Behind 0xfd: SIMD. */
const VECTOR = table([
  [0x00, 0x0b, "memory"],
  [0x0c, 0x0d, "v128"],
  [0x0e, 0x14, "none"],
  [0x15, 0x22, "lane"],
  [0x23, 0x53, "none"],
  [0x54, 0x5b, "memoryLane"],
  [0x5c, 0x5d, "memory"],
  [0x5e, 0xff, "none"],
]);

function table(rows: [from: number, to: number, immediate: Immediate][]): (Immediate | undefined)[] {
  const all: (Immediate | undefined)[] = new Array(256).fill(undefined);
  for (const [from, to, immediate] of rows) all.fill(immediate, from, to + 1);
  return all;
}

/**
 * Passes over one instruction and returns its opcode; those of two bytes as prefix << 16 | number. `index` is left in
 * `operand.index` where there is one.
 */
export function readInstruction(cursor: Cursor, operand: { index: number }): number {
  let opcode = cursor.u8();
  let immediate = PLAIN[opcode];
  if (opcode === 0xfc || opcode === 0xfd) {
    const number = cursor.u32();
    immediate = (opcode === 0xfc ? MISC : VECTOR)[number];
    opcode = (opcode << 16) | number;
  }
  if (immediate === undefined) throw new WasmPluginError("unsupported", refusal(opcode, cursor.at - 1));
  switch (immediate) {
    case "none":
      break;
    case "block":
      cursor.skipSigned(33);
      break;
    case "index":
      operand.index = cursor.u32();
      break;
    case "index2":
      operand.index = cursor.u32();
      cursor.u32();
      break;
    case "branches":
      for (let n = cursor.count() + 1; n > 0; n--) cursor.u32();
      break;
    case "types":
      cursor.skip(cursor.u32());
      break;
    case "memory":
      readMemoryArgument(cursor);
      break;
    case "byte":
    case "reference":
    case "lane":
      cursor.skip(1);
      break;
    case "i32":
      cursor.skipSigned(32);
      break;
    case "i64":
      cursor.skipSigned(64);
      break;
    case "f32":
      cursor.skip(4);
      break;
    case "f64":
      cursor.skip(8);
      break;
    case "memoryLane":
      readMemoryArgument(cursor);
      cursor.skip(1);
      break;
    case "v128":
      cursor.skip(16);
      break;
  }
  return opcode;
}

function readMemoryArgument(cursor: Cursor): void {
  if (cursor.u32() > 31) throw new WasmPluginError("unsupported", "The module has more than one memory.");
  cursor.u32();
}

function refusal(opcode: number, at: number): string {
  const name = `instruction 0x${(opcode > 0xff ? opcode >>> 16 : opcode).toString(16)}`;
  const where = `(at byte ${at})`;
  if (opcode === 0xfe) return `The module uses atomic instructions ${where}; compile without threads (-mno-atomics).`;
  if ((opcode >= 0x06 && opcode <= 0x0a) || opcode === 0x18 || opcode === 0x19 || opcode === 0x1f) {
    return `The module uses exceptions ${where}; compile without them (-fno-exceptions).`;
  }
  if (opcode === 0xfb || opcode === 0x14 || opcode === 0x15 || (opcode >= 0xd3 && opcode <= 0xd6)) {
    return `The module uses garbage collection or typed references ${where}, which are not supported.`;
  }
  return `The module uses ${name}${opcode > 0xff ? ` ${opcode & 0xffff}` : ""} ${where}, which is not supported.`;
}

/** Passes over a constant expression; its value where it is a single `i32.const`. */
export function skipConstant(cursor: Cursor): number | undefined {
  let value: number | undefined;
  const operand = { index: 0 };
  for (let count = 0; ; count++) {
    const at = cursor.at;
    const opcode = readInstruction(cursor, operand);
    if (opcode === 0x0b) return count === 1 ? value : undefined;
    if (opcode !== 0x41) continue;
    const end = cursor.at;
    cursor.at = at + 1;
    value = cursor.i32();
    cursor.at = end;
  }
}
