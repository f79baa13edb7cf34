// Shared ground of the floating point functions: formats, flags, NaN rules and the one rounding step.
//
// Every slow path ends in f64_pack or f32_pack: an exact (or sticky-extended) significand is rounded once,
// in the asked direction, with the flags of IEEE 754-2008 section 7. Tininess is detected after rounding
// (RISC-V unprivileged specification, chapter F, "Floating-Point Control and Status Register";
// IEEE 754-2008 7.5 a). Flags go straight into FFLAGS, where they are sticky.

import { FFLAGS } from "../layout";

// Accrued exceptions, chapter F, figure "Floating-point accrued exception encoding"
export const NV: u32 = 16; // invalid operation
export const DZ: u32 = 8; //  divide by zero
export const OF: u32 = 4; //  overflow
export const UF: u32 = 2; //  underflow
export const NX: u32 = 1; //  inexact

// Rounding modes as encoded in rm and frm, chapter F, table "Rounding mode encoding"
export const RNE: u32 = 0; // to nearest, ties to even
export const RTZ: u32 = 1; // towards zero
export const RDN: u32 = 2; // towards minus infinity
export const RUP: u32 = 3; // towards plus infinity
export const RMM: u32 = 4; // to nearest, ties to max magnitude

export const F64_SIGN: u64 = 0x8000000000000000;
export const F64_INFINITY: u64 = 0x7ff0000000000000; // also the mask of the exponent field
export const F64_MAX: u64 = 0x7fefffffffffffff;
export const F64_MIN_NORMAL: u64 = 0x0010000000000000;
export const F64_FRACTION: u64 = 0x000fffffffffffff;
export const F64_HIDDEN: u64 = 0x0010000000000000;
export const F64_QUIET: u64 = 0x0008000000000000;
export const F64_NAN: u64 = 0x7ff8000000000000; // the canonical NaN

export const F32_SIGN: u32 = 0x80000000;
export const F32_INFINITY: u32 = 0x7f800000;
export const F32_MAX: u32 = 0x7f7fffff;
export const F32_MIN_NORMAL: u32 = 0x00800000;
export const F32_FRACTION: u32 = 0x007fffff;
export const F32_QUIET: u32 = 0x00400000;
export const F32_NAN: u32 = 0x7fc00000;

/** Accrues flags. */
// @ts-ignore: decorator
@inline
export function raise(flags: u32): void {
  store<u32>(FFLAGS, load<u32>(FFLAGS) | flags);
}

/** Whether NX is already sticky, so that an inexact result changes no flag. */
// @ts-ignore: decorator
@inline
export function nx_sticky(): bool {
  return (load<u32>(FFLAGS) & NX) != 0;
}

/** Raises NX if the result was rounded. Mostly NX is sticky already, and a predicted branch beats a store. */
// @ts-ignore: decorator
@inline
export function raise_inexact(rounded: bool): void {
  if (!nx_sticky()) raise(u32(rounded));
}

/** Invalid operation on doubles: raises NV, gives the canonical NaN (IEEE 754-2008 7.2). */
// @ts-ignore: decorator
@inline
export function f64_invalid(): u64 {
  raise(NV);
  return F64_NAN;
}

/** Invalid operation on singles. */
// @ts-ignore: decorator
@inline
export function f32_invalid(): u32 {
  raise(NV);
  return F32_NAN;
}

/** Whether the bits are a NaN. */
// @ts-ignore: decorator
@inline
export function f64_is_nan(a: u64): bool {
  return (a & ~F64_SIGN) > F64_INFINITY;
}

/** Whether the bits are a NaN. */
// @ts-ignore: decorator
@inline
export function f32_is_nan(a: u32): bool {
  return (a & ~F32_SIGN) > F32_INFINITY;
}

/** Whether the bits are a signaling NaN (quiet bit clear, IEEE 754-2008 6.2.1). */
// @ts-ignore: decorator
@inline
export function f64_is_snan(a: u64): bool {
  return f64_is_nan(a) && (a & F64_QUIET) == 0;
}

/** Whether the bits are a signaling NaN. */
// @ts-ignore: decorator
@inline
export function f32_is_snan(a: u32): bool {
  return f32_is_nan(a) && (a & F32_QUIET) == 0;
}

/** `a` is ±0. */
// @ts-ignore: decorator
@inline
export function f64_is_zero(a: u64): bool {
  return a << 1 == 0;
}

/** `a` is ±0. */
// @ts-ignore: decorator
@inline
export function f32_is_zero(a: u32): bool {
  return a << 1 == 0;
}

/** Result of an operation with a NaN among its operands: NV if one signals (pass 0 for absent operands). */
export function f64_propagate(a: u64, b: u64, c: u64): u64 {
  if (f64_is_snan(a) || f64_is_snan(b) || f64_is_snan(c)) raise(NV);
  return F64_NAN; // chapter F, "NaN Generation and Propagation": payloads are not propagated
}

/** Result of an operation with a NaN among its operands, singles. */
export function f32_propagate(a: u32, b: u32, c: u32): u32 {
  if (f32_is_snan(a) || f32_is_snan(b) || f32_is_snan(c)) raise(NV);
  return F32_NAN;
}

