// Plugins that come and go leave nothing behind: no memory, no places, no code, and a guest that is as fast
// and in the same state as one that nobody looked at.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { machineModules } from "../engine/machines.js";
import { withVariable } from "../guest/elf-symbols.js";
import { comeAndGo, compiledShare } from "./coming-and-going.js";
import { type Guest, Observed, randomFrom } from "./observed.js";

const SEED = Number(process.env["EMUSCOPE_SEED"] ?? 20261126);

for (const [file, harts] of [
  ["bare/smc", 1],
  ["demo/demo", 1],
  ["bare/smp", 2],
] as const) {
  test(`${file}: plugins that come and go leave nothing behind`, async (t) => {
    t.diagnostic(`EMUSCOPE_SEED=${SEED}`);
    const elf = await readFile(new URL(`../../../guest/${file}.elf`, import.meta.url));
    const guest: Guest = {
      description: {
        board: file === "demo/demo" ? "remap" : "virt",
        harts,
        ram: 16 << 20,
        kernel: { bytes: withVariable(elf, "iterations", 100_000n), name: file },
      },
      instructions: 1_400_000,
    };
    const random = randomFrom(SEED);
    const modules = await machineModules();
    const plain = new Observed(modules, guest, {});
    const observed = new Observed(modules, guest, {});
    observed.run(100_000);
    const { mappings, heap } = comeAndGo(observed, 36, 6, () => 1 + Math.floor(4000 * random()));
    t.diagnostic(`${mappings} mappings, ${heap} bytes of heap`);
    plain.run(observed.machine.instructionCount());
    assert.deepEqual(observed.outcome(), plain.outcome());
    assert.deepEqual(observed.failures, []);
    const shares = [plain, observed].map((o) => {
      const end = o.machine.instructionCount() + guest.instructions;
      // what is hot now has been compiled by then
      o.run(end - 300_000);
      return compiledShare(o, () => o.run(end));
    }) as [number, number];
    t.diagnostic(`compiled share ${shares.map((share) => share.toFixed(4)).join(", ")}`);
    assert.ok(shares[1] > shares[0] - 0.01);
    assert.deepEqual(observed.outcome(), plain.outcome());
    assert.equal(observed.stopped, "count");
  });
}
