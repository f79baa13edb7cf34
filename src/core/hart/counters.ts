// mcycle, minstret and mcountinhibit (3.1.10, 3.1.12). Both counters are a base plus what the hart has
// used; while inhibited the base is the value itself.
import { LEFT, MCOUNTINHIBIT, MCYCLE_BASE, MINSTRET_BASE, SLICE_LENGTH, SLOTS, TRAPS } from "../layout";

const INHIBIT_CY: u64 = 1;
const INHIBIT_IR: u64 = 4;

function slots_now(): u64 {
  return load<u64>(SLOTS) + <u64>load<u32>(SLICE_LENGTH) - <u64>load<u32>(LEFT);
}

export function read_mcycle(): u64 {
  const base = load<u64>(MCYCLE_BASE);
  return load<u64>(MCOUNTINHIBIT) & INHIBIT_CY ? base : base + slots_now();
}

/** Instructions retired before this one. */
export function read_minstret(): u64 {
  const base = load<u64>(MINSTRET_BASE);
  return load<u64>(MCOUNTINHIBIT) & INHIBIT_IR ? base : base + slots_now() - load<u64>(TRAPS);
}

// The value written is what the next instruction reads, so the write itself does not count (3.1.10).
export function write_mcycle(value: u64): void {
  store<u64>(MCYCLE_BASE, load<u64>(MCOUNTINHIBIT) & INHIBIT_CY ? value : value - slots_now() - 1);
}

export function write_minstret(value: u64): void {
  const inhibited = load<u64>(MCOUNTINHIBIT) & INHIBIT_IR;
  store<u64>(MINSTRET_BASE, inhibited ? value : value - (slots_now() + 1 - load<u64>(TRAPS)));
}

export function write_mcountinhibit(value: u64): void {
  const cycle = read_mcycle();
  const instret = read_minstret();
  const changed = load<u64>(MCOUNTINHIBIT) ^ value;
  store<u64>(MCOUNTINHIBIT, value & (INHIBIT_CY | INHIBIT_IR));
  if (changed & INHIBIT_CY) write_mcycle(cycle);
  if (changed & INHIBIT_IR) write_minstret(instret);
}
