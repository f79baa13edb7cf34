import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import { Core, PageTable, PTE_RWX, RAM_BASE, ROM_BASE, SLOT_PAGES } from "../core-harness.js";

const RAM = BigInt(RAM_BASE);

function handler(core: Core, slots: number, offset: number): number {
  return core.get32(slots + (offset >> 1) * L.SLOT_SIZE);
}
function entry(core: Core, va: bigint): number {
  return core.get32(L.DATA_BASE) + (Number(va >> 7n) & core.get32(L.DATA_MASK));
}

test("a page gets slots once, undecoded, with guards behind them", () => {
  const core = new Core();
  const slots = core.f.lookup_code(RAM + 0x123n * 2n);
  assert.notEqual(slots, 0);
  assert.equal(core.f.lookup_code(RAM), slots);
  assert.equal(core.get64(L.PAGE_VA), RAM);
  assert.equal(core.get32(L.PAGE_SLOTS), slots);
  for (let i = 0; i < 4096; i += 2) assert.equal(handler(core, slots, i), L.HANDLER_DECODE);
  assert.equal(handler(core, slots, 4096), L.HANDLER_PAGE_END);
  assert.equal(handler(core, slots, 4098), L.HANDLER_PAGE_END);
  assert.notEqual(core.f.lookup_code(RAM + 0x1000n), slots);
  assert.notEqual(core.f.lookup_code(BigInt(ROM_BASE)), 0, "ROM is executable");
});

test("two virtual pages of one physical page share their slots", () => {
  const core = new Core();
  const table = new PageTable(core, 3, RAM_BASE + 0x100000);
  table.map(0x1000n, RAM, PTE_RWX);
  table.map(0x2000n, RAM, PTE_RWX);
  table.use();
  assert.equal(core.f.lookup_code(0x1000n), core.f.lookup_code(0x2000n));
  assert.equal(core.get64(L.PAGE_VA), 0x2000n);
});

test("stores to a page with slots are flagged, present mappings and later ones", () => {
  const core = new Core(2);
  core.store(RAM, 1n); // mapped before
  assert.equal(core.get64(entry(core, RAM) + L.TLB_WRITE), RAM);
  core.f.lookup_code(RAM);
  assert.equal(core.get64(entry(core, RAM) + L.TLB_WRITE), RAM | BigInt(L.TLB_FLAG_CODE));
  core.f.flush_all(-1);
  core.store(RAM, 1n);
  assert.equal(core.get64(entry(core, RAM) + L.TLB_WRITE), RAM | BigInt(L.TLB_FLAG_CODE));
  assert.equal(core.get64(entry(core, RAM) + L.TLB_READ), RAM, "loads stay fast");
});

test("a store makes the ops it touches, and the one before, decode again", () => {
  const core = new Core();
  const slots = core.f.lookup_code(RAM);
  for (let i = 0; i < 4096; i += 2) core.set32(slots + (i >> 1) * L.SLOT_SIZE, 99);
  core.store(RAM + 0x101n, 0n, 4); // bytes 0x101..0x104
  const reset = [];
  for (let i = 0; i < 4096; i += 2) if (handler(core, slots, i) === 0) reset.push(i);
  assert.deepEqual(reset, [0xfe, 0x100, 0x102, 0x104]);
  core.store(RAM, 0n, 1);
  assert.equal(handler(core, slots, 0), 0);
  assert.equal(handler(core, slots, 2), 99);
  core.store(RAM + 0xfffn, 0n, 1);
  assert.equal(handler(core, slots, 0xffe), 0);
  assert.equal(handler(core, slots, 0x1000), L.HANDLER_PAGE_END);
});

test("atomics and outside writes invalidate too", () => {
  const core = new Core();
  const slots = core.f.lookup_code(RAM);
  for (const write of [
    () => core.f.amo_prepare(RAM + 0x40n, 4, 0n),
    () => {
      core.f.load_reserved(RAM + 0x40n, 4, 0n);
      core.f.store_conditional(RAM + 0x40n, 0n, 4, 0n);
    },
    () => core.f.memory_written(RAM - 0x100n, 0x200),
    () => core.f.cbo_zero(RAM + 0x50n, 0),
  ]) {
    core.set32(slots + 0x20 * L.SLOT_SIZE, 99);
    write();
    assert.equal(handler(core, slots, 0x40), 0);
  }
});

test("the host hears of writes to pages with compiled code only", () => {
  const core = new Core();
  const slots = core.f.lookup_code(RAM);
  core.store(RAM + 8n, 0n);
  assert.deepEqual(core.invalidated, []);
  core.set32(slots + L.SLOT_PAGE_JIT, 1);
  core.store(RAM + 16n, 0n, 4);
  assert.deepEqual(core.invalidated, [[RAM_BASE >>> 12, 16, 4]]);
});

test("a page that is written over and over loses its slots, and stores to it are fast again", () => {
  const core = new Core();
  core.f.lookup_code(RAM);
  core.f.lookup_code(RAM + 0x1000n); // another page is the one being executed
  for (let i = 0n; i < 64n; i++) core.store(RAM + i * 8n, i);
  assert.equal(core.get64(entry(core, RAM) + L.TLB_WRITE), RAM);
  const again = core.f.lookup_code(RAM);
  assert.notEqual(again, 0);
  assert.equal(handler(core, again, 0), 0);
  assert.equal(core.get64(entry(core, RAM) + L.TLB_WRITE), RAM | BigInt(L.TLB_FLAG_CODE));
});

