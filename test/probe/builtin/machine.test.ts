// All built-in plugins of this folder at once on a real machine: the guest does the same as without them, whatever runs it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { EngineSettings } from "../../../src/machine/description.js";
import { observeHere } from "../../differential/emuscope-observe.js";
import { withVariable } from "../../guest/elf-symbols.js";
import { times } from "../../thorough.js";

const PLUGINS: Record<string, Record<string, unknown>> = {
  bb: {},
  insn: { match: "csr" },
  mem: { haddr: true, "region-summary": true },
  hotblocks: {},
  hotpages: {},
  howvec: {},
  hwprofile: { source: true },
  execlog: { lines: 1000 },
  traps: {},
  discons: {},
};
const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  compiled: {},
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};
const program = (name: string, iterations: bigint): Uint8Array =>
  withVariable(readFileSync(new URL(`../../../../guest/bare/${name}.elf`, import.meta.url)), "iterations", iterations);

for (const [name, iterations] of [
  ["smc", 20n],
  ["strings", 1n],
] as const) {
  for (const [how, engine] of Object.entries(ENGINES)) {
    test(`${name}, ${how}: the same run, and what plugins count agrees`, async () => {
      const image = program(name, iterations);
      const plain = await observeHere({ image, engine, plugins: {} });
      const { found, machine, console } = await observeHere({ image, engine, plugins: PLUGINS, slice: 999_983 });
      assert.equal(console, plain.console);
      assert.equal(machine.instructionCount(), plain.machine.instructionCount());
      assert.equal(machine.now(), plain.machine.now());
      const result = (plugin: string) => found[plugin]?.results;
      const { instructions } = result("insn");
      const sum = (list: any[], of: (one: any) => number): number => list.reduce((total, one) => total + of(one), 0);
      // the boot ROM's instructions are filtered out
      assert.ok(machine.instructionCount() - instructions < 20);
      assert.equal(
        sum(result("howvec").classes, (c) => c.hits),
        instructions,
      );
      assert.equal(result("execlog").instructions, instructions);
      assert.deepEqual([result("execlog").lines, result("execlog").dropped], [1000, instructions - 1000]);
      assert.equal(result("hotblocks").executions, result("bb").blocks);
      const { reads, writes, io } = result("mem");
      assert.deepEqual([result("hotpages").reads, result("hotpages").writes], [reads, writes]);
      const { devices } = result("hwprofile");
      assert.deepEqual([sum(devices, (d) => d.reads), sum(devices, (d) => d.writes)], [io.reads, io.writes]);
      for (const device of devices) {
        assert.equal(
          sum(device.offsets, (o) => o.reads + o.writes),
          device.reads + device.writes,
        );
        assert.equal(
          sum(device.sources, (s) => s.reads + s.writes),
          device.reads + device.writes,
        );
      }
      assert.equal(
        sum(result("mem").regions, (r) => r.reads + r.writes),
        reads + writes,
      );
    });
  }
}

const LINES = times(8000, 40_000);

test("execlog with registers: what an instruction changed is what it computes, on all tiers alike", async () => {
  const image = program("integer", 1n);
  const outputs = await Promise.all(
    Object.values(ENGINES).map(async (engine) => {
      const plugins = { execlog: { reg: "*", lines: LINES } };
      return (await observeHere({ image, engine, plugins })).found["execlog"]?.output ?? "";
    }),
  );
  assert.equal(outputs[1], outputs[0]);
  assert.equal(outputs[2], outputs[0]);
  const lines = (outputs[0] as string).trimEnd().split("\n");
  assert.equal(lines.length, LINES);
  // nothing of what ran before the program
  assert.doesNotMatch(lines[0] as string, /t0 ->/);
  // values as the lines tell them, followed through the additions
  const values = new Map<string, bigint>([["zero", 0n]]);
  let checked = 0;
  for (const line of lines) {
    const [, rd, rs1, rs2] = /"\w+ +(?:add|addi) +(\w+),(\w+),(-?\w+) *"/.exec(line) ?? [];
    const changes = [...line.matchAll(/, (\w+) -> 0x(\w+)/g)].map(([, name, value]) => [name, BigInt(`0x${value}`)]);
    const expected =
      rd === undefined || rd === "zero"
        ? undefined
        : [
            values.get(rs1 as string),
            values.get(rs2 as string) ?? (/^-?\d/.test(rs2 as string) ? BigInt(rs2 as string) : undefined),
          ];
    for (const [name, value] of changes as [string, bigint][]) values.set(name, value);
    if (!expected || expected[0] === undefined || expected[1] === undefined) continue;
    const sum = BigInt.asUintN(64, expected[0] + expected[1]);
    assert.equal(values.get(rd as string) ?? 0n, sum, line);
    checked++;
  }
  assert.ok(checked > 1000, `${checked}`);
});
