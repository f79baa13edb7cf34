// Compiled code must do what the interpreter does, to the instruction, wherever runs are cut. EMUSCOPE_SEED=<number> or
// =random chooses other programs; EMUSCOPE_PROGRAMS more of them. tiers.guest.test.ts has more, and others.
import test from "node:test";
import { seedOf } from "../differential/harness.js";
import { times } from "../thorough.js";
import { compareTiers } from "./compare-tiers.js";

const SEED = seedOf(20260411);
const PROGRAMS = Number(process.env["EMUSCOPE_PROGRAMS"] ?? times(5, 30));

test(`${PROGRAMS} programs with loops, traps and interrupts end alike in all tiers`, () =>
  compareTiers(SEED, PROGRAMS, {}));
test(`${PROGRAMS} programs that rewrite themselves end alike in all tiers`, () =>
  compareTiers(SEED + 1, PROGRAMS, { rewrite: true }));
test(`${PROGRAMS} programs without traps, which stay in compiled code longer`, () =>
  compareTiers(SEED + 2, PROGRAMS, { traps: false, timers: false }));
