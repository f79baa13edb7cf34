// The SDK's headers against the host: a plugin that calls all of them imports all there is, with the host's signatures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { IMPORT_MODULE, IMPORTS } from "../../src/probe/wasm/imports.js";
import { prepare } from "../../src/probe/wasm/prepare.js";
import { parseModule } from "../../src/probe/wasm/sections.js";
import { skipUnlessThorough } from "../thorough.js";
import { compile, hasCompiler, read, withScratch } from "./support.js";

const LETTER: Record<string, string> = { i32: "i", i64: "I" };

function check(bytes: Uint8Array): void {
  const { imports, types } = parseModule(bytes);
  const seen = new Set<string>();
  for (const { module, name, type } of imports.filter(({ module }) => module === IMPORT_MODULE)) {
    const signature = types[type];
    const spelled = [signature?.params, signature?.results]
      .map((list) => list?.map((t) => LETTER[t]).join(""))
      .join(">");
    const entry = IMPORTS[name];
    assert.ok(entry, `${module}.${name} is not the host's`);
    assert.equal(spelled, `${entry.params}>${entry.result}`, name);
    seen.add(name);
  }
  assert.deepEqual(
    Object.keys(IMPORTS).filter((name) => !seen.has(name)),
    [],
    "functions of the host that no header has",
  );
}

test("the headers have all of the host's functions with their signatures", () => {
  check(read("test/sdk/every-function.wasm"));
});

test("a plugin that calls all of them is accepted", () => {
  assert.ok(prepare(read("test/sdk/every-function.wasm")));
});

test("so it is when compiled anew", { skip: skipUnlessThorough || (!hasCompiler() && "no clang for WASI") }, () => {
  withScratch((folder) => check(compile("test/sdk/every-function.c", folder)));
});
