// Registers, memory and symbols of the machine for plugins; the session's own tools answer (src/session/plugin-guest.ts).
// Nothing here has side effects on devices.
import type { Place, RegisterInfo } from "./plugin.js";

export interface GuestAccess {
  registers(): readonly RegisterInfo[];
  /** @throws RangeError for an unknown name */
  readRegister(hart: number, name: string): bigint;
  /** @throws RangeError for an unknown or read-only register, or a value it cannot hold */
  writeRegister(hart: number, name: string, value: bigint): void;
  /** Undefined where nothing or a device is. `hart` matters for virtual addresses only. */
  read(hart: number, space: "virtual" | "physical", address: bigint, length: number): Uint8Array | undefined;
  write(hart: number, space: "virtual" | "physical", address: bigint, bytes: Uint8Array): boolean;
  translate(hart: number, vaddr: bigint): Place | undefined;
  symbol(vaddr: bigint): { name: string; offset: number; image: string } | undefined;
  /** Name of the function the image's symbols say covers it. */
  functionAt(vaddr: bigint): string | undefined;
}
