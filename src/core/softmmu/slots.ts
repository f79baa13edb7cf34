// Decoded slots: one op per halfword of a physical page, made by the interpreter's decode handler, found by
// physical page, and dropped when the page is written. While a page has slots, every TLB entry that maps it
// carries TLB_FLAG_CODE on its write tag, so that stores to it come through here.
import {
  DESC_BASE,
  DESC_DIRTY,
  FETCH_BASE,
  FETCH_MASK,
  FULL_SLOTS,
  HANDLER_DECODE,
  HANDLER_PAGE_END,
  HART_COUNT,
  INTEREST_UNKNOWN,
  MMU_INDEXES,
  PAGE_SLOTS,
  PAGE_VA,
  PAGE_VALID,
  SLOT_ARENA,
  SLOT_FREE,
  SLOT_GUARD,
  SLOT_HANDLER,
  SLOT_MAP,
  SLOT_PAGE_HOST,
  SLOT_PAGE_INTEREST,
  SLOT_PAGE_JIT,
  SLOT_PAGE_NEXT,
  SLOT_PAGE_PPN,
  SLOT_PAGE_SIZE,
  SLOT_PAGE_WRITES,
  SLOT_PAGES,
  SLOT_SIZE,
  SLOT_USED,
  STAT_CODE_INVALIDATE,
  TLB_ENTRY_SIZE,
  TLB_FLAG_CODE,
  TLB_FULL_DELTA,
  TLB_PPN,
  TLB_WRITE,
  VICTIM_COLD,
  VICTIM_ENTRIES,
  VICTIM_SIZE,
} from "../layout";
import { code_invalidate } from "../env";
import { count } from "../stats";
import { descriptor, entries } from "./flush";
import { host_address } from "./physical";
import { map_bytes, put_slots, remove_slots, slots_of } from "./slot-map";
import { EMPTY, victims } from "./tlb";

/** Stores into a page after which it is taken for data: its slots go, and stores to it are fast again. */
const WRITES_TO_DROP: u32 = 64;
/** In the place of a physical page: that of slots which stand for none. */
const NO_PAGE: u32 = 0xffffffff;

export function init_slots(): void {
  store<u32>(SLOT_USED, 0);
  store<u32>(SLOT_FREE, 0);
  memory.fill(load<i32>(SLOT_MAP), 0, map_bytes());
}

/** The page that serves code which must be translated at every instruction; the arena's last. */
function step_page(): i32 {
  return load<i32>(SLOT_ARENA) + (load<i32>(SLOT_PAGES) - 1) * SLOT_PAGE_SIZE;
}

/** Slots of physical page `ppn`, made empty if there are none. When the arena is full, every page loses its slots. */
export function slots_for(ppn: u32): i32 {
  const known = slots_of(ppn);
  if (known) return known;
  let slots = load<i32>(SLOT_FREE);
  if (slots) store<u32>(SLOT_FREE, load<u32>(slots + SLOT_PAGE_NEXT));
  else {
    if (load<u32>(SLOT_USED) >= load<u32>(SLOT_PAGES) - 1) drop_all_slots();
    const used = load<u32>(SLOT_USED);
    slots = load<i32>(SLOT_ARENA) + used * SLOT_PAGE_SIZE;
    store<u32>(SLOT_USED, used + 1);
  }
  memory.fill(slots, 0, SLOT_PAGE_SIZE);
  set_guards(slots);
  store<u32>(slots + SLOT_PAGE_PPN, ppn);
  store<u32>(slots + SLOT_PAGE_HOST, host_address(<u64>ppn << 12, 4096));
  put_slots(ppn, slots);
  mark_page(ppn, true);
  return slots;
}

function set_guards(slots: i32): void {
  store<u32>(slots + SLOT_GUARD + SLOT_HANDLER, HANDLER_PAGE_END);
  store<u32>(slots + SLOT_GUARD + SLOT_SIZE + SLOT_HANDLER, HANDLER_PAGE_END);
}

/** The step page, ready to execute the one instruction at `va`; the caller runs a slice of 1. Sets PAGE_VA and PAGE_SLOTS. */
export function slots_for_step(va: u64): i32 {
  const slots = step_page();
  set_guards(slots);
  store<u32>(slots + ((<i32>va & 0xffe) << 3) + SLOT_HANDLER, HANDLER_DECODE);
  // find_code() has just filled the entry
  const ppn = load<u32>(load<i32>(FETCH_BASE) + (<i32>(va >> 7) & load<i32>(FETCH_MASK)) + TLB_PPN);
  store<u32>(slots + SLOT_PAGE_PPN, ppn);
  store<u64>(PAGE_VA, va & ~0xfff);
  store<i32>(PAGE_SLOTS, slots);
  store<u32>(PAGE_VALID, 0);
  return slots;
}

/** Forgets all decoded code. Slot pages keep their bytes until used again: the instruction in flight still reads its op. */
export function drop_all_slots(): void {
  init_slots();
  store<u32>(PAGE_VALID, 0);
  const harts = load<i32>(HART_COUNT);
  for (let h = 0; h < harts; h++) {
    for (let index = 0; index < MMU_INDEXES; index++) mark_index(h, index, 0, true, false);
  }
  code_invalidate(-1, 0, 0);
}

/**
 * After a change of the flat view: forgets the code of pages that are other memory now, or none. All TLBs must
 * have been flushed.
 */
