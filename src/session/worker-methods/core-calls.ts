// The core's functions that tools call between run slices, with their types, and how to point them at a hart.
import type { MachineApi } from "../../machine/machine-api.js";
import { checkHart, currentHart } from "./hart-state.js";

/** As in src/core; u64 results come as signed bigint. */
export interface ToolCore {
  /** Makes `hart` the current one without leaving a trace. */
  exchange_hart(hart: number): void;
  /** Translates without side effects, steps and result to DEBUG_WALK; access: 0 load, 1 store, 2 fetch; returns 0 or the cause. */
  translate_debug(va: bigint, access: number, privilege: number): number;
  csr_read_debug(csr: number): bigint;
  csr_write_debug(csr: number, value: bigint): void;
  /** Decoded and compiled code of [paddr, paddr + size) is stale. */
  code_written(ppn: number, offset: number, size: number): void;
}

export function toolCore(machine: MachineApi): ToolCore {
  return machine.core as unknown as ToolCore;
}

/** Runs `body` while `hart` is the current one and puts back what was. @throws SessionError invalid */
export function onHart<T>(machine: MachineApi, hart: number, body: () => T): T {
  checkHart(machine, hart);
  const before = currentHart(machine);
  if (before === hart) return body();
  const core = toolCore(machine);
  core.exchange_hart(hart);
  try {
    return body();
  } finally {
    core.exchange_hart(before);
  }
}
