// Makes a failing program easier to read: instructions that the failure does not need become nops of the same length,
// so that distances stay as they are.

import { type Instruction, lengthOf, make } from "./encode.js";
import type { Test } from "./image.js";

const NOP = make("addi");
const SHORT_NOP = make("addi", { compressed: 1 });

const isNop = (instruction: Instruction): boolean =>
  instruction.op.name === "addi" && instruction.rd === 0 && instruction.rs1 === 0 && instruction.imm === 0;

const counts = (instruction: Instruction, counters: ReadonlySet<number>): boolean =>
  instruction.op.name === "addi" && counters.has(instruction.rd);

function without(test: Test, places: ReadonlySet<number>): Test {
  return {
    ...test,
    code: test.code.map((instruction, n) =>
      !places.has(n) ? instruction : lengthOf(instruction) === 2 ? SHORT_NOP : NOP,
    ),
  };
}

/**
 * `fails` says of many variants at once which of them still fail. Takes a handful of rounds; a variant that never
 * ends would have `fails` throw, and shrinking then stops with what it has.
 */
export async function shrink(test: Test, fails: (variants: readonly Test[]) => Promise<boolean[]>): Promise<Test> {
  let best = test;
  for (let round = 0; round < 12; round++) {
    // what counts a loop stays, or the program would not end
    const counters = new Set(
      best.code
        .filter((instruction) => instruction.op.form === "branch" && instruction.imm < 0)
        .map((branch) => branch.rs1),
    );
    const places = best.code.flatMap((instruction, n) =>
      isNop(instruction) || counts(instruction, counters) ? [] : [n],
    );
    try {
      const alone = await fails(places.map((place) => without(best, new Set([place]))));
      const useless = places.filter((_, n) => alone[n]);
      if (useless.length === 0) return best;
      // ever smaller groups of what can go alone, until a group can go together
      let size = useless.length;
      for (;;) {
        const candidate = without(best, new Set(useless.slice(0, size)));
        if (size === 1 || (await fails([candidate]))[0] === true) {
          best = candidate;
          break;
        }
        size = Math.ceil(size / 2);
      }
    } catch {
      return best;
    }
  }
  return best;
}
