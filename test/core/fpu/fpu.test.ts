// The floating point functions of the core against the exact model, bit for bit and flag for flag. Every case runs
// twice: with no flag set, and with NX sticky, which opens the native fast paths.
// FPU_SEED sets the seed, FPU_CASES multiplies the number of cases.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadCore } from "./core.js";
import { fmaTriple, near, operand, Random, scalePair, specials, sumPair } from "./operands.js";
import * as reference from "./reference.js";
import { DOUBLE, type Format, NX, type Result, ROUNDING_MODES, SINGLE } from "./reference.js";

const seed = Number(process.env["FPU_SEED"] ?? 20260701);
const effort = Number(process.env["FPU_CASES"] ?? 1);
const core = loadCore();
let total = 0;

type Operands = readonly bigint[];
interface Operation {
  /** name of the export */
  readonly name: string;
  /** widths in bits of operands and result: 32 is passed as i32 */
  readonly widths: readonly number[];
  readonly result: 32 | 64;
  /** whether the last parameter is the rounding mode */
  readonly rounds: boolean;
  readonly model: (operands: Operands, rm: number) => Result;
  readonly operands: (r: Random) => Operands;
  /** values every operand takes in turn, in all combinations */
  readonly corners: readonly (readonly bigint[])[];
  readonly cases: number;
}

const at = (operands: Operands, i: number): bigint => operands[i] ?? 0n;

function check(op: Operation, operands: Operands, rm: number): void {
  const expected = op.model(operands, rm);
  const f = core.function(op.name);
  const passed = operands.map((v, i) => (op.widths[i] === 32 ? Number(BigInt.asIntN(32, v)) : v));
  const parameters = op.rounds ? [...passed, rm] : passed;
  for (const before of [0, NX]) {
    core.flags = before;
    const bits = BigInt.asUintN(op.result, BigInt(f(...parameters)));
    const flags = core.flags;
    total++;
    if (bits !== expected.bits || flags !== (expected.flags | before)) {
      const hex = (v: bigint): string => `0x${v.toString(16)}`;
      assert.fail(
        `${op.name}(${operands.map(hex).join(", ")}) rm ${rm}, fflags ${before} before (seed ${seed}): ` +
          `${hex(bits)} flags ${flags}, expected ${hex(expected.bits)} flags ${expected.flags | before}`,
      );
    }
  }
}

function run(op: Operation): void {
  const r = new Random(seed + total);
  const modes = op.rounds ? ROUNDING_MODES : [0];
  let combinations: Operands[] = [[]];
  for (const values of op.corners) combinations = combinations.flatMap((c) => values.map((v) => [...c, v]));
  combinations.forEach((c, i) => {
    // all modes for pairs; triples are many and take turns
    if (op.corners.length < 3) for (const rm of modes) check(op, c, rm);
    else check(op, c, modes[i % modes.length] ?? 0);
  });
  for (let i = 0; i < op.cases * effort; i++) {
    const operands = op.operands(r);
    check(op, operands, op.rounds && r.below(3) > 0 ? (modes[i % modes.length] ?? 0) : 0);
  }
}

/** Values around the limits of integers, halves, and any. */
function integerCandidate(f: Format, r: Random): bigint {
  if (r.below(3) === 0) return operand(f, r);
  const edge = r.pick([0, 1, 31, 32, 63, 64, 2, 20]);
  const value = near(f, r, f.emax + edge - 1, 1);
  if (r.below(2) === 0) return value;
  const limit = BigInt(f.emax + edge) << BigInt(f.precision - 1);
  const sign = BigInt(r.below(2)) << BigInt(f.bits - 1);
  return (limit + r.bits(4) - 8n) | sign;
}

/** Integers whose leading bits end about where a significand does. */
function integer(r: Random): bigint {
  const length = r.below(65);
  let v = r.bits(64);
  if (length < 64) v &= (1n << BigInt(length)) - 1n;
  const cut = BigInt(r.below(64));
  if (r.below(3) === 0) v = (v >> cut) << cut;
  else if (r.below(2) === 0) v |= (1n << cut) - 1n;
  if (r.below(4) === 0) v = BigInt.asUintN(64, -v);
  return v;
}
const integerCorners = [0, 1, 2, 24, 25, 31, 32, 53, 54, 62, 63, 64].flatMap((n) =>
  [-2n, -1n, 0n, 1n, 2n].map((d) => BigInt.asUintN(64, (1n << BigInt(n)) + d)),
);

