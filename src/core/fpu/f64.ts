// Double precision arithmetic on raw bits: RISC-V unprivileged specification, chapter D; IEEE 754-2008 sections
// 5.4.1 (add, subtract, multiply, divide, squareRoot, fusedMultiplyAdd), 5.3.1 (min, max: the 2019 edition's
// minimumNumber and maximumNumber, which chapter F asks for), 5.6.1 and 5.7.2 (comparison, class).
//
// Each operation tries Wasm's own instruction first. Wasm rounds to nearest even and has subnormals, so for RNE its
// result is right bit for bit except for NaN payloads; only the flags need care. The conditions under which
// nothing but NX can be raised are listed in native.md of this folder, where the JIT finds them too. Everything else
// goes to an exact path on integers, which ends in one call of f64_pack.

import {
  DZ, F64_FRACTION, F64_HIDDEN, F64_INFINITY, F64_MIN_NORMAL, F64_NAN, F64_QUIET, F64_SIGN, NV, NX, RNE,
  f64_cancelled, f64_exponent, f64_invalid, f64_is_nan, f64_is_snan, f64_is_zero, f64_pack, f64_propagate,
  f64_significand, multiply_high, nx_sticky, raise, raise_inexact, shift_right_jam, sum_error, to_odd,
} from "./round";

// ---- the conditions of the fast paths

/** The result is a number below infinity. */
// @ts-ignore: decorator
@inline
function finite(r: u64): bool {
  return (r & F64_INFINITY) != F64_INFINITY;
}

/** 2^-1022 < |r| < infinity: neither overflow nor underflow can have happened, whatever the operands. */
// @ts-ignore: decorator
@inline
function safely_normal(r: u64): bool {
  // The least normal number itself is left out: a tiny result may have been rounded up to it.
  return (r & ~F64_SIGN) - (F64_MIN_NORMAL + 1) < F64_INFINITY - (F64_MIN_NORMAL + 1);
}

/**
 * Whether x · y == r without rounding, for r = fl(x · y) safely normal. The product of the significands has as many
 * trailing zeros as they have together, and 53 bits are kept. Subnormal operands count as inexact unless seen to.
 */
function product_exact(a: u64, b: u64, r: u64): bool {
  const ea = <i32>(a >> 52) & 0x7ff;
  const eb = <i32>(b >> 52) & 0x7ff;
  const er = <i32>(r >> 52) & 0x7ff;
  const zeros = <i32>ctz<u64>(a | F64_HIDDEN) + <i32>ctz<u64>(b | F64_HIDDEN);
  return zeros >= 52 + er - (ea + eb - 1023);
}

/** Whether a has a normal exponent field. */
// @ts-ignore: decorator
@inline
function normal(a: u64): bool {
  return ((a >> 52) + 1 & 0x7ff) >= 2;
}

// ---- add, subtract

/** fadd.d */
export function f64_add(a: u64, b: u64, rm: u32): u64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  const sum = x + y;
  const r = reinterpret<u64>(sum);
  // A sum that is tiny is exact, so a finite one raises NX at most.
  if (rm == RNE && finite(r)) {
    // Whichever operand is larger, sum minus it is exact, and equals the other just when the sum is exact.
    raise_inexact(sum - x != y || sum - y != x);
    return r;
  }
  return f64_add_exact(a, b, rm);
}

/** fsub.d */
export function f64_sub(a: u64, b: u64, rm: u32): u64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  const difference = x - y;
  const r = reinterpret<u64>(difference);
  if (rm == RNE && finite(r)) {
    raise_inexact(x - difference != y || difference + y != x);
    return r;
  }
  return f64_add_exact(a, b ^ F64_SIGN, rm); // a NaN stays what it was
}

/** Addition on integers. */
function f64_add_exact(a: u64, b: u64, rm: u32): u64 {
  if (f64_is_nan(a) || f64_is_nan(b)) return f64_propagate(a, b, 0);
  if (!finite(a)) return !finite(b) && a != b ? f64_invalid() : a;
  if (!finite(b)) return b;
  if (f64_is_zero(a)) {
    if (!f64_is_zero(b)) return b;
    return a == b ? a : f64_cancelled(rm);
  }
  if (f64_is_zero(b)) return a;
  if ((a & ~F64_SIGN) < (b & ~F64_SIGN)) {
    const t = a;
    a = b;
    b = t;
  }
  const ea = f64_exponent(a);
  // leading bits at 61: room for a carry, nine guard bits
  const sa = f64_significand(a) << 9;
  const sb = shift_right_jam(f64_significand(b) << 9, ea - f64_exponent(b));
  const sum = <i64>(a ^ b) < 0 ? sa - sb : sa + sb;
  if (sum == 0) return f64_cancelled(rm);
  const shift = <i32>clz<u64>(sum) - 1;
  return f64_pack(a & F64_SIGN, ea + 1 - shift, sum << shift, rm);
}

