// IEEE 754 arithmetic on BigInt, exact and slow: every operation is computed without error and rounded once.
// The second opinion on floating point, as RISC-V wants it (Unprivileged ISA 20240411, chapters F and D):
// canonical NaNs, tininess detected after rounding.

export const NX = 1;
export const UF = 2;
export const OF = 4;
export const DZ = 8;
export const NV = 16;

/** Rounding modes as in frm. */
export const RNE = 0;
export const RTZ = 1;
export const RDN = 2;
export const RUP = 3;
export const RMM = 4;

/** A binary format: `p` bits of precision with the hidden one, `w` bits of exponent. */
export interface Format {
  readonly p: number;
  readonly w: number;
}
export const SINGLE: Format = { p: 24, w: 8 };
export const DOUBLE: Format = { p: 53, w: 11 };

/** What an operation gives: bit pattern (or integer) and the flags it raises. */
export interface Outcome {
  readonly bits: bigint;
  readonly flags: number;
}

/** An operand taken apart: its value is (-1)^sign * m * 2^e when it is a number. */
interface Unpacked {
  readonly kind: "zero" | "number" | "infinity" | "nan";
  readonly sign: boolean;
  readonly m: bigint;
  readonly e: number;
  readonly signaling: boolean;
}

const ones = (n: number): bigint => (1n << BigInt(n)) - 1n;
const bias = (f: Format): number => 2 ** (f.w - 1) - 1;
const width = (f: Format): number => f.p + f.w;
const bitLength = (value: bigint): number => value.toString(2).length;

export const canonicalNan = (f: Format): bigint => ones(f.w + 1) << BigInt(f.p - 2);
const infinity = (sign: boolean, f: Format): bigint => withSign(sign, ones(f.w) << BigInt(f.p - 1), f);
const withSign = (sign: boolean, magnitude: bigint, f: Format): bigint =>
  sign ? (1n << BigInt(width(f) - 1)) | magnitude : magnitude;

function unpack(bits: bigint, f: Format): Unpacked {
  const sign = bits >> BigInt(width(f) - 1) !== 0n;
  const exponent = Number((bits >> BigInt(f.p - 1)) & ones(f.w));
  const fraction = bits & ones(f.p - 1);
  if (exponent === 2 ** f.w - 1) {
    const nan = fraction !== 0n;
    return { kind: nan ? "nan" : "infinity", sign, m: 0n, e: 0, signaling: nan && fraction >> BigInt(f.p - 2) === 0n };
  }
  if (exponent === 0)
    return {
      kind: fraction === 0n ? "zero" : "number",
      sign,
      m: fraction,
      e: 1 - bias(f) - (f.p - 1),
      signaling: false,
    };
  return {
    kind: "number",
    sign,
    m: fraction | (1n << BigInt(f.p - 1)),
    e: exponent - bias(f) - (f.p - 1),
    signaling: false,
  };
}

/** Does discarding what lies between q and q+1 round up? `low` and `half` in the same unit; `sticky` adds a little. */
function roundsUp(rm: number, sign: boolean, odd: boolean, low: bigint, half: bigint, sticky: boolean): boolean {
  if (low === 0n && !sticky) return false;
  // biome-ignore format: one line each
  switch (rm) {
    case RNE: return low > half || (low === half && (sticky || odd));
    case RTZ: return false;
    case RDN: return sign;
    case RUP: return !sign;
    default: return low >= half;
  }
}

/** m * 2^e, a little more if sticky, cut to a multiple of 2^unit. */
function cut(
  m: bigint,
  e: number,
  sticky: boolean,
  unit: number,
  rm: number,
  sign: boolean,
): { q: bigint; inexact: boolean } {
  const shift = unit - e;
  if (shift <= 0) {
    if (sticky) throw new Error("not enough bits to round");
    return { q: m << BigInt(-shift), inexact: false };
  }
  const q = m >> BigInt(shift);
  const low = m & ones(shift);
  const up = roundsUp(rm, sign, (q & 1n) === 1n, low, 1n << BigInt(shift - 1), sticky);
  return { q: up ? q + 1n : q, inexact: low !== 0n || sticky };
}

