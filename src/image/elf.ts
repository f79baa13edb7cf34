// ELF32 and ELF64 executables, little endian, RISC-V. Source: System V ABI (gabi) chapters 4 and 5, and the
// RISC-V ELF psABI for e_machine. Loads PT_LOAD segments at p_paddr, and reads .symtab.
import { ADDRESS_LIMIT, hex, ImageError, type ImageSegment, type ImageSymbol, type LoadedImage } from "./image.js";
import { ImageReader } from "./reader.js";

const EM_RISCV = 243;
const ET_EXEC = 2;
const ET_DYN = 3;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const PN_XNUM = 0xffff;

/** More symbols than this are refused: a table is the guest owner's data, our memory is not. */
export const MAX_SYMBOLS = 2_000_000;
/** Sum of the symbol names' lengths. */
export const MAX_SYMBOL_TEXT = 64 << 20;
/** A longer name is cut. */
export const MAX_SYMBOL_NAME = 4096;

/** Where the fields lie in the two classes. Offsets and sizes in bytes. */
interface ElfLayout {
  bits: 32 | 64;
  header: {
    size: number;
    entry: number;
    phoff: number;
    shoff: number;
    phentsize: number;
    phnum: number;
    shentsize: number;
    shnum: number;
  };
  program: { size: number; flags: number; offset: number; vaddr: number; paddr: number; filesz: number; memsz: number };
  section: { size: number; type: number; offset: number; length: number; link: number; info: number; entsize: number };
  symbol: { size: number; name: number; value: number; length: number; info: number; shndx: number };
}

const LAYOUT32: ElfLayout = {
  bits: 32,
  header: { size: 52, entry: 24, phoff: 28, shoff: 32, phentsize: 42, phnum: 44, shentsize: 46, shnum: 48 },
  program: { size: 32, flags: 24, offset: 4, vaddr: 8, paddr: 12, filesz: 16, memsz: 20 },
  section: { size: 40, type: 4, offset: 16, length: 20, link: 24, info: 28, entsize: 36 },
  symbol: { size: 16, name: 0, value: 4, length: 8, info: 12, shndx: 14 },
};

const LAYOUT64: ElfLayout = {
  bits: 64,
  header: { size: 64, entry: 24, phoff: 32, shoff: 40, phentsize: 54, phnum: 56, shentsize: 58, shnum: 60 },
  program: { size: 56, flags: 4, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40 },
  section: { size: 64, type: 4, offset: 24, length: 32, link: 40, info: 44, entsize: 56 },
  symbol: { size: 24, name: 0, value: 8, length: 16, info: 4, shndx: 6 },
};

/** True where the bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Parses an ELF executable.
 * The entry is physical: where e_entry lies in a segment whose p_vaddr and p_paddr differ, it is moved with it.
 * @param address where a position-independent file linked at 0 goes (it relocates itself); 0 leaves it there
 * @throws ImageError
 */
export function loadElf(bytes: Uint8Array, address = 0): LoadedImage {
  const reader = new ImageReader(bytes);
  if (!isElf(bytes)) throw new ImageError(0, "e_ident magic: expected 7f 45 4c 46");
  const elfClass = reader.u8(4, "e_ident class");
  if (elfClass !== 1 && elfClass !== 2)
    throw new ImageError(4, `e_ident class is ${elfClass}, expected 1 (32 bit) or 2 (64 bit)`);
  const data = reader.u8(5, "e_ident data");
  if (data !== 1) throw new ImageError(5, `e_ident data is ${data}, expected 1 (little endian)`);
  const identVersion = reader.u8(6, "e_ident version");
  if (identVersion !== 1) throw new ImageError(6, `e_ident version is ${identVersion}, expected 1`);
  const layout = elfClass === 1 ? LAYOUT32 : LAYOUT64;
  const type = reader.u16(16, "e_type");
  if (type !== ET_EXEC && type !== ET_DYN)
    throw new ImageError(16, `e_type is ${type}, expected 2 (executable) or 3 (position independent)`);
  const machine = reader.u16(18, "e_machine");
  if (machine !== EM_RISCV) throw new ImageError(18, `e_machine is ${machine}, expected ${EM_RISCV} (RISC-V)`);

  const { segments, entry } = readSegments(reader, layout);
  const symbols = readSymbols(reader, layout);
  const image: LoadedImage = { kind: "elf", segments, symbols, relocatable: false };
  if (entry !== undefined) image.entry = entry;
  if (type === ET_DYN && address > 0 && segments.some((segment) => segment.paddr === 0)) {
    image.relocatable = true;
    if (entry !== undefined) image.entry = entry + address;
    for (const segment of segments) {
      if (segment.memorySize > ADDRESS_LIMIT - address - segment.paddr)
        throw new ImageError(0, `a segment passes 2^53 at ${hex(address)}`);
      segment.paddr += address;
    }
    for (const symbol of symbols) symbol.address = BigInt.asUintN(64, symbol.address + BigInt(address));
  }
  return image;
}

