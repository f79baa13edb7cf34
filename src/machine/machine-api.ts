// The machine as its session sees it. No threads, no HTTP below this line.
import type { Bus } from "../bus/bus.js";
import type { Device } from "../devices/device.js";
import type { NameTables } from "../devices/names.js";
import type { JitStats } from "../engine/jit/jit.js";
import type { MachineDescription } from "./description.js";
import type { MachineProbes } from "./machine-probes.js";

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
  /** Console ports of the board; the first is the default one. */
  readonly consoles: readonly string[];
  /** Input bytes of a console its device has not taken yet. */
  consolePending(name: string): number;
  /**
   * Set by the session. True: run() stops with "idle-wait" where every hart waits and a timer is armed, before it jumps;
   * the next run() then jumps over what is left of the wait. False: run() jumps by itself. Same virtual results either way.
   */
  paceIdle: boolean;
  /** After "idle-wait": lets `ns` of the wait pass (at most waitNs), so that input arriving meanwhile finds the clock where it should be. */
  advanceIdle(ns: number): void;
  /** Names as trace records number them; registers and fields have a table each. */
  readonly names: NameTables;
  /** Flattened device tree the guest got. */
  deviceTree(): Uint8Array;
  /** Symbols of every loaded image, sorted by address. */
  symbols(): readonly MachineSymbol[];
  /** Range of the memory for trace rings; the session divides it up. */
  readonly traceArena: { base: number; size: number };
  /** Chooses the engine variant: what is to be recorded at all. Takes effect with the next run(). */
  observe(variant: "plain" | "memory" | "fetch"): void;
  engineStats(): EngineStats;
  /** For the plugin manager. */
  readonly probes: MachineProbes;
  /**
   * A recorder completed a batch or finished (`event` NOTIFY_BATCH), or is out of rows inside an instruction (NOTIFY_FULL):
   * the callback then may wait for a free batch and return true, or false to drop. Called from inside run().
   */
  onTrace(callback: (recorder: number, event: number) => boolean | undefined): void;
  onConsole(callback: (name: string, bytes: Uint8Array) => void): void;
  onGuestError(callback: (device: string, message: string) => void): void;
  onReset(callback: (reason: string) => void): void;
}

/** How guest code has been executed since the machine was made. */
export interface EngineStats {
  /** What the engine records at present; `probe`: blocks run with the probes of plugins. */
  variant: "plain" | "memory" | "fetch" | "probe";
  /** Host time inside the engine, ms; compilation included. */
  runMs: number;
  /** Host time spent making compiled regions, ms; V8's own background work is not in it. */
  compileMs: number;
  /** Instruction slots in all, and those that compiled regions used; the interpreter used the rest. */
  instructions: number;
  compiledInstructions: number;
  /** Compiled tier by variant; absent where nothing has run compiled. */
  jit: Partial<Record<"plain" | "memory" | "fetch" | "probe", JitStats>>;
}

export interface MachineSymbol {
  name: string;
  /** Virtual address as the image says. */
  address: bigint;
  /** Bytes, 0 when the image does not say. */
  size: number;
  kind: "function" | "object" | "none";
  /** Name of the image it comes from. */
  image: string;
}

/** Exports of core.wasm used outside machine/ (the AssemblyScript sources in src/core define them). */
export interface CoreExports {
  // biome-ignore lint/suspicious/noExplicitAny: 64-bit values are BigInt, others numbers; each caller knows its own
  [name: string]: any;
}
