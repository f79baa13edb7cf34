// The accesses of the instruction in flight, and the probes on them. An access is noted where it happens; its probes run when the
// instruction is complete, so that whatever a plugin does or suffers finds the hart between two instructions.
import {
  ACCESS_BYTES,
  ACCESS_KIND,
  ACCESS_PARTS,
  ACCESS_SIZE,
  ACCESS_SPLIT,
  ACCESS_VADDR,
  ACCESS_VALUE,
  BLOCK_COUNT,
  BLOCK_INSTRUCTIONS,
  EVENT_HWADDR,
  EVENT_VALUE,
  HW_DEVICE,
  HW_KIND,
  HW_OFFSET,
  HW_PADDR,
  HW_REGION,
  HWADDR,
  HWADDR2,
  INSTRUCTION_ACCESS,
  INSTRUCTION_SIGNED,
  INSTRUCTION_SIZE,
  KIND_LOAD,
  OP_CODE,
  OP_DIRECTION,
  OP_SIZE,
  PROBE_ACCESS,
  PROBE_BLOCK,
  PROBE_COUNT,
  PROBE_CURSOR,
  PROBE_EVENT,
  PROBE_HWADDR,
  PROBE_LEFT,
  SECTION_IO,
} from "../layout";
import { WRITE_KINDS } from "../trace/layout";
import { run_op } from "./ops";

/** Notes a finished access; HWADDR (and HWADDR2 from byte `split` on) says where it went. */
export function note(kind: u32, va: u64, value: u64, size: u32, split: u32): void {
  const n = load<u32>(PROBE_COUNT);
  if (n == 2) return;
  const a = PROBE_ACCESS + n * ACCESS_SIZE;
  store<u64>(a, va, ACCESS_VADDR);
  store<u64>(a, value, ACCESS_VALUE);
  store<u32>(a, kind, ACCESS_KIND);
  store<u32>(a, size, ACCESS_BYTES);
  store<u32>(a, split, ACCESS_SPLIT);
  store<u32>(PROBE_COUNT, n + 1);
}

// @ts-ignore: decorator
@inline
function is_write(kind: u32): bool {
  return ((WRITE_KINDS >> kind) & 1) != 0;
}

/** Number of the instruction whose probes have run, in its block. */
function position(record: i32): i32 {
  return load<i32>(record, BLOCK_COUNT) - load<i32>(PROBE_LEFT) - 1;
}

/** List of the ops on accesses of the instruction in flight, 0 when there are none. */
// @ts-ignore: decorator
@inline
function access_ops(record: i32): i32 {
  return load<i32>(record + BLOCK_INSTRUCTIONS + position(record) * INSTRUCTION_SIZE, INSTRUCTION_ACCESS);
}

/** Whether anybody wants to know of the accesses of the instruction in flight. */
export function has_access_probes(): bool {
  const record = load<i32>(PROBE_BLOCK);
  return record != 0 && access_ops(record) != 0;
}

/** Runs the probes on the accesses of the instruction that has just completed. */
export function probe_accesses(): void {
  const record = load<i32>(PROBE_BLOCK);
  const ops = record ? access_ops(record) : 0;
  if (ops) run_accesses(ops, 0, ops);
  store<u32>(PROBE_COUNT, 0);
}

/** Ops of `list` for each access from number `event` on, the first time from op `from` on. */
export function run_accesses(from: i32, event: i32, list: i32): void {
  const count = load<i32>(PROBE_COUNT);
  let op = from;
  for (; event < count; event++, op = list) {
    store<i32>(PROBE_EVENT, event);
    const access = PROBE_ACCESS + event * ACCESS_SIZE;
    const write = is_write(load<u32>(access, ACCESS_KIND)) ? 2 : 1;
    const split = load<u32>(access, ACCESS_SPLIT);
    for (let code = load<u32>(op, OP_CODE); code; op += OP_SIZE, code = load<u32>(op, OP_CODE)) {
      const direction = <i32>load<u8>(op, OP_DIRECTION);
      if (!(direction & write)) continue;
      // probes on devices get each part by itself: only one of them may be a device's, or each another's
      if (split && direction & 12) {
        run_part(op, code, direction, access, ACCESS_PARTS, HWADDR, 0, split);
        run_part(op, code, direction, access, ACCESS_PARTS + 1, HWADDR2, split, load<u32>(access, ACCESS_BYTES) - split);
        store<i32>(PROBE_EVENT, event);
        store<i32>(PROBE_HWADDR, 0);
        continue;
      }
      if (direction & (load<u32>(HW_KIND) == SECTION_IO ? 8 : 4)) continue;
      run_op(op, code, event);
    }
  }
}

