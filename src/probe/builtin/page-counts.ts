// Reads and writes by page, for hundreds of millions of accesses. Pages of the first 4 GiB have a place of their own in a
// large array, of which only what is used takes memory; others are in a map.
import { EVENT_WRITES } from "./accesses.js";

export interface PageCount {
  /** Address of the first byte. */
  page: bigint;
  reads: number;
  writes: number;
  /** Bit sets of harts. */
  readers: number;
  writers: number;
}

/** Smaller pages would make the array too large. */
const MIN_DIRECT_SHIFT = 12;
const WRITERS_SHIFT = 8;

export class PageCounts {
  readonly #shift: number;
  /** Reads and writes of page n at 2n and 2n + 1: neighbours in the cache. */
  readonly #direct: Float64Array;
  /** Of page n: harts that read, and above them harts that wrote. Harts are at most 8. */
  readonly #harts: Uint16Array;
  readonly #others = new Map<number, PageCount>();

  /** Pages of 2^shift bytes, shift 1 to 30. */
  constructor(shift: number) {
    this.#shift = shift;
    const places = shift < MIN_DIRECT_SHIFT ? 0 : 2 ** (32 - shift);
    this.#direct = new Float64Array(2 * places);
    this.#harts = new Uint16Array(places);
  }

  /** Counts the accesses of events (see `Drain`) whose field is the address. */
  count(words: Uint32Array, from: number, to: number): void {
    const direct = this.#direct;
    const harts = this.#harts;
    const shift = this.#shift;
    const withoutPlace = harts.length === 0;
    for (let at = 4 * from; at < 4 * to; at += 4) {
      const word = words[at + 1] as number;
      const low = words[at + 2] as number;
      const high = words[at + 3] as number;
      if (high !== 0 || withoutPlace) {
        this.#other(word, low, high);
        continue;
      }
      const page = low >>> shift;
      const write = word & EVENT_WRITES ? 1 : 0;
      direct[2 * page + write] = (direct[2 * page + write] as number) + 1;
      harts[page] = (harts[page] as number) | (1 << ((word & 255) + write * WRITERS_SHIFT));
    }
  }

  #other(word: number, low: number, high: number): void {
    // exact: physical addresses have 56 bits, and a page has two bytes at least
    const number = Math.floor((high * 2 ** 32 + low) / 2 ** this.#shift);
    let count = this.#others.get(number);
    if (!count) {
      const page = BigInt(number) << BigInt(this.#shift);
      count = { page, reads: 0, writes: 0, readers: 0, writers: 0 };
      this.#others.set(number, count);
    }
    if (word & EVENT_WRITES) {
      count.writes++;
      count.writers |= 1 << (word & 255);
    } else {
      count.reads++;
      count.readers |= 1 << (word & 255);
    }
  }

  /** All pages with accesses, in no order. */
  entries(): PageCount[] {
    const found = [...this.#others.values()];
    for (let n = 0; n < this.#harts.length; n++) {
      const harts = this.#harts[n] as number;
      if (harts === 0) continue;
      found.push({
        page: BigInt(n) << BigInt(this.#shift),
        reads: this.#direct[2 * n] as number,
        writes: this.#direct[2 * n + 1] as number,
        readers: harts & ((1 << WRITERS_SHIFT) - 1),
        writers: harts >>> WRITERS_SHIFT,
      });
    }
    return found;
  }
}