/** Operands of narrowing: doubles at and around the halves of singles. */
function narrowed(r: Random): bigint {
  if (r.below(6) === 0) {
    // around the least normal single, the largest, and the least subnormal
    const edge = (BigInt(1023 + r.pick([-126, 128, -149, -150])) << 52n) + r.bits(1 + r.below(32));
    return edge - r.bits(1 + r.below(32));
  }
  const v = r.below(2) === 0 ? near(DOUBLE, r, 1023, 20) : near(DOUBLE, r, 1023 + r.pick([-126, -149, 127, -137]), 3);
  const low = (1n << 29n) - 1n;
  return r.below(2) === 0 ? v : BigInt.asUintN(64, (v & ~low) | ((1n << BigInt(r.below(30))) + r.bits(2) - 2n));
}

function operations(f: Format): Operation[] {
  const name = f === DOUBLE ? "f64" : "f32";
  const width = f.bits as 32 | 64;
  const all = specials(f);
  const few = all.filter((_, i) => i % 4 < 2 || i >= 36);
  const other = f === DOUBLE ? SINGLE : DOUBLE;
  const binary = (
    op: string,
    model: (f: Format, a: bigint, b: bigint, rm: number) => Result,
    operands: (r: Random) => Operands,
    rounds = true,
    result: 32 | 64 = width,
  ): Operation => ({
    name: `${name}_${op}`,
    widths: [width, width],
    result,
    rounds,
    operands,
    corners: [all, all],
    cases: rounds ? 6000 : 1500,
    model: (o, rm) => model(f, at(o, 0), at(o, 1), rm),
  });
  const pair = (r: Random): Operands => sumPair(f, r);
  const list: Operation[] = [
    binary("add", reference.add, pair),
    binary("sub", reference.sub, pair),
    binary("mul", reference.mul, (r) => scalePair(f, r, 1)),
    binary("div", reference.div, (r) => scalePair(f, r, -1)),
    {
      name: `${name}_sqrt`,
      widths: [width],
      result: width,
      rounds: true,
      corners: [all],
      cases: 6000,
      operands: (r) => {
        if (r.below(4) > 0) return [operand(f, r) & ~(BigInt(r.below(4) > 0) << BigInt(width - 1))];
        return [reference.mul(f, operand(f, r), near(f, r, f.emax, 3), 0).bits & ~(1n << BigInt(width - 1))];
      },
      model: (o, rm) => reference.sqrt(f, at(o, 0), rm),
    },
    {
      name: `${name}_fma`,
      widths: [width, width, width],
      result: width,
      rounds: true,
      corners: [few, few, few],
      cases: 16000,
      operands: (r) => fmaTriple(f, r),
      model: (o, rm) => reference.fma(f, at(o, 0), at(o, 1), at(o, 2), rm),
    },
    binary("min", (g, a, b) => reference.extreme(g, a, b, false), pair, false),
    binary("max", (g, a, b) => reference.extreme(g, a, b, true), pair, false),
    binary("eq", (g, a, b) => reference.relation(g, a, b, "eq"), pair, false, 64),
    binary("lt", (g, a, b) => reference.relation(g, a, b, "lt"), pair, false, 64),
    binary("le", (g, a, b) => reference.relation(g, a, b, "le"), pair, false, 64),
    {
      name: `${name}_class`,
      widths: [width],
      result: 64,
      rounds: false,
      corners: [all],
      cases: 500,
      operands: (r) => [operand(f, r)],
      model: (o) => reference.classify(f, at(o, 0)),
    },
    f === DOUBLE
      ? {
          name: "f64_to_f32",
          widths: [64],
          result: 32,
          rounds: true,
          corners: [all],
          cases: 6000,
          operands: (r) => [r.below(4) === 0 ? operand(f, r) : narrowed(r)],
          model: (o, rm) => reference.convert(f, other, at(o, 0), rm),
        }
      : {
          name: "f32_to_f64",
          widths: [32],
          result: 64,
          rounds: false,
          corners: [all],
          cases: 1000,
          operands: (r) => [operand(f, r)],
          model: (o) => reference.convert(f, other, at(o, 0), 0),
        },
  ];
  for (const bits of [32, 64] as const) {
    for (const signed of [true, false]) {
      const type = `${signed ? "i" : "u"}${bits}`;
      list.push({
        name: `${name}_to_${type}`,
        widths: [width],
        result: 64,
        rounds: true,
        corners: [all],
        cases: 3000,
        operands: (r) => [integerCandidate(f, r)],
        model: (o, rm) => reference.toInteger(f, at(o, 0), bits, signed, rm),
      });
      list.push({
        name: `${type}_to_${name}`,
        widths: [64],
        result: width,
        rounds: true,
        corners: [integerCorners],
        cases: 3000,
        operands: (r) => [integer(r)],
        model: (o, rm) => reference.fromInteger(f, at(o, 0), bits, signed, rm),
      });
    }
  }
  return list;
}

