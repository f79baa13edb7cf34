// What the benchmark of plugins computes from its measurements, and that its cases say what the C plugins say.
import assert from "node:assert/strict";
import test from "node:test";
import { CASES } from "../../bench/plugins/cases.js";
import { meanOf, meansLine, type PluginSeries, pluginRows, pluginTable } from "../../bench/plugins/report.js";
import type { Measurement } from "../../bench/vs-qemu/measurement.js";

const measured = (...seconds: number[]): Measurement[] =>
  seconds.map((s) => ({ seconds: s, cpuSeconds: 2 * s, output: "", sinceSpawn: s }));
const series = (workload: string, plugin: string | undefined, emuscope: number[], qemu: number[]): PluginSeries => ({
  workload,
  plugin,
  emuscope: measured(...emuscope),
  qemu: measured(...qemu),
});

test("a plugin costs its time over that without plugin, of the same workload and emulator", () => {
  const [, inline, other] = pluginRows([
    series("integer", undefined, [1, 9, 2], [4]),
    series("integer", "inline", [3], [2, 10, 6]),
    series("pointer", "inline", [3], [6]),
  ]);
  assert.deepEqual(inline, {
    workload: "integer",
    plugin: "inline",
    emuscope: 3,
    qemu: 6,
    ratio: 2,
    cpuRatio: 2,
    emuscopeCost: 1.5,
    qemuCost: 1.5,
  });
  assert.ok(Number.isNaN(other?.emuscopeCost));
});

test("the line of ratios has every plugin's geometric mean over the workloads", () => {
  const rows = pluginRows([
    series("integer", "inline", [1], [8]),
    series("pointer", "inline", [1], [2]),
    series("pointer", "cache", [4], [3]),
  ]);
  const ratios = meanOf(rows, ["inline", "hotpages", "cache"], (row) => row.ratio);
  assert.equal(meansLine("ratios", ratios), "ratios: inline=4.00 hotpages=- cache=0.75");
  assert.equal(pluginTable(rows).split("\n").length, 4);
});

test("the cases are those the ratios name, in their order", () => {
  const names = CASES.map(({ name }) => name);
  assert.deepEqual(names, ["inline", "conditional", "callback_wasm", "callback_js", "hotpages", "cache"]);
});

test("results are reported as the C plugins report them, without the test finisher", () => {
  const report = (name: string, results: unknown): string | undefined =>
    CASES.find((c) => c.name === name)?.report?.(results as never);
  const page = (paddr: bigint, reads: number, writes: number) => ({ paddr, reads, writes });
  const pages = [page(0x100000n, 0, 1), page(0x10000000n, 1, 1), page(0x80000000n, 5, 2)];
  assert.equal(report("hotpages", { pages }), "pages=2 reads=6 writes=3 0x80000000=5/2 0x10000000=1/1");
  assert.equal(report("inline", { sizes: [{ bytes: 4, executed: 7 }] }), "short=0 long=7");
  const counts = (misses: number, accesses: number) => ({ misses, accesses });
  const sum = { data: counts(1, 2), instruction: counts(3, 4) };
  const top = { data: [counts(9, 0), counts(8, 0)], instruction: [] };
  assert.equal(report("cache", { sum, top }), "data=1/2 fetch=3/4 worst=9/0");
});
