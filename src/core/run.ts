// The run loop: slices of instructions, and between them timers, interrupts, traps, and whose turn it is. Every
// count is exact: the machine has used SLICE_END - LEFT instruction slots at any moment.
import {
  BREAK_PC,
  CURRENT_HART,
  ENTER_TABLE_INDEX,
  EVENT_RESUME,
  EXIT_BREAK,
  EXIT_EVENT,
  EXIT_IDLE,
  EXIT_NONE,
  EXIT_REQUEST,
  EXIT_SLICE,
  HARTID,
  HART_COUNT,
  LEFT,
  MIE,
  MIP,
  NEXT_EVENT,
  PC,
  QUANTUM,
  QUANTUM_LEFT,
  RESCHEDULE,
  SLICE_END,
  SLICE_LENGTH,
  SLOTS,
  STATE,
  TRAP_PENDING,
  TRAPS,
  WFI,
} from "./layout";
import { NEVER, virtual_ns } from "./hart/clock";
import { hart_address, switch_hart } from "./hart/harts";
import { timer_deadline, update_timers } from "./hart/interrupts";
import { take_interrupt, take_trap } from "./hart/trap";
import { probe_settle } from "./probe/blocks";
import { tell } from "./probe/events";
import { lookup_again } from "./softmmu/fetch";
import { slots_for_step } from "./softmmu/slots";

/**
 * Runs at most `budget` instruction slots. Returns EXIT_* bits: EXIT_NONE when the budget is used up, EXIT_EVENT when
 * NEXT_EVENT is due, EXIT_IDLE when every hart waits (skip_idle() or an interrupt gets them going), EXIT_BREAK
 * after a slot that ended at BREAK_PC, else what EXIT_REQUEST asked for. The count of slots used is in SLICE_END.
 */
export function run(budget: i32): i32 {
  let remaining = budget;
  while (true) {
    const request = atomic.xchg<u32>(EXIT_REQUEST, 0) & ~EXIT_SLICE;
    if (request) return request;
    if (remaining <= 0) return EXIT_NONE;
    const now = virtual_ns();
    const event = load<u64>(NEXT_EVENT);
    if (now >= event) return EXIT_EVENT;
    if (!choose_hart()) return EXIT_IDLE;
    update_timers(STATE);
    if (take_interrupt() && load<u64>(PC) == load<u64>(BREAK_PC)) return EXIT_BREAK;

    let length = remaining;
    if (load<i32>(HART_COUNT) > 1) length = min(length, load<i32>(QUANTUM_LEFT));
    length = until(length, now, event);
    length = until(length, now, timer_deadline(STATE));
    if (load<u64>(BREAK_PC) != NEVER) length = 1;
    const used = run_slice(length);
    remaining -= used;
    store<i32>(QUANTUM_LEFT, load<i32>(QUANTUM_LEFT) - used);
    // a request is kept for the next call, as EXIT_BREAK is told but once
    if (load<u64>(PC) == load<u64>(BREAK_PC)) return EXIT_BREAK;
  }
}

function until(length: i32, now: u64, at: u64): i32 {
  return at - now < <u64>length ? <i32>(at - now) : length;
}

/** Runs up to `length` slots on the current hart and takes the trap that ends them, if one does. Returns the slots used. */
function run_slice(length: i32): i32 {
  const start = load<u64>(SLICE_END);
  store<u32>(RESCHEDULE, 0);
  begin(start, length);
  const pc = load<u64>(PC);
  let slots = lookup_again(pc);
  let left = length;
  if (!slots && !load<u32>(TRAP_PENDING)) {
    // translated anew at every instruction
    length = 1;
    left = 1;
    begin(start, 1);
    slots = slots_for_step(pc);
  }
  if (slots) left = call_indirect<i32>(ENTER_TABLE_INDEX, slots + ((<i32>pc & 0xffe) << 3), left);
  probe_settle();
  if (load<u32>(TRAP_PENDING)) {
    if (left > 0) {
      left--;
      store<u64>(TRAPS, load<u64>(TRAPS) + 1);
      take_trap();
    } else {
      // found on the way to an instruction that is not this slice's: it will come again
      store<u32>(TRAP_PENDING, 0);
    }
  }
  const used = length - left;
  store<u64>(SLOTS, load<u64>(SLOTS) + <u64>used);
  store<u32>(LEFT, 0);
  store<u32>(SLICE_LENGTH, 0);
  store<u64>(SLICE_END, start + <u64>used);
  return used;
}

function begin(start: u64, length: i32): void {
  store<u64>(SLICE_END, start + <u64>length);
  store<i32>(LEFT, length);
  store<i32>(SLICE_LENGTH, length);
}

/**
 * Makes the hart whose turn it is the current one: this one while its quantum lasts and it does not wait, else the
 * next that can run. False when all wait.
 */
function choose_hart(): bool {
  const harts = load<i32>(HART_COUNT);
  if (harts == 1) return can_run(STATE);
  const current = load<i32>(CURRENT_HART);
  const spent = load<i32>(QUANTUM_LEFT) <= 0;
  const from = spent ? 1 : 0;
  for (let i = from; i < harts + from; i++) {
    const h = (current + i) % harts;
    if (!can_run(hart_address(h))) continue;
    if (h != current) switch_hart(h);
    if (h != current || spent) store<i32>(QUANTUM_LEFT, load<i32>(QUANTUM));
    return true;
  }
  return false;
}

/** Whether the hart executes; wakes it when an interrupt enabled in mie is pending. */
function can_run(hart: i32): bool {
  if (!load<u32>(hart + (WFI - STATE))) return true;
  update_timers(hart);
  if (!(load<u64>(hart + (MIP - STATE)) & load<u64>(hart + (MIE - STATE)))) return false;
  store<u32>(hart + (WFI - STATE), 0);
  tell(EVENT_RESUME, 0, 0, load<u32>(hart + (HARTID - STATE)), 0);
  return true;
}