/** An op on `size` bytes from `from` on of a split access, which went where the struct at `hw` says. */
function run_part(op: i32, code: u32, direction: i32, access: i32, part: i32, hw: i32, from: u32, size: u32): void {
  if (direction & (load<u32>(hw, HW_KIND - HWADDR) == SECTION_IO ? 8 : 4)) return;
  const p = PROBE_ACCESS + part * ACCESS_SIZE;
  const value = load<u64>(access, ACCESS_VALUE) >> (<u64>from << 3);
  store<u64>(p, load<u64>(access, ACCESS_VADDR) + from, ACCESS_VADDR);
  store<u64>(p, value & (((<u64>1) << (<u64>size << 3)) - 1), ACCESS_VALUE);
  store<u32>(p, load<u32>(access, ACCESS_KIND), ACCESS_KIND);
  store<u32>(p, size, ACCESS_BYTES);
  store<u32>(p, 0, ACCESS_SPLIT);
  store<i32>(PROBE_EVENT, part);
  store<i32>(PROBE_HWADDR, hw);
  run_op(op, code, part);
}

/** HWADDR struct of the access whose probes run. */
// @ts-ignore: decorator
@inline
export function present_hwaddr(): i32 {
  const hw = load<i32>(PROBE_HWADDR);
  return hw ? hw : HWADDR;
}

/** The word that tells about an access: log2 of its size, 16 sign-extended, 64 write, kind << 8. */
export function access_info(event: i32): u32 {
  const a = PROBE_ACCESS + event * ACCESS_SIZE;
  const kind = load<u32>(a, ACCESS_KIND);
  const record = load<i32>(PROBE_BLOCK);
  const signed = load<u8>(record + BLOCK_INSTRUCTIONS + position(record) * INSTRUCTION_SIZE, INSTRUCTION_SIGNED);
  return (
    size_bits(load<u32>(a, ACCESS_BYTES)) |
    (signed && kind == KIND_LOAD ? 16 : 0) |
    (is_write(kind) ? 64 : 0) |
    (kind << 8)
  );
}

/** log2 of a size, rounded up: parts may have 3, 5, 6 or 7 bytes. */
function size_bits(bytes: u32): u32 {
  return bytes <= 1 ? 0 : 32 - clz<u32>(bytes - 1);
}

// What plugins ask about the access whose callback runs, or the walk or DMA access being told of; zeros outside of these.
/** HWADDR struct of that access, 0 when there is none. */
// @ts-ignore: decorator
@inline
function current(): i32 {
  const told = load<i32>(EVENT_HWADDR);
  if (told) return told;
  return load<u32>(PROBE_CURSOR) && load<u32>(PROBE_COUNT) ? present_hwaddr() : 0;
}

/** 1 while the hardware address below is that of an access. */
export function probe_hwaddr(): i32 {
  return current() ? 1 : 0;
}
export function probe_paddr(): u64 {
  const hw = current();
  return hw ? load<u64>(hw, HW_PADDR - HWADDR) : 0;
}
export function probe_offset(): u64 {
  const hw = current();
  return hw ? load<u64>(hw, HW_OFFSET - HWADDR) : 0;
}
export function probe_region(): u32 {
  const hw = current();
  return hw ? load<u32>(hw, HW_REGION - HWADDR) : 0;
}
export function probe_device(): u32 {
  const hw = current();
  return hw ? load<u32>(hw, HW_DEVICE - HWADDR) : 0;
}
export function probe_is_io(): i32 {
  const hw = current();
  return hw && load<u32>(hw, HW_KIND - HWADDR) == SECTION_IO ? 1 : 0;
}
export function probe_value(): u64 {
  const hw = current();
  if (!hw) return 0;
  return hw != load<i32>(EVENT_HWADDR) ? load<u64>(PROBE_ACCESS + load<i32>(PROBE_EVENT) * ACCESS_SIZE, ACCESS_VALUE) : load<u64>(EVENT_VALUE);
}
/** Bytes of the first part of an access that crosses a page, 0 for one that does not. */
export function probe_split(): u32 {
  const hw = current();
  return hw && hw != load<i32>(EVENT_HWADDR) ? load<u32>(PROBE_ACCESS + load<i32>(PROBE_EVENT) * ACCESS_SIZE, ACCESS_SPLIT) : 0;
}
export function probe_second_paddr(): u64 {
  return probe_split() ? load<u64>(HWADDR2 + (HW_PADDR - HWADDR)) : 0;
}
export function probe_second_offset(): u64 {
  return probe_split() ? load<u64>(HWADDR2 + (HW_OFFSET - HWADDR)) : 0;
}
export function probe_second_region(): u32 {
  return probe_split() ? load<u32>(HWADDR2 + (HW_REGION - HWADDR)) : 0;
}
