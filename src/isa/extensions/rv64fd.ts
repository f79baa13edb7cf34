// F and D: single- and double-precision floating point (unprivileged ISA, chapters 21 and 22).

import { I32, I64, OP, type ValueType } from "../../wasm/opcodes.js";
import * as e from "../expr.js";
import { extension, type Instruction } from "../instruction.js";
import type { Semantics } from "../semantics.js";

export const rv64fd: Instruction[] = [];

type Field = "rs1" | "rs2" | "rs3";

// The two precisions differ in width, in the bits that pick the format, and in how a register holds a value.
const precisions = [
  {
    extension: "F",
    letter: "s",
    core: "f32",
    fmt: "00",
    width: 32 as const,
    type: I32 as ValueType,
    get: (s: Semantics, f: Field) => s.f32(f),
    set: (s: Semantics, v: e.Expr) => s.setF32(v),
    sign: (v: e.Expr) => e.and32(v, e.i32(0x80000000)),
    magnitude: (v: e.Expr) => e.and32(v, e.i32(0x7fffffff)),
    merge: e.or32,
    flip: (v: e.Expr) => e.xor32(v, e.i32(0x80000000)),
    toggle: e.xor32,
    fast: { add: OP.f32_add, sub: OP.f32_sub, mul: OP.f32_mul, div: OP.f32_div, sqrt: OP.f32_sqrt },
    load: { opcode: "010", size: 4 as const },
  },
  {
    extension: "D",
    letter: "d",
    core: "f64",
    fmt: "01",
    width: 64 as const,
    type: I64 as ValueType,
    get: (s: Semantics, f: Field) => s.f64(f),
    set: (s: Semantics, v: e.Expr) => s.setF64(v),
    sign: (v: e.Expr) => e.and(v, e.i64(-(1n << 63n))),
    magnitude: (v: e.Expr) => e.and(v, e.i64((1n << 63n) - 1n)),
    merge: e.or,
    flip: (v: e.Expr) => e.xor(v, e.i64(-(1n << 63n))),
    toggle: e.xor,
    fast: { add: OP.f64_add, sub: OP.f64_sub, mul: OP.f64_mul, div: OP.f64_div, sqrt: OP.f64_sqrt },
    load: { opcode: "011", size: 8 as const },
  },
];

