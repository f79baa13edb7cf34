// Conversions between integers, singles and doubles: RISC-V unprivileged specification, chapters F and D, sections
// "Floating-Point Conversion and Move Instructions"; IEEE 754-2008 5.4.1 and 5.8.
//
// To integer, Wasm's trunc, nearest, floor and ceil do all but ties-to-max-magnitude, and need no slow path. Out of
// range, RISC-V saturates and raises NV alone (chapter F, table "Domains of float-to-integer conversions");
// NaN counts as above the range. 32-bit results are sign-extended, unsigned ones too.

import {
  F32_INFINITY, F32_MIN_NORMAL, F32_NAN, F32_SIGN, F64_INFINITY, F64_NAN, F64_SIGN, NV, NX, RDN, RNE, RTZ, RUP,
  f32_is_nan, f32_is_snan, f32_pack, f64_exponent, f64_is_nan, f64_is_snan, f64_is_zero, f64_pack, f64_significand,
  nx_sticky, raise, raise_inexact,
} from "./round";

/** x rounded to an integral value (IEEE 754-2008 5.9), without flags. */
// @ts-ignore: decorator
@inline
function integral(x: f64, rm: u32): f64 {
  if (rm == RTZ) return trunc<f64>(x);
  if (rm == RNE) return nearest<f64>(x);
  if (rm == RDN) return floor<f64>(x);
  if (rm == RUP) return ceil<f64>(x);
  const t = trunc<f64>(x);
  return abs<f64>(x - t) >= 0.5 ? t + copysign<f64>(1.0, x) : t; // both steps are exact
}

// @ts-ignore: decorator
@inline
function to_i32(x: f64, rm: u32): u64 {
  const t = integral(x, rm);
  if (t >= -2147483648.0 && t <= 2147483647.0) {
    raise_inexact(t != x);
    return <u64><i64><i32>t;
  }
  raise(NV);
  return x < 0 ? 0xffffffff80000000 : 0x7fffffff;
}

// @ts-ignore: decorator
@inline
function to_u32(x: f64, rm: u32): u64 {
  const t = integral(x, rm);
  if (t > -1.0 && t <= 4294967295.0) {
    raise_inexact(t != x);
    return <u64><i64><i32><i64>t;
  }
  raise(NV);
  return x < 0 ? 0 : 0xffffffffffffffff;
}

// @ts-ignore: decorator
@inline
function to_i64(x: f64, rm: u32): u64 {
  const t = integral(x, rm);
  if (t >= -9223372036854775808.0 && t < 9223372036854775808.0) {
    raise_inexact(t != x);
    return <u64><i64>t;
  }
  raise(NV);
  return x < 0 ? 0x8000000000000000 : 0x7fffffffffffffff;
}

// @ts-ignore: decorator
@inline
function to_u64(x: f64, rm: u32): u64 {
  const t = integral(x, rm);
  if (t > -1.0 && t < 18446744073709551616.0) {
    raise_inexact(t != x);
    return <u64>t;
  }
  raise(NV);
  return x < 0 ? 0 : 0xffffffffffffffff;
}

/** fcvt.w.d */
export function f64_to_i32(a: u64, rm: u32): u64 {
  return to_i32(reinterpret<f64>(a), rm);
}

/** fcvt.wu.d */
export function f64_to_u32(a: u64, rm: u32): u64 {
  return to_u32(reinterpret<f64>(a), rm);
}

/** fcvt.l.d */
export function f64_to_i64(a: u64, rm: u32): u64 {
  return to_i64(reinterpret<f64>(a), rm);
}

/** fcvt.lu.d */
export function f64_to_u64(a: u64, rm: u32): u64 {
  return to_u64(reinterpret<f64>(a), rm);
}

/** fcvt.w.s */
export function f32_to_i32(a: u32, rm: u32): u64 {
  return to_i32(<f64>reinterpret<f32>(a), rm);
}

/** fcvt.wu.s */
export function f32_to_u32(a: u32, rm: u32): u64 {
  return to_u32(<f64>reinterpret<f32>(a), rm);
}

/** fcvt.l.s */
export function f32_to_i64(a: u32, rm: u32): u64 {
  return to_i64(<f64>reinterpret<f32>(a), rm);
}

/** fcvt.lu.s */
export function f32_to_u64(a: u32, rm: u32): u64 {
  return to_u64(<f64>reinterpret<f32>(a), rm);
}

// ---- from integer

/** Bits from the highest to the lowest set one. */
// @ts-ignore: decorator
@inline
function width(magnitude: u64): i32 {
  return 64 - <i32>clz<u64>(magnitude) - <i32>ctz<u64>(magnitude);
}

