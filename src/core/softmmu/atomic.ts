// Atomics: AMO on RAM through a host address, on devices as one captured read and write; LR and SC.
import {
  AMO_SCRATCH,
  HW_FLAGS,
  HW_HOST,
  HW_KIND,
  HW_PADDR,
  HW_SIZE,
  HW_VADDR,
  HWADDR,
  KIND_AMO_READ,
  KIND_AMO_WRITE,
  KIND_LOAD,
  KIND_STORE,
  PC,
  PROBE_ON,
  RES_ADDR,
  RES_SIZE,
  RES_VALID,
  SECTION_IO,
  SECTION_ROM,
  TLB_FLAG_CODE,
  TLB_FLAG_MMIO,
} from "../layout";
import {
  ACCESS_LOAD,
  ACCESS_STORE,
  CAUSE_LOAD_ACCESS,
  CAUSE_LOAD_MISALIGNED,
  CAUSE_STORE_ACCESS,
  CAUSE_STORE_MISALIGNED,
} from "../hart/privileged-constants";
import { raise } from "../hart/raise";
import { note } from "../probe/accesses";
import { load_part, prepare, store_part } from "./access";
import { code_written } from "./slots";
import { refused } from "./transfer";

// as in transfer.ts
const CODE_OR_SPLIT: u32 = TLB_FLAG_CODE | TLB_FLAG_MMIO;

/**
 * Readies an AMO of `size` (4, 8) bytes at `va`: translated once, for reading and writing, and captured in HWADDR. Returns
 * the host address to work on (a scratch copy for ROM, whose writes are dropped); 0 with a trap pending (6, 7,
 * 15), or without one for a device: then amo_io_read() and amo_io_write().
 */
export function amo_prepare(va: u64, size: i32, pc: u64): i32 {
  store<u64>(PC, pc);
  if (va & <u64>(size - 1)) {
    raise(CAUSE_STORE_MISALIGNED, va);
    return 0;
  }
  const n = prepare(va, size, ACCESS_STORE);
  if (!n) return 0;
  if (n != size) {
    raise(CAUSE_STORE_ACCESS, va);
    return 0;
  }
  const kind = load<u32>(HW_KIND);
  if (kind == SECTION_IO) return 0;
  const host = load<i32>(HW_HOST);
  if (kind == SECTION_ROM) {
    memory.copy(AMO_SCRATCH, host, size);
    return AMO_SCRATCH;
  }
  if (load<u32>(HW_FLAGS) & CODE_OR_SPLIT) code_written(load<u64>(HW_PADDR), size);
  return host;
}

/** Reads the device amo_prepare() found; trap 7 if it refuses. */
export function amo_io_read(): u64 {
  const va = load<u64>(HW_VADDR);
  const value = load_part(HWADDR, va, KIND_AMO_READ, 0);
  if (refused) raise(CAUSE_STORE_ACCESS, va);
  else if (load<u32>(PROBE_ON)) note(KIND_AMO_READ, va, value, load<u32>(HW_SIZE), 0);
  return value;
}

/** Writes the same place, even if the read has re-mapped it. */
export function amo_io_write(value: u64): void {
  const va = load<u64>(HW_VADDR);
  const size = load<i32>(HW_SIZE);
  const written = size == 8 ? value : value & 0xffffffff;
  store_part(HWADDR, va, written, KIND_AMO_WRITE, 0);
  if (refused) raise(CAUSE_STORE_ACCESS, va);
  else if (load<u32>(PROBE_ON)) note(KIND_AMO_WRITE, va, written, size, 0);
}

/** LR: as slow_load, naturally aligned (else 4), and reserves the bytes' physical address. */
export function load_reserved(va: u64, size: i32, pc: u64): u64 {
  store<u64>(PC, pc);
  if (va & <u64>(size - 1)) {
    raise(CAUSE_LOAD_MISALIGNED, va);
    return 0;
  }
  const n = prepare(va, size, ACCESS_LOAD);
  if (!n) return 0;
  if (n != size) {
    raise(CAUSE_LOAD_ACCESS, va);
    return 0;
  }
  const value = load_part(HWADDR, va, KIND_LOAD, 0);
  if (refused) {
    raise(CAUSE_LOAD_ACCESS, va);
    return 0;
  }
  if (load<u32>(PROBE_ON)) note(KIND_LOAD, va, value, size, 0);
  store<u32>(RES_VALID, 1);
  store<u32>(RES_SIZE, size);
  store<u64>(RES_ADDR, load<u64>(HW_PADDR));
  return value;
}

/**
 * SC: 0 when it stored, 1 when it failed (or with a trap pending). The reservation is gone either way. It is lost
 * at every hart switch, so no other hart can have stored in between.
 */
export function store_conditional(va: u64, value: u64, size: i32, pc: u64): i32 {
  store<u64>(PC, pc);
  if (va & <u64>(size - 1)) {
    raise(CAUSE_STORE_MISALIGNED, va);
    return 1;
  }
  const held = load<u32>(RES_VALID);
  store<u32>(RES_VALID, 0);
  if (!held) return 1;
  const n = prepare(va, size, ACCESS_STORE);
  if (!n) return 1;
  if (n != size) {
    raise(CAUSE_STORE_ACCESS, va);
    return 1;
  }
  if (load<u64>(RES_ADDR) != load<u64>(HW_PADDR) || load<i32>(RES_SIZE) != size) return 1;
  const written = size == 8 ? value : value & 0xffffffff;
  store_part(HWADDR, va, written, KIND_STORE, 0);
  if (refused) {
    raise(CAUSE_STORE_ACCESS, va);
    return 1;
  }
  if (load<u32>(PROBE_ON)) note(KIND_STORE, va, written, size, 0);
  return 0;
}

/** Guest memory changed from outside a hart (DMA, tools): decoded code over it goes, and the reservation if it is hit. */
export function memory_written(paddr: u64, size: i32): void {
  if (load<u32>(RES_VALID)) {
    const at = load<u64>(RES_ADDR);
    if (at < paddr + <u64>size && paddr < at + 8) store<u32>(RES_VALID, 0);
  }
  code_written(paddr, size);
}
