// pmpcfg0, pmpcfg2, pmpaddr0..15 (3.7.1). A change flushes the hart's TLBs, which hold the permissions.
import { CURRENT_HART, PMPADDR, PMPCFG } from "../layout";
import { flush_all } from "../softmmu/flush";
import { PMP_ENTRIES, PMP_LOCK, update_pmp_ranges } from "../softmmu/pmp";
import { deny } from "./csr-denied";

const CSR_PMPCFG0: i32 = 0x3a0;
const CSR_PMPCFG2: i32 = 0x3a2;
const CSR_PMPADDR0: i32 = 0x3b0;

export function read_pmp(csr: i32): u64 {
  if (csr == CSR_PMPCFG0) return load<u64>(PMPCFG);
  if (csr == CSR_PMPCFG2) return load<u64>(PMPCFG, 8);
  const n = csr - CSR_PMPADDR0;
  if (n >= 0 && n < PMP_ENTRIES) return load<u64>(PMPADDR + (n << 3));
  return deny();
}

export function write_pmp(csr: i32, value: u64): void {
  const n = csr - CSR_PMPADDR0;
  if (n >= 0) write_address(n, value);
  else write_config(csr == CSR_PMPCFG2 ? 8 : 0, value);
}

function write_config(first: i32, value: u64): void {
  let changed = false;
  for (let i = 0; i < 8; i++) {
    const at = PMPCFG + first + i;
    const old = load<u8>(at);
    if (old & PMP_LOCK) continue;
    let next = <u8>(value >> (<u64>i << 3)) & 0x9f;
    // W without R is reserved
    if ((next & 3) == 2) next &= 0xfd;
    if (next == old) continue;
    store<u8>(at, next);
    changed = true;
  }
  if (changed) apply();
}

function write_address(n: i32, value: u64): void {
  if (load<u8>(PMPCFG + n) & PMP_LOCK) return;
  // a locked TOR entry also locks the address below it
  if (n + 1 < PMP_ENTRIES && (load<u8>(PMPCFG + n + 1) & 0x98) == 0x88) return;
  const at = PMPADDR + (n << 3);
  const next = value & 0x3fffffffffffff;
  if (load<u64>(at) == next) return;
  store<u64>(at, next);
  apply();
}

function apply(): void {
  update_pmp_ranges();
  flush_all(load<i32>(CURRENT_HART));
}
