// Sv39, Sv48 and Sv57 page walks (4.3 to 4.6) with Svnapot, Svpbmt and Svadu.
import {
  EVENT_WALK,
  KIND_WALK_READ,
  KIND_WALK_WRITE,
  MENVCFG,
  MSTATUS,
  SATP,
  SECTION_KIND,
  SECTION_RAM,
  STAT_WALK,
  STAT_WALK_READ,
  DEBUG_WALK_COUNT,
  DEBUG_WALK_STEPS,
  TRACE_ACTIVE,
} from "../layout";
import { access_fault, page_fault } from "../hart/raise";
import {
  ACCESS_FETCH,
  ACCESS_STORE,
  ENVCFG_ADUE,
  ENVCFG_PBMTE,
  PRIV_S,
  PRIV_U,
  SATP_MODE_SHIFT,
  SATP_PPN,
  STATUS_MXR,
  ACCESS_LOAD,
} from "../hart/privileged-constants";
import { count } from "../stats";
import { host_address, section_of } from "./physical";
import { PROT_R, PROT_W, PROT_X, pmp_prot } from "./pmp";
import { listens } from "../probe/events";
import { trace_walk } from "./trace-hook";

const PTE_V: u64 = 1;
const PTE_R: u64 = 2;
const PTE_W: u64 = 4;
const PTE_X: u64 = 8;
const PTE_U: u64 = 16;
const PTE_G: u64 = 32;
const PTE_A: u64 = 64;
const PTE_D: u64 = 128;
const PTE_PPN: u64 = 0xfffffffffff;
const PTE_RESERVED: u64 = 0x1fc0000000000000;
const PTE_PBMT: u64 = 0x6000000000000000;
const PTE_N: u64 = 0x8000000000000000;

// What the last walk that returned 0 found. Only good until the next walk.
export let walk_paddr: u64 = 0;
export let walk_prot: i32 = 0;
export let walk_page_bits: i32 = 0;
export let walk_global: bool = false;
// The page-table entry to be written once the access is known to be allowed: host address (0: none), physical address, value.
let walk_update_host: i32 = 0;
let walk_update_address: u64 = 0;
let walk_update: u64 = 0;

/** Sets A and D as the last walk wants them. D is exact: only for a store that nothing refuses (4.3.1). */
export function update_entry(va: u64): void {
  if (!walk_update_host) return;
  store<u64>(walk_update_host, walk_update);
  if (load<u32>(TRACE_ACTIVE) || listens(EVENT_WALK)) trace_walk(KIND_WALK_WRITE, va, walk_update_address, walk_update);
}

/**
 * Translates `va` for `access` (ACCESS_*) at privilege `priv` (U or S; `sum` lets S reach user pages). Returns 0
 * with walk_* filled, or the cause of the exception. `debug`: for tools; changes nothing, and leaves the steps at
 * DEBUG_WALK.
 */
export function walk(va: u64, access: i32, priv: u32, sum: bool, debug: bool): u64 {
  const satp = load<u64>(SATP);
  // 8, 9, 10 are Sv39, Sv48, Sv57
  const levels = <i32>(satp >> SATP_MODE_SHIFT) - 5;
  walk_update_host = 0;
  const shift = <u64>(64 - (12 + 9 * levels));
  if (!debug) count(STAT_WALK);
  if (<u64>((<i64>(va << shift)) >> shift) != va) return page_fault(access);
  let table = (satp & SATP_PPN) << 12;
  let global = false;
  for (let level = levels - 1; level >= 0; level--) {
    const bits = 12 + 9 * level;
    const at = table + (((va >> bits) & 0x1ff) << 3);
    if (!(pmp_prot(at, 8, PRIV_S) & PROT_R)) return access_fault(access);
    const host = host_address(at, 8);
    if (!host) return access_fault(access);
    const pte = load<u64>(host);
    if (debug) note_step(at, pte);
    else {
      count(STAT_WALK_READ);
      if (load<u32>(TRACE_ACTIVE) || listens(EVENT_WALK)) trace_walk(KIND_WALK_READ, va, at, pte);
    }
    if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || pte & PTE_RESERVED) return page_fault(access);
    if (pte & PTE_G) global = true;
    if (!(pte & (PTE_R | PTE_X))) {
      // a pointer: A, D, U, PBMT and N are reserved here
      if (pte & (PTE_A | PTE_D | PTE_U | PTE_PBMT | PTE_N)) return page_fault(access);
      table = ((pte >> 10) & PTE_PPN) << 12;
      continue;
    }
    return leaf(va, access, priv, sum, debug, level, at, host, pte, global);
  }
  return page_fault(access);
}

function leaf(
  va: u64,
  access: i32,
  priv: u32,
  sum: bool,
  debug: bool,
  level: i32,
  at: u64,
  host: i32,
  pte: u64,
  global: bool,
): u64 {
  let page_bits = 12 + 9 * level;
  if (pte & PTE_PBMT) {
    if (!(load<u64>(MENVCFG) & ENVCFG_PBMTE) || (pte & PTE_PBMT) == PTE_PBMT) return page_fault(access);
  }
  let ppn = (pte >> 10) & PTE_PPN;
  if (pte & PTE_N) {
    // Svnapot defines 64 KiB alone
    if (level != 0 || (ppn & 15) != 8) return page_fault(access);
    page_bits = 16;
    ppn &= ~15;
  } else if (ppn & ((<u64>1 << (9 * level)) - 1)) {
    return page_fault(access);
  }
  if (priv == PRIV_U) {
    if (!(pte & PTE_U)) return page_fault(access);
  } else if (pte & PTE_U && (!sum || access == ACCESS_FETCH)) {
    return page_fault(access);
  }
  let readable = (pte & PTE_R) != 0;
  if (pte & PTE_X && load<u64>(MSTATUS) & STATUS_MXR) readable = true;
  if (access == ACCESS_LOAD) {
    if (!readable) return page_fault(access);
  } else if (access == ACCESS_STORE) {
    if (!(pte & PTE_W)) return page_fault(access);
  } else if (!(pte & PTE_X)) return page_fault(access);

  const wanted = access == ACCESS_STORE ? PTE_A | PTE_D : PTE_A;
  if ((pte & wanted) != wanted) {
    if (!(load<u64>(MENVCFG) & ENVCFG_ADUE)) return page_fault(access);
    if (!(pmp_prot(at, 8, PRIV_S) & PROT_W)) return access_fault(access);
    if (load<i32>(section_of(at) + SECTION_KIND) != SECTION_RAM) return access_fault(access);
    pte |= wanted;
    walk_update_host = host;
    walk_update_address = at;
    walk_update = pte;
  }
  let prot = readable ? PROT_R : 0;
  // the first store to a clean page must come here to set D
  if (pte & PTE_W && pte & PTE_D) prot |= PROT_W;
  if (pte & PTE_X && !(priv == PRIV_S && pte & PTE_U)) prot |= PROT_X;
  const low = (<u64>1 << page_bits) - 1;
  walk_paddr = ((ppn << 12) & ~low) | (va & low);
  walk_prot = prot;
  walk_page_bits = page_bits;
  walk_global = global;
  return 0;
}

function note_step(at: u64, pte: u64): void {
  const n = load<u32>(DEBUG_WALK_COUNT);
  const step = DEBUG_WALK_STEPS + (n << 4);
  store<u64>(step, at);
  store<u64>(step, pte, 8);
  store<u32>(DEBUG_WALK_COUNT, n + 1);
}
