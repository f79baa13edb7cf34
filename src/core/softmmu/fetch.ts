// Instruction fetch: from virtual address to decoded slots, and single halfwords for the decoder.
import {
  FETCH_BASE,
  FETCH_MASK,
  FULL_SECTION,
  FULL_SLOTS,
  PAGE_SLOTS,
  PAGE_VA,
  PAGE_VALID,
  PROBE_PAGES,
  RESCHEDULE,
  TLB_ADDEND,
  TLB_CODE,
  TLB_FLAG_INVALID,
  TLB_FULL_DELTA,
  TLB_PPN,
} from "../layout";
import { probe_page } from "../env";
import { no_block } from "../probe/pages";
import { ACCESS_FETCH, CAUSE_FETCH_ACCESS } from "../hart/privileged-constants";
import { raise } from "../hart/raise";
import { host_address } from "./physical";
import { slots_for } from "./slots";
import { entry_for } from "./tlb";

/**
 * lookup_code() at the start of a slice. Where the slice before was cut must not show: a page that is still being executed
 * is not looked up again, so that neither TLB nor page tables notice.
 */
export function lookup_again(pc: u64): i32 {
  if (load<u32>(PAGE_VALID) && load<u64>(PAGE_VA) == (pc & ~0xfff)) return load<i32>(PAGE_SLOTS);
  return lookup_code(pc);
}

/**
 * Address of the decoded slots of the physical page that holds `va`; sets PAGE_VA and PAGE_SLOTS. 0: the engine stores
 * `va` as PC and leaves; either a trap is pending, or the page must be translated at every instruction (a PMP or
 * section boundary lies in it) and the run loop goes on one instruction at a time.
 */
export function lookup_code(va: u64): i32 {
  const entry = load<i32>(FETCH_BASE) + (<i32>(va >> 7) & load<i32>(FETCH_MASK));
  const page = va & ~0xfff;
  if (load<u64>(entry + TLB_CODE) == page) {
    const slots = load<i32>(entry + TLB_FULL_DELTA + FULL_SLOTS);
    if (slots) {
      store<u64>(PAGE_VA, page);
      store<i32>(PAGE_SLOTS, slots);
      store<u32>(PAGE_VALID, 1);
      return slots;
    }
  }
  return find_code(va, page);
}

function find_code(va: u64, page: u64): i32 {
  const entry = entry_for(va, 2, ACCESS_FETCH);
  if (!entry) return 0;
  if (load<u64>(entry + TLB_CODE) & TLB_FLAG_INVALID) {
    store<u32>(RESCHEDULE, 1);
    return 0;
  }
  let slots = load<i32>(entry + TLB_FULL_DELTA + FULL_SLOTS);
  if (!slots) {
    slots = slots_for(load<u32>(entry + TLB_PPN));
    store<i32>(entry + TLB_FULL_DELTA + FULL_SLOTS, slots);
    if (load<u32>(PROBE_PAGES) && probe_page(slots, page)) no_block();
  }
  store<u64>(PAGE_VA, page);
  store<i32>(PAGE_SLOTS, slots);
  store<u32>(PAGE_VALID, 1);
  return slots;
}

/** Halfword at `va` (even), translated for fetch; -1 with a trap pending (tval = `va`). */
export function fetch16(va: u64): i32 {
  const entry = entry_for(va, 2, ACCESS_FETCH);
  if (!entry) return -1;
  if (load<i32>(entry + TLB_FULL_DELTA + FULL_SECTION) >= 0) return load<u16>(<i32>va + load<i32>(entry + TLB_ADDEND));
  const host = host_address((<u64>load<u32>(entry + TLB_PPN) << 12) | (va & 0xfff), 2);
  if (!host) {
    raise(CAUSE_FETCH_ACCESS, va);
    return -1;
  }
  return load<u16>(host);
}
