// Reads the encodings of the WebAssembly binary format from bytes nobody vouches for: whatever they are, a read gives a
// value or throws a WasmPluginError that says where, and always moves on.
import { WasmPluginError } from "./errors.js";

export class Cursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;
  /** What is being read, for messages. */
  private readonly what: string;

  constructor(bytes: Uint8Array, at: number, end: number, what: string) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.what = what;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  fail(problem: string): never {
    throw new WasmPluginError("malformed", `${this.what}, byte ${this.at}: ${problem}`);
  }

  u8(): number {
    if (this.at >= this.end) this.fail("ends too early");
    return this.bytes[this.at++] as number;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      if (shift === 28 && byte > 0x0f) this.fail("number does not fit 32 bits");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    return this.fail("number is too long");
  }

  /** Passes over a signed LEB128 of at most `bits` bits. */
  skipSigned(bits: number): void {
    for (let left = Math.ceil(bits / 7); left > 0; left--) if (this.u8() < 0x80) return;
    this.fail("number is too long");
  }

  /** Signed LEB128 of at most 32 bits. */
  i32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      return shift < 28 && (byte & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
    return this.fail("number is too long");
  }

  skip(count: number): void {
    if (count > this.end - this.at) this.fail("ends too early");
    this.at += count;
  }

  /** The next `count` bytes as a cursor of their own. */
  part(count: number, what: string): Cursor {
    const from = this.at;
    this.skip(count);
    return new Cursor(this.bytes, from, this.at, what);
  }

  take(count: number): Uint8Array {
    const from = this.at;
    this.skip(count);
    return this.bytes.subarray(from, this.at);
  }

  name(): string {
    const bytes = this.take(this.u32());
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return this.fail("name is not UTF-8");
    }
  }

  /** Length of a vector whose elements take at least one byte each. */
  count(): number {
    const count = this.u32();
    if (count > this.end - this.at) this.fail(`${count} elements do not fit`);
    return count;
  }
}
