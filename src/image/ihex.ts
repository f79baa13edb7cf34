// Intel HEX, record types 00 to 05. Source: Intel, Hexadecimal Object File Format Specification, revision A (1988).
import { hex, ImageError, type LoadedImage } from "./image.js";
import { digitOf, RecordReader, SegmentBuilder } from "./records.js";

/** True where the first non-blank characters are `:` and two hexadecimal digits. */
export function isIhex(bytes: Uint8Array): boolean {
  let i = 0;
  while (i < bytes.length && i < 4096 && (bytes[i] as number) <= 0x20) i++;
  return bytes[i] === 0x3a && digitOf(bytes[i + 1] ?? 0) >= 0 && digitOf(bytes[i + 2] ?? 0) >= 0;
}

/** Data bytes each record type carries; -1 is any number. */
const LENGTHS = [-1, 0, 2, 4, 2, 4] as const;

/** @throws ImageError */
export function loadIhex(bytes: Uint8Array): LoadedImage {
  const reader = new RecordReader(bytes);
  const builder = new SegmentBuilder(bytes.length);
  let base = 0;
  let wrap = 0x10000; // offsets wrap in 64 KiB under a segment base, in 4 GiB under a linear one
  let linear = false;
  let entry: number | undefined;
  let ended = false;

  while (reader.nextLine()) {
    const start = reader.position;
    if (ended) throw new ImageError(start, "content after the end-of-file record");
    if (reader.character("record mark") !== ":") throw new ImageError(start, 'expected a record mark (":")');
    const length = reader.byte("record length");
    const high = reader.byte("load offset");
    const low = reader.byte("load offset");
    const offset = (high << 8) | low;
    const typeAt = reader.position;
    const type = reader.byte("record type");
    const expected = LENGTHS[type];
    if (expected === undefined) throw new ImageError(typeAt, `record type is ${type}, expected 0 to 5`);
    if (expected >= 0 && length !== expected)
      throw new ImageError(start + 1, `record length is ${length}, expected ${expected} for type ${type}`);

    let sum = length + high + low + type;
    let value = 0;
    if (type === 0) {
      let place = placeOf(base, offset, wrap, linear);
      builder.begin(place, start);
      for (let i = 0; i < length; i++) {
        const byte = reader.byte("data");
        sum += byte;
        const here = placeOf(base, offset + i, wrap, linear);
        if (here !== place) builder.begin(here, start);
        builder.push(byte);
        place = here + 1;
      }
    } else {
      for (let i = 0; i < length; i++) {
        const byte = reader.byte("data");
        sum += byte;
        value = value * 256 + byte;
      }
    }
    const checksumAt = reader.position;
    const checksum = reader.byte("checksum");
    if (((sum + checksum) & 0xff) !== 0)
      throw new ImageError(checksumAt, `checksum is ${hex(checksum)}, expected ${hex(-sum & 0xff)}`);
    reader.endOfLine();

    if (type === 1) ended = true;
    else if (type === 2) [base, wrap, linear] = [value * 16, 0x10000, false];
    else if (type === 3)
      entry = Math.floor(value / 0x10000) * 16 + (value & 0xffff); // CS:IP
    else if (type === 4) [base, wrap, linear] = [value * 0x10000, 0x100000000, true];
    else if (type === 5) entry = value;
  }
  if (!ended) throw new ImageError(bytes.length, "the file ends without an end-of-file record (type 1)");
  const image: LoadedImage = { kind: "ihex", segments: builder.finish(), symbols: [], relocatable: false };
  if (entry !== undefined) image.entry = entry;
  return image;
}

function placeOf(base: number, offset: number, wrap: number, linear: boolean): number {
  return linear ? (base + offset) % wrap : base + (offset % wrap);
}
