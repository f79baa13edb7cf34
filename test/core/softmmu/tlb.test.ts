import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import { Core, PageTable, PTE_G, PTE_RW, PTE_U, RAM_BASE, RAM_SIZE } from "../core-harness.js";

const TABLES = RAM_BASE + 0x300000;
const VA = 0x10000000n;
/** Entries of a table at first, at least, and at most. */
const FIRST = 2 ** L.TLB_DEFAULT_BITS;
const LEAST = 2 ** L.TLB_MIN_BITS;
const MOST = 2 ** L.TLB_MAX_BITS;
const percent = (n: number, entries: number): number => Math.ceil((n * entries) / 100);
/** More than 70 % of a table of the first size. */
const MANY = percent(74, FIRST);
/** More pages than such a table has entries. */
const PAGES = FIRST + 44;

function entries(core: Core, index: number): number {
  return (core.get32(L.TLB_DESC + index * L.TLB_DESC_SIZE + L.DESC_MASK) >>> L.TLB_ENTRY_BITS) + 1;
}
function used(core: Core, index: number): number {
  return core.get32(L.TLB_DESC + index * L.TLB_DESC_SIZE + L.DESC_USED);
}

/** Touches `n` pages of M-mode memory, so n entries of index 3. */
function touch(core: Core, n: number): void {
  for (let i = 0; i < n; i++) core.load(BigInt(RAM_BASE + i * 0x1000));
}
function flush(core: Core): void {
  core.f.flush_all(-1);
}

/** S-mode over `pages` pages at VA; `flags` by page number. */
function paged(pages: number, flags: (i: number) => bigint = () => PTE_RW): { core: Core; table: PageTable } {
  const core = new Core();
  const table = new PageTable(core, 3, TABLES);
  for (let i = 0; i < pages; i++) table.map(VA + BigInt(i << 12), BigInt(RAM_BASE + (i << 12)), flags(i));
  table.use(1n);
  return { core, table };
}

/** Whether the page is still in the TLB, seen by the walks a load causes. */
function cached(core: Core, va: bigint): boolean {
  const walks = core.stat(L.STAT_WALK);
  core.load(va);
  assert.equal(core.trap(), undefined);
  return core.stat(L.STAT_WALK) === walks;
}

/** A core whose M-mode table has grown to four times the first size, and is empty. */
function grown(): Core {
  const core = new Core();
  for (const n of [MANY, 2 * MANY]) {
    touch(core, n);
    flush(core);
  }
  assert.equal(entries(core, 3), 4 * FIRST);
  return core;
}

test("a table grows at a flush when more than 70 % was used, and not before", () => {
  const core = new Core();
  touch(core, MANY);
  assert.equal(entries(core, 3), FIRST);
  flush(core);
  assert.equal(entries(core, 3), 2 * FIRST);
  assert.equal(core.stat(L.STAT_GROW), 1);
  assert.equal(used(core, 3), 0);
  touch(core, MANY);
  flush(core);
  assert.equal(entries(core, 3), 2 * FIRST, "37 % of it");
  assert.equal(core.get32(L.DATA_MASK), (2 * FIRST - 1) << L.TLB_ENTRY_BITS, "generated code sees the new mask");
});

test("a table shrinks after a window of 100 ms of virtual time with less than 30 % used", () => {
  const core = grown();
  touch(core, 10);
  flush(core);
  assert.equal(entries(core, 3), 4 * FIRST, "the window is not over");
  core.f.skip_idle(100_000_001n);
  touch(core, percent(30, 4 * FIRST));
  flush(core);
  assert.equal(entries(core, 3), 4 * FIRST, "30 %");
  core.f.skip_idle(100_000_001n);
  touch(core, 40);
  flush(core);
  assert.equal(entries(core, 3), 4 * FIRST, "this window began with 30 % in use");
  core.f.skip_idle(100_000_001n);
  touch(core, 40);
  flush(core);
  assert.equal(entries(core, 3), LEAST);
  assert.equal(core.stat(L.STAT_SHRINK), 1);
});

test("a shrunk table holds the window's maximum at 70 % or less", () => {
  const core = grown();
  touch(core, percent(94, FIRST));
  flush(core);
  core.f.skip_idle(100_000_001n);
  touch(core, 5);
  flush(core);
  assert.equal(entries(core, 3), 2 * FIRST, "that would fill 94 % of the first size");
});

