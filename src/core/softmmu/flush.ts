// TLB flushes: by MMU index, page, address space, and everything; and the size of a table, which is decided when
// it is flushed whole. All work on the current hart unless a hart is named.
import {
  CURRENT_HART,
  DATA_INDEX,
  DATA_MASK,
  DESC_BASE,
  DESC_DIRTY,
  DESC_GLOBALS,
  DESC_LARGE_COUNT,
  DESC_MASK,
  DESC_USED,
  DESC_VICTIM_NEXT,
  DESC_WINDOW_BEGIN,
  DESC_WINDOW_MAX,
  EVENT_TLB_FLUSH,
  EVENT_TOPOLOGY,
  FETCH_INDEX,
  FETCH_MASK,
  FLUSH_SCOPE_ALL,
  FLUSH_SCOPE_ASID,
  FLUSH_SCOPE_INDEX,
  FLUSH_SCOPE_PAGE,
  FLUSH_SCOPE_TOPOLOGY,
  FULL_GLOBAL,
  HART_COUNT,
  MMU_INDEXES,
  PAGE_VALID,
  RESCHEDULE,
  SATP,
  STAT_FLUSH_ALL,
  STAT_FLUSH_ASID,
  STAT_FLUSH_ELIDED,
  STAT_FLUSH_INDEX,
  STAT_FLUSH_PAGE,
  STAT_GROW,
  STAT_LARGE_FLUSH,
  STAT_SHRINK,
  STAT_TOPOLOGY_FLUSH,
  STATE,
  TLB_ARENA,
  TLB_DEFAULT_BITS,
  TLB_DESC,
  TLB_DESC_SIZE,
  TLB_ENTRY_BITS,
  TLB_ENTRY_SIZE,
  TLB_FULL_DELTA,
  TLB_MAX_BITS,
  TLB_MIN_BITS,
  TLB_TABLE_SIZE,
  TOPOLOGY_GENERATION,
  VICTIM_COLD,
  VICTIM_ENTRIES,
  VICTIM_INDEX_SIZE,
  VICTIM_SIZE,
} from "../layout";
import { virtual_ns } from "../hart/clock";
import { hart_address } from "../hart/harts";
import { tell } from "../probe/events";
import { count } from "../stats";
import { in_large_page } from "./large-pages";
import { forget_sections } from "./physical";
import { drop_moved_slots } from "./slots";
import { account, clear_entry, in_use, maps, victims } from "./tlb";

/** Use is judged over this much virtual time, ns. */
const WINDOW_NS: u64 = 100000000;
const GROW_ABOVE: u32 = 70; // percent
const SHRINK_BELOW: u32 = 30;

/** Address of descriptor `index` of hart `h`. */
export function descriptor(h: i32, index: i32): i32 {
  return hart_address(h) + (TLB_DESC - STATE) + index * TLB_DESC_SIZE;
}

/** Empty tables of the default size for hart `h`. */
export function init_tlb(h: i32): void {
  for (let index = 0; index < MMU_INDEXES; index++) {
    const desc = descriptor(h, index);
    memory.fill(desc, 0, TLB_DESC_SIZE);
    store<u32>(desc + DESC_BASE, load<u32>(TLB_ARENA) + (h * MMU_INDEXES + index) * TLB_TABLE_SIZE);
    store<u32>(desc + DESC_MASK, ((1 << TLB_DEFAULT_BITS) - 1) << TLB_ENTRY_BITS);
    store<u64>(desc + DESC_WINDOW_BEGIN, virtual_ns());
    empty(desc, h, index);
  }
}

/** Entries of a table. */
// @ts-ignore: decorator
@inline
export function entries(desc: i32): u32 {
  return (load<u32>(desc + DESC_MASK) >> TLB_ENTRY_BITS) + 1;
}

function empty(desc: i32, h: i32, index: i32): void {
  memory.fill(load<u32>(desc + DESC_BASE), 0xff, entries(desc) << TLB_ENTRY_BITS);
  memory.fill(victims(h, index), 0xff, VICTIM_INDEX_SIZE);
  store<u32>(desc + DESC_USED, 0);
  store<u32>(desc + DESC_GLOBALS, 0);
  store<u32>(desc + DESC_VICTIM_NEXT, 0);
  store<u32>(desc + DESC_DIRTY, 0);
  store<u32>(desc + DESC_LARGE_COUNT, 0);
}

