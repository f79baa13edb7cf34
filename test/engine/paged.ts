// What guests in S-mode under Sv39 begin with: some pages at PAGED, RAM where it lies.
import type { Assembler, Label } from "./assembler.js";
import { RAM } from "./machines.js";

const PAGE = 4096;
/** Virtual address of the first page. */
export const PAGED = 0x4000_0000;

/** Entry of a page that anything may be done with. */
export const leaf = (physical: number): bigint => (BigInt(physical) >> 2n) | 0xcfn;
const branch = (table: number): bigint => (BigInt(table) >> 2n) | 1n;

/** Page tables to lie at `at`; `pages` are physical, 0 where none is mapped. */
export function pageTables(at: number, pages: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(3 * PAGE);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8 * 2, leaf(RAM), true);
  view.setBigUint64(8 * 1, branch(at + PAGE), true);
  view.setBigUint64(PAGE, branch(at + 2 * PAGE), true);
  for (const [n, physical] of pages.entries())
    if (physical !== 0) view.setBigUint64(2 * PAGE + 8 * n, leaf(physical), true);
  return bytes;
}

/** From M-mode to `to` in S-mode; register `scratch` is used. */
export function enterSupervisor(a: Assembler, tables: number, to: Label, scratch: number): void {
  a.csrli(0x3b0, -1);
  a.csrli(0x3a0, 0x1f);
  a.csrli(0x180, (8n << 60n) | (BigInt(tables) >> 12n));
  a.csrli(0x300, 1n << 11n);
  a.la(scratch, to);
  a.csrw(0x341, scratch);
  a.word(0x3020_0073);
}
