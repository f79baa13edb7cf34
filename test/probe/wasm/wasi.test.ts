// A C program's files, output and clock in the sandbox.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FileSystem } from "../../../src/probe/wasm/file-system.js";
import { PluginMemory } from "../../../src/probe/wasm/memory.js";
import { ADDED, prepare } from "../../../src/probe/wasm/prepare.js";
import type { WasmPluginFailed } from "../../../src/probe/wasm/report.js";
import { Wasi } from "../../../src/probe/wasm/wasi.js";
import { FakeEngineHost } from "./fake-engine-host.js";
import { assemble, pluginText } from "./modules.js";

const files = readFileSync(fileURLToPath(new URL("../../../../test/probe/wasm/fixtures/files.wasm", import.meta.url)));

test("wasi-libc finds what it needs, and nothing of the host", () => {
  const host = new FakeEngineHost();
  host.ns = 1_500_000_000;
  const attached = host.upload(files);
  assert.deepEqual(host.text.split("\n"), [
    "read T:1:100",
    "read second",
    "size 21 regular 1",
    "missing 1",
    "no directory 1",
    "mkdir 0",
    "again 1",
    "above 1",
    "list data/ out.0.bb",
    "rename 0",
    "list y",
    "not empty 1",
    "unlink 0",
    "still there 0",
    "sparse 1000",
    "wrote 1",
    "too big 1",
    "time 1.500000000",
    "random 1",
    "environment 1",
    "to stderr: é",
    "",
  ]);
  const text = (name: string) => Buffer.from(host.files.get(name) ?? []).toString("latin1");
  assert.equal(text("out.0.bb"), "T:1:100\nsecond\nthird\n");
  assert.equal(text("data/x"), "\0\x01\x02");
  assert.equal(host.files.get("big")?.length, 1001);
  attached.results();
  assert.equal(text("open.txt"), "not closed");
});

test("random numbers are the same in each run", () => {
  const bytes = () => {
    const host = new FakeEngineHost();
    const attached = host.upload(
      assemble(
        pluginText({ install: "(drop (call $random (i32.const 0) (i32.const 64)))" }).replace(
          "(module",
          '(module (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))',
        ),
      ),
    );
    return Buffer.from(attached.memory.bytes(0, 64)).toString("hex");
  };
  assert.equal(bytes(), bytes());
  assert.ok(new Set(bytes().match(/../g)).size > 30);
});

test("exit ends the plugin with a report", () => {
  const host = new FakeEngineHost();
  assert.throws(
    () => host.upload(files, { leave: true }),
    (error) => {
      const { failure } = error as WasmPluginFailed;
      assert.equal(failure.cause, "exit");
      assert.equal(failure.message, "the plugin called exit(7)");
      assert.match(failure.where, /^install, in /);
      return true;
    },
  );
  assert.match(host.text, /environment 1/);
});

test("files are bounded in bytes and in number, and giving names up gives nothing away", () => {
  const call = (name: string, params: string, result = "(result i32)") =>
    `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params}) ${result}))`;
  const text = pluginText({
    body: `
      (data (i32.const 0) "f00")
      (func (export "open") (param $name i32) (result i32)
        (i32.store8 (i32.const 1) (local.get $name))
        (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16))
          (then (return (i32.const -1))))
        (i32.load (i32.const 16)))
      (func (export "resize") (param i32 i64) (result i32) (call $fd_filestat_set_size (local.get 0) (local.get 1)))
      (func (export "close") (param i32) (result i32) (call $fd_close (local.get 0)))
      (func (export "unlink") (result i32) (call $path_unlink_file (i32.const 3) (i32.const 0) (i32.const 3)))`,
  }).replace(
    "(module",
    `(module ${call("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")} ${call("fd_filestat_set_size", "i32 i64")}
      ${call("fd_close", "i32")} ${call("path_unlink_file", "i32 i32 i32")}`,
  );
  const { module } = prepare(assemble(text));
  const host = { output: () => undefined, file: () => undefined, now: () => 0 };
  const wasi = new Wasi(host, () => memory, { fileBytes: 1000, files: 3 });
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi.functions as any });
  const exports = instance.exports as Record<string, any>;
  exports[ADDED.fuel].value = 1_000_000n;
  const memory = new PluginMemory(exports["memory"], () => undefined);
  const a = exports["open"](65);
  assert.equal(exports["resize"](a, 800n), 0);
  const b = exports["open"](66);
  assert.equal(exports["resize"](b, 201n), 51);
  assert.equal(exports["resize"](b, 200n), 0);
  for (let i = 0; i < 5; i++) {
    exports["open"](67);
    assert.equal(exports["resize"](a, -1n), 22);
    assert.equal(exports["resize"](a, 1n << 50n), 22);
  }
  assert.equal(exports["open"](68), -1);
  exports["open"](66);
  assert.equal(exports["unlink"](), 0);
  // the name is gone, and with it the right to grow
  assert.equal(exports["resize"](b, 10n), 51);
  const c = exports["open"](67);
  assert.equal(exports["resize"](c, 201n), 51);
  assert.equal(exports["resize"](c, 200n), 0);
  let opened = 0;
  while (exports["open"](65) >= 0) opened++;
  assert.ok(opened > 20 && opened < 64);
  assert.equal(exports["close"](a), 0);
  assert.equal(exports["close"](a), 8);
  assert.equal(exports["close"](-1), 8);
});

test("a file that is created gets the directories above it, unless a file stands there", () => {
  const tree = new FileSystem(1000, 3);
  assert.equal(tree.makeParents("tmp/run/trace.bin"), true);
  assert.ok(tree.create("tmp/run/trace.bin"));
  assert.equal(tree.get("tmp/run"), "directory");
  assert.equal(tree.makeParents("tmp/run/trace.bin/more"), false);
  assert.equal(tree.makeParents("other/file"), false, "too many entries");
});