for (const p of precisions) {
  const define = extension(p.extension, rv64fd);
  const rounded = { format: "rm" } as const;

  define(
    `fl${p.width === 32 ? "w" : "d"}`,
    `imm12 rs1 ${p.load.opcode} rd 0000111`,
    "fd, offset(rs1)",
    { format: "i", memory: true },
    (s) => {
      s.needFpu();
      s.load(p.load.size, false, e.add(s.rs1, s.imm), (v) => p.set(s, p.width === 32 ? e.wrap(v) : v));
    },
  );
  define(
    `fs${p.width === 32 ? "w" : "d"}`,
    `imm7 rs2 rs1 ${p.load.opcode} imm5 0100111`,
    "fs2, offset(rs1)",
    { format: "s", memory: true },
    (s) => {
      s.needFpu();
      s.store(p.load.size, e.add(s.rs1, s.imm), s.fraw("rs2"));
    },
  );

  for (const [name, funct5, fast] of [
    ["add", "00000", p.fast.add],
    ["sub", "00001", p.fast.sub],
    ["mul", "00010", p.fast.mul],
    ["div", "00011", p.fast.div],
  ] as const) {
    define(`f${name}.${p.letter}`, `${funct5} ${p.fmt} rs2 rs1 rm rd 1010011`, "fd, fs1, fs2, rm", rounded, (s) => {
      s.needFpu();
      p.set(s, s.arithmetic(`${p.core}_${name}`, fast, p.width, [p.get(s, "rs1"), p.get(s, "rs2")]));
    });
  }
  define(`fsqrt.${p.letter}`, `01011 ${p.fmt} 00000 rs1 rm rd 1010011`, "fd, fs1, rm", rounded, (s) => {
    s.needFpu();
    p.set(s, s.arithmetic(`${p.core}_sqrt`, p.fast.sqrt, p.width, [p.get(s, "rs1")]));
  });

  // fnmsub is -(a*b)+c, fnmadd -(a*b)-c: signs are flipped before the one fused operation
  for (const [name, opcode, negateProduct, negateAddend] of [
    ["fmadd", "1000011", false, false],
    ["fmsub", "1000111", false, true],
    ["fnmsub", "1001011", true, false],
    ["fnmadd", "1001111", true, true],
  ] as const) {
    define(`${name}.${p.letter}`, `rs3 ${p.fmt} rs2 rs1 rm rd ${opcode}`, "fd, fs1, fs2, fs3, rm", rounded, (s) => {
      s.needFpu();
      const a = p.get(s, "rs1");
      const c = p.get(s, "rs3");
      const operands = [negateProduct ? p.flip(a) : a, p.get(s, "rs2"), negateAddend ? p.flip(c) : c];
      p.set(s, s.arithmetic(`${p.core}_fma`, undefined, p.width, operands));
    });
  }

  for (const [name, funct3, sign] of [
    ["fsgnj", "000", (_a: e.Expr, b: e.Expr) => p.sign(b)],
    ["fsgnjn", "001", (_a: e.Expr, b: e.Expr) => p.sign(p.flip(b))],
    ["fsgnjx", "010", (a: e.Expr, b: e.Expr) => p.sign(p.toggle(a, b))],
  ] as const) {
    define(`${name}.${p.letter}`, `00100 ${p.fmt} rs2 rs1 ${funct3} rd 1010011`, "fd, fs1, fs2", {}, (s) => {
      s.needFpu();
      const a = s.keep(p.get(s, "rs1"));
      p.set(s, p.merge(p.magnitude(a), sign(a, p.get(s, "rs2"))));
    });
  }
  for (const [name, funct3] of [
    ["min", "000"],
    ["max", "001"],
  ]) {
    define(`f${name}.${p.letter}`, `00101 ${p.fmt} rs2 rs1 ${funct3} rd 1010011`, "fd, fs1, fs2", {}, (s) => {
      s.needFpu();
      p.set(s, e.call(`${p.core}_${name}`, p.type, p.get(s, "rs1"), p.get(s, "rs2")));
    });
  }
  for (const [name, funct3] of [
    ["le", "000"],
    ["lt", "001"],
    ["eq", "010"],
  ]) {
    define(`f${name}.${p.letter}`, `10100 ${p.fmt} rs2 rs1 ${funct3} rd 1010011`, "rd, fs1, fs2", {}, (s) => {
      s.needFpu();
      s.rd(e.call(`${p.core}_${name}`, I64, p.get(s, "rs1"), p.get(s, "rs2")));
    });
  }
  define(`fclass.${p.letter}`, `11100 ${p.fmt} 00000 rs1 001 rd 1010011`, "rd, fs1", {}, (s) => {
    s.needFpu();
    s.rd(e.call(`${p.core}_class`, I64, p.get(s, "rs1")));
  });

  for (const [letter, integer, rs2] of [
    ["w", "i32", "00000"],
    ["wu", "u32", "00001"],
    ["l", "i64", "00010"],
    ["lu", "u64", "00011"],
  ]) {
    define(`fcvt.${letter}.${p.letter}`, `11000 ${p.fmt} ${rs2} rs1 rm rd 1010011`, "rd, fs1, rm", rounded, (s) => {
      s.needFpu();
      const rm = s.roundingMode();
      s.rd(e.call(`${p.core}_to_${integer}`, I64, p.get(s, "rs1"), rm));
    });
    define(`fcvt.${p.letter}.${letter}`, `11010 ${p.fmt} ${rs2} rs1 rm rd 1010011`, "fd, rs1, rm", rounded, (s) => {
      s.needFpu();
      const rm = s.roundingMode();
      p.set(s, e.call(`${integer}_to_${p.core}`, p.type, s.rs1, rm));
    });
  }
}

const defineF = extension("F", rv64fd);
defineF("fmv.x.w", "1110000 00000 rs1 000 rd 1010011", "rd, fs1", {}, (s) => {
  s.needFpu();
  s.rd(e.extend32(s.fraw("rs1")));
});
defineF("fmv.w.x", "1111000 00000 rs1 000 rd 1010011", "fd, rs1", {}, (s) => {
  s.needFpu();
  s.setF32(e.wrap(s.rs1));
});
const defineD = extension("D", rv64fd);
defineD("fmv.x.d", "1110001 00000 rs1 000 rd 1010011", "rd, fs1", {}, (s) => {
  s.needFpu();
  s.rd(s.fraw("rs1"));
});
defineD("fmv.d.x", "1111001 00000 rs1 000 rd 1010011", "fd, rs1", {}, (s) => {
  s.needFpu();
  s.setF64(s.rs1);
});
defineD("fcvt.s.d", "0100000 00001 rs1 rm rd 1010011", "fd, fs1, rm", { format: "rm" }, (s) => {
  s.needFpu();
  const rm = s.roundingMode();
  s.setF32(e.call("f64_to_f32", I32, s.f64("rs1"), rm));
});
defineD("fcvt.d.s", "0100001 00000 rs1 rm rd 1010011", "fd, fs1", { format: "rm" }, (s) => {
  s.needFpu();
  s.roundingMode(); // exact, but an invalid mode is still illegal
  s.setF64(e.call("f32_to_f64", I64, s.f32("rs1")));
});