test("sizes stay between the least and the most", () => {
  const core = grown();
  for (let i = 0; i < 3; i++) {
    core.f.skip_idle(200_000_000n);
    touch(core, 1);
    flush(core);
    assert.equal(entries(core, 3), i ? LEAST : entries(core, 3));
  }
  // by hand: there is not that much memory
  const desc = L.TLB_DESC + 3 * L.TLB_DESC_SIZE;
  core.set32(desc + L.DESC_MASK, (MOST / 2 - 1) << L.TLB_ENTRY_BITS);
  core.f.refresh_context();
  for (let i = 0; i < 3; i++) {
    touch(core, 1);
    core.set32(desc + L.DESC_USED, percent(71, entries(core, 3)));
    flush(core);
    assert.equal(entries(core, 3), MOST);
  }
});

test("other indexes keep their size, and a flush of a clean index is elided", () => {
  const core = new Core();
  touch(core, MANY);
  const elided = core.stat(L.STAT_FLUSH_ELIDED);
  flush(core);
  assert.equal(entries(core, 1), FIRST);
  assert.equal(core.stat(L.STAT_FLUSH_ELIDED), elided + 3);
});

test("an evicted entry is served by the victim TLB, also when flagged", () => {
  const core = new Core();
  const far = BigInt(RAM_BASE + FIRST * 0x1000);
  core.load(BigInt(RAM_BASE));
  core.load(far);
  const fills = core.stat(L.STAT_FILL);
  core.load(BigInt(RAM_BASE));
  assert.equal(core.stat(L.STAT_VICTIM_HIT), 1);
  core.load(far);
  assert.equal(core.stat(L.STAT_VICTIM_HIT), 2);
  assert.equal(core.stat(L.STAT_FILL), fills);
  assert.equal(used(core, 3), 1);

  // a device page and RAM that share a slot
  core.load(0x10000000n);
  const shared = BigInt(RAM_BASE);
  core.load(shared);
  const before = core.stat(L.STAT_FILL);
  core.load(0x10000000n);
  assert.equal(core.stat(L.STAT_FILL), before);
  assert.equal(core.hwaddr().region, 3);
});

test("eight victims are kept, the ninth pushes out the first", () => {
  const core = new Core();
  const table = new PageTable(core, 3, TABLES);
  // 10 pages on one slot of the table
  const at = (i: number): bigint => VA + BigInt(i * FIRST * 0x1000);
  for (let i = 0; i < 10; i++) table.map(at(i), BigInt(RAM_BASE + i * 0x1000), PTE_RW);
  table.use();
  assert.equal(entries(core, 1), FIRST);
  for (let i = 0; i < 10; i++) core.load(at(i));
  const fills = core.stat(L.STAT_FILL);
  for (let i = 1; i < 9; i++) core.load(at(i));
  assert.equal(core.stat(L.STAT_FILL), fills);
  core.load(at(0));
  assert.equal(core.stat(L.STAT_FILL), fills + 1);
});

test("sfence.vma with an address flushes that page alone, victims too", () => {
  const { core } = paged(PAGES);
  core.load(VA);
  core.load(VA + 0x1000n);
  core.load(VA + BigInt(FIRST) * 0x1000n); // evicts the first
  core.f.sfence_vma(VA, 0n, 1, 0, 0);
  assert.ok(cached(core, VA + 0x1000n));
  assert.ok(!cached(core, VA));
  core.f.sfence_vma(VA + 0x1000n, 0n, 1, 0, 0);
  assert.ok(!cached(core, VA + 0x1000n));
});

test("flushing a page of a large mapping flushes the index", () => {
  const core = new Core();
  const table = new PageTable(core, 3, TABLES);
  table.map(0x40000000n, BigInt(RAM_BASE), PTE_RW, 1);
  table.map(0x80000000n, BigInt(RAM_BASE), PTE_RW);
  table.use();
  core.load(0x40000000n);
  core.load(0x40005000n);
  core.load(0x80000000n);
  core.f.sfence_vma(0x40111000n, 0n, 1, 0, 0);
  assert.equal(core.stat(L.STAT_LARGE_FLUSH), 1);
  assert.ok(!cached(core, 0x40005000n));
  assert.ok(!cached(core, 0x80000000n));
  core.f.sfence_vma(0x80000000n, 0n, 1, 0, 0);
  assert.equal(core.stat(L.STAT_LARGE_FLUSH), 1, "outside the region");
  assert.ok(cached(core, 0x40005000n));
});

test("large pages far apart do not drag what lies between them along", () => {
  const core = new Core();
  const table = new PageTable(core, 3, TABLES);
  for (const va of [0x40000000n, 0x1040000000n, 0x2040000000n, 0x3000000000n])
    table.map(va, BigInt(RAM_BASE), PTE_RW, 1);
  table.map(0x1000000000n, BigInt(RAM_BASE), PTE_RW);
  table.use();
  for (const va of [0x40000000n, 0x1040000000n, 0x2040000000n, 0x3000000000n, 0x1000000000n]) core.load(va);
  core.f.sfence_vma(0x1000000000n, 0n, 1, 0, 0);
  assert.equal(core.stat(L.STAT_LARGE_FLUSH), 0);
  assert.ok(cached(core, 0x2040000000n));
  core.f.sfence_vma(0x20401ff000n, 0n, 1, 0, 0);
  assert.equal(core.stat(L.STAT_LARGE_FLUSH), 1);
});

