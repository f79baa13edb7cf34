// Wasm plugins on real machines: their callbacks are called from generated code, and find what the built-in plugins find, in
// every tier; counters are the same seen from inline operations and from the plugin.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { EngineSettings } from "../../../src/machine/description.js";
import { prepare } from "../../../src/probe/wasm/prepare.js";
import { pluginGuest } from "../../../src/session/plugin-guest.js";
import { differences } from "../../engine/machines.js";
import { type Plugged, plugged } from "../plugged.js";
import { plugin } from "./modules.js";

const fixture = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../../../../test/probe/wasm/fixtures/${name}.wasm`, import.meta.url)));

const TIERS: { name: string; engine: Partial<EngineSettings>; chunk: number }[] = [
  { name: "interpreter", engine: { jit: false }, chunk: 1e6 },
  { name: "interpreter by 1013", engine: { jit: false }, chunk: 1013 },
  { name: "eager", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 1e6 },
  { name: "eager by 97", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 97 },
];
const COUNT = 100_000;

function attach(m: Plugged, id: string, bytes: Uint8Array, args: Record<string, unknown> = {}): void {
  const { module, info } = prepare(bytes);
  m.manager.attach(id, { kind: "wasm", name: id, module, info }, args, {});
}

for (const { name, engine, chunk } of TIERS) {
  test(`a C plugin counts what the built-in ones count (${name})`, async () => {
    for (const [guest, harts] of [
      ["calls", 1],
      ["smc", 1],
      ["smp", 3],
    ] as const) {
      const m = await plugged(guest, engine, { harts });
      attach(m, "counts", fixture("counts"));
      m.attach("bb");
      m.attach("insn");
      m.attach("mem", { track: "rw", inline: true });
      m.run(COUNT, chunk);
      const bb = m.results("bb");
      const mem = m.results("mem");
      const { output } = m.manager.detach("counts");
      assert.deepEqual(m.failures, []);
      const [, instructions, blocks, reads, writes] =
        /(\d+) instructions, (\d+) blocks, (\d+) reads, (\d+) writes/.exec(output) as RegExpExecArray;
      const total = (field: string) => bb.harts.reduce((sum: bigint, hart: any) => sum + BigInt(hart[field]), 0n);
      assert.equal(Number(instructions), m.results("insn").instructions, guest);
      assert.equal(BigInt(blocks as string), total("blocks"), guest);
      assert.deepEqual([Number(reads), Number(writes)], [mem.reads, mem.writes], guest);
      const plain = await plugged(guest, engine, { harts });
      plain.run(COUNT, chunk);
      assert.deepEqual(differences(m.machine, plain.machine), [], guest);
    }
  });

  test(`conditional callbacks share their counters with the plugin (${name})`, async () => {
    const m = await plugged("calls", engine);
    attach(m, "counts", fixture("counts"), { threshold: 1000 });
    m.run(COUNT, chunk);
    const lines = m.manager.detach("counts").output.trim().split("\n");
    const at = lines.slice(0, -1).map((line) => Number(/after (\d+)/.exec(line)?.[1]));
    assert.ok(at.length > 80 && at.length <= 100, String(at.length));
    // blocks are shorter than this
    at.forEach((now, i) => {
      const apart = now - (at[i - 1] ?? 0);
      assert.ok(apart >= 1000 && apart < 1100, String(apart));
    });
  });
}

test("callbacks with the registers' right see and change them; nothing else differs", async () => {
  // adds 1 to a register nothing uses, at every block, and counts how often it read what it wrote
  const bytes = plugin({
    imports: [
      "register_vcpu_tb_trans_cb Iii",
      "register_vcpu_tb_exec_cb iiii",
      "read_register iii>i",
      "write_register iii>i",
      "emu_register_count >i",
      "emu_register_name iii>i",
      "emu_register_results_cb Iii",
      "emu_file iiii",
    ],
    table: ["trans", "exec", "results"],
    install: `
      (call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))
      (call $emu_register_results_cb (local.get $id) (i32.const 3) (i32.const 0))
      (global.set $handle (call $emu_register_count))
      (block $found (loop $next
        (drop (call $emu_register_name (global.get $handle) (i32.const 0) (i32.const 16)))
        (br_if $found (i64.eq (i64.load (i32.const 0)) (i64.const 0x6863746172637373)))
        (global.set $handle (i32.sub (global.get $handle) (i32.const 1)))
        (br_if $next (global.get $handle))))`,
    body: `
      (global $handle (mut i32) (i32.const 0))
      (global $count (mut i64) (i64.const 0))
      (func $trans (param i64 i32) (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 2) (i32.const 0)))
      (func $exec (param i32 i32)
        (if (i32.ne (call $read_register (global.get $handle) (i32.const 32) (i32.const 8)) (i32.const 8)) (then unreachable))
        (if (i64.ne (i64.load (i32.const 32)) (global.get $count)) (then unreachable))
        (global.set $count (i64.add (global.get $count) (i64.const 1)))
        (i64.store (i32.const 32) (global.get $count))
        (if (i32.eqz (call $write_register (global.get $handle) (i32.const 32) (i32.const 8))) (then unreachable)))
      (func $results (param i32)
        (i64.store (i32.const 32) (global.get $count))
        (call $emu_file (i32.const 0) (i32.const 8) (i32.const 32) (i32.const 8)))`,
  });
  for (const { name, engine, chunk } of TIERS) {
    const m = await plugged("calls", engine);
    attach(m, "scratch", bytes);
    m.attach("bb");
    m.run(20_000, chunk);
    assert.deepEqual(m.failures, [], name);
    const count = Buffer.from(m.manager.file("scratch", "sscratch")).readBigUInt64LE();
    assert.equal(count, BigInt(m.results("bb").harts[0].blocks), name);
    const plain = await plugged("calls", engine);
    plain.run(20_000, chunk);
    assert.ok(differences(m.machine, plain.machine).every((line) => /sscratch/.test(line)));
  }
});

test("a callback sees the counters of its own block, asked for behind it and under a filter", async () => {
  // the callback comes before the addition of its block: it must find as many additions as there were callbacks
  const bytes = plugin({
    imports: [
      "register_vcpu_tb_trans_cb Iii",
      "register_vcpu_tb_exec_cb iiii",
      "register_vcpu_tb_exec_inline_per_vcpu iiiiI",
    ],
    table: ["trans", "exec"],
    install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
    body: `
      (global $calls (mut i64) (i64.const 0))
      (func $trans (param i64 i32)
        (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0))
        (call $register_vcpu_tb_exec_inline_per_vcpu
          (local.get 1) (i32.const 0) (i32.const 64) (i32.const 8) (i64.const 1)))
      (func $exec (param i32 i32)
        (if (i64.ne (i64.load (i32.const 64)) (global.get $calls)) (then unreachable))
        (global.set $calls (i64.add (global.get $calls) (i64.const 1))))`,
  });
  const { module, info } = prepare(bytes);
  for (const filter of [{}, { hart: [0] }]) {
    // the first block that is translated is one that runs again, at some of these
    for (let start = 5000; start < 5012; start++) {
      const m = await plugged("calls");
      m.run(start);
      m.manager.attach("counts", { kind: "wasm", name: "counts", module, info }, {}, filter);
      m.run(5000);
      assert.deepEqual(m.failures, [], `${JSON.stringify(filter)}, from ${start}`);
    }
  }
});

test("counters freed one by one stop, and the others go on", async () => {
  const bytes = plugin({
    imports: [
      "register_vcpu_tb_trans_cb Iii",
      "register_vcpu_tb_exec_inline_per_vcpu iiiiI",
      "scoreboard_free ii",
      "register_atexit_cb Iii",
      "outs ii",
    ],
    table: ["trans", "exit"],
    install: `
      (call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))
      (call $register_atexit_cb (local.get $id) (i32.const 2) (i32.const 0))`,
    // 32 counters at 4096 in the first block that is translated; every other one is freed with the third
    body: `
      (global $translated (mut i32) (i32.const 0))
      (data (i32.const 64) "equal")
      (func $trans (param i64 i32) (local $at i32)
        (global.set $translated (i32.add (global.get $translated) (i32.const 1)))
        (local.set $at (i32.const 4096))
        (if (i32.eq (global.get $translated) (i32.const 1)) (then (loop $each
          (call $register_vcpu_tb_exec_inline_per_vcpu (local.get 1) (i32.const 0) (local.get $at) (i32.const 0) (i64.const 1))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $each (i32.lt_u (local.get $at) (i32.const 4352))))))
        (if (i32.eq (global.get $translated) (i32.const 3)) (then (loop $each
          (call $scoreboard_free (local.get $at) (i32.const 8))
          (i64.store (local.get $at) (i64.const 7))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br_if $each (i32.lt_u (local.get $at) (i32.const 4352)))))))
      (func $exit (param i64 i32) (local $at i32)
        (local.set $at (i32.const 4096))
        (loop $each
          (if (i64.ne (i64.load (local.get $at)) (i64.const 7)) (then (unreachable)))
          (if (i64.ne (i64.load offset=8 (local.get $at)) (i64.load (i32.const 4104))) (then (unreachable)))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br_if $each (i32.lt_u (local.get $at) (i32.const 4352))))
        (if (i64.gt_u (i64.load (i32.const 4104)) (i64.const 7)) (then (call $outs (i32.const 64) (i32.const 5)))))`,
  });
  for (const { name, engine } of TIERS) {
    let ranAgain = false;
    // the first block that is translated is one that runs again, at some of these
    for (let start = 5000; start < 5012 && !ranAgain; start++) {
      const m = await plugged("strings", engine);
      m.run(start);
      attach(m, "counters", bytes);
      m.run(1e6);
      assert.deepEqual(m.failures, [], name);
      ranAgain = m.manager.detach("counters").output === "equal";
      assert.deepEqual(m.failures, [], name);
    }
    assert.ok(ranAgain, name);
  }
});

test("registers have QEMU's names, and are those of the hart", async () => {
  const bytes = plugin({
    imports: [
      "register_vcpu_tb_trans_cb Iii",
      "register_vcpu_tb_exec_cb iiii",
      "read_register iii>i",
      "emu_register_count >i",
      "emu_register_name iii>i",
      "emu_register_feature iii>i",
      "emu_register_size i>i",
      "outs ii",
    ],
    table: ["trans", "exec"],
    install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
    body: `
      (func $trans (param i64 i32) (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 1) (i32.const 0)))
      (func $line (param $length i32)
        (i32.store8 (i32.add (i32.const 64) (local.get $length)) (i32.const 10))
        (call $outs (i32.const 64) (i32.add (local.get $length) (i32.const 1))))
      (func $exec (param i32 i32) (local i32)
        (local.set 2 (i32.const 1))
        (loop $each
          (call $line (call $emu_register_name (local.get 2) (i32.const 64) (i32.const 64)))
          (call $line (call $emu_register_feature (local.get 2) (i32.const 64) (i32.const 64)))
          (i64.store (i32.const 64) (i64.const 0))
          (if (i32.ne (call $read_register (local.get 2) (i32.const 64) (i32.const 64)) (call $emu_register_size (local.get 2))) (then unreachable))
          (call $hex)
          (local.set 2 (i32.add (local.get 2) (i32.const 1)))
          (br_if $each (i32.le_s (local.get 2) (call $emu_register_count)))))
      (func $hex (local i32 i64)
        (local.set 1 (i64.load (i32.const 64)))
        (loop $digit
          (i32.store8 offset=64 (i32.sub (i32.const 15) (local.get 0)) (i32.load8_u offset=32 (i32.wrap_i64 (i64.and (local.get 1) (i64.const 15)))))
          (local.set 1 (i64.shr_u (local.get 1) (i64.const 4)))
          (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (br_if $digit (i32.lt_u (local.get 0) (i32.const 16))))
        (call $line (i32.const 16)))
      (data (i32.const 32) "0123456789abcdef")`,
  });
  for (const { name, engine } of TIERS) {
    const m = await plugged("calls", engine);
    m.run(5000);
    attach(m, "registers", bytes);
    // the callback of the block that begins here
    m.run(1, 1);
    const lines = m.manager.output("registers", 0).text.split("\n");
    assert.deepEqual(m.failures, [], name);
    const guest = pluginGuest(m.machine);
    const known = guest.registers();
    assert.ok(known.length > 70);
    const listed = known.map((_, i) => lines[3 * i]);
    assert.deepEqual([listed[0], listed[32], listed[33], listed[66]], ["zero", "pc", "ft0", "fflags"]);
    known.forEach(({ name: own, alias, group }) => {
      const i = listed.indexOf(own === "x8" ? "fp" : (alias ?? own));
      const [shown = "", feature = "", value = ""] = lines.slice(3 * i, 3 * i + 3);
      if (own === "x8") assert.equal(shown, "fp");
      if (own === "x10") assert.equal(shown, "a0");
      if (own === "f10") assert.equal(shown, "fa0");
      if (group === "general") assert.equal(feature, "org.gnu.gdb.riscv.cpu");
      if (own === "x2") assert.notEqual(BigInt(`0x${value}`), 0n);
      // one instruction may have changed one register since
      if (own !== "pc" && group === "csr" && !/cycle|instret|time|counter/.test(own)) {
        assert.equal(BigInt(`0x${value}`), guest.readRegister(0, own), `${own} (${name})`);
      }
    });
  }
});

test("set_pc moves the hart, and the block ends there", async () => {
  // at the 1000th block: on to where the next one begins, four bytes from the end of an endless loop of its own
  const bytes = plugin({
    imports: ["register_vcpu_tb_trans_cb Iii", "register_vcpu_tb_exec_cb iiii", "tb_vaddr i>I", "set_pc I", "outs ii"],
    table: ["trans", "exec"],
    install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
    body: `
      (global $first (mut i64) (i64.const 0))
      (global $count (mut i32) (i32.const 0))
      (data (i32.const 64) "x")
      (func $trans (param i64 i32)
        (if (i64.eqz (global.get $first)) (then (global.set $first (call $tb_vaddr (local.get 1)))))
        (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 3)
          (i64.ne (global.get $first) (call $tb_vaddr (local.get 1)))))
      (func $exec (param i32 i32)
        (if (i32.eqz (local.get 1)) (then (call $outs (i32.const 64) (i32.const 1))))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (if (i32.eq (global.get $count) (i32.const 50)) (then (call $set_pc (global.get $first)))))`,
  });
  for (const { name, engine, chunk } of TIERS) {
    const m = await plugged("calls", engine);
    attach(m, "restart", bytes);
    m.run(20_000, chunk);
    assert.deepEqual(m.failures, [], name);
    assert.equal(m.manager.output("restart", 0).text, "xx", name);
    assert.equal(m.machine.instructionCount(), 20_000, name);
  }
});

test("exit() of a plugin pauses the machine and is reported", async () => {
  const { module, info } = prepare(
    plugin({
      imports: ["register_vcpu_tb_trans_cb Iii"],
      table: ["trans"],
      install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
      body: "(func $trans (param i64 i32) (call $exit (i32.const 3)))",
      wasi: ["proc_exit i"],
    }),
  );
  const m = await plugged("calls");
  m.manager.attach("leaves", { kind: "wasm", name: "leaves", module, info }, {}, {});
  assert.equal(m.run(10_000), "pause");
  assert.deepEqual(m.stops, ["the plugin called exit(3)"]);
  const { state, failure } = m.manager.get("leaves");
  assert.equal(state, "failed");
  assert.equal(failure?.cause, "exit");
  assert.equal(m.run(10_000), "budget");
});
