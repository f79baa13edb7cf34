// A: atomics (unprivileged ISA, chapter 14). Harts take turns between instructions, so a plain read-modify-write is atomic.
import * as e from "../expr.js";
import { extension, type Instruction } from "../instruction.js";

export const rv64a: Instruction[] = [];
const define = extension("A", rv64a);

type Update = (old: e.Expr, operand: e.Expr) => e.Expr;
const operations: [string, string, Update][] = [
  ["amoswap", "00001", (_old, b) => b],
  ["amoadd", "00000", e.add],
  ["amoxor", "00100", e.xor],
  ["amoand", "01100", e.and],
  ["amoor", "01000", e.or],
  ["amomin", "10000", (a, b) => e.select(e.ltS(a, b), a, b)],
  ["amomax", "10100", (a, b) => e.select(e.ltS(a, b), b, a)],
  ["amominu", "11000", (a, b) => e.select(e.ltU(a, b), a, b)],
  ["amomaxu", "11100", (a, b) => e.select(e.ltU(a, b), b, a)],
];
for (const [name, funct5, update] of operations) {
  define(`${name}.w`, `${funct5} aqrl rs2 rs1 010 rd 0101111`, "rd, rs2, (rs1)", { memory: true }, (s) => {
    // both sides sign-extended: the order of 32-bit values is kept, signed and unsigned
    const operand = s.keep(e.extend32(s.rs2));
    s.amo(4, (old) => update(old, operand));
  });
  define(`${name}.d`, `${funct5} aqrl rs2 rs1 011 rd 0101111`, "rd, rs2, (rs1)", { memory: true }, (s) => {
    const operand = s.keep(s.rs2);
    s.amo(8, (old) => update(old, operand));
  });
}
define("lr.w", "00010 aqrl 00000 rs1 010 rd 0101111", "rd, (rs1)", { memory: true }, (s) => s.loadReserved(4));
define("lr.d", "00010 aqrl 00000 rs1 011 rd 0101111", "rd, (rs1)", { memory: true }, (s) => s.loadReserved(8));
define("sc.w", "00011 aqrl rs2 rs1 010 rd 0101111", "rd, rs2, (rs1)", { memory: true }, (s) => s.storeConditional(4));
define("sc.d", "00011 aqrl rs2 rs1 011 rd 0101111", "rd, rs2, (rs1)", { memory: true }, (s) => s.storeConditional(8));
