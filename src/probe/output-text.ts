// What a plugin prints: the last bytes of it, with offsets that count all of them.

export class OutputText {
  readonly #limit: number;
  #kept = Buffer.alloc(0);
  #start = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** @param limit bytes kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes ever printed. */
  get end(): number {
    return this.#start + this.#kept.length + this.#pendingBytes;
  }

  add(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? Buffer.from(text) : Buffer.from(text);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes > this.#limit) this.#settle();
  }

  /** Text from byte `from` on; the offset is above `from` where older text is gone. */
  read(from: number): { offset: number; text: string } {
    this.#settle();
    const offset = Math.min(Math.max(from, this.#start), this.end);
    return { offset, text: this.#kept.subarray(offset - this.#start).toString() };
  }

  #settle(): void {
    if (this.#pendingBytes === 0) return;
    const all = Buffer.concat([this.#kept, ...this.#pending]);
    this.#pending = [];
    this.#pendingBytes = 0;
    let gone = Math.max(0, all.length - this.#limit);
    // what is kept begins with a whole character
    while (gone > 0 && gone < all.length && ((all[gone] as number) & 0xc0) === 0x80) gone++;
    this.#kept = Buffer.from(all.subarray(gone));
    this.#start += gone;
  }
}
