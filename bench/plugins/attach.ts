// Attaches the plugin of a case to a machine of the measuring process, and makes its report.
import { readFileSync } from "node:fs";
import type { Machine } from "../../src/machine/machine.js";
import { PluginManager } from "../../src/probe/manager.js";
import type { PluginSource } from "../../src/probe/manager-api.js";
import { prepare } from "../../src/probe/wasm/prepare.js";
import { pluginGuest } from "../../src/session/plugin-guest.js";
import { CASES, type PluginCase } from "./cases.js";

const ID = "measured";
/** Everything but the boot ROM. */
const FILTER = {
  pc: [
    [0n, 0xfffn],
    [0x2000n, 2n ** 64n - 1n],
  ] as [bigint, bigint][],
};

export interface AttachedPlugin {
  /** After each run slice. */
  sliceEnd(): void;
  /** Detaches. @throws Error when the plugin failed */
  report(): string;
}

/** @throws Error when there is no such case */
export function attachPlugin(machine: Machine, name: string): AttachedPlugin {
  const found = CASES.find((c) => c.name === name);
  if (!found) throw new Error(`no plugin case ${name}`);
  let failure: string | undefined;
  const manager = new PluginManager(machine, pluginGuest(machine), {
    changed() {},
    failed(_, { message, where }) {
      failure = `${where}: ${message}`;
    },
    ended() {},
    stop() {},
    output() {},
    channel: () => ({ post() {}, close() {} }),
  });
  manager.attach(ID, sourceOf(found), argumentsOf(found), FILTER);
  return {
    sliceEnd: () => manager.sliceEnd(),
    report() {
      const { results, output } = manager.detach(ID);
      if (failure !== undefined) throw new Error(`${name}: ${failure}`);
      return found.report ? found.report(results as never) : output.trim();
    },
  };
}

function sourceOf({ plugin }: PluginCase): PluginSource {
  if ("builtin" in plugin) return { kind: "builtin", name: plugin.builtin };
  if ("definition" in plugin)
    return { kind: "javascript", name: plugin.definition.name, definition: plugin.definition };
  const { module, info } = prepare(readFileSync(new URL(`../../../bench/qemu-plugin/${plugin.wasm}`, import.meta.url)));
  return { kind: "wasm", name: plugin.wasm, module, info };
}

const argumentsOf = ({ plugin }: PluginCase): Record<string, unknown> => ("builtin" in plugin && plugin.args) || {};
