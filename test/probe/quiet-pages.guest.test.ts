// Debian's boot with plugins that look at a part of the kernel: the rest runs as without them, and nothing of it shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../src/machine/description.js";
import { machineModules } from "../engine/machines.js";
import { debian, skipWithoutGuests } from "../machine/guests.js";
import { Observed } from "./observed.js";

const INSTRUCTIONS = 150_000_000;
const ATTACHED_AT = 20_000_003;
/** Of a kernel of some 20 MiB: entry, scheduler and the like. */
const PART = { pc: [[0xffffffff80000000n, 0xffffffff8003ffffn] as [bigint, bigint]] };

for (const harts of [1, 2]) {
  test(`${harts} hart${harts > 1 ? "s" : ""}: counts and guest are those of the interpreter, and little is compiled anew`, {
    skip: skipWithoutGuests,
    timeout: 600_000,
  }, async () => {
    const run = async (engine: Partial<EngineSettings>, plugins: readonly string[]) => {
      const guest = { description: debian(harts), instructions: INSTRUCTIONS };
      const observed = new Observed(await machineModules(), guest, engine);
      observed.run(ATTACHED_AT);
      for (const name of plugins) observed.manager.attach(name, { kind: "builtin", name }, {}, PART);
      observed.run(INSTRUCTIONS);
      const results = plugins.map((name) => observed.manager.snapshot(name, false).results);
      return { results, outcome: observed.outcome(), failures: observed.failures, jit: observed.machine.jitStats() };
    };
    const alone = await run({}, []);
    const interpreted = await run({ jit: false }, ["insn", "mem"]);
    const compiled = await run({}, ["insn", "mem"]);
    assert.deepEqual(compiled.failures, []);
    assert.deepEqual(compiled.results, interpreted.results);
    assert.deepEqual(interpreted.outcome, alone.outcome);
    assert.deepEqual(compiled.outcome, alone.outcome);
    const { plain, probe } = compiled.jit;
    assert.ok(probe && plain && probe.compiled > 0, "it looks at code that gets hot");
    assert.ok(4 * probe.compiled < plain.compiled, `${probe.compiled} regions for plugins, ${plain.compiled} others`);
  });
}
