// Interrupt lines and timers into mip (3.1.9), and when the next timer is due.
import {
  CURRENT_HART,
  HART_COUNT,
  MENVCFG,
  MIE,
  MIP,
  MTIMECMP,
  NEXT_EVENT,
  RESCHEDULE,
  SEIP_HW,
  SEIP_SW,
  STATE,
  STIMECMP,
} from "../layout";
import { deadline_of, get_mtime, NEVER } from "./clock";
import { hart_address } from "./harts";
import { ENVCFG_STCE, IRQ_MTI, IRQ_SEI, IRQ_STI } from "./privileged-constants";
import { check_interrupts } from "./status";

// @ts-ignore: decorator
@inline
function field(hart: i32, at: i32): i32 {
  return hart + (at - STATE);
}

/**
 * An interrupt controller drives bit `bit` of hart `h`'s mip. SEIP is the or of the controller's line and of
 * the bit software wrote (3.1.9), the other bits are the line itself.
 */
export function set_irq(h: i32, bit: i32, level: i32): void {
  const hart = hart_address(h);
  let on = level != 0;
  if (bit == IRQ_SEI) {
    store<u32>(field(hart, SEIP_HW), on ? 1 : 0);
    on = on || load<u32>(field(hart, SEIP_SW)) != 0;
  }
  set_pending(hart, bit, on);
  if (h == load<i32>(CURRENT_HART)) check_interrupts();
}

function set_pending(hart: i32, bit: i32, on: bool): void {
  const mip = load<u64>(field(hart, MIP));
  const mask = <u64>1 << bit;
  store<u64>(field(hart, MIP), on ? mip | mask : mip & ~mask);
}

export function get_mtimecmp(h: i32): u64 {
  return load<u64>(field(hart_address(h), MTIMECMP));
}

/** The CLINT's compare register of hart `h`; MTIP follows at once. */
export function set_mtimecmp(h: i32, value: u64): void {
  const hart = hart_address(h);
  store<u64>(field(hart, MTIMECMP), value);
  update_timers(hart);
  // the slice under way may have to end earlier now
  if (h == load<i32>(CURRENT_HART)) store<u32>(RESCHEDULE, 1);
}

/** Brings MTIP, and STIP while Sstc drives it, up to the present virtual time. `hart`: address of its state. */
export function update_timers(hart: i32): void {
  const now = get_mtime();
  let mip = load<u64>(field(hart, MIP)) & ~(<u64>1 << IRQ_MTI);
  if (now >= load<u64>(field(hart, MTIMECMP))) mip |= <u64>1 << IRQ_MTI;
  if (load<u64>(field(hart, MENVCFG)) & ENVCFG_STCE) {
    mip &= ~(<u64>1 << IRQ_STI);
    if (now >= load<u64>(field(hart, STIMECMP))) mip |= <u64>1 << IRQ_STI;
  }
  store<u64>(field(hart, MIP), mip);
}

/** Virtual ns of the next timer interrupt this hart has enabled in mie and that is still to come; NEVER if none. */
export function timer_deadline(hart: i32): u64 {
  const mie = load<u64>(field(hart, MIE));
  let next = NEVER;
  if (mie & (1 << IRQ_MTI)) {
    const at = deadline_of(load<u64>(field(hart, MTIMECMP)));
    if (at) next = at;
  }
  if (mie & (1 << IRQ_STI) && load<u64>(field(hart, MENVCFG)) & ENVCFG_STCE) {
    const at = deadline_of(load<u64>(field(hart, STIMECMP)));
    if (at && at < next) next = at;
  }
  return next;
}

/** Virtual ns at which something happens by itself: a timer of any hart or NEXT_EVENT; all ones if nothing will. */
export function next_deadline(): u64 {
  let next = load<u64>(NEXT_EVENT);
  const harts = load<i32>(HART_COUNT);
  for (let h = 0; h < harts; h++) {
    const at = timer_deadline(hart_address(h));
    if (at < next) next = at;
  }
  return next;
}
