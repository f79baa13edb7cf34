// One record per instruction: encoding as a picture of bits, assembly form and semantics. Decoder, disassembler,
// interpreter and JIT are all made from these records.
import type { Semantics } from "./semantics.js";

/** How control goes on after the instruction. */
export type Flow = "next" | "branch" | "jump" | "jumpTo" | "system";

export interface Instruction {
  /** Counts from 0 in the order of definition: index of what is kept for each instruction. */
  readonly number: number;
  readonly name: string;
  readonly extension: string;
  /** Bits under `mask` must equal `match`. */
  readonly mask: number;
  readonly match: number;
  readonly format: ImmediateFormat;
  /** Operand list in assembly, in terms of: rd rs1 rs2 rs3 fd fs1 fs2 fs3 imm offset(rs1) target csr zimm rm … */
  readonly assembly: string;
  readonly flow: Flow;
  /** Touches guest data memory. */
  readonly memory: boolean;
  readonly semantics: (s: Semantics) => void;
}

export type ImmediateFormat = "none" | "i" | "s" | "b" | "u" | "j" | "shamt6" | "shamt5" | "bits" | "rm";

// Fields a picture may name, with their width. A digit stands for itself.
const FIELD_WIDTHS: Record<string, number> = {
  rd: 5,
  rs1: 5,
  rs2: 5,
  rs3: 5,
  rm: 3,
  imm12: 12,
  imm7: 7,
  imm5: 5,
  imm20: 20,
  shamt6: 6,
  shamt5: 5,
  csr: 12,
  aqrl: 2,
  any4: 4,
  any5: 5,
  any12: 12,
};

/**
 * Reads a picture such as `0000000 rs2 rs1 000 rd 0110011`, most significant bit first.
 * Throws when the widths do not add up to 32 or a field is unknown, so that a bad row cannot load.
 */
export function parsePicture(name: string, picture: string): { mask: number; match: number } {
  let mask = 0n;
  let match = 0n;
  let width = 0;
  for (const token of picture.split(" ")) {
    if (/^[01]+$/.test(token)) {
      for (const bit of token) {
        mask = (mask << 1n) | 1n;
        match = (match << 1n) | BigInt(bit);
      }
      width += token.length;
    } else {
      const size = FIELD_WIDTHS[token];
      if (size === undefined) throw new Error(`${name}: unknown field ${token} in picture`);
      mask <<= BigInt(size);
      match <<= BigInt(size);
      width += size;
    }
  }
  if (width !== 32) throw new Error(`${name}: picture has ${width} bits, not 32`);
  return { mask: Number(BigInt.asIntN(32, mask)), match: Number(BigInt.asIntN(32, match)) };
}

let defined = 0;
/** Number of the instruction that is being defined. */
export const nextNumber = (): number => defined++;

interface Options {
  format?: ImmediateFormat;
  flow?: Flow;
  memory?: boolean;
}

/** Makes the `define` function of one extension's file; it appends to `into`. */
export function extension(extensionName: string, into: Instruction[]) {
  return (
    name: string,
    picture: string,
    assembly: string,
    options: Options,
    semantics: (s: Semantics) => void,
  ): void => {
    const { mask, match } = parsePicture(name, picture);
    into.push({
      number: nextNumber(),
      name,
      extension: extensionName,
      mask,
      match,
      format: options.format ?? "none",
      assembly,
      flow: options.flow ?? "next",
      memory: options.memory ?? false,
      semantics,
    });
  };
}
