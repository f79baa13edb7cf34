// Linux boot executable `Image` for RISC-V. Source: Documentation/arch/riscv/boot-image-header.rst.
// The image runs where it is put (2 MiB aligned on RV64); its header says how much memory it takes with its bss.
import { ADDRESS_LIMIT, hex, ImageError, type LoadedImage } from "./image.js";
import { ImageReader } from "./reader.js";

const HEADER_SIZE = 64;
const TEXT_OFFSET = 8; //   u64: load offset from the start of RAM
const IMAGE_SIZE = 16; //   u64: bytes occupied, with bss
const FLAGS = 24; //        u64: bit 0 big endian
const MAGIC2 = 56; //       "RSC\x05"
const MAGIC2_VALUE = 0x05435352;

/** Fields of the header. */
export interface LinuxHeader {
  /** Offset from the start of RAM the image asks for (0x200000 on RV64). */
  textOffset: number;
  /** Bytes occupied from the load address on, bss included; 0 in very old kernels. */
  imageSize: number;
  flags: bigint;
}

/** True where the second magic number is in its place. */
export function isLinux(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_SIZE && new ImageReader(bytes).u32(MAGIC2, "magic2") === MAGIC2_VALUE;
}

/** @throws ImageError */
export function readLinuxHeader(bytes: Uint8Array): LinuxHeader {
  const reader = new ImageReader(bytes);
  const magic = reader.u32(MAGIC2, "magic2");
  if (magic !== MAGIC2_VALUE)
    throw new ImageError(MAGIC2, `magic2 is ${hex(magic)}, expected ${hex(MAGIC2_VALUE)} ("RSC\\x05")`);
  const textOffset = reader.safe64(TEXT_OFFSET, "text_offset");
  const imageSize = reader.safe64(IMAGE_SIZE, "image_size");
  const flags = reader.u64(FLAGS, "flags");
  if ((flags & 1n) !== 0n) throw new ImageError(FLAGS, "flags bit 0 is 1 (big endian kernel), expected 0");
  return { textOffset, imageSize, flags };
}

/**
 * Parses an `Image`, placed at physical `address`.
 * @throws ImageError
 */
export function loadLinux(bytes: Uint8Array, address: number): LoadedImage {
  const header = readLinuxHeader(bytes);
  const memorySize = Math.max(header.imageSize, bytes.length);
  if (memorySize > ADDRESS_LIMIT - address)
    throw new ImageError(IMAGE_SIZE, `image_size ${hex(header.imageSize)} passes 2^53 at ${hex(address)}`);
  return {
    kind: "linux",
    entry: address,
    segments: [{ paddr: address, bytes, memorySize }],
    symbols: [],
    relocatable: true,
  };
}