// ---- multiply

/** fmul.d */
export function f64_mul(a: u64, b: u64, rm: u32): u64 {
  const r = reinterpret<u64>(reinterpret<f64>(a) * reinterpret<f64>(b));
  if (rm == RNE) {
    if (safely_normal(r)) {
      if (nx_sticky()) return r;
      if (normal(a) && normal(b)) {
        if (!product_exact(a, b, r)) raise(NX);
        return r;
      }
    } else if (f64_is_zero(r) && (f64_is_zero(a) || f64_is_zero(b))) return r;
  }
  return f64_mul_exact(a, b, rm);
}

/** Multiplication on integers. */
export function f64_mul_exact(a: u64, b: u64, rm: u32): u64 {
  if (f64_is_nan(a) || f64_is_nan(b)) return f64_propagate(a, b, 0);
  const sign = (a ^ b) & F64_SIGN;
  if (!finite(a)) return f64_is_zero(b) ? f64_invalid() : sign | F64_INFINITY;
  if (!finite(b)) return f64_is_zero(a) ? f64_invalid() : sign | F64_INFINITY;
  if (f64_is_zero(a) || f64_is_zero(b)) return sign;
  const sa = f64_significand(a) << 10;
  const sb = f64_significand(b) << 11;
  const high = multiply_high(sa, sb) | u64(sa * sb != 0); // leading bit at 61 or 62
  const shift = <i32>clz<u64>(high) - 1;
  return f64_pack(sign, f64_exponent(a) + f64_exponent(b) + 1 - shift, high << shift, rm);
}

// ---- divide

/** fdiv.d */
export function f64_div(a: u64, b: u64, rm: u32): u64 {
  const y = reinterpret<f64>(b);
  const quotient = reinterpret<f64>(a) / y;
  const r = reinterpret<u64>(quotient);
  if (rm == RNE) {
    if (safely_normal(r)) {
      if (nx_sticky()) return r;
      if (normal(a) && normal(b)) {
        if (!product_exact(r, b, a) || quotient * y != reinterpret<f64>(a)) raise(NX);
        return r;
      }
    } else if (f64_is_zero(a) && f64_is_zero(r)) return r;
  }
  return f64_div_exact(a, b, rm);
}

/**
 * Division: the quotient of the significands by Wasm, made exact by its remainder. The remainder is small, so
 * arithmetic modulo 2^64 gives it without wide products.
 */
export function f64_div_exact(a: u64, b: u64, rm: u32): u64 {
  if (f64_is_nan(a) || f64_is_nan(b)) return f64_propagate(a, b, 0);
  const sign = (a ^ b) & F64_SIGN;
  if (!finite(a)) return finite(b) ? sign | F64_INFINITY : f64_invalid();
  if (!finite(b)) return sign;
  if (f64_is_zero(b)) {
    if (f64_is_zero(a)) return f64_invalid();
    raise(DZ); // IEEE 754-2008 7.3
    return sign | F64_INFINITY;
  }
  if (f64_is_zero(a)) return sign;
  const sa = f64_significand(a);
  const sb = f64_significand(b);
  // sa / sb lies in (1/2, 2), so 2^53 times its nearest double is an integer at most 1 away
  let quotient = <u64>((<f64><i64>sa / <f64><i64>sb) * 9007199254740992.0);
  let rest = <i64>((sa << 53) - quotient * sb);
  if (rest < 0) {
    quotient -= 1;
    rest += <i64>sb;
  } else if (rest >= <i64>sb) {
    quotient += 1;
    rest -= <i64>sb;
  }
  // Two more bits tell zero, below half, above half. Half does not occur: an exact quotient has 53 bits at most.
  const tail: u64 = rest == 0 ? 0 : <u64>rest << 1 < sb ? 1 : 3;
  const significand = (quotient << 2) | tail; // leading bit at 54 or 55; 55 stands for 2^0
  const shift = <i32>clz<u64>(significand) - 1;
  return f64_pack(sign, f64_exponent(a) - f64_exponent(b) + 7 - shift, significand << shift, rm);
}

// ---- square root

