import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import {
  Core,
  DEVICE_BASE,
  PageTable,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_N,
  PTE_R,
  PTE_RW,
  PTE_RWX,
  PTE_U,
  PTE_V,
  PTE_W,
  PTE_X,
  RAM_BASE,
} from "../core-harness.js";

const TABLES = RAM_BASE + 0x100000;
const DATA = BigInt(RAM_BASE + 0x200000);
const VA = 0x12345000n;

function mapped(flags: bigint, level = 0, levels: 3 | 4 | 5 = 3): { core: Core; table: PageTable; pte: number } {
  const core = new Core();
  const table = new PageTable(core, levels, TABLES);
  const pte = table.map(VA & ~((1n << BigInt(12 + 9 * level)) - 1n), DATA, flags, level);
  table.use();
  return { core, table, pte };
}

for (const levels of [3, 4, 5] as const) {
  test(`a leaf of each size translates with ${levels} levels`, () => {
    for (let level = 0; level < 2; level++) {
      const { core } = mapped(PTE_RW, level, levels);
      const inside = VA & ((1n << BigInt(12 + 9 * level)) - 1n);
      core.setRam64(Number(DATA + inside) + 8, 0x1122334455667788n);
      assert.equal(core.load(VA + 8n), 0x1122334455667788n);
      assert.equal(core.trap(), undefined);
      assert.equal(core.hwaddr().pa, DATA + inside + 8n);
    }
  });

  test(`an address that is not sign-extended faults with ${levels} levels`, () => {
    const { core } = mapped(PTE_RW, 0, levels);
    const bits = BigInt(12 + 9 * levels);
    const odd = 1n << (bits - 1n);
    core.load(odd);
    assert.deepEqual(core.trap(), { cause: 13, tval: odd });
    core.load(VA | (1n << bits));
    assert.equal(core.trap()?.cause, 13);
  });
}

test("a missing or reserved entry is a page fault of the access's kind", () => {
  for (const flags of [
    0n,
    PTE_V | PTE_W | PTE_A | PTE_D,
    PTE_RW | (1n << 54n),
    PTE_RW | (1n << 60n),
    PTE_RW | (3n << 61n),
  ]) {
    const { core } = mapped(flags);
    core.load(VA + 4n, 4);
    assert.deepEqual(core.trap(), { cause: 13, tval: VA + 4n }, flags.toString(16));
    core.store(VA + 4n, 1n, 4);
    assert.deepEqual(core.trap(), { cause: 15, tval: VA + 4n });
    assert.equal(core.f.lookup_code(VA), 0);
    assert.deepEqual(core.trap(), { cause: 12, tval: VA });
  }
});

test("a pointer entry with A, D, U, PBMT or N set is reserved", () => {
  for (const bit of [PTE_A, PTE_D, PTE_U, 1n << 61n, PTE_N]) {
    const { core, table } = mapped(PTE_RW);
    core.setRam64(table.root, core.ram64(table.root) | bit);
    core.load(VA);
    assert.equal(core.trap()?.cause, 13);
  }
});

test("a superpage must be aligned", () => {
  const { core } = mapped(PTE_RW, 1);
  assert.equal(core.trap(), undefined);
  const other = new Core();
  const table = new PageTable(other, 3, TABLES);
  table.map(0x40000000n, DATA + 0x1000n, PTE_RW, 1);
  table.use();
  other.load(0x40000000n);
  assert.equal(other.trap()?.cause, 13);
});

test("Svnapot maps 64 KiB, other encodings fault", () => {
  const core = new Core();
  const table = new PageTable(core, 3, TABLES);
  for (let i = 0n; i < 16n; i++) table.map(VA + (i << 12n) - (VA & 0xf000n), DATA + 0x8000n, PTE_RW | PTE_N);
  table.map(0x20000000n, DATA + 0x4000n, PTE_RW | PTE_N);
  table.use();
  core.setRam64(Number(DATA) + 0x5010, 77n);
  assert.equal(core.load(VA + 0x10n), 77n);
  core.load(0x20000000n);
  assert.equal(core.trap()?.cause, 13);
});

test("Svpbmt needs menvcfg.PBMTE", () => {
  const { core } = mapped(PTE_RW | (1n << 61n));
  core.load(VA);
  assert.equal(core.trap(), undefined);
  core.f.poke_csr(0x30a, 0n);
  core.load(VA);
  assert.equal(core.trap()?.cause, 13);
});

test("permissions: R, W, X, U, SUM and MXR", () => {
  const A = PTE_V | PTE_A | PTE_D;
  const cases: [string, bigint, number, bigint, boolean, boolean, boolean][] = [
    // name, flags, privilege, sstatus, load, store, fetch
    ["S RW", A | PTE_R | PTE_W, 1, 0n, true, true, false],
    ["S R", A | PTE_R, 1, 0n, true, false, false],
    ["S X", A | PTE_X, 1, 0n, false, false, true],
    ["S X with MXR", A | PTE_X, 1, 1n << 19n, true, false, true],
    ["S on user page", A | PTE_R | PTE_W | PTE_X | PTE_U, 1, 0n, false, false, false],
    ["S on user page with SUM", A | PTE_R | PTE_W | PTE_X | PTE_U, 1, 1n << 18n, true, true, false],
    ["U on user page", A | PTE_R | PTE_W | PTE_X | PTE_U, 0, 0n, true, true, true],
    ["U on kernel page", A | PTE_R | PTE_W | PTE_X, 0, 1n << 18n, false, false, false],
  ];
  for (const [name, flags, priv, sstatus, mayLoad, mayStore, mayFetch] of cases) {
    const { core } = mapped(flags);
    core.f.poke_csr(0x100, sstatus);
    core.setPriv(priv);
    core.load(VA);
    assert.equal(core.trap() === undefined, mayLoad, `${name} load`);
    core.store(VA, 0n);
    assert.equal(core.trap() === undefined, mayStore, `${name} store`);
    core.f.lookup_code(VA);
    assert.equal(core.trap() === undefined, mayFetch, `${name} fetch`);
  }
});

