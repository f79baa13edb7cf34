// The core's functions that tools call between run slices, with their types, and how to point them at a hart.
import type { MachineApi } from "../../machine/machine-api.js";
import { checkHart, currentHart } from "./hart-state.js";

/** As in src/core/index.ts; u64 results come as signed bigint. */
export interface ToolCore {
  /** Makes `hart` the current one without leaving a trace. */
  exchange_hart(hart: number): void;
  /** Translates without side effects, result and steps to DEBUG_WALK; access: 0 load, 1 store, 2 fetch; privilege -1: the hart's own. */
  translate_debug(hart: number, va: bigint, access: number, privilege: number): bigint;
  /** CSR of the current hart as M-mode sees it; no side effects. */
  peek_csr(csr: number): bigint;
  poke_csr(csr: number, value: bigint): void;
  /** Whether the last peek or poke named a CSR of this hart. */
  csr_exists(): number;
  /** Guest memory changed from outside a hart: decoded code over it goes, and a reservation that it hits. */
  memory_written(paddr: bigint, size: number): void;
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