/** fsqrt.d */
export function f64_sqrt(a: u64, rm: u32): u64 {
  const root = sqrt<f64>(reinterpret<f64>(a));
  const r = reinterpret<u64>(root);
  // A finite root comes from an operand that is -0 or not negative, and is never tiny.
  if (rm == RNE && finite(r)) {
    if (nx_sticky() || f64_is_zero(a)) return r;
    if (normal(a)) {
      if (!product_exact(r, r, a) || root * root != reinterpret<f64>(a)) raise(NX);
      return r;
    }
  }
  return f64_sqrt_exact(a, rm);
}

/** Square root: Wasm's root of the significand, made exact by its remainder modulo 2^64. */
export function f64_sqrt_exact(a: u64, rm: u32): u64 {
  if (f64_is_nan(a)) return f64_propagate(a, 0, 0);
  if (f64_is_zero(a)) return a;
  if (<i64>a < 0) return f64_invalid();
  if (!finite(a)) return a;
  const exponent = f64_exponent(a);
  const radicand = f64_significand(a) << (exponent & 1);
  // the root of radicand · 2^52, in [2^52, 2^53), at most 1/2 away
  let root = <u64>(sqrt<f64>(<f64><i64>radicand) * 67108864.0);
  let rest = <i64>((radicand << 52) - root * root);
  if (rest < 0) {
    root -= 1;
    rest += <i64>(root << 1) + 1;
  }
  // the fraction left is above half just when rest > root, and never half
  const tail: u64 = rest == 0 ? 0 : rest <= <i64>root ? 1 : 3;
  return f64_pack(0, exponent >> 1, ((root << 2) | tail) << 8, rm);
}

// ---- fused multiply-add

/**
 * fmadd.d: a · b + c, rounded once. The others by flipped signs: fmsub of c, fnmsub of a, fnmadd of both. That is
 * right for zeros too, because the sign of an exact zero sum depends on the (flipped) signs of its two terms only,
 * and for NaNs, because their signs are never seen.
 */
export function f64_fma(a: u64, b: u64, c: u64, rm: u32): u64 {
  if (rm == RNE) {
    const ea = <u32>(a >> 52) & 0x7ff;
    const eb = <u32>(b >> 52) & 0x7ff;
    const ec = <u32>(c >> 52) & 0x7ff;
    // 2^-400 <= |a|, |b| < 2^400 and c finite: nothing that follows can overflow or lose bits to underflow
    if (ea - 623 < 800 && eb - 623 < 800 && ec != 0x7ff) {
      const x = reinterpret<f64>(a);
      const y = reinterpret<f64>(b);
      const z = reinterpret<f64>(c);
      // Dekker's product: halves of 26 bits, split by rounding the bits
      const xh = reinterpret<f64>((a + 0x4000000) & ~0x7ffffff);
      const yh = reinterpret<f64>((b + 0x4000000) & ~0x7ffffff);
      const xl = x - xh;
      const yl = y - yh;
      const product = x * y;
      const low = xl * yl - (product - xh * yh - xl * yh - xh * yl);
      // product + z = sum + error. If error is 0, tail is exact. If not, |low| and |error| are at most an ulp of sum,
      // so the tail rounded to odd has bits enough for one right rounding of the whole.
      const sum = product + z;
      const error = sum_error(product, z, sum);
      const tail = error + low;
      const lost = sum_error(error, low, tail);
      const odd = reinterpret<f64>(to_odd(tail, lost));
      const result = sum + odd;
      // sum is 0 or not below odd, so this tells (a tail rounded to odd never fits)
      raise_inexact(result - sum != odd);
      return reinterpret<u64>(result);
    }
    if (f64_is_zero(a) || f64_is_zero(b)) {
      const r = reinterpret<u64>(reinterpret<f64>(a) * reinterpret<f64>(b) + reinterpret<f64>(c));
      if (finite(r)) return r;
    }
  }
  return f64_fma_exact(a, b, c, rm);
}

