// Compiled floating point against the interpreter's, which is exact: where WebAssembly's own arithmetic is used, results
// and flags must not differ in any corner, whatever the flags and the rounding mode were before.
import assert from "node:assert/strict";
import test from "node:test";
import { encode, make, OPCODES } from "../differential/encode.js";
import { Random } from "../differential/random.js";
import { double, single } from "../differential/values.js";
import { times } from "../thorough.js";
import { Assembler } from "./assembler.js";
import { compare, EAGER, type Image, RAM } from "./machines.js";
import { START } from "./platform.js";

const OPERANDS = RAM + 0x1_0000;
const RESULTS = RAM + 0x6_0000;
const OPERAND_COUNT = times(120, 300);
const BOX = 0xffff_ffff_0000_0000n;

const ROUNDED = OPCODES.filter((op) => ["fffr", "ffr", "ffff", "xfr", "fxr"].includes(op.form));

/** Pairs whose product or quotient, rounded, is next to the smallest normal number, or below. */
function nearTiny(random: Random, wide: boolean): bigint[] {
  const noise = random.u64();
  const [bias, bits] = wide ? [1023, 52] : [127, 23];
  const mantissa = (): bigint => {
    const ones = (1n << BigInt(bits)) - 1n;
    return random.chance(0.6) ? random.pick([0n, 1n, 2n, ones, ones - 1n, ones >> 1n]) : noise & ones;
  };
  const half = Math.floor((bias - 1) / 2);
  const first = half + random.range(-1, 1);
  const number = (exponent: number): bigint =>
    (BigInt(random.below(2)) << (wide ? 63n : 31n)) | (BigInt(exponent) << BigInt(bits)) | mantissa();
  const pair = random.chance(0.5)
    ? [number(bias - first), number(bias - (bias - 1 - first))]
    : [number(1 + random.below(3)), number(bias + random.range(-1, 1))];
  return pair.map((value) => (wide ? value : BOX | value));
}

function operands(random: Random, wide: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(OPERAND_COUNT * 8));
  for (let n = 0; n < OPERAND_COUNT; n += 2) {
    const pair = random.chance(0.5)
      ? nearTiny(random, wide)
      : [0, 1].map(() => (wide ? double(random) : random.chance(0.03) ? double(random) : BOX | BigInt(single(random))));
    pair.forEach((value, i) => view.setBigUint64(8 * (n + i), value, true));
  }
  return new Uint8Array(view.buffer);
}

/** For all operands in turn: flags set, the operation in a loop of two turns, result and flags stored. */
function guest(ops: typeof ROUNDED, rm: number, wide: boolean, seed: number): Image {
  const a = new Assembler();
  a.csrli(0x300, 0x6000);
  a.li(9, RESULTS);
  for (const op of ops) {
    for (const frm of rm === 7 ? [0, 0, 1, 2, 3, 4] : [0, 2]) {
      for (const flags of [0, 1, 0x1e]) {
        a.li(5, (frm << 5) | flags);
        a.li(8, OPERANDS);
        a.li(18, OPERANDS + 8 * (OPERAND_COUNT - 2));
        const top = a.here();
        a.csrw(3, 5);
        a.op("fld", { rd: 1, rs1: 8 });
        a.op("fld", { rd: 2, rs1: 8, imm: 8 });
        a.op("fld", { rd: 3, rs1: 8, imm: 16 });
        a.op("ld", { rd: 11, rs1: 8 });
        a.li(6, 2);
        const again = a.here();
        a.word(encode(make(op, { rd: 10, rs1: op.form === "fxr" ? 11 : 1, rs2: 2, rs3: 3, rm })));
        a.op("addi", { rd: 6, rs1: 6, imm: -1 });
        a.to("bne", again, { rs1: 6 });
        a.csrr(7, 3);
        if (op.form === "xfr") a.op("add", { rd: 12, rs1: 10 });
        else a.op("fmv.x.d", { rd: 12, rs1: 10 });
        // all results in one sum that knows their order, and in a ring in memory
        a.op("slli", { rd: 13, rs1: 19, imm: 5 });
        a.op("sub", { rd: 19, rs1: 13, rs2: 19 });
        a.op("xor", { rd: 19, rs1: 19, rs2: 12 });
        a.op("add", { rd: 19, rs1: 19, rs2: 7 });
        a.op("sd", { rs1: 9, rs2: 12 });
        a.op("sd", { rs1: 9, rs2: 7, imm: 8 });
        a.op("addi", { rd: 9, rs1: 9, imm: 16 });
        a.op("addi", { rd: 8, rs1: 8, imm: 8 });
        a.to("bltu", top, { rs1: 8, rs2: 18 });
        a.li(9, RESULTS);
      }
    }
  }
  a.jump(a.here());
  const code = a.assemble(START).bytes;
  assert.ok(code.length < OPERANDS - START);
  return {
    parts: [
      { address: START, bytes: code },
      { address: OPERANDS, bytes: operands(new Random(seed), wide) },
    ],
  };
}

for (const wide of [false, true]) {
  const ops = ROUNDED.filter((op) => (op.ext === "d") === wide);
  for (const rm of [7, 0]) {
    test(`${wide ? "double" : "single"} precision, rounding ${rm === 7 ? "as frm says" : "to nearest"}`, async () => {
      for (let at = 0; at < ops.length; at += 3) {
        const image = guest(ops.slice(at, at + 3), rm, wide, 77 + at);
        // turns: settings, operands, instructions
        const count = 3 * (rm === 7 ? 18 : 6) * (OPERAND_COUNT - 2) * 26;
        // compared after each operation, as the ring holds the last one's results only
        for (const part of [0.3, 0.6, 1])
          assert.deepEqual(
            await compare(image, EAGER, Math.floor(count * part)),
            [],
            ops
              .slice(at, at + 3)
              .map((op) => op.name)
              .join(),
          );
      }
    });
  }
}
