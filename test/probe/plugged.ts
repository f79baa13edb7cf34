// Machines with plugins, run without a session.
import { readFileSync } from "node:fs";
import type { EngineSettings, MachineDescription } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import { DEFAULT_PLUGIN_LIMITS, PluginManager } from "../../src/probe/manager.js";
import type { PluginLimits } from "../../src/probe/manager-api.js";
import { pluginGuest } from "../../src/session/plugin-guest.js";
import { machineModules } from "../engine/machines.js";

export interface Plugged {
  machine: Machine;
  manager: PluginManager;
  /** Reasons of plugins that stopped the machine. */
  stops: string[];
  failures: string[];
  /** Runs so many instructions, in slices, or until the guest halts or a plugin stops it. */
  run(count: number, chunk?: number): string;
  /** Attaches a built-in plugin, under its own name. */
  attach(name: string, args?: Record<string, unknown>): void;
  results(name: string): any;
  text(name: string): string;
}

type Channels = Map<string, Set<(message: unknown) => void>>;

/** A machine on which a program of guest/bare is loaded. */
export async function plugged(
  program: string,
  engine: Partial<EngineSettings> = {},
  settings: Partial<MachineDescription> & { channels?: Channels; limits?: PluginLimits } = {},
): Promise<Plugged> {
  const { channels = new Map() as Channels, limits = DEFAULT_PLUGIN_LIMITS, ...description } = settings;
  const bytes = readFileSync(`guest/bare/${program}.elf`);
  const machine = createMachine(
    {
      board: "virt",
      harts: 1,
      ram: 64 * 2 ** 20,
      load: [{ bytes, kind: "elf", name: `${program}.elf` }],
      engine,
      ...description,
    } as MachineDescription,
    await machineModules(),
  );
  const stops: string[] = [];
  const failures: string[] = [];
  const manager = new PluginManager(
    machine,
    pluginGuest(machine),
    {
      changed() {},
      failed: (id, failure) => failures.push(`${id}: ${failure.message}`),
      ended() {},
      stop: (_, reason) => stops.push(reason),
      output() {},
      channel(name, receive) {
        const members = channels.get(name) ?? new Set();
        channels.set(name, members.add(receive));
        return {
          post(message) {
            for (const member of members) if (member !== receive) member(structuredClone(message));
          },
          close: () => void members.delete(receive),
        };
      },
    },
    limits,
  );
  return {
    machine,
    manager,
    stops,
    failures,
    run(count, chunk = 1e6) {
      const until = machine.instructionCount() + count;
      for (;;) {
        const left = until - machine.instructionCount();
        if (left <= 0) return "budget";
        const { reason } = machine.run(Math.min(left, chunk));
        manager.sliceEnd();
        if (reason !== "budget" && reason !== "idle-wait") return reason;
      }
    },
    attach: (name, args = {}) => void manager.attach(name, { kind: "builtin", name }, args, {}),
    results: (name) => manager.snapshot(name, false).results,
    text: (name) => manager.snapshot(name, true).text ?? "",
  };
}
