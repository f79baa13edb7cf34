// Function entries and exits in the form of uftrace's .dat files: 16 bytes each, little endian. Bits of the second half: type (2),
// one bit unused, magic 5 (3), depth (10), address (48).
import { grown } from "../support/growable.js";

const ENTRY = 0;
const EXIT = 1;
const MAGIC = 5 << 3;
const BYTES = 16;

export class Timeline {
  readonly id: number;
  readonly name: string;
  records = 0;
  #words: Uint32Array = new Uint32Array(256);

  constructor(id: number, name: string) {
    this.id = id;
    this.name = name;
  }

  enter(ns: number, address: bigint, depth: number): void {
    this.#add(ns, ENTRY, address, depth);
  }

  exit(ns: number, address: bigint, depth: number): void {
    this.#add(ns, EXIT, address, depth);
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#words.buffer, 0, BYTES * this.records);
  }

  #add(ns: number, type: number, address: bigint, depth: number): void {
    const at = 4 * this.records++;
    if (at >= this.#words.length) this.#words = grown(this.#words, at);
    const low = Number(address & 0xffff_ffffn);
    const high = Number((address >> 32n) & 0xffffn);
    this.#words[at] = ns % 2 ** 32;
    this.#words[at + 1] = ns / 2 ** 32;
    this.#words[at + 2] = (low << 16) | (depth << 6) | MAGIC | type;
    this.#words[at + 3] = (high << 16) | (low >>> 16);
  }
}
