// From virtual address to physical address and permissions: page table or none, then PMP.
import { SATP } from "../layout";
import { access_fault } from "../hart/raise";
import { PRIV_M, PRIV_S, PRIV_U, SATP_MODE_SHIFT } from "../hart/privileged-constants";
import { pmp_page_prot, pmp_prot } from "./pmp";
import { walk, walk_global, walk_paddr, walk_page_bits, walk_prot } from "./walk";

// Result of the last translate() that returned 0; only good until the next one.
export let paddr: u64 = 0;
/** PROT_* of the whole page; exact for the access that was asked, page table alone when `partial`. */
export let prot: i32 = 0;
export let page_bits: i32 = 0;
export let is_global: bool = false;
/** A PMP boundary lies inside the 4 KiB page: the answer holds for these bytes only. */
export let partial: bool = false;
/** There was a page walk, so that update_entry() is due. */
export let walked: bool = false;

/**
 * Translates through MMU index `index`. Returns 0, or the cause of the exception. `debug`: for tools, changes nothing;
 * else the caller follows up with update_entry() once nothing more can refuse the access.
 */
export function translate(va: u64, size: i32, access: i32, index: u32, debug: bool): u64 {
  const priv = index == 3 ? PRIV_M : index == 0 ? PRIV_U : PRIV_S;
  if (index == 3 || load<u64>(SATP) >> SATP_MODE_SHIFT == 0) {
    paddr = va;
    prot = 7;
    page_bits = 12;
    is_global = false;
    walked = false;
  } else {
    walked = true;
    const cause = walk(va, access, priv, index == 2, debug);
    if (cause) return cause;
    paddr = walk_paddr;
    prot = walk_prot;
    page_bits = walk_page_bits;
    is_global = walk_global;
  }
  const allowed = pmp_page_prot(paddr & ~0xfff, priv);
  if (allowed < 0) {
    partial = true;
    if (!(pmp_prot(paddr, <u64>size, priv) & (1 << access))) return access_fault(access);
  } else {
    partial = false;
    if (!(allowed & (1 << access))) return access_fault(access);
    prot &= allowed;
  }
  return 0;
}
