// Code that a plugin's filter rules out runs as if the plugin were not there: by the regions there are, and none is made anew.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../src/machine/description.js";
import type { PluginFilter } from "../../src/probe/manager-api.js";
import { Assembler } from "../engine/assembler.js";
import { type Image, machineModules } from "../engine/machines.js";
import { START } from "../engine/platform.js";
import { Observed } from "./observed.js";

const COMPILED: Partial<EngineSettings> = { jit: true, hotThreshold: 2, batch: 1 };
const INTERPRETED: Partial<EngineSettings> = { jit: false };
const PAGE = 4096;
const FUNCTIONS = 12;
/** Instructions of one call. */
const LENGTH = 2 + 3 * 5 + 1;
const ROUND = FUNCTIONS * 4 + 1;
const INSTRUCTIONS = 200 * (ROUND + FUNCTIONS * LENGTH);

const pageOf = (n: number): number => START + (n + 1) * PAGE;
const looksAt = (...pages: number[]): PluginFilter => ({
  pc: pages.map((n): [bigint, bigint] => [BigInt(pageOf(n)), BigInt(pageOf(n) + PAGE - 1)]),
});

/** Calls functions in pages of their own for ever. Each loads and stores in a loop. */
function guest(): Image {
  const [T0, S0] = [5, 8];
  const main = new Assembler();
  const top = main.here();
  for (let n = 0; n < FUNCTIONS; n++) {
    main.li(T0, pageOf(n));
    main.op("jalr", { rd: 1, rs1: T0 });
  }
  main.jump(top);
  const bytes = main.assemble(START).bytes;
  const code = Array.from({ length: FUNCTIONS }, (_, n) => {
    const f = new Assembler();
    f.op("auipc", { rd: S0, imm: FUNCTIONS });
    f.op("addi", { rd: T0, imm: 5 });
    const loop = f.here();
    f.op("sd", { rs1: S0, rs2: T0, imm: 8 * n });
    f.op("addi", { rd: T0, rs1: T0, imm: -1 });
    f.to("bne", loop, { rs1: T0 });
    f.ret();
    return { address: pageOf(n), bytes: f.assemble(pageOf(n)).bytes };
  });
  return { parts: [{ address: START, bytes }, ...code] };
}

async function machine(engine: Partial<EngineSettings>): Promise<Observed> {
  const load = guest().parts.map(({ address, bytes }) => ({ address, bytes, kind: "raw" as const, name: "part" }));
  const description = { board: "virt", harts: 1, ram: 2 ** 20, load } as const;
  return new Observed(await machineModules(), { description, instructions: 0 }, engine);
}

const compiled = (run: Observed): { plain: number; probe: number } => {
  const { plain, probe } = run.machine.jitStats();
  return { plain: plain?.compiled ?? 0, probe: probe?.compiled ?? 0 };
};
const attach = (run: Observed, id: string, name: string, filter: PluginFilter): void =>
  void run.manager.attach(id, { kind: "builtin", name }, {}, filter);
const results = (run: Observed, id: string): unknown => run.manager.snapshot(id, false).results;

test("only what a plugin looks at is compiled for it", async () => {
  const counts: unknown[] = [];
  for (const engine of [INTERPRETED, COMPILED]) {
    const run = await machine(engine);
    run.run(INSTRUCTIONS);
    const before = compiled(run);
    attach(run, "insn", "insn", looksAt(3));
    run.run(2 * INSTRUCTIONS);
    const after = compiled(run);
    counts.push(results(run, "insn"));
    if (engine !== COMPILED) continue;
    assert.ok(before.plain >= FUNCTIONS, `${before.plain} regions before`);
    // one more entry, perhaps, where a run was cut
    assert.ok(after.plain <= before.plain + 1, `${before.plain} regions, then ${after.plain}`);
    assert.ok(after.probe >= 1 && after.probe <= 4, `${after.probe} regions for the plugin`);
    const { compiledInstructions, instructions } = run.machine.engineStats();
    assert.ok(compiledInstructions > 0.9 * instructions, `${compiledInstructions} of ${instructions}`);
    run.manager.detach("insn");
    run.run(3 * INSTRUCTIONS);
    assert.ok(compiled(run).plain <= after.plain + 1);
    assert.equal(run.machine.jitStats().probe?.regions, 0);
  }
  assert.deepEqual(counts[1], counts[0]);
  assert.equal((counts[0] as { instructions: number }).instructions > 0, true);
});

test("plugins with filters of their own come, change and go; counts and guest are those of the interpreter", async () => {
  const ends: unknown[] = [];
  for (const [engine, chunk] of [
    [INTERPRETED, 1e6],
    [COMPILED, 1e6],
    [COMPILED, 13],
  ] as const) {
    const run = await machine(engine);
    const found: unknown[] = [];
    let at = 0;
    const go = (instructions: number): void => {
      const until = at + instructions;
      while (at < until) {
        at = Math.min(until, at + chunk);
        run.run(at);
      }
    };
    go(5003);
    attach(run, "one", "insn", looksAt(1));
    go(2011);
    attach(run, "two", "mem", looksAt(2, 5));
    go(3001);
    run.manager.configure("one", { filter: looksAt(2, 7) });
    go(2003);
    attach(run, "all", "bb", {});
    go(1009);
    found.push(results(run, "one"), results(run, "two"), results(run, "all"));
    run.manager.pause("all");
    go(4001);
    run.manager.resume("all");
    go(17);
    run.manager.detach("all");
    go(3011);
    found.push(results(run, "one"), results(run, "two"));
    run.manager.detach("one");
    run.manager.pause("two");
    go(1013);
    run.manager.resume("two");
    go(3019);
    found.push(results(run, "two"));
    run.manager.detach("two");
    go(1021);
    assert.deepEqual(run.failures, []);
    ends.push([found, run.outcome()]);
  }
  assert.deepEqual(ends[1], ends[0]);
  assert.deepEqual(ends[2], ends[0]);
});
