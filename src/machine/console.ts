// A console between its device and whoever types and reads: bytes out at once, bytes in queued until the device has room.
import type { ConsolePort } from "../devices/device.js";

export class Console implements ConsolePort {
  readonly #emit: (byte: number) => void;
  #queue: number[] = [];
  #read = 0;
  #listener: (() => void) | undefined;

  constructor(emit: (byte: number) => void) {
    this.#emit = emit;
  }

  output(byte: number): void {
    this.#emit(byte);
  }

  input(): number | undefined {
    if (this.#read === this.#queue.length) return undefined;
    const byte = this.#queue[this.#read++];
    if (this.#read === this.#queue.length) {
      this.#queue = [];
      this.#read = 0;
    }
    return byte;
  }

  onInput(callback: () => void): void {
    this.#listener = callback;
  }

  /** Bytes the device has not taken yet. */
  get pending(): number {
    return this.#queue.length - this.#read;
  }

  /** Queues input and tells the device. */
  type(bytes: Uint8Array): void {
    for (const byte of bytes) this.#queue.push(byte);
    this.#listener?.();
  }

  clear(): void {
    this.#queue = [];
    this.#read = 0;
  }
}
