// The TLB against plain translation: guests that change page tables, address spaces, privileges and PMP at random, and
// flush as the specification asks, must never see a difference. Every seed is printed with a failure.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import { times } from "../../thorough.js";
import { Core, PageTable, RAM_BASE, RAM_SIZE } from "../core-harness.js";
import { type AccessKind, type Outcome, type TranslationState, translate } from "./walk-model.js";

const DATA = RAM_BASE;
const DATA_SIZE = 0x200000;
const TABLES = RAM_BASE + 0x200000;
const SEEDS = times(8, 24);
const STEPS = 4000;
// G, A and D: each address space has an entry of its own for a global page, and only one would get A and D set
const GLOBAL = 0xe0n;

/** xorshift64*, as in the other random tests. */
class Random {
  #x: bigint;
  constructor(seed: number) {
    this.#x = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;
  }
  u64(): bigint {
    let x = BigInt.asUintN(64, this.#x);
    x ^= x >> 12n;
    x ^= BigInt.asUintN(64, x << 25n);
    x ^= x >> 27n;
    this.#x = x;
    return BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn);
  }
  below(n: number): number {
    return Number((this.u64() >> 16n) % BigInt(n));
  }
  one(n: number): boolean {
    return this.below(n) === 0;
  }
}

interface Mapping {
  va: bigint;
  at: number;
  bits: number;
  global: boolean;
}

class Guest {
  readonly core = new Core();
  readonly random: Random;
  readonly tables: { table: PageTable; asid: bigint; mappings: Mapping[] }[] = [];
  current = 0;
  status = 0n;
  envcfg = 3n << 61n;
  pmpcfg = new Array<number>(16).fill(0);
  pmpaddr = new Array<bigint>(16).fill(0n);

  constructor(seed: number) {
    this.random = new Random(seed);
    const r = this.random;
    for (let i = 0; i < DATA_SIZE; i += 8) this.core.set64(this.core.ramHost + i, BigInt(i) * 0x1001n);
    this.pmpcfg[15] = 0x1f;
    this.pmpaddr[15] = (1n << 54n) - 1n;
    this.writePmp();
    const levels = ([3, 4, 5] as const)[r.below(3)] as 3 | 4 | 5;
    // the same global mappings in both address spaces
    const globals = Array.from({ length: 12 }, (_, i) => ({
      va: 0x1000000n + BigInt(i << 12),
      ...this.leaf(0),
      g: true,
    }));
    for (const n of [0, 1]) {
      const table = new PageTable(this.core, levels, TABLES + n * 0x100000);
      const mappings: Mapping[] = [];
      for (const g of globals)
        mappings.push({ va: g.va, at: table.map(g.va, g.pa, g.flags | GLOBAL), bits: 12, global: true });
      for (let i = 0; i < 40; i++) {
        // a few windows whose pages share TLB entries
        const va = 0x4000000n + BigInt(r.below(4) * 0x100000) + BigInt(r.below(12) << 12);
        const { pa, flags } = this.leaf(0);
        mappings.push({ va, at: table.map(va, pa, flags & ~0x20n), bits: 12, global: false });
      }
      for (let i = 0; i < 3; i++) {
        const va = 0x10000000n + BigInt(r.below(4)) * 0x200000n;
        const { flags } = this.leaf(1);
        mappings.push({
          va,
          at: table.map(va, BigInt(DATA), flags & ~0x8000000000000020n, 1),
          bits: 21,
          global: false,
        });
      }
      this.tables.push({ table, asid: BigInt(n + 1), mappings });
    }
    this.core.f.poke_csr(0x180, this.satp());
    this.core.set32(L.PRIV, 1);
    this.setStatus(0n);
  }

  leaf(level: number): { pa: bigint; flags: bigint } {
    const r = this.random;
    const pa = BigInt(DATA + r.below(DATA_SIZE >> 12) * 0x1000);
    let flags = 1n | (r.one(4) ? 0xen : BigInt(r.below(8) << 1));
    if (r.one(2)) flags |= 0x10n;
    if (!r.one(3)) flags |= 0x40n;
    if (!r.one(3)) flags |= 0x80n;
    if (r.one(30)) flags ^= 1n;
    if (r.one(20)) flags |= BigInt(r.below(4)) << 61n;
    if (r.one(40)) flags |= 1n << BigInt(54 + r.below(7));
    if (level === 0 && r.one(15))
      return { pa: (pa & ~0xffffn) | (r.one(3) ? 0x4000n : 0x8000n), flags: flags | (1n << 63n) };
    return { pa, flags };
  }

  satp(): bigint {
    const space = this.tables[this.current];
    assert.ok(space);
    return space.table.satp(space.asid);
  }

