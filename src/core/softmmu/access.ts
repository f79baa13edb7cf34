// Loads and stores that the inlined check did not settle: TLB misses, flagged pages, accesses over a page or
// section boundary. Every part is translated and captured before any byte moves, so a fault has no effect.
import {
  HW_KIND,
  HW_PADDR,
  HW_SIZE,
  HWADDR,
  HWADDR2,
  IO_FIELD,
  IO_REGISTER,
  KIND_LOAD,
  KIND_STORE,
  PC,
  PROBE_ON,
  RECORD_DISCARDED,
  RECORD_FAULT,
  RECORD_REMAPPED,
  RECORD_SPLIT_FIRST,
  RECORD_SPLIT_SECOND,
  RECORD_UNKNOWN_REGISTER,
  SECTION_IO,
  SECTION_ROM,
  TOPOLOGY_GENERATION,
  TRACE_ACTIVE,
} from "../layout";
import { ACCESS_LOAD, ACCESS_STORE, CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS } from "../hart/privileged-constants";
import { access_fault, raise } from "../hart/raise";
import { note } from "../probe/accesses";
import { capture, record_unassigned } from "./capture";
import { entry_for } from "./tlb";
import { trace_record } from "./trace-hook";
import { part_field, part_register, read_part, refused, write_part } from "./transfer";

/**
 * Translates and captures `size` bytes at `va`: HWADDR, and HWADDR2 when the access has two parts. Returns the bytes of
 * the first part (`size` when it is the only one), 0 with a trap pending.
 */
export function prepare(va: u64, size: i32, access: i32): i32 {
  const room = 0x1000 - (<i32>va & 0xfff);
  const first = min(size, room);
  const n = capture_part(HWADDR, va, first, access);
  if (!n) return 0;
  if (n == size) return n;
  // the rest lies in the next page, or in the next section of this one
  if (n != first && first != size) {
    raise(access_fault(access), va);
    return 0;
  }
  const rest = capture_part(HWADDR2, va + <u64>n, size - n, access);
  if (!rest) return 0;
  if (rest != size - n) {
    // more than two sections under one access: nothing sensible is mapped like that
    raise(access_fault(access), va);
    return 0;
  }
  return n;
}

function capture_part(hw: i32, va: u64, size: i32, access: i32): i32 {
  const entry = entry_for(va, size, access);
  if (!entry) return 0;
  const flags = <u32>load<u64>(entry + (access << 3)) & 0xfff;
  const n = capture(hw, entry, va, size, flags);
  if (!n) {
    if (load<u32>(TRACE_ACTIVE)) record_unassigned(va, load<u64>(hw + (HW_PADDR - HWADDR)), size, access);
    raise(access_fault(access), va);
  }
  return n;
}

/** Load of `size` (1, 2, 4, 8) bytes at `va`, zero-extended; any alignment. With a trap pending (5, 13) it reads nothing. */
export function slow_load(va: u64, size: i32, pc: u64): u64 {
  store<u64>(PC, pc);
  const n = prepare(va, size, ACCESS_LOAD);
  if (!n) return 0;
  const first = load_part(HWADDR, va, KIND_LOAD, n == size ? 0 : RECORD_SPLIT_FIRST);
  if (refused) {
    raise(CAUSE_LOAD_ACCESS, va);
    return 0;
  }
  if (n == size) {
    if (load<u32>(PROBE_ON)) note(KIND_LOAD, va, first, size, 0);
    return first;
  }
  const second = load_part(HWADDR2, va + <u64>n, KIND_LOAD, RECORD_SPLIT_SECOND);
  if (refused) {
    raise(CAUSE_LOAD_ACCESS, va + <u64>n);
    return 0;
  }
  const value = first | (second << (<u64>n << 3));
  if (load<u32>(PROBE_ON)) note(KIND_LOAD, va, value, size, n);
  return value;
}

/** Store of the low `size` bytes of `value` at `va`; any alignment. No effect with a trap pending (7, 15). */
export function slow_store(va: u64, value: u64, size: i32, pc: u64): void {
  store<u64>(PC, pc);
  const n = prepare(va, size, ACCESS_STORE);
  if (!n) return;
  store_part(HWADDR, va, low_bytes(value, n), KIND_STORE, n == size ? 0 : RECORD_SPLIT_FIRST);
  if (refused) {
    raise(CAUSE_STORE_ACCESS, va);
    return;
  }
  if (n != size) {
    store_part(HWADDR2, va + <u64>n, low_bytes(value >> (<u64>n << 3), size - n), KIND_STORE, RECORD_SPLIT_SECOND);
    if (refused) {
      raise(CAUSE_STORE_ACCESS, va + <u64>n);
      return;
    }
  }
  if (load<u32>(PROBE_ON)) note(KIND_STORE, va, low_bytes(value, size), size, n == size ? 0 : n);
}

// @ts-ignore: decorator
@inline
function low_bytes(value: u64, n: i32): u64 {
  return n == 8 ? value : value & ((<u64>1 << (<u64>n << 3)) - 1);
}

/** Reads one captured part and records it. Leaves `refused` for the caller. */
export function load_part(hw: i32, va: u64, kind: u32, flags: u32): u64 {
  const generation = load<u32>(TOPOLOGY_GENERATION);
  const value = read_part(hw);
  if (load<u32>(TRACE_ACTIVE)) record_part(hw, va, value, kind, flags, generation);
  return value;
}

/** Writes one captured part and records it. Leaves `refused` for the caller. */
export function store_part(hw: i32, va: u64, value: u64, kind: u32, flags: u32): void {
  const generation = load<u32>(TOPOLOGY_GENERATION);
  write_part(hw, value);
  if (load<u32>(TRACE_ACTIVE)) {
    if (load<u32>(hw + (HW_KIND - HWADDR)) == SECTION_ROM) flags |= RECORD_DISCARDED;
    record_part(hw, va, value, kind, flags, generation);
  }
}

function record_part(hw: i32, va: u64, value: u64, kind: u32, flags: u32, generation: u32): void {
  store<u32>(IO_REGISTER, part_register);
  store<u32>(IO_FIELD, part_field);
  if (refused) flags |= RECORD_FAULT;
  else if (!part_register && load<u32>(hw + (HW_KIND - HWADDR)) == SECTION_IO) flags |= RECORD_UNKNOWN_REGISTER;
  if (load<u32>(TOPOLOGY_GENERATION) != generation) flags |= RECORD_REMAPPED;
  trace_record(kind, va, value, load<u32>(hw + (HW_SIZE - HWADDR)), hw, flags);
}
