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
  /** Line numbers, the ways of a set side by side; -1 for an empty way. */
  readonly lines: Float64Array;
  readonly ways: number;
  readonly setMask: number;
  /** Bits of the offset in a line; what the upper half of an address counts in lines. */
  readonly shift: number;
  readonly upper: number;
  readonly #eviction: Eviction;
  readonly #lru: boolean;
  readonly #random: Random;
  /** FIFO: the way of each set to fill next. Random: how many are filled. */
  readonly #next: Uint16Array;

  constructor({ size, blockSize, associativity }: CacheShape, eviction: Eviction, random: Random) {
    const sets = size / (blockSize * associativity);
    this.ways = associativity;
    this.shift = Math.log2(blockSize);
    this.upper = 2 ** (32 - this.shift);
    this.setMask = sets - 1;
    this.#eviction = eviction;
    this.#lru = eviction === "lru";
    this.#random = random;
    this.lines = new Float64Array(sets * associativity).fill(-1);
    this.#next = new Uint16Array(sets);
  }

  /** Number of the line of an address that comes as two halves. */
  line(low: number, high: number): number {
    return high * this.upper + (low >>> this.shift);
  }

  /** Place of the first way of the address's set. */
  first(low: number): number {
    return ((low >>> this.shift) & this.setMask) * this.ways;
  }

  /** One access that does not find `line` in the first way of its set, at `first`; true when it hits. */
  access(first: number, line: number): boolean {
    const { lines, ways } = this;
    const end = first + ways;
    if (this.#lru) {
      // looked for and moved to the front in one go: what is passed moves back by one
      let passed = lines[first] as number;
      lines[first] = line;
      for (let way = first + 1; way < end; way++) {
        const here = lines[way] as number;
        lines[way] = passed;
        if (here === line) return true;
        passed = here;
      }
      this.misses++;
      return false;
    }
    for (let way = first + 1; way < end; way++) if (lines[way] === line) return true;
    this.misses++;
    lines[first + this.#victim(first / ways)] = line;
    return false;
  }

  #victim(set: number): number {
    const next = this.#next[set] as number;
    if (this.#eviction === "fifo") {
      this.#next[set] = next + 1 === this.ways ? 0 : next + 1;
      return next;
    }
    if (next === this.ways) return this.#random.below(this.ways);
    this.#next[set] = next + 1;
    return next;
  }
}