  writePmp(): void {
    const word = (from: number): bigint =>
      this.pmpcfg.slice(from, from + 8).reduce((w, c, i) => w | (BigInt(c) << BigInt(8 * i)), 0n);
    this.pmpaddr.forEach((a, i) => this.core.f.poke_csr(0x3b0 + i, a));
    this.core.f.poke_csr(0x3a0, word(0));
    this.core.f.poke_csr(0x3a2, word(8));
  }

  setStatus(bits: bigint): void {
    this.status = bits;
    this.core.f.poke_csr(0x300, bits);
    this.core.setPriv(this.core.get32(L.PRIV));
  }

  state(priv: number): TranslationState {
    return {
      satp: this.satp(),
      priv,
      sum: (this.status & (1n << 18n)) !== 0n,
      mxr: (this.status & (1n << 19n)) !== 0n,
      adue: (this.envcfg & (1n << 61n)) !== 0n,
      pbmte: (this.envcfg & (1n << 62n)) !== 0n,
      pmpcfg: this.pmpcfg,
      pmpaddr: this.pmpaddr,
      read: (pa) =>
        pa >= BigInt(RAM_BASE) && pa < BigInt(RAM_BASE + RAM_SIZE) ? this.core.ram64(Number(pa)) : undefined,
    };
  }

  step(): void {
    const r = this.random;
    const { core } = this;
    switch (r.below(60)) {
      case 0:
        return this.changeEntry();
      case 1: // another address space
        this.current ^= 1;
        core.f.poke_csr(0x180, this.satp());
        // PMP over page tables may refuse one space's walk of a global page and not the other's
        if (this.pmpaddr.some((a, i) => i < 15 && a << 2n >= BigInt(TABLES))) core.f.flush_all(0);
        return;
      case 2:
        return this.setStatus((BigInt(r.below(2)) << 18n) | (BigInt(r.below(2)) << 19n));
      case 3:
        core.set32(L.PRIV, r.below(2));
        core.f.refresh_context();
        return;
      case 4:
        if (r.one(3)) return this.changePmp();
        if (r.one(4)) {
          this.envcfg = BigInt(r.below(4)) << 61n;
          core.f.poke_csr(0x30a, this.envcfg);
        } else if (r.one(3)) core.f.skip_idle(60_000_000n);
        return;
      default:
        return this.access();
    }
  }

  changeEntry(): void {
    const r = this.random;
    const space = this.tables[this.current];
    const mapping = space?.mappings[r.below(space.mappings.length)];
    assert.ok(space && mapping);
    const level = mapping.bits > 12 ? 1 : 0;
    const { pa, flags } = this.leaf(level);
    const pte = (((level ? BigInt(DATA) : pa) >> 12n) << 10n) | flags;
    const write = (at: number, global: boolean): void => {
      const g = global ? GLOBAL : 0n;
      this.core.setRam64(at, (level ? pte & ~(1n << 63n) & ~0x20n : pte & ~0x20n) | g);
    };
    write(mapping.at, mapping.global);
    // global mappings are the same everywhere
    if (mapping.global) {
      const other = this.tables[this.current ^ 1]?.mappings.find((m) => m.global && m.va === mapping.va);
      assert.ok(other);
      write(other.at, true);
    }
    const inside = mapping.va + (r.u64() & ((1n << BigInt(mapping.bits)) - 1n));
    const priv = this.core.get32(L.PRIV);
    this.core.set32(L.PRIV, 1);
    const ways: (() => void)[] = [
      () => this.core.f.sfence_vma(0n, 0n, 0, 0, 0),
      () => this.core.f.sfence_vma(inside, 0n, 1, 0, 0),
      () => this.core.f.sfence_vma(inside, 0n, 1, 0, 0),
    ];
    if (!mapping.global) {
      ways.push(
        () => this.core.f.sfence_vma(0n, space.asid, 0, 1, 0),
        () => this.core.f.sfence_vma(inside, space.asid, 1, 1, 0),
      );
    }
    ways[r.below(ways.length)]?.();
    this.core.set32(L.PRIV, priv);
  }

  changePmp(): void {
    const r = this.random;
    for (let i = 0; i < 3; i++) {
      if (r.one(2)) {
        this.pmpcfg[i] = 0;
        continue;
      }
      let cfg = r.below(8);
      if ((cfg & 3) === 2) cfg |= 1;
      const base = BigInt(r.one(4) ? TABLES + r.below(0x4000) : DATA + r.below(DATA_SIZE)) >> 2n;
      this.pmpcfg[i] = cfg | ((1 + r.below(3)) << 3);
      this.pmpaddr[i] = r.one(2) ? base | ((1n << BigInt(r.below(12))) - 1n) : base;
    }
    this.writePmp();
  }

  address(): bigint {
    const r = this.random;
    const mappings = this.tables[this.current]?.mappings ?? [];
    const m = mappings[r.below(mappings.length)];
    assert.ok(m);
    if (r.one(60)) return m.va ^ (1n << BigInt(30 + r.below(34)));
    return m.va + (r.u64() & ((1n << BigInt(m.bits)) - 1n));
  }

