// C: compressed instructions (unprivileged ISA, chapter "C"), each a shorter spelling of one 32-bit instruction.
// `expand` gives that instruction's bits, so decoder and semantics are the base instruction's own.

/** Bits hi..lo of a halfword, moved to start at `at`. */
const pick = (h: number, hi: number, lo: number, at: number): number => ((h >> lo) & ((1 << (hi - lo + 1)) - 1)) << at;
const signExtend = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);

// Base formats (chapter 2.2)
const r = (opcode: number, f3: number, f7: number, rd: number, rs1: number, rs2: number): number =>
  opcode | (rd << 7) | (f3 << 12) | (rs1 << 15) | (rs2 << 20) | (f7 << 25);
const i = (opcode: number, f3: number, rd: number, rs1: number, imm: number): number =>
  opcode | (rd << 7) | (f3 << 12) | (rs1 << 15) | (imm << 20);
const s = (opcode: number, f3: number, rs1: number, rs2: number, imm: number): number =>
  opcode | ((imm & 31) << 7) | (f3 << 12) | (rs1 << 15) | (rs2 << 20) | ((imm >> 5) << 25);
const b = (f3: number, rs1: number, rs2: number, imm: number): number =>
  0x63 |
  pick(imm, 11, 11, 7) |
  pick(imm, 4, 1, 8) |
  (f3 << 12) |
  (rs1 << 15) |
  (rs2 << 20) |
  pick(imm, 10, 5, 25) |
  (((imm >> 12) & 1) << 31);
const j = (rd: number, imm: number): number =>
  0x6f | (rd << 7) | (imm & 0xff000) | pick(imm, 11, 11, 20) | pick(imm, 10, 1, 21) | (((imm >> 20) & 1) << 31);

const LOAD = 0x03;
const LOAD_FP = 0x07;
const OP_IMM = 0x13;
const OP_IMM_32 = 0x1b;
const STORE = 0x23;
const STORE_FP = 0x27;
const OP = 0x33;
const OP_32 = 0x3b;
const LUI = 0x37;
const JALR = 0x67;
const EBREAK = 0x00100073;
const SP = 2;

/** Names of the instructions that a halfword can stand for; decoding all of them takes too long at every start. Held by test/isa/decode.test.ts for every halfword. */
export const COMPRESSIBLE: ReadonlySet<string> = new Set(
  "add addi addiw addw and andi beq bne ebreak fld fsd illegal jal jalr ld lui lw or sd slli srai srli sub subw sw xor".split(
    " ",
  ),
);

