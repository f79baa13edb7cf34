import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import { Core, RAM_BASE } from "../core-harness.js";

const RAM = BigInt(RAM_BASE);
const R = 1n;
const W = 2n;
const X = 4n;
const TOR = 8n;
const NA4 = 16n;
const NAPOT = 24n;
const LOCK = 128n;

/** pmpcfg0 = the given bytes, pmpaddr0.. = the given byte addresses. */
function pmp(entries: [bigint, bigint][]): Core {
  const core = new Core();
  entries.forEach(([, address], i) => core.f.poke_csr(0x3b0 + i, address >> 2n));
  core.f.poke_csr(
    0x3a0,
    entries.reduce((cfg, [c], i) => cfg | (c << BigInt(8 * i)), 0n),
  );
  return core;
}
function napot(base: bigint, size: bigint): bigint {
  return base | (size / 2n - 1n);
}
function cause(core: Core, va: bigint, size = 4, store = false): number | undefined {
  if (store) core.store(va, 0n, size);
  else core.load(va, size);
  return core.trap()?.cause;
}

test("S and U need an entry, M does not", () => {
  const core = pmp([]);
  assert.equal(cause(core, RAM), undefined);
  core.setPriv(1);
  assert.equal(cause(core, RAM), 5);
  assert.equal(cause(core, RAM, 4, true), 7);
  assert.equal(core.f.lookup_code(RAM), 0);
  assert.equal(core.trap()?.cause, 1);
});

test("a boundary inside a page is exact to four bytes", () => {
  const core = pmp([
    [R | W | TOR, RAM + 0x104n],
    [R | TOR, RAM + 0x200n],
    [0n | TOR, RAM + 0x300n],
    [R | W | X | TOR, RAM + 0x400000n],
  ]);
  core.setPriv(0);
  assert.equal(cause(core, RAM + 0x100n, 4, true), undefined);
  assert.equal(cause(core, RAM + 0x104n, 4, true), 7);
  assert.equal(cause(core, RAM + 0x104n), undefined);
  assert.equal(cause(core, RAM + 0x100n, 8), 5, "matches the first entry in part");
  assert.equal(cause(core, RAM + 0x1fcn), undefined);
  assert.equal(cause(core, RAM + 0x200n), 5);
  assert.equal(cause(core, RAM + 0x2fcn), 5);
  assert.equal(cause(core, RAM + 0x300n), undefined);
  assert.equal(cause(core, RAM + 0x1000n), undefined);
  // and again, the page now being in the TLB
  assert.equal(cause(core, RAM + 0x200n), 5);
  assert.equal(cause(core, RAM + 0x104n, 4, true), 7);
});

test("the lowest matching entry decides", () => {
  const core = pmp([
    [R | NA4, RAM + 8n],
    [R | W | NAPOT, napot(RAM, 0x1000n)],
  ]);
  core.setPriv(1);
  assert.equal(cause(core, RAM + 8n, 4, true), 7);
  assert.equal(cause(core, RAM + 12n, 4, true), undefined);
  assert.equal(cause(core, RAM + 0x1000n), 5);
});

test("NAPOT covers its power of two, from 8 bytes to everything", () => {
  for (const size of [8n, 64n, 0x1000n, 0x10000n]) {
    const core = pmp([[R | NAPOT, napot(RAM + 0x20000n, size)]]);
    core.setPriv(1);
    assert.equal(cause(core, RAM + 0x20000n), undefined);
    assert.equal(cause(core, RAM + 0x20000n + size - 4n), undefined);
    assert.equal(cause(core, RAM + 0x20000n + size), 5);
    assert.equal(cause(core, RAM + 0x20000n - 4n), 5);
  }
  const all = new Core();
  all.openPmp();
  all.setPriv(0);
  assert.equal(cause(all, RAM + 0x3ffff8n, 8), undefined);
});

test("a TOR range that does not rise is empty", () => {
  const core = pmp([
    [0n, RAM + 0x1000n],
    [R | TOR, RAM + 0x1000n],
    [R | W | TOR, RAM + 0x2000n],
  ]);
  core.setPriv(1);
  assert.equal(cause(core, RAM + 0xffcn), 5);
  assert.equal(cause(core, RAM + 0x1000n, 4, true), undefined);
});

test("a locked entry binds M too and stays as it is", () => {
  const core = pmp([
    [0n, RAM],
    [R | TOR | LOCK, RAM + 0x1000n],
  ]);
  assert.equal(cause(core, RAM, 4, true), 7);
  assert.equal(cause(core, RAM), undefined);
  assert.equal(core.f.lookup_code(RAM), 0);
  assert.equal(core.trap()?.cause, 1);
  assert.equal(cause(core, RAM + 0x1000n, 4, true), undefined);
  core.f.poke_csr(0x3b1, 0n);
  core.f.poke_csr(0x3b0, 0n);
  core.f.poke_csr(0x3a0, 0n);
  assert.equal(core.f.peek_csr(0x3b1), (RAM + 0x1000n) >> 2n);
  assert.equal(core.f.peek_csr(0x3b0), RAM >> 2n, "the address below a locked TOR is locked with it");
  assert.equal(core.f.peek_csr(0x3a0), (R | TOR | LOCK) << 8n);
});

test("pmpcfg and pmpaddr are WARL", () => {
  const core = new Core();
  core.f.poke_csr(0x3a0, 0x0000000000001e62n);
  assert.equal(core.f.peek_csr(0x3a0), 0x1c00n, "bits 5, 6 are 0; W without R goes");
  core.f.poke_csr(0x3b3, 0xffffffffffffffffn);
  assert.equal(core.f.peek_csr(0x3b3), 0x3fffffffffffffn);
  core.csrr(0x3a1);
  assert.equal(core.trap()?.cause, 2);
  core.csrr(0x3c0);
  assert.equal(core.trap()?.cause, 2);
});

test("code in a page with a boundary is looked up at every instruction", () => {
  const core = pmp([
    [R | X | TOR, RAM + 0x104n],
    [R | TOR, RAM + 0x1000n],
  ]);
  core.setPriv(1);
  assert.equal(core.f.lookup_code(RAM + 0x100n), 0);
  assert.equal(core.trap(), undefined, "allowed, but not to be cached");
  assert.notEqual(core.f.fetch16(RAM + 0x102n), -1);
  assert.equal(core.f.fetch16(RAM + 0x104n), -1);
  assert.deepEqual(core.trap(), { cause: 1, tval: RAM + 0x104n });
  // the run loop gets through, and stops at the boundary
  core.f.poke_csr(0x305, RAM + 0x8000n);
  core.set64(L.PC, RAM + 0xf8n);
  core.log = [];
  assert.equal(core.f.run(5), 0);
  assert.deepEqual(
    core.log.map((s) => s.pc - RAM),
    [0xf8n, 0xfcn, 0x100n, 0x8000n],
  );
  assert.equal(core.f.peek_csr(0x341), RAM + 0x104n);
  assert.equal(core.f.peek_csr(0x342), 1n);
  assert.equal(core.count(), 5n);
});
