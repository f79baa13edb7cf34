// Plugins in the idioms of other people's, compiled as they are: they count what the built-in plugins count, and keep
// within the limits that plugins have unless told otherwise.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { guest, runWith } from "../sdk/attached.js";
import { compile, hasCompiler, withScratch } from "../sdk/support.js";

const PROGRAM = ["smc", 3n] as const;
const skip = !hasCompiler() && "no clang for WASI";
const hasCxx = () =>
  spawnSync("clang", ["--target=wasm32-wasi", "-print-file-name=libc++.a"], { encoding: "utf8" }).stdout.startsWith(
    "/",
  );

const run = (source: string, args: Record<string, string | number> = {}) =>
  withScratch((folder) => runWith(compile(`test/sdk/idioms/${source}`, folder), ...PROGRAM, args));

/** What built-in plugins find on the same run. */
async function builtin(...names: string[]): Promise<any[]> {
  const { manager, run: go } = await guest(...PROGRAM);
  for (const name of names) manager.attach(name, { kind: "builtin", name }, {}, {});
  go(500e6);
  return names.map((name) => manager.snapshot(name, false).results);
}

test("GLib throughout: call-graph.c", { skip }, async () => {
  const { output, files } = await run("call-graph.c", { top: 4, out: "calls.txt", hook: "a" });
  const lines = output.trimEnd().split("\n");
  assert.equal(lines.length, 5, output);
  assert.match(lines[0] as string, /^\S+ -> \S+ +\d+$/);
  assert.match(lines[4] as string, /^vcpu 0: depth [1-9]\d*, \d+ left$/);
  assert.match(files["calls.txt"] ?? "", /\n\d+ edges, hooks 1, time ok 1\n$/);
  await assert.rejects(run("call-graph.c", { top: 0 }), /it said: Number .0. is out of bounds \[1, 1000\]/);
});

test("POSIX and C11: binary-trace.c", { skip }, async () => {
  const [mem] = await builtin("mem");
  const { output, files } = await run("binary-trace.c", { start: 100, stop: 500, file: "t.bin" });
  assert.equal(output, `${mem.reads + mem.writes} accesses, 7600 bytes, as stat says\nbye, 0\n`);
  assert.equal(Buffer.byteLength(files["t.bin"] ?? "", "latin1") > 0, true);
});

test("scoreboards, conditions and registers: ranges.c", { skip }, async () => {
  const [insn, mem, bb] = await builtin("insn", "mem", "bb");
  const { output } = await run("ranges.c", { limit: 50 });
  const lines = output.trimEnd().split("\n");
  const [, samples] = /samples (\d+), lowest sp 0x800\w+, wrong 0$/.exec(lines[0] as string) ?? [];
  assert.ok(Number(samples) > bb.instructions / 200, output);
  const sums = lines
    .slice(1, -1)
    .map((line) => line.split(" ").slice(-3).map(Number))
    .reduce((sum, counts) => sum.map((n, i) => n + (counts[i] as number)), [0, 0, 0]);
  assert.deepEqual(sums, [insn.instructions, mem.reads, mem.writes]);
  assert.match(lines.at(-1) as string, new RegExp(`^${insn.instructions} insns, blocks \\d+, elapsed yes$`));
});

test("C++: profile.cpp", { skip: skip || (!hasCxx() && "no libc++ for WASI") }, async () => {
  const { output, files } = await run("profile.cpp", { top: 3, out: "profile.txt" });
  assert.match(output, /^\d+ blocks\n(0x[0-9a-f]{16} +\d+ \w*\n){3}( *\w* +\d+\.\d\d%\n)+\d+ pages written, ok\n$/);
  assert.equal(files["profile.txt"], output);
});

test("all registers at each instruction under default limits: register-dump.c", { skip }, async () => {
  const { output } = await run("register-dump.c", { all: "on" });
  assert.match(output, /mstatus +0x[0-9a-f]{16}/);
});
