// As tiers.test.ts, with more programs and others. EMUSCOPE_SEED chooses.
import test from "node:test";
import { seedOf } from "../differential/harness.js";
import { compareTiers } from "./compare-tiers.js";

const SEED = seedOf(20261127);

for (const [n, options] of [{}, { rewrite: true }, { traps: false, timers: false }].entries())
  test(`60 more programs with ${JSON.stringify(options)} end alike in all tiers`, { timeout: 300_000 }, () =>
    compareTiers(SEED + n, 60, options),
  );
