// GLib's subset against GLib: glib-check.txt is what glib-check.c prints with the real library, and the checked-in
// WebAssembly build of it (and a fresh one, where there is a compiler) has to print the same.
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WASI } from "node:wasi";
import { parseModule } from "../../src/probe/wasm/sections.js";
import { skipUnlessThorough } from "../thorough.js";
import { compile, hasCompiler, read, withScratch } from "./support.js";

const EXPECTED = read("test/sdk/glib-check.txt").toString();
const OPTIONS = ["-Wl,--export-table"];

/** The one function the subset asks a host: how many 32-bit parameters a function of the table has. */
function shapes(bytes: Uint8Array, exports: () => WebAssembly.Exports): (index: number) => number {
  const { types, imports, functions } = parseModule(bytes);
  const typeOf = [...imports.filter(({ kind }) => kind === "function").map(({ type }) => type), ...functions];
  return (index) => {
    const fn = (exports()["__indirect_function_table"] as WebAssembly.Table).get(index) as { name: string } | null;
    const signature = fn && types[typeOf[Number(fn.name)] as number];
    if (!signature || ![...signature.params, ...signature.results].every((type) => type === "i32")) return -1;
    return signature.params.length | (signature.results.length << 8);
  };
}

/** What the plugin prints when it is installed. */
function run(bytes: Uint8Array): string {
  return withScratch((folder) => {
    const output = join(folder, "output");
    const fd = openSync(output, "w");
    try {
      const wasi = new WASI({ version: "preview1", preopens: { "/": folder }, stdout: fd });
      const instance: WebAssembly.Instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), {
        wasi_snapshot_preview1: wasi.wasiImport as WebAssembly.ModuleImports,
        emuscope: {
          emu_function_shape: shapes(bytes, () => instance.exports),
          register_atexit_cb: () => undefined,
          emu_register_results_cb: () => undefined,
        },
      });
      wasi.initialize(instance);
      const install = instance.exports["qemu_plugin_install"] as (...args: (bigint | number)[]) => number;
      assert.equal(install(1n, 0, 0, 0), 0);
      return readFileSync(output, "utf8");
    } finally {
      closeSync(fd);
    }
  });
}

test("the checked-in build prints what GLib prints", () => {
  assert.equal(run(read("test/sdk/glib-check.wasm")), EXPECTED);
});

test("a fresh build prints what GLib prints", {
  skip: skipUnlessThorough || (!hasCompiler() && "no clang for WASI"),
}, () => {
  withScratch((folder) => {
    assert.equal(run(compile("test/sdk/glib-check.c", folder, ...OPTIONS)), EXPECTED);
  });
});
