// One set-associative cache: which lines it holds and what it evicts. State is typed arrays, an access allocates nothing.
// Empty ways are filled first; LRU keeps the ways of a set in the order of their use, FIFO fills them in turn.

export type Eviction = "lru" | "fifo" | "rand";

export interface CacheShape {
  size: number;
  /** Bytes of a line. */
  blockSize: number;
  /** Ways of a set. */
  associativity: number;
}

/** Numbers for random eviction: the same ones in every run. */
export class Random {
  #state = 0x2545f491;

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }
}

export class CacheModel {
  accesses = 0;
  misses = 0;
  readonly #ways: number;
  /** Bits of the offset in a line. */
  readonly #shift: number;
  /** What the upper half of an address counts in lines. */
  readonly #upper: number;
  readonly #setMask: number;
  readonly #eviction: Eviction;
  readonly #random: Random;
  /** Line numbers, the ways of a set side by side; -1 for an empty way. */
  readonly #lines: Float64Array;
  /** FIFO: the way of each set to fill next. Random: how many are filled. */
  readonly #next: Uint16Array;

  constructor({ size, blockSize, associativity }: CacheShape, eviction: Eviction, random: Random) {
    const sets = size / (blockSize * associativity);
    this.#ways = associativity;
    this.#shift = Math.log2(blockSize);
    this.#upper = 2 ** (32 - this.#shift);
    this.#setMask = sets - 1;
    this.#eviction = eviction;
    this.#random = random;
    this.#lines = new Float64Array(sets * associativity).fill(-1);
    this.#next = new Uint16Array(sets);
  }

  /** One access; true when it hits. The address comes as two halves. */
  access(low: number, high: number): boolean {
    this.accesses++;
    const inLow = low >>> this.#shift;
    const line = high * this.#upper + inLow;
    const set = inLow & this.#setMask;
    const first = set * this.#ways;
    const lines = this.#lines;
    if (lines[first] === line) return true;
    const end = first + this.#ways;
    for (let way = first + 1; way < end; way++) {
      if (lines[way] !== line) continue;
      if (this.#eviction === "lru") this.#moveToFront(first, way, line);
      return true;
    }
    this.misses++;
    if (this.#eviction === "lru") this.#moveToFront(first, end - 1, line);
    else lines[first + this.#victim(set)] = line;
    return false;
  }

  #moveToFront(first: number, way: number, line: number): void {
    const lines = this.#lines;
    for (let to = way; to > first; to--) lines[to] = lines[to - 1] as number;
    lines[first] = line;
  }

  #victim(set: number): number {
    const next = this.#next[set] as number;
    if (this.#eviction === "fifo") {
      this.#next[set] = next + 1 === this.#ways ? 0 : next + 1;
      return next;
    }
    if (next === this.#ways) return this.#random.below(this.#ways);
    this.#next[set] = next + 1;
    return next;
  }
}
