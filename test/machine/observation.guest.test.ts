// Observation changes nothing, over 200 million instructions of an unmodified Linux.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { compileModules, type MachineModules } from "../../src/machine/core.js";
import { debian, skipWithoutGuests } from "./guests.js";
import { type Outcome, outcome, type Run, ways } from "./observation.js";

const INSTRUCTIONS = 200_000_000;

let modules: MachineModules;
before(async () => {
  modules = await compileModules(await readFile(new URL("../../core.wasm", import.meta.url)));
});

for (const harts of [1, 2]) {
  describe(`the same to the last bit: Debian's boot, ${harts} hart${harts > 1 ? "s" : ""}`, {
    skip: skipWithoutGuests,
    timeout: 900_000,
  }, () => {
    let first: Outcome | undefined;
    for (const way of ways(["interpreted", "compiled as by default"])) {
      it(way.name, (t) => {
        const run: Run = {
          description: debian(harts),
          instructions: INSTRUCTIONS,
        };
        const begun = performance.now();
        const { outcome: end, records } = outcome(modules, run, way);
        t.diagnostic(`${records} records, ${((performance.now() - begun) / 1000).toFixed(1)} s`);
        first ??= end;
        assert.equal(end.instructions, INSTRUCTIONS);
        assert.deepEqual(end, first);
      });
    }
  });
}
