// Numbering of the interpreter's handlers: the decoder writes these numbers into decoded slots, the generated
// module's table is filled in the same order. A handler is one (instruction, length, reach) triple.
import { COMPRESSIBLE } from "../isa/compressed.js";
import type { Decoded } from "../isa/decode.js";
import type { Instruction } from "../isa/instruction.js";
import { INSTRUCTIONS } from "../isa/instructions.js";

/** Handlers that are no instruction. The core knows DECODE (0) and PAGE_END (1). */
export const HANDLER_DECODE = 0;
export const HANDLER_PAGE_END = 1;
export const HANDLER_STRADDLE = 2;
const FIRST = 3;

export interface Handler {
  instruction: Instruction;
  length: 2 | 4;
  reach: Reach;
}

/** Where a branch or jump goes, known when it is decoded: inside its page, ahead or back, or outside it. */
export type Reach = "forward" | "backward" | "far";
const REACHES: readonly Reach[] = ["forward", "backward", "far"];

/** Whether the destination is pc + immediate. */
export const hasTarget = (instruction: Instruction): boolean =>
  instruction.flow === "branch" || instruction.flow === "jump";

export const HANDLERS: readonly Handler[] = INSTRUCTIONS.flatMap((instruction) => {
  const lengths: (2 | 4)[] = COMPRESSIBLE.has(instruction.name) ? [4, 2] : [4];
  const reaches = hasTarget(instruction) ? REACHES : (["forward"] as const);
  return lengths.flatMap((length) => reaches.map((reach) => ({ instruction, length, reach })));
});

// Handlers of an instruction that differ in reach only are numbered one behind the other.
const REACH_BACKWARD = 1;
const REACH_FAR = 2;
const COUNT = Math.max(...INSTRUCTIONS.map(({ number }) => number)) + 1;
/** Number of the first handler, by instruction; of compressed ones in the second half. */
const firsts = new Uint16Array(2 * COUNT);
HANDLERS.forEach(({ instruction, length, reach }, i) => {
  if (reach === "forward") firsts[instruction.number + (length === 2 ? COUNT : 0)] = FIRST + i;
});

const PAGE_BYTES = 4096;

/** Whether a decoded instruction at `pageOffset` of its page has a destination outside it. */
export function reachesFar(d: Decoded, pageOffset: number): boolean {
  const target = pageOffset + d.imm;
  return target < 0 || target >= PAGE_BYTES;
}

/** Table index of the handler of a decoded instruction. */
export function handlerNumber(d: Decoded, pageOffset: number): number {
  const first = firsts[d.instruction.number + (d.length === 2 ? COUNT : 0)] as number;
  if (!hasTarget(d.instruction)) return first;
  if (reachesFar(d, pageOffset)) return first + REACH_FAR;
  return d.imm <= 0 ? first + REACH_BACKWARD : first;
}
export const HANDLER_COUNT = FIRST + HANDLERS.length;

// RESUME_AT of a side exit: slot number, handler, and how many instructions of the block were done before it.
export const SIDE_HANDLER_SHIFT = 11;
export const SIDE_DONE_SHIFT = 21;
if (HANDLER_COUNT > 1 << (SIDE_DONE_SHIFT - SIDE_HANDLER_SHIFT))
  throw new Error("too many handlers for a side exit's field");
