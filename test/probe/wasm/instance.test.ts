// Wasm plugins on a machine without an engine: QEMU's calls and what they answer, seen from both sides.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { CallOp } from "../../../src/engine/probe-ops.js";
import { PluginOptionError } from "../../../src/probe/plugin.js";
import type { WasmPluginFailed } from "../../../src/probe/wasm/report.js";
import { FakeEngineHost, PcSet } from "./fake-engine-host.js";
import { plugin } from "./modules.js";

const fixture = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../../../../test/probe/wasm/fixtures/${name}.wasm`, import.meta.url)));

/** addi, ld, sd, c.j */
const WORDS = [0x00a50513, 0x00053583, 0x00b53023, 0xbfc5];

const failure = (action: () => unknown): WasmPluginFailed["failure"] => {
  try {
    action();
  } catch (error) {
    assert.equal((error as Error).name, "WasmPluginFailed", String((error as Error).stack));
    return (error as WasmPluginFailed).failure;
  }
  return assert.fail("nothing went wrong");
};

test("a C plugin counts, inline and in callbacks, and reports when it is detached", () => {
  const host = new FakeEngineHost({ harts: 2 });
  host.upload(fixture("counts"));
  const block = host.block(0x80000000, WORDS);
  const accesses = { 1: [{ vaddr: 0x80001000, size: 8 as const }], 2: [{ vaddr: 0x80002000, size: 8 as const }] };
  for (let i = 0; i < 5; i++) host.run(block, { accesses });
  host.run(block, { hart: 1, count: 3 });
  assert.equal(host.text, "");
  assert.equal(host.detach(), null);
  assert.equal(host.text, "riscv64: 2 harts, 23 instructions, 6 blocks, 5 reads, 5 writes\n");
});

test("conditional callbacks and inline operations work on one counter", () => {
  const host = new FakeEngineHost();
  host.upload(fixture("counts"), { threshold: 7 });
  const block = host.block(0x80000000, WORDS);
  for (let i = 0; i < 6; i++) host.run(block);
  host.detach();
  assert.equal(
    host.text,
    "vcpu 0 after 8 instructions\nvcpu 0 after 16 instructions\n" +
      "riscv64: 1 harts, 24 instructions, 0 blocks, 0 reads, 0 writes\n",
  );
});

test("accesses come with value and hardware address", () => {
  const host = new FakeEngineHost();
  host.upload(fixture("counts"), { memory: true });
  host.run(host.block(0xffffffc0_80000000n, [0x00053583, 0x00b52023]), {
    accesses: {
      0: [{ vaddr: 0xffffffc0_80000123n, paddr: 0x80000123, size: 8, value: -2n }],
      1: [{ vaddr: 0x3000, paddr: 0x10000004, size: 4, value: 0x41 }],
    },
  });
  host.detach();
  assert.equal(
    host.text,
    [
      "translated ld                      a1,0(a0)",
      "translated sw                      a1,0(a0)",
      "r64 0xffffffc080000123 = 0xfffffffffffffffe at 0x80000123 ram+0x123",
      "w32 0x3000 = 0x41 at 0x10000004 uart+0x4 io",
      "riscv64: 1 harts, 0 instructions, 1 blocks, 1 reads, 1 writes",
      "",
    ]
      .join("\n")
      .replace(" 0 instructions", " 2 instructions"),
  );
});

test("arguments that are refused end the attachment with what the plugin said", () => {
  const host = new FakeEngineHost();
  const found = failure(() => host.upload(fixture("counts"), { bogus: 1 }));
  assert.deepEqual(found, { cause: "exception", message: "qemu_plugin_install returned -1", where: "install" });
  assert.equal(host.text, "option parsing failed: bogus=1\n");
  assert.throws(() => host.upload(fixture("counts"), { memory: {} }), PluginOptionError);
  assert.throws(() => host.upload(fixture("counts"), { memory: null }), PluginOptionError);
  assert.throws(() => host.upload(fixture("counts"), { "a=b": 1 }), PluginOptionError);
});

test("arguments, also repeated ones, come as name=value", () => {
  const host = new FakeEngineHost({ harts: 3 });
  host.upload(
    plugin({
      imports: ["outs ii"],
      body: `(func $string (param $at i32) (local $end i32)
        (local.set $end (local.get $at))
        (loop $next (if (i32.load8_u (local.get $end)) (then (local.set $end (i32.add (local.get $end) (i32.const 1))) (br $next))))
        (call $outs (local.get $at) (i32.sub (local.get $end) (local.get $at))))`,
      install: `
        (call $string (i32.load (local.get $info)))
        (if (i32.ne (i32.load offset=8 (local.get $info)) (i32.const 7)) (then unreachable))
        (if (i32.ne (i32.load8_u offset=12 (local.get $info)) (i32.const 1)) (then unreachable))
        (if (i32.ne (i32.load offset=16 (local.get $info)) (i32.const 3)) (then unreachable))
        (if (i32.load (i32.add (local.get $argv) (i32.mul (i32.const 4) (local.get $argc)))) (then unreachable))
        (loop $each
          (if (local.get $argc) (then
            (call $string (i32.load (local.get $argv)))
            (local.set $argv (i32.add (local.get $argv) (i32.const 4)))
            (local.set $argc (i32.sub (local.get $argc) (i32.const 1)))
            (br $each))))`,
    }),
    { limit: 20, inline: false, match: ["a", "b c"], base: 0x10n },
  );
  assert.equal(host.text, "riscv64limit=20inline=offmatch=amatch=b cbase=16");
});

test("registers follow the flags of the callback", () => {
  // tag 0: read x5 (handle 6: x0..), tag 1: write it
  const host = new FakeEngineHost();
  const bytes = plugin({
    imports: [
      "register_vcpu_tb_trans_cb Iii",
      "register_vcpu_tb_exec_cb iiii",
      "read_register iii>i",
      "write_register iii>i",
      "emu_register_count >i",
      "emu_register_name iii>i",
      "outs ii",
    ],
    table: ["trans", "exec"],
    install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
    body: `
      (global $rights (export "rights") (mut i32) (i32.const 0))
      (func $trans (param i64 i32)
        (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0))
        (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 1) (i32.const 16))
        (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 2) (i32.const 32)))
      (func $exec (param i32 i32) (local i32)
        (i32.store (i32.const 256) (call $read_register (i32.const 6) (local.get 1) (i32.const 8)))
        (i32.store (i32.const 260) (call $read_register (i32.const 38) (i32.const 128) (i32.const 7)))
        (i32.store (i32.const 264) (call $write_register (i32.const 36) (i32.const 512) (i32.const 8)))
        (i32.store (i32.const 268) (call $write_register (i32.const 36) (i32.const 512) (i32.const 4)))
        (call $outs (i32.const 256) (i32.const 16)))`,
  });
  const attached = host.upload(bytes);
  const outputs: number[][] = [];
  host.output = (text) => void outputs.push([...text].map((c) => c.charCodeAt(0)));
  new DataView(host.machineMemory.buffer).setBigUint64(0x1028, 0x1122334455667788n, true);
  host.run(host.block(0x80000000, WORDS));
  assert.equal(attached.memory.readU64(0), 0n);
  assert.equal(attached.memory.readU64(16), 0x1122334455667788n);
  assert.equal(attached.memory.readU64(32), 0x1122334455667788n);
  assert.equal(host.readRegister(0, "mepc"), 0n);
  assert.equal(outputs.length, 3);
  // only the last may write: mepc is the 36th after pc and x0..x31 and mstatus
  assert.deepEqual(
    outputs.map((bytes) => bytes[8]),
    [0, 0, 1],
  );
});

test("set_pc leaves the callback, where it is allowed", () => {
  const bytes = plugin({
    imports: ["register_vcpu_tb_trans_cb Iii", "register_vcpu_tb_exec_cb iiii", "set_pc I"],
    table: ["trans", "exec"],
    install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 3))",
    body: `
      (func $trans (param i32 i32) (call $register_vcpu_tb_exec_cb (local.get 0) (i32.const 2) (local.get 1) (i32.const 0)))
      (func $exec (param i32 i32) (call $set_pc (i64.const -16)) (unreachable))`,
  });
  const host = new FakeEngineHost();
  const attached = host.upload(bytes);
  assert.throws(
    () => host.run(host.block(0x80000000, WORDS)),
    (error) => error instanceof PcSet && error.vaddr === 0xfffffffffffffff0n,
  );
  assert.equal(attached.registerRights, 0);
});

test("events reach callbacks of QEMU's old and new forms", () => {
  const host = new FakeEngineHost({ harts: 2 });
  const attached = host.upload(
    plugin({
      imports: [
        "register_vcpu_idle_cb Iii",
        "register_vcpu_resume_cb Iii",
        "register_vcpu_discon_cb Iiii",
        "register_flush_cb Iii",
        "emu_register_tlb_fill_cb Iii",
        "emu_register_tlb_flush_cb Iii",
        "emu_register_satp_cb Iii",
        "emu_register_topology_cb Iii",
        "emu_register_walk_cb Iii",
        "emu_register_dma_cb Iii",
        "hwaddr_phys_addr >I",
        "mem_get_value >I",
        "get_hwaddr >i",
      ],
      table: ["old", "new", "discon", "flush", "fill", "tlbflush", "satp", "topology", "access"],
      install: `
        (call $register_vcpu_idle_cb (local.get $id) (i32.const 1) (i32.const 77))
        (call $register_vcpu_resume_cb (local.get $id) (i32.const 2) (i32.const 77))
        (call $register_vcpu_discon_cb (local.get $id) (i32.const 5) (i32.const 3) (i32.const 0))
        (call $register_flush_cb (local.get $id) (i32.const 4) (i32.const 0))
        (call $emu_register_tlb_fill_cb (local.get $id) (i32.const 5) (i32.const 0))
        (call $emu_register_tlb_flush_cb (local.get $id) (i32.const 6) (i32.const 0))
        (call $emu_register_satp_cb (local.get $id) (i32.const 7) (i32.const 0))
        (call $emu_register_topology_cb (local.get $id) (i32.const 8) (i32.const 0))
        (call $emu_register_walk_cb (local.get $id) (i32.const 9) (i32.const 0))
        (call $emu_register_dma_cb (local.get $id) (i32.const 9) (i32.const 0))`,
      body: `
        (func $old (param i64 i32) (i64.store (i32.const 0) (i64.add (local.get 0) (i64.extend_i32_u (local.get 1)))))
        (func $new (param i32 i32) (i32.store (i32.const 8) (i32.add (local.get 0) (local.get 1))))
        (func $discon (param i64 i32 i32 i64 i64)
          (i64.store (i32.const 16) (i64.sub (local.get 4) (local.get 3)))
          (i32.store (i32.const 24) (i32.add (i32.load (i32.const 24)) (local.get 2))))
        (func $flush (param i64) (i64.store (i32.const 32) (local.get 0)))
        (func $fill (param i32 i64 i64 i32 i32 i32)
          (i64.store (i32.const 40) (local.get 1)) (i32.store (i32.const 48) (local.get 3)))
        (func $tlbflush (param i32 i32 i64 i32 i32) (i32.store (i32.const 56) (local.get 1)))
        (func $satp (param i32 i64 i64 i32) (i64.store (i32.const 64) (local.get 2)))
        (func $topology (param i32 i32) (i32.store (i32.const 72) (local.get 0)))
        (func $access (param i32 i32 i64 i32)
          (if (i32.eqz (call $get_hwaddr)) (then unreachable))
          (i32.store (i32.const 80) (local.get 1))
          (i64.store (i32.const 88) (local.get 2))
          (i64.store (i32.const 96) (call $hwaddr_phys_addr))
          (i64.store (i32.const 104) (call $mem_get_value)))`,
    }),
  );
  const { memory } = attached;
  host.emit("idle", { hart: 1 });
  assert.equal(memory.readU64(0), attached.id + 1n);
  host.emit("resume", { hart: 1 });
  assert.equal(memory.readU32(8), 78);
  host.emit("interrupt", { hart: 0, cause: 5, from: 0x1000n, to: 0x2000n });
  host.emit("exception", { hart: 0, cause: 5, from: 0n, to: 1n, tval: 0n });
  host.emit("hostcall", { hart: 0, from: 0xffffffff_00000000n, to: 0xffffffff_00000004n });
  assert.equal(memory.readU64(16), 4n);
  assert.equal(memory.readU32(24), 5);
  host.flush();
  assert.equal(memory.readU64(32), attached.id);
  host.emit("tlb-fill", { hart: 0, vaddr: 0xffffffff_80000000n, paddr: 0n, pageBits: 21, mmuIndex: 1 });
  assert.equal(memory.readU64(40), 0xffffffff_80000000n);
  assert.equal(memory.readU32(48), 21);
  host.emit("tlb-flush", { hart: 0, scope: "asid", vaddr: 0n, asid: 3 });
  assert.equal(memory.readU32(56), 3);
  host.emit("satp", { hart: 0, old: 0n, value: 0x80000000_00012345n });
  assert.equal(memory.readU64(64), 0x80000000_00012345n);
  host.emit("topology", { generation: 9 });
  assert.equal(memory.readU32(72), 9);
  const access = {
    hart: 0,
    pc: 0n,
    vaddr: 0x4000n,
    paddr: 0x80005008n,
    paddrNumber: 0x80005008,
    ppn: 0x80005,
    offset: 0x5008n,
    size: 8,
    write: false,
    kind: "walk-read" as const,
    value: 0x2000_0001n,
    signed: false,
    io: false,
    region: "ram",
    regionId: 4,
    device: undefined,
    deviceId: 0,
    second: undefined,
  };
  host.emit("walk", access);
  assert.equal(memory.readU32(80), 3 | (5 << 8));
  assert.equal(memory.readU64(88), 0x4000n);
  assert.equal(memory.readU64(96), 0x80005008n);
  assert.equal(memory.readU64(104), 0x2000_0001n);
  host.emit("dma", { ...access, kind: "dma-write", write: true });
  assert.equal(memory.readU32(80), 3 | (1 << 6) | (8 << 8));
  assert.equal(memory.readU64(88), 0x80005008n);
});

test("a callback of another type is refused when it is registered", () => {
  const found = failure(() =>
    new FakeEngineHost().upload(
      plugin({
        imports: ["register_vcpu_tb_trans_cb Iii"],
        table: ["trans"],
        install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
        body: "(func $trans (param i64 i64))",
      }),
    ),
  );
  assert.equal(found.cause, "trap");
  assert.match(found.message, /register_vcpu_tb_trans_cb: .*\(i64, i64\) instead of \(i64, i32\) or \(i32, i32\)/);
  assert.equal(found.where, "install, in install");
});

test("results, files and filters", () => {
  const host = new FakeEngineHost();
  const attached = host.upload(
    plugin({
      imports: [
        "emu_register_results_cb Iii",
        "emu_result ii",
        "emu_file iiii",
        "emu_filter_range iII",
        "emu_filter_device ii",
        "emu_filter_io i",
        "emu_stop ii",
      ],
      table: ["results"],
      install: `
        (call $emu_register_results_cb (local.get $id) (i32.const 1) (i32.const 5))
        (call $emu_filter_range (i32.const 2) (i64.const 0x10000000) (i64.const -1))
        (call $emu_filter_device (i32.const 64) (i32.const 5))
        (call $emu_filter_io (i32.const 1))
        (call $emu_stop (i32.const 64) (i32.const 5))`,
      body: `
        (data (i32.const 64) "uart0")
        (data (i32.const 96) "{\\"count\\": 7}")
        (func $results (param i32)
          (call $emu_result (i32.const 96) (i32.const 12))
          (call $emu_file (i32.const 64) (i32.const 5) (i32.const 96) (local.get 0)))`,
    }),
  );
  assert.deepEqual(attached.results(), { count: 7 });
  assert.deepEqual([...(host.files.get("uart0") ?? [])], [...Buffer.from('{"cou')]);
  assert.deepEqual(host.filters, [
    { paddr: [[0x10000000n, 0xffffffffffffffffn]] },
    { device: ["uart0"] },
    { io: true },
  ]);
  assert.deepEqual(host.stops, ["uart0"]);
});

test("events are appended to buffers and come in batches", () => {
  const host = new FakeEngineHost();
  const attached = host.upload(
    plugin({
      imports: [
        "register_vcpu_tb_trans_cb Iii",
        "tb_get_insn ii>i",
        "emu_buffer_new iiii>i",
        "emu_register_vcpu_mem_append iiiii",
      ],
      table: ["trans", "batch"],
      install: `
        (call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))
        (global.set $buffer (call $emu_buffer_new (i32.const 1024) (i32.const 3) (i32.const 2) (i32.const 9)))`,
      body: `
        (global $buffer (mut i32) (i32.const 0))
        (func $trans (param i64 i32)
          (call $emu_register_vcpu_mem_append (call $tb_get_insn (local.get 1) (i32.const 1)) (global.get $buffer) (i32.const 3) (i32.const 2) (i32.const 55)))
        (func $batch (param i32 i32 i32)
          (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 1)))
          (i64.store (i32.const 8) (i64.load offset=8 (local.get 0)))
          (i32.store (i32.const 16) (i32.load offset=4 (local.get 0))))`,
    }),
  );
  const block = host.block(0x80000000, WORDS);
  for (let i = 0; i < 4; i++) {
    host.run(block, { accesses: { 1: [{ vaddr: 0x1000, paddr: 0x80001000 + i, size: 4 }] } });
  }
  assert.equal(attached.memory.readU32(0), 3);
  assert.equal(attached.memory.readU64(8), 0x80001000n);
  host.sliceEnd();
  assert.equal(attached.memory.readU32(0), 4);
  assert.equal(attached.memory.readU64(8), 0x80001003n);
  assert.equal(attached.memory.readU32(16), 4 << 8);
});

test("counters mirrored later make older callbacks translated anew", () => {
  const host = new FakeEngineHost();
  const attached = host.upload(
    plugin({
      imports: [
        "register_vcpu_tb_trans_cb Iii",
        "register_vcpu_tb_exec_cb iiii",
        "register_vcpu_tb_exec_inline_per_vcpu iiiiI",
        "scoreboard_free ii",
      ],
      table: ["trans", "exec"],
      install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
      body: `
        (global $count (mut i32) (i32.const 0))
        (func $trans (param i64 i32)
          (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0))
          (if (global.get $count) (then
            (call $register_vcpu_tb_exec_inline_per_vcpu (local.get 1) (i32.const 0) (i32.const 128) (i32.const 8) (i64.const 1))))
          (global.set $count (i32.const 1)))
        (func $exec (param i32 i32) (i64.store (i32.const 0) (i64.load (i32.const 128))))
        (func (export "free") (call $scoreboard_free (i32.const 128) (i32.const 8)))`,
    }),
  );
  const [first, second] = [host.block(0x80000000, WORDS), host.block(0x80001000, WORDS)];
  const synced = (block: typeof first) =>
    (block.probes as NonNullable<typeof block.probes>).block.map((op) => (op as CallOp).synced)[0];
  host.run(first);
  assert.equal(synced(first), false);
  host.run(second);
  assert.equal(synced(second), true);
  host.settle();
  host.run(first);
  assert.equal(synced(first), true);
  host.run(second);
  host.run(first);
  // two of second, two of first since its counting began; the callback runs before the addition
  assert.equal(attached.memory.readU64(0), 3n);
  assert.equal(host.mirrors.length, 1);
});

test("reset drops what was registered, uninstall ends the plugin without its exit callback", () => {
  const host = new FakeEngineHost();
  const attached = host.upload(
    plugin({
      imports: [
        "register_vcpu_tb_trans_cb Iii",
        "register_vcpu_tb_exec_cb iiii",
        "register_atexit_cb Iii",
        "reset Iii",
        "uninstall Iii",
        "outs ii",
      ],
      table: ["trans", "exec", "exit", "done"],
      install: `
        (call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))
        (call $register_atexit_cb (local.get $id) (i32.const 3) (i32.const 0))`,
      body: `
        (data (i32.const 64) "TXED")
        (global $phase (mut i32) (i32.const 0))
        (func $trans (param i64 i32)
          (call $outs (i32.const 64) (i32.const 1))
          (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0)))
        (func $exec (param i32 i32)
          (call $outs (i32.const 65) (i32.const 1))
          (if (global.get $phase) (then (call $uninstall (i64.const 0) (i32.const 4) (i32.const 0)))
            (else (call $reset (i64.const 0) (i32.const 4) (i32.const 0)))))
        (func $exit (param i64 i32) (call $outs (i32.const 66) (i32.const 1)))
        (func $done (param i64)
          (call $outs (i32.const 67) (i32.const 1))
          (if (i32.eqz (global.get $phase)) (then
            (call $register_atexit_cb (i64.const 0) (i32.const 3) (i32.const 0))
            (call $register_vcpu_tb_trans_cb (i64.const 0) (i32.const 1) (i32.const 0))))
          (global.set $phase (i32.const 1)))`,
    }),
  );
  const block = host.block(0x80000000, WORDS);
  host.run(block);
  assert.equal(host.text, "TX");
  host.settle();
  assert.equal(host.text, "TXD");
  assert.equal(block.probes, undefined);
  host.run(block);
  assert.equal(host.text, "TXDTX");
  host.settle();
  assert.equal(host.text, "TXDTXD");
  assert.equal(host.detached, true);
  attached.uninstall();
  assert.equal(host.text, "TXDTXD");
});