/** 32-bit instruction a halfword stands for, or 0 when the encoding is illegal or reserved. */
export function expand(h: number): number {
  const rdFull = (h >> 7) & 31;
  const rs2Full = (h >> 2) & 31;
  const rdSmall = ((h >> 2) & 7) + 8; // rd' and rs2' share bits 4..2
  const rs1Small = ((h >> 7) & 7) + 8;
  const imm6 = signExtend(pick(h, 12, 12, 5) | pick(h, 6, 2, 0), 6);
  const shamt = pick(h, 12, 12, 5) | pick(h, 6, 2, 0);
  const wordOffset = pick(h, 12, 10, 3) | pick(h, 6, 6, 2) | pick(h, 5, 5, 6);
  const doubleOffset = pick(h, 12, 10, 3) | pick(h, 6, 5, 6);
  switch (((h & 3) << 3) | (h >> 13)) {
    // quadrant 0
    case 0o00: {
      const imm = pick(h, 12, 11, 4) | pick(h, 10, 7, 6) | pick(h, 6, 6, 2) | pick(h, 5, 5, 3);
      return imm === 0 ? 0 : i(OP_IMM, 0, rdSmall, SP, imm); // c.addi4spn
    }
    case 0o01:
      return i(LOAD_FP, 3, rdSmall, rs1Small, doubleOffset); // c.fld
    case 0o02:
      return i(LOAD, 2, rdSmall, rs1Small, wordOffset); // c.lw
    case 0o03:
      return i(LOAD, 3, rdSmall, rs1Small, doubleOffset); // c.ld
    case 0o05:
      return s(STORE_FP, 3, rs1Small, rdSmall, doubleOffset); // c.fsd
    case 0o06:
      return s(STORE, 2, rs1Small, rdSmall, wordOffset); // c.sw
    case 0o07:
      return s(STORE, 3, rs1Small, rdSmall, doubleOffset); // c.sd
    // quadrant 1
    case 0o10:
      return i(OP_IMM, 0, rdFull, rdFull, imm6); // c.addi, c.nop
    case 0o11:
      return rdFull === 0 ? 0 : i(OP_IMM_32, 0, rdFull, rdFull, imm6); // c.addiw
    case 0o12:
      return i(OP_IMM, 0, rdFull, 0, imm6); // c.li
    case 0o13: {
      if (rdFull === SP) {
        const imm = signExtend(
          pick(h, 12, 12, 9) | pick(h, 6, 6, 4) | pick(h, 5, 5, 6) | pick(h, 4, 3, 7) | pick(h, 2, 2, 5),
          10,
        );
        return imm === 0 ? 0 : i(OP_IMM, 0, SP, SP, imm); // c.addi16sp
      }
      return imm6 === 0 ? 0 : LUI | (rdFull << 7) | (imm6 << 12); // c.lui
    }
    case 0o14:
      switch ((h >> 10) & 3) {
        case 0:
          return i(OP_IMM, 5, rs1Small, rs1Small, shamt); // c.srli
        case 1:
          return i(OP_IMM, 5, rs1Small, rs1Small, shamt | 0x400); // c.srai
        case 2:
          return i(OP_IMM, 7, rs1Small, rs1Small, imm6); // c.andi
        default:
          switch (((h >> 12) & 1) * 4 + ((h >> 5) & 3)) {
            case 0:
              return r(OP, 0, 0x20, rs1Small, rs1Small, rdSmall); // c.sub
            case 1:
              return r(OP, 4, 0, rs1Small, rs1Small, rdSmall); // c.xor
            case 2:
              return r(OP, 6, 0, rs1Small, rs1Small, rdSmall); // c.or
            case 3:
              return r(OP, 7, 0, rs1Small, rs1Small, rdSmall); // c.and
            case 4:
              return r(OP_32, 0, 0x20, rs1Small, rs1Small, rdSmall); // c.subw
            case 5:
              return r(OP_32, 0, 0, rs1Small, rs1Small, rdSmall); // c.addw
            default:
              return 0;
          }
      }
    case 0o15: {
      const imm = signExtend(
        pick(h, 12, 12, 11) |
          pick(h, 11, 11, 4) |
          pick(h, 10, 9, 8) |
          pick(h, 8, 8, 10) |
          pick(h, 7, 7, 6) |
          pick(h, 6, 6, 7) |
          pick(h, 5, 3, 1) |
          pick(h, 2, 2, 5),
        12,
      );
      return j(0, imm); // c.j
    }
    case 0o16:
    case 0o17: {
      const imm = signExtend(
        pick(h, 12, 12, 8) | pick(h, 11, 10, 3) | pick(h, 6, 5, 6) | pick(h, 4, 3, 1) | pick(h, 2, 2, 5),
        9,
      );
      return b(h >> 13 === 6 ? 0 : 1, rs1Small, 0, imm); // c.beqz, c.bnez
    }
    // quadrant 2
    case 0o20:
      return i(OP_IMM, 1, rdFull, rdFull, shamt); // c.slli
    case 0o21:
      return i(LOAD_FP, 3, rdFull, SP, pick(h, 12, 12, 5) | pick(h, 6, 5, 3) | pick(h, 4, 2, 6)); // c.fldsp
    case 0o22:
      return rdFull === 0 ? 0 : i(LOAD, 2, rdFull, SP, pick(h, 12, 12, 5) | pick(h, 6, 4, 2) | pick(h, 3, 2, 6)); // c.lwsp
    case 0o23:
      return rdFull === 0 ? 0 : i(LOAD, 3, rdFull, SP, pick(h, 12, 12, 5) | pick(h, 6, 5, 3) | pick(h, 4, 2, 6)); // c.ldsp
    case 0o24:
      if ((h & 0x1000) === 0) {
        if (rs2Full !== 0) return r(OP, 0, 0, rdFull, 0, rs2Full); // c.mv
        return rdFull === 0 ? 0 : i(JALR, 0, 0, rdFull, 0); // c.jr
      }
      if (rs2Full !== 0) return r(OP, 0, 0, rdFull, rdFull, rs2Full); // c.add
      return rdFull === 0 ? EBREAK : i(JALR, 0, 1, rdFull, 0); // c.ebreak, c.jalr
    case 0o25:
      return s(STORE_FP, 3, SP, rs2Full, pick(h, 12, 10, 3) | pick(h, 9, 7, 6)); // c.fsdsp
    case 0o26:
      return s(STORE, 2, SP, rs2Full, pick(h, 12, 9, 2) | pick(h, 8, 7, 6)); // c.swsp
    case 0o27:
      return s(STORE, 3, SP, rs2Full, pick(h, 12, 10, 3) | pick(h, 9, 7, 6)); // c.sdsp
    default:
      return 0;
  }
}
