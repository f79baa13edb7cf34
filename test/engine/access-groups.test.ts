// Compiled code looks once into the TLB for accesses near each other. Where two pages have them it must do as if it had not.
import assert from "node:assert/strict";
import test from "node:test";
import { seedOf } from "../differential/harness.js";
import { Random } from "../differential/random.js";
import { times } from "../thorough.js";
import { boot, differences, INTERPRETER, runTo, TIERS } from "./machines.js";
import { nearAccesses } from "./near-accesses.js";

const SEED = seedOf(20261126);
const COUNT = 30_000;
/** Instructions of the guest's loop, about. */
const TURN = 60;
const WARM = { name: "warm", engine: { hotThreshold: 5 }, chunk: 1e6 };

for (const faults of [false, true]) {
  test(`accesses over the ends of pages, ${faults ? "one of them not mapped" : "all mapped"}`, async () => {
    for (let n = 0; n < times(1, 20); n++) {
      const image = nearAccesses(new Random(SEED + n), { faults });
      for (const count of [COUNT, COUNT + 31 + n]) {
        const want = await boot(image, INTERPRETER);
        runTo(want, count, 1e6);
        for (const tier of TIERS) {
          const machine = await boot(image, tier);
          runTo(machine, count, tier.chunk);
          assert.deepEqual(differences(want, machine), [], `seed ${SEED + n}, ${tier.name} after ${count}`);
        }
      }
    }
  });
}

test("a region whose accesses are often in two pages is made anew, and stays compiled longer", async () => {
  const machine = await boot(nearAccesses(new Random(SEED), { faults: false }), WARM);
  const compiledIn = (turns: number): number => {
    const before = machine.engineStats().compiledInstructions;
    runTo(machine, machine.instructionCount() + turns * TURN, 1e6);
    return machine.engineStats().compiledInstructions - before;
  };
  const early = compiledIn(200);
  compiledIn(2000);
  const late = compiledIn(200);
  assert.ok(late > 1.3 * early, `${early} instructions compiled at first, ${late} later`);
});
