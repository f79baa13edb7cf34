// Uploaded modules: what is refused and how that is said, and that what is accepted ends and keeps to its memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WasmPluginError } from "../../../src/probe/wasm/errors.js";
import { ADDED, DEFAULT_LIMITS, prepare } from "../../../src/probe/wasm/prepare.js";
import { assemble, plugin, pluginText } from "./modules.js";

function refused(bytes: Uint8Array, code: WasmPluginError["code"], message: RegExp, limits = {}): void {
  assert.throws(
    () => prepare(bytes, { ...DEFAULT_LIMITS, ...limits }),
    (error) => {
      assert.ok(error instanceof WasmPluginError, String((error as Error).stack));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    },
  );
}

const without = (what: RegExp): Uint8Array => {
  const text = pluginText({});
  assert.match(text, what);
  return assemble(text.replace(what, ""));
};

/** A prepared module running on its own. */
function instance(bytes: Uint8Array, limits = {}) {
  const { module } = prepare(bytes, { ...DEFAULT_LIMITS, ...limits });
  const { exports } = new WebAssembly.Instance(module, {});
  const fuel = exports[ADDED.fuel] as WebAssembly.Global<"i64">;
  fuel.value = 1_000_000n;
  return { exports: exports as Record<string, any>, fuel };
}

test("a plugin with nothing in it is accepted", () => {
  const { info, module } = prepare(plugin({}));
  assert.equal(info.version, 6);
  assert.equal(info.allocator, "emu_alloc");
  assert.deepEqual(info.imports, []);
  assert.equal(info.signatures[1], "Iiii>i");
  assert.deepEqual(structuredClone(info), info);
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  for (const name of Object.values(ADDED)) assert.equal(names.includes(name), name !== ADDED.start, name);
});

test("what is no module is refused by what it is", () => {
  refused(new Uint8Array(0), "not-wasm", /binary form/);
  refused(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0), "not-wasm", /ELF file.*wasm32-wasi/);
  refused(Uint8Array.of(0, 0x61, 0x73, 0x6d, 13, 0, 1, 0), "unsupported", /component/);
  refused(new Uint8Array(100), "too-large", /100 bytes, more than the 99/, { moduleBytes: 99 });
  const bytes = plugin({});
  for (const cut of [9, 20, 50, bytes.length >> 1]) refused(bytes.subarray(0, cut), "malformed", /byte \d+/);
});

test("missing exports are named", () => {
  refused(without(/\(export "qemu_plugin_install"\)/), "missing-export", /qemu_plugin_install.*sdk\/c/);
  refused(without(/\(export "emu_alloc"\)/), "missing-export", /emu_alloc or malloc.*--export=malloc/);
  refused(without(/\(export "emuscope_plugin_version"\)/), "missing-export", /qemu_plugin_version.*--export/);
  const wrong = pluginText({}).replace("(param $id i64)", "(param $id i32)");
  refused(
    assemble(wrong),
    "missing-export",
    /qemu_plugin_install is not a function of type \(i64, i32, i32, i32\) -> i32/,
  );
  refused(plugin({ body: '(func (export "_start"))' }), "missing-export", /_initialize.*-mexec-model=reactor/);
});