/** A field as wide as the class's words, exact as a number. */
function word(reader: ImageReader, layout: ElfLayout, offset: number, field: string): number {
  return layout.bits === 32 ? reader.u32(offset, field) : reader.safe64(offset, field);
}

function wordBig(reader: ImageReader, layout: ElfLayout, offset: number, field: string): bigint {
  return layout.bits === 32 ? BigInt(reader.u32(offset, field)) : reader.u64(offset, field);
}

function readSegments(reader: ImageReader, layout: ElfLayout): { segments: ImageSegment[]; entry: number | undefined } {
  const { header, program } = layout;
  const count = reader.u16(header.phnum, "e_phnum");
  if (count === 0) throw new ImageError(header.phnum, "e_phnum is 0, expected at least one program header");
  if (count === PN_XNUM)
    throw new ImageError(header.phnum, "e_phnum is PN_XNUM: more than 65534 program headers are not supported");
  const entrySize = reader.u16(header.phentsize, "e_phentsize");
  if (entrySize !== program.size)
    throw new ImageError(header.phentsize, `e_phentsize is ${entrySize}, expected ${program.size}`);
  const table = word(reader, layout, header.phoff, "e_phoff");
  reader.slice(table, count * entrySize, header.phoff, "program header table");

  const rawEntry = wordBig(reader, layout, header.entry, "e_entry");
  let entry: number | undefined = rawEntry <= BigInt(ADDRESS_LIMIT) ? Number(rawEntry) : undefined;
  const segments: ImageSegment[] = [];
  for (let i = 0; i < count; i++) {
    const at = table + i * entrySize;
    const name = `program header ${i}`;
    if (reader.u32(at, `${name} p_type`) !== PT_LOAD) continue;
    const offset = word(reader, layout, at + program.offset, `${name} p_offset`);
    const fileSize = word(reader, layout, at + program.filesz, `${name} p_filesz`);
    const memorySize = word(reader, layout, at + program.memsz, `${name} p_memsz`);
    const paddr = word(reader, layout, at + program.paddr, `${name} p_paddr`);
    const vaddr = wordBig(reader, layout, at + program.vaddr, `${name} p_vaddr`);
    const flags = reader.u32(at + program.flags, `${name} p_flags`) & 7;
    if (memorySize < fileSize) {
      throw new ImageError(
        at + program.memsz,
        `${name} p_memsz is ${hex(memorySize)}, expected at least p_filesz (${hex(fileSize)})`,
      );
    }
    if (memorySize > ADDRESS_LIMIT - paddr) {
      throw new ImageError(at + program.memsz, `${name} p_paddr + p_memsz passes 2^53`);
    }
    if (memorySize === 0) continue;
    const content = reader.slice(offset, fileSize, at + program.offset, `${name} (p_offset, p_filesz)`);
    if (rawEntry >= vaddr && rawEntry < vaddr + BigInt(memorySize)) entry = paddr + Number(rawEntry - vaddr);
    segments.push({ paddr, bytes: content, memorySize, flags });
  }
  if (segments.length === 0)
    throw new ImageError(header.phoff, "no program header is PT_LOAD with a size: nothing to load");
  return { segments, entry };
}

