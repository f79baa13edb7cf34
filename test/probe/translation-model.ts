// Which blocks are translated, and when, told from a run without plugins: addresses of the instructions, and what was stored.
// Nothing of it is from the engine but the number of stores after which a page counts as data.
import type { Expected } from "../machine/remap/model.js";

const PAGE = 4096;
const MOST = 512;
/** Stores into a page that has code until all of its code is forgotten, unless it runs there (core/softmmu/slots.ts). */
const STORES_TO_FORGET = 64;

interface Block {
  readonly paddr: number;
  /** Bytes. */
  readonly size: number;
  readonly text: string;
}

/** Whether control, privilege or what is executed may be another behind it; bits as fetched. */
function ends(bits: number): boolean {
  if ((bits & 3) === 3) {
    const opcode = bits & 0x7f;
    if ([0x63, 0x67, 0x6f].includes(opcode)) return true; // branches, jalr, jal
    if (opcode === 0x0f) return ((bits >>> 12) & 7) === 1; // fence.i
    return opcode === 0x73 && bits !== 0x10500073 && bits >>> 25 !== 9; // system, but for wfi and sfence.vma
  }
  const [quadrant, funct] = [bits & 3, (bits >> 13) & 7];
  if (quadrant === 1) return funct >= 5; // c.j, c.beqz, c.bnez
  return quadrant === 2 && funct === 4 && ((bits >> 2) & 31) === 0; // c.jr, c.jalr, c.ebreak
}

export class TranslationModel {
  /** Blocks in the order they were translated: address, physical address, bytes. */
  readonly translated: string[] = [];
  readonly #read: (paddr: number, size: number) => Uint8Array;
  readonly #blocks = new Map<string, Block>();
  /** Stores into each page that has code. */
  readonly #pages = new Map<number, number>();
  /** Where the next instruction is, if it is of the block that was entered last. */
  #inside: { block: Block; next: bigint; end: bigint } | undefined;
  #page = -1;

  constructor(read: (paddr: number, size: number) => Uint8Array) {
    this.#read = read;
  }

  /** The instruction at `pc` is about to be executed. */
  execute(pc: bigint, paddr: number): void {
    this.#page = Math.floor(paddr / PAGE);
    if (!this.#pages.has(this.#page)) this.#pages.set(this.#page, 0);
    if (this.#inside?.next !== pc) {
      const block = this.#blockAt(pc, paddr);
      this.#inside = { block, next: pc, end: pc + BigInt(block.size) };
    }
    const inside = this.#inside;
    inside.next += BigInt(this.#length(paddr));
    if (inside.next >= inside.end) this.#inside = undefined;
  }

  /** The instruction executed last has stored there. */
  store(paddr: number, size: number): void {
    const page = Math.floor(paddr / PAGE);
    const stores = this.#pages.get(page);
    if (stores === undefined) return;
    this.#forget(paddr, size);
    this.#pages.set(page, stores + 1);
    if (stores + 1 >= STORES_TO_FORGET && page !== this.#page) this.moved(page * PAGE, PAGE);
  }

  /** Other memory is at these addresses now, or what is there counts as data. */
  moved(paddr: number, size: number): void {
    this.#forget(paddr, size);
    for (let page = paddr / PAGE; page < (paddr + size) / PAGE; page++) this.#pages.delete(page);
  }

  #forget(paddr: number, size: number): void {
    const meets = (block: Block): boolean => block.paddr < paddr + size && paddr < block.paddr + block.size;
    for (const [key, block] of this.#blocks) if (meets(block)) this.#blocks.delete(key);
    // what is left of a block that was written to is another block
    if (this.#inside && meets(this.#inside.block)) this.#inside = undefined;
  }

  #length(paddr: number): number {
    return ((this.#read(paddr, 1)[0] as number) & 3) === 3 ? 4 : 2;
  }

  #blockAt(pc: bigint, paddr: number): Block {
    const key = `${pc} ${paddr}`;
    const known = this.#blocks.get(key);
    if (known) return known;
    const bytes = Buffer.from(this.#read(paddr, PAGE - (paddr % PAGE)));
    let size = 0;
    for (let count = 0; count < MOST && size < bytes.length; count++) {
      const low = bytes.readUInt16LE(size);
      const long = (low & 3) === 3;
      if (long && size + 2 === bytes.length) break;
      const bits = long ? bytes.readUInt32LE(size) : low;
      size += long ? 4 : 2;
      if (ends(bits)) break;
    }
    const text = `0x${pc.toString(16)} 0x${paddr.toString(16)} ${bytes.subarray(0, size).toString("hex")}`;
    const block = { paddr, size, text };
    this.#blocks.set(key, block);
    this.translated.push(text);
    return block;
  }
}

/** Stores of a run by the count of instructions before the one that made them. */
export function storesByInstruction(records: readonly Expected[]): Map<number, Expected[]> {
  const stores = new Map<number, Expected[]>();
  for (const record of records) {
    if (!/store|amo-write|write/.test(record.kind)) continue;
    stores.set(record.icount, [...(stores.get(record.icount) ?? []), record]);
  }
  return stores;
}
