// Collects the bytes the guest prints during a run slice, so that one message per console and slice goes to the host.

/** Devices transmit byte by byte; a slice of a chatty guest prints a few hundred. */
const FIRST_CAPACITY = 256;

export class ConsoleBatcher {
  readonly #pending = new Map<string, { buffer: Uint8Array<ArrayBuffer>; length: number }>();

  add(name: string, bytes: Uint8Array): void {
    let entry = this.#pending.get(name);
    if (entry === undefined) {
      entry = { buffer: new Uint8Array(FIRST_CAPACITY), length: 0 };
      this.#pending.set(name, entry);
    }
    const needed = entry.length + bytes.length;
    if (needed > entry.buffer.length) {
      const grown = new Uint8Array(Math.max(needed, entry.buffer.length * 2));
      grown.set(entry.buffer.subarray(0, entry.length));
      entry.buffer = grown;
    }
    entry.buffer.set(bytes, entry.length);
    entry.length = needed;
  }

  /** Hands out what was collected (own copies, free to transfer) and forgets it. */
  flush(deliver: (name: string, bytes: Uint8Array<ArrayBuffer>) => void): void {
    for (const [name, entry] of this.#pending) {
      if (entry.length === 0) continue;
      const bytes = entry.buffer.slice(0, entry.length);
      entry.length = 0;
      if (entry.buffer.length > 1 << 16) entry.buffer = new Uint8Array(FIRST_CAPACITY);
      deliver(name, bytes);
    }
  }
}
