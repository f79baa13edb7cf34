// Random programs on every tier against the interpreter; what differs is told with a program as short as it gets.
import assert from "node:assert/strict";
import { boot, differences, explain, INTERPRETER, runTo, TIERS } from "./machines.js";
import { generateProgram, type ProgramOptions } from "./programs.js";
import { shorten } from "./shorten.js";

const LENGTH = 60_000;

export async function compareTiers(seed: number, programs: number, options: ProgramOptions): Promise<void> {
  for (let index = 0; index < programs; index++) {
    const program = generateProgram(seed, index, options);
    const count = LENGTH + (index % 7);
    const reference = await boot(program.image, INTERPRETER);
    runTo(reference, count, INTERPRETER.chunk);
    // all tiers for some of the programs, two in turn for the others
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
