// Copies of callbacks for compiled code: which functions have one, that it does what the function does, and that machines
// whose code calls copies end like those whose code calls none.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../../src/machine/description.js";
import { ADDED, DEFAULT_LIMITS, prepare } from "../../../src/probe/wasm/prepare.js";
import { differences } from "../../engine/machines.js";
import { type Plugged, plugged } from "../plugged.js";
import { assemble, type Parts, plugin, pluginText } from "./modules.js";

const ACCESS = "(param $hart i32) (param $info i32) (param $vaddr i64) (param $tag i32)";
const EXEC = "(param $hart i32) (param $tag i32)";
const GETTERS = [
  "get_hwaddr >i",
  "hwaddr_is_io >i",
  "hwaddr_phys_addr >I",
  "mem_get_value >I",
  "emu_hwaddr_offset >I",
  "emu_hwaddr_region >i",
  "emu_hwaddr_device >i",
  "emu_hwaddr_split >i",
  "emu_hwaddr_second_phys_addr >I",
];

const leaves = (parts: Parts) => prepare(plugin(parts)).info.leaves;
const fieldsOf = (parts: Parts) => leaves(parts).map(({ fields }) => fields);

/** A prepared module on its own, its getters answered by constants, and the copy of its only leaf. */
function alone(parts: Parts, limits = {}) {
  const { module, info } = prepare(plugin(parts), { ...DEFAULT_LIMITS, ...limits });
  const answers = Object.fromEntries(
    WebAssembly.Module.imports(module).map(({ name }, i) => [name, () => (/phys|value|offset/.test(name) ? 1n : i)]),
  );
  const { exports } = new WebAssembly.Instance(module, { emuscope: answers });
  assert.equal(info.leaves.length, 1);
  const fuel = exports[ADDED.fuel] as WebAssembly.Global<"i64">;
  return { copy: exports[info.leaves[0]?.name as string] as any, fuel, exports: exports as Record<string, any> };
}

test("callbacks that ask for their access only have a copy that is told", () => {
  const body = (code: string) => `(func $cb ${ACCESS} ${code})`;
  const one = (code: string): Parts => ({ imports: GETTERS, table: ["cb"], body: body(code) });
  assert.deepEqual(fieldsOf(one("")), [[]]);
  assert.deepEqual(fieldsOf(one("(drop (call $hwaddr_is_io)) (drop (call $get_hwaddr))")), [[]]);
  assert.deepEqual(fieldsOf(one("(drop (call $mem_get_value)) (drop (call $hwaddr_phys_addr))")), [["paddr", "value"]]);
  assert.deepEqual(
    fieldsOf(one("(drop (call $emu_hwaddr_device)) (drop (call $emu_hwaddr_offset)) (drop (call $emu_hwaddr_region))")),
    [["offset", "region", "device"]],
  );
  const deep = `(func $inner (result i32) (i32.const 5)) ${body("(drop (call $inner))")}`;
  assert.equal(leaves({ table: ["cb"], body: deep }).length, 1);
});

test("others have none", () => {
  const none = (parts: Parts) => assert.deepEqual(leaves(parts), []);
  const cb = (code: string) => `(func $cb ${ACCESS} ${code})`;
  none({ imports: ["outs ii"], table: ["cb"], body: cb("(call $outs (i32.const 0) (i32.const 0))") });
  const through = `(func $inner (call $outs (i32.const 0) (i32.const 0))) (func $mid (call $inner)) ${cb("(call $mid)")}`;
  none({ imports: ["outs ii"], table: ["cb"], body: through });
  // what a function it calls asks is not answered
  const asking = `(func $inner (result i64) (call $hwaddr_phys_addr)) ${cb("(drop (call $inner))")}`;
  none({ imports: GETTERS, table: ["cb"], body: asking });
  const pointer = `(type $t (func)) ${cb("(call_indirect (type $t) (i32.const 2))")} (func $other)`;
  none({ table: ["cb", "other"], body: pointer });
  // not in a table, or of another type
  none({ table: [], body: cb("") });
  none({ table: ["cb"], body: "(func $cb (param i32 i32 i64))" });
  // an index may become another function after it was registered
  const changing = `(func $change (table.set $functions (i32.const 1) (ref.func $cb))) ${cb("")}`;
  none({ table: ["cb"], body: changing });
  const large = "(drop (i32.const 1))".repeat(3000);
  none({ table: ["cb"], body: cb(large) });
});

