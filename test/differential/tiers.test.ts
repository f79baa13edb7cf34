// The random programs again with everything compiled before it first runs, and with nothing compiled.
// EMUSCOPE_SEED=<number> or =random chooses others.
import assert from "node:assert/strict";
import test from "node:test";
import type { EngineSettings } from "../../src/machine/description.js";
import { runOnEmuscope } from "./emuscope.js";
import { ALL_EXTENSIONS, DEFAULTS, type GenerateOptions } from "./generate.js";
import { compareSides, MODEL, machineSide, type Side, seedOf } from "./harness.js";
import { qemuVersion, runOnQemu } from "./qemu.js";

const SEED = seedOf(20260411);
/** Loops that turn more often than it takes to be compiled. */
const LOOPS: GenerateOptions = { ...DEFAULTS, loop: 60, length: 40 };

let compiled = 0;
const tier = (name: string, engine: Partial<EngineSettings>): Side =>
  machineSide(name, async (image) => {
    let read = (): number => 0;
    const results = await runOnEmuscope(
      image,
      (machine) => (read = () => machine.engineStats().compiledInstructions),
      engine,
    );
    compiled = read();
    return results;
  });
const EAGER = tier("eager", { hotThreshold: 1, batch: 1 });
const INTERPRETER = tier("interpreter", { jit: false });

test("everything compiled against the model", async () => {
  await compareSides(EAGER, MODEL, SEED, 1500, { ...LOOPS, extensions: ALL_EXTENSIONS, without: new Set() });
  assert.ok(compiled > 0);
});

test("everything compiled against the interpreter", async () => {
  await compareSides(EAGER, INTERPRETER, SEED + 1, 2000, LOOPS);
});

test("everything compiled against QEMU", {
  skip: qemuVersion() === undefined ? "no qemu-system-riscv64 here" : false,
}, async () => {
  await compareSides(EAGER, machineSide("qemu", runOnQemu), SEED + 2, 2000, LOOPS);
});
