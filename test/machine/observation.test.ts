// Observation changes nothing: traced or not, filtered or not, interpreted or compiled, a run is the same to the last bit.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { compileModules, type MachineModules } from "../../src/machine/core.js";
import { withVariable } from "../guest/elf-symbols.js";
import { type Outcome, outcome, type Run, ways } from "./observation.js";

let modules: MachineModules;
before(async () => {
  modules = await compileModules(await readFile(new URL("../../core.wasm", import.meta.url)));
});

async function guest(file: string, iterations: bigint): Promise<{ bytes: Uint8Array; name: string }> {
  const elf = await readFile(new URL(`../../../guest/${file}.elf`, import.meta.url));
  return { bytes: withVariable(elf, "iterations", iterations), name: file };
}

const RUNS: readonly [string, () => Promise<Run>][] = [
  [
    "the demo guest, typed to",
    async () => ({
      description: { board: "remap", harts: 1, ram: 64 << 20, kernel: await guest("demo/demo", 4n) },
      instructions: 20_000_000,
      input: [
        [700_001, "a"],
        [1_500_000, "b"],
      ],
    }),
  ],
  [
    "code that rewrites itself",
    async () => ({
      description: { board: "virt", harts: 1, ram: 64 << 20, kernel: await guest("bare/smc", 20n) },
      instructions: 10_000_000,
    }),
  ],
  [
    "four harts that share memory",
    async () => ({
      description: { board: "virt", harts: 4, ram: 64 << 20, kernel: await guest("bare/smp", 3n) },
      instructions: 10_000_000,
    }),
  ],
];

for (const [name, make] of RUNS) {
  describe(`the same to the last bit: ${name}`, () => {
    let first: Outcome | undefined;
    for (const way of ways()) {
      it(way.name, async () => {
        const { outcome: end, records } = outcome(modules, await make(), way);
        assert.equal(records > 0, way.watch.length > 0);
        first ??= end;
        assert.equal(first.stopped, "halted");
        assert.deepEqual(end, first);
      });
    }
  });
}
