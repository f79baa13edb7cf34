// Hexadecimal digits of 64-bit numbers given as halves, without bigint: logs write millions of them.

const FOUR_DIGITS: string[] = Array.from({ length: 65536 }, (_, n) => n.toString(16).padStart(4, "0"));

/** Eight digits. */
export const hex8 = (low: number): string =>
  (FOUR_DIGITS[low >>> 16] as string) + (FOUR_DIGITS[low & 0xffff] as string);

/** As many digits as it takes, at least one. */
export const hexDigits = (low: number, high: number): string =>
  high !== 0 ? high.toString(16) + hex8(low) : low >= 0x10000000 ? hex8(low) : low.toString(16);

/** The digits of `bytes` bytes. */
export const hexOf = (low: number, high: number, bytes: number): string =>
  bytes === 8 ? hex8(high) + hex8(low) : bytes === 4 ? hex8(low) : low.toString(16).padStart(2 * bytes, "0");
