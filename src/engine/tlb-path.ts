// What the interpreter and regions inline of a look into a TLB: from a virtual address to its entry, what an access compares with the
// tag there, and where a jump goes whose page the fetch TLB has.
import * as L from "../core/layout.js";
import { OP } from "../wasm/opcodes.js";
import type { Emitter } from "./emitter.js";

const PAGE_MASK = -4096;
const FETCH_TLB = { mask: L.FETCH_MASK, base: L.FETCH_BASE };
const DATA_TLB = { mask: L.DATA_MASK, base: L.DATA_BASE };

/** Pushes the entry of the fetch TLB for the address in local `va`. */
export const tlbEntry = (m: Emitter, va: number): void => entryOf(m, va, FETCH_TLB);

function entryOf(m: Emitter, va: number, { mask, base }: typeof FETCH_TLB): void {
  m.get(va);
  m.op(OP.i32_wrap_i64);
  m.i32(12 - L.TLB_ENTRY_BITS);
  m.op(OP.i32_shr_u);
  m.loadState(OP.i32_load, mask);
  m.op(OP.i32_and);
  m.loadState(OP.i32_load, base);
  m.op(OP.i32_add);
}
/**
 * Leaves the entry of the data TLB for an access to the address in local `va` in local `entry`, and pushes the word at `tag` in it and
 * what that is where the access may be settled inline. `size` in bytes: a power of two where it has to be `aligned`.
 */
export function accessTags(
  m: Emitter,
  va: number,
  entry: number,
  access: { size: number; tag: number; aligned: boolean },
): void {
  const { size, tag, aligned } = access;
  entryOf(m, va, DATA_TLB);
  m.tee(entry);
  m.memory(OP.i64_load, tag);
  m.get(va);
  if (aligned) m.i64(PAGE_MASK | (size - 1));
  else {
    // a page-crossing access sees the next page's address here, which cannot match
    if (size > 1) {
      m.i64(size - 1);
      m.op(OP.i64_add);
    }
    m.i64(PAGE_MASK);
  }
  m.op(OP.i64_and);
}
/** Pushes the slot of the address in local `va`, those of its page being in local `slots`. */
export function slotOf(m: Emitter, va: number, slots: number): void {
  m.get(va);
  m.op(OP.i32_wrap_i64);
  m.i32(0xffe);
  m.op(OP.i32_and);
  m.i32(3);
  m.op(OP.i32_shl);
  m.get(slots);
  m.op(OP.i32_add);
}
