// Zba, Zbb, Zbs: bit manipulation (unprivileged ISA, chapter "B").
import * as e from "../expr.js";
import { extension, type Instruction } from "../instruction.js";

export const zb: Instruction[] = [];
const ASM = "rd, rs1, rs2";
const SH6 = { format: "shamt6" } as const;
const SH5 = { format: "shamt5" } as const;
const unsignedWord = (v: e.Expr) => e.and(v, e.i64(0xffffffffn));
const one = e.i64(1);

const zba = extension("Zba", zb);
zba("add.uw", "0000100 rs2 rs1 000 rd 0111011", ASM, {}, (s) => s.rd(e.add(unsignedWord(s.rs1), s.rs2)));
for (const [shift, funct3] of [
  [1, "010"],
  [2, "100"],
  [3, "110"],
] as const) {
  zba(`sh${shift}add`, `0010000 rs2 rs1 ${funct3} rd 0110011`, ASM, {}, (s) =>
    s.rd(e.add(e.shl(s.rs1, e.i64(shift)), s.rs2)),
  );
  zba(`sh${shift}add.uw`, `0010000 rs2 rs1 ${funct3} rd 0111011`, ASM, {}, (s) =>
    s.rd(e.add(e.shl(unsignedWord(s.rs1), e.i64(shift)), s.rs2)),
  );
}
zba("slli.uw", "000010 shamt6 rs1 001 rd 0011011", "rd, rs1, imm", SH6, (s) => s.rd(e.shl(unsignedWord(s.rs1), s.imm)));

