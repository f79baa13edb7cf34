// A machine of a few lines for tests of the session layer: it counts, idles, prints and stops as a script says.
import { Bus } from "../../src/bus/bus.js";
import type { Device } from "../../src/devices/device.js";
import { NameTables } from "../../src/devices/names.js";
import type { MachineDescription } from "../../src/machine/description.js";
import type { CoreExports, EngineStats, MachineApi, MachineSymbol, RunResult } from "../../src/machine/machine-api.js";
import type { MachineProbes } from "../../src/machine/machine-probes.js";
import type { Cancel, Scheduler } from "../../src/session/scheduler.js";

/** What the machine does at an instruction count, before it executes that instruction. */
export type Happening =
  | { at: number; idle: number } //         every hart waits for so many ns
  | { at: number; wait: true } //           waits for input
  | { at: number; print: string }
  | { at: number; halt: number }
  | { at: number; reboot: true }
  | { at: number; throws: string }
  | { at: number; full: true }; //          a ring is full until credit() of the test

export class FakeMachine implements MachineApi {
  readonly description: MachineDescription;
  readonly memory = new WebAssembly.Memory({ initial: 20, maximum: 20, shared: true });
  readonly bus: Bus;
  readonly devices: readonly Device[] = [];
  readonly core: CoreExports = {};
  readonly consoles = ["uart0", "console0"];
  readonly names = new NameTables();
  readonly traceArena = { base: 0xa0000, size: 0xa0000 };
  /** Plugins are attached to real machines only. */
  readonly probes = undefined as unknown as MachineProbes;
  observed = "plain";
  readonly input: { at: number; now: number; name: string; text: string }[] = [];
  paceIdle = false;
  full = false;
  /** pc of instruction n, for breakpoints. */
  pcOf = (n: number): bigint => BigInt(n) * 4n;
  #script: Happening[];
  #done = new Set<Happening>();
  #count = 0;
  #idleNs = 0;
  #wait = 0;
  #pause = false;
  #breakpoint: bigint | undefined;
  #console: (name: string, bytes: Uint8Array) => void = () => {};
  #error: (device: string, message: string) => void = () => {};
  #reset: (reason: string) => void = () => {};
  /** Called for each run(), e.g. to let the fake clock tick. */
  onRun: (executed: number) => void = () => {};

  constructor(script: Happening[] = [], description: Partial<MachineDescription> = {}) {
    this.#script = script;
    this.description = { board: "virt", harts: 1, ram: 4096, ...description };
    let next = 0x80000;
    this.bus = new Bus({
      memory: this.memory,
      allocate: (size) => {
        const at = next;
        next += Math.ceil(size / 4096) * 4096;
        return at;
      },
    });
  }

