// What the guest wrote, by 16 KiB regions of virtual memory, to tell whether every value read had been seen being written.
// The number of regions is bounded; accesses to others are only counted.

const SHIFT = 14;
const SIZE = 1 << SHIFT;
/** 64 MiB of mirrored memory. */
const MAX_REGIONS = 4096;

interface Region {
  vaddr: bigint;
  reads: number;
  writes: number;
  data: Uint8Array;
  seenAll: boolean;
}

export class RegionMirror {
  untracked = 0;
  readonly #regions = new Map<number, Region>();
  readonly #warn: (text: string) => void;
  #lastNumber = -1;
  #last: Region | undefined;

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  /** An access of `size` bytes; address and value as halves. It counts for the region of its first byte. */
  access(low: number, high: number, size: number, write: boolean, valueLow: number, valueHigh: number): void {
    const region = this.#region(low, high);
    if (!region) {
      this.untracked++;
      return;
    }
    if (write) region.writes++;
    else region.reads++;
    const offset = low & (SIZE - 1);
    if (offset + size <= SIZE) {
      if (!this.#bytes(region, offset, size, write, valueLow, valueHigh)) this.#unseen(region, offset);
      return;
    }
    const inside = SIZE - offset;
    const value = (BigInt(valueHigh) << 32n) | BigInt(valueLow);
    const rest = value >> BigInt(8 * inside);
    const nextLow = (low + inside) >>> 0;
    const next = this.#region(nextLow, nextLow === 0 ? (high + 1) >>> 0 : high);
    if (!this.#bytes(region, offset, inside, write, valueLow, valueHigh)) this.#unseen(region, offset);
    if (!next) return;
    const seen = this.#bytes(next, 0, size - inside, write, Number(rest & 0xffffffffn), Number(rest >> 32n));
    if (!seen) this.#unseen(next, 0);
  }

  /** Writes bytes, or compares them. */
  #bytes({ data }: Region, offset: number, size: number, write: boolean, low: number, high: number): boolean {
    let same = true;
    for (let i = 0; i < size; i++) {
      const byte = ((i < 4 ? low : high) >>> (8 * (i & 3))) & 255;
      if (write) data[offset + i] = byte;
      else if (data[offset + i] !== byte) same = false;
    }
    return same;
  }

  #unseen(region: Region, offset: number): void {
    if (!region.seenAll) return;
    region.seenAll = false;
    this.#warn(`Warning: ${hex(region.vaddr)}:${offset} read an un-instrumented value\n`);
  }

  #region(low: number, high: number): Region | undefined {
    // exact: 50 bits
    const number = high * 2 ** (32 - SHIFT) + (low >>> SHIFT);
    if (number === this.#lastNumber) return this.#last;
    let region = this.#regions.get(number);
    if (!region) {
      if (this.#regions.size >= MAX_REGIONS) return undefined;
      const vaddr = BigInt(number) << BigInt(SHIFT);
      region = { vaddr, reads: 0, writes: 0, data: new Uint8Array(SIZE), seenAll: true };
      this.#regions.set(number, region);
    }
    this.#lastNumber = number;
    this.#last = region;
    return region;
  }

  #sorted(): Region[] {
    return [...this.#regions.values()].sort((a, b) => (a.vaddr < b.vaddr ? -1 : 1));
  }

  results(): Omit<Region, "data">[] {
    return this.#sorted().map(({ vaddr, reads, writes, seenAll }) => ({ vaddr, reads, writes, seenAll }));
  }

  text(): string {
    const lines = this.#sorted().map((r) => `${hex(r.vaddr)}, ${r.reads}, ${r.writes}, ${r.seenAll}\n`);
    return `Region Base, Reads, Writes, Seen all\n${lines.join("")}`;
  }
}

const hex = (vaddr: bigint): string => `0x${vaddr.toString(16).padStart(16, "0")}`;
