// The rules of src/core/fpu/native.md, which the JIT inlines, against the exact model: where the result check of a rule
// holds, the native result has the model's bits, and no flag but NX is raised. The host's doubles stand in for Wasm's.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fmaTriple, operand, Random, scalePair, sumPair } from "./operands.js";
import * as reference from "./reference.js";
import { DOUBLE, type Format, NX, type Result, SINGLE } from "./reference.js";

const seed = Number(process.env["FPU_SEED"] ?? 20260701);
const CASES = 8000;
const words = new DataView(new ArrayBuffer(8));

function toNumber(f: Format, bits: bigint): number {
  if (f === DOUBLE) words.setBigUint64(0, bits);
  else words.setUint32(0, Number(bits));
  return f === DOUBLE ? words.getFloat64(0) : words.getFloat32(0);
}

function toBits(f: Format, value: number): bigint {
  if (f === DOUBLE) words.setFloat64(0, value);
  else words.setFloat32(0, value);
  return f === DOUBLE ? words.getBigUint64(0) : BigInt(words.getUint32(0));
}

const finite = (r: number): boolean => Math.abs(r) < Infinity;
const safelyNormal = (f: Format, r: number): boolean => finite(r) && Math.abs(r) > 2 ** f.emin;

/** A rule: native result, check, and what the model says. */
interface Rule {
  readonly operands: (f: Format, r: Random) => readonly bigint[];
  readonly native: (x: number, y: number, z: number) => number;
  readonly holds: (f: Format, r: number, x: number, y: number, z: number) => boolean;
  readonly model: (f: Format, a: bigint, b: bigint, c: bigint) => Result;
  readonly formats?: readonly Format[];
}

const sumOf = (x: number, y: number, z: number): bigint => toBits(DOUBLE, x * y + z);
const rules: Record<string, Rule> = {
  add: {
    operands: sumPair,
    native: (x, y) => x + y,
    holds: (_, r) => finite(r),
    model: (f, a, b) => reference.add(f, a, b, 0),
  },
  sub: {
    operands: sumPair,
    native: (x, y) => x - y,
    holds: (_, r) => finite(r),
    model: (f, a, b) => reference.sub(f, a, b, 0),
  },
  mul: {
    operands: (f, r) => scalePair(f, r, 1),
    native: (x, y) => x * y,
    holds: safelyNormal,
    model: (f, a, b) => reference.mul(f, a, b, 0),
  },
  div: {
    operands: (f, r) => scalePair(f, r, -1),
    native: (x, y) => x / y,
    holds: safelyNormal,
    model: (f, a, b) => reference.div(f, a, b, 0),
  },
  sqrt: {
    operands: (f, r) => [operand(f, r)],
    native: (x) => Math.sqrt(x),
    holds: (_, r) => finite(r),
    model: (f, a) => reference.sqrt(f, a, 0),
  },
  fma: {
    formats: [SINGLE],
    operands: fmaTriple,
    native: (x, y, z) => x * y + z,
    holds: (f, r, x, y, z) => safelyNormal(f, r) && (sumOf(x, y, z) & 0x1fffffffn) !== 0x10000000n,
    model: (f, a, b, c) => reference.fma(f, a, b, c, 0),
  },
  min: {
    operands: sumPair,
    native: (x, y) => Math.min(x, y),
    holds: (_, r) => r === r,
    model: (f, a, b) => reference.extreme(f, a, b, false),
  },
  max: {
    operands: sumPair,
    native: (x, y) => Math.max(x, y),
    holds: (_, r) => r === r,
    model: (f, a, b) => reference.extreme(f, a, b, true),
  },
};

describe("rules for native floating point", () => {
  for (const [name, rule] of Object.entries(rules)) {
    for (const f of rule.formats ?? [DOUBLE, SINGLE]) {
      it(`${name} of ${f.bits} bits is exact where its check holds`, () => {
        const r = new Random(seed);
        let held = 0;
        for (let i = 0; i < CASES; i++) {
          const [a = 0n, b = 0n, c = 0n] = rule.operands(f, r);
          const [x, y, z] = [toNumber(f, a), toNumber(f, b), toNumber(f, c)];
          const exact = rule.native(x, y, z);
          const result = f === SINGLE ? Math.fround(exact) : exact;
          if (!rule.holds(f, result, x, y, z)) continue;
          held++;
          const expected = rule.model(f, a, b, c);
          const at = `${a.toString(16)} ${b.toString(16)} ${c.toString(16)} (seed ${seed})`;
          assert.equal(toBits(f, result), expected.bits, at);
          assert.equal(expected.flags & ~NX, 0, at);
        }
        assert.ok(held > CASES / 4, `${held}`);
      });
    }
  }

  it("a comparison that holds needs no check, one that does not needs ordered operands", () => {
    for (const f of [DOUBLE, SINGLE]) {
      const r = new Random(seed);
      for (let i = 0; i < CASES; i++) {
        const [a, b] = sumPair(f, r);
        const [x, y] = [toNumber(f, a), toNumber(f, b)];
        for (const [kind, holds] of [
          ["eq", x === y],
          ["lt", x < y],
          ["le", x <= y],
        ] as const) {
          if (!holds && (x !== x || y !== y)) continue;
          assert.deepEqual(reference.relation(f, a, b, kind), { bits: holds ? 1n : 0n, flags: 0 });
        }
      }
    }
  });

  it("conversion to integer is the truncated value where that is in range", () => {
    const r = new Random(seed);
    for (let i = 0; i < CASES; i++) {
      const a = operand(DOUBLE, r);
      const t = Math.trunc(toNumber(DOUBLE, a));
      for (const width of [32, 64] as const) {
        for (const signed of [true, false]) {
          if (!(signed ? Math.abs(t) < 2 ** (width - 1) : t >= 0 && t < 2 ** width)) continue;
          const { bits, flags } = reference.toInteger(DOUBLE, a, width, signed, 1);
          assert.equal(bits, BigInt.asUintN(64, BigInt.asIntN(width, BigInt(t))));
          assert.equal(flags & ~NX, 0);
        }
      }
    }
  });

  it("narrowing is right where the result is safely normal", () => {
    const r = new Random(seed);
    for (let i = 0; i < CASES; i++) {
      const a = operand(DOUBLE, r);
      const narrow = Math.fround(toNumber(DOUBLE, a));
      if (!safelyNormal(SINGLE, narrow)) continue;
      const expected = reference.convert(DOUBLE, SINGLE, a, 0);
      assert.equal(toBits(SINGLE, narrow), expected.bits);
      assert.equal(expected.flags & ~NX, 0);
    }
  });
});
