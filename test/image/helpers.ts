// Images made by hand, byte by byte, so that the loaders are checked against the formats and not against a tool.

/** Bytes of a list of numbers and strings (ASCII), little endian by the given widths. */
export class Bytes {
  readonly #parts: number[] = [];

  get length(): number {
    return this.#parts.length;
  }

  u8(...values: number[]): this {
    this.#parts.push(...values.map((value) => value & 0xff));
    return this;
  }

  u16(value: number): this {
    return this.u8(value, value >>> 8);
  }

  u32(value: number): this {
    return this.u16(value).u16(value >>> 16);
  }

  u64(value: number | bigint): this {
    const big = BigInt.asUintN(64, BigInt(value));
    return this.u32(Number(big & 0xffffffffn)).u32(Number(big >> 32n));
  }

  text(value: string): this {
    return this.u8(...Buffer.from(value, "latin1"));
  }

  pad(to: number): this {
    while (this.#parts.length < to) this.#parts.push(0);
    return this;
  }

  take(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }
}

export interface ElfOptions {
  bits?: 32 | 64;
  type?: number;
  machine?: number;
  entry?: bigint;
  segments?: { type?: number; vaddr: bigint; paddr: bigint; data: Uint8Array; memorySize?: number; flags?: number }[];
  symbols?: { name: string; value: bigint; size?: number; info: number; shndx?: number }[];
}

/** Writes an ELF file: header, program headers, contents, symbol table, string table, section headers. */
export function makeElf(options: ElfOptions = {}): Uint8Array {
  const bits = options.bits ?? 64;
  const segments = options.segments ?? [
    { vaddr: 0x80000000n, paddr: 0x80000000n, data: Uint8Array.of(0x13, 0, 0, 0), memorySize: 16, flags: 5 },
  ];
  const [headerSize, programSize, sectionSize, symbolSize] = bits === 64 ? [64, 56, 64, 24] : [52, 32, 40, 16];
  const word = (out: Bytes, value: number | bigint): Bytes => (bits === 64 ? out.u64(value) : out.u32(Number(value)));

  const strings = new Bytes().u8(0);
  const symtab = new Bytes().pad(symbolSize);
  for (const symbol of options.symbols ?? []) {
    const name = strings.length;
    strings.text(`${symbol.name}\0`);
    const shndx = symbol.shndx ?? 1;
    if (bits === 64)
      symtab
        .u32(name)
        .u8(symbol.info, 0)
        .u16(shndx)
        .u64(symbol.value)
        .u64(symbol.size ?? 0);
    else
      symtab
        .u32(name)
        .u32(Number(symbol.value))
        .u32(symbol.size ?? 0)
        .u8(symbol.info, 0)
        .u16(shndx);
  }

  let at = headerSize + segments.length * programSize;
  const places = segments.map((segment) => {
    const place = at;
    at += segment.data.length;
    return place;
  });
  const symtabAt = at;
  const strtabAt = symtabAt + symtab.length;
  const sectionsAt = strtabAt + strings.length;

  const out = new Bytes()
    .u8(0x7f)
    .text("ELF")
    .u8(bits === 64 ? 2 : 1, 1, 1)
    .pad(16);
  out
    .u16(options.type ?? 2)
    .u16(options.machine ?? 243)
    .u32(1);
  word(out, options.entry ?? 0x80000000n);
  word(out, headerSize);
  word(out, options.symbols ? sectionsAt : 0);
  out
    .u32(0)
    .u16(headerSize)
    .u16(programSize)
    .u16(segments.length)
    .u16(sectionSize)
    .u16(options.symbols ? 3 : 0)
    .u16(0);
  segments.forEach((segment, i) => {
    const memorySize = segment.memorySize ?? segment.data.length;
    const flags = segment.flags ?? 7;
    out.u32(segment.type ?? 1);
    if (bits === 64) out.u32(flags);
    word(out, places[i] as number);
    word(out, segment.vaddr);
    word(out, segment.paddr);
    word(out, segment.data.length);
    word(out, memorySize);
    if (bits === 32) out.u32(flags);
    word(out, 1);
  });
  for (const segment of segments) out.u8(...segment.data);
  out.u8(...symtab.take()).u8(...strings.take());
  if (options.symbols) {
    const section = (type: number, offset: number, size: number, link: number, entsize: number): void => {
      out.u32(0).u32(type);
      word(out, 0);
      word(out, 0);
      word(out, offset);
      word(out, size);
      out.u32(link).u32(0);
      word(out, 1);
      word(out, entsize);
    };
    section(0, 0, 0, 0, 0);
    section(2, symtabAt, symtab.length, 2, symbolSize);
    section(3, strtabAt, strings.length, 0, 0);
  }
  return out.take();
}

/** A Linux `Image` of `size` bytes. */
export function makeLinux(
  options: { size?: number; imageSize?: number; textOffset?: number; flags?: number; magic2?: number } = {},
): Uint8Array {
  const out = new Bytes()
    .u32(0x0000006f)
    .u32(0)
    .u64(options.textOffset ?? 0x200000)
    .u64(options.imageSize ?? 0x3000)
    .u64(options.flags ?? 0);
  out
    .u32(2)
    .u32(0)
    .u64(0)
    .text("RISCV\0\0\0")
    .u32(options.magic2 ?? 0x05435352)
    .u32(0);
  return out.pad(options.size ?? 0x1000).take();
}

/** One Intel HEX record with its checksum. */
export function ihex(type: number, offset: number, data: number[]): string {
  const bytes = [data.length, offset >>> 8, offset & 0xff, type, ...data];
  const sum = -bytes.reduce((a, b) => a + b, 0) & 0xff;
  return `:${[...bytes, sum].map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join("")}\n`;
}

/** One S-record with its checksum. */
export function srec(type: number, address: number, data: number[] = []): string {
  const width = [2, 2, 3, 4, 0, 2, 3, 4, 3, 2][type] as number;
  const addressBytes = Array.from({ length: width }, (_, i) => Math.floor(address / 256 ** (width - 1 - i)) & 0xff);
  const bytes = [width + data.length + 1, ...addressBytes, ...data];
  const sum = ~bytes.reduce((a, b) => a + b, 0) & 0xff;
  return `S${type}${[...bytes, sum].map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join("")}\n`;
}

export function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