/** A non-zero integer with its leading bit moved to bit 62. */
// @ts-ignore: decorator
@inline
function normalized(magnitude: u64): u64 {
  const zeros = <i32>clz<u64>(magnitude);
  return zeros == 0 ? (magnitude >> 1) | (magnitude & 1) : magnitude << (zeros - 1);
}

function pack_f64(sign: u64, magnitude: u64, rm: u32): u64 {
  return f64_pack(sign, 63 - <i32>clz<u64>(magnitude), normalized(magnitude), rm);
}

function pack_f32(sign: u32, magnitude: u64, rm: u32): u32 {
  return f32_pack(sign, 63 - <i32>clz<u64>(magnitude), normalized(magnitude), rm);
}

/** fcvt.d.w: exact; the low 32 bits of x. */
export function i32_to_f64(x: u64, rm: u32): u64 {
  return reinterpret<u64>(<f64><i32>x);
}

/** fcvt.d.wu: exact. */
export function u32_to_f64(x: u64, rm: u32): u64 {
  return reinterpret<u64>(<f64><u32>x);
}

/** fcvt.d.l */
export function i64_to_f64(x: u64, rm: u32): u64 {
  if (rm == RNE && nx_sticky()) return reinterpret<u64>(<f64><i64>x);
  const negative = <i64>x < 0;
  const magnitude = negative ? 0 - x : x;
  if (width(magnitude) > 53) {
    if (rm != RNE) return pack_f64(negative ? F64_SIGN : 0, magnitude, rm);
    raise(NX);
  }
  return reinterpret<u64>(<f64><i64>x);
}

/** fcvt.d.lu */
export function u64_to_f64(x: u64, rm: u32): u64 {
  if (rm == RNE && nx_sticky()) return reinterpret<u64>(<f64>x);
  if (width(x) > 53) {
    if (rm != RNE) return pack_f64(0, x, rm);
    raise(NX);
  }
  return reinterpret<u64>(<f64>x);
}

/** fcvt.s.w: the low 32 bits of x. */
export function i32_to_f32(x: u64, rm: u32): u32 {
  return i64_to_f32(<u64><i64><i32>x, rm);
}

/** fcvt.s.wu */
export function u32_to_f32(x: u64, rm: u32): u32 {
  return i64_to_f32(x & 0xffffffff, rm);
}

/** fcvt.s.l */
export function i64_to_f32(x: u64, rm: u32): u32 {
  if (rm == RNE && nx_sticky()) return reinterpret<u32>(<f32><i64>x);
  const negative = <i64>x < 0;
  const magnitude = negative ? 0 - x : x;
  if (width(magnitude) > 24) {
    if (rm != RNE) return pack_f32(negative ? F32_SIGN : 0, magnitude, rm);
    raise(NX);
  }
  return reinterpret<u32>(<f32><i64>x);
}

/** fcvt.s.lu */
export function u64_to_f32(x: u64, rm: u32): u32 {
  if (rm == RNE && nx_sticky()) return reinterpret<u32>(<f32>x);
  if (width(x) > 24) {
    if (rm != RNE) return pack_f32(0, x, rm);
    raise(NX);
  }
  return reinterpret<u32>(<f32>x);
}

// ---- between the formats

/** fcvt.d.s: exact. */
export function f32_to_f64(a: u32): u64 {
  if (f32_is_nan(a)) {
    if (f32_is_snan(a)) raise(NV);
    return F64_NAN;
  }
  return reinterpret<u64>(<f64>reinterpret<f32>(a));
}

/** fcvt.s.d */
export function f64_to_f32(a: u64, rm: u32): u32 {
  const x = reinterpret<f64>(a);
  const rounded = <f32>x;
  const r = reinterpret<u32>(rounded);
  if (rm == RNE && (r & ~F32_SIGN) - (F32_MIN_NORMAL + 1) < F32_INFINITY - (F32_MIN_NORMAL + 1)) {
    raise_inexact(<f64>rounded != x);
    return r;
  }
  return f64_to_f32_exact(a, rm);
}

/** Narrowing on integers. */
export function f64_to_f32_exact(a: u64, rm: u32): u32 {
  const sign = <u32>((a & F64_SIGN) >> 32);
  if (f64_is_nan(a)) {
    if (f64_is_snan(a)) raise(NV);
    return F32_NAN;
  }
  if ((a & F64_INFINITY) == F64_INFINITY) return sign | F32_INFINITY;
  if (f64_is_zero(a)) return sign;
  return f32_pack(sign, f64_exponent(a), f64_significand(a) << 10, rm);
}
