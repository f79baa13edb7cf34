// Virtual time. One instruction slot is one nanosecond; time skipped while all harts waited comes on top.
// mtime counts 10 MHz ticks of it, plus an offset when the guest wrote mtime.
import { IDLE_NS, LEFT, RESCHEDULE, SLICE_END, TIME_OFFSET } from "../layout";

export const NS_PER_TICK: u64 = 100;
export const NEVER: u64 = 0xffffffffffffffff;

/** Instruction slots the machine has used, all harts, without the one in flight. */
// @ts-ignore: decorator
@inline
export function instruction_count(): u64 {
  return load<u64>(SLICE_END) - <u64>load<u32>(LEFT);
}

/** Virtual nanoseconds since reset. */
// @ts-ignore: decorator
@inline
export function virtual_ns(): u64 {
  return instruction_count() + load<u64>(IDLE_NS);
}

/** mtime as the CLINT and the time CSR show it. */
export function get_mtime(): u64 {
  return virtual_ns() / NS_PER_TICK + load<u64>(TIME_OFFSET);
}

/** A write to mtime moves the offset: the count of instructions is not the guest's to change. */
export function set_mtime(value: u64): void {
  store<u64>(TIME_OFFSET, value - virtual_ns() / NS_PER_TICK);
  store<u32>(RESCHEDULE, 1);
}

/** Virtual ns at which mtime reaches `compare`; already reached: 0; NEVER when it is out of sight. */
export function deadline_of(compare: u64): u64 {
  const ns = virtual_ns();
  const now = ns / NS_PER_TICK + load<u64>(TIME_OFFSET);
  if (now >= compare) return 0;
  const ticks = compare - now;
  // 2^56 ticks are 228 years
  if (ticks >> 56) return NEVER;
  return ns - (ns % NS_PER_TICK) + ticks * NS_PER_TICK;
}

/** All harts wait: the host lets `ns` of virtual time pass without instructions. */
export function skip_idle(ns: u64): void {
  store<u64>(IDLE_NS, load<u64>(IDLE_NS) + ns);
}
