// A growing byte buffer with the encodings of the WebAssembly binary format (core spec 5.2: LEB128, vectors, names).

const encoder = new TextEncoder();

export class Bytes {
  private buffer: Uint8Array;
  length = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  private reserve(more: number): void {
    const need = this.length + more;
    if (need <= this.buffer.length) return;
    let capacity = this.buffer.length * 2;
    while (capacity < need) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  u8(value: number): void {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** Empties the buffer, which keeps its capacity. */
  clear(): void {
    this.length = 0;
  }

  /** Unsigned LEB128 of a 32-bit value. */
  u32(value: number): void {
    let v = value >>> 0;
    while (v > 0x7f) {
      this.u8((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    this.u8(v);
  }

  /** Signed LEB128 of a 32-bit value. */
  i32(value: number): void {
    let v = value | 0;
    while (v < -0x40 || v > 0x3f) {
      this.u8((v & 0x7f) | 0x80);
      v >>= 7;
    }
    this.u8(v & 0x7f);
  }

  /** Signed LEB128 of a 64-bit value; numbers must be safe integers. */
  i64(value: bigint | number): void {
    if (typeof value === "number") {
      if (value === (value | 0)) {
        this.i32(value);
        return;
      }
      value = BigInt(value);
    }
    let v = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(v & 0x7fn);
      v >>= 7n;
      if ((v === 0n && (low & 0x40) === 0) || (v === -1n && (low & 0x40) !== 0)) {
        this.u8(low);
        return;
      }
      this.u8(low | 0x80);
    }
  }

  name(text: string): void {
    const bytes = encoder.encode(text);
    this.u32(bytes.length);
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  take(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}
