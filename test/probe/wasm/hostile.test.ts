// Plugins that mean harm, or are broken: each is detached with a report that names the cause and the function, on a real
// machine, and the guest is where it would be without. None may keep the service from going on.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../../src/machine/description.js";
import { PluginError } from "../../../src/probe/manager-api.js";
import { prepare } from "../../../src/probe/wasm/prepare.js";
import { differences } from "../../engine/machines.js";
import { type Plugged, plugged } from "../plugged.js";
import { HARMS, LIMITS, PLACES, source } from "./harms.js";
import { plugin } from "./modules.js";

const TIERS: { name: string; engine: Partial<EngineSettings> }[] = [
  { name: "interpreter", engine: { jit: false } },
  { name: "eager", engine: { jit: true, hotThreshold: 1, batch: 1 } },
];
const COUNT = 20_000;
function attach(m: Plugged, id: string, bytes: Uint8Array): void {
  const { module, info } = prepare(bytes, LIMITS);
  m.manager.attach(id, { kind: "wasm", name: id, module, info }, {}, {});
}

for (const { name: tier, engine } of TIERS) {
  for (const [placeName, place] of Object.entries(PLACES)) {
    test(`${placeName} (${tier})`, async () => {
      const m = await plugged("calls", engine);
      const plain = await plugged("calls", engine);
      // another plugin, which must not suffer
      m.attach("insn");
      for (const [name, harm] of Object.entries(HARMS)) {
        const begun = m.machine.instructionCount();
        attach(m, name, source(place, harm));
        assert.equal(m.run(COUNT), "budget", name);
        const { state, failure } = m.manager.get(name);
        assert.equal(state, "failed", name);
        assert.equal(failure?.cause, harm.cause, `${name}: ${failure?.message}`);
        assert.match(failure?.message ?? "", harm.message, name);
        assert.match(failure?.where ?? "", place.where, name);
        assert.ok((failure?.instructions ?? -1) >= begun);
        m.manager.detach(name);
      }
      const total = COUNT * Object.keys(HARMS).length;
      assert.equal(m.machine.instructionCount(), total);
      assert.equal(m.results("insn").instructions, total);
      plain.run(total);
      assert.deepEqual(differences(m.machine, plain.machine), []);
    });
  }
}

test("harm done by install, results and exit is reported too", async () => {
  const m = await plugged("calls");
  for (const [name, harm] of Object.entries(HARMS)) {
    // their budget is a great one
    if (harm.cause === "out-of-fuel") continue;
    const { code, body = "", imports = [] } = harm;
    const data = '(data (i32.const 0) "no json")';
    assert.throws(
      () => attach(m, name, plugin({ imports, body: `${data} ${body} (func $f)`, table: ["f"], install: code })),
      (error) => {
        assert.ok(error instanceof PluginError);
        assert.equal(error.code, "failed");
        assert.equal(error.detail["cause"], harm.cause, name);
        assert.match(String(error.detail["where"]), /^install, in /);
        return true;
      },
    );
    const ending = (registration: string) =>
      plugin({
        imports: [...imports, `${registration} Iii`],
        table: ["f"],
        install: `(call $${registration} (local.get $id) (i32.const 1) (i32.const 0))`,
        body: `${data} ${body} (func $f ${registration === "register_atexit_cb" ? "(param i64 i32)" : "(param i32)"} ${code})`,
      });
    attach(m, name, ending("emu_register_results_cb"));
    assert.equal(m.manager.snapshot(name, false).results, null);
    assert.equal(m.manager.get(name).failure?.cause, harm.cause, name);
    m.manager.detach(name);
    attach(m, name, ending("register_atexit_cb"));
    m.manager.detach(name);
  }
  assert.deepEqual(m.manager.list(), []);
  assert.equal(m.run(COUNT), "budget");
});

/** Every depth down to where the stack ends, also the very last. */
const FROM_EVERY_DEPTH: Record<string, { imports: string[]; call: string }> = {
  "writes code": {
    imports: ["read_memory_hwaddr Iii>i", "write_memory_hwaddr Iii>i"],
    call: `
      (drop (call $read_memory_hwaddr (i64.const 0x80000500) (i32.const 256) (i32.const 128)))
      (drop (call $write_memory_hwaddr (i64.const 0x80000500) (i32.const 256) (i32.const 128)))`,
  },
  "has blocks translated anew": { imports: ["emu_retranslate "], call: "(call $emu_retranslate)" },
  "registers for events": {
    imports: ["register_vcpu_idle_cb Iii"],
    call: `
      (call $register_vcpu_idle_cb (i64.const 0) (i32.const 1) (i32.const 0))
      (call $register_vcpu_idle_cb (i64.const 0) (i32.const 0) (i32.const 0))`,
  },
  "writes text": { imports: ["outs ii"], call: "(call $outs (i32.const 0) (i32.const 7))" },
};

