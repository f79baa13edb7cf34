// The plugin's linear memory as the host reads and writes it. Every range a plugin names is checked; one outside its memory
// ends the plugin as the same access by its own code would. Long ranges are paid for with its fuel.

export class PluginMemoryFault extends Error {
  constructor(address: number, length: number, size: number) {
    super(
      `${length} bytes at 0x${address.toString(16)} are not inside the plugin's memory of 0x${size.toString(16)} bytes`,
    );
    this.name = "PluginMemoryFault";
  }
}

const FREE = 4096;
const BYTES_PER_UNIT = 128;

export class PluginMemory {
  readonly #memory: WebAssembly.Memory;
  readonly #pay: (units: number) => void;
  #bytes = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();

  constructor(memory: WebAssembly.Memory, pay: (units: number) => void) {
    this.#memory = memory;
    this.#pay = pay;
  }

  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Checks a range and returns its address, unsigned. @throws PluginMemoryFault */
  check(address: number, length: number): number {
    const from = address >>> 0;
    if (this.#bytes.buffer !== this.#memory.buffer) {
      this.#bytes = new Uint8Array(this.#memory.buffer);
      this.#view = new DataView(this.#memory.buffer);
    }
    if (length > this.#bytes.length - from) throw new PluginMemoryFault(from, length, this.#bytes.length);
    return from;
  }

  /** The bytes themselves, until the plugin runs again. */
  bytes(address: number, length: number): Uint8Array {
    const count = length >>> 0;
    const from = this.check(address, count);
    if (count > FREE) this.#pay(Math.ceil(count / BYTES_PER_UNIT));
    return this.#bytes.subarray(from, from + count);
  }

  text(address: number, length: number): string {
    return this.#decoder.decode(this.bytes(address, length));
  }

  write(address: number, bytes: Uint8Array): void {
    this.bytes(address, bytes.length).set(bytes);
  }

  /** A string with a NUL behind it, cut where it does not fit; returns its whole length, -1 for none. */
  writeString(address: number, room: number, text: string | undefined): number {
    if (text === undefined) return -1;
    const count = room >>> 0;
    const bytes = this.#encoder.encode(text);
    if (count === 0) return bytes.length;
    const from = this.check(address, count);
    const length = Math.min(bytes.length, count - 1);
    this.#bytes.set(bytes.subarray(0, length), from);
    this.#bytes[from + length] = 0;
    return bytes.length;
  }

  u8(address: number, value: number): void {
    this.#bytes[this.check(address, 1)] = value;
  }

  u16(address: number, value: number): void {
    this.#view.setUint16(this.check(address, 2), value, true);
  }

  u32(address: number, value: number): void {
    const at = this.check(address, 4);
    this.#view.setUint32(at, value, true);
  }

  u64(address: number, value: bigint): void {
    const at = this.check(address, 8);
    this.#view.setBigUint64(at, value, true);
  }

  readU32(address: number): number {
    const at = this.check(address, 4);
    return this.#view.getUint32(at, true);
  }

  readU64(address: number): bigint {
    const at = this.check(address, 8);
    return this.#view.getBigUint64(at, true);
  }
}
