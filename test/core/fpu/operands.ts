// Operands that find mistakes in floating point: specials, few-bit and almost-all-ones significands (exact, halfway and
// nearly halfway results), exponents at the edges of the format, and relations between operands.

import type { Format } from "./reference.js";

/** A small seeded generator (splitmix64 on BigInt would be slow; this is xorshift128 on 32-bit words). */
export class Random {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #d = 0xb7e15162;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    for (let i = 0; i < 20; i++) this.word();
  }

  /** 32 random bits. */
  word(): number {
    const t = this.#a ^ (this.#a << 11);
    this.#a = this.#b;
    this.#b = this.#c;
    this.#c = this.#d;
    this.#d = (this.#d ^ (this.#d >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return this.#d;
  }

  /** An integer in [0, count). */
  below(count: number): number {
    return this.word() % count;
  }

  /** `bits` random bits. */
  bits(bits: number): bigint {
    return BigInt.asUintN(bits, (BigInt(this.word()) << 32n) | BigInt(this.word()));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** Zeros, ones, subnormals, edges, infinities, NaNs of both signs. */
export function specials(f: Format): bigint[] {
  const p = BigInt(f.precision - 1);
  const hidden = 1n << p;
  const infinity = ((1n << BigInt(f.bits - f.precision)) - 1n) << p;
  const one = BigInt(f.emax) << p;
  const positive = [
    0n, 1n, 2n, 3n, hidden >> 1n, hidden - 1n, hidden, hidden + 1n, 2n * hidden,
    one, one + 1n, one - 1n, one + hidden, one + (hidden >> 1n), one - hidden,
    infinity - 1n, infinity - 2n, infinity - hidden, infinity, infinity + 1n, infinity + (hidden >> 1n),
    infinity + (hidden >> 1n) + 1n, infinity + hidden - 1n, infinity + (hidden >> 1n) - 1n,
  ];
  const sign = 1n << BigInt(f.bits - 1);
  return positive.flatMap((v) => [v, v | sign]);
}

/** A fraction field with a bias to runs and single bits. */
export function fraction(f: Format, r: Random): bigint {
  const p = f.precision - 1;
  const all = (1n << BigInt(p)) - 1n;
  switch (r.below(6)) {
    case 0: // random high bits, then zeros
      return r.bits(p) & (all ^ ((1n << BigInt(r.below(p + 1))) - 1n));
    case 1: // random high bits, then ones
      return r.bits(p) | ((1n << BigInt(r.below(p + 1))) - 1n);
    case 2: // one or two bits
      return (1n << BigInt(r.below(p))) | (r.below(2) === 0 ? 0n : 1n << BigInt(r.below(p)));
    case 3: // zeros with a few low bits, or their complement
      return r.below(2) === 0 ? r.bits(3) : all ^ r.bits(3);
    default:
      return r.bits(p);
  }
}

/** A finite number whose exponent field is near `biased`, at most `spread` away. */
export function near(f: Format, r: Random, biased: number, spread: number): bigint {
  const e = Math.min(Math.max(biased + r.below(2 * spread + 1) - spread, 0), 2 * f.emax);
  return (BigInt(r.below(2)) << BigInt(f.bits - 1)) | (BigInt(e) << BigInt(f.precision - 1)) | fraction(f, r);
}

/** Any operand. */
export function operand(f: Format, r: Random): bigint {
  switch (r.below(8)) {
    case 0:
      return r.pick(specials(f));
    case 1:
      return r.bits(f.bits);
    case 2:
      return near(f, r, 0, 2);
    case 3:
      return near(f, r, 2 * f.emax, 2);
    case 4: // a small integer
      return near(f, r, f.emax + r.below(f.precision + 8), 0);
    default:
      return near(f, r, f.emax, r.pick([1, 4, 30, 60]));
  }
}

const exponentField = (f: Format, a: bigint): number =>
  Number((a >> BigInt(f.precision - 1)) & ((1n << BigInt(f.bits - f.precision)) - 1n));

/** A pair whose sum overlaps, cancels, or is halfway. */
export function sumPair(f: Format, r: Random): [bigint, bigint] {
  const a = operand(f, r);
  if (r.below(4) === 0) return [a, operand(f, r)];
  if (r.below(6) === 0) return [a, a ^ BigInt(r.below(4)) ^ (1n << BigInt(f.bits - 1))];
  const b = near(f, r, exponentField(f, a) + r.pick([0, 0, -1, 1, f.precision, f.precision + 1, -f.precision, -f.precision - 1]), 2);
  return [a, b];
}

/** A pair whose product (`direction` 1) or quotient (-1) lies near an edge of the format or is plain. */
export function scalePair(f: Format, r: Random, direction: 1 | -1): [bigint, bigint] {
  const a = operand(f, r);
  const b = operand(f, r);
  if (r.below(2) === 0) return [a, b];
  // the exponent field the result should have, below 0 for subnormals
  const target = r.pick([0, -f.precision, -(f.precision >> 1), 2 * f.emax, f.emax]);
  const e = exponentField(f, a);
  const wanted = direction === 1 ? target - e + f.emax : e - target + f.emax;
  return [a, near(f, r, wanted, 2)];
}
