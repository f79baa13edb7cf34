// A machine with a plugin manager and recorders, run slice by slice while plugins come and go, and what the guest can tell of it
// in the end.
import type { MachineModules } from "../../src/machine/core.js";
import type { EngineSettings, MachineDescription } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import { DEFAULT_PLUGIN_LIMITS, PluginManager } from "../../src/probe/manager.js";
import type { PluginFailure, PluginFilter, PluginLimits } from "../../src/probe/manager-api.js";
import type { PluginDefinition } from "../../src/probe/plugin.js";
import { pluginGuest } from "../../src/session/plugin-guest.js";
import { listen, type Outcome, standing } from "../machine/observation.js";
import { startRecording } from "../machine/recording.js";

export interface Guest {
  description: MachineDescription;
  instructions: number;
  /** Console input by instruction count. */
  input?: readonly (readonly [number, string])[];
}

export class Observed {
  readonly machine: Machine;
  readonly manager: PluginManager;
  readonly failures: [string, PluginFailure][] = [];
  stopped = "count";
  readonly #guest: Guest;
  readonly #said: () => string;
  #typed = 0;

  constructor(
    modules: MachineModules,
    guest: Guest,
    engine: Partial<EngineSettings>,
    limits: PluginLimits = DEFAULT_PLUGIN_LIMITS,
  ) {
    this.#guest = guest;
    this.machine = createMachine({ ...guest.description, engine }, modules);
    this.#said = listen(this.machine);
    this.manager = new PluginManager(
      this.machine,
      pluginGuest(this.machine),
      {
        changed() {},
        failed: (id, failure) => this.failures.push([id, failure]),
        ended() {},
        stop() {},
        output() {},
        channel: () => ({ post() {}, close() {} }),
      },
      limits,
    );
  }

  /** Runs on to the instruction count, or to the guest's end. */
  run(until: number): void {
    const input = this.#guest.input ?? [];
    while (this.stopped === "count" && this.machine.instructionCount() < until) {
      const [at, text] = input[this.#typed] ?? [Number.POSITIVE_INFINITY, ""];
      const now = this.machine.instructionCount();
      if (at <= now) {
        this.machine.consoleInput(this.machine.consoles[0] as string, Buffer.from(text));
        this.#typed++;
        continue;
      }
      const { reason } = this.machine.run(Math.min(at, until) - now);
      this.manager.sliceEnd();
      if (reason === "halted" || reason === "idle") this.stopped = reason;
    }
  }

  /** In slices of random length, `between` after each. */
  wander(until: number, random: () => number, longest: number, between: () => void): void {
    while (this.stopped === "count" && this.machine.instructionCount() < until) {
      const length = 1 + Math.floor(longest ** random());
      this.run(Math.min(until, this.machine.instructionCount() + length));
      between();
    }
  }

  define(id: string, definition: PluginDefinition, filter: PluginFilter = {}): void {
    this.manager.attach(id, { kind: "javascript", name: id, definition }, {}, filter);
  }

  /** Records everything from now on; returns what ends it. */
  record(fetch: boolean): () => void {
    const fields = ["seq", "icount", "pc", "vaddr", "paddr", "region", "device", "value", "flags"];
    const include = { fetch, walk: true, dma: true };
    return startRecording(this.machine, { fields, include, batchRows: 4096 }, () => {}).stop;
  }

  outcome(): Outcome {
    return { ...standing(this.machine), console: this.#said(), stopped: this.stopped };
  }
}

/** Numbers from 0 up to 1 that a seed decides (a multiplicative generator; any fair one would do). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39) ^ 0x9e3779b9;
    state = (state ^ (state >>> 15)) >>> 0;
    return state / 2 ** 32;
  };
}
