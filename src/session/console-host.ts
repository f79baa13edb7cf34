// The host side of one console: the last bytes it printed in a bounded buffer, addressed by offsets that count every
// byte since the session was made, so that a reader knows what it missed.
import type { ConsoleHost } from "./host-api.js";

export class ConsoleBuffer implements ConsoleHost {
  readonly name: string;
  readonly #limit: number;
  readonly #send: (bytes: Uint8Array) => Promise<void>;
  readonly #listeners = new Set<(bytes: Uint8Array, offset: number) => void>();
  /** Ring: the byte at `offset` is at `offset % capacity`. Grows up to the limit, so that a quiet console costs little. */
  #ring: Uint8Array;
  #start = 0;
  #end = 0;

  /** @param limit bytes kept. @param send gives input to the machine */
  constructor(name: string, limit: number, send: (bytes: Uint8Array) => Promise<void>) {
    this.name = name;
    this.#limit = Math.max(1, limit);
    this.#send = send;
    this.#ring = new Uint8Array(Math.min(4096, this.#limit));
  }

  get start(): number {
    return this.#start;
  }
  get end(): number {
    return this.#end;
  }

  /** Takes output over and tells listeners. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const offset = this.#end;
    this.#grow(this.#end - this.#start + bytes.length);
    const capacity = this.#ring.length;
    const kept = bytes.length > capacity ? bytes.subarray(bytes.length - capacity) : bytes;
    this.#end += bytes.length;
    const at = (this.#end - kept.length) % capacity;
    const first = Math.min(kept.length, capacity - at);
    this.#ring.set(kept.subarray(0, first), at);
    this.#ring.set(kept.subarray(first), 0);
    this.#start = Math.max(this.#start, this.#end - capacity);
    for (const listener of [...this.#listeners]) listener(bytes, offset);
  }

  read(offset: number, limit: number): { offset: number; bytes: Uint8Array } {
    const from = Math.min(Math.max(offset, this.#start), this.#end);
    const length = Math.max(0, Math.min(limit, this.#end - from));
    const bytes = new Uint8Array(length);
    const at = from % this.#ring.length;
    const first = Math.min(length, this.#ring.length - at);
    bytes.set(this.#ring.subarray(at, at + first));
    bytes.set(this.#ring.subarray(0, length - first), first);
    return { offset: from, bytes };
  }

  write(bytes: Uint8Array): Promise<void> {
    return bytes.length === 0 ? Promise.resolve() : this.#send(bytes);
  }

  onOutput(listener: (bytes: Uint8Array, offset: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #grow(needed: number): void {
    if (needed <= this.#ring.length || this.#ring.length === this.#limit) return;
    const ring = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#ring.length * 2)));
    const { offset, bytes } = this.read(this.#start, this.#end - this.#start);
    for (let i = 0; i < bytes.length; i++) ring[(offset + i) % ring.length] = bytes[i] as number;
    this.#ring = ring;
  }
}
