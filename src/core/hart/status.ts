// mstatus and what hangs on it: which MMU index data and fetches go through, FS, and whether an
// interrupt can be taken now.
import {
  DATA_BASE,
  DATA_INDEX,
  DATA_MASK,
  DATA_PRIV,
  DESC_BASE,
  DESC_MASK,
  FETCH_BASE,
  FETCH_INDEX,
  FETCH_MASK,
  FS_OFF,
  MIDELEG,
  MIE,
  MIP,
  MSTATUS,
  PAGE_VALID,
  PRIV,
  RESCHEDULE,
  TLB_DESC,
  TLB_DESC_SIZE,
} from "../layout";
import { flush_translations } from "../softmmu/flush";
import {
  PRIV_M,
  PRIV_S,
  STATUS_FS,
  STATUS_MIE,
  STATUS_MPP,
  STATUS_MPP_SHIFT,
  STATUS_MPRV,
  STATUS_MXR,
  STATUS_SD,
  STATUS_SIE,
  STATUS_SPIE,
  STATUS_SPP,
  STATUS_SUM,
  STATUS_SXL_64,
  STATUS_TSR,
  STATUS_TVM,
  STATUS_TW,
  STATUS_UXL,
  STATUS_UXL_64,
} from "./privileged-constants";

/** Bits of mstatus that sstatus shows (4.1.1) and that it may write. */
export const SSTATUS_WRITABLE: u64 = STATUS_SIE | STATUS_SPIE | STATUS_SPP | STATUS_FS | STATUS_SUM | STATUS_MXR;
export const SSTATUS_VISIBLE: u64 = SSTATUS_WRITABLE | STATUS_UXL | STATUS_SD;
// MPP is legalised apart
const MSTATUS_PLAIN: u64 =
  SSTATUS_WRITABLE | STATUS_MIE | (1 << 7) | STATUS_MPRV | STATUS_TVM | STATUS_TW | STATUS_TSR;

/** Recomputes the data and fetch MMU index and copies their descriptors to where generated code reads them. */
export function refresh_context(): void {
  const priv = load<u32>(PRIV);
  const status = load<u64>(MSTATUS);
  let data = priv;
  if (priv == PRIV_M && status & STATUS_MPRV) data = <u32>((status & STATUS_MPP) >> STATUS_MPP_SHIFT);
  store<u32>(DATA_PRIV, data);
  const index: u32 = data == PRIV_S && status & STATUS_SUM ? 2 : data;
  store<u32>(DATA_INDEX, index);
  if (load<u32>(FETCH_INDEX) != priv) store<u32>(PAGE_VALID, 0);
  store<u32>(FETCH_INDEX, priv);
  const d = TLB_DESC + index * TLB_DESC_SIZE;
  store<u32>(DATA_MASK, load<u32>(d + DESC_MASK));
  store<u32>(DATA_BASE, load<u32>(d + DESC_BASE));
  const f = TLB_DESC + priv * TLB_DESC_SIZE;
  store<u32>(FETCH_MASK, load<u32>(f + DESC_MASK));
  store<u32>(FETCH_BASE, load<u32>(f + DESC_BASE));
}

/** Bits of the interrupts hart state would take now, machine level ones first; 0 when none. */
export function takeable(): u64 {
  const pending = load<u64>(MIP) & load<u64>(MIE);
  if (!pending) return 0;
  const priv = load<u32>(PRIV);
  const status = load<u64>(MSTATUS);
  const delegated = load<u64>(MIDELEG);
  if (priv < PRIV_M || status & STATUS_MIE) {
    const machine = pending & ~delegated;
    if (machine) return machine;
  }
  if (priv < PRIV_S || (priv == PRIV_S && status & STATUS_SIE)) return pending & delegated;
  return 0;
}

/** Leaves generated code after this instruction if an interrupt can now be taken. */
export function check_interrupts(): void {
  if (takeable()) store<u32>(RESCHEDULE, 1);
}

/** Puts a legal value into mstatus and does what the change entails. */
export function set_status(value: u64): void {
  const old = load<u64>(MSTATUS);
  let next = value & ~STATUS_SD;
  if ((next & STATUS_FS) == STATUS_FS) next |= STATUS_SD;
  store<u64>(MSTATUS, next);
  store<u32>(FS_OFF, next & STATUS_FS ? 0 : 1);
  const changed = old ^ next;
  // MXR is part of the permissions the TLB holds
  if (changed & STATUS_MXR) flush_translations();
  if (changed & (STATUS_MPRV | STATUS_MPP | STATUS_SUM)) refresh_context();
  check_interrupts();
}

export function write_mstatus(value: u64): void {
  const old = load<u64>(MSTATUS);
  let mpp = value & STATUS_MPP;
  // 2 is no privilege level: keeps the old one
  if (mpp == <u64>2 << STATUS_MPP_SHIFT) mpp = old & STATUS_MPP;
  set_status((value & MSTATUS_PLAIN) | mpp | STATUS_UXL_64 | STATUS_SXL_64);
}

export function write_sstatus(value: u64): void {
  set_status((load<u64>(MSTATUS) & ~SSTATUS_WRITABLE) | (value & SSTATUS_WRITABLE));
}

/** A floating-point register or fcsr was written: FS becomes Dirty (generated code checks first whether it is). */
export function fp_dirty(): void {
  store<u64>(MSTATUS, load<u64>(MSTATUS) | STATUS_FS | STATUS_SD);
}
