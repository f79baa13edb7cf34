// What Intel HEX and Motorola S-records share: lines of hexadecimal bytes, and segments built from data records.
import { hex, ImageError, type ImageSegment } from "./image.js";

/** A cursor over the lines of a hexadecimal record file. Offsets are bytes of the file. */
export class RecordReader {
  readonly #bytes: Uint8Array;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Skips blank lines and line ends; false at the end of the file. */
  nextLine(): boolean {
    while (this.position < this.#bytes.length && isSpace(this.#bytes[this.position] as number)) this.position++;
    return this.position < this.#bytes.length;
  }

  /** Takes one character as it is. */
  character(field: string): string {
    const code = this.#bytes[this.position];
    if (code === undefined) throw new ImageError(this.position, `${field}: the file ends`);
    this.position++;
    return String.fromCharCode(code);
  }

  /** Takes two hexadecimal digits. */
  byte(field: string): number {
    return (this.#digit(field) << 4) | this.#digit(field);
  }

  #digit(field: string): number {
    const code = this.#bytes[this.position];
    if (code === undefined) throw new ImageError(this.position, `${field}: the file ends inside the record`);
    const digit = digitOf(code);
    if (digit < 0) {
      const shown = code > 0x20 && code < 0x7f ? `"${String.fromCharCode(code)}"` : `byte ${hex(code)}`;
      throw new ImageError(this.position, `${field}: ${shown} is not a hexadecimal digit`);
    }
    this.position++;
    return digit;
  }

  /** Only blanks may follow up to the end of the line. */
  endOfLine(): void {
    while (this.position < this.#bytes.length) {
      const code = this.#bytes[this.position] as number;
      if (code === 0x0a || code === 0x0d) return;
      if (!isSpace(code)) throw new ImageError(this.position, "the record is longer than its length byte says");
      this.position++;
    }
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0x1a; // 0x1a: end-of-file mark of old tools
}

/** Value of a hexadecimal digit, -1 for anything else. */
export function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

interface Piece {
  address: number;
  start: number; //  in the builder's buffer
  length: number;
  offset: number; // of its record in the file
}

/** Collects data records and joins neighbours into segments. */
export class SegmentBuilder {
  readonly #buffer: Uint8Array;
  readonly #pieces: Piece[] = [];
  #used = 0;

  /** @param fileSize bytes of the record file; two digits make a byte, so half of it holds all data */
  constructor(fileSize: number) {
    this.#buffer = new Uint8Array((fileSize >> 1) + 1);
  }

  /** Opens a data record; its bytes follow with push(). */
  begin(address: number, offset: number): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.address + last.length === address) return;
    this.#pieces.push({ address, start: this.#used, length: 0, offset });
  }

  push(byte: number): void {
    this.#buffer[this.#used++] = byte;
    (this.#pieces.at(-1) as Piece).length++;
  }

  /** @throws ImageError where two records fill the same byte, or none has data */
  finish(): ImageSegment[] {
    const pieces = this.#pieces
      .filter((piece) => piece.length > 0)
      .sort((a, b) => a.address - b.address || a.offset - b.offset);
    const segments: ImageSegment[] = [];
    for (let i = 0; i < pieces.length; ) {
      const first = pieces[i] as Piece;
      let end = first.address + first.length;
      let next = i + 1;
      while (next < pieces.length) {
        const piece = pieces[next] as Piece;
        if (piece.address > end) break;
        if (piece.address < end) {
          const later = Math.max(piece.offset, (pieces[next - 1] as Piece).offset);
          throw new ImageError(later, `address ${hex(piece.address)} is filled by two records`);
        }
        end = piece.address + piece.length;
        next++;
      }
      let bytes = this.#buffer.subarray(first.start, first.start + first.length);
      if (next > i + 1) {
        bytes = new Uint8Array(end - first.address);
        for (const piece of pieces.slice(i, next))
          bytes.set(this.#buffer.subarray(piece.start, piece.start + piece.length), piece.address - first.address);
      }
      segments.push({ paddr: first.address, bytes, memorySize: bytes.length });
      i = next;
    }
    if (segments.length === 0) throw new ImageError(0, "no data record: nothing to load");
    return segments;
  }
}
