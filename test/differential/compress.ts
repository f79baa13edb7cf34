// The compressed encodings (Unprivileged ISA 20240411, chapter "C"), RV64DC: from a base instruction to its
// 16-bit form where one exists.

import type { Instruction } from "./encode.js";

/** Registers that a three-bit field reaches. */
const small = (register: number): boolean => register >= 8 && register <= 15;
const fits = (value: number, bits: number): boolean => value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1);
/** Bits [high:low] of a value. */
const part = (value: number, high: number, low: number): number => (value >> low) & ((1 << (high - low + 1)) - 1);

const CI = (funct3: number, rd: number, imm: number, quadrant: number): number =>
  (funct3 << 13) | (part(imm, 5, 5) << 12) | (rd << 7) | (part(imm, 4, 0) << 2) | quadrant;

/**
 * The 16-bit encoding that stands for the same operation, or undefined when there is none. Where two fit
 * (`c.addi4spn`, `c.addi16sp` and `c.addi`, say), the more special one is taken.
 */
export function compress(instruction: Instruction): number | undefined {
  const { op, rd, rs1, rs2, imm } = instruction;
  const small1 = (rs1 - 8) << 7;
  const smallD = (rd - 8) << 2;
  const small2 = (rs2 - 8) << 2;
  switch (op.name) {
    case "addi":
      if (rs1 === 2 && small(rd) && imm > 0 && imm < 1024 && imm % 4 === 0)
        return (
          (part(imm, 5, 4) << 11) | (part(imm, 9, 6) << 7) | (part(imm, 2, 2) << 6) | (part(imm, 3, 3) << 5) | smallD
        );
      if (rd === 2 && rs1 === 2 && imm !== 0 && imm % 16 === 0 && fits(imm, 10))
        return (
          (3 << 13) |
          (part(imm, 9, 9) << 12) |
          (2 << 7) |
          (part(imm, 4, 4) << 6) |
          (part(imm, 6, 6) << 5) |
          (part(imm, 8, 7) << 3) |
          (part(imm, 5, 5) << 2) |
          1
        );
      if (rd === 0 && rs1 === 0 && imm === 0) return 1;
      if (rd !== 0 && rs1 === 0 && fits(imm, 6)) return CI(2, rd, imm, 1);
      if (rd !== 0 && rd === rs1 && imm !== 0 && fits(imm, 6)) return CI(0, rd, imm, 1);
      return undefined;
    case "addiw":
      return rd !== 0 && rd === rs1 && fits(imm, 6) ? CI(1, rd, imm, 1) : undefined;
    case "lui": {
      const value = (imm << 12) >> 12; // the 20-bit field, signed
      return rd !== 0 && rd !== 2 && value !== 0 && fits(value, 6) ? CI(3, rd, value, 1) : undefined;
    }
    case "slli":
      return rd !== 0 && rd === rs1 && imm !== 0 ? CI(0, rd, imm, 2) : undefined;
    case "srli":
    case "srai":
      if (rd !== rs1 || !small(rd) || imm === 0) return undefined;
      return (
        (4 << 13) | (part(imm, 5, 5) << 12) | ((op.name === "srai" ? 1 : 0) << 10) | small1 | (part(imm, 4, 0) << 2) | 1
      );
    case "andi":
      if (rd !== rs1 || !small(rd) || !fits(imm, 6)) return undefined;
      return (4 << 13) | (part(imm, 5, 5) << 12) | (2 << 10) | small1 | (part(imm, 4, 0) << 2) | 1;
    case "sub":
    case "xor":
    case "or":
    case "and":
    case "subw":
    case "addw": {
      if (rd !== rs1 || !small(rd) || !small(rs2)) return undefined;
      const index = ["sub", "xor", "or", "and", "subw", "addw"].indexOf(op.name);
      return (4 << 13) | ((index >> 2) << 12) | (3 << 10) | small1 | ((index & 3) << 5) | small2 | 1;
    }
    case "add":
      if (rd === 0 || rs2 === 0) return undefined;
      if (rs1 === 0) return (4 << 13) | (rd << 7) | (rs2 << 2) | 2; // c.mv
      return rd === rs1 ? (4 << 13) | (1 << 12) | (rd << 7) | (rs2 << 2) | 2 : undefined;
    case "ebreak":
      return 0x9002;
    case "jalr":
      if (imm !== 0 || rs1 === 0 || rd > 1) return undefined;
      return (4 << 13) | (rd << 12) | (rs1 << 7) | 2;
    case "jal":
      if (rd !== 0 || !fits(imm, 12)) return undefined;
      return (
        (5 << 13) |
        (part(imm, 11, 11) << 12) |
        (part(imm, 4, 4) << 11) |
        (part(imm, 9, 8) << 9) |
        (part(imm, 10, 10) << 8) |
        (part(imm, 6, 6) << 7) |
        (part(imm, 7, 7) << 6) |
        (part(imm, 3, 1) << 3) |
        (part(imm, 5, 5) << 2) |
        1
      );
    case "beq":
    case "bne":
      if (rs2 !== 0 || !small(rs1) || !fits(imm, 9)) return undefined;
      return (
        ((op.name === "beq" ? 6 : 7) << 13) |
        (part(imm, 8, 8) << 12) |
        (part(imm, 4, 3) << 10) |
        small1 |
        (part(imm, 7, 6) << 5) |
        (part(imm, 2, 1) << 3) |
        (part(imm, 5, 5) << 2) |
        1
      );
    case "lw":
      if (imm < 0 || imm % 4 !== 0) return undefined;
      if (rs1 === 2 && rd !== 0 && imm < 256)
        return (2 << 13) | (part(imm, 5, 5) << 12) | (rd << 7) | (part(imm, 4, 2) << 4) | (part(imm, 7, 6) << 2) | 2;
      return small(rs1) && small(rd) && imm < 128 ? word(2, imm, small1, smallD) : undefined;
    case "ld":
    case "fld":
      if (imm < 0 || imm % 8 !== 0) return undefined;
      if (rs1 === 2 && (op.name === "fld" || rd !== 0) && imm < 512)
        return (
          ((op.name === "ld" ? 3 : 1) << 13) |
          (part(imm, 5, 5) << 12) |
          (rd << 7) |
          (part(imm, 4, 3) << 5) |
          (part(imm, 8, 6) << 2) |
          2
        );
      return small(rs1) && small(rd) && imm < 256 ? double(op.name === "ld" ? 3 : 1, imm, small1, smallD) : undefined;
    case "sw":
      if (imm < 0 || imm % 4 !== 0) return undefined;
      if (rs1 === 2 && imm < 256) return (6 << 13) | (part(imm, 5, 2) << 9) | (part(imm, 7, 6) << 7) | (rs2 << 2) | 2;
      return small(rs1) && small(rs2) && imm < 128 ? word(6, imm, small1, small2) : undefined;
    case "sd":
    case "fsd":
      if (imm < 0 || imm % 8 !== 0) return undefined;
      if (rs1 === 2 && imm < 512)
        return ((op.name === "sd" ? 7 : 5) << 13) | (part(imm, 5, 3) << 10) | (part(imm, 8, 6) << 7) | (rs2 << 2) | 2;
      return small(rs1) && small(rs2) && imm < 256 ? double(op.name === "sd" ? 7 : 5, imm, small1, small2) : undefined;
    default:
      return undefined;
  }
}

const word = (funct3: number, imm: number, base: number, data: number): number =>
  (funct3 << 13) | (part(imm, 5, 3) << 10) | base | (part(imm, 2, 2) << 6) | (part(imm, 6, 6) << 5) | data;
const double = (funct3: number, imm: number, base: number, data: number): number =>
  (funct3 << 13) | (part(imm, 5, 3) << 10) | base | (part(imm, 7, 6) << 5) | data;
