// Uploads nobody meant: whatever bytes come, preparation ends with a module that validates or an error that says why.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Cursor } from "../../../src/probe/wasm/cursor.js";
import { WasmPluginError } from "../../../src/probe/wasm/errors.js";
import { meter } from "../../../src/probe/wasm/metering.js";
import { ADDED, prepare } from "../../../src/probe/wasm/prepare.js";
import { OP, VOID } from "../../../src/wasm/opcodes.js";
import { plugin } from "./modules.js";

const fixture = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../../../../test/probe/wasm/fixtures/${name}.wasm`, import.meta.url)));

/** Repeatable random numbers below n. */
function generator(seed: number): (n: number) => number {
  let x = seed | 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

/** Either outcome is right; anything thrown but a WasmPluginError is not. */
function attempt(bytes: Uint8Array): WasmPluginError | undefined {
  try {
    const { module, bytes: rewritten } = prepare(bytes);
    assert.ok(WebAssembly.validate(rewritten));
    assert.ok(WebAssembly.Module.exports(module).some(({ name }) => name === ADDED.fuel));
    return undefined;
  } catch (error) {
    if (!(error instanceof WasmPluginError)) throw error;
    assert.ok(error.message.length > 10);
    return error;
  }
}

const small = plugin({
  imports: ["outs ii", "register_vcpu_tb_trans_cb Iii"],
  table: ["f"],
  body: `
    (func $f (param i64 i32) (local v128 i64)
      (local.set 2 (v128.const i64x2 1 2))
      (loop $l (br_if $l (i32.load8_u offset=3 (local.get 1))))
      (block (block (br_table 0 1 0 (local.get 1))))
      (memory.fill (i32.const 0) (i32.const 1) (local.get 1))
      (drop (select (result i32) (i32.const 1) (i32.const -200000) (local.get 1)))
      (local.set 3 (i64.const -0x123456789abcdef)))
    (data (i32.const 64) "abc")`,
});

test("changed bytes", () => {
  const random = generator(0x1234567);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < 2500; round++) {
    const bytes = small.slice();
    for (let n = 1 + random(3); n > 0; n--) bytes[random(bytes.length)] = random(256);
    const code = attempt(bytes)?.code ?? "accepted";
    outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
  }
  assert.ok((outcomes.get("accepted") ?? 0) > 100);
  assert.ok((outcomes.get("malformed") ?? 0) > 100);
  assert.ok((outcomes.get("invalid") ?? 0) > 100);
});

test("lengths and counts that lie", () => {
  for (let at = 8; at < small.length; at++) {
    const huge = new Uint8Array(small.length + 4);
    huge.set(small.subarray(0, at));
    huge.set([0xff, 0xff, 0xff, 0xff, 0x0f], at);
    huge.set(small.subarray(at + 1), at + 5);
    attempt(huge);
    attempt(small.subarray(0, at));
    const longer = new Uint8Array(small.length + 1);
    longer.set(small.subarray(0, at));
    longer.set(small.subarray(at), at + 1);
    attempt(longer);
  }
});

test("pieces of C programs moved about", () => {
  const random = generator(99);
  for (const original of [fixture("counts"), fixture("files")]) {
    assert.equal(attempt(original), undefined);
    for (let round = 0; round < 40; round++) {
      const bytes = original.slice();
      const [from, to, length] = [random(bytes.length), random(bytes.length), random(64)];
      bytes.copyWithin(to, from, from + length);
      attempt(bytes);
    }
  }
});

test("nothing but noise behind the header", () => {
  const random = generator(7);
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: 8 + random(200) }, () => random(256));
    bytes.set(small.subarray(0, 8));
    bytes[8] = random(13);
    assert.ok(attempt(bytes));
  }
});

test("deep and wide code is read in time that its size allows", () => {
  const blocks = 200_000;
  const nested = new Uint8Array(1 + 3 * blocks + 1).fill(OP.end);
  nested[0] = 0;
  for (let i = 0; i < blocks; i++) nested.set([OP.loop, VOID], 1 + 2 * i);
  const metered = meter(new Cursor(nested, 0, nested.length, "nested"), 0, { fuel: 0, importedFunctions: 0 });
  assert.ok(metered.length > 10 * blocks);
  const wide = plugin({ body: `(func ${"loop end ".repeat(50000)})` });
  assert.equal(attempt(wide), undefined);
});
