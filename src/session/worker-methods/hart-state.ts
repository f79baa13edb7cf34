// A hart's state as it lies in the session's memory: at STATE while it is the current one, in HART_SAVE otherwise.
import { CURRENT_HART, HART_SAVE, HART_SIZE, PC, PRIV, SLOTS, STATE, TRAPS, WFI } from "../../core/layout.js";
import type { MachineApi } from "../../machine/machine-api.js";
import { SessionError } from "../host-api.js";

/** A view of the memory for integers of any size; made anew each time, since growing replaces the buffer. */
export function memoryView(machine: MachineApi): DataView {
  return new DataView(machine.memory.buffer);
}

/** Number of the hart that ran last. */
export function currentHart(machine: MachineApi): number {
  return memoryView(machine).getUint32(CURRENT_HART, true);
}

/** @throws SessionError invalid when there is no such hart */
export function checkHart(machine: MachineApi, hart: number): void {
  if (Number.isInteger(hart) && hart >= 0 && hart < machine.description.harts) return;
  throw new SessionError("invalid", `no hart ${hart}: the machine has ${machine.description.harts}`, { field: "hart" });
}

/** What to add to an address of layout.ts' STATE block to get the one of `hart`. */
export function hartDelta(machine: MachineApi, hart: number): number {
  return hart === currentHart(machine) ? 0 : HART_SAVE + hart * HART_SIZE - STATE;
}

export function hartState(
  machine: MachineApi,
  hart: number,
): { pc: bigint; privilege: number; waiting: boolean; instret: bigint } {
  const view = memoryView(machine);
  const at = hartDelta(machine, hart);
  return {
    pc: view.getBigUint64(PC + at, true),
    privilege: view.getUint32(PRIV + at, true),
    waiting: view.getUint32(WFI + at, true) !== 0,
    // What really retired; minstret may have been written or inhibited by the guest.
    instret: view.getBigUint64(SLOTS + at, true) - view.getBigUint64(TRAPS + at, true),
  };
}

export function privilegeName(privilege: number): "U" | "S" | "M" {
  return privilege === 0 ? "U" : privilege === 1 ? "S" : "M";
}
