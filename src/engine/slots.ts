// Decoded slots: 16 bytes per halfword of a physical page, written by the decoder and read by the handlers.
//   +0 u32 handler number   +4 i32 immediate (in-page branches: distance in slots bytes)
//   +8 u16 address of rd    +10 u16 of rs1    +12 u16 of rs2    +14 u16 of rs3 (addresses in hart state; x0 is written to a sink)
import { F, X, X_SINK } from "../core/layout.js";
import { type Decoded, decode } from "../isa/decode.js";
import type { Instruction } from "../isa/instruction.js";
import { HANDLER_STRADDLE, handlerNumber, hasTarget, reachesFar } from "./handlers.js";

export const SLOT_IMM = 4;
export const SLOT_RD = 8;
export const SLOT_RS1 = 10;
export const SLOT_RS2 = 12;
export const SLOT_RS3 = 14;
/** Bytes of slots per byte of code. */
export const SLOT_SCALE = 8;
export const SLOTS_BYTES = 0x8000;
/** Behind the page header of the core: what a straddling instruction remembers. */
export const STRADDLE_BITS = 0x8038;
export const STRADDLE_HANDLER = 0x803c;
export const LAST_HALFWORD = 0xffe;

/** Register file of each operand (X or F, addresses in hart state); 0 where the instruction has no such operand. */
export interface OperandFiles {
  rd: number;
  rs1: number;
  rs2: number;
  rs3: number;
}
const files: OperandFiles[] = [];
export function operandFiles(instruction: Instruction): OperandFiles {
  let known = files[instruction.number];
  if (!known) {
    const words = instruction.assembly.split(/[ ,()]+/);
    const pick = (integer: string, float: string): number =>
      words.includes(float) ? F : words.includes(integer) ? X : 0;
    known = { rd: pick("rd", "fd"), rs1: pick("rs1", "fs1"), rs2: pick("rs2", "fs2"), rs3: pick("", "fs3") };
    files[instruction.number] = known;
  }
  return known;
}

/** Writes decoded instructions into the slots of a session's memory. */
export class SlotWriter {
  private readonly words: Int32Array;
  private readonly halves: Uint16Array;

  constructor(memory: WebAssembly.Memory) {
    this.words = new Int32Array(memory.buffer);
    this.halves = new Uint16Array(memory.buffer);
  }

  /** Decodes `bits` into the slot at `address`, which stands for page offset `pageOffset`. */
  write(address: number, bits: number, pageOffset: number): void {
    const d = decode(bits);
    const handler = this.operands(address, d, pageOffset);
    this.words[address >> 2] = handler;
  }

  /** As `write`, for a 32-bit instruction that starts in the last halfword of its page. */
  writeStraddling(address: number, slots: number, bits: number): void {
    const handler = this.operands(address, decode(bits), LAST_HALFWORD);
    this.words[(slots + STRADDLE_HANDLER) >> 2] = handler;
    this.words[(slots + STRADDLE_BITS) >> 2] = bits;
    this.words[address >> 2] = HANDLER_STRADDLE;
  }

  private operands(address: number, d: Decoded, pageOffset: number): number {
    const { instruction } = d;
    const scaled = hasTarget(instruction) && !reachesFar(d, pageOffset);
    const imm = scaled ? d.imm * SLOT_SCALE : d.imm;
    const file = operandFiles(instruction);
    this.words[(address + SLOT_IMM) >> 2] = imm;
    this.halves[(address + SLOT_RD) >> 1] = file.rd === F ? F + d.rd * 8 : d.rd === 0 ? X_SINK : X + d.rd * 8;
    this.halves[(address + SLOT_RS1) >> 1] = (file.rs1 || X) + d.rs1 * 8;
    this.halves[(address + SLOT_RS2) >> 1] = (file.rs2 || X) + d.rs2 * 8;
    this.halves[(address + SLOT_RS3) >> 1] = F + d.rs3 * 8;
    return handlerNumber(d, pageOffset);
  }
}
