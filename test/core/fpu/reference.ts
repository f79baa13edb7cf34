// An independent model of RISC-V floating point: every operation is done exactly on rationals of BigInts and rounded
// once, and every flag is read off the exact result. It shares nothing with src/core/fpu but the encodings, and
// knows no fast path, no guard bits and no native arithmetic. Slow, and meant to be read.
// IEEE 754-2008 sections 3.4, 4.3, 5, 6 and 7; RISC-V unprivileged specification, chapters F and D.

/** Flags of fcsr. */
export const NV = 16;
export const DZ = 8;
export const OF = 4;
export const UF = 2;
export const NX = 1;

/** Rounding modes in their encoding: 0 RNE, 1 RTZ, 2 RDN, 3 RUP, 4 RMM. */
export const ROUNDING_MODES = [0, 1, 2, 3, 4];

/** A binary interchange format: bits of precision with the hidden one, and the exponents of normal numbers. */
export interface Format {
  readonly bits: number;
  readonly precision: number;
  readonly emin: number;
  readonly emax: number;
}

export const SINGLE: Format = { bits: 32, precision: 24, emin: -126, emax: 127 };
export const DOUBLE: Format = { bits: 64, precision: 53, emin: -1022, emax: 1023 };

/** Bits of a result and the flags raised. Integers are given as 64-bit register values. */
export interface Result {
  readonly bits: bigint;
  readonly flags: number;
}

/** A magnitude n / d, never negative. */
interface Magnitude {
  readonly n: bigint;
  readonly d: bigint;
}

type Datum =
  | { readonly kind: "nan"; readonly signaling: boolean }
  | { readonly kind: "infinity"; readonly negative: boolean }
  | { readonly kind: "finite"; readonly negative: boolean; readonly n: bigint; readonly d: bigint };

const fractionBits = (f: Format): bigint => BigInt(f.precision - 1);
const exponentMask = (f: Format): bigint => (1n << BigInt(f.bits - f.precision)) - 1n;
const signBit = (f: Format): bigint => 1n << BigInt(f.bits - 1);
const power = (exponent: number): Magnitude =>
  exponent >= 0 ? { n: 1n << BigInt(exponent), d: 1n } : { n: 1n, d: 1n << BigInt(-exponent) };

export const infinity = (f: Format, negative: boolean): bigint =>
  (negative ? signBit(f) : 0n) | (exponentMask(f) << fractionBits(f));
export const zero = (f: Format, negative: boolean): bigint => (negative ? signBit(f) : 0n);
export const canonicalNan = (f: Format): bigint => infinity(f, false) | (1n << (fractionBits(f) - 1n));

export function decode(f: Format, bits: bigint): Datum {
  const negative = (bits & signBit(f)) !== 0n;
  const fraction = bits & ((1n << fractionBits(f)) - 1n);
  const biased = (bits >> fractionBits(f)) & exponentMask(f);
  if (biased === exponentMask(f)) {
    if (fraction === 0n) return { kind: "infinity", negative };
    return { kind: "nan", signaling: fraction >> (fractionBits(f) - 1n) === 0n };
  }
  const significand = biased === 0n ? fraction : fraction + (1n << fractionBits(f));
  const exponent = (biased === 0n ? 1 : Number(biased)) - f.emax - (f.precision - 1);
  const scale = power(exponent);
  return { kind: "finite", negative, n: significand * scale.n, d: scale.d };
}

const bitLength = (n: bigint): number => n.toString(2).length;

/** floor(log2(n / d)) */
function log2(m: Magnitude): number {
  const guess = bitLength(m.n) - bitLength(m.d);
  const p = power(guess);
  return m.n * p.d >= p.n * m.d ? guess : guess - 1;
}

/** m / 2^quantum as an integer, rounded in direction rm. */
function toMultiple(m: Magnitude, quantum: number, negative: boolean, rm: number): { count: bigint; exact: boolean } {
  const q = power(quantum);
  const n = m.n * q.d;
  const d = m.d * q.n;
  const down = n / d;
  const rest = n % d;
  if (rest === 0n) return { count: down, exact: true };
  const half = 2n * rest - d; // sign: below, at, above the middle
  let up: boolean;
  if (rm === 0) up = half > 0n || (half === 0n && down % 2n === 1n);
  else if (rm === 1) up = false;
  else if (rm === 2) up = negative;
  else if (rm === 3) up = !negative;
  else up = half >= 0n;
  return { count: up ? down + 1n : down, exact: false };
}

/** Rounds an exact non-zero result to the format. */
export function round(f: Format, negative: boolean, m: Magnitude, rm: number): Result {
  const exponent = log2(m);
  // as if the exponent were unbounded
  const free = toMultiple(m, exponent - f.precision + 1, negative, rm);
  const freeExponent = exponent + (free.count === 1n << BigInt(f.precision) ? 1 : 0);
  if (freeExponent > f.emax) {
    const inf = rm === 0 || rm === 4 || (rm === 2 && negative) || (rm === 3 && !negative);
    return { bits: inf ? infinity(f, negative) : infinity(f, negative) - 1n, flags: OF | NX };
  }
  const quantum = Math.max(exponent, f.emin) - f.precision + 1;
  const { count, exact } = toMultiple(m, quantum, negative, rm);
  const tiny = freeExponent < f.emin; // after rounding
  const flags = exact ? 0 : tiny ? UF | NX : NX;
  const hidden = 1n << fractionBits(f);
  // exponent field of `quantum`; a count without the hidden bit is subnormal
  const field = BigInt(quantum + f.precision - 1 + f.emax);
  const magnitude = count < hidden ? count : (field << fractionBits(f)) + (count - hidden);
  return { bits: magnitude + zero(f, negative), flags };
}