const zbb = extension("Zbb", zb);
zbb("andn", "0100000 rs2 rs1 111 rd 0110011", ASM, {}, (s) => s.rd(e.and(s.rs1, e.not(s.rs2))));
zbb("orn", "0100000 rs2 rs1 110 rd 0110011", ASM, {}, (s) => s.rd(e.or(s.rs1, e.not(s.rs2))));
zbb("xnor", "0100000 rs2 rs1 100 rd 0110011", ASM, {}, (s) => s.rd(e.not(e.xor(s.rs1, s.rs2))));
const unary = (funct12: string, opcode: string, funct3 = "001") => `${funct12} rs1 ${funct3} rd ${opcode}`;
zbb("clz", unary("011000000000", "0010011"), "rd, rs1", {}, (s) => s.rd(e.clz(s.rs1)));
zbb("ctz", unary("011000000001", "0010011"), "rd, rs1", {}, (s) => s.rd(e.ctz(s.rs1)));
zbb("cpop", unary("011000000010", "0010011"), "rd, rs1", {}, (s) => s.rd(e.popcnt(s.rs1)));
zbb("clzw", unary("011000000000", "0011011"), "rd, rs1", {}, (s) => s.rd(e.zext(e.clz32(e.wrap(s.rs1)))));
zbb("ctzw", unary("011000000001", "0011011"), "rd, rs1", {}, (s) => s.rd(e.zext(e.ctz32(e.wrap(s.rs1)))));
zbb("cpopw", unary("011000000010", "0011011"), "rd, rs1", {}, (s) => s.rd(e.zext(e.popcnt32(e.wrap(s.rs1)))));
zbb("sext.b", unary("011000000100", "0010011"), "rd, rs1", {}, (s) => s.rd(e.extend8(s.rs1)));
zbb("sext.h", unary("011000000101", "0010011"), "rd, rs1", {}, (s) => s.rd(e.extend16(s.rs1)));
zbb("zext.h", unary("000010000000", "0111011", "100"), "rd, rs1", {}, (s) => s.rd(e.and(s.rs1, e.i64(0xffff))));
for (const [name, funct3, pick] of [
  ["min", "100", (a: e.Expr, b: e.Expr) => e.select(e.ltS(a, b), a, b)],
  ["minu", "101", (a: e.Expr, b: e.Expr) => e.select(e.ltU(a, b), a, b)],
  ["max", "110", (a: e.Expr, b: e.Expr) => e.select(e.ltS(a, b), b, a)],
  ["maxu", "111", (a: e.Expr, b: e.Expr) => e.select(e.ltU(a, b), b, a)],
] as const) {
  zbb(name, `0000101 rs2 rs1 ${funct3} rd 0110011`, ASM, {}, (s) => s.rd(pick(s.keep(s.rs1), s.keep(s.rs2))));
}
zbb("rol", "0110000 rs2 rs1 001 rd 0110011", ASM, {}, (s) => s.rd(e.rotl(s.rs1, s.rs2)));
zbb("ror", "0110000 rs2 rs1 101 rd 0110011", ASM, {}, (s) => s.rd(e.rotr(s.rs1, s.rs2)));
zbb("rori", "011000 shamt6 rs1 101 rd 0010011", "rd, rs1, imm", SH6, (s) => s.rd(e.rotr(s.rs1, s.imm)));
zbb("rolw", "0110000 rs2 rs1 001 rd 0111011", ASM, {}, (s) => s.rd(e.sext(e.rotl32(e.wrap(s.rs1), e.wrap(s.rs2)))));
zbb("rorw", "0110000 rs2 rs1 101 rd 0111011", ASM, {}, (s) => s.rd(e.sext(e.rotr32(e.wrap(s.rs1), e.wrap(s.rs2)))));
zbb("roriw", "0110000 shamt5 rs1 101 rd 0011011", "rd, rs1, imm", SH5, (s) =>
  s.rd(e.sext(e.rotr32(e.wrap(s.rs1), e.wrap(s.imm)))),
);
zbb("orc.b", unary("001010000111", "0010011", "101"), "rd, rs1", {}, (s) => {
  // a byte with any bit set becomes 0xff: carry each byte's low 7 bits into bit 7, then spread it
  const low = e.i64(0x7f7f7f7f7f7f7f7fn);
  const v = s.keep(s.rs1);
  const high = s.keep(e.shrU(e.and(e.or(e.add(e.and(v, low), low), v), e.not(low)), e.i64(7)));
  s.rd(e.mul(high, e.i64(255)));
});
zbb("rev8", unary("011010111000", "0010011", "101"), "rd, rs1", {}, (s) => {
  const swapBytes = (v: e.Expr) => {
    const m = e.i64(0x00ff00ff00ff00ffn);
    return e.or(e.and(e.shrU(v, e.i64(8)), m), e.shl(e.and(v, m), e.i64(8)));
  };
  const swapHalves = (v: e.Expr) => {
    const m = e.i64(0x0000ffff0000ffffn);
    return e.or(e.and(e.shrU(v, e.i64(16)), m), e.shl(e.and(v, m), e.i64(16)));
  };
  const bytes = s.keep(swapBytes(s.keep(s.rs1)));
  s.rd(e.rotl(s.keep(swapHalves(bytes)), e.i64(32)));
});

const zbs = extension("Zbs", zb);
for (const [name, funct6, funct3, apply] of [
  ["bset", "001010", "001", (v: e.Expr, n: e.Expr) => e.or(v, e.shl(one, n))],
  ["bclr", "010010", "001", (v: e.Expr, n: e.Expr) => e.and(v, e.not(e.shl(one, n)))],
  ["binv", "011010", "001", (v: e.Expr, n: e.Expr) => e.xor(v, e.shl(one, n))],
  ["bext", "010010", "101", (v: e.Expr, n: e.Expr) => e.and(e.shrU(v, n), one)],
] as const) {
  zbs(name, `${funct6}0 rs2 rs1 ${funct3} rd 0110011`, ASM, {}, (s) => s.rd(apply(s.rs1, s.rs2)));
  zbs(`${name}i`, `${funct6} shamt6 rs1 ${funct3} rd 0010011`, "rd, rs1, imm", SH6, (s) => s.rd(apply(s.rs1, s.imm)));
}

const zicond = extension("Zicond", zb);
zicond("czero.eqz", "0000111 rs2 rs1 101 rd 0110011", ASM, {}, (s) => s.rd(e.select(e.eqz(s.rs2), e.i64(0), s.rs1)));
zicond("czero.nez", "0000111 rs2 rs1 111 rd 0110011", ASM, {}, (s) => s.rd(e.select(e.eqz(s.rs2), s.rs1, e.i64(0))));