/** Functions, objects and untyped labels of every .symtab; stripped files have none. */
function readSymbols(reader: ImageReader, layout: ElfLayout): ImageSymbol[] {
  const { header, section } = layout;
  const table = word(reader, layout, header.shoff, "e_shoff");
  const count = reader.u16(header.shnum, "e_shnum");
  if (table === 0 || count === 0) return [];
  const entrySize = reader.u16(header.shentsize, "e_shentsize");
  if (entrySize !== section.size)
    throw new ImageError(header.shentsize, `e_shentsize is ${entrySize}, expected ${section.size}`);
  reader.slice(table, count * entrySize, header.shoff, "section header table");

  for (let i = 0; i < count; i++) {
    const at = table + i * entrySize;
    if (reader.u32(at + section.type, `section header ${i} sh_type`) !== SHT_SYMTAB) continue;
    // gABI: an object file has at most one SHT_SYMTAB
    return readSymbolTable(reader, layout, { table, count, at, index: i });
  }
  return [];
}

function readSymbolTable(
  reader: ImageReader,
  layout: ElfLayout,
  sections: { table: number; count: number; at: number; index: number },
): ImageSymbol[] {
  const { section, symbol } = layout;
  const { at } = sections;
  const name = `section header ${sections.index} (symtab)`;
  const entrySize = word(reader, layout, at + section.entsize, `${name} sh_entsize`);
  if (entrySize !== symbol.size)
    throw new ImageError(at + section.entsize, `${name} sh_entsize is ${entrySize}, expected ${symbol.size}`);
  const start = word(reader, layout, at + section.offset, `${name} sh_offset`);
  const size = word(reader, layout, at + section.length, `${name} sh_size`);
  reader.slice(start, size, at + section.offset, `${name} (sh_offset, sh_size)`);
  const count = Math.floor(size / symbol.size);
  if (count > MAX_SYMBOLS)
    throw new ImageError(at + section.length, `${name} has ${count} symbols, at most ${MAX_SYMBOLS} are read`);

  const link = reader.u32(at + section.link, `${name} sh_link`);
  if (link >= sections.count)
    throw new ImageError(at + section.link, `${name} sh_link is ${link}, expected a section below ${sections.count}`);
  const stringsAt = sections.table + link * section.size;
  const stringsName = `section header ${link} (strtab)`;
  const stringsType = reader.u32(stringsAt + section.type, `${stringsName} sh_type`);
  if (stringsType !== SHT_STRTAB)
    throw new ImageError(stringsAt + section.type, `${stringsName} sh_type is ${stringsType}, expected ${SHT_STRTAB}`);
  const strings = reader.slice(
    word(reader, layout, stringsAt + section.offset, `${stringsName} sh_offset`),
    word(reader, layout, stringsAt + section.length, `${stringsName} sh_size`),
    stringsAt + section.offset,
    `${stringsName} (sh_offset, sh_size)`,
  );
  const text = Buffer.from(strings.buffer, strings.byteOffset, strings.byteLength);

  const symbols: ImageSymbol[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const entry = start + i * symbol.size;
    const kind = SYMBOL_KINDS[reader.u8(entry + symbol.info, "st_info") & 15];
    const nameAt = reader.u32(entry + symbol.name, "st_name");
    // SHN_UNDEF 0: defined elsewhere; name 0: none
    if (kind === undefined || nameAt === 0 || reader.u16(entry + symbol.shndx, "st_shndx") === 0) continue;
    if (nameAt >= text.length)
      throw new ImageError(
        entry + symbol.name,
        `symbol ${i} st_name is ${nameAt}, expected below the string table's size ${text.length}`,
      );
    let end = nameAt;
    const limit = Math.min(text.length, nameAt + MAX_SYMBOL_NAME);
    while (end < limit && text[end] !== 0) end++;
    total += end - nameAt;
    if (total > MAX_SYMBOL_TEXT)
      throw new ImageError(entry + symbol.name, `symbol names add up to more than ${MAX_SYMBOL_TEXT} bytes`);
    const label = text.toString("latin1", nameAt, end);
    // Mapping symbols and local labels of the assembler name no place a reader wants
    if (label.startsWith("$") || label.startsWith(".L")) continue;
    const length = wordBig(reader, layout, entry + symbol.length, "st_size");
    symbols.push({
      name: label,
      address: wordBig(reader, layout, entry + symbol.value, "st_value"),
      size: length > BigInt(ADDRESS_LIMIT) ? 0 : Number(length),
      kind,
    });
  }
  return symbols;
}

/** By STT_*: NOTYPE 0, OBJECT 1, FUNC 2; sections, files and TLS are left out. */
const SYMBOL_KINDS: readonly (ImageSymbol["kind"] | undefined)[] = ["none", "object", "function"];
