// Operands that every disassembler here writes the same way, by their name in an instruction's assembly form.
import type { Decoded } from "./decode.js";
import { F_NAMES, X_NAMES } from "./registers.js";

/** Undefined for those that have spellings: targets, CSRs, rounding modes, upper immediates. */
export function plainOperand(name: string, d: Decoded): string | undefined {
  switch (name) {
    case "rd":
      return X_NAMES[d.rd];
    case "rs1":
      return X_NAMES[d.rs1];
    case "rs2":
      return X_NAMES[d.rs2];
    case "fd":
      return F_NAMES[d.rd];
    case "fs1":
      return F_NAMES[d.rs1];
    case "fs2":
      return F_NAMES[d.rs2];
    case "fs3":
      return F_NAMES[d.rs3];
    case "imm":
      return String(d.imm);
    case "offset(rs1)":
      return `${d.imm}(${X_NAMES[d.rs1]})`;
    case "(rs1)":
      return `(${X_NAMES[d.rs1]})`;
    case "zimm":
      return String(d.rs1);
    default:
      return undefined;
  }
}

/** @throws Error: an assembly form names what nobody can write */
export function noSuchOperand(name: string): never {
  throw new Error(`no such operand in an assembly form: ${name}`);
}
