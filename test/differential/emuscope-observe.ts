// Runs a bare-metal program on board virt with built-in plugins attached from the first instruction, and returns what they found.
import type { EngineSettings } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import { DEFAULT_PLUGIN_LIMITS, PluginManager } from "../../src/probe/manager.js";
import type { PluginFilter } from "../../src/probe/manager-api.js";
import { pluginGuest } from "../../src/session/plugin-guest.js";
import { machineModules } from "./emuscope.js";

export interface EmuscopeRun {
  image: Uint8Array;
  plugins: Record<string, Record<string, unknown>>;
  engine?: Partial<EngineSettings>;
  /** Instructions from one call of run() to the next. */
  slice?: number;
}

export interface Found {
  results: any;
  text: string;
  output: string;
}

const MOST_INSTRUCTIONS = 2_000_000_000;
/** The boot ROM's few instructions are left out, as observe.c does. */
const PROGRAM: PluginFilter = { pc: [[0x80000000n, (1n << 64n) - 1n]] };
const LIMITS = { ...DEFAULT_PLUGIN_LIMITS, outputBytes: 1 << 28 };
const NO_HOOKS = {
  changed() {},
  failed(id: string, failure: unknown) {
    throw new Error(`${id}: ${JSON.stringify(failure)}`);
  },
  ended() {},
  stop(id: string, reason: string) {
    throw new Error(`${id}: ${reason}`);
  },
  output() {},
  channel: () => ({ post() {}, close() {} }),
};

/** @throws Error when a plugin fails or the guest does not power off */
export async function observeHere(
  run: EmuscopeRun,
): Promise<{ found: Record<string, Found>; machine: Machine; console: string }> {
  const machine = createMachine(
    {
      board: "virt",
      harts: 1,
      ram: 128 << 20,
      kernel: { bytes: run.image, name: "image.elf", kind: run.image[0] === 0x7f ? "elf" : "raw" },
      ...(run.engine ? { engine: run.engine } : {}),
    },
    await machineModules(),
  );
  let console = "";
  machine.onConsole((_, bytes) => {
    console += Buffer.from(bytes).toString("latin1");
  });
  const manager = new PluginManager(machine, pluginGuest(machine), NO_HOOKS, LIMITS);
  for (const [name, args] of Object.entries(run.plugins))
    manager.attach(name, { kind: "builtin", name }, args, PROGRAM);
  for (let reason = ""; reason !== "halted"; ) {
    ({ reason } = machine.run(run.slice ?? 10_000_000));
    manager.sliceEnd();
    if (machine.instructionCount() > MOST_INSTRUCTIONS) throw new Error(`the guest does not end: ${reason}`);
  }
  const found: Record<string, Found> = {};
  for (const name of Object.keys(run.plugins)) {
    const { results, text = "" } = manager.snapshot(name, true);
    const output = manager.output(name, 0);
    if (output.offset !== 0) throw new Error(`${name}: output is gone`);
    found[name] = { results, text, output: output.text };
  }
  return { found, machine, console };
}
