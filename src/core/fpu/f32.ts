// Single precision arithmetic on raw bits: RISC-V unprivileged specification, chapter F; IEEE 754-2008 sections
// 5.4.1, 5.3.1, 5.6.1, 5.7.2. Operands come unboxed (see unbox), results go out unboxed.
//
// A double has more than twice the bits of a single and a far wider range, so each operation is first done in
// double, exactly or with a sticky last bit, and then rounded once to single. The fast paths are Wasm's f32
// instructions under the conditions of native.md.

import {
  DZ, F32_FRACTION, F32_INFINITY, F32_MIN_NORMAL, F32_NAN, F32_QUIET, F32_SIGN, F64_SIGN, NV, NX, RNE,
  f32_cancelled, f32_invalid, f32_is_nan, f32_is_zero, f32_pack, f32_propagate, f64_exponent, f64_significand,
  raise, raise_inexact, sum_error, to_odd,
} from "./round";

/** The single in a floating point register; one that is not NaN-boxed is the canonical NaN (chapter D, NaN boxing). */
export function unbox(value: u64): u32 {
  return value >> 32 == 0xffffffff ? <u32>value : F32_NAN;
}

// @ts-ignore: decorator
@inline
function finite(r: u32): bool {
  return (r & F32_INFINITY) != F32_INFINITY;
}

/** 2^-126 < |r| < infinity. */
// @ts-ignore: decorator
@inline
function safely_normal(r: u32): bool {
  return (r & ~F32_SIGN) - (F32_MIN_NORMAL + 1) < F32_INFINITY - (F32_MIN_NORMAL + 1);
}

// @ts-ignore: decorator
@inline
function single(a: u32): f32 {
  return reinterpret<f32>(a);
}

/** Exact. */
// @ts-ignore: decorator
@inline
function double(a: u32): f64 {
  return <f64>reinterpret<f32>(a);
}

/** Rounds a finite non-zero double, exact or rounded to odd, to a single. */
function round(bits: u64, rm: u32): u32 {
  return f32_pack(<u32>((bits & F64_SIGN) >> 32), f64_exponent(bits), f64_significand(bits) << 10, rm);
}

// ---- add, subtract

/** fadd.s */
export function f32_add(a: u32, b: u32, rm: u32): u32 {
  const x = single(a);
  const y = single(b);
  const sum = x + y;
  const r = reinterpret<u32>(sum);
  if (rm == RNE && finite(r)) {
    raise_inexact(sum - x != y || sum - y != x);
    return r;
  }
  return f32_add_exact(a, b, rm);
}

/** fsub.s */
export function f32_sub(a: u32, b: u32, rm: u32): u32 {
  const x = single(a);
  const y = single(b);
  const difference = x - y;
  const r = reinterpret<u32>(difference);
  if (rm == RNE && finite(r)) {
    raise_inexact(x - difference != y || difference + y != x);
    return r;
  }
  return f32_add_exact(a, b ^ F32_SIGN, rm);
}

/** Addition by way of a double rounded to odd. */
function f32_add_exact(a: u32, b: u32, rm: u32): u32 {
  if (f32_is_nan(a) || f32_is_nan(b)) return f32_propagate(a, b, 0);
  const x = double(a);
  const y = double(b);
  const sum = x + y;
  if (sum != sum) return f32_invalid(); // infinity - infinity
  if (abs<f64>(sum) == Infinity) return reinterpret<u32>(<f32>sum);
  if (sum == 0) return (a ^ b) >> 31 != 0 ? f32_cancelled(rm) : a;
  return round(to_odd(sum, sum_error(x, y, sum)), rm);
}

// ---- multiply

/** fmul.s */
export function f32_mul(a: u32, b: u32, rm: u32): u32 {
  const product = double(a) * double(b); // exact: 48 bits
  const rounded = <f32>product;
  const r = reinterpret<u32>(rounded);
  if (rm == RNE) {
    if (safely_normal(r)) {
      raise_inexact(<f64>rounded != product);
      return r;
    }
    if (product == 0) return r;
  }
  return f32_mul_exact(a, b, rm);
}

/** Multiplication by way of the exact double. */
export function f32_mul_exact(a: u32, b: u32, rm: u32): u32 {
  if (f32_is_nan(a) || f32_is_nan(b)) return f32_propagate(a, b, 0);
  const product = double(a) * double(b);
  if (product != product) return f32_invalid(); // zero · infinity
  if (product == 0 || abs<f64>(product) == Infinity) return reinterpret<u32>(<f32>product);
  return round(reinterpret<u64>(product), rm);
}

// ---- divide

/** fdiv.s */
export function f32_div(a: u32, b: u32, rm: u32): u32 {
  const quotient = single(a) / single(b);
  const r = reinterpret<u32>(quotient);
  if (rm == RNE) {
    if (safely_normal(r)) {
      raise_inexact(<f64>quotient * double(b) != double(a));
      return r;
    }
    if (f32_is_zero(a) && f32_is_zero(r)) return r;
  }
  return f32_div_exact(a, b, rm);
}

/**
 * Division by way of a double. A quotient of 24-bit significands that is not exact is at least 2^-49 away from every
 * number of 25 bits (relative to its binade, cross-multiply), a double's rounding error at most 2^-53: the double lies
 * on the right side of all of them, and is none of them, so rounding it again gives the right result and flags.
 */
