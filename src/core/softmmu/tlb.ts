// One direct-mapped TLB per hart and MMU index, with eight victims each. An entry's hot half holds the tags and
// addends generated code compares and adds; its cold half, at a fixed distance, holds what the access resolves to.
// A tag is the page's virtual address with TLB_FLAG_* below; all ones is "no permission".
import {
  CURRENT_HART,
  DATA_INDEX,
  DESC_BASE,
  DESC_DIRTY,
  DESC_GLOBALS,
  DESC_MASK,
  DESC_USED,
  DESC_VICTIM_NEXT,
  EVENT_TLB_FILL,
  FETCH_INDEX,
  FULL_ASID,
  FULL_DEVICE,
  FULL_GLOBAL,
  FULL_KIND,
  FULL_OFFSET,
  FULL_PAGE_BITS,
  FULL_PROT,
  FULL_REGION,
  FULL_SECTION,
  FULL_SLOTS,
  SATP,
  SECTION_DEVICE,
  SECTION_END,
  SECTION_HOST,
  SECTION_IO,
  SECTION_KIND,
  SECTION_OFFSET,
  SECTION_REGION,
  SECTION_ROM,
  SECTION_SIZE,
  SECTION_START,
  SECTIONS,
  STAT_FILL,
  STAT_MISS,
  STAT_SLOW_HIT,
  STAT_VICTIM_HIT,
  TLB_ADDEND,
  TLB_CODE,
  TLB_DESC,
  TLB_DESC_SIZE,
  TLB_ENTRY_SIZE,
  TLB_FLAG_CODE,
  TLB_FLAG_DISCARD,
  TLB_FLAG_INVALID,
  TLB_FLAG_MMIO,
  TLB_FULL_DELTA,
  TLB_PPN,
  TLB_READ,
  TLB_WRITE,
  TRACE_ACTIVE,
  VICTIM,
  VICTIM_COLD,
  VICTIM_ENTRIES,
  VICTIM_HART_SIZE,
  VICTIM_INDEX_SIZE,
  VICTIM_SIZE,
} from "../layout";
import { ACCESS_FETCH } from "../hart/privileged-constants";
import { access_fault, raise } from "../hart/raise";
import { tell } from "../probe/events";
import { count } from "../stats";
import { record_unassigned } from "./capture";
import { add_large_page } from "./large-pages";
import { section_of } from "./physical";
import { PROT_R, PROT_W, PROT_X } from "./pmp";
import { slots_of } from "./slot-map";
import { is_global, page_bits, paddr, partial, prot, translate, walked } from "./translate";
import { update_entry } from "./walk";

export const EMPTY: u64 = 0xffffffffffffffff;
const PAGE: u64 = 0xfffffffffffff000;
/** A tag hits when its page matches and INVALID is clear; other flags do not matter to the slow path. */
const HIT: u64 = PAGE | TLB_FLAG_INVALID;

export function victims(hart: i32, index: i32): i32 {
  return VICTIM + hart * VICTIM_HART_SIZE + index * VICTIM_INDEX_SIZE;
}

/**
 * Hot half of an entry good for `size` bytes at `va` (inside one page), from the table, the victims or a page
 * walk; 0 when a trap is pending instead. The entry is good until anything else touches the TLB.
 */
export function entry_for(va: u64, size: i32, access: i32): i32 {
  const index = access == ACCESS_FETCH ? load<u32>(FETCH_INDEX) : load<u32>(DATA_INDEX);
  const desc = TLB_DESC + index * TLB_DESC_SIZE;
  const entry = load<i32>(desc + DESC_BASE) + ((<i32>(va >> 7)) & load<i32>(desc + DESC_MASK));
  const page = va & PAGE;
  const tag = access << 3;
  if ((load<u64>(entry + tag) & HIT) == page) {
    count(STAT_SLOW_HIT);
    return entry;
  }
  count(STAT_MISS);
  const victim = victims(load<i32>(CURRENT_HART), index);
  for (let i = 0; i < VICTIM_ENTRIES; i++) {
    const v = victim + i * VICTIM_SIZE;
    if ((load<u64>(v + tag) & HIT) == page) {
      count(STAT_VICTIM_HIT);
      swap(desc, entry, v);
      return entry;
    }
  }
  return fill(va, size, access, index, desc, entry) ? entry : 0;
}

/** Whether the entry holds any mapping. */
// @ts-ignore: decorator
@inline
export function in_use(entry: i32): bool {
  return (load<u64>(entry + TLB_READ) & load<u64>(entry + TLB_WRITE) & load<u64>(entry + TLB_CODE)) != EMPTY;
}

/** Whether the entry maps `page`, for any kind of access. */
export function maps(entry: i32, page: u64): bool {
  const read = load<u64>(entry + TLB_READ);
  const write = load<u64>(entry + TLB_WRITE);
  const code = load<u64>(entry + TLB_CODE);
  return (
    (read != EMPTY && (read & PAGE) == page) ||
    (write != EMPTY && (write & PAGE) == page) ||
    (code != EMPTY && (code & PAGE) == page)
  );
}

/** Empties an entry. All ones in the physical page too, so that look-ups by it pass over. */
// @ts-ignore: decorator
@inline
export function clear_entry(entry: i32): void {
  store<u64>(entry + TLB_READ, EMPTY);
  store<u64>(entry + TLB_WRITE, EMPTY);
  store<u64>(entry + TLB_CODE, EMPTY);
  store<u64>(entry + TLB_ADDEND, EMPTY);
}

