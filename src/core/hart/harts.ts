// Where each hart's state is. The current one lives at STATE, the others in their save slots.
import { CURRENT_HART, HART_SAVE, HART_SIZE, PAGE_VALID, RES_VALID, STATE } from "../layout";

/** Address of hart `h`'s state now: STATE for the current hart, else its save slot. */
// @ts-ignore: decorator
@inline
export function hart_address(h: i32): i32 {
  return h == load<i32>(CURRENT_HART) ? STATE : HART_SAVE + h * HART_SIZE;
}

/**
 * Makes `h` the current hart. Drops its LR reservation: other harts have run since, so one of them may have
 * stored there. Quanta are long, so an LR/SC loop still gets through.
 */
export function switch_hart(h: i32): void {
  exchange_hart(h);
  store<u32>(RES_VALID, 0);
  store<u32>(PAGE_VALID, 0);
}

/** The copying half of a switch, for tools that must leave no trace. */
export function exchange_hart(h: i32): void {
  const current = load<i32>(CURRENT_HART);
  if (h == current) return;
  memory.copy(HART_SAVE + current * HART_SIZE, STATE, HART_SIZE);
  memory.copy(STATE, HART_SAVE + h * HART_SIZE, HART_SIZE);
  store<i32>(CURRENT_HART, h);
}