/** NV and the canonical NaN. */
const invalid = (f: Format): Result => ({ bits: canonicalNan(f), flags: NV });

/** The result when some operand is NaN, or undefined. */
function nanResult(f: Format, operands: readonly Datum[], extra = 0): Result | undefined {
  if (!operands.some((o) => o.kind === "nan")) return undefined;
  const signaling = operands.some((o) => o.kind === "nan" && o.signaling);
  return { bits: canonicalNan(f), flags: signaling ? NV : extra };
}

const isZero = (o: Datum): boolean => o.kind === "finite" && o.n === 0n;

/** Sum of two data that are not NaN, rounded. */
function sum(f: Format, x: Datum, y: Datum, rm: number): Result {
  if (x.kind === "nan" || y.kind === "nan") throw new Error("NaN in sum");
  if (x.kind === "infinity") {
    if (y.kind === "infinity" && x.negative !== y.negative) return invalid(f);
    return { bits: infinity(f, x.negative), flags: 0 };
  }
  if (y.kind === "infinity") return { bits: infinity(f, y.negative), flags: 0 };
  const signed = (o: { negative: boolean; n: bigint }): bigint => (o.negative ? -o.n : o.n);
  const n = signed(x) * y.d + signed(y) * x.d;
  if (n === 0n) {
    const negative = x.n === 0n && y.n === 0n && x.negative === y.negative ? x.negative : rm === 2;
    return { bits: zero(f, negative), flags: 0 };
  }
  return round(f, n < 0n, { n: n < 0n ? -n : n, d: x.d * y.d }, rm);
}

export function add(f: Format, a: bigint, b: bigint, rm: number): Result {
  const x = decode(f, a);
  const y = decode(f, b);
  return nanResult(f, [x, y]) ?? sum(f, x, y, rm);
}

export function sub(f: Format, a: bigint, b: bigint, rm: number): Result {
  return add(f, a, b ^ signBit(f), rm);
}

/** Exact product of data that are not NaN; undefined for zero times infinity. */
function product(x: Datum, y: Datum): Datum | undefined {
  if (x.kind === "nan" || y.kind === "nan") return undefined;
  const negative = x.negative !== y.negative;
  if (x.kind === "infinity" || y.kind === "infinity") {
    return isZero(x) || isZero(y) ? undefined : { kind: "infinity", negative };
  }
  return { kind: "finite", negative, n: x.n * y.n, d: x.d * y.d };
}

export function mul(f: Format, a: bigint, b: bigint, rm: number): Result {
  const x = decode(f, a);
  const y = decode(f, b);
  const nan = nanResult(f, [x, y]);
  if (nan) return nan;
  const p = product(x, y);
  if (p === undefined || p.kind === "nan") return invalid(f);
  if (p.kind === "infinity") return { bits: infinity(f, p.negative), flags: 0 };
  if (p.n === 0n) return { bits: zero(f, p.negative), flags: 0 };
  return round(f, p.negative, p, rm);
}

/** a · b + c */
export function fma(f: Format, a: bigint, b: bigint, c: bigint, rm: number): Result {
  const x = decode(f, a);
  const y = decode(f, b);
  const z = decode(f, c);
  const p = product(x, y);
  const zeroTimesInfinity = p === undefined && x.kind !== "nan" && y.kind !== "nan";
  const nan = nanResult(f, [x, y, z], zeroTimesInfinity ? NV : 0);
  if (nan) return nan;
  return p === undefined ? invalid(f) : sum(f, p, z, rm);
}

export function div(f: Format, a: bigint, b: bigint, rm: number): Result {
  const x = decode(f, a);
  const y = decode(f, b);
  const nan = nanResult(f, [x, y]);
  if (nan) return nan;
  if (x.kind === "nan" || y.kind === "nan") throw new Error("unreachable");
  const negative = x.negative !== y.negative;
  if (x.kind === "infinity") {
    return y.kind === "infinity" ? invalid(f) : { bits: infinity(f, negative), flags: 0 };
  }
  if (y.kind === "infinity") return { bits: zero(f, negative), flags: 0 };
  if (y.n === 0n) return x.n === 0n ? invalid(f) : { bits: infinity(f, negative), flags: DZ };
  if (x.n === 0n) return { bits: zero(f, negative), flags: 0 };
  return round(f, negative, { n: x.n * y.d, d: x.d * y.n }, rm);
}

/** floor(sqrt(n)) by Newton's method. */
function integerRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