  instructionCount(): number {
    return this.#count;
  }
  now(): number {
    return this.#count + this.#idleNs;
  }
  reset(): void {
    this.#restart("reset");
  }
  #restart(reason: string): void {
    this.#done.clear();
    this.#count = 0;
    this.#idleNs = 0;
    this.#wait = 0;
    this.#reset(reason);
  }
  engineStats(): EngineStats {
    return {
      variant: "plain",
      runMs: 0,
      compileMs: 0,
      instructions: this.instructionCount(),
      compiledInstructions: 0,
      jit: {},
    };
  }
  observe(variant: string): void {
    this.observed = variant;
  }
  onTrace(): void {}
  requestPause(): void {
    this.#pause = true;
  }
  setBreakpoint(pc: bigint | undefined): void {
    this.#breakpoint = pc;
  }
  consolePending(): number {
    return 0;
  }
  consoleInput(name: string, bytes: Uint8Array): void {
    this.input.push({ at: this.#count, now: this.now(), name, text: Buffer.from(bytes).toString() });
    this.#wait = 0;
    for (const happening of this.#script)
      if ("wait" in happening && happening.at === this.#count) this.#done.add(happening);
  }
  advanceIdle(ns: number): void {
    const passed = Math.min(ns, this.#wait);
    this.#wait -= passed;
    this.#idleNs += passed;
  }
  deviceTree(): Uint8Array {
    return new Uint8Array();
  }
  symbols(): readonly MachineSymbol[] {
    return [];
  }
  onConsole(callback: (name: string, bytes: Uint8Array) => void): void {
    this.#console = callback;
  }
  onGuestError(callback: (device: string, message: string) => void): void {
    this.#error = callback;
  }
  onReset(callback: (reason: string) => void): void {
    this.#reset = callback;
  }
  guestError(message: string): void {
    this.#error("uart0", message);
  }

  run(budget: number): RunResult {
    const result = this.#run(budget);
    this.onRun(result.executed);
    return result;
  }

  #run(budget: number): RunResult {
    const from = this.#count;
    const stop = (reason: RunResult["reason"], more: Partial<RunResult> = {}): RunResult => ({
      reason,
      executed: this.#count - from,
      ...more,
    });
    if (this.#wait > 0) {
      this.#idleNs += this.#wait;
      this.#wait = 0;
    }
    const end = from + budget;
    for (;;) {
      if (this.#pause) {
        this.#pause = false;
        return stop("pause");
      }
      if (this.full) return stop("ring-full");
      const happening = this.#script.find((h) => h.at === this.#count && !this.#done.has(h));
      if (happening !== undefined) {
        if (!("wait" in happening)) this.#done.add(happening);
        if ("idle" in happening) {
          if (!this.paceIdle) this.#idleNs += happening.idle;
          else {
            this.#wait = happening.idle;
            return stop("idle-wait", { waitNs: happening.idle });
          }
        } else if ("wait" in happening) return stop("idle");
        else if ("print" in happening) this.#console("uart0", Buffer.from(happening.print));
        else if ("halt" in happening) return stop("halted", { exitCode: happening.halt });
        else if ("reboot" in happening) {
          const result = stop("reboot");
          const done = new Set(this.#done);
          this.#restart("reboot");
          this.#done = done;
          return result;
        } else if ("throws" in happening) throw new Error(happening.throws);
        else this.full = true;
        continue;
      }
      if (this.#count >= end) return stop("budget");
      // Straight to the next thing that happens, the end, or the breakpoint.
      let next = end;
      for (const h of this.#script) if (h.at > this.#count && !this.#done.has(h)) next = Math.min(next, h.at);
      if (this.#breakpoint !== undefined) {
        const at = Number(this.#breakpoint / 4n);
        // Standing on it is no hit: a slot has to end there.
        if (at === this.#count && this.#count > from) return stop("breakpoint");
        if (at > this.#count) next = Math.min(next, at);
      }
      this.#count = next;
    }
  }
}

/** Host time that passes only when the test says so. */
export class FakeScheduler implements Scheduler {
  #now = 0;
  #queue: { at: number; order: number; callback: () => void }[] = [];
  #order = 0;

  now(): number {
    return this.#now;
  }
  soon(callback: () => void): Cancel {
    return this.later(callback, 0);
  }
  later(callback: () => void, ms: number): Cancel {
    const entry = { at: this.#now + ms, order: this.#order++, callback };
    this.#queue.push(entry);
    return () => {
      this.#queue = this.#queue.filter((other) => other !== entry);
    };
  }
  /** Lets time pass without running what is due, as work does. */
  spend(ms: number): void {
    this.#now += ms;
  }
  /** Runs everything due within `ms` from now, in order; at most `most` callbacks. */
  advance(ms: number, most = 10_000): void {
    const end = this.#now + ms;
    for (let i = 0; i < most; i++) {
      this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#queue[0];
      if (next === undefined || next.at > end) break;
      this.#queue.shift();
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = Math.max(this.#now, end);
  }
  get pending(): number {
    return this.#queue.length;
  }
}