/** Unbiased exponent of a finite non-zero double, as if subnormals were normalised. */
export function f64_exponent(a: u64): i32 {
  const biased = <i32>(a >> 52) & 0x7ff;
  if (biased != 0) return biased - 1023;
  return -1011 - <i32>clz<u64>(a & F64_FRACTION);
}

/** Significand of a finite non-zero double with its leading bit at bit 52. */
export function f64_significand(a: u64): u64 {
  const fraction = a & F64_FRACTION;
  if ((a & F64_INFINITY) != 0) return fraction | F64_HIDDEN;
  return fraction << (clz<u64>(fraction) - 11);
}

/** `value` shifted right, with every bit lost or'ed into bit 0. */
export function shift_right_jam(value: u64, count: i32): u64 {
  if (count == 0) return value;
  if (count > 63) return u64(value != 0);
  return (value >> count) | u64(value << (64 - count) != 0);
}

/** High half of the 128-bit product: Wasm has no wide multiply, so by 32-bit pieces. */
// @ts-ignore: decorator
@inline
export function multiply_high(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const low = al * bl;
  const mid = ah * bl + (low >> 32);
  const mid2 = al * bh + (mid & 0xffffffff);
  return ah * bh + (mid >> 32) + (mid2 >> 32);
}

/** Sign of an exact zero that is a sum of operands of opposite signs (IEEE 754-2008 6.3). */
// @ts-ignore: decorator
@inline
export function f64_cancelled(rm: u32): u64 {
  return rm == RDN ? F64_SIGN : 0;
}

/** Sign of an exact zero sum, singles. */
// @ts-ignore: decorator
@inline
export function f32_cancelled(rm: u32): u32 {
  return rm == RDN ? F32_SIGN : 0;
}

/** What to add to a significand before it is cut at `half * 2`: the direction of rounding in one number. */
// @ts-ignore: decorator
@inline
function increment(negative: bool, half: u64, rm: u32): u64 {
  if (rm == RNE || rm == RMM) return half;
  if (rm == RTZ) return 0;
  return (rm == RDN) == negative ? half + half - 1 : 0;
}

/**
 * Rounds sign · significand/2^62 · 2^exponent to a double, raising OF, UF and NX as due.
 * @param sign F64_SIGN or 0
 * @param exponent unbiased
 * @param significand leading bit at bit 62, bit 0 sticky
 */
export function f64_pack(sign: u64, exponent: i32, significand: u64, rm: u32): u64 {
  const add = increment(sign != 0, 0x200, rm);
  let biased = exponent + 1023;
  let tiny = false;
  if (biased >= 0x7fe) {
    if (biased > 0x7fe || <i64>(significand + add) < 0) {
      raise(OF | NX);
      return sign | (add != 0 ? F64_INFINITY : F64_MAX); // IEEE 754-2008 7.4
    }
  } else if (biased <= 0) {
    // Not tiny only if rounding to 53 bits with unbounded exponent reaches the least normal number.
    tiny = biased < 0 || <i64>(significand + add) >= 0;
    significand = shift_right_jam(significand, 1 - biased);
    biased = 1;
  }
  const rest = significand & 0x3ff;
  let kept = (significand + add) >> 10;
  if (rest != 0) {
    raise(tiny ? UF | NX : NX);
    if (rm == RNE && rest == 0x200) kept &= ~1;
  }
  return sign + (<u64>(biased - 1) << 52) + kept; // the hidden bit of kept completes the exponent
}

/** Rounds to a single; parameters as those of f64_pack, except that `sign` is F32_SIGN or 0. */
export function f32_pack(sign: u32, exponent: i32, significand: u64, rm: u32): u32 {
  const half: u64 = 1 << 38;
  const add = increment(sign != 0, half, rm);
  let biased = exponent + 127;
  let tiny = false;
  if (biased >= 0xfe) {
    if (biased > 0xfe || <i64>(significand + add) < 0) {
      raise(OF | NX);
      return sign | (add != 0 ? F32_INFINITY : F32_MAX);
    }
  } else if (biased <= 0) {
    tiny = biased < 0 || <i64>(significand + add) >= 0;
    significand = shift_right_jam(significand, 1 - biased);
    biased = 1;
  }
  const rest = significand & (half + half - 1);
  let kept = <u32>((significand + add) >> 39);
  if (rest != 0) {
    raise(tiny ? UF | NX : NX);
    if (rm == RNE && rest == half) kept &= ~1;
  }
  return sign + (<u32>(biased - 1) << 23) + kept;
}

/**
 * A sum rounded to odd, from the sum rounded to nearest and its exact error: rounding the outcome again to two or
 * more bits less is as good as rounding the exact sum (Boldo and Melquiond, "Emulation of FMA and correctly
 * rounded sums: proved algorithms using rounding to odd", IEEE Transactions on Computers 57(4), 2008).
 */
// @ts-ignore: decorator
@inline
export function to_odd(sum: f64, error: f64): u64 {
  const bits = reinterpret<u64>(sum);
  if (error == 0 || (bits & 1) != 0) return bits;
  return (error > 0) == (sum > 0) ? bits + 1 : bits - 1;
}

/** Exact error of `sum` = x + y rounded to nearest (Knuth's TwoSum); exact while nothing overflows. */
// @ts-ignore: decorator
@inline
export function sum_error(x: f64, y: f64, sum: f64): f64 {
  const part = sum - x;
  return x - (sum - part) + (y - part);
}
