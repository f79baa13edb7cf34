// What every loader gives back, and the one error they raise.
// Invariant: nothing here or in a loader allocates by a number read from the image; bytes are views of the
// input wherever the format allows it, and zero-fill is a length (`memorySize`), not an array.
import type { ImageKind } from "../machine/description.js";

export type { ImageKind };

/** A run of guest memory an image fills. */
export interface ImageSegment {
  /** Physical address of the first byte; paddr + memorySize is at most 2^53 - 1. */
  paddr: number;
  /** What is stored there; may share memory with the image's bytes, so do not write to it. */
  bytes: Uint8Array;
  /** Bytes occupied; at least bytes.length, the rest is zero. */
  memorySize: number;
  /** ELF p_flags (X 1, W 2, R 4) where the format has them. */
  flags?: number;
}

export interface ImageSymbol {
  name: string;
  /** Virtual address, as linked. */
  address: bigint;
  /** Bytes; 0 where the image does not say. */
  size: number;
  kind: "function" | "object" | "none";
}

/** An image, parsed. */
export interface LoadedImage {
  kind: ImageKind;
  /** Physical address of the first instruction; absent where the format names none. */
  entry?: number;
  segments: ImageSegment[];
  symbols: ImageSymbol[];
  /** True where the caller's address decided the place (raw, linux, position-independent ELF), not the image. */
  relocatable: boolean;
}

/** A malformed image: where (byte offset, after decompression) and what was expected there. */
export class ImageError extends Error {
  readonly offset: number;
  readonly reason: string;
  constructor(offset: number, reason: string, options?: ErrorOptions) {
    super(`offset ${offset} (0x${offset.toString(16)}): ${reason}`, options);
    this.name = "ImageError";
    this.offset = offset;
    this.reason = reason;
  }
}

/** Highest end of a segment: physical addresses are exact JS numbers. */
export const ADDRESS_LIMIT = Number.MAX_SAFE_INTEGER;

/** Hexadecimal with prefix, for messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
