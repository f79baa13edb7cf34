// Supervisor CSRs (4.1, Sstc). sstatus, sie and sip are views of the machine's registers.
import {
  MCOUNTEREN,
  MENVCFG,
  MIDELEG,
  MIE,
  MIP,
  MSTATUS,
  PRIV,
  RESCHEDULE,
  EVENT_SATP,
  SATP,
  SCAUSE,
  SCOUNTEREN,
  SENVCFG,
  SEPC,
  SSCRATCH,
  STAT_FLUSH_ELIDED,
  STATE,
  STIMECMP,
  STVAL,
  STVEC,
} from "../layout";
import { tell } from "../probe/events";
import { count } from "../stats";
import { flush_non_global, flush_translations } from "../softmmu/flush";
import { legal_envcfg, write_vector } from "./csr-legal";
import { deny } from "./csr-denied";
import { update_timers } from "./interrupts";
import {
  ENVCFG_STCE,
  IRQ_SSI,
  PRIV_M,
  PRIV_S,
  SATP_MODE_SHIFT,
  STATUS_TVM,
} from "./privileged-constants";
import { SSTATUS_VISIBLE, check_interrupts, write_sstatus } from "./status";

export function read_supervisor(csr: i32): u64 {
  switch (csr) {
    case 0x100: return load<u64>(MSTATUS) & SSTATUS_VISIBLE;
    case 0x104: return load<u64>(MIE) & load<u64>(MIDELEG);
    case 0x105: return load<u64>(STVEC);
    case 0x106: return load<u64>(SCOUNTEREN);
    case 0x10a: return load<u64>(SENVCFG);
    case 0x140: return load<u64>(SSCRATCH);
    case 0x141: return load<u64>(SEPC);
    case 0x142: return load<u64>(SCAUSE);
    case 0x143: return load<u64>(STVAL);
    case 0x144:
      update_timers(STATE);
      return load<u64>(MIP) & load<u64>(MIDELEG);
    case 0x14d: return stimecmp_allowed() ? load<u64>(STIMECMP) : deny();
    case 0x180: return satp_allowed() ? load<u64>(SATP) : deny();
  }
  return deny();
}

export function write_supervisor(csr: i32, value: u64): void {
  switch (csr) {
    case 0x100:
      write_sstatus(value);
      return;
    case 0x104: {
      const mask = load<u64>(MIDELEG);
      store<u64>(MIE, (load<u64>(MIE) & ~mask) | (value & mask));
      store<u32>(RESCHEDULE, 1);
      return;
    }
    case 0x105:
      write_vector(STVEC, value);
      return;
    case 0x106:
      store<u64>(SCOUNTEREN, value & 0xffffffff);
      return;
    case 0x10a:
      store<u64>(SENVCFG, legal_envcfg(value, load<u64>(SENVCFG), 0));
      return;
    case 0x140:
      store<u64>(SSCRATCH, value);
      return;
    case 0x141:
      store<u64>(SEPC, value & ~1);
      return;
    case 0x142:
      store<u64>(SCAUSE, value);
      return;
    case 0x143:
      store<u64>(STVAL, value);
      return;
    case 0x144: {
      // SSIP alone, and that only while it is delegated
      const mask = load<u64>(MIDELEG) & (1 << IRQ_SSI);
      store<u64>(MIP, (load<u64>(MIP) & ~mask) | (value & mask));
      check_interrupts();
      return;
    }
    case 0x14d:
      store<u64>(STIMECMP, value);
      update_timers(STATE);
      store<u32>(RESCHEDULE, 1);
      return;
    case 0x180:
      write_satp(value);
  }
}

/** What set and clear of sip start from. */
export function sip_for_update(): u64 {
  return load<u64>(MIP) & load<u64>(MIDELEG);
}

function stimecmp_allowed(): bool {
  // below M both mcounteren.TM and menvcfg.STCE are needed (Sstc 2.1)
  return load<u32>(PRIV) == PRIV_M || ((load<u64>(MCOUNTEREN) & 2) != 0 && (load<u64>(MENVCFG) & ENVCFG_STCE) != 0);
}

function satp_allowed(): bool {
  return !(load<u32>(PRIV) == PRIV_S && load<u64>(MSTATUS) & STATUS_TVM);
}

/** A value with a mode we lack changes nothing (4.1.11). */
function write_satp(value: u64): void {
  const mode = value >> SATP_MODE_SHIFT;
  if (mode != 0 && (mode < 8 || mode > 10)) return;
  const old = load<u64>(SATP);
  if (value == old) {
    count(STAT_FLUSH_ELIDED);
    return;
  }
  store<u64>(SATP, value);
  tell(EVENT_SATP, old, value, 0, 0);
  // entries carry no address space on the fast path: those of the old one must go, global ones may stay
  if (mode != old >> SATP_MODE_SHIFT) flush_translations();
  else if (mode) flush_non_global();
}
