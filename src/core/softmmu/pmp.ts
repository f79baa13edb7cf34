// Physical memory protection (3.7): 16 entries, granularity 4 bytes. Ranges are derived from pmpcfg and pmpaddr
// when those are written, so that a check is a few compares.
import { PMP_ACTIVE, PMP_RANGES, PMPADDR, PMPCFG } from "../layout";
import { PRIV_M } from "../hart/privileged-constants";

export const PMP_ENTRIES: i32 = 16;
export const PMP_LOCK: u8 = 0x80;
const PMP_A: u8 = 0x18;
const PMP_TOR: u8 = 0x08;
const PMP_NA4: u8 = 0x10;

/** Permission bits, as in pmpcfg, page tables shifted by one, and FULL_PROT. */
export const PROT_R: i32 = 1;
export const PROT_W: i32 = 2;
export const PROT_X: i32 = 4;

/** Derives PMP_RANGES and PMP_ACTIVE. */
export function update_pmp_ranges(): void {
  let active = 0;
  let below: u64 = 0;
  for (let i = 0; i < PMP_ENTRIES; i++) {
    const mode = load<u8>(PMPCFG + i) & PMP_A;
    const address = load<u64>(PMPADDR + (i << 3));
    let first = <u64>-1;
    let last: u64 = 0;
    if (mode == PMP_TOR) {
      // empty unless the address below is lower
      if (below < address) {
        first = below << 2;
        last = (address << 2) - 1;
      }
    } else if (mode == PMP_NA4) {
      first = address << 2;
      last = first + 3;
    } else if (mode) {
      // trailing ones of the address give the size: 2^(ones + 3) bytes
      const ones = address ^ (address + 1);
      first = (address & ~ones) << 2;
      last = first + ((ones << 2) | 3);
    }
    if (mode) active = i + 1;
    store<u64>(PMP_RANGES + (i << 4), first);
    store<u64>(PMP_RANGES + (i << 4), last, 8);
    below = address;
  }
  store<u32>(PMP_ACTIVE, active);
}

/** PROT_* the hart's PMP gives `size` bytes at `pa` at privilege `priv`. A partial match of the first matching entry gives none. */
export function pmp_prot(pa: u64, size: u64, priv: u32): i32 {
  const end = pa + size - 1;
  const active = load<i32>(PMP_ACTIVE);
  for (let i = 0; i < active; i++) {
    const first = load<u64>(PMP_RANGES + (i << 4));
    const last = load<u64>(PMP_RANGES + (i << 4), 8);
    if (end < first || pa > last) continue;
    if (pa < first || end > last) return 0;
    const cfg = load<u8>(PMPCFG + i);
    return priv == PRIV_M && !(cfg & PMP_LOCK) ? 7 : cfg & 7;
  }
  return priv == PRIV_M ? 7 : 0;
}

/** As pmp_prot for the whole 4 KiB page at `page`; -1 where an entry's boundary lies inside the page. */
export function pmp_page_prot(page: u64, priv: u32): i32 {
  const end = page + 0xfff;
  const active = load<i32>(PMP_ACTIVE);
  for (let i = 0; i < active; i++) {
    const first = load<u64>(PMP_RANGES + (i << 4));
    const last = load<u64>(PMP_RANGES + (i << 4), 8);
    if (end < first || page > last) continue;
    if (page < first || end > last) return -1;
    const cfg = load<u8>(PMPCFG + i);
    return priv == PRIV_M && !(cfg & PMP_LOCK) ? 7 : cfg & 7;
  }
  return priv == PRIV_M ? 7 : 0;
}
