// A cache that is as plain as can be, to hold the cache plugin's against.
import { Random } from "../../../src/probe/builtin/cache/cache-model.js";

export { Random };

export interface Shape {
  size: number;
  blockSize: number;
  associativity: number;
}

/** A cache of lists: each set holds its lines in the order in which they go. */
export class PlainCache {
  readonly sets: bigint[][];
  accesses = 0;
  misses = 0;
  readonly shape: Shape;
  readonly evict: string;
  readonly random: Random;

  constructor(shape: Shape, evict: string, random: Random) {
    this.shape = shape;
    this.evict = evict;
    this.random = random;
    this.sets = Array.from({ length: shape.size / (shape.blockSize * shape.associativity) }, () => []);
  }

  access(address: bigint): boolean {
    this.accesses++;
    const line = address / BigInt(this.shape.blockSize);
    const set = this.sets[Number(line % BigInt(this.sets.length))] as bigint[];
    const at = set.indexOf(line);
    if (at >= 0) {
      if (this.evict === "lru") set.push(...set.splice(at, 1));
      return true;
    }
    this.misses++;
    if (set.length < this.shape.associativity) set.push(line);
    else if (this.evict === "rand") set[this.random.below(set.length)] = line;
    else {
      set.shift();
      set.push(line);
    }
    return false;
  }
}
