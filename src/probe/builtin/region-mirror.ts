// What the guest wrote, by 16 KiB regions of virtual memory, to tell whether every value read had been seen being written.
// The number of regions is bounded; accesses to others are only counted.

const SHIFT = 14;
const SIZE = 1 << SHIFT;
/** 64 MiB of mirrored memory. */
const MAX_REGIONS = 4096;
/** Regions of the first 4 GiB. */
const NEAR = 2 ** (32 - SHIFT);

interface Region {
  vaddr: bigint;
  reads: number;
  writes: number;
  data: Uint8Array;
  /** The same bytes. */
  words: Uint32Array;
  seenAll: boolean;
}

export class RegionMirror {
  untracked = 0;
  /** By number, those of the first 4 GiB; others are in the map. */
  readonly #near: (Region | undefined)[] = new Array(NEAR).fill(undefined);
  readonly #far = new Map<number, Region>();
  readonly #regions: Region[] = [];
  readonly #warn: (text: string) => void;

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
  #bytes({ data, words }: Region, offset: number, size: number, write: boolean, low: number, high: number): boolean {
    if ((offset & 3) === 0 && (size === 8 || size === 4)) {
      const at = offset >> 2;
      if (!write) return words[at] === low && (size === 4 || words[at + 1] === high);
      words[at] = low;
      if (size === 8) words[at + 1] = high;
      return true;
    }
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
    const number = high * NEAR + (low >>> SHIFT);
    const known = number < NEAR ? this.#near[number] : this.#far.get(number);
    if (known || this.#regions.length >= MAX_REGIONS) return known;
    const data = new Uint8Array(SIZE);
    const vaddr = BigInt(number) << BigInt(SHIFT);
    const region = { vaddr, reads: 0, writes: 0, data, words: new Uint32Array(data.buffer), seenAll: true };
    if (number < NEAR) this.#near[number] = region;
    else this.#far.set(number, region);
    this.#regions.push(region);
    return region;
  }

  #sorted(): Region[] {
    return [...this.#regions].sort((a, b) => (a.vaddr < b.vaddr ? -1 : 1));
  }

  results(): Omit<Region, "data" | "words">[] {
    return this.#sorted().map(({ vaddr, reads, writes, seenAll }) => ({ vaddr, reads, writes, seenAll }));
  }

  text(): string {
    const lines = this.#sorted().map((r) => `${hex(r.vaddr)}, ${r.reads}, ${r.writes}, ${r.seenAll}\n`);
    return `Region Base, Reads, Writes, Seen all\n${lines.join("")}`;
  }
}

const hex = (vaddr: bigint): string => `0x${vaddr.toString(16).padStart(16, "0")}`;
