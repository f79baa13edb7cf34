// Taking traps: exceptions left in TRAP_*, and interrupts between instructions (privileged 3.1.7, 3.1.9, 4.1).
import {
  EVENT_EXCEPTION,
  EVENT_INTERRUPT,
  MCAUSE,
  MEDELEG,
  MEPC,
  MIDELEG,
  MSTATUS,
  MTVAL,
  MTVEC,
  PC,
  PRIV,
  SCAUSE,
  SEPC,
  STAT_EXCEPTIONS,
  STAT_INTERRUPTS,
  STVAL,
  STVEC,
  TRAP_CAUSE,
  TRAP_PENDING,
  TRAP_TVAL,
} from "../layout";
import { leave_block } from "../probe/blocks";
import { tell } from "../probe/events";
import { count } from "../stats";
import {
  CAUSE_INTERRUPT,
  IRQ_MEI,
  IRQ_MSI,
  IRQ_MTI,
  IRQ_SEI,
  IRQ_SSI,
  IRQ_STI,
  PRIV_M,
  PRIV_S,
  STATUS_MIE,
  STATUS_MPIE,
  STATUS_MPP,
  STATUS_MPP_SHIFT,
  STATUS_SIE,
  STATUS_SPIE,
  STATUS_SPP,
} from "./privileged-constants";
import { refresh_context, takeable } from "./status";

/** Takes the pending exception: PC becomes the handler's address. */
export function take_trap(): void {
  store<u32>(TRAP_PENDING, 0);
  count(STAT_EXCEPTIONS);
  const cause = load<u64>(TRAP_CAUSE);
  const from = load<u64>(PC);
  enter_handler(cause, load<u64>(TRAP_TVAL), (load<u64>(MEDELEG) >> cause) & 1);
  tell(EVENT_EXCEPTION, from, load<u64>(PC), <u32>cause, 0);
}

/** Takes the interrupt of highest priority if one can be taken now. Returns 1 if so. */
export function take_interrupt(): i32 {
  const bits = takeable();
  if (!bits) return 0;
  const code = <u64>highest(bits);
  count(STAT_INTERRUPTS);
  const from = load<u64>(PC);
  enter_handler(CAUSE_INTERRUPT | code, 0, (load<u64>(MIDELEG) >> code) & 1);
  tell(EVENT_INTERRUPT, from, load<u64>(PC), <u32>code, 0);
  return 1;
}

function highest(bits: u64): i32 {
  if (bits & (1 << IRQ_MEI)) return IRQ_MEI;
  if (bits & (1 << IRQ_MSI)) return IRQ_MSI;
  if (bits & (1 << IRQ_MTI)) return IRQ_MTI;
  if (bits & (1 << IRQ_SEI)) return IRQ_SEI;
  if (bits & (1 << IRQ_SSI)) return IRQ_SSI;
  return IRQ_STI;
}

function enter_handler(cause: u64, tval: u64, delegated: u64): void {
  const priv = load<u32>(PRIV);
  const status = load<u64>(MSTATUS);
  const pc = load<u64>(PC);
  let vector: u64;
  if (delegated && priv != PRIV_M) {
    store<u64>(SCAUSE, cause);
    store<u64>(SEPC, pc);
    store<u64>(STVAL, tval);
    let next = status & ~(STATUS_SIE | STATUS_SPIE | STATUS_SPP);
    if (status & STATUS_SIE) next |= STATUS_SPIE;
    if (priv == PRIV_S) next |= STATUS_SPP;
    store<u64>(MSTATUS, next);
    store<u32>(PRIV, PRIV_S);
    vector = load<u64>(STVEC);
  } else {
    store<u64>(MCAUSE, cause);
    store<u64>(MEPC, pc);
    store<u64>(MTVAL, tval);
    let next = status & ~(STATUS_MIE | STATUS_MPIE | STATUS_MPP);
    if (status & STATUS_MIE) next |= STATUS_MPIE;
    next |= <u64>priv << STATUS_MPP_SHIFT;
    store<u64>(MSTATUS, next);
    store<u32>(PRIV, PRIV_M);
    vector = load<u64>(MTVEC);
  }
  leave_block();
  const base = vector & ~3;
  store<u64>(PC, vector & 1 && <i64>cause < 0 ? base + ((cause & 0x3f) << 2) : base);
  refresh_context();
}
