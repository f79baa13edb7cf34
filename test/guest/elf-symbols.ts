// Just enough of ELF64 to change a variable in a guest program before it is loaded.

/** A copy of the program with the 64-bit variable `name` set. Throws when there is no such symbol in a loaded segment. */
export function withVariable(elf: Uint8Array, name: string, value: bigint): Uint8Array {
  const copy = elf.slice();
  const view = new DataView(copy.buffer);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const sections = u64(0x28);
  const sectionSize = view.getUint16(0x3a, true);
  for (let n = 0; n < view.getUint16(0x3c, true); n++) {
    const section = sections + n * sectionSize;
    if (view.getUint32(section + 4, true) !== 2) continue; // SHT_SYMTAB
    const strings = u64(sections + view.getUint32(section + 0x28, true) * sectionSize + 0x18);
    for (let at = u64(section + 0x18); at < u64(section + 0x18) + u64(section + 0x20); at += 24) {
      const text = strings + view.getUint32(at, true);
      if (Buffer.from(copy.subarray(text, copy.indexOf(0, text))).toString() !== name) continue;
      view.setBigUint64(fileOffset(view, u64(at + 8)), value, true);
      return copy;
    }
  }
  throw new Error(`no symbol ${name}`);
}

function fileOffset(view: DataView, address: number): number {
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  for (let n = 0; n < view.getUint16(0x38, true); n++) {
    const header = u64(0x20) + n * view.getUint16(0x36, true);
    const start = u64(header + 0x10);
    if (address >= start && address < start + u64(header + 0x20)) return u64(header + 8) + address - start;
  }
  throw new Error("the address is in no segment's file part");
}
