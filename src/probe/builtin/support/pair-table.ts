// Numbers the pairs (a, b) of small integers that turn up, 0, 1, 2, ... in the order of their first appearance. A hash table
// with open addressing in typed arrays: looking up a pair allocates nothing.
import { grown } from "./growable.js";

export class PairTable {
  /** Members of pair n. */
  a: Int32Array = new Int32Array(256);
  b: Int32Array = new Int32Array(256);
  size = 0;
  /** Number of a pair plus one; 0 where nothing is. */
  #slots: Int32Array = new Int32Array(512);

  /** Number of the pair, -1 when it has none. */
  find(a: number, b: number): number {
    const slots = this.#slots;
    let at = hash(a, b) & (slots.length - 1);
    for (let found = slots[at] as number; found !== 0; found = slots[at] as number) {
      if (this.a[found - 1] === a && this.b[found - 1] === b) return found - 1;
      at = (at + 1) & (slots.length - 1);
    }
    return -1;
  }

  /** Number of the pair, which is new when it equals the `size` of before. */
  number(a: number, b: number): number {
    let slots = this.#slots;
    let at = hash(a, b) & (slots.length - 1);
    for (let found = slots[at] as number; found !== 0; found = slots[at] as number) {
      if (this.a[found - 1] === a && this.b[found - 1] === b) return found - 1;
      at = (at + 1) & (slots.length - 1);
    }
    const added = this.size++;
    this.a = grown(this.a, added);
    this.b = grown(this.b, added);
    this.a[added] = a;
    this.b[added] = b;
    slots[at] = added + 1;
    if (2 * this.size > slots.length) {
      slots = new Int32Array(4 * slots.length);
      for (let n = 0; n < this.size; n++) {
        let free = hash(this.a[n] as number, this.b[n] as number) & (slots.length - 1);
        while (slots[free] !== 0) free = (free + 1) & (slots.length - 1);
        slots[free] = n + 1;
      }
      this.#slots = slots;
    }
    return added;
  }
}

function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  h ^= h >>> 15;
  return h ^ (h >>> 7);
}
