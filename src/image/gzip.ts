// gzip (RFC 1952) around any image, with a bound on what comes out.
import { gunzipSync } from "node:zlib";
import { ImageError } from "./image.js";

/** Default bound of the decompressed size, bytes. */
export const GZIP_OUTPUT_LIMIT = 1 << 30;

/** True where the bytes begin as a gzip member with the deflate method. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/**
 * Decompresses a gzip file (all members).
 * @param limit largest result, bytes
 * @throws ImageError; `offset` counts compressed bytes, and is the file's length where it was cut short
 */
export function gunzip(bytes: Uint8Array, limit: number = GZIP_OUTPUT_LIMIT): Uint8Array {
  if (!isGzip(bytes)) throw new ImageError(0, "gzip header: expected 1f 8b 08");
  try {
    const result = gunzipSync(bytes, { maxOutputLength: Math.max(1, limit) });
    return new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
  } catch (cause) {
    const code = (cause as { code?: string }).code;
    if (code === "ERR_BUFFER_TOO_LARGE")
      throw new ImageError(0, `gzip: the content is larger than the limit of ${limit} bytes`, { cause });
    if (code === "Z_BUF_ERROR")
      throw new ImageError(bytes.length, "gzip: the file ends inside the compressed data", { cause });
    if (code?.startsWith("Z_")) throw new ImageError(0, `gzip: ${(cause as Error).message}`, { cause });
    throw cause;
  }
}
