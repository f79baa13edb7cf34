// The machine as its session sees it. No threads, no HTTP below this line.
import type { Bus } from "../bus/bus.js";
import type { Device } from "../devices/device.js";
import type { MachineDescription } from "./description.js";

export type StopReason =
  | "budget" //      the asked number of instruction slots ran
  | "pause" //       requestPause() was called
  | "idle" //        every hart waits and no timer is armed: only outside input can wake it
  | "idle-wait" //   every hart waits; pacing asks the caller to sleep `waitNs` of virtual time before it goes on
  | "halted" //      power-off, exit (code in exitCode)
  | "reboot" //      reset asked for by the guest; the machine has been reset already
  | "ring-full" //   a blocking recorder waits for its client
  | "breakpoint"; // the pc given to setBreakpoint was reached

export interface RunResult {
  reason: StopReason;
  /** Instruction slots used in this call. */
  executed: number;
  exitCode?: number;
  waitNs?: number;
}

export interface MachineApi {
  readonly description: MachineDescription;
  readonly memory: WebAssembly.Memory;
  readonly bus: Bus;
  readonly devices: readonly Device[];
  readonly core: CoreExports;
  /** Machine-wide instruction count (all harts), exact at every stop. */
  instructionCount(): number;
  /** Virtual time, ns. */
  now(): number;
  reset(): void;
  /** Runs at most `budget` instruction slots. Return early for the reasons above. */
  run(budget: number): RunResult;
  requestPause(): void;
  setBreakpoint(pc: bigint | undefined): void;
  /** Bytes for console `name` (`uart0`, `console0`); enter at the present instruction count. */
  consoleInput(name: string, bytes: Uint8Array): void;
  onConsole(callback: (name: string, bytes: Uint8Array) => void): void;
  onGuestError(callback: (device: string, message: string) => void): void;
  onReset(callback: (reason: string) => void): void;
}

/** Exports of core.wasm used outside machine/ (the AssemblyScript sources in src/core define them). */
export interface CoreExports {
  [name: string]: (...args: never[]) => unknown;
}