test("imports other than the interface are refused", () => {
  refused(plugin({ imports: ["no_such"] }), "forbidden-import", /no_such of emuscope: there is no such function/);
  refused(plugin({ imports: ["constructor"] }), "forbidden-import", /there is no such function/);
  refused(plugin({ imports: ["outs iI"] }), "forbidden-import", /outs.*\(i32, i32\)/);
  const importing = (text: string) => assemble(pluginText({}).replace("(module", `(module ${text}`));
  refused(importing('(import "env" "qemu_plugin_outs" (func))'), "forbidden-import", /link sdk\/c's shim/);
  refused(importing('(import "env" "foo" (func))'), "forbidden-import", /the linker did not find it/);
  refused(importing('(import "fs" "readFile" (func))'), "forbidden-import", /plugins can import emuscope/);
  refused(
    importing('(import "wasi_snapshot_preview1" "sock_send" (func))'),
    "forbidden-import",
    /sock_send.*have no use for it/,
  );
  refused(
    importing('(import "wasi_snapshot_preview1" "fd_close" (func))'),
    "forbidden-import",
    /fd_close.*\(i32\) -> i32/,
  );
  refused(importing('(import "env" "g" (global i32))'), "forbidden-import", /only functions can be imported/);
  refused(
    importing('(import "env" "t" (table 1 funcref))'),
    "forbidden-import",
    /brings its own table.*--import-table/,
  );
  const imported = pluginText({})
    .replace(/\(memory .*/, "")
    .replace("(module", '(module (import "env" "memory" (memory 1))');
  refused(assemble(imported), "forbidden-import", /brings its own memory/);
  refused(plugin({ body: '(func (export "emuscope:exec"))' }), "forbidden-import", /kept for the host/);
});

test("versions of the interface are checked", () => {
  for (const version of [1, 2, 6, 7]) assert.equal(prepare(plugin({ version })).info.version, version);
  refused(plugin({ version: 0 }), "wrong-version", /version 0.*1 to 7/);
  refused(plugin({ version: 8 }), "wrong-version", /version 8/);
  const symbol = pluginText({})
    .replace(/\(global \(export "emuscope_plugin_version"\).*/, "")
    .replace("(module", '(module (global (export "qemu_plugin_version") i32 (i32.const 0x104))');
  const data = (bytes: string) => assemble(symbol.replace(/\)\s*$/, `(data (i32.const 0x100) "${bytes}"))`));
  assert.equal(prepare(data("\\00\\00\\00\\00\\04\\00\\00\\00")).info.version, 4);
  refused(data("\\00\\00\\00\\00\\09\\00\\00\\00"), "wrong-version", /version 9/);
  refused(assemble(symbol), "wrong-version", /version 0/);
  const constant = pluginText({}).replace(
    /\(global \(export "emuscope_plugin_version"\).*/,
    '(func (export "emuscope_plugin_version") (result i32) (i32.const 5))',
  );
  assert.equal(prepare(assemble(constant)).info.version, 5);
});

test("memories are the module's own, of 32 bits, unshared and bounded", () => {
  refused(plugin({ memory: "1 2 shared" }), "memory", /shared.*-mno-atomics/);
  refused(plugin({ memory: "5000" }), "memory", /begins with 5000 pages.*4096 allowed/);
  refused(without(/\(memory .*/), "missing-export", /memory/);
  assert.deepEqual(prepare(plugin({ memory: "2 5" })).info.memoryPages, { min: 2, max: 5 });
  assert.deepEqual(prepare(plugin({ memory: "2 5000" })).info.memoryPages, { min: 2, max: 4096 });
  const { exports } = instance(
    plugin({ body: '(func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))' }),
    { memoryBytes: 4 << 16 },
  );
  assert.equal(exports["grow"](3), 1);
  assert.equal(exports["grow"](1), -1);
});

test("tables are bounded", () => {
  refused(plugin({ body: "(table 70000 externref)" }), "memory", /table begins with 70000 elements/);
  const { exports } = instance(
    plugin({
      body: '(func (export "grow") (param i32) (result i32) (table.grow $functions (ref.null func) (local.get 0)))',
    }),
    { tableElements: 10 },
  );
  assert.equal(exports["grow"](9), 1);
  assert.equal(exports["grow"](1), -1);
});

test("threads and exceptions are refused by name", () => {
  refused(
    plugin({ body: "(func (drop (i32.atomic.load (i32.const 0))))" }),
    "unsupported",
    /atomic instructions.*-mno-atomics/,
  );
  refused(plugin({ body: "(func (try (do) (catch_all)))" }), "unsupported", /exceptions.*-fno-exceptions/);
  refused(plugin({ body: "(tag $t)" }), "unsupported", /exceptions/);
});

test("a module that is not valid is refused with the engine's reason", () => {
  const bytes = plugin({ body: '(func (export "f") (result i32) (i32.const 77))' });
  const at = bytes.findIndex((byte, i) => byte === 0x41 && bytes[i + 1] === 0xcd);
  bytes[at] = 0x42;
  refused(bytes, "invalid", /not valid.*i64/);
});

test("loops and recursion end", () => {
  const { exports, fuel } = instance(
    plugin({
      body: `
        (func (export "spin") (loop $again (br $again)))
        (func $down (export "down") (param i32) (result i32)
          (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0)) (else (call $down (i32.sub (local.get 0) (i32.const 1))))))
        (func $even (export "pingpong") (return_call $odd))
        (func $odd (return_call $even))
        (func (export "count") (param i32) (result i32) (local i32)
          (loop $again
            (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
          (local.get 1))`,
    }),
  );
  for (const [name, ...args] of [["spin"], ["pingpong"], ["count", 0]] as const) {
    fuel.value = 100_000n;
    assert.throws(() => exports[name](...args), /unreachable/);
    assert.ok(fuel.value < 0n, name);
  }
  fuel.value = 1000n;
  assert.equal(exports["count"](900), 900);
  assert.ok(fuel.value > 0n && fuel.value < 200n);
  assert.throws(() => exports["down"](2000), /unreachable/);
  fuel.value = 1000n;
  assert.equal(exports["down"](500), 0);
});

test("work by length is paid for by length", () => {
  const { exports, fuel } = instance(
    plugin({
      memory: "100",
      body: `
        (data $d "0123456789")
        (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
        (func (export "copy") (param i32) (memory.copy (i32.const 0) (i32.const 64) (local.get 0)))
        (func (export "init") (param i32) (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "grow") (drop (memory.grow (i32.const 0))))`,
    }),
  );
  const cost = (name: string, ...args: number[]): number => {
    const before = fuel.value;
    exports[name](...args);
    return Number(before - fuel.value);
  };
  assert.ok(cost("fill", 100) < 5);
  assert.ok(cost("fill", 1 << 20) >= 8192);
  assert.ok(cost("copy", 1 << 20) >= 8192);
  assert.ok(cost("init", 10) < 5);
  assert.ok(cost("grow") >= 1000);
  fuel.value = 100n;
  assert.throws(() => exports["fill"](6 << 20), /unreachable/);
  assert.throws(() => exports["fill"](-1), /unreachable/);
});

test("all kinds of instructions come through unchanged", () => {
  const body = `
    (type $binary (func (param i32 i32) (result i32)))
    (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
    (func $swap (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
    (elem declare func $add)
    (data $text "\\01\\02\\03\\04")
    (table $others 2 externref)
    (func (export "mixed") (param i32) (result i64) (local v128 f32 f64 funcref)
      (local.set 1 (v128.const i32x4 1 2 3 4))
      (local.set 1 (i32x4.add (local.get 1) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get 1) (local.get 1))))
      (v128.store align=1 (i32.const 64) (local.get 1))
      (v128.store32_lane 1 (i32.const 80) (local.get 1))
      (local.set 2 (f32.const 1.5))
      (local.set 3 (f64.const -2.25))
      (local.set 4 (ref.func $add))
      (memory.init $text (i32.const 128) (i32.const 0) (i32.const 4))
      (data.drop $text)
      (if (ref.is_null (local.get 4)) (then (unreachable)))
      (block $a (block $b (block $c (br_table $a $b $c (local.get 0))) (nop)) (nop))
      (call $swap (i32.const 7) (i64.const 0x123456789abcdef0))
      (drop)
      (loop $l (param i64) (result i64) (br_if $l (i32.const 0)))
      (i64.add (i64.extend_i32_s (i32.trunc_sat_f64_s (local.get 3))))
      (i64.add (i64.extend_i32_u (call_indirect $functions (type $binary) (i32.const 40) (i32.load8_u (i32.const 128)) (i32.const 1))))
      (i64.add (i64.extend_i32_u (i32x4.extract_lane 3 (local.get 1))))
      (i64.add (i64.load32_u offset=80 (i32.const 0)))
      (i64.add (i64.extend16_s (i64.const 0xffff)))
      (i64.add (i64.extend_i32_s (select (result i32) (i32.const 1) (i32.const 2) (local.get 0))))
      (i64.add (i64.extend_i32_u (table.size $others))))`;
  const bytes = plugin({ body, table: ["add"] });
  const plain = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as Record<string, any>;
  const { exports } = instance(bytes);
  for (const value of [0, 1, 2, 3]) {
    const expected = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as Record<string, any>;
    assert.equal(instance(bytes).exports["mixed"](value), expected["mixed"](value));
  }
  assert.equal(exports["mixed"](0), plain["mixed"](0));
});

test("a start function waits until it is called", () => {
  const bytes = plugin({
    body: '(global $g (export "g") (mut i32) (i32.const 0)) (func $s (global.set $g (i32.const 5))) (start $s)',
  });
  const { info } = prepare(bytes);
  assert.equal(info.hasStart, true);
  const { exports } = instance(bytes);
  assert.equal(exports["g"].value, 0);
  exports[ADDED.start]();
  assert.equal(exports["g"].value, 5);
});

test("dispatchers call through the table, refill the fuel and say which flags hold", () => {
  const { exports, fuel } = instance(
    plugin({
      table: ["exec", "access", "spin"],
      body: `
        (func $exec (param i32 i32) (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)))
        (func $access (param i32 i32 i64 i32)
          (i64.store (i32.const 0) (local.get 2)) (i32.store (i32.const 8) (i32.add (local.get 1) (local.get 3))))
        (func $spin (param i32 i32) (loop $l (br $l)))`,
    }),
    { callbackFuel: 1000, burstFuel: 5000 },
  );
  fuel.value = 10n;
  exports[ADDED.exec](1 | (2 << 24), 3, 44);
  assert.equal(exports[ADDED.peek64](0), (44n << 32n) | 3n);
  assert.ok(fuel.value > 1000n && fuel.value < 1010n);
  assert.equal(exports[ADDED.mode].value, 0);
  for (let i = 0; i < 10; i++) exports[ADDED.access](2, 0, 5, -2n, 6);
  assert.equal(exports[ADDED.peek64](0), -2n);
  assert.equal(exports[ADDED.peek64](8), 11n);
  assert.ok(fuel.value <= 5000n && fuel.value > 4900n);
  assert.throws(() => exports[ADDED.exec](3 | (1 << 24), 0, 0), /unreachable/);
  assert.ok(fuel.value < 0n);
  assert.equal(exports[ADDED.mode].value & 0x7f, 1);
  assert.throws(() => exports[ADDED.exec](2, 0, 0), /signature/);
  assert.throws(() => exports[ADDED.exec](4, 0, 0), WebAssembly.RuntimeError);
  exports[ADDED.poke64](16, 99n);
  assert.equal(exports[ADDED.peek64](16), 99n);
});
