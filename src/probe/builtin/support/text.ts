// Forms of C's printf that QEMU's plugins print with.

export const hex = (address: bigint): string => `0x${address.toString(16)}`;
/** %016x */
export const hex16 = (address: bigint): string => `0x${address.toString(16).padStart(16, "0")}`;