/**
 * The size the table ought to have: doubled as soon as more than 70 % were in use; after a window with never more
 * than 30 %, the power of two that holds the window's maximum at 70 % or less. Moves the window on.
 */
function wanted_entries(desc: i32): u32 {
  const now = virtual_ns();
  const expired = now - load<u64>(desc + DESC_WINDOW_BEGIN) > WINDOW_NS;
  const used = load<u32>(desc + DESC_USED);
  const old = entries(desc);
  const most = max(load<u32>(desc + DESC_WINDOW_MAX), used);
  store<u32>(desc + DESC_WINDOW_MAX, most);
  const rate = (most * 100) / old;
  let size = old;
  if (rate > GROW_ABOVE) {
    size = min(old << 1, 1 << TLB_MAX_BITS);
  } else if (rate < SHRINK_BELOW && expired) {
    let fits: u32 = most <= 1 ? 1 : 1 << (32 - clz<u32>(most - 1));
    if ((most * 100) / fits > GROW_ABOVE) fits <<= 1;
    size = max(fits, 1 << TLB_MIN_BITS);
  }
  if (size != old || expired) {
    store<u64>(desc + DESC_WINDOW_BEGIN, now);
    store<u32>(desc + DESC_WINDOW_MAX, size != old ? 0 : used);
  }
  return size;
}

function resize(desc: i32, h: i32): void {
  const old = entries(desc);
  const size = wanted_entries(desc);
  if (size == old) return;
  count(size > old ? STAT_GROW : STAT_SHRINK);
  store<u32>(desc + DESC_MASK, (size - 1) << TLB_ENTRY_BITS);
  refresh_masks(hart_address(h));
}

/** Copies the tables' sizes of the hart at `hart` to where generated code reads them. */
function refresh_masks(hart: i32): void {
  const moved = hart - STATE;
  const descs = TLB_DESC + moved;
  store<u32>(DATA_MASK + moved, load<u32>(descs + load<u32>(DATA_INDEX + moved) * TLB_DESC_SIZE + DESC_MASK));
  store<u32>(FETCH_MASK + moved, load<u32>(descs + load<u32>(FETCH_INDEX + moved) * TLB_DESC_SIZE + DESC_MASK));
}

/** Flushes one index of hart `h`; nothing to do if nothing was put in since its last flush. */
function flush_index(h: i32, index: i32): void {
  const desc = descriptor(h, index);
  if (!load<u32>(desc + DESC_DIRTY)) {
    count(STAT_FLUSH_ELIDED);
    return;
  }
  count(STAT_FLUSH_INDEX);
  resize(desc, h);
  empty(desc, h, index);
}

/**
 * The current hart's fetch translation may be another now: generated code must leave and look it up again. PAGE_VA and
 * PAGE_SLOTS stay: the instruction in flight still finds its pc through them.
 */
function refetch(): void {
  store<u32>(PAGE_VALID, 0);
  store<u32>(RESCHEDULE, 1);
}

/** Flushes all indexes of hart `h`, of every hart for -1. */
export function flush_all(h: i32): void {
  count(STAT_FLUSH_ALL);
  tell(EVENT_TLB_FLUSH, 0, 0, FLUSH_SCOPE_ALL, 0);
  const harts = load<i32>(HART_COUNT);
  for (let i = 0; i < harts; i++) {
    if (h >= 0 && h != i) continue;
    for (let index = 0; index < MMU_INDEXES; index++) flush_index(i, index);
  }
  refetch();
}

/** Flushes the indexes that page tables reach: all but M. */
export function flush_translations(): void {
  const h = load<i32>(CURRENT_HART);
  count(STAT_FLUSH_ALL);
  tell(EVENT_TLB_FLUSH, 0, 0, FLUSH_SCOPE_INDEX, 0);
  for (let index = 0; index < 3; index++) flush_index(h, index);
  refetch();
}

