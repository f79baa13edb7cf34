// Plugins that the SDK has compiled, attached to a bare-metal guest.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PluginArguments } from "../../src/probe/manager-api.js";
import { prepare } from "../../src/probe/wasm/prepare.js";
import { withVariable } from "../guest/elf-symbols.js";
import { type Plugged, plugged } from "../probe/plugged.js";
import { ROOT } from "./support.js";

/** The program of guest/bare with so many rounds of its work. */
export async function guest(program: string, rounds: bigint): Promise<Plugged & { console(): string }> {
  const bytes = withVariable(readFileSync(join(ROOT, `guest/bare/${program}.elf`)), "iterations", rounds);
  const machine = await plugged(program, {}, { load: [{ bytes, kind: "elf", name: `${program}.elf` }] });
  let text = "";
  machine.machine.onConsole((_, bytes) => {
    text += Buffer.from(bytes).toString("latin1");
  });
  return { ...machine, console: () => text };
}

export interface Outcome {
  results: unknown;
  /** All it printed, with what it said at the end. */
  output: string;
  files: Record<string, string>;
  console: string;
}

/** Runs the guest to its end with the plugin attached. @throws Error when the plugin fails */
export async function runWith(
  wasm: Uint8Array,
  program: string,
  rounds: bigint,
  args: PluginArguments = {},
): Promise<Outcome> {
  const { manager, run, failures, console } = await guest(program, rounds);
  const { module, info } = prepare(wasm);
  manager.attach("plugin", { kind: "wasm", name: "plugin", module, info }, args, {});
  run(500e6);
  const { results } = manager.snapshot("plugin", false);
  const last = manager.detach("plugin");
  if (failures.length > 0) throw new Error(failures.join("\n"));
  const files = Object.fromEntries(last.contents.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]));
  return { results, output: last.output, files, console: console() };
}
