// Where the softmmu hands accesses to the recorders. Callers on slow paths check TRACE_ACTIVE first; the trace_*
// entry points below are called by traced handlers only.
import {
  HW_VADDR,
  HWADDR,
  KIND_AMO_READ,
  KIND_AMO_WRITE,
  KIND_FETCH,
  PC,
  RECORD_SPLIT_FIRST,
  RECORD_SPLIT_SECOND,
  WALK_HWADDR,
} from "../layout";
import { ACCESS_FETCH } from "../hart/privileged-constants";
import { capture, capture_physical } from "./capture";
import { entry_for } from "./tlb";
import { record, trace_kinds } from "../trace/recorder";

/** Hands one finished access to the recorders; `hw` is the address of its HWADDR struct. */
export function trace_record(kind: u32, va: u64, value: u64, size: u32, hw: i32, flags: u32): void {
  record(kind, va, value, size, hw, flags, load<u64>(PC));
}

/** One page-table entry, at physical address `at`, read or updated by the walk of `va`. */
export function trace_walk(kind: u32, va: u64, at: u64, pte: u64): void {
  if (!((trace_kinds() >> kind) & 1)) return;
  capture_physical(WALK_HWADDR, va, at, 8);
  trace_record(kind, va, pte, 8, WALK_HWADDR, 0);
}

/** An access the inlined check settled: plain memory through `entry`. Fills HWADDR and records. */
export function trace_fast(kind: u32, va: u64, value: u64, size: u32, entry: i32, pc: u64): void {
  store<u64>(PC, pc);
  capture(HWADDR, entry, va, size, 0);
  trace_record(kind, va, value, size, HWADDR, 0);
}

/** An AMO done on the host address that amo_prepare() gave: the read and the write, from the capture in HWADDR. */
export function trace_amo(old: u64, value: u64): void {
  const va = load<u64>(HW_VADDR);
  const size = load<u32>(HWADDR, 36);
  trace_record(KIND_AMO_READ, va, old, size, HWADDR, 0);
  trace_record(KIND_AMO_WRITE, va, value, size, HWADDR, 0);
}

/** An instruction of `size` bytes (`bits`) fetched at `va`: one record, or two when it lies in two pages. */
export function trace_fetch(va: u64, bits: u64, size: u32): void {
  if (!((trace_kinds() >> KIND_FETCH) & 1)) return;
  if (size == 4 && (va & 0xfff) == 0xffe) {
    fetched(va, bits & 0xffff, 2, RECORD_SPLIT_FIRST);
    fetched(va + 2, bits >> 16, 2, RECORD_SPLIT_SECOND);
  } else fetched(va, bits, size, 0);
}

function fetched(va: u64, bits: u64, size: u32, flags: u32): void {
  const entry = entry_for(va, 2, ACCESS_FETCH);
  // it has just been fetched; should it not translate any more, the instruction itself will trap
  if (!entry) return;
  capture(HWADDR, entry, va, size, 0);
  record(KIND_FETCH, va, bits, size, HWADDR, flags, va);
}
