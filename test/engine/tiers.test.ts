// Compiled code must do what the interpreter does, to the instruction, wherever runs are cut.
// EMUSCOPE_SEED=<number> or =random chooses other programs; EMUSCOPE_PROGRAMS more of them.
import assert from "node:assert/strict";
import test from "node:test";
import { seedOf } from "../differential/harness.js";
import { boot, differences, explain, INTERPRETER, runTo, TIERS } from "./machines.js";
import { generateProgram, type ProgramOptions } from "./programs.js";
import { shorten } from "./shorten.js";

const SEED = seedOf(20260411);
const PROGRAMS = Number(process.env["EMUSCOPE_PROGRAMS"] ?? 20);
const LENGTH = 60_000;

async function compareTiers(seed: number, options: ProgramOptions): Promise<void> {
  for (let index = 0; index < PROGRAMS; index++) {
    const program = generateProgram(seed, index, options);
    const count = LENGTH + (index % 7);
    const reference = await boot(program.image, INTERPRETER);
    runTo(reference, count, INTERPRETER.chunk);
    // all tiers for some of the programs, one in turn for the others
    const tiers = index % 5 === 0 ? TIERS : [TIERS[0], TIERS[1 + (index % (TIERS.length - 1))]];
    for (const tier of tiers) {
      if (!tier) continue;
      const machine = await boot(program.image, tier);
      runTo(machine, count, tier.chunk);
      const found = differences(reference, machine);
      if (found.length === 0) continue;
      const where = await explain(program.image, tier, count);
      const short = await shorten(program, tier, count);
      assert.fail(`${program.name}: ${where}\nneeded for it:\n${short}`);
    }
  }
}

test(`${PROGRAMS} programs with loops, traps and interrupts end alike in all tiers`, () => compareTiers(SEED, {}));
test(`${PROGRAMS} programs that rewrite themselves end alike in all tiers`, () =>
  compareTiers(SEED + 1, { rewrite: true }));
test(`${PROGRAMS} programs without traps, which stay in compiled code longer`, () =>
  compareTiers(SEED + 2, { traps: false, timers: false }));