test("a copy does with its parameters what the callback does with answers", () => {
  const body = `
    (global $sum (export "sum") (mut i64) (i64.const 0))
    (func $cb ${ACCESS} (local $a i64) (local $n i32)
      (local.set $a (call $hwaddr_phys_addr))
      (local.set $n (i32.const 3))
      (if (call $hwaddr_is_io) (then (global.set $sum (i64.const -1)) (return)))
      (if (i32.eqz (call $get_hwaddr)) (then return))
      (loop $again
        (local.set $a (i64.add (local.get $a) (call $mem_get_value)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (global.set $sum (i64.add (global.get $sum) (i64.add (local.get $a) (i64.add (local.get $vaddr)
        (i64.extend_i32_u (i32.add (local.get $hart) (i32.add (local.get $info) (local.get $tag)))))))))`;
  const { copy, exports } = alone({ imports: GETTERS, table: ["cb"], body });
  copy(1, 20, 300n, 4000, 50_000n, 1_000_000n);
  assert.equal(exports["sum"].value, 3_054_321n);
});

test("before an instruction there is no access", () => {
  const body = `
    (global $seen (export "seen") (mut i64) (i64.const 7))
    (func $cb ${EXEC} (global.set $seen (i64.add (call $hwaddr_phys_addr)
      (i64.extend_i32_u (i32.add (call $get_hwaddr) (call $emu_hwaddr_region))))))`;
  const { copy, exports } = alone({ imports: GETTERS, table: ["cb"], body });
  copy(0, 0);
  assert.equal(exports["seen"].value, 0n);
});

test("a copy earns fuel as a callback does, and ends when it has none", () => {
  const body = `(func $cb ${EXEC} (loop $again (br_if $again (local.get $tag))))`;
  const limits = { callbackFuel: 100, burstFuel: 1000 };
  const { copy, fuel } = alone({ table: ["cb"], body }, limits);
  fuel.value = 500n;
  for (let n = 0; n < 3; n++) copy(0, 0);
  // 1 to enter it, 1 for the round
  assert.equal(fuel.value, 500n + 3n * 98n);
  for (let n = 0; n < 10; n++) copy(0, 0);
  assert.equal(fuel.value, 999n);
  assert.throws(() => copy(0, 1), /unreachable/);
  assert.ok(fuel.value < 0n);
  const poor = alone(
    { table: ["cb"], body: `(func $cb ${EXEC} ${"(drop (i32.const 1))".repeat(1000)})` },
    { ...limits, callbackFuel: 2 },
  );
  poor.fuel.value = 100n;
  for (let n = 0; n < 3; n++) poor.copy(0, 0);
  assert.ok(poor.fuel.value > 0n && poor.fuel.value < 40n, String(poor.fuel.value));
  assert.throws(() => poor.copy(0, 0), /unreachable/);
});

test("an element segment that makes no sense is left to whoever compiles the module", () => {
  const bytes = assemble(pluginText({ table: ["cb"], body: `(func $cb ${ACCESS})` }));
  assert.equal(prepare(bytes).info.leaves.length, 1);
  // section 9: one segment, of kind 0, at i32.const 1
  const at = bytes.findIndex((_, i) => [9, 7, 1, 0, 0x41, 1].every((byte, n) => bytes[i + n] === byte));
  assert.ok(at > 0);
  for (const wrong of [0xff, 0x7f, 3]) {
    const broken = bytes.slice();
    broken[at + 2] = wrong;
    assert.throws(() => prepare(broken), { name: "WasmPluginError" });
  }
});

