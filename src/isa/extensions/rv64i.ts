// RV64I base integer instructions (unprivileged ISA, chapters 2 and 4).
import * as e from "../expr.js";
import { extension, type Instruction } from "../instruction.js";
import type { MemorySize } from "../semantics.js";

export const rv64i: Instruction[] = [];
const define = extension("I", rv64i);

const I = { format: "i" } as const;
const NONE = {};

define("lui", "imm20 rd 0110111", "rd, imm20", { format: "u" }, (s) => s.rd(s.imm));
define("auipc", "imm20 rd 0010111", "rd, imm20", { format: "u" }, (s) => s.rd(e.add(s.pc, s.imm)));
define("jal", "imm20 rd 1101111", "rd, target", { format: "j", flow: "jump" }, (s) => {
  s.rd(s.next);
  s.jump();
});
define("jalr", "imm12 rs1 000 rd 1100111", "rd, offset(rs1)", { format: "i", flow: "jumpTo" }, (s) => {
  const target = s.keep(e.and(e.add(s.rs1, s.imm), e.i64(-2)));
  s.rd(s.next);
  s.jumpTo(target);
});

const branches: [string, string, (a: e.Expr, b: e.Expr) => e.Expr][] = [
  ["beq", "000", e.eq],
  ["bne", "001", e.ne],
  ["blt", "100", e.ltS],
  ["bge", "101", e.geS],
  ["bltu", "110", e.ltU],
  ["bgeu", "111", e.geU],
];
for (const [name, funct3, compare] of branches) {
  define(name, `imm7 rs2 rs1 ${funct3} imm5 1100011`, "rs1, rs2, target", { format: "b", flow: "branch" }, (s) =>
    s.branch(compare(s.rs1, s.rs2)),
  );
}

const loads: [string, string, MemorySize, boolean][] = [
  ["lb", "000", 1, true],
  ["lh", "001", 2, true],
  ["lw", "010", 4, true],
  ["ld", "011", 8, true],
  ["lbu", "100", 1, false],
  ["lhu", "101", 2, false],
  ["lwu", "110", 4, false],
];
for (const [name, funct3, size, signed] of loads) {
  define(name, `imm12 rs1 ${funct3} rd 0000011`, "rd, offset(rs1)", { format: "i", memory: true }, (s) =>
    s.load(size, signed, e.add(s.rs1, s.imm), (value) => s.rd(value)),
  );
}
const stores: [string, string, MemorySize][] = [
  ["sb", "000", 1],
  ["sh", "001", 2],
  ["sw", "010", 4],
  ["sd", "011", 8],
];
for (const [name, funct3, size] of stores) {
  define(name, `imm7 rs2 rs1 ${funct3} imm5 0100011`, "rs2, offset(rs1)", { format: "s", memory: true }, (s) =>
    s.store(size, e.add(s.rs1, s.imm), s.rs2),
  );
}

define("addi", "imm12 rs1 000 rd 0010011", "rd, rs1, imm", I, (s) => s.rd(e.add(s.rs1, s.imm)));
define("slti", "imm12 rs1 010 rd 0010011", "rd, rs1, imm", I, (s) => s.rd(e.zext(e.ltS(s.rs1, s.imm))));
define("sltiu", "imm12 rs1 011 rd 0010011", "rd, rs1, imm", I, (s) => s.rd(e.zext(e.ltU(s.rs1, s.imm))));
define("xori", "imm12 rs1 100 rd 0010011", "rd, rs1, imm", I, (s) => s.rd(e.xor(s.rs1, s.imm)));
define("ori", "imm12 rs1 110 rd 0010011", "rd, rs1, imm", I, (s) => s.rd(e.or(s.rs1, s.imm)));
define("andi", "imm12 rs1 111 rd 0010011", "rd, rs1, imm", I, (s) => s.rd(e.and(s.rs1, s.imm)));
const SH6 = { format: "shamt6" } as const;
define("slli", "000000 shamt6 rs1 001 rd 0010011", "rd, rs1, imm", SH6, (s) => s.rd(e.shl(s.rs1, s.imm)));
define("srli", "000000 shamt6 rs1 101 rd 0010011", "rd, rs1, imm", SH6, (s) => s.rd(e.shrU(s.rs1, s.imm)));
define("srai", "010000 shamt6 rs1 101 rd 0010011", "rd, rs1, imm", SH6, (s) => s.rd(e.shrS(s.rs1, s.imm)));

define("add", "0000000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.add(s.rs1, s.rs2)));
define("sub", "0100000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.sub(s.rs1, s.rs2)));
define("sll", "0000000 rs2 rs1 001 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.shl(s.rs1, s.rs2)));
define("slt", "0000000 rs2 rs1 010 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.zext(e.ltS(s.rs1, s.rs2))));
define("sltu", "0000000 rs2 rs1 011 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.zext(e.ltU(s.rs1, s.rs2))));
define("xor", "0000000 rs2 rs1 100 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.xor(s.rs1, s.rs2)));
define("srl", "0000000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.shrU(s.rs1, s.rs2)));
define("sra", "0100000 rs2 rs1 101 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.shrS(s.rs1, s.rs2)));
define("or", "0000000 rs2 rs1 110 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.or(s.rs1, s.rs2)));
define("and", "0000000 rs2 rs1 111 rd 0110011", "rd, rs1, rs2", NONE, (s) => s.rd(e.and(s.rs1, s.rs2)));

// Word forms work on the low 32 bits and sign-extend.
const W1 = (s: { rs1: e.Expr }) => e.wrap(s.rs1);
const W2 = (s: { rs2: e.Expr }) => e.wrap(s.rs2);
const SH5 = { format: "shamt5" } as const;
define("addiw", "imm12 rs1 000 rd 0011011", "rd, rs1, imm", I, (s) => s.rd(e.sext(e.add32(W1(s), e.wrap(s.imm)))));
define("slliw", "0000000 shamt5 rs1 001 rd 0011011", "rd, rs1, imm", SH5, (s) =>
  s.rd(e.sext(e.shl32(W1(s), e.wrap(s.imm)))),
);
define("srliw", "0000000 shamt5 rs1 101 rd 0011011", "rd, rs1, imm", SH5, (s) =>
  s.rd(e.sext(e.shrU32(W1(s), e.wrap(s.imm)))),
);
define("sraiw", "0100000 shamt5 rs1 101 rd 0011011", "rd, rs1, imm", SH5, (s) =>
  s.rd(e.sext(e.shrS32(W1(s), e.wrap(s.imm)))),
);
define("addw", "0000000 rs2 rs1 000 rd 0111011", "rd, rs1, rs2", NONE, (s) => s.rd(e.sext(e.add32(W1(s), W2(s)))));
define("subw", "0100000 rs2 rs1 000 rd 0111011", "rd, rs1, rs2", NONE, (s) => s.rd(e.sext(e.sub32(W1(s), W2(s)))));
define("sllw", "0000000 rs2 rs1 001 rd 0111011", "rd, rs1, rs2", NONE, (s) => s.rd(e.sext(e.shl32(W1(s), W2(s)))));
define("srlw", "0000000 rs2 rs1 101 rd 0111011", "rd, rs1, rs2", NONE, (s) => s.rd(e.sext(e.shrU32(W1(s), W2(s)))));
define("sraw", "0100000 rs2 rs1 101 rd 0111011", "rd, rs1, rs2", NONE, (s) => s.rd(e.sext(e.shrS32(W1(s), W2(s)))));

// One program order for all harts of a session, so fence orders nothing more. Also covers pause (Zihintpause).
define("fence", "imm12 rs1 000 rd 0001111", "", NONE, () => {});