test("the page being executed keeps its slots however often it is written", () => {
  const core = new Core();
  const slots = core.f.lookup_code(RAM);
  core.set32(slots + 0x100 * L.SLOT_SIZE, 99);
  for (let i = 0n; i < 200n; i++) core.store(RAM, i);
  assert.equal(core.f.lookup_code(RAM), slots);
  assert.equal(handler(core, slots, 0x200), 99);
  assert.equal(core.get64(entry(core, RAM) + L.TLB_WRITE), RAM | BigInt(L.TLB_FLAG_CODE));
});

test("a full arena starts over, and the host forgets its compiled code", () => {
  const core = new Core();
  for (let i = 0; i < SLOT_PAGES - 1; i++) core.f.lookup_code(RAM + BigInt(i << 12));
  assert.deepEqual(core.invalidated, []);
  core.store(RAM, 0n);
  core.f.lookup_code(RAM + 0x3f0000n);
  assert.deepEqual(core.invalidated, [[-1, 0, 0]]);
  assert.equal(core.get32(L.SLOT_USED), 1);
  assert.equal(core.get64(entry(core, RAM) + L.TLB_WRITE), RAM, "no code there any more");
  assert.notEqual(core.f.lookup_code(RAM), 0);
  assert.equal(core.get32(L.SLOT_USED), 2);
});

test("a new flat view drops the code of pages that are other memory now, and keeps the rest", () => {
  const core = new Core();
  const stay = core.f.lookup_code(RAM);
  const move = core.f.lookup_code(RAM + 0x3000n);
  const gone = core.f.lookup_code(RAM + 0x5000n);
  for (const slots of [stay, move, gone]) {
    core.set32(slots, 99);
    core.set32(slots + L.SLOT_PAGE_JIT, 1);
  }
  const ram = { kind: L.SECTION_RAM, region: 1 };
  core.setSections([
    { ...ram, start: RAM_BASE, end: RAM_BASE + 0x3000, host: core.ramHost },
    { ...ram, start: RAM_BASE + 0x3000, end: RAM_BASE + 0x4000, host: core.ramHost + 0x7000 },
    { start: RAM_BASE + 0x4000, end: RAM_BASE + 0x6000, kind: L.SECTION_IO, region: 3 },
  ]);
  core.f.topology_changed();
  assert.deepEqual(core.invalidated, [
    [(RAM_BASE >>> 12) + 3, 0, 0x1000],
    [(RAM_BASE >>> 12) + 5, 0, 0x1000],
  ]);
  assert.equal(core.f.lookup_code(RAM), stay);
  assert.equal(handler(core, stay, 0), 99);
  assert.equal(handler(core, core.f.lookup_code(RAM + 0x3000n), 0), 0);
  assert.equal(core.f.lookup_code(RAM + 0x5000n), 0);
  assert.equal(core.trap()?.cause, 1);
});

test("the map finds pages after others were taken out", () => {
  const core = new Core();
  const slots = new Map<bigint, number>();
  for (let round = 0; round < 40; round++) {
    const page = RAM + BigInt(((round * 37) % 50) << 12);
    slots.set(page, core.f.lookup_code(page));
    core.f.lookup_code(RAM + 0x3f0000n);
    // drop a page every third round
    if (round % 3 === 2) {
      const victim = [...slots.keys()][0] as bigint;
      for (let i = 0n; i < 64n; i++) core.store(victim, i);
      slots.delete(victim);
    }
    if (slots.size > 10) break;
    for (const [p, s] of slots) {
      core.f.flush_all(-1);
      assert.equal(core.f.lookup_code(p), s);
    }
  }
});

test("code in a page of several sections runs one instruction at a time", () => {
  const core = new Core();
  const ram = { kind: L.SECTION_RAM, region: 5, host: core.ramHost };
  core.setSections([
    { ...ram, start: RAM_BASE, end: RAM_BASE + 0x800 },
    { start: RAM_BASE + 0x800, end: RAM_BASE + 0x1000, kind: L.SECTION_IO, region: 4 },
    { ...ram, start: RAM_BASE + 0x1000, end: RAM_BASE + 0x2000 },
  ]);
  core.f.topology_changed();
  core.setRam64(RAM_BASE + 0x7f8, 0x4444333322221111n);
  assert.equal(core.f.lookup_code(RAM + 0x7f8n), 0);
  assert.equal(core.trap(), undefined);
  assert.equal(core.f.fetch16(RAM + 0x7fan), 0x2222);
  assert.equal(core.f.fetch16(RAM + 0x800n), -1);
  assert.deepEqual(core.trap(), { cause: 1, tval: RAM + 0x800n });
  core.f.poke_csr(0x305, RAM + 0x1000n);
  core.set64(L.PC, RAM + 0x7f8n);
  core.log = [];
  core.f.run(4);
  assert.deepEqual(
    core.log.map((s) => s.pc - RAM),
    [0x7f8n, 0x7fcn, 0x1000n],
  );
  assert.equal(core.f.peek_csr(0x341), RAM + 0x800n);
});

test("fetch16 reads what is there and faults like a fetch", () => {
  const core = new Core();
  core.setRam64(RAM_BASE, 0x4444333322221111n);
  assert.equal(core.f.fetch16(RAM + 2n), 0x2222);
  assert.equal(core.f.fetch16(0n), -1);
  assert.deepEqual(core.trap(), { cause: 1, tval: 0n });
});
