// Numbering of the interpreter's handlers: the decoder writes these numbers into decoded slots, the generated
// module's table is filled in the same order. A handler is one (instruction, length, reach) triple.
import { decode, isLong } from "../isa/decode.js";
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
  /** Branches and jumps whose target lies outside the page of the instruction. */
  far: boolean;
}

const compressible = new Set<Instruction>();
for (let h = 0; h < 0x10000; h++) if (!isLong(h)) compressible.add(decode(h).instruction);

export const HANDLERS: readonly Handler[] = INSTRUCTIONS.flatMap((instruction) => {
  const lengths: (2 | 4)[] = compressible.has(instruction) ? [4, 2] : [4];
  const reaches = instruction.flow === "branch" || instruction.flow === "jump" ? [false, true] : [false];
  return lengths.flatMap((length) => reaches.map((far) => ({ instruction, length, far })));
});

const numbers = new Map<Instruction, number[]>();
HANDLERS.forEach((h, i) => {
  const row = numbers.get(h.instruction) ?? [];
  row[(h.length === 2 ? 2 : 0) + (h.far ? 1 : 0)] = FIRST + i;
  numbers.set(h.instruction, row);
});

/** Table index of the handler for an instruction of `length` bytes. */
export function handlerNumber(instruction: Instruction, length: 2 | 4, far: boolean): number {
  return numbers.get(instruction)?.[(length === 2 ? 2 : 0) + (far ? 1 : 0)] as number;
}
export const handlerAt = (number: number): Handler | undefined => HANDLERS[number - FIRST];
export const HANDLER_COUNT = FIRST + HANDLERS.length;
