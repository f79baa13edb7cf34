// C++ plugins: the standard library, and the locks it leaves out where there are no threads, which such plugins name all the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { skipUnlessThorough } from "../thorough.js";
import { guest, runWith } from "./attached.js";
import { compile, hasCompiler, withScratch } from "./support.js";

const PROGRAM = ["strings", 1n] as const;

function hasLibrary(): boolean {
  const { stdout } = spawnSync("clang", ["--target=wasm32-wasi", "-print-file-name=libc++.a"], { encoding: "utf8" });
  return stdout.trim().startsWith("/");
}
const skip = skipUnlessThorough || (!(hasCompiler() && hasLibrary()) && "no clang with libc++ for WASI");

for (const standard of [[], ["-std=c++20"]])
  test(`containers, streams and locks ${standard.join()}`, { skip }, async () => {
    const { manager, run } = await guest(...PROGRAM);
    manager.attach("insn", { kind: "builtin", name: "insn" }, {}, {});
    run(500e6);
    const { instructions } = manager.snapshot("insn", false).results as { instructions: number };

    const bytes = await withScratch((folder) => compile("test/sdk/locks.cpp", folder, ...standard));
    const { output } = await runWith(bytes, ...PROGRAM);
    const lines = /^free: 0011\nonce: 1\n 2 bytes: (\d+)\n 4 bytes: (\d+)\nthreads: 1, jumps: 0\n$/.exec(output);
    assert.ok(lines, output);
    assert.equal(Number(lines[1]) + Number(lines[2]), instructions);
  });
