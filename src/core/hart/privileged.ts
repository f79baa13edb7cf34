// Privileged instructions (3.3, 4.2, Svinval). Each raises its trap, or does its work and leaves what follows to
// the run loop through PC and RESCHEDULE.
import {
  EVENT_IDLE,
  MEPC,
  MIE,
  MIP,
  MSTATUS,
  PC,
  PRIV,
  PROBE_LEFT,
  RESCHEDULE,
  SATP,
  SEPC,
  STATE,
  WFI,
} from "../layout";
import { probe_settle } from "../probe/blocks";
import { tell } from "../probe/events";
import { flush_asid, flush_page, flush_translations } from "../softmmu/flush";
import {
  CAUSE_BREAKPOINT,
  CAUSE_ECALL_U,
  PRIV_M,
  PRIV_S,
  PRIV_U,
  STATUS_MIE,
  STATUS_MPIE,
  STATUS_MPP,
  STATUS_MPP_SHIFT,
  STATUS_MPRV,
  STATUS_SIE,
  STATUS_SPIE,
  STATUS_SPP,
  STATUS_TSR,
  STATUS_TVM,
  STATUS_TW,
} from "./privileged-constants";
import { illegal, raise } from "./raise";
import { update_timers } from "./interrupts";
import { refresh_context } from "./status";

/** PC becomes mepc; the engine leaves without writing PC. Illegal below M. */
export function mret(insn: u32): void {
  if (load<u32>(PRIV) != PRIV_M) {
    illegal(insn);
    return;
  }
  const status = load<u64>(MSTATUS);
  const to = <u32>((status & STATUS_MPP) >> STATUS_MPP_SHIFT);
  let next = (status & ~(STATUS_MIE | STATUS_MPP)) | STATUS_MPIE;
  if (status & STATUS_MPIE) next |= STATUS_MIE;
  if (to != PRIV_M) next &= ~STATUS_MPRV;
  go_back(load<u64>(MEPC), to, next);
}

/** PC becomes sepc. Illegal in U, and in S while mstatus.TSR. */
export function sret(insn: u32): void {
  const priv = load<u32>(PRIV);
  const status = load<u64>(MSTATUS);
  if (priv == PRIV_U || (priv == PRIV_S && status & STATUS_TSR)) {
    illegal(insn);
    return;
  }
  let next = (status & ~(STATUS_SIE | STATUS_SPP | STATUS_MPRV)) | STATUS_SPIE;
  if (status & STATUS_SPIE) next |= STATUS_SIE;
  go_back(load<u64>(SEPC), status & STATUS_SPP ? PRIV_S : PRIV_U, next);
}

function go_back(pc: u64, priv: u32, status: u64): void {
  store<u64>(PC, pc);
  store<u32>(PRIV, priv);
  store<u64>(MSTATUS, status);
  refresh_context();
  store<u32>(RESCHEDULE, 1);
}

/** Waits for an interrupt enabled in mie, whatever mstatus says. Illegal in U, and in S while mstatus.TW (3.3.3). */
export function wfi(insn: u32): void {
  const priv = load<u32>(PRIV);
  if (priv == PRIV_U || (priv == PRIV_S && load<u64>(MSTATUS) & STATUS_TW)) {
    illegal(insn);
    return;
  }
  // what follows begins a block, as it does on QEMU
  probe_settle();
  store<u32>(PROBE_LEFT, 0);
  update_timers(STATE);
  if (load<u64>(MIP) & load<u64>(MIE)) return;
  store<u32>(WFI, 1);
  store<u32>(RESCHEDULE, 1);
  tell(EVENT_IDLE, 0, 0, 0, 0);
}

/**
 * sfence.vma and sinval.vma: orders page-table updates of page `va` (`has_va` 0: all) in address space `asid`
 * (`has_asid` 0: all, global ones too). Illegal in U, and in S while mstatus.TVM.
 */
export function sfence_vma(va: u64, asid: u64, has_va: i32, has_asid: i32, insn: u32): void {
  const priv = load<u32>(PRIV);
  if (priv == PRIV_U || (priv == PRIV_S && load<u64>(MSTATUS) & STATUS_TVM)) {
    illegal(insn);
    return;
  }
  if (!has_asid) {
    if (has_va) flush_page(va, false);
    else flush_translations();
    return;
  }
  const space = <u32>asid & 0xffff;
  if (!has_va) flush_asid(space);
  else if (space == <u32>((load<u64>(SATP) >> 44) & 0xffff)) flush_page(va, true);
}

/** sfence.w.inval and sfence.inval.ir: sinval.vma has done the work already. Illegal in U. */
export function sfence_inval(insn: u32): void {
  if (load<u32>(PRIV) == PRIV_U) illegal(insn);
}

/** Decoded code follows every store at once, so there is nothing to order; the engine leaves all the same. */
export function fence_i(): void {
  store<u32>(RESCHEDULE, 1);
}

export function ecall(): void {
  raise(CAUSE_ECALL_U + <u64>load<u32>(PRIV), 0);
}

export function ebreak(pc: u64): void {
  raise(CAUSE_BREAKPOINT, pc);
}