for (const { name: tier, engine } of TIERS) {
  test(`changing things from the end of the stack leaves nothing half done (${tier})`, async () => {
    const m = await plugged("calls", engine);
    m.attach("insn");
    const limits = { ...LIMITS, burstFuel: 50_000_000 };
    for (const [name, { imports, call }] of Object.entries(FROM_EVERY_DEPTH)) {
      for (const locals of [1, 7, 30]) {
        const place = PLACES["a block's callback"] as (typeof PLACES)[string];
        const parts = place.parts("(drop (call $deeper (i32.const 0)))");
        const bytes = plugin({
          ...parts,
          imports: [...(parts.imports ?? []), ...imports],
          body: `${parts.body} (func $deeper (param i32) (result i32) (local ${"i64 ".repeat(locals)})
            ${call} (i32.add (call $deeper (local.get 0)) (i32.const 1)))`,
        });
        const { module, info } = prepare(bytes, limits);
        m.manager.attach(name, { kind: "wasm", name, module, info }, {}, {});
        assert.equal(m.run(COUNT), "budget", name);
        assert.equal(m.manager.get(name).failure?.cause, "stack-overflow", name);
        m.manager.detach(name);
      }
    }
    const total = COUNT * 3 * Object.keys(FROM_EVERY_DEPTH).length;
    assert.equal(m.results("insn").instructions, total);
    const plain = await plugged("calls", engine);
    plain.run(total);
    assert.deepEqual(differences(m.machine, plain.machine), []);
  });
}

test("handles that are stale or made up lead to nothing", async () => {
  const m = await plugged("calls");
  const queries = [
    ["tb_n_insns", "i>i"],
    ["tb_vaddr", "i>I"],
    ["insn_size", "i>i"],
    ["insn_vaddr", "i>I"],
    ["emu_insn_target", "i>I"],
  ] as const;
  const ask = (handle: string) =>
    queries
      .map(([name, type]) => {
        const call = `(call $${name} ${handle})`;
        return `(if ${type.endsWith("I") ? `(i64.ne ${call} (i64.const 0))` : call} (then unreachable))`;
      })
      .join("\n");
  attach(
    m,
    "forger",
    plugin({
      imports: [
        "register_vcpu_tb_trans_cb Iii",
        "register_vcpu_tb_exec_cb iiii",
        "register_vcpu_insn_exec_cb iiii",
        "tb_get_insn ii>i",
        "insn_disas iii>i",
        "insn_data iii>i",
        ...queries.map((query) => query.join(" ")),
      ],
      table: ["trans", "exec"],
      install: `
        (call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))
        ${ask("(i32.const 1025)")}`,
      body: `
        (global $old (mut i32) (i32.const 0))
        (global $oldInsn (mut i32) (i32.const 0))
        (func $check
          ${ask("(global.get $old)")} ${ask("(global.get $oldInsn)")} ${ask("(i32.const -1)")} ${ask("(i32.const 7)")}
          (if (call $tb_get_insn (global.get $old) (i32.const 0)) (then unreachable))
          (if (i32.ne (call $insn_disas (global.get $oldInsn) (i32.const 0) (i32.const 64)) (i32.const -1)) (then unreachable))
          (if (call $insn_data (global.get $oldInsn) (i32.const 0) (i32.const 64)) (then unreachable))
          (call $register_vcpu_tb_exec_cb (global.get $old) (i32.const 2) (i32.const 0) (i32.const 0))
          (call $register_vcpu_insn_exec_cb (global.get $oldInsn) (i32.const 2) (i32.const 0) (i32.const 0))
          (call $register_vcpu_insn_exec_cb (i32.const -5) (i32.const 2) (i32.const 0) (i32.const 0)))
        (func $trans (param i64 i32)
          (if (global.get $old) (then (call $check)))
          (global.set $old (local.get 1))
          (if (call $tb_get_insn (local.get 1) (i32.const 512)) (then unreachable))
          (if (call $tb_get_insn (local.get 1) (i32.const -1)) (then unreachable))
          (global.set $oldInsn (call $tb_get_insn (local.get 1) (i32.const 0)))
          (if (i32.eqz (global.get $oldInsn)) (then unreachable))
          (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0)))
        (func $exec (param i32 i32) (call $check))`,
    }),
  );
  assert.equal(m.run(COUNT), "budget");
  assert.deepEqual(m.failures, []);
});

for (const { name: tier, engine } of TIERS) {
  test(`a plugin that detaches itself inside a callback is out of the code soon after (${tier})`, async () => {
    const m = await plugged("calls", engine);
    attach(
      m,
      "leaver",
      plugin({
        imports: ["register_vcpu_tb_trans_cb Iii", "register_vcpu_tb_exec_cb iiii", "uninstall Iii", "outs ii"],
        table: ["trans", "exec", "gone"],
        install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
        body: `
          (global $left (mut i32) (i32.const 500))
          (func $trans (param i64 i32) (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0)))
          (func $exec (param i32 i32)
            (global.set $left (i32.sub (global.get $left) (i32.const 1)))
            (if (i32.eqz (global.get $left)) (then
              (call $uninstall (i64.const 0) (i32.const 3) (i32.const 0))
              (call $uninstall (i64.const 0) (i32.const 3) (i32.const 0))))
            (if (i32.lt_s (global.get $left) (i32.const 0)) (then unreachable)))
          (data (i32.const 8192) "gone")
          (func $gone (param i64) (call $outs (i32.const 8192) (i32.const 4)))`,
      }),
    );
    assert.equal(m.run(COUNT), "budget");
    assert.deepEqual(m.failures, []);
    // what it wrote is still to be had, once; nobody else may have its id meanwhile
    assert.equal(m.manager.get("leaver").state, "ended");
    assert.equal(m.machine.engineStats().variant, "plain");
    assert.throws(() => m.manager.attach("leaver", { kind: "builtin", name: "insn" }, {}, {}), /attached/);
    assert.equal(m.manager.output("leaver", 0).text, "gone");
    assert.equal(m.manager.detach("leaver").output, "gone");
    assert.deepEqual(m.manager.list(), []);
    const plain = await plugged("calls", engine);
    plain.run(COUNT);
    assert.deepEqual(differences(m.machine, plain.machine), []);
  });
}
