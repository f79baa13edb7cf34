// From a virtual address to its decoded slot where the fetch TLB has the page, as inlined by the interpreter's jumps and by
// regions that go from page to page.
import * as L from "../core/layout.js";
import { OP } from "../wasm/opcodes.js";
import type { Emitter } from "./emitter.js";

/** Pushes the entry of the fetch TLB for the address in local `va`. */
export function tlbEntry(m: Emitter, va: number): void {
  m.get(va);
  m.op(OP.i32_wrap_i64);
  m.i32(12 - L.TLB_ENTRY_BITS);
  m.op(OP.i32_shr_u);
  m.loadState(OP.i32_load, L.FETCH_MASK);
  m.op(OP.i32_and);
  m.loadState(OP.i32_load, L.FETCH_BASE);
  m.op(OP.i32_add);
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