  access(): void {
    const r = this.random;
    const { core } = this;
    const priv = core.get32(L.PRIV);
    const va = this.address();
    const fetch = r.one(4);
    if (fetch) {
      const expected = translate(this.state(priv), va & ~1n, 2, "fetch");
      this.apply(expected);
      const half = core.f.fetch16(va & ~1n);
      const trap = core.trap();
      if ("cause" in expected) assert.deepEqual(trap, { cause: expected.cause, tval: va & ~1n });
      else {
        assert.equal(trap, undefined);
        assert.equal(half, core.view.getUint16(this.host(expected.pa), true));
      }
      return;
    }
    const kind: AccessKind = r.one(2) ? "load" : "store";
    const size = 1 << r.below(4);
    const room = 0x1000 - Number(va & 0xfffn);
    const parts =
      size <= room
        ? [{ va, size }]
        : [
            { va, size: room },
            { va: va + BigInt(room), size: size - room },
          ];
    const hosts: number[] = [];
    let cause: { cause: number; tval: bigint } | undefined;
    for (const part of parts) {
      // A and D are set page by page, also when the second page faults
      const expected = translate(this.state(priv), part.va, part.size, kind);
      this.apply(expected);
      if ("cause" in expected) {
        cause = { cause: expected.cause, tval: part.va };
        break;
      }
      for (let i = 0; i < part.size; i++) hosts.push(this.host(expected.pa + BigInt(i)));
    }
    const before = hosts.map((h) => core.view.getUint8(h));
    if (kind === "load") {
      const value = core.load(va, size);
      assert.deepEqual(core.trap(), cause);
      if (!cause)
        assert.equal(
          value,
          before.reduceRight((v, byte) => (v << 8n) | BigInt(byte), 0n),
        );
    } else {
      const value = r.u64();
      core.store(va, value, size);
      assert.deepEqual(core.trap(), cause);
      hosts.forEach((h, i) => {
        assert.equal(core.view.getUint8(h), cause ? before[i] : Number((value >> BigInt(8 * i)) & 0xffn));
      });
    }
  }

  /** The page-table update the model asks for is kept to be compared after the access. */
  readonly expectedEntries = new Map<number, bigint>();
  apply(outcome: Outcome): void {
    if ("pa" in outcome && outcome.update) this.expectedEntries.set(Number(outcome.update.at), outcome.update.pte);
  }
  checkEntries(): void {
    for (const [at, pte] of this.expectedEntries) assert.equal(this.core.ram64(at), pte, `entry at ${at.toString(16)}`);
    this.expectedEntries.clear();
  }

  /** No page may be in an index twice, whether in the table or among the victims, and the counts are right. */
  checkTables(): void {
    const { core } = this;
    const page = (entry: number): bigint | undefined => {
      const tag = [0, 8, 16].map((at) => core.get64(entry + at)).find((t) => t !== 0xffffffffffffffffn);
      return tag === undefined ? undefined : tag & ~0xfffn;
    };
    for (let index = 0; index < 3; index++) {
      const desc = L.TLB_DESC + index * L.TLB_DESC_SIZE;
      const size = (core.get32(desc + L.DESC_MASK) >>> L.TLB_ENTRY_BITS) + 1;
      const base = core.get32(desc + L.DESC_BASE);
      const pages: bigint[] = [];
      for (let i = 0; i < size; i++) {
        const va = page(base + i * 32);
        if (va === undefined) continue;
        pages.push(va);
        assert.equal(Number((va >> 12n) & BigInt(size - 1)), i, "in its slot");
      }
      assert.equal(core.get32(desc + L.DESC_USED), pages.length);
      for (let i = 0; i < L.VICTIM_ENTRIES; i++) {
        const va = page(L.VICTIM + index * L.VICTIM_INDEX_SIZE + i * L.VICTIM_SIZE);
        if (va !== undefined) pages.push(va);
      }
      assert.equal(new Set(pages).size, pages.length, `a page is twice in index ${index}`);
    }
  }

  host(pa: bigint): number {
    return Number(pa) - RAM_BASE + this.core.ramHost;
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`random page tables, flushes and accesses, seed ${seed}`, () => {
    const guest = new Guest(seed);
    for (let i = 0; i < STEPS; i++) {
      try {
        guest.step();
        guest.checkEntries();
        if (i % 50 === 0) guest.checkTables();
      } catch (error) {
        if (error instanceof Error) error.message = `seed ${seed}, step ${i}: ${error.message}`;
        throw error;
      }
    }
    // the run must have been about something
    assert.ok(guest.core.stat(L.STAT_VICTIM_HIT) > 0);
    assert.ok(guest.core.stat(L.STAT_FILL) > 100);
  });
}