test("MPRV makes M-mode loads and stores go through MPP's translation, not fetches", () => {
  const { core } = mapped(PTE_RW);
  core.setPriv(3);
  core.load(VA);
  assert.equal(core.trap()?.cause, 5);
  core.f.poke_csr(0x300, (1n << 17n) | (1n << 11n));
  core.load(VA);
  assert.equal(core.trap(), undefined);
  assert.notEqual(core.f.lookup_code(BigInt(RAM_BASE)), 0);
});

test("Svadu sets A and D, and only what the access needs", () => {
  const { core, pte } = mapped(PTE_V | PTE_R | PTE_W);
  core.load(VA);
  assert.equal(core.ram64(pte) & (PTE_A | PTE_D), PTE_A);
  core.store(VA, 5n);
  assert.equal(core.ram64(pte) & (PTE_A | PTE_D), PTE_A | PTE_D);
  assert.equal(core.trap(), undefined);
});

test("D is exact: a store that PMP or the memory map refuses leaves it clear", () => {
  const { core, table, pte } = mapped(PTE_V | PTE_R | PTE_W);
  core.f.poke_csr(0x3b0, (DATA >> 2n) | 0x1ffn);
  core.f.poke_csr(0x3a0, 0x19n); // NAPOT, R
  core.store(VA, 1n);
  assert.equal(core.trap()?.cause, 7);
  assert.equal(core.ram64(pte) & (PTE_A | PTE_D), 0n);
  core.load(VA);
  assert.equal(core.trap(), undefined);
  assert.equal(core.ram64(pte) & (PTE_A | PTE_D), PTE_A);
  const nowhere = table.map(0x7000n, 0x20000000n, PTE_V | PTE_R | PTE_W);
  core.store(0x7000n, 1n);
  assert.equal(core.trap()?.cause, 7);
  assert.equal(core.ram64(nowhere) & (PTE_A | PTE_D), 0n);
});

test("without menvcfg.ADUE a clear A or D is a page fault", () => {
  const { core, pte } = mapped(PTE_V | PTE_R | PTE_W);
  core.f.poke_csr(0x30a, 0n);
  core.load(VA);
  assert.equal(core.trap()?.cause, 13);
  core.setRam64(pte, core.ram64(pte) | PTE_A);
  core.load(VA);
  assert.equal(core.trap(), undefined);
  core.store(VA, 5n);
  assert.equal(core.trap()?.cause, 15);
  assert.equal(core.ram64(pte) & PTE_D, 0n);
});

test("page tables must be memory, and PMP applies to them", () => {
  const core = new Core();
  core.openPmp();
  core.f.poke_csr(0x180, (8n << 60n) | (BigInt(DEVICE_BASE) >> 12n));
  core.setPriv(1);
  core.load(VA);
  assert.deepEqual(core.trap(), { cause: 5, tval: VA });

  const { core: other, table } = mapped(PTE_RW);
  other.f.poke_csr(0x3b0, BigInt(table.root) >> 2n);
  other.f.poke_csr(0x3a0, 0x10n); // NA4 without permissions over the root's first entry
  other.load(VA);
  assert.deepEqual(other.trap(), { cause: 5, tval: VA });
});

test("translate_debug shows every step and changes nothing", () => {
  const { core, pte } = mapped(PTE_V | PTE_R | PTE_W | PTE_G);
  const walks = core.stat(L.STAT_WALK);
  assert.equal(core.f.translate_debug(0, VA + 0x123n, 1, -1), 0n);
  assert.equal(core.get32(L.DEBUG_WALK_COUNT), 3);
  assert.equal(core.get64(L.DEBUG_WALK_PADDR), DATA + 0x123n);
  assert.equal(core.get64(L.DEBUG_WALK_STEPS + 32), BigInt(pte));
  assert.equal(core.ram64(pte) & PTE_D, 0n);
  assert.equal(core.stat(L.STAT_WALK), walks);
  assert.equal(core.f.translate_debug(0, VA, 2, -1), 12n);
  assert.equal(core.f.translate_debug(0, VA, 0, 0), 13n);
  assert.equal(core.trap(), undefined);
});

test("bare S-mode translates nothing and still obeys PMP", () => {
  const core = new Core();
  core.setPriv(1);
  core.load(BigInt(RAM_BASE));
  assert.equal(core.trap()?.cause, 5);
  core.setPriv(3);
  core.openPmp();
  core.setPriv(1);
  core.load(BigInt(RAM_BASE));
  assert.equal(core.trap(), undefined);
  assert.equal(core.hwaddr().pa, BigInt(RAM_BASE));
});

test("code of a user page is fetched in U alone", () => {
  const { core } = mapped(PTE_RWX | PTE_U);
  core.setPriv(0);
  assert.notEqual(core.f.lookup_code(VA), 0);
  core.setPriv(1);
  assert.equal(core.f.lookup_code(VA), 0);
  assert.equal(core.trap()?.cause, 12);
});
