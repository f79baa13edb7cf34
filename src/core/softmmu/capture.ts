// Capturing the hardware address of an access by value, before any byte of it moves. Whatever a device does to
// the memory tree afterwards, the struct keeps saying where the access went.
import {
  FULL_DEVICE,
  FULL_KIND,
  FULL_OFFSET,
  FULL_REGION,
  FULL_SECTION,
  HW_DEVICE,
  HW_FLAGS,
  HW_HOST,
  HW_KIND,
  HW_OFFSET,
  HW_PADDR,
  HW_REGION,
  HW_SIZE,
  HW_VADDR,
  HWADDR,
  KIND_FETCH,
  KIND_LOAD,
  KIND_STORE,
  RECORD_FAULT,
  SECTION_DEVICE,
  SECTION_END,
  SECTION_HOST,
  SECTION_IO,
  SECTION_KIND,
  SECTION_OFFSET,
  SECTION_REGION,
  SECTION_START,
  TLB_ADDEND,
  TLB_FULL_DELTA,
  TLB_PPN,
} from "../layout";
import { ACCESS_FETCH, ACCESS_LOAD } from "../hart/privileged-constants";
import { section_of } from "./physical";
import { trace_record } from "./trace-hook";

/**
 * Fills the struct at `hw` for `size` bytes at `va`, which `entry` maps; `flags` are those of the tag used. Returns how
 * many of the bytes the section answers: fewer than `size` where a section ends inside the access, 0 where
 * nothing answers.
 */
export function capture(hw: i32, entry: i32, va: u64, size: i32, flags: u32): i32 {
  const offset = va & 0xfff;
  const paddr = (<u64>load<u32>(entry + TLB_PPN) << 12) | offset;
  const cold = entry + TLB_FULL_DELTA;
  if (load<i32>(cold + FULL_SECTION) < 0) {
    const n = capture_physical(hw, va, paddr, size);
    store<u32>(hw + (HW_FLAGS - HWADDR), flags);
    return n;
  }
  store<u64>(hw + (HW_VADDR - HWADDR), va);
  store<u64>(hw + (HW_PADDR - HWADDR), paddr);
  store<u64>(hw + (HW_OFFSET - HWADDR), load<u64>(cold + FULL_OFFSET) + offset);
  store<u32>(hw + (HW_REGION - HWADDR), load<u32>(cold + FULL_REGION));
  store<u32>(hw + (HW_DEVICE - HWADDR), load<u32>(cold + FULL_DEVICE));
  const kind = <u32>load<u8>(cold + FULL_KIND);
  store<u32>(hw + (HW_KIND - HWADDR), kind);
  store<u32>(hw + (HW_SIZE - HWADDR), size);
  store<u32>(hw + (HW_HOST - HWADDR), kind == SECTION_IO ? 0 : <i32>va + load<i32>(entry + TLB_ADDEND));
  store<u32>(hw + (HW_FLAGS - HWADDR), flags);
  return size;
}

/** As capture(), from the flat view. */
export function capture_physical(hw: i32, va: u64, paddr: u64, size: i32): i32 {
  store<u64>(hw + (HW_VADDR - HWADDR), va);
  store<u64>(hw + (HW_PADDR - HWADDR), paddr);
  store<u32>(hw + (HW_FLAGS - HWADDR), 0);
  const section = section_of(paddr);
  if (!section) {
    store<u64>(hw + (HW_OFFSET - HWADDR), 0);
    store<u32>(hw + (HW_REGION - HWADDR), 0);
    store<u32>(hw + (HW_DEVICE - HWADDR), 0);
    store<u32>(hw + (HW_KIND - HWADDR), 0);
    store<u32>(hw + (HW_HOST - HWADDR), 0);
    store<u32>(hw + (HW_SIZE - HWADDR), size);
    return 0;
  }
  const into = paddr - load<u64>(section + SECTION_START);
  store<u64>(hw + (HW_OFFSET - HWADDR), load<u64>(section + SECTION_OFFSET) + into);
  store<u32>(hw + (HW_REGION - HWADDR), load<u32>(section + SECTION_REGION));
  store<u32>(hw + (HW_DEVICE - HWADDR), load<u32>(section + SECTION_DEVICE));
  const kind = load<u32>(section + SECTION_KIND);
  store<u32>(hw + (HW_KIND - HWADDR), kind);
  store<u32>(hw + (HW_HOST - HWADDR), kind == SECTION_IO ? 0 : load<i32>(section + SECTION_HOST) + <i32>into);
  const left = load<u64>(section + SECTION_END) - paddr;
  const n = left < <u64>size ? <i32>left : size;
  store<u32>(hw + (HW_SIZE - HWADDR), n);
  return n;
}

/** An access nothing answers: recorded as a fault of region 0. */
export function record_unassigned(va: u64, paddr: u64, size: i32, access: i32): void {
  capture_physical(HWADDR, va, paddr, size);
  const kind = access == ACCESS_LOAD ? KIND_LOAD : access == ACCESS_FETCH ? KIND_FETCH : KIND_STORE;
  trace_record(kind, va, 0, size, HWADDR, RECORD_FAULT);
}
