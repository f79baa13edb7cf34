// Sessions that run the same code get the same modules, and only they do.
import assert from "node:assert/strict";
import test from "node:test";
import { RegionCache } from "../../src/engine/jit/region-cache.js";
import { type CompileAnswer, RegionMaker } from "../../src/engine/jit/region-maker.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import { Assembler } from "./assembler.js";
import { machineModules, runTo } from "./machines.js";
import { START } from "./platform.js";

const [A0, A1] = [10, 11];
const LENGTH = 900;

interface Run {
  readonly machine: Machine;
  readonly maker: RegionMaker;
  readonly made: CompileAnswer["modules"][number][];
}

/** A loop that adds `step`, run on a machine whose regions are looked for in `cache`. */
async function run(cache: RegionCache, step: number, variant: "plain" | "memory" = "plain"): Promise<Run> {
  const a = new Assembler();
  const top = a.label();
  a.la(A1, top);
  a.place(top);
  a.op("addi", { rd: A0, rs1: A0, imm: step });
  a.op("lw", { rd: 12, rs1: A1 });
  a.to("beq", top, { rs1: 0, rs2: 0 });
  const load = [{ address: START, bytes: a.assemble(START).bytes, kind: "raw" as const, name: "loop" }];
  const made: Run["made"] = [];
  let maker: RegionMaker | undefined;
  const machine = createMachine(
    { board: "virt", harts: 1, ram: 2 ** 20, load, engine: { hotThreshold: 3, batch: 1 } },
    await machineModules(),
    (memory) => {
      maker ??= new RegionMaker(memory, { cache });
      const mine = maker;
      const answers: CompileAnswer[] = [];
      return {
        request: (job) => {
          const answer = mine.make(job);
          made.push(...answer.modules);
          answers.push(answer);
        },
        take: () => answers.shift(),
      };
    },
  );
  machine.observe(variant);
  runTo(machine, LENGTH, 1e6);
  assert.ok(maker);
  return { machine, maker, made };
}

test("the same code is compiled once, other code and another variant are not it", async () => {
  const cache = new RegionCache();
  const first = await run(cache, 1);
  const second = await run(cache, 1);
  assert.ok(first.made.length > 0);
  assert.ok(first.made.every(({ shared }) => !shared));
  assert.ok(second.made.every(({ shared }) => shared));
  assert.deepEqual(new Set(second.made.map(({ module }) => module)), new Set(first.made.map(({ module }) => module)));
  assert.equal(second.machine.jitStats().plain?.regions, first.machine.jitStats().plain?.regions);
  assert.equal(second.machine.engineStats().compiledInstructions, first.machine.engineStats().compiledInstructions);
  const other = await run(cache, 2);
  assert.ok(other.made.every(({ shared }) => !shared));
  const traced = await run(cache, 1, "memory");
  assert.ok(traced.made.length > 0 && traced.made.every(({ shared }) => !shared));
});

test("what the last user leaves stays for the next one, until somebody else leaves", async () => {
  const cache = new RegionCache();
  const first = await run(cache, 1);
  const second = await run(cache, 1);
  cache.release(first.maker);
  cache.release(second.maker);
  const third = await run(cache, 1);
  assert.ok(third.made.every(({ shared }) => shared));
  cache.release(third.maker);
  const other = await run(cache, 2);
  cache.release(other.maker);
  const again = await run(cache, 1);
  assert.ok(again.made.every(({ shared }) => !shared));
});
