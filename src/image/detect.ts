// Which kind an image is, and one call that loads any of them, plain or gzip.
import { isElf, loadElf } from "./elf.js";
import { GZIP_OUTPUT_LIMIT, gunzip, isGzip } from "./gzip.js";
import { isIhex, loadIhex } from "./ihex.js";
import type { ImageKind, LoadedImage } from "./image.js";
import { isLinux, loadLinux } from "./linux.js";
import { loadRaw } from "./raw.js";
import { isSrec, loadSrec } from "./srec.js";

export interface LoadOptions {
  /** Given kind; detected when absent. */
  kind?: ImageKind;
  /** Where images without an address of their own (raw, linux, position-independent ELF linked at 0) go; 0 when absent. */
  address?: number;
  /** Bound of the decompressed size, bytes. */
  limit?: number;
}

/** The kind of an image that is not compressed; what nothing recognises is raw. */
export function detectKind(bytes: Uint8Array): ImageKind {
  if (isElf(bytes)) return "elf";
  if (isLinux(bytes)) return "linux";
  if (isIhex(bytes)) return "ihex";
  if (isSrec(bytes)) return "srec";
  return "raw";
}

/** What a listing shows of an image: compression and the kind inside. @throws ImageError where decompression fails */
export function describeImage(
  bytes: Uint8Array,
  limit: number = GZIP_OUTPUT_LIMIT,
): { kind: ImageKind; gzip: boolean; size: number } {
  const gzip = isGzip(bytes);
  const plain = gzip ? gunzip(bytes, limit) : bytes;
  return { kind: detectKind(plain), gzip, size: plain.length };
}

/**
 * Loads an image of any kind; a gzip wrapper is taken off first, whatever the kind.
 * @throws ImageError
 */
export function loadImage(bytes: Uint8Array, options: LoadOptions = {}): LoadedImage {
  const plain = isGzip(bytes) ? gunzip(bytes, options.limit) : bytes;
  const address = options.address ?? 0;
  switch (options.kind ?? detectKind(plain)) {
    case "elf":
      return loadElf(plain, address);
    case "linux":
      return loadLinux(plain, address);
    case "ihex":
      return loadIhex(plain);
    case "srec":
      return loadSrec(plain);
    case "raw":
      return loadRaw(plain, address);
  }
}
