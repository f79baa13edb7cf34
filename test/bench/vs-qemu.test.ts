// What the comparison with QEMU computes from its measurements, and the archive it gives to the guest.
import assert from "node:assert/strict";
import test from "node:test";
import { cpio } from "../../bench/vs-qemu/cpio.js";
import { lineReader } from "../../bench/vs-qemu/lines.js";
import type { Measurement } from "../../bench/vs-qemu/measurement.js";
import { ratioLine, ratiosOf, rowOf } from "../../bench/vs-qemu/report.js";
import { WORKLOADS, type Workload } from "../../bench/vs-qemu/workloads.js";

const measured = (...seconds: number[]): Measurement[] =>
  seconds.map((s) => ({ seconds: s, cpuSeconds: s, output: "", sinceSpawn: s }));
const workload = (name: string): Workload => WORKLOADS.find((w) => w.name === name) as Workload;

test("the last line holds geometric means, the worst workload and the boot, above 1 where Emuscope is faster", () => {
  const row = (name: string, traced: boolean, emuscope: number[], qemu: number[]) =>
    rowOf({ workload: workload(name), traced, emuscope: measured(...emuscope), qemu: measured(...qemu) });
  const rows = [
    row("gzip", false, [1, 9, 2], [1, 1, 7]), // medians 2 and 1
    row("integer", false, [1], [8]),
    row("boot", false, [4], [3]),
    row("integer", true, [1], [9]),
    row("boot", true, [1], [4]),
  ];
  assert.equal(ratioLine(ratiosOf(rows)), "ratios: plain=2.00 plain_worst=0.50 traced=6.00 boot=0.75");
});

test("what was not measured is a dash", () => {
  assert.equal(ratioLine(ratiosOf([])), "ratios: plain=- plain_worst=- traced=- boot=-");
});

test("a cpio archive has aligned headers and contents, and ends with its trailer", () => {
  const archive = cpio([{ name: "bin/x", bytes: Buffer.from("hello"), mode: 0o755 }]);
  assert.equal(archive.length % 4, 0);
  assert.equal(archive.toString("latin1", 0, 6), "070701");
  assert.equal(archive.toString("latin1", 14, 22), (0o100755).toString(16).padStart(8, "0"));
  assert.equal(archive.toString("latin1", 110, 116), "bin/x\0");
  assert.equal(archive.toString("latin1", 116, 124), "hello\0\0\0");
  assert.equal(archive.toString("latin1", 124, 130), "070701");
  assert.equal(archive.toString("latin1", 124 + 110, 124 + 120), "TRAILER!!!");
});

test("console output is cut into lines however it arrives", () => {
  const lines: string[] = [];
  const read = lineReader((line) => lines.push(line));
  for (const part of ["BENCH-", "BEGIN x\r", "\none\ntw", "o\n", "rest"]) read(Buffer.from(part));
  assert.deepEqual(lines, ["BENCH-BEGIN x", "one", "two"]);
});
