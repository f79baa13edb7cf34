// Where the softmmu hands accesses to the recorders. Callers on slow paths check TRACE_ACTIVE first; the trace_*
// entry points below are called by traced handlers only.
import {
  HW_HOST,
  HW_KIND,
  HW_SIZE,
  HW_VADDR,
  HWADDR,
  KIND_AMO_READ,
  KIND_AMO_WRITE,
  KIND_FETCH,
  PAGE_SLOTS,
  PC,
  EVENT_WALK,
  PROBE_ON,
  RECORD_DISCARDED,
  RECORD_SPLIT_FIRST,
  RECORD_SPLIT_SECOND,
  SECTION_ROM,
  SLOT_PAGE_PPN,
  TLB_PPN,
  TRACE_ACTIVE,
  WALK_HWADDR,
} from "../layout";
import { ACCESS_FETCH } from "../hart/privileged-constants";
import { has_access_probes, note } from "../probe/accesses";
import { listens, tell } from "../probe/events";
import { capture, capture_physical } from "./capture";
import { entry_for } from "./tlb";
import { load_bytes } from "./transfer";
import { record, trace_kinds } from "../trace/recorder";

/** Hands one finished access to the recorders; `hw` is the address of its HWADDR struct. */
export function trace_record(kind: u32, va: u64, value: u64, size: u32, hw: i32, flags: u32): void {
  record(kind, va, value, size, hw, flags, load<u64>(PC));
}

/** One page-table entry, at physical address `at`, read or updated by the walk of `va`. */
export function trace_walk(kind: u32, va: u64, at: u64, pte: u64): void {
  const told = listens(EVENT_WALK);
  const recorded = (trace_kinds() >> kind) & 1;
  if (!told && !recorded) return;
  capture_physical(WALK_HWADDR, va, at, 8);
  if (recorded) trace_record(kind, va, pte, 8, WALK_HWADDR, 0);
  if (told) tell(EVENT_WALK, va, pte, kind, 0);
}

/** An access the inlined check settled: plain memory through `entry`. Fills HWADDR, notes it for the probes and records. */
export function trace_fast(kind: u32, va: u64, value: u64, size: u32, entry: i32, pc: u64): void {
  store<u64>(PC, pc);
  const recorded = load<u32>(TRACE_ACTIVE);
  const probed = load<u32>(PROBE_ON) && has_access_probes();
  if (!recorded && !probed) return;
  capture(HWADDR, entry, va, size, 0);
  if (probed) note(kind, va, value, size, 0);
  if (recorded) trace_record(kind, va, value, size, HWADDR, 0);
}

/** An AMO done on the host address that amo_prepare() gave: the read and the write, from the capture in HWADDR. */
export function trace_amo(old: u64, value: u64): void {
  const va = load<u64>(HW_VADDR);
  const size = load<u32>(HW_SIZE);
  if (load<u32>(PROBE_ON)) {
    note(KIND_AMO_READ, va, old, size, 0);
    note(KIND_AMO_WRITE, va, value, size, 0);
  }
  if (!load<u32>(TRACE_ACTIVE)) return;
  trace_record(KIND_AMO_READ, va, old, size, HWADDR, 0);
  trace_record(KIND_AMO_WRITE, va, value, size, HWADDR, load<u32>(HW_KIND) == SECTION_ROM ? RECORD_DISCARDED : 0);
}

/**
 * The instruction of `size` bytes at `va`, in the page being executed, is recorded as fetched: one record, or two when
 * it lies in two pages. Goes by the page's decoded slots and leaves the TLB alone, so that recording changes nothing.
 */
export function trace_fetch_slot(va: u64, size: u32): void {
  if (!((trace_kinds() >> KIND_FETCH) & 1)) return;
  const paddr = (<u64>load<u32>(load<i32>(PAGE_SLOTS) + SLOT_PAGE_PPN) << 12) | (va & 0xfff);
  if (size == 2 || (va & 0xfff) != 0xffe) {
    fetched(va, va, paddr, size, 0);
    return;
  }
  fetched(va, va, paddr, 2, RECORD_SPLIT_FIRST);
  // the handler for such instructions has just fetched this half
  const entry = entry_for(va + 2, 2, ACCESS_FETCH);
  if (entry) fetched(va, va + 2, <u64>load<u32>(entry + TLB_PPN) << 12, 2, RECORD_SPLIT_SECOND);
}

function fetched(pc: u64, va: u64, paddr: u64, size: u32, flags: u32): void {
  if (capture_physical(HWADDR, va, paddr, size) < <i32>size) return;
  record(KIND_FETCH, va, load_bytes(load<i32>(HW_HOST), size), size, HWADDR, flags, pc);
}