export function f32_div_exact(a: u32, b: u32, rm: u32): u32 {
  if (f32_is_nan(a) || f32_is_nan(b)) return f32_propagate(a, b, 0);
  const quotient = double(a) / double(b);
  if (quotient != quotient) return f32_invalid(); // 0 / 0, infinity / infinity
  const infinite = abs<f64>(quotient) == Infinity;
  if (infinite && finite(a)) raise(DZ);
  if (infinite || quotient == 0) return reinterpret<u32>(<f32>quotient);
  return round(reinterpret<u64>(quotient), rm);
}

// ---- square root

/** fsqrt.s */
export function f32_sqrt(a: u32, rm: u32): u32 {
  const root = sqrt<f32>(single(a));
  const r = reinterpret<u32>(root);
  if (rm == RNE && finite(r)) {
    raise_inexact(<f64>root * <f64>root != double(a));
    return r;
  }
  return f32_sqrt_exact(a, rm);
}

/** Square root by way of a double: here the distance is 2^-50, for the same reason as in f32_div_exact. */
export function f32_sqrt_exact(a: u32, rm: u32): u32 {
  if (f32_is_nan(a)) return f32_propagate(a, 0, 0);
  if (f32_is_zero(a)) return a;
  if (<i32>a < 0) return f32_invalid();
  if (!finite(a)) return a;
  return round(reinterpret<u64>(sqrt<f64>(double(a))), rm);
}

// ---- fused multiply-add

/** fmadd.s: a · b + c, rounded once; the others by flipped signs of unboxed operands, see f64_fma. */
export function f32_fma(a: u32, b: u32, c: u32, rm: u32): u32 {
  const product = double(a) * double(b); // exact
  const z = double(c);
  const sum = product + z;
  const rounded = <f32>sum;
  const r = reinterpret<u32>(rounded);
  if (rm == RNE && safely_normal(r)) {
    // Rounding twice errs only when the sum was rounded to the middle of two singles.
    if ((reinterpret<u64>(sum) & 0x1fffffff) != 0x10000000) {
      raise_inexact(<f64>rounded != sum || sum - product != z || sum - z != product);
      return r;
    }
    const odd = to_odd(sum, sum_error(product, z, sum));
    raise(NX); // a middle, or next to one
    return reinterpret<u32>(<f32>reinterpret<f64>(odd));
  }
  return f32_fma_exact(a, b, c, rm);
}

/** Fused multiply-add by way of a double rounded to odd. */
export function f32_fma_exact(a: u32, b: u32, c: u32, rm: u32): u32 {
  const product = double(a) * double(b);
  if (f32_is_nan(a) || f32_is_nan(b) || f32_is_nan(c)) {
    // chapter F: infinity · zero is invalid even when the addend is a quiet NaN
    if (product != product && !f32_is_nan(a) && !f32_is_nan(b)) raise(NV);
    return f32_propagate(a, b, c);
  }
  const z = double(c);
  const sum = product + z;
  if (sum != sum) return f32_invalid(); // infinity · zero, infinity - infinity
  if (abs<f64>(sum) == Infinity) return reinterpret<u32>(<f32>sum);
  if (sum == 0) return (a ^ b ^ c) >> 31 != 0 ? f32_cancelled(rm) : c & F32_SIGN;
  return round(to_odd(sum, sum_error(product, z, sum)), rm);
}

// ---- minimum, maximum

/** fmin.s: minimumNumber; see f64_min. */
export function f32_min(a: u32, b: u32): u32 {
  const r = min<f32>(single(a), single(b));
  return r == r ? reinterpret<u32>(r) : number_of(a, b);
}

/** fmax.s: maximumNumber. */
export function f32_max(a: u32, b: u32): u32 {
  const r = max<f32>(single(a), single(b));
  return r == r ? reinterpret<u32>(r) : number_of(a, b);
}

/** Of a pair with a NaN: the other operand, or the canonical NaN. */
function number_of(a: u32, b: u32): u32 {
  f32_propagate(a, b, 0);
  if (!f32_is_nan(a)) return a;
  return f32_is_nan(b) ? F32_NAN : b;
}

// ---- comparison, class

/** feq.s: quiet. */
export function f32_eq(a: u32, b: u32): u64 {
  const x = single(a);
  const y = single(b);
  if (x != x || y != y) {
    f32_propagate(a, b, 0);
    return 0;
  }
  return u64(x == y);
}

/** flt.s: signaling. */
export function f32_lt(a: u32, b: u32): u64 {
  const x = single(a);
  const y = single(b);
  if (x != x || y != y) raise(NV);
  return u64(x < y);
}

/** fle.s: signaling. */
export function f32_le(a: u32, b: u32): u64 {
  const x = single(a);
  const y = single(b);
  if (x != x || y != y) raise(NV);
  return u64(x <= y);
}

/** fclass.s */
export function f32_class(a: u32): u64 {
  const negative = <i32>a < 0;
  const magnitude = a & ~F32_SIGN;
  if (magnitude > F32_INFINITY) return (a & F32_QUIET) != 0 ? 1 << 9 : 1 << 8;
  if (magnitude == F32_INFINITY) return negative ? 1 << 0 : 1 << 7;
  if (magnitude >= F32_MIN_NORMAL) return negative ? 1 << 1 : 1 << 6;
  if ((magnitude & F32_FRACTION) != 0) return negative ? 1 << 2 : 1 << 5;
  return negative ? 1 << 3 : 1 << 4;
}
