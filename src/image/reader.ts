// Little-endian reads of an image, each checked against its end and named, so that an error can say
// which field was cut off.
import { ADDRESS_LIMIT, hex, ImageError } from "./image.js";

export class ImageReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  #need(offset: number, size: number, field: string): void {
    if (offset < 0 || offset + size > this.length) {
      throw new ImageError(
        Math.min(offset, this.length),
        `${field} ends at ${offset + size}, the image at ${this.length}`,
      );
    }
  }

  u8(offset: number, field: string): number {
    this.#need(offset, 1, field);
    return this.#view.getUint8(offset);
  }

  u16(offset: number, field: string): number {
    this.#need(offset, 2, field);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number, field: string): number {
    this.#need(offset, 4, field);
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number, field: string): bigint {
    this.#need(offset, 8, field);
    return this.#view.getBigUint64(offset, true);
  }

  /** A 64-bit field that has to be exact as a number: sizes, file offsets, physical addresses. */
  safe64(offset: number, field: string): number {
    const value = this.u64(offset, field);
    if (value > BigInt(ADDRESS_LIMIT)) throw new ImageError(offset, `${field} is ${hex(value)}, expected below 2^53`);
    return Number(value);
  }

  /** A view of `size` bytes; `at` is where the numbers came from, for the message. */
  slice(offset: number, size: number, at: number, field: string): Uint8Array {
    if (offset > this.length || size > this.length - offset) {
      throw new ImageError(at, `${field} covers bytes ${offset} to ${offset + size}, the image ends at ${this.length}`);
    }
    return this.bytes.subarray(offset, offset + size);
  }
}