test("a large page around a smaller one widens its region", () => {
  const core = new Core();
  const table = new PageTable(core, 4, TABLES);
  for (let i = 0n; i < 16n; i++) table.map(0x40000000n + (i << 12n), BigInt(RAM_BASE) + 0x8000n, PTE_RW | (1n << 63n));
  table.use();
  core.load(0x40000000n); // 64 KiB
  const wide = new PageTable(core, 4, TABLES + 0x80000);
  wide.map(0x40000000n, BigInt(RAM_BASE), PTE_RW, 1);
  core.set64(L.SATP, wide.satp());
  core.load(0x40001000n); // 2 MiB around it
  core.f.sfence_vma(0x40030000n, 0n, 1, 0, 0);
  assert.ok(!cached(core, 0x40001000n));
});

test("of more than four large pages the nearest share a region", () => {
  const core = new Core();
  const table = new PageTable(core, 3, TABLES);
  const large = [0x40000000n, 0x1040000000n, 0x40600000n, 0x2040000000n, 0x3000000000n, 0x40a00000n];
  for (const va of large) table.map(va, BigInt(RAM_BASE), PTE_RW, 1);
  for (const va of [0x40200000n, 0x1000000000n]) table.map(va, BigInt(RAM_BASE), PTE_RW);
  table.use();
  for (const va of large) core.load(va);
  assert.equal(core.get32(L.TLB_DESC + L.TLB_DESC_SIZE + L.DESC_LARGE_COUNT), 4);
  core.load(0x40200000n);
  core.f.sfence_vma(0x1000000000n, 0n, 1, 0, 0);
  assert.equal(core.stat(L.STAT_LARGE_FLUSH), 0);
  for (const va of large) {
    core.load(va);
    const before = core.stat(L.STAT_LARGE_FLUSH);
    core.f.sfence_vma(va + 0x5000n, 0n, 1, 0, 0);
    assert.equal(core.stat(L.STAT_LARGE_FLUSH), before + 1, va.toString(16));
    for (const other of large) core.load(other);
  }
  core.f.sfence_vma(0x40200000n, 0n, 1, 0, 0);
  assert.equal(core.stat(L.STAT_LARGE_FLUSH), large.length + 1, "between two that share one");
});

test("another hart's tables resized by a new flat view are right when its turn comes", () => {
  const core = new Core(2);
  touch(core, MANY);
  core.set32(L.QUANTUM, 1);
  core.set32(L.QUANTUM_LEFT, 1);
  for (let h = 0; h < 2; h++) core.f.reset_hart(h, BigInt(RAM_BASE), 0n, 0n, 0n);
  touch(core, MANY);
  core.f.run(2); // hart 1 is current
  assert.equal(core.get32(L.CURRENT_HART), 1);
  core.f.topology_changed();
  core.f.run(1);
  assert.equal(core.get32(L.CURRENT_HART), 0);
  assert.equal(entries(core, 3), 2 * FIRST);
  assert.equal(core.get32(L.DATA_MASK), (2 * FIRST - 1) << L.TLB_ENTRY_BITS);
  assert.equal(core.get32(L.FETCH_MASK), (2 * FIRST - 1) << L.TLB_ENTRY_BITS);
});

test("sfence.vma of the current ASID keeps global pages; of another it does nothing", () => {
  const { core } = paged(2, (i) => (i === 0 ? PTE_RW | PTE_G : PTE_RW));
  core.load(VA);
  core.load(VA + 0x1000n);
  core.f.sfence_vma(0n, 2n, 0, 1, 0);
  assert.ok(cached(core, VA + 0x1000n));
  core.f.sfence_vma(0n, 1n, 0, 1, 0);
  assert.ok(cached(core, VA));
  assert.ok(!cached(core, VA + 0x1000n));
  // by page and ASID
  core.f.sfence_vma(VA, 1n, 1, 1, 0);
  assert.ok(cached(core, VA), "global");
  core.f.sfence_vma(VA + 0x1000n, 2n, 1, 1, 0);
  assert.ok(cached(core, VA + 0x1000n));
  core.f.sfence_vma(VA + 0x1000n, 1n, 1, 1, 0);
  assert.ok(!cached(core, VA + 0x1000n));
  core.f.sfence_vma(VA, 0n, 1, 0, 0);
  assert.ok(!cached(core, VA));
});