/** Rounds (-1)^sign * m * 2^e, m > 0, to a format. */
function pack(sign: boolean, m: bigint, e: number, sticky: boolean, f: Format, rm: number): Outcome {
  if (sticky) {
    // room for the sticky part below every bit that matters
    m <<= BigInt(2 * f.p + 8);
    e -= 2 * f.p + 8;
  }
  const leading = bitLength(m) - 1 + e;
  const least = 1 - bias(f); // exponent of the smallest normal number
  const unit = Math.max(leading, least) - (f.p - 1);
  const { q, inexact } = cut(m, e, sticky, unit, rm, sign);
  let flags = inexact ? NX : 0;
  if (inexact && leading < least) {
    const unbounded = cut(m, e, sticky, leading - (f.p - 1), rm, sign);
    if (!(leading === least - 1 && unbounded.q === 1n << BigInt(f.p))) flags |= UF;
  }
  if (q === 0n) return { bits: withSign(sign, 0n, f), flags };
  // q may have reached 2^p: the carry goes into the exponent by itself
  const magnitude = q < 1n << BigInt(f.p - 1) ? q : (BigInt(unit + bias(f) + f.p - 2) << BigInt(f.p - 1)) + q;
  if (magnitude >= ones(f.w) << BigInt(f.p - 1)) {
    const away = rm === RNE || rm === RMM || (rm === RUP && !sign) || (rm === RDN && sign);
    const largest = (ones(f.w) << BigInt(f.p - 1)) - 1n;
    return { bits: away ? infinity(sign, f) : withSign(sign, largest, f), flags: OF | NX };
  }
  return { bits: withSign(sign, magnitude, f), flags };
}

const nan = (f: Format, invalid: boolean): Outcome => ({ bits: canonicalNan(f), flags: invalid ? NV : 0 });

/** a * b + c, rounded once. */
export function fma(aBits: bigint, bBits: bigint, cBits: bigint, f: Format, rm: number): Outcome {
  const a = unpack(aBits, f),
    b = unpack(bBits, f),
    c = unpack(cBits, f);
  const signaling = a.signaling || b.signaling || c.signaling;
  const invalid = (a.kind === "infinity" && b.kind === "zero") || (a.kind === "zero" && b.kind === "infinity");
  if (invalid || a.kind === "nan" || b.kind === "nan" || c.kind === "nan") return nan(f, invalid || signaling);
  const sign = a.sign !== b.sign;
  if (a.kind === "infinity" || b.kind === "infinity")
    return c.kind === "infinity" && c.sign !== sign ? nan(f, true) : { bits: infinity(sign, f), flags: 0 };
  if (c.kind === "infinity") return { bits: infinity(c.sign, f), flags: 0 };
  return sum(sign, a.m * b.m, a.e + b.e, c.sign, c.m, c.e, f, rm);
}

function sum(
  sign1: boolean,
  m1: bigint,
  e1: number,
  sign2: boolean,
  m2: bigint,
  e2: number,
  f: Format,
  rm: number,
): Outcome {
  const e = Math.min(e1, e2);
  const first = (sign1 ? -m1 : m1) << BigInt(e1 - e);
  const second = (sign2 ? -m2 : m2) << BigInt(e2 - e);
  const total = first + second;
  if (total === 0n) {
    const sign = m1 === 0n && m2 === 0n && sign1 === sign2 ? sign1 : rm === RDN;
    return { bits: withSign(sign, 0n, f), flags: 0 };
  }
  return pack(total < 0n, total < 0n ? -total : total, e, false, f, rm);
}

export function add(aBits: bigint, bBits: bigint, f: Format, rm: number): Outcome {
  const a = unpack(aBits, f),
    b = unpack(bBits, f);
  if (a.kind === "nan" || b.kind === "nan") return nan(f, a.signaling || b.signaling);
  if (a.kind === "infinity" && b.kind === "infinity" && a.sign !== b.sign) return nan(f, true);
  if (a.kind === "infinity") return { bits: aBits, flags: 0 };
  if (b.kind === "infinity") return { bits: bBits, flags: 0 };
  return sum(a.sign, a.m, a.e, b.sign, b.m, b.e, f, rm);
}

export function mul(aBits: bigint, bBits: bigint, f: Format, rm: number): Outcome {
  const a = unpack(aBits, f),
    b = unpack(bBits, f);
  if (a.kind === "nan" || b.kind === "nan") return nan(f, a.signaling || b.signaling);
  const sign = a.sign !== b.sign;
  if (a.kind === "infinity" || b.kind === "infinity")
    return a.kind === "zero" || b.kind === "zero" ? nan(f, true) : { bits: infinity(sign, f), flags: 0 };
  if (a.kind === "zero" || b.kind === "zero") return { bits: withSign(sign, 0n, f), flags: 0 };
  return pack(sign, a.m * b.m, a.e + b.e, false, f, rm);
}

export function div(aBits: bigint, bBits: bigint, f: Format, rm: number): Outcome {
  const a = unpack(aBits, f),
    b = unpack(bBits, f);
  if (a.kind === "nan" || b.kind === "nan") return nan(f, a.signaling || b.signaling);
  const sign = a.sign !== b.sign;
  if (a.kind === "infinity") return b.kind === "infinity" ? nan(f, true) : { bits: infinity(sign, f), flags: 0 };
  if (b.kind === "infinity") return { bits: withSign(sign, 0n, f), flags: 0 };
  if (b.kind === "zero") return a.kind === "zero" ? nan(f, true) : { bits: infinity(sign, f), flags: DZ };
  if (a.kind === "zero") return { bits: withSign(sign, 0n, f), flags: 0 };
  const shift = 2 * f.p + 4; // more quotient bits than the precision, even when the dividend is subnormal
  const dividend = a.m << BigInt(shift);
  return pack(sign, dividend / b.m, a.e - b.e - shift, dividend % b.m !== 0n, f, rm);
}

