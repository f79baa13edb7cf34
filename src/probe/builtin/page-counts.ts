// Reads and writes by page, for millions of accesses a second: a hash table with open addressing in typed arrays, so that an
// access costs a few array elements and nothing for the garbage collector. Page numbers are kept as two halves, for addresses
// have 64 bits.

export interface PageCount {
  page: bigint;
  reads: number;
  writes: number;
  /** Bit sets of harts. */
  readers: number;
  writers: number;
}

export class PageCounts {
  /** Pages seen. */
  size = 0;
  readonly #shift: number;
  #mask = 1023;
  #low = new Uint32Array(1024);
  #high = new Uint32Array(1024);
  #reads = new Float64Array(1024);
  #writes = new Float64Array(1024);
  /** 0 in a place that is free: every page that was seen has a hart. */
  #readers = new Uint32Array(1024);
  #writers = new Uint32Array(1024);

  /** Pages of 2^shift bytes, shift 1 to 31. */
  constructor(shift: number) {
    this.#shift = shift;
  }

  /** Counts an access to the address given by its halves. */
  count(low: number, high: number, write: boolean, hart: number): void {
    const shift = this.#shift;
    const pageLow = ((low >>> shift) | (high << (32 - shift))) >>> 0;
    const at = this.#place(pageLow, high >>> shift);
    if (write) {
      this.#writes[at] = (this.#writes[at] as number) + 1;
      this.#writers[at] = (this.#writers[at] as number) | (1 << hart);
    } else {
      this.#reads[at] = (this.#reads[at] as number) + 1;
      this.#readers[at] = (this.#readers[at] as number) | (1 << hart);
    }
  }

  /** Where a page is, or a free place that is its from now on. */
  #place(low: number, high: number): number {
    const mask = this.#mask;
    let at = (Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 7) & mask;
    while (((this.#readers[at] as number) | (this.#writers[at] as number)) !== 0) {
      if (this.#low[at] === low && this.#high[at] === high) return at;
      at = (at + 1) & mask;
    }
    if (this.size * 2 > mask) {
      this.#grow();
      return this.#place(low, high);
    }
    this.size++;
    this.#low[at] = low;
    this.#high[at] = high;
    return at;
  }

  #grow(): void {
    const old = [this.#low, this.#high, this.#reads, this.#writes, this.#readers, this.#writers] as const;
    const places = 2 * (this.#mask + 1);
    this.#mask = places - 1;
    this.#low = new Uint32Array(places);
    this.#high = new Uint32Array(places);
    this.#reads = new Float64Array(places);
    this.#writes = new Float64Array(places);
    this.#readers = new Uint32Array(places);
    this.#writers = new Uint32Array(places);
    this.size = 0;
    const [low, high, reads, writes, readers, writers] = old;
    for (let i = 0; i < low.length; i++) {
      if (((readers[i] as number) | (writers[i] as number)) === 0) continue;
      const at = this.#place(low[i] as number, high[i] as number);
      this.#reads[at] = reads[i] as number;
      this.#writes[at] = writes[i] as number;
      this.#readers[at] = readers[i] as number;
      this.#writers[at] = writers[i] as number;
    }
  }

  /** All pages, in no order; `page` is the address of the first byte. */
  entries(): PageCount[] {
    const found: PageCount[] = [];
    for (let i = 0; i <= this.#mask; i++) {
      const readers = this.#readers[i] as number;
      const writers = this.#writers[i] as number;
      if ((readers | writers) === 0) continue;
      found.push({
        page: ((BigInt(this.#high[i] as number) << 32n) | BigInt(this.#low[i] as number)) << BigInt(this.#shift),
        reads: this.#reads[i] as number,
        writes: this.#writes[i] as number,
        readers,
        writers,
      });
    }
    return found;
  }
}
