// Decoder made from the instruction records: 16 or 32 bits in, instruction and operands out.
import { expand } from "./compressed.js";
import type { ImmediateFormat, Instruction } from "./instruction.js";
import { ILLEGAL, INSTRUCTIONS } from "./instructions.js";

export interface Decoded {
  readonly instruction: Instruction;
  readonly rd: number;
  readonly rs1: number;
  readonly rs2: number;
  readonly rs3: number;
  /** Immediate as a signed 32-bit number (the whole encoding for format "bits"). */
  readonly imm: number;
  /** Rounding-mode field, 7 = dynamic. */
  readonly rm: number;
  /** Bytes: 2 or 4. */
  readonly length: 2 | 4;
  /** As fetched: 16 bits for a compressed instruction. */
  readonly bits: number;
}

// Candidates by opcode (bits 6..2) and funct3; the few rows with a free funct3 are in all eight.
const BUCKETS: Instruction[][] = Array.from({ length: 256 }, () => []);
for (const instruction of INSTRUCTIONS) {
  if (instruction === ILLEGAL) continue;
  for (let funct3 = 0; funct3 < 8; funct3++) {
    if (((instruction.match ^ (funct3 << 12)) & instruction.mask & 0x7000) !== 0) continue;
    BUCKETS[((instruction.match >> 2) & 31) * 8 + funct3]?.push(instruction);
  }
}

function immediate(format: ImmediateFormat, w: number): number {
  switch (format) {
    case "i":
      return w >> 20;
    case "s":
      return ((w >> 25) << 5) | ((w >> 7) & 31);
    case "b":
      return ((w >> 31) << 12) | ((w << 4) & 0x800) | ((w >> 20) & 0x7e0) | ((w >> 7) & 0x1e);
    case "u":
      return w & 0xfffff000;
    case "j":
      return ((w >> 31) << 20) | (w & 0xff000) | ((w >> 9) & 0x800) | ((w >> 20) & 0x7fe);
    case "shamt6":
      return (w >> 20) & 63;
    case "shamt5":
      return (w >> 20) & 31;
    case "bits":
      return w;
    case "rm":
      return (w >> 12) & 7;
    case "none":
      return 0;
  }
}

/** Whether a halfword starts a 32-bit instruction. */
export const isLong = (halfword: number): boolean => (halfword & 3) === 3;

// What was decoded is kept: every halfword, of which programs use few again and again, and long words by a hash of their bits.
const KEPT_BITS = 14;
const HALFWORDS = 0x10000;
const kept: (Decoded | undefined)[] = new Array(HALFWORDS + (1 << KEPT_BITS));

/** Decodes the instruction in the low bits of `word` (32 bits; the upper half is ignored when it is compressed). */
export function decode(word: number): Decoded {
  const long = isLong(word);
  const bits = long ? word | 0 : word & 0xffff;
  const at = long ? HALFWORDS + (Math.imul(bits, 0x9e3779b1) >>> (32 - KEPT_BITS)) : bits;
  const known = kept[at];
  if (known !== undefined && known.bits === bits) return known;
  const decoded = decodeAnew(bits, long);
  kept[at] = decoded;
  return decoded;
}

function decodeAnew(bits: number, long: boolean): Decoded {
  const w = long ? bits : expand(bits);
  let instruction = ILLEGAL;
  for (const candidate of BUCKETS[((w >> 2) & 31) * 8 + ((w >> 12) & 7)] as Instruction[]) {
    if ((w & candidate.mask) === candidate.match) {
      instruction = candidate;
      break;
    }
  }
  if (!long && w === 0) instruction = ILLEGAL;
  const rm = (w >> 12) & 7;
  // rounding modes 5 and 6 are reserved
  if (instruction.format === "rm" && (rm === 5 || rm === 6)) instruction = ILLEGAL;
  return {
    instruction,
    rd: (w >> 7) & 31,
    rs1: (w >> 15) & 31,
    rs2: (w >> 20) & 31,
    rs3: (w >> 27) & 31,
    imm: instruction.format === "bits" ? bits : immediate(instruction.format, w),
    rm,
    length: long ? 4 : 2,
    bits,
  };
}
