// What a disk holds: an image that is never written, and an overlay of the chunks that were.
// The overlay is sparse and has a budget; the image may be shared between sessions.

export const SECTOR_SIZE = 512;
/** Bytes of an overlay chunk. */
export const CHUNK_SIZE = 65536;
/** Default bound of the overlay, bytes. */
export const OVERLAY_LIMIT = 512 << 20;

export class BlockStore {
  readonly #image: Uint8Array;
  readonly #chunks = new Map<number, Uint8Array>();
  readonly #limit: number;
  readonly readOnly: boolean;
  /** Sectors; an image that ends inside a sector is padded with zeros. */
  readonly sectors: number;

  /** @param limit most bytes the overlay may take */
  constructor(image: Uint8Array, readOnly: boolean, limit: number = OVERLAY_LIMIT) {
    this.#image = image;
    this.readOnly = readOnly;
    this.#limit = limit;
    this.sectors = Math.ceil(image.length / SECTOR_SIZE);
  }

  /** Bytes the overlay takes now. */
  get overlayBytes(): number {
    return this.#chunks.size * CHUNK_SIZE;
  }

  /** Whether `length` bytes at byte `offset` are inside the disk. */
  contains(offset: number, length: number): boolean {
    return offset >= 0 && length >= 0 && offset + length <= this.sectors * SECTOR_SIZE;
  }

  /** Copies bytes out; [offset, offset + length) must be inside the disk. */
  read(offset: number, length: number): Uint8Array {
    const result = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const index = Math.floor(at / CHUNK_SIZE);
      const within = at - index * CHUNK_SIZE;
      const take = Math.min(length - done, CHUNK_SIZE - within);
      const chunk = this.#chunks.get(index);
      result.set(
        chunk === undefined ? this.#image.subarray(at, at + take) : chunk.subarray(within, within + take),
        done,
      );
      done += take;
    }
    return result;
  }

  /** Stores bytes in the overlay; false, and nothing changed, where the store is read-only or its budget used up. */
  write(offset: number, bytes: Uint8Array): boolean {
    return this.#each(offset, bytes.length, (chunk, within, at, take) => {
      chunk.set(bytes.subarray(at - offset, at - offset + take), within);
    });
  }

  /** Stores zeros, as write(). */
  zero(offset: number, length: number): boolean {
    return this.#each(offset, length, (chunk, within, _at, take) => {
      chunk.fill(0, within, within + take);
    });
  }

  #each(
    offset: number,
    length: number,
    change: (chunk: Uint8Array, within: number, at: number, take: number) => void,
  ): boolean {
    if (this.readOnly) return false;
    if (length === 0) return true;
    const first = Math.floor(offset / CHUNK_SIZE);
    const last = Math.floor((offset + length - 1) / CHUNK_SIZE);
    let fresh = 0;
    for (let index = first; index <= last; index++) if (!this.#chunks.has(index)) fresh++;
    if (this.overlayBytes + fresh * CHUNK_SIZE > this.#limit) return false;
    for (let index = first; index <= last; index++) {
      const start = index * CHUNK_SIZE;
      let chunk = this.#chunks.get(index);
      if (chunk === undefined) {
        chunk = new Uint8Array(CHUNK_SIZE);
        chunk.set(this.#image.subarray(start, start + CHUNK_SIZE));
        this.#chunks.set(index, chunk);
      }
      const from = Math.max(offset, start);
      const to = Math.min(offset + length, start + CHUNK_SIZE);
      change(chunk, from - start, from, to - from);
    }
    return true;
  }
}