function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let x = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const y = (x + value / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

export function sqrt(aBits: bigint, f: Format, rm: number): Outcome {
  const a = unpack(aBits, f);
  if (a.kind === "nan") return nan(f, a.signaling);
  if (a.kind === "zero") return { bits: aBits, flags: 0 };
  if (a.sign) return nan(f, true);
  if (a.kind === "infinity") return { bits: aBits, flags: 0 };
  let shift = 2 * f.p + 4;
  if ((a.e - shift) % 2 !== 0) shift++;
  const value = a.m << BigInt(shift);
  const root = integerRoot(value);
  return pack(false, root, (a.e - shift) / 2, root * root !== value, f, rm);
}

export function convert(aBits: bigint, from: Format, to: Format, rm: number): Outcome {
  const a = unpack(aBits, from);
  if (a.kind === "nan") return nan(to, a.signaling);
  if (a.kind === "infinity") return { bits: infinity(a.sign, to), flags: 0 };
  if (a.kind === "zero") return { bits: withSign(a.sign, 0n, to), flags: 0 };
  return pack(a.sign, a.m, a.e, false, to, rm);
}

/** To an integer between `least` and `most`; what does not fit is clamped and invalid. */
export function toInteger(aBits: bigint, f: Format, rm: number, least: bigint, most: bigint): Outcome {
  const a = unpack(aBits, f);
  if (a.kind === "nan") return { bits: most, flags: NV };
  if (a.kind === "infinity") return { bits: a.sign ? least : most, flags: NV };
  if (a.kind === "zero") return { bits: 0n, flags: 0 };
  const { q, inexact } = cut(a.m, a.e, false, 0, rm, a.sign);
  const value = a.sign ? -q : q;
  if (value < least) return { bits: least, flags: NV };
  if (value > most) return { bits: most, flags: NV };
  return { bits: value, flags: inexact ? NX : 0 };
}

export function fromInteger(value: bigint, f: Format, rm: number): Outcome {
  if (value === 0n) return { bits: 0n, flags: 0 };
  return pack(value < 0n, value < 0n ? -value : value, 0, false, f, rm);
}

/** -1, 0 or 1, or undefined when a NaN makes them unordered. */
function compare(aBits: bigint, bBits: bigint, f: Format): number | undefined {
  const a = unpack(aBits, f),
    b = unpack(bBits, f);
  if (a.kind === "nan" || b.kind === "nan") return undefined;
  const order = (bits: bigint, sign: boolean): bigint => (sign ? -(bits & ones(width(f) - 1)) : bits);
  const difference = order(aBits, a.sign) - order(bBits, b.sign);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** feq, flt, fle: a signaling NaN is invalid for all, a quiet one for flt and fle. */
export function relation(name: "feq" | "flt" | "fle", aBits: bigint, bBits: bigint, f: Format): Outcome {
  const order = compare(aBits, bBits, f);
  if (order === undefined) {
    const signaling = unpack(aBits, f).signaling || unpack(bBits, f).signaling;
    return { bits: 0n, flags: signaling || name !== "feq" ? NV : 0 };
  }
  const holds = name === "feq" ? order === 0 : name === "flt" ? order < 0 : order <= 0;
  return { bits: holds ? 1n : 0n, flags: 0 };
}

/** minimumNumber and maximumNumber of IEEE 754-2019: the number wins over a NaN, and -0 is below +0. */
export function extreme(name: "fmin" | "fmax", aBits: bigint, bBits: bigint, f: Format): Outcome {
  const a = unpack(aBits, f),
    b = unpack(bBits, f);
  const flags = a.signaling || b.signaling ? NV : 0;
  if (a.kind === "nan" && b.kind === "nan") return { bits: canonicalNan(f), flags };
  if (a.kind === "nan") return { bits: bBits, flags };
  if (b.kind === "nan") return { bits: aBits, flags };
  const order = compare(aBits, bBits, f) ?? 0;
  const less = order !== 0 ? order < 0 : a.sign;
  return { bits: less === (name === "fmin") ? aBits : bBits, flags };
}

/** The ten classes of fclass, as a bit. */
export function classify(aBits: bigint, f: Format): bigint {
  const a = unpack(aBits, f);
  const subnormal = a.kind === "number" && a.m < 1n << BigInt(f.p - 1);
  // biome-ignore format: one line each
  switch (a.kind) {
    case "nan": return a.signaling ? 1n << 8n : 1n << 9n;
    case "infinity": return a.sign ? 1n : 1n << 7n;
    case "zero": return a.sign ? 1n << 3n : 1n << 4n;
    default: return a.sign ? (subnormal ? 1n << 2n : 1n << 1n) : subnormal ? 1n << 5n : 1n << 6n;
  }
}