/** Flushes the page at `va`; with `keep_global` only mappings that are not global. */
export function flush_page(va: u64, keep_global: bool): void {
  count(STAT_FLUSH_PAGE);
  tell(EVENT_TLB_FLUSH, va, 0, FLUSH_SCOPE_PAGE, 0);
  const h = load<i32>(CURRENT_HART);
  const page = va & ~0xfff;
  for (let index = 0; index < 3; index++) {
    const desc = descriptor(h, index);
    if (!load<u32>(desc + DESC_DIRTY)) continue;
    if (in_large_page(desc, va)) {
      count(STAT_LARGE_FLUSH);
      flush_index(h, index);
      continue;
    }
    const entry = load<i32>(desc + DESC_BASE) + (<i32>(va >> 7) & load<i32>(desc + DESC_MASK));
    const cold = entry + TLB_FULL_DELTA;
    if (maps(entry, page) && !(keep_global && load<u8>(cold + FULL_GLOBAL))) {
      account(desc, cold, -1);
      clear_entry(entry);
    }
    const victim = victims(h, index);
    for (let i = 0; i < VICTIM_ENTRIES; i++) {
      const v = victim + i * VICTIM_SIZE;
      if (maps(v, page) && !(keep_global && load<u8>(v + VICTIM_COLD + FULL_GLOBAL))) clear_entry(v);
    }
  }
  refetch();
}

/**
 * Flushes what belongs to address space `asid` alone. Only the current one is ever in the TLB, because a change
 * of satp flushes the one before.
 */
export function flush_asid(asid: u32): void {
  count(STAT_FLUSH_ASID);
  if (asid != <u32>((load<u64>(SATP) >> 44) & 0xffff)) {
    count(STAT_FLUSH_ELIDED);
    return;
  }
  flush_non_global();
}

/** Flushes every mapping that is not global. */
export function flush_non_global(): void {
  const h = load<i32>(CURRENT_HART);
  tell(EVENT_TLB_FLUSH, 0, 0, FLUSH_SCOPE_ASID, <u32>((load<u64>(SATP) >> 44) & 0xffff));
  for (let index = 0; index < 3; index++) {
    const desc = descriptor(h, index);
    if (!load<u32>(desc + DESC_DIRTY)) {
      count(STAT_FLUSH_ELIDED);
      continue;
    }
    const globals = load<u32>(desc + DESC_GLOBALS);
    // a table that ought to change its size is flushed whole, or kernels that keep global pages would never get there
    const old = entries(desc);
    resize(desc, h);
    if (!globals || entries(desc) != old) {
      count(STAT_FLUSH_INDEX);
      empty(desc, h, index);
      continue;
    }
    if (globals != load<u32>(desc + DESC_USED)) drop_non_global(desc);
    const victim = victims(h, index);
    for (let i = 0; i < VICTIM_ENTRIES; i++) {
      const v = victim + i * VICTIM_SIZE;
      if (!load<u8>(v + VICTIM_COLD + FULL_GLOBAL)) clear_entry(v);
    }
  }
  refetch();
}

function drop_non_global(desc: i32): void {
  let entry = load<i32>(desc + DESC_BASE);
  const end = entry + (<i32>entries(desc) << TLB_ENTRY_BITS);
  for (; entry < end; entry += TLB_ENTRY_SIZE) {
    if (in_use(entry) && !load<u8>(entry + TLB_FULL_DELTA + FULL_GLOBAL)) clear_entry(entry);
  }
  store<u32>(desc + DESC_USED, load<u32>(desc + DESC_GLOBALS));
}

/**
 * The host wrote a new flat view (and counted TOPOLOGY_GENERATION up). May be called from inside a device access: everything the access in flight
 * still needs has been captured by value.
 */
export function topology_changed(): void {
  count(STAT_TOPOLOGY_FLUSH);
  tell(EVENT_TLB_FLUSH, 0, 0, FLUSH_SCOPE_TOPOLOGY, 0);
  tell(EVENT_TOPOLOGY, 0, 0, load<u32>(TOPOLOGY_GENERATION), 0);
  forget_sections();
  flush_all(-1);
  drop_moved_slots();
}