/** Fused multiply-add on integers of 128 bits. */
export function f64_fma_exact(a: u64, b: u64, c: u64, rm: u32): u64 {
  const invalid = (!finite(a) && f64_is_zero(b)) || (f64_is_zero(a) && !finite(b));
  if (f64_is_nan(a) || f64_is_nan(b) || f64_is_nan(c)) {
    // chapter F: infinity · zero is invalid even when the addend is a quiet NaN
    if (invalid && !f64_is_nan(a) && !f64_is_nan(b)) raise(NV);
    return f64_propagate(a, b, c);
  }
  if (invalid) return f64_invalid();
  let sign = (a ^ b) & F64_SIGN;
  if (!finite(a) || !finite(b)) {
    const product = sign | F64_INFINITY;
    return !finite(c) && c != product ? f64_invalid() : product;
  }
  if (!finite(c)) return c;
  if (f64_is_zero(a) || f64_is_zero(b)) {
    if (!f64_is_zero(c)) return c;
    return c == sign ? c : f64_cancelled(rm);
  }
  if (f64_is_zero(c)) return f64_mul_exact(a, b, rm);

  // product: high:low / 2^126 · 2^exponent, leading bit at 126 or 125; addend with its leading bit at 126
  const sa = f64_significand(a) << 10;
  const sb = f64_significand(b) << 11;
  let high = multiply_high(sa, sb);
  let low = sa * sb;
  let exponent = f64_exponent(a) + f64_exponent(b) + 1;
  let addHigh = f64_significand(c) << 10;
  let addLow: u64 = 0;
  const ec = f64_exponent(c);
  if (ec > exponent) {
    const count = ec - exponent;
    low = shift_low_jam(high, low, count);
    high = count > 63 ? 0 : high >> count;
    exponent = ec;
  } else {
    const count = exponent - ec;
    addLow = shift_low_jam(addHigh, 0, count);
    addHigh = count > 63 ? 0 : addHigh >> count;
  }
  if (sign == (c & F64_SIGN)) {
    low += addLow;
    high += addHigh + u64(low < addLow); // below 2^128
  } else {
    if (high < addHigh || (high == addHigh && low < addLow)) {
      sign ^= F64_SIGN;
      const h = high;
      high = addHigh;
      addHigh = h;
      const l = low;
      low = addLow;
      addLow = l;
    }
    high = high - addHigh - u64(low < addLow);
    low -= addLow;
    if ((high | low) == 0) return f64_cancelled(rm);
  }
  if (high == 0) {
    exponent -= 64;
    high = low;
    low = 0;
  }
  const shift = <i32>clz<u64>(high) - 1;
  exponent -= shift;
  if (shift < 0) {
    low |= high << 63;
    high >>= 1;
  } else if (shift > 0) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  return f64_pack(sign, exponent, high | u64(low != 0), rm);
}

/** Low half of high:low shifted right, with every bit lost or'ed into bit 0. */
function shift_low_jam(high: u64, low: u64, count: i32): u64 {
  if (count == 0) return low;
  if (count < 64) return (high << (64 - count)) | (low >> count) | u64(low << (64 - count) != 0);
  return shift_right_jam(high, count - 64) | u64(low != 0);
}

// ---- minimum, maximum

/** fmin.d: minimumNumber; -0 is below +0; NV only for signaling NaNs (chapter F, FMIN). */
export function f64_min(a: u64, b: u64): u64 {
  const r = min<f64>(reinterpret<f64>(a), reinterpret<f64>(b));
  return r == r ? reinterpret<u64>(r) : number_of(a, b);
}

/** fmax.d: maximumNumber. */
export function f64_max(a: u64, b: u64): u64 {
  const r = max<f64>(reinterpret<f64>(a), reinterpret<f64>(b));
  return r == r ? reinterpret<u64>(r) : number_of(a, b);
}

/** Of a pair with a NaN: the other operand, or the canonical NaN. */
function number_of(a: u64, b: u64): u64 {
  f64_propagate(a, b, 0);
  if (!f64_is_nan(a)) return a;
  return f64_is_nan(b) ? F64_NAN : b;
}

// ---- comparison, class

/** feq.d: quiet, NV for signaling NaNs only (IEEE 754-2008 5.11). */
export function f64_eq(a: u64, b: u64): u64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  if (x != x || y != y) {
    f64_propagate(a, b, 0);
    return 0;
  }
  return u64(x == y);
}

/** flt.d: signaling, NV for any NaN. */
export function f64_lt(a: u64, b: u64): u64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  if (x != x || y != y) raise(NV);
  return u64(x < y);
}

/** fle.d: signaling, NV for any NaN. */
export function f64_le(a: u64, b: u64): u64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  if (x != x || y != y) raise(NV);
  return u64(x <= y);
}

/** fclass.d: one bit of ten (chapter F, table "Format of result of FCLASS"). */
export function f64_class(a: u64): u64 {
  const negative = <i64>a < 0;
  const magnitude = a & ~F64_SIGN;
  if (magnitude > F64_INFINITY) return (a & F64_QUIET) != 0 ? 1 << 9 : 1 << 8;
  if (magnitude == F64_INFINITY) return negative ? 1 << 0 : 1 << 7;
  if (magnitude >= F64_MIN_NORMAL) return negative ? 1 << 1 : 1 << 6;
  if ((magnitude & F64_FRACTION) != 0) return negative ? 1 << 2 : 1 << 5;
  return negative ? 1 << 3 : 1 << 4;
}
