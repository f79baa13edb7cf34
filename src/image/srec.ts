// Motorola S-records, S0 to S9. Source: the `srec` manual page of the 1984 UNIX release and the M68000 family
// programmer's reference, appendix C. S4 is reserved.
import { hex, ImageError, type LoadedImage } from "./image.js";
import { digitOf, RecordReader, SegmentBuilder } from "./records.js";

/** True where the first non-blank characters are `S`, a digit and two hexadecimal digits. */
export function isSrec(bytes: Uint8Array): boolean {
  let i = 0;
  while (i < bytes.length && i < 4096 && (bytes[i] as number) <= 0x20) i++;
  const type = bytes[i + 1] ?? 0;
  return (
    bytes[i] === 0x53 &&
    type >= 0x30 &&
    type <= 0x39 &&
    digitOf(bytes[i + 2] ?? 0) >= 0 &&
    digitOf(bytes[i + 3] ?? 0) >= 0
  );
}

/** Address bytes by record type; 0 is the reserved S4. */
const ADDRESS_BYTES = [2, 2, 3, 4, 0, 2, 3, 4, 3, 2] as const;

/**
 * Parses an S-record file. A start address of 0 that no data covers is the usual way to say "none", and gives no entry.
 * @throws ImageError
 */
export function loadSrec(bytes: Uint8Array): LoadedImage {
  const reader = new RecordReader(bytes);
  const builder = new SegmentBuilder(bytes.length);
  let dataRecords = 0;
  let start: number | undefined;

  while (reader.nextLine()) {
    const at = reader.position;
    if (start !== undefined) throw new ImageError(at, "content after the termination record");
    if (reader.character("record mark") !== "S") throw new ImageError(at, 'expected a record mark ("S")');
    const digit = reader.character("record type");
    const type = digit >= "0" && digit <= "9" ? Number(digit) : -1;
    const width = ADDRESS_BYTES[type];
    if (width === undefined || width === 0)
      throw new ImageError(at + 1, `record type is "${digit}", expected 0 to 9 except 4`);
    const count = reader.byte("byte count");
    if (count < width + 1)
      throw new ImageError(at + 2, `byte count is ${count}, expected at least ${width + 1} for S${type}`);
    const isData = type >= 1 && type <= 3;
    if (!isData && type !== 0 && count !== width + 1)
      throw new ImageError(at + 2, `byte count is ${count}, expected ${width + 1} for S${type}`);

    let sum = count;
    let address = 0;
    for (let i = 0; i < width; i++) {
      const byte = reader.byte("address");
      sum += byte;
      address = address * 256 + byte;
    }
    if (isData) builder.begin(address, at);
    for (let i = width + 1; i < count; i++) {
      const byte = reader.byte("data");
      sum += byte;
      if (isData) builder.push(byte);
    }
    const checksumAt = reader.position;
    const checksum = reader.byte("checksum");
    if (((sum + checksum) & 0xff) !== 0xff)
      throw new ImageError(checksumAt, `checksum is ${hex(checksum)}, expected ${hex(~sum & 0xff)}`);
    reader.endOfLine();

    if (isData) dataRecords++;
    else if (type === 5 || type === 6) {
      const expected = dataRecords % 2 ** (8 * width);
      if (address !== expected)
        throw new ImageError(at + 4, `S${type} counts ${address} data records, the file has ${expected}`);
    } else if (type >= 7) start = address;
  }
  if (start === undefined)
    throw new ImageError(bytes.length, "the file ends without a termination record (S7, S8 or S9)");
  const segments = builder.finish();
  const image: LoadedImage = { kind: "srec", segments, symbols: [], relocatable: false };
  const entry = start;
  if (entry !== 0 || segments.some((segment) => segment.paddr === 0)) image.entry = entry;
  return image;
}