/** Sums up what it is told of accesses and blocks, and hashes their order. */
const WITNESS = plugin({
  imports: [
    "register_vcpu_tb_trans_cb Iii",
    "register_vcpu_tb_exec_cb iiii",
    "register_vcpu_mem_cb iiiii",
    "register_atexit_cb Iii",
    "tb_n_insns i>i",
    "tb_get_insn ii>i",
    "outs ii",
    "emu_instructions >I",
    ...GETTERS,
  ],
  table: ["trans", "block", "access", "exit"],
  install: `(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))
    (call $register_atexit_cb (local.get $id) (i32.const 4) (i32.const 0))`,
  body: `
    (func $mix (param $x i64)
      (i64.store (i32.const 64) (i64.mul (i64.xor (i64.load (i32.const 64)) (local.get $x)) (i64.const 0x100000001b3))))
    (func $trans (param $id i64) (param $tb i32) (local $i i32)
      (call $register_vcpu_tb_exec_cb (local.get $tb) (i32.const 2) (i32.const 0) (i32.const 77))
      (loop $next
        (call $register_vcpu_mem_cb (call $tb_get_insn (local.get $tb) (local.get $i))
          (i32.const 3) (i32.const 0) (i32.const 3) (local.get $i))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (call $tb_n_insns (local.get $tb))))))
    (func $block ${EXEC}
      (call $mix (i64.add (call $emu_instructions) (i64.extend_i32_u (i32.add (local.get $hart) (local.get $tag))))))
    (func $access ${ACCESS}
      (call $mix (local.get $vaddr))
      (call $mix (call $hwaddr_phys_addr))
      (call $mix (call $mem_get_value))
      (call $mix (call $emu_hwaddr_offset))
      (call $mix (call $emu_hwaddr_second_phys_addr))
      (call $mix (call $emu_instructions))
      (call $mix (i64.extend_i32_u (i32.add (i32.mul (local.get $info) (i32.const 1000)) (local.get $tag))))
      (call $mix (i64.extend_i32_u (i32.add (i32.mul (call $emu_hwaddr_region) (i32.const 1000))
        (i32.add (i32.mul (call $emu_hwaddr_device) (i32.const 100))
          (i32.add (call $hwaddr_is_io) (call $emu_hwaddr_split))))))
      (i32.store (i32.const 128) (i32.add (i32.load (i32.const 128)) (i32.const 1))))
    (func $exit (param $id i64) (param $userdata i32) (local $n i32)
      (loop $digit
        (i32.store8 (i32.add (i32.const 256) (local.get $n)) (i32.add (i32.const 97)
          (i32.and (i32.wrap_i64 (i64.shr_u (i64.load (i32.const 64)) (i64.extend_i32_u (i32.mul (local.get $n) (i32.const 4)))))
            (i32.const 15))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $digit (i32.lt_u (local.get $n) (i32.const 16))))
      (call $outs (i32.const 256) (i32.const 16)))`,
});

const COMPILED: Partial<EngineSettings> = { jit: true, hotThreshold: 1, batch: 1 };

function attach(m: Plugged, id: string): () => number {
  const { module, info } = prepare(WITNESS);
  assert.equal(info.leaves.length, 2);
  // how often compiled code calls the copy
  let calls = 0;
  for (const name of ["slot 0 function 0", "slot 0 function 1"]) {
    let counting: CallableFunction;
    Object.defineProperty(m.machine.probes.dispatchers, name, {
      configurable: true,
      get: () => counting,
      set(body: CallableFunction) {
        counting = (...args: unknown[]) => {
          calls++;
          body(...args);
        };
      },
    });
  }
  m.manager.attach(id, { kind: "wasm", name: id, module, info }, {}, {});
  return () => calls;
}

for (const [guest, harts] of [
  ["calls", 1],
  ["smc", 1],
  ["smp", 3],
  ["strings", 1],
] as const) {
  test(`in ${guest} on ${harts} harts copies are told what callbacks find out`, async () => {
    const outputs: string[] = [];
    for (const [engine, chunk] of [
      [{ jit: false }, 1e6],
      [COMPILED, 1e6],
      [COMPILED, 97],
    ] as const) {
      const m = await plugged(guest, engine, { harts });
      const calls = attach(m, "witness");
      m.run(100_000, chunk);
      outputs.push(m.manager.detach("witness").output);
      assert.deepEqual(m.failures, []);
      if (engine.jit) assert.ok(calls() > 1000, `${calls()} calls of copies`);
      const plain = await plugged(guest, engine, { harts });
      plain.run(100_000, chunk);
      assert.deepEqual(differences(m.machine, plain.machine), []);
    }
    assert.match(outputs[0] as string, /^[a-p]{16}$/);
    assert.deepEqual(outputs.slice(1), [outputs[0], outputs[0]]);
  });
}
