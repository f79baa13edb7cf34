// Operands that find mistakes in floating point: specials, few-bit and almost-all-ones significands (exact, halfway and
// nearly halfway results), exponents at the edges of the format, and relations between operands.

import { type Format, fma, mul } from "./reference.js";

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
    0n,
    1n,
    2n,
    3n,
    hidden >> 1n,
    hidden - 1n,
    hidden,
    hidden + 1n,
    2n * hidden,
    one,
    one + 1n,
    one - 1n,
    one + hidden,
    one + (hidden >> 1n),
    one - hidden,
    infinity - 1n,
    infinity - 2n,
    infinity - hidden,
    infinity,
    infinity + 1n,
    infinity + (hidden >> 1n),
    infinity + (hidden >> 1n) + 1n,
    infinity + hidden - 1n,
    infinity + (hidden >> 1n) - 1n,
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
  const p = f.precision;
  return [a, near(f, r, exponentField(f, a) + r.pick([0, 0, -1, 1, p, p + 1, -p, -p - 1]), 2)];
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

/** A triple for fma: the addend cancels the product, makes it halfway, or is far off. */
export function fmaTriple(f: Format, r: Random): bigint[] {
  if (r.below(5) === 0) return almostHalfway(f, r);
  const [a, b] = scalePair(f, r, 1);
  const rounded = mul(f, a, b, r.below(4)).bits;
  const sign = 1n << BigInt(f.bits - 1);
  const exponent = Number((rounded & ~sign) >> BigInt(f.precision - 1));
  switch (r.below(6)) {
    case 0:
      return [a, b, operand(f, r)];
    case 5: // minus or plus the part of the product that does not fit
      return [a, b, fma(f, a, b, rounded ^ sign, 0).bits ^ (BigInt(r.below(2)) * sign)];
    case 1: // near -a·b
      return [a, b, BigInt.asUintN(f.bits, (rounded ^ sign) + r.bits(2) - 1n)];
    case 2: // one is a tail of the other
      return [a, b, near(f, r, exponent + r.pick([1, -1, 2, -2]) * f.precision, 2)];
    default:
      return [a, b, near(f, r, exponent, r.pick([1, 3, 2 * f.precision + 4]))];
  }
}

/**
 * A product that is halfway, with an addend that decides. Or one that misses a power of two by its very last bits,
 * with an addend of which that power is half an ulp: (2^n + x)(2^n - x) = 2^2n - x^2, and
 * (2^n + h + d)(2^n - h + d) = 2^2n + d^2 where h^2 = d 2^(n+1).
 */
function almostHalfway(f: Format, r: Random): bigint[] {
  const n = f.precision - 1;
  const one = BigInt(f.emax) << BigInt(n);
  const sign = 1n << BigInt(f.bits - 1);
  let a: bigint;
  let b: bigint;
  if (r.below(3) === 0) {
    const short = (bits: number): bigint => one + (((r.bits(bits - 1) << 1n) + 1n) << BigInt(n - bits));
    const c = near(f, r, r.below(f.emax), 40);
    return [short(f.precision >> 1), short(n >> 1), c];
  }
  if (r.below(2) === 0) {
    const x = 1n + r.bits(3);
    [a, b] = [one + x, one - 2n * x];
  } else {
    const m = r.below((n >> 2) - 2) + 1;
    const d = 1n << BigInt(n % 2 === 0 ? 2 * m - 1 : 2 * m);
    const h = 1n << BigInt((n + 1 + (n % 2 === 0 ? 2 * m - 1 : 2 * m)) >> 1);
    [a, b] = [one + h + d, one - 2n * h + 2n * d];
  }
  const scale = (BigInt(r.below(40)) - 20n) << BigInt(n);
  const p = f.precision;
  const c = near(f, r, f.emax + r.pick([p, p, -p, -2 * p + 2]), r.below(3));
  return [a + scale, (b - scale) ^ (r.below(2) === 0 ? sign : 0n), c];
}
