// Legal values that machine and supervisor registers share.
import { ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBZE, ENVCFG_FIOM } from "./privileged-constants";

/** mtvec, stvec: modes 2 and 3 are reserved, and a write of them changes nothing. */
export function write_vector(at: i32, value: u64): void {
  if (value & 2) return;
  store<u64>(at, value);
}

/** menvcfg and senvcfg with the fields both have and those in `more`; CBIE 2 is reserved and keeps the old one. */
export function legal_envcfg(value: u64, old: u64, more: u64): u64 {
  let cbie = value & ENVCFG_CBIE;
  if (cbie == 0x20) cbie = old & ENVCFG_CBIE;
  return (value & (ENVCFG_FIOM | ENVCFG_CBCFE | ENVCFG_CBZE | more)) | cbie;
}
