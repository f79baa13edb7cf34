// Machine CSRs (3.1), without the counters. Sections of the privileged specification stand beside each.
import {
  HARTID,
  MCAUSE,
  MCOUNTEREN,
  MCOUNTINHIBIT,
  MEDELEG,
  MENVCFG,
  MEPC,
  MIDELEG,
  MIE,
  MIP,
  MSCRATCH,
  MSTATUS,
  MTVAL,
  MTVEC,
  RESCHEDULE,
  SEIP_HW,
  SEIP_SW,
  STATE,
} from "../layout";
import { flush_translations } from "../softmmu/flush";
import { write_mcountinhibit } from "./counters";
import { deny } from "./csr-denied";
import { legal_envcfg, write_vector } from "./csr-legal";
import { read_pmp, write_pmp } from "./csr-pmp";
import { update_timers } from "./interrupts";
import {
  ENVCFG_ADUE,
  ENVCFG_PBMTE,
  ENVCFG_STCE,
  INTERRUPTS_ALL,
  INTERRUPTS_S,
  IRQ_SEI,
  IRQ_SSI,
  IRQ_STI,
} from "./privileged-constants";
import { check_interrupts, write_mstatus } from "./status";

// RV64, A B C D F I M S U
const MISA: u64 = 0x800000000014112f;
// what may be delegated: everything but ecall from M and the reserved codes (3.1.8)
const DELEGABLE: u64 = 0xb3ff;

export function read_machine(csr: i32): u64 {
  switch (csr) {
    case 0x300: return load<u64>(MSTATUS); //        3.1.6
    case 0x304: return load<u64>(MIE); //            3.1.9
    case 0x305: return load<u64>(MTVEC); //          3.1.7
    case 0x340: return load<u64>(MSCRATCH); //       3.1.13
    case 0x341: return load<u64>(MEPC); //           3.1.14
    case 0x342: return load<u64>(MCAUSE); //         3.1.15
    case 0x343: return load<u64>(MTVAL); //          3.1.16
    case 0x344: //                                   3.1.9
      update_timers(STATE);
      return load<u64>(MIP);
    case 0x301: return MISA; //                      3.1.1
    case 0x302: return load<u64>(MEDELEG); //        3.1.8
    case 0x303: return load<u64>(MIDELEG);
    case 0x306: return load<u64>(MCOUNTEREN); //     3.1.11
    case 0x30a: return load<u64>(MENVCFG); //        3.1.18
    case 0x320: return load<u64>(MCOUNTINHIBIT); //  3.1.12
  }
  // mhpmevent3..31 count nothing
  if (csr >= 0x323 && csr <= 0x33f) return 0;
  return read_pmp(csr);
}

export function write_machine(csr: i32, value: u64): void {
  switch (csr) {
    case 0x300:
      write_mstatus(value);
      return;
    case 0x302:
      store<u64>(MEDELEG, value & DELEGABLE);
      return;
    case 0x303:
      store<u64>(MIDELEG, value & INTERRUPTS_S);
      check_interrupts();
      return;
    case 0x304:
      store<u64>(MIE, value & INTERRUPTS_ALL);
      // a timer may count now that did not
      store<u32>(RESCHEDULE, 1);
      return;
    case 0x305:
      write_vector(MTVEC, value);
      return;
    case 0x306:
      store<u64>(MCOUNTEREN, value & 0xffffffff);
      return;
    case 0x30a:
      write_menvcfg(value);
      return;
    case 0x320:
      write_mcountinhibit(value);
      return;
    case 0x340:
      store<u64>(MSCRATCH, value);
      return;
    case 0x341:
      store<u64>(MEPC, value & ~1);
      return;
    case 0x342:
      store<u64>(MCAUSE, value);
      return;
    case 0x343:
      store<u64>(MTVAL, value);
      return;
    case 0x344:
      write_mip(value);
      return;
  }
  if (csr >= 0x3a0) write_pmp(csr, value);
}

/** mvendorid, marchid, mimpid, mhartid, mconfigptr (3.1.2 to 3.1.5, 3.1.17). Nothing else above 0xf00 exists. */
export function read_machine_info(csr: i32): u64 {
  if (csr == 0xf14) return <u64>load<u32>(HARTID);
  if (csr >= 0xf11 && csr <= 0xf15) return 0;
  return deny();
}

/** mip as set and clear see it: SEIP without the controller's half. */
export function mip_for_update(): u64 {
  const seip: u64 = 1 << IRQ_SEI;
  return (load<u64>(MIP) & ~seip) | (load<u32>(SEIP_SW) ? seip : 0);
}

/** SSIP, SEIP's software half, and STIP unless Sstc drives it. */
function write_mip(value: u64): void {
  let mask: u64 = 1 << IRQ_SSI;
  if (!(load<u64>(MENVCFG) & ENVCFG_STCE)) mask |= 1 << IRQ_STI;
  const seip: u64 = 1 << IRQ_SEI;
  store<u32>(SEIP_SW, value & seip ? 1 : 0);
  let mip = (load<u64>(MIP) & ~(mask | seip)) | (value & mask);
  if (value & seip || load<u32>(SEIP_HW)) mip |= seip;
  store<u64>(MIP, mip);
  check_interrupts();
}

function write_menvcfg(value: u64): void {
  const old = load<u64>(MENVCFG);
  const next = legal_envcfg(value, old, ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_STCE);
  store<u64>(MENVCFG, next);
  const changed = old ^ next;
  if (changed & (ENVCFG_ADUE | ENVCFG_PBMTE)) flush_translations();
  if (changed & ENVCFG_STCE) {
    update_timers(STATE);
    store<u32>(RESCHEDULE, 1);
  }
}