export function drop_moved_slots(): void {
  const used = load<i32>(SLOT_USED);
  for (let i = 0; i < used; i++) {
    const slots = load<i32>(SLOT_ARENA) + i * SLOT_PAGE_SIZE;
    const ppn = load<u32>(slots + SLOT_PAGE_PPN);
    // not of this page any more: on the free list
    if (slots_of(ppn) != slots) continue;
    if (host_address(<u64>ppn << 12, 0x1000) == load<i32>(slots + SLOT_PAGE_HOST)) continue;
    if (load<u32>(slots + SLOT_PAGE_JIT)) code_invalidate(ppn, 0, 0x1000);
    drop_slots(ppn, slots);
  }
}

/** Forgets the code of one page that nobody executes just now. */
function drop_slots(ppn: u32, slots: i32): void {
  remove_slots(ppn);
  mark_page(ppn, false);
  // places of it may wait to be compiled: nobody may take it for the page's any more
  store<u32>(slots + SLOT_PAGE_PPN, NO_PAGE);
  store<u32>(slots + SLOT_PAGE_NEXT, load<u32>(SLOT_FREE));
  store<i32>(SLOT_FREE, slots);
}

/** Sets or clears CODE in every entry of every hart that maps physical page `ppn`. */
function mark_page(ppn: u32, code: bool): void {
  const harts = load<i32>(HART_COUNT);
  for (let h = 0; h < harts; h++) {
    for (let index = 0; index < MMU_INDEXES; index++) mark_index(h, index, ppn, false, code);
  }
}

function mark_index(h: i32, index: i32, ppn: u32, every: bool, code: bool): void {
  const desc = descriptor(h, index);
  if (!load<u32>(desc + DESC_DIRTY)) return;
  let entry = load<i32>(desc + DESC_BASE);
  const end = entry + <i32>(entries(desc) * TLB_ENTRY_SIZE);
  for (; entry < end; entry += TLB_ENTRY_SIZE) {
    if (every || load<u32>(entry + TLB_PPN) == ppn) mark_entry(entry, entry + TLB_FULL_DELTA, code);
  }
  const victim = victims(h, index);
  for (let i = 0; i < VICTIM_ENTRIES; i++) {
    const v = victim + i * VICTIM_SIZE;
    if (every || load<u32>(v + TLB_PPN) == ppn) mark_entry(v, v + VICTIM_COLD, code);
  }
}

function mark_entry(entry: i32, cold: i32, code: bool): void {
  if (load<u32>(entry + TLB_PPN) == 0xffffffff) return;
  const tag = load<u64>(entry + TLB_WRITE);
  if (tag != EMPTY) store<u64>(entry + TLB_WRITE, code ? tag | TLB_FLAG_CODE : tag & ~<u64>TLB_FLAG_CODE);
  if (!code) store<u32>(cold + FULL_SLOTS, 0);
}

/** Has every page looked up anew when it is fetched from next, and forgets what was said of plugins' interest in it. */
export function forget_interest(): void {
  const used = load<i32>(SLOT_USED);
  for (let i = 0; i < used; i++)
    store<u32>(load<i32>(SLOT_ARENA) + i * SLOT_PAGE_SIZE + SLOT_PAGE_INTEREST, INTEREST_UNKNOWN);
  const harts = load<i32>(HART_COUNT);
  for (let h = 0; h < harts; h++) {
    for (let index = 0; index < MMU_INDEXES; index++) forget_in_index(h, index);
  }
}

function forget_in_index(h: i32, index: i32): void {
  const desc = descriptor(h, index);
  if (!load<u32>(desc + DESC_DIRTY)) return;
  let entry = load<i32>(desc + DESC_BASE);
  const end = entry + <i32>(entries(desc) * TLB_ENTRY_SIZE);
  for (; entry < end; entry += TLB_ENTRY_SIZE) store<u32>(entry + TLB_FULL_DELTA + FULL_SLOTS, 0);
  const victim = victims(h, index);
  for (let i = 0; i < VICTIM_ENTRIES; i++) store<u32>(victim + i * VICTIM_SIZE + VICTIM_COLD + FULL_SLOTS, 0);
}

/**
 * Bytes [paddr, paddr + size) of guest memory are about to change or have changed (stores, atomics, DMA, tools): the
 * ops over them, and the op before that may reach into them, are decoded again.
 */
export function code_written(paddr: u64, size: i32): void {
  while (size > 0) {
    const offset = <i32>paddr & 0xfff;
    const here = min(size, 0x1000 - offset);
    written_in_page(<u32>(paddr >> 12), offset, here);
    paddr += here;
    size -= here;
  }
}

function written_in_page(ppn: u32, offset: i32, size: i32): void {
  const slots = slots_of(ppn);
  if (!slots) return;
  count(STAT_CODE_INVALIDATE);
  const first = max((offset >> 1) - 1, 0);
  const last = (offset + size - 1) >> 1;
  for (let i = first; i <= last; i++) store<u32>(slots + i * SLOT_SIZE + SLOT_HANDLER, HANDLER_DECODE);
  if (load<u32>(slots + SLOT_PAGE_JIT)) code_invalidate(ppn, offset, size);
  const writes = load<u32>(slots + SLOT_PAGE_WRITES) + 1;
  store<u32>(slots + SLOT_PAGE_WRITES, writes);
  if (writes >= WRITES_TO_DROP && slots != load<i32>(PAGE_SLOTS)) {
    if (load<u32>(slots + SLOT_PAGE_JIT)) code_invalidate(ppn, 0, 0x1000);
    drop_slots(ppn, slots);
  }
}