/** Keeps the counts of a descriptor while entry goes out of (-1) or into (+1) the table. */
// @ts-ignore: decorator
@inline
export function account(desc: i32, cold: i32, by: i32): void {
  store<i32>(desc + DESC_USED, load<i32>(desc + DESC_USED) + by);
  if (load<u8>(cold + FULL_GLOBAL)) store<i32>(desc + DESC_GLOBALS, load<i32>(desc + DESC_GLOBALS) + by);
}

function swap(desc: i32, entry: i32, victim: i32): void {
  const cold = entry + TLB_FULL_DELTA;
  if (in_use(entry)) account(desc, cold, -1);
  for (let i = 0; i < TLB_ENTRY_SIZE; i += 8) {
    const hot = load<u64>(entry + i);
    store<u64>(entry + i, load<u64>(victim + i));
    store<u64>(victim + i, hot);
    const full = load<u64>(cold + i);
    store<u64>(cold + i, load<u64>(victim + VICTIM_COLD + i));
    store<u64>(victim + VICTIM_COLD + i, full);
  }
  account(desc, cold, 1);
}

function evict(desc: i32, index: i32, entry: i32): void {
  const next = load<i32>(desc + DESC_VICTIM_NEXT);
  store<i32>(desc + DESC_VICTIM_NEXT, (next + 1) & (VICTIM_ENTRIES - 1));
  const victim = victims(load<i32>(CURRENT_HART), index) + next * VICTIM_SIZE;
  memory.copy(victim, entry, TLB_ENTRY_SIZE);
  memory.copy(victim + VICTIM_COLD, entry + TLB_FULL_DELTA, TLB_ENTRY_SIZE);
}

/** Translates and writes `entry`; false when a trap is pending instead. */
function fill(va: u64, size: i32, access: i32, index: i32, desc: i32, entry: i32): bool {
  const cause = translate(va, size, access, index, false);
  if (cause) {
    raise(cause, va);
    return false;
  }
  const section = section_of(paddr);
  if (!section) {
    // above 2^44 nothing can be mapped either: entries have 32 bits for the page number
    if (load<u32>(TRACE_ACTIVE)) record_unassigned(va, paddr, size, access);
    raise(access_fault(access), va);
    return false;
  }
  const page = va & PAGE;
  const physical = paddr & PAGE;
  const start = load<u64>(section + SECTION_START);
  const whole = start <= physical && load<u64>(section + SECTION_END) - physical >= 0x1000;
  const kind = load<i32>(section + SECTION_KIND);
  if (access == ACCESS_FETCH && kind == SECTION_IO) {
    if (load<u32>(TRACE_ACTIVE)) record_unassigned(va, paddr, size, access);
    raise(access_fault(access), va);
    return false;
  }
  if (walked) update_entry(va);
  count(STAT_FILL);
  store<u32>(desc + DESC_DIRTY, 1);
  if (page_bits > 12) add_large_page(desc, va, page_bits);

  // one entry per page: the victims must not keep an older one
  const victim = victims(load<i32>(CURRENT_HART), index);
  for (let i = 0; i < VICTIM_ENTRIES; i++) {
    const v = victim + i * VICTIM_SIZE;
    if (maps(v, page)) clear_entry(v);
  }
  const cold = entry + TLB_FULL_DELTA;
  if (in_use(entry)) {
    account(desc, cold, -1);
    if (!maps(entry, page)) evict(desc, index, entry);
  }

  const ppn = <u32>(physical >> 12);
  let flags: u64 = partial ? TLB_FLAG_INVALID : 0;
  let read = flags;
  let write = flags;
  let code = flags;
  let addend = 0;
  let executable = prot & PROT_X;
  if (!whole) {
    // each access finds its section itself, and code runs one instruction at a time
    read |= TLB_FLAG_MMIO;
    write |= TLB_FLAG_MMIO;
    code |= TLB_FLAG_MMIO | TLB_FLAG_INVALID;
    if (access != ACCESS_FETCH) executable = 0;
  } else if (kind == SECTION_IO) {
    read |= TLB_FLAG_MMIO;
    write |= TLB_FLAG_MMIO;
    executable = 0;
  } else {
    addend = load<i32>(section + SECTION_HOST) + <i32>(physical - start) - <i32>page;
    if (kind == SECTION_ROM) write |= TLB_FLAG_DISCARD;
    else if (slots_of(ppn)) write |= TLB_FLAG_CODE;
  }
  store<u64>(entry + TLB_READ, prot & PROT_R ? page | read : EMPTY);
  store<u64>(entry + TLB_WRITE, prot & PROT_W ? page | write : EMPTY);
  store<u64>(entry + TLB_CODE, executable ? page | code : EMPTY);
  store<i32>(entry + TLB_ADDEND, addend);
  store<u32>(entry + TLB_PPN, ppn);

  store<u64>(cold + FULL_OFFSET, whole ? load<u64>(section + SECTION_OFFSET) + (physical - start) : 0);
  store<u32>(cold + FULL_REGION, whole ? load<u32>(section + SECTION_REGION) : 0);
  store<u32>(cold + FULL_DEVICE, whole ? load<u32>(section + SECTION_DEVICE) : 0);
  store<u32>(cold + FULL_SLOTS, 0);
  store<u16>(cold + FULL_ASID, <u16>(load<u64>(SATP) >> 44));
  store<u8>(cold + FULL_GLOBAL, is_global ? 1 : 0);
  store<u8>(cold + FULL_PAGE_BITS, <u8>page_bits);
  store<u8>(cold + FULL_PROT, <u8>prot);
  store<u8>(cold + FULL_KIND, <u8>kind);
  store<i32>(cold + FULL_SECTION, whole ? (section - SECTIONS) / SECTION_SIZE : -1);
  account(desc, cold, 1);
  tell(EVENT_TLB_FILL, va, (<u64>ppn << 12) | (va & 0xfff), page_bits, index);
  return true;
}
