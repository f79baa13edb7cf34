// Operand values worth trying: the corners of integers and of both floating-point formats, and plain noise.

import type { Random } from "./random.js";

const MASK = (1n << 64n) - 1n;
const BOX = 0xffff_ffff_0000_0000n;

// biome-ignore format: a table
const INTEGERS: readonly bigint[] = [
  0n, 1n, 2n, 3n, 7n, 8n, 31n, 32n, 63n, 64n, 0x7fn, 0x80n, 0xffn, 0x100n, 0x7fffn, 0x8000n, 0xffffn,
  0x7fff_fffen, 0x7fff_ffffn, 0x8000_0000n, 0x8000_0001n, 0xffff_ffffn, 0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0x8000_0000_0000_0001n, MASK, MASK - 1n, MASK - 0x7fn,
  0xffff_ffff_8000_0000n, 0xffff_ffff_7fff_ffffn, 0x5555_5555_5555_5555n, 0xaaaa_aaaa_aaaa_aaaan,
];

// biome-ignore format: a table
const SINGLES: readonly number[] = [
  0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x40000000, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000,
  0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff, 0x7fffffff, // infinities and NaNs
  0x00000001, 0x80000001, 0x00000002, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x00800001, // around subnormal
  0x7f7fffff, 0xff7fffff, 0x7f7ffffe, 0x3f7fffff, 0x3f800001, 0x33800000, 0x34000000,
  0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, // around 2^31 and 2^32
  0x5effffff, 0x5f000000, 0xdf000000, 0xdf000001, 0x5f7fffff, 0x5f800000, // around 2^63 and 2^64
  0x4b000000, 0x4b000001, 0x4b7fffff, 0x4affffff, // where halves end
];

// biome-ignore format: a table
const DOUBLES: readonly bigint[] = [
  0n, 0x8000_0000_0000_0000n, 0x3ff0_0000_0000_0000n, 0xbff0_0000_0000_0000n, 0x4000_0000_0000_0000n,
  0x3fe0_0000_0000_0000n, 0xbfe0_0000_0000_0000n, 0x3ff8_0000_0000_0000n, 0x4004_0000_0000_0000n,
  0x7ff0_0000_0000_0000n, 0xfff0_0000_0000_0000n, 0x7ff8_0000_0000_0000n, 0xfff8_0000_0000_0000n,
  0x7ff0_0000_0000_0001n, 0xfff7_ffff_ffff_ffffn, 0x7fff_ffff_ffff_ffffn,
  1n, 0x8000_0000_0000_0001n, 2n, 0x000f_ffff_ffff_ffffn, 0x800f_ffff_ffff_ffffn, 0x0010_0000_0000_0000n,
  0x8010_0000_0000_0000n, 0x0010_0000_0000_0001n, 0x7fef_ffff_ffff_ffffn, 0xffef_ffff_ffff_ffffn,
  0x3fef_ffff_ffff_ffffn, 0x3ff0_0000_0000_0001n, 0x3ca0_0000_0000_0000n, 0x3cb0_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n, 0x41df_ffff_ffe0_0000n, 0x41e0_0000_0000_0000n, 0xc1e0_0000_0000_0000n,
  0xc1e0_0000_0010_0000n, 0xc1e0_0000_0020_0000n, 0x41ef_ffff_ffe0_0000n, 0x41ef_ffff_fff0_0000n, 0x41f0_0000_0000_0000n,
  0x43df_ffff_ffff_ffffn, 0x43e0_0000_0000_0000n, 0xc3e0_0000_0000_0000n, 0xc3e0_0000_0000_0001n,
  0x43ef_ffff_ffff_ffffn, 0x43f0_0000_0000_0000n,
  // around the limits of single precision
  0x47ef_ffff_e000_0000n, 0x47ef_ffff_efff_ffffn, 0x47ef_ffff_f000_0000n, 0x3810_0000_0000_0000n,
  0x380f_ffff_ffff_ffffn, 0x380f_ffff_f000_0000n, 0x36a0_0000_0000_0000n, 0x3690_0000_0000_0000n, 0x3690_0000_0000_0001n,
];

/** A single-precision bit pattern. */
export function single(random: Random): number {
  switch (random.below(6)) {
    case 0:
    case 1:
      return random.pick(SINGLES);
    case 2: // exponents close to one another, so that sums cancel
      return ((random.u32() & 0x807fffff) | (random.range(120, 136) << 23)) >>> 0;
    case 3: // few mantissa bits: exact results and ties
      return ((random.u32() & 0x80700000) | (random.range(100, 154) << 23)) >>> 0;
    case 4: // subnormal or nearly so
      return (random.u32() & 0x80ffffff) >>> 0;
    default:
      return random.u32();
  }
}

/** A double-precision bit pattern. */
export function double(random: Random): bigint {
  const noise = random.u64();
  switch (random.below(7)) {
    case 0:
    case 1:
      return random.pick(DOUBLES);
    case 2:
      return (noise & 0x800f_ffff_ffff_ffffn) | (BigInt(random.range(1015, 1032)) << 52n);
    case 3:
      return (noise & 0x800e_0000_0000_0000n) | (BigInt(random.range(960, 1090)) << 52n);
    case 4:
      return noise & 0x801f_ffff_ffff_ffffn;
    case 5: // fits single precision or nearly so
      return (noise & 0x800f_ffff_f000_0000n) | (BigInt(random.range(1023 - 150, 1023 + 128)) << 52n);
    default:
      return noise;
  }
}

/** Contents of an f register: a double, a boxed single, rarely a single that is not boxed. */
export function floating(random: Random): bigint {
  if (random.chance(0.5)) return double(random);
  return random.chance(0.92) ? BOX | BigInt(single(random)) : (random.u64() & BOX) | BigInt(single(random));
}

/** Contents of an x register, unsigned. */
export function integer(random: Random): bigint {
  switch (random.below(8)) {
    case 0:
    case 1:
      return random.pick(INTEGERS);
    case 2:
      return BigInt.asUintN(64, BigInt(random.range(-64, 64)));
    case 3:
      return BigInt.asUintN(64, BigInt(random.u32() | 0));
    case 4:
      return 1n << BigInt(random.below(64));
    case 5:
      return BigInt.asUintN(64, (1n << BigInt(random.below(64))) + BigInt(random.range(-2, 2)));
    case 6:
      return floating(random);
    default:
      return random.u64();
  }
}
