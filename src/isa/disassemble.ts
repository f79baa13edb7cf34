// Disassembler made from the instruction records, with the usual aliases (ret, mv, li, j, beqz, ...).
import { type Decoded, decode } from "./decode.js";
import { noSuchOperand, plainOperand } from "./operands.js";
import { csrName, X_NAMES } from "./registers.js";

const ROUNDING = ["rne", "rtz", "rdn", "rup", "rmm", "rm5", "rm6", "dyn"];
const hex = (v: bigint): string => `0x${BigInt.asUintN(64, v).toString(16)}`;

function operandText(name: string, d: Decoded, pc: bigint): string {
  switch (name) {
    case "imm20":
      return `0x${((d.imm >>> 12) & 0xfffff).toString(16)}`;
    case "target":
      return hex(pc + BigInt(d.imm));
    case "csr":
      return csrName((d.imm >>> 20) & 0xfff);
    case "rm":
      return ROUNDING[d.rm] as string;
    default:
      return plainOperand(name, d) ?? noSuchOperand(name);
  }
}

/** Alias of a decoded instruction, as assemblers print it, or undefined. */
function alias(d: Decoded, pc: bigint): string | undefined {
  const rd = X_NAMES[d.rd];
  const rs1 = X_NAMES[d.rs1];
  const rs2 = X_NAMES[d.rs2];
  const target = (): string => hex(pc + BigInt(d.imm));
  switch (d.instruction.name) {
    case "addi":
      if (d.rd === 0 && d.rs1 === 0 && d.imm === 0) return "nop";
      if (d.rs1 === 0) return `li ${rd}, ${d.imm}`;
      if (d.imm === 0) return `mv ${rd}, ${rs1}`;
      return undefined;
    case "add":
      return d.rs1 === 0 ? `mv ${rd}, ${rs2}` : undefined;
    case "addiw":
      return d.imm === 0 ? `sext.w ${rd}, ${rs1}` : undefined;
    case "jal":
      if (d.rd === 0) return `j ${target()}`;
      return d.rd === 1 ? `jal ${target()}` : undefined;
    case "jalr":
      if (d.imm !== 0) return undefined;
      if (d.rd === 0) return d.rs1 === 1 ? "ret" : `jr ${rs1}`;
      return d.rd === 1 ? `jalr ${rs1}` : undefined;
    case "beq":
      return d.rs2 === 0 ? `beqz ${rs1}, ${target()}` : undefined;
    case "bne":
      return d.rs2 === 0 ? `bnez ${rs1}, ${target()}` : undefined;
    case "csrrs":
      return d.rs1 === 0 ? `csrr ${rd}, ${csrName((d.imm >>> 20) & 0xfff)}` : undefined;
    case "csrrw":
      return d.rd === 0 ? `csrw ${csrName((d.imm >>> 20) & 0xfff)}, ${rs1}` : undefined;
    case "illegal":
      return d.length === 2 ? `.half 0x${d.bits.toString(16)}` : `.word 0x${(d.bits >>> 0).toString(16)}`;
    default:
      return undefined;
  }
}

/** Assembly text of a decoded instruction at address `pc`. */
export function format(d: Decoded, pc: bigint): string {
  const short = alias(d, pc);
  if (short !== undefined) return short;
  const { name, assembly } = d.instruction;
  if (assembly === "") return name;
  const operands = assembly
    .split(", ")
    .filter((o) => o !== "rm" || d.rm !== 7)
    .map((o) => operandText(o, d, pc));
  return `${name} ${operands.join(", ")}`;
}

/** Decodes and formats in one go. */
export function disassemble(word: number, pc: bigint): { text: string; length: 2 | 4 } {
  const d = decode(word);
  return { text: format(d, pc), length: d.length };
}
