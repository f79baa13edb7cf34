// The worked example in each language finds the same: what the guest wrote to the console register by register. Checked-in
// builds always, fresh ones where there is a compiler.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadJavaScriptPlugin } from "../../src/probe/javascript.js";
import { skipUnlessThorough } from "../thorough.js";
import { guest, type Outcome, runWith } from "./attached.js";
import { compile, hasCompiler, ROOT, read, withScratch } from "./support.js";

const PROGRAM = ["strings", 2n] as const;
const builds = [
  "sdk/c/examples/device-writes.wasm",
  "sdk/rust/device-writes.wasm",
  "sdk/assemblyscript/device-writes.wasm",
];

/** Each console byte is a write to the UART's first register; the last write powers off. */
function check({ results, output, console }: Outcome): void {
  assert.match(console, /OK\n$/);
  assert.deepEqual(results, {
    registers: [
      { device: "test", offset: "0x0", writes: 1 },
      { device: "uart0", offset: "0x0", writes: console.length },
    ],
  });
  assert.equal(output, `test+0x0: 1 writes\nuart0+0x0: ${console.length} writes\n`);
}

for (const build of builds) {
  test(`${build} counts writes to device registers`, async () => {
    check(await runWith(read(build), ...PROGRAM));
  });
}

test("sdk/javascript/device-writes.js counts writes to device registers", async () => {
  const definition = await loadJavaScriptPlugin("device-writes.js", read("sdk/javascript/device-writes.js").toString());
  const { manager, run, console } = await guest(...PROGRAM);
  manager.attach("plugin", { kind: "javascript", name: "device-writes", definition }, {}, {});
  run(500e6);
  const { results, text = "" } = manager.snapshot("plugin", true);
  check({ results, output: text, files: {}, console: console() });
});

test("C, compiled anew", { skip: skipUnlessThorough || (!hasCompiler() && "no clang for WASI") }, async () => {
  check(await withScratch((folder) => runWith(compile("sdk/c/examples/device-writes.c", folder), ...PROGRAM)));
});

function built(script: string, folder: string): Buffer {
  const output = join(folder, "plugin.wasm");
  const { status, stderr } = spawnSync(join(ROOT, script), ["-o", output], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return read(output);
}

test("AssemblyScript, compiled anew", async () => {
  check(await withScratch((folder) => runWith(built("sdk/assemblyscript/build", folder), ...PROGRAM)));
});

const sysroot = spawnSync(process.env["RUSTC"] ?? "rustc", ["--print", "sysroot"], { encoding: "utf8" });
const rust = sysroot.status === 0 && existsSync(join(sysroot.stdout.trim(), "lib/rustlib/wasm32-unknown-unknown"));
test("Rust, compiled anew", { skip: skipUnlessThorough || (!rust && "no Rust for wasm32") }, async () => {
  check(await withScratch((folder) => runWith(built("sdk/rust/build", folder), ...PROGRAM)));
});

test("the JavaScript example has the interface's types", () => {
  const { status, stdout } = spawnSync(join(ROOT, "sdk/javascript/build"), [], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});
