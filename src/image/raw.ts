// Raw bytes: placed at the address given, entered at its first byte.
import { ADDRESS_LIMIT, ImageError, type LoadedImage } from "./image.js";

/** @throws ImageError when empty or past 2^53 */
export function loadRaw(bytes: Uint8Array, address: number): LoadedImage {
  if (bytes.length === 0) throw new ImageError(0, "the image is empty");
  if (bytes.length > ADDRESS_LIMIT - address) throw new ImageError(0, "the image passes 2^53");
  return {
    kind: "raw",
    entry: address,
    segments: [{ paddr: address, bytes, memorySize: bytes.length }],
    symbols: [],
    relocatable: true,
  };
}