describe("floating point of the core", () => {
  for (const op of [...operations(DOUBLE), ...operations(SINGLE)]) {
    it(`${op.name} gives the exact model's bits and flags`, () => run(op));
  }

  it("unbox gives the canonical NaN for what is not NaN-boxed", () => {
    const unbox = (v: bigint): number => Number(core.call("unbox", v)) >>> 0;
    assert.equal(unbox(0xffffffff_3f800000n), 0x3f800000);
    assert.equal(unbox(0xffffffff_ffbfffffn), 0xffbfffff);
    assert.equal(unbox(0xfffffffe_3f800000n), 0x7fc00000);
    assert.equal(unbox(0x00000000_3f800000n), 0x7fc00000);
  });

  it("leaves flags that are already set", () => {
    core.flags = 31;
    core.call("f64_add", 0x3ff0000000000000n, 0x3ff0000000000000n, 0);
    assert.equal(core.flags, 31);
    core.flags = reference.DZ;
    core.call("f64_div", 0x3ff0000000000000n, 0x4008000000000000n, 0); // 1 / 3
    assert.equal(core.flags, reference.DZ | NX);
  });

  it("covered at least 200,000 cases", () => {
    assert.ok(total >= 200_000, `${total}`);
  });
});

describe("the exact model", () => {
  const words = new DataView(new ArrayBuffer(8));
  const toNumber = (bits: bigint): number => {
    words.setBigUint64(0, bits);
    return words.getFloat64(0);
  };
  const toBits = (value: number): bigint => {
    if (Number.isNaN(value)) return reference.canonicalNan(DOUBLE);
    words.setFloat64(0, value);
    return words.getBigUint64(0);
  };

  it("agrees with the host's doubles where these can tell", () => {
    const r = new Random(seed);
    for (let i = 0; i < 3000; i++) {
      const [a, b] = i % 2 === 0 ? sumPair(DOUBLE, r) : scalePair(DOUBLE, r, 1);
      const x = toNumber(a);
      const y = toNumber(b);
      assert.equal(reference.add(DOUBLE, a, b, 0).bits, toBits(x + y));
      assert.equal(reference.mul(DOUBLE, a, b, 0).bits, toBits(x * y));
      assert.equal(reference.div(DOUBLE, a, b, 0).bits, toBits(x / y));
      assert.equal(reference.sqrt(DOUBLE, a, 0).bits, toBits(Math.sqrt(x)));
    }
  });

  it("knows examples worked out by hand", () => {
    // 1 + 2^-53 is halfway; 1 + 2^-53 + 2^-105 through fma is not
    const one = 0x3ff0000000000000n;
    assert.deepEqual(reference.add(DOUBLE, one, 0x3ca0000000000000n, 0), { bits: one, flags: NX });
    assert.deepEqual(reference.add(DOUBLE, one, 0x3ca0000000000000n, 4), { bits: one + 1n, flags: NX });
    // both round to the least normal number: from above it, and from below it, which is tiny
    assert.deepEqual(reference.mul(DOUBLE, 0x0010000000000001n, 0x3fefffffffffffffn, 0), {
      bits: 0x0010000000000000n,
      flags: NX,
    });
    assert.deepEqual(reference.mul(DOUBLE, 0x0010000000000000n, 0x3fefffffffffffffn, 0), {
      bits: 0x0010000000000000n,
      flags: NX | reference.UF,
    });
    assert.deepEqual(reference.div(SINGLE, 0x3f800000n, 0n, 0), { bits: 0x7f800000n, flags: reference.DZ });
    const invalid = { bits: 0x7fc00000n, flags: reference.NV };
    assert.deepEqual(reference.fma(SINGLE, 0x7f800000n, 0n, 0x7fc00000n, 0), invalid);
    assert.deepEqual(reference.toInteger(DOUBLE, 0xbff0000000000000n, 32, false, 1), { bits: 0n, flags: reference.NV });
    assert.deepEqual(reference.toInteger(DOUBLE, 0x41efffffffe00000n, 32, false, 1), {
      bits: 0xffffffffffffffffn,
      flags: 0,
    });
  });
});