test("a new ASID or root keeps global pages only; the same satp flushes nothing", () => {
  const { core, table } = paged(2, (i) => (i === 0 ? PTE_RW | PTE_G : PTE_RW));
  core.load(VA);
  core.load(VA + 0x1000n);
  core.csrw(0x180, table.satp(1n));
  assert.ok(cached(core, VA + 0x1000n));
  core.csrw(0x180, table.satp(2n));
  assert.ok(cached(core, VA));
  assert.ok(!cached(core, VA + 0x1000n));
  core.csrw(0x180, 0n);
  assert.equal(core.get64(L.SATP), 0n);
  core.load(VA + 0x5000n);
  assert.equal(core.trap()?.cause, 5, "bare: nothing is there");
});

test("an address-space switch resizes a table that keeps global pages", () => {
  const { core, table } = paged(MANY, (i) => (i % 2 ? PTE_RW | PTE_G : PTE_RW));
  for (let i = 0; i < MANY; i++) core.load(VA + BigInt(i << 12));
  core.csrw(0x180, table.satp(2n));
  assert.equal(entries(core, 1), 2 * FIRST);
  assert.equal(used(core, 1), 0);
});

test("counts of entries in use follow evictions, flushes and refills", () => {
  const { core } = paged(PAGES, (i) => (i % 3 ? PTE_RW : PTE_RW | PTE_G));
  for (let i = 0; i < PAGES; i++) core.load(VA + BigInt(i << 12));
  const live = (): [number, number] => {
    const base = core.get32(L.TLB_DESC + L.TLB_DESC_SIZE + L.DESC_BASE);
    let n = 0;
    let globals = 0;
    for (let i = 0; i < entries(core, 1); i++) {
      const e = base + i * 32;
      if (core.get64(e) === 0xffffffffffffffffn && core.get64(e + 8) === 0xffffffffffffffffn) continue;
      n++;
      globals += core.view.getUint8(e + L.TLB_FULL_DELTA + L.FULL_GLOBAL);
    }
    return [n, globals];
  };
  const counted = (): [number, number] => [used(core, 1), core.get32(L.TLB_DESC + L.TLB_DESC_SIZE + L.DESC_GLOBALS)];
  assert.deepEqual(counted(), live());
  for (let i = 0; i < 40; i++) core.load(VA + BigInt(((i * 37) % PAGES) << 12));
  for (let i = 0; i < PAGES; i += 7) core.f.flush_page(VA + BigInt(i << 12), i & 1);
  assert.deepEqual(counted(), live());
  core.f.poke_csr(0x3bf, 0x3ffffffffffffen); // PMP: everything goes
  assert.deepEqual(counted(), [0, 0]);
});

test("SUM uses an index of its own, so the S index keeps refusing user pages", () => {
  const { core } = paged(1, () => PTE_RW | PTE_U);
  core.csrw(0x100, 1n << 18n);
  assert.equal(core.get32(L.DATA_INDEX), 2);
  core.load(VA);
  assert.equal(core.trap(), undefined);
  core.csrw(0x100, 0n);
  core.load(VA);
  assert.equal(core.trap()?.cause, 13);
});

test("the inlined check's view: tag, addend and physical page of a fill", () => {
  const { core } = paged(3);
  core.load(VA + 0x2000n);
  const e = core.get32(L.DATA_BASE) + (Number((VA + 0x2000n) >> 7n) & core.get32(L.DATA_MASK));
  assert.equal(core.get64(e + L.TLB_READ), VA + 0x2000n);
  assert.equal(core.get64(e + L.TLB_WRITE), VA + 0x2000n);
  assert.equal(core.get64(e + L.TLB_CODE), 0xffffffffffffffffn);
  assert.equal((Number(VA & 0xffffffffn) + 0x2008 + core.get32(e + L.TLB_ADDEND)) >>> 0, core.ramHost + 0x2008);
  assert.equal(core.get32(e + L.TLB_PPN), (RAM_BASE + 0x2000) >>> 12);
});

test("a new flat view flushes every hart's tables and forgets sections", () => {
  const core = new Core(2);
  core.load(BigInt(RAM_BASE));
  core.setRam64(RAM_BASE + 0x1000, 9n);
  const view = core.standardView();
  const ram = view[2];
  assert.ok(ram);
  ram.host = core.ramHost + 0x1000;
  ram.end = RAM_BASE + RAM_SIZE - 0x1000;
  core.setSections(view);
  core.f.topology_changed();
  assert.equal(core.load(BigInt(RAM_BASE)), 9n);
  assert.equal(core.stat(L.STAT_TOPOLOGY_FLUSH), 1);
});
