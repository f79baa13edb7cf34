// Memory regions: the tree of what answers at which physical address.
// Words as in QEMU's memory API: container, alias, priority, overlap; terminal regions are ram, rom and io.

export type AccessSize = 1 | 2 | 4 | 8;

/** What an io region accepts from the guest (`valid`) and what its handlers implement (`impl`). Sizes in bytes. */
export interface AccessRules {
  valid: { min: AccessSize; max: AccessSize; unaligned: boolean };
  impl: { min: AccessSize; max: AccessSize; unaligned: boolean };
  endianness: "little" | "big";
}

/** Outcome of a device access; a refused access becomes an access fault in the guest. */
export const IO_OK = 0;
export const IO_FAULT = 1;

/**
 * Handlers of an io region. `offset` is relative to the region. Values of up to four bytes are unsigned
 * numbers; eight-byte accesses (only when impl.max is 8) go through the 64-bit handlers.
 */
export interface IoHandlers {
  read(offset: number, size: 1 | 2 | 4): number;
  write(offset: number, size: 1 | 2 | 4, value: number): void;
  read64?(offset: number): bigint;
  write64?(offset: number, value: bigint): void;
  /**
   * What a read would give, without its side effects; undefined where the device cannot tell.
   * Debuggers use it; absent means that no peek is possible.
   */
  peek?(offset: number, size: 1 | 2 | 4): number | undefined;
  /** Whether reading changes nothing in the device; absent means unknown, so no. */
  isReadIdempotent?(offset: number, size: number): boolean;
  /** Names of the register and fields last touched, for trace records. Ids come from the name table of the machine; 0 = unknown. */
  lastRegister?: number;
  lastField?: number;
}

export type RegionKind = "container" | "ram" | "rom" | "io" | "alias";

export interface Region {
  /** Unique in the machine and never reused; 1..65535. 0 stands for unassigned addresses. */
  readonly id: number;
  readonly name: string;
  readonly kind: RegionKind;
  /** Bytes. */
  readonly size: number;
  /** Device that owns the region, 0 for none. */
  readonly device: number;
}

/** A piece of the flat view: [start, end) answered by one terminal region from `offset` on. */
export interface Section {
  readonly start: number;
  readonly end: number;
  readonly region: Region;
  readonly offset: number;
  /** Address in the session's Wasm memory of the first byte (ram, rom); 0 for io. */
  readonly host: number;
}