export function sqrt(f: Format, a: bigint, rm: number): Result {
  const x = decode(f, a);
  const nan = nanResult(f, [x]);
  if (nan) return nan;
  if (isZero(x)) return { bits: a, flags: 0 };
  if (x.kind === "nan" || x.negative) return invalid(f);
  if (x.kind === "infinity") return { bits: a, flags: 0 };
  // sqrt(n / d) = sqrt(n d) / d; with 256 more bits, and one more that stands for everything after them
  const scaled = (x.n * x.d) << 512n;
  const root = integerRoot(scaled);
  const rest = root * root === scaled ? 0n : 1n;
  return round(f, false, { n: 2n * root + rest, d: x.d << 257n }, rm);
}

/** -1, 0 or 1 as x is below, equal to or above y; undefined if unordered. Zeros are equal. */
function compare(x: Datum, y: Datum): number | undefined {
  if (x.kind === "nan" || y.kind === "nan") return undefined;
  const rank = (o: Exclude<Datum, { kind: "nan" }>): number => (o.kind === "infinity" ? (o.negative ? -1 : 1) : 0);
  if (rank(x) !== rank(y)) return Math.sign(rank(x) - rank(y));
  if (x.kind === "infinity" || y.kind === "infinity") return 0;
  const l = (x.negative ? -x.n : x.n) * y.d;
  const r = (y.negative ? -y.n : y.n) * x.d;
  return l < r ? -1 : l > r ? 1 : 0;
}

/** minimumNumber (`largest` false) or maximumNumber of IEEE 754-2019 9.6 */
export function extreme(f: Format, a: bigint, b: bigint, largest: boolean): Result {
  const x = decode(f, a);
  const y = decode(f, b);
  const flags = (x.kind === "nan" && x.signaling) || (y.kind === "nan" && y.signaling) ? NV : 0;
  if (x.kind === "nan") return { bits: y.kind === "nan" ? canonicalNan(f) : b, flags };
  if (y.kind === "nan") return { bits: a, flags };
  let order = compare(x, y) ?? 0;
  if (order === 0) order = Number(y.negative) - Number(x.negative); // -0 < +0
  return { bits: order > 0 === largest ? a : b, flags };
}

/** feq, flt, fle */
export function relation(f: Format, a: bigint, b: bigint, kind: "eq" | "lt" | "le"): Result {
  const x = decode(f, a);
  const y = decode(f, b);
  const order = compare(x, y);
  if (order === undefined) {
    const signaling = kind !== "eq" || (x.kind === "nan" && x.signaling) || (y.kind === "nan" && y.signaling);
    return { bits: 0n, flags: signaling ? NV : 0 };
  }
  const holds = kind === "eq" ? order === 0 : kind === "lt" ? order < 0 : order <= 0;
  return { bits: holds ? 1n : 0n, flags: 0 };
}

/** fclass */
export function classify(f: Format, a: bigint): Result {
  const x = decode(f, a);
  let bit: number;
  if (x.kind === "nan") bit = x.signaling ? 8 : 9;
  else if (x.kind === "infinity") bit = x.negative ? 0 : 7;
  else if (x.n === 0n) bit = x.negative ? 3 : 4;
  else if (log2(x) < f.emin) bit = x.negative ? 2 : 5;
  else bit = x.negative ? 1 : 6;
  return { bits: 1n << BigInt(bit), flags: 0 };
}

/** fcvt to an integer of 32 or 64 bits, as the register reads afterwards. */
export function toInteger(f: Format, a: bigint, width: 32 | 64, signed: boolean, rm: number): Result {
  const x = decode(f, a);
  const least = signed ? -(1n << BigInt(width - 1)) : 0n;
  const most = (1n << BigInt(signed ? width - 1 : width)) - 1n;
  const register = (v: bigint): bigint => BigInt.asUintN(64, BigInt.asIntN(width, v));
  if (x.kind === "nan") return { bits: register(most), flags: NV };
  if (x.kind === "infinity") return { bits: register(x.negative ? least : most), flags: NV };
  const { count, exact } = toMultiple(x, 0, x.negative, rm);
  const value = x.negative ? -count : count;
  if (value < least || value > most) return { bits: register(value < least ? least : most), flags: NV };
  return { bits: register(value), flags: exact ? 0 : NX };
}

/** fcvt from an integer: the low `width` bits of a register. */
export function fromInteger(f: Format, register: bigint, width: 32 | 64, signed: boolean, rm: number): Result {
  const value = signed ? BigInt.asIntN(width, register) : BigInt.asUintN(width, register);
  if (value === 0n) return { bits: 0n, flags: 0 };
  return round(f, value < 0n, { n: value < 0n ? -value : value, d: 1n }, rm);
}

/** fcvt between the formats. */
export function convert(from: Format, to: Format, a: bigint, rm: number): Result {
  const x = decode(from, a);
  const nan = nanResult(to, [x]);
  if (nan) return nan;
  if (x.kind === "nan") throw new Error("unreachable");
  if (x.kind === "infinity") return { bits: infinity(to, x.negative), flags: 0 };
  if (x.n === 0n) return { bits: zero(to, x.negative), flags: 0 };
  return round(to, x.negative, x, rm);
}
