import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import { Core, PageTable, RAM_BASE } from "../core-harness.js";

const ALL = 0xffffffffffffffffn;

/** What is left of `value` after a write by M-mode. */
function warl(core: Core, csr: number, value: bigint): bigint {
  core.f.poke_csr(csr, value);
  return BigInt.asUintN(64, core.f.peek_csr(csr));
}

test("every register the specification asks for exists, others are illegal with tval = instruction", () => {
  const core = new Core();
  core.f.poke_csr(0x300, 3n << 13n);
  const present = [
    1, 2, 3, 0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180, 0x300, 0x301, 0x302,
    0x303, 0x304, 0x305, 0x306, 0x30a, 0x320, 0x340, 0x341, 0x342, 0x343, 0x344, 0x3a0, 0x3a2, 0xf11, 0xf12, 0xf13,
    0xf14, 0xf15,
  ];
  for (let i = 0; i < 16; i++) present.push(0x3b0 + i);
  for (let i = 0; i < 32; i++) present.push(0xc00 + i);
  for (let i = 0; i < 32; i++) if (i !== 1) present.push(0xb00 + i);
  for (let i = 3; i < 32; i++) present.push(0x320 + i);
  for (let csr = 0; csr < 4096; csr++) {
    core.f.csr_access(csr, 2, 0n, 0, 1, 0x12345073);
    const trap = core.trap();
    if (present.includes(csr)) assert.equal(trap, undefined, csr.toString(16));
    else assert.deepEqual(trap, { cause: 2, tval: 0x12345073n }, csr.toString(16));
  }
});

test("set and clear use the old value; no write happens without a write", () => {
  const core = new Core();
  core.csrw(0x340, 0xf0n);
  assert.equal(core.f.csr_access(0x340, 2, 0x0fn, 1, 1, 0), 0xf0n);
  assert.equal(core.f.csr_access(0x340, 3, 0x3cn, 1, 1, 0), 0xffn);
  assert.equal(core.f.csr_access(0x340, 2, 0n, 0, 1, 0), 0xc3n);
  core.csrw(0xf14, 1n);
  assert.equal(core.trap()?.cause, 2, "read-only");
  core.f.csr_access(0xf14, 2, 0n, 0, 1, 0);
  assert.equal(core.trap(), undefined);
});

test("privilege: a register needs the level its number says", () => {
  const core = new Core();
  core.setPriv(1);
  core.csrr(0x300);
  assert.equal(core.trap()?.cause, 2);
  core.csrr(0x100);
  assert.equal(core.trap(), undefined);
  core.setPriv(0);
  core.csrr(0x100);
  assert.equal(core.trap()?.cause, 2);
});

test("mstatus: writable fields, MPP without 2, SD follows FS, XLENs fixed", () => {
  const core = new Core();
  assert.equal(core.f.peek_csr(0x300), 0xa00000000n);
  assert.equal(warl(core, 0x300, ALL), 0x8000000a007e79aan);
  assert.equal(warl(core, 0x300, 2n << 11n) & 0x1800n, 0x1800n, "2 keeps the old MPP");
  assert.equal(warl(core, 0x300, 1n << 11n) & 0x1800n, 0x800n);
  assert.equal(warl(core, 0x300, 1n << 13n), 0xa00002000n);
  assert.equal(core.get32(L.FS_OFF), 0);
  assert.equal(warl(core, 0x300, 0n), 0xa00000000n);
  assert.equal(core.get32(L.FS_OFF), 1);
});

test("sstatus shows and writes its part of mstatus", () => {
  const core = new Core();
  core.f.poke_csr(0x300, ALL);
  assert.equal(BigInt.asUintN(64, core.f.peek_csr(0x100)), 0x80000002000c6122n);
  core.f.poke_csr(0x100, 0n);
  assert.equal(BigInt.asUintN(64, core.f.peek_csr(0x300)), 0xa00721888n);
});

test("floating-point CSRs need FS, and make it Dirty", () => {
  const core = new Core();
  core.csrr(3);
  assert.equal(core.trap()?.cause, 2);
  core.csrw(1, 1n);
  assert.equal(core.trap()?.cause, 2);
  core.f.poke_csr(0x300, 1n << 13n);
  core.csrw(3, 0xfffn);
  assert.equal(core.csrr(3), 0xffn);
  assert.equal(core.csrr(1), 0x1fn);
  assert.equal(core.csrr(2), 7n);
  assert.equal(BigInt.asUintN(64, core.f.peek_csr(0x300)) >> 63n, 1n);
  core.csrw(2, 1n);
  assert.equal(core.csrr(3), 0x3fn);
  core.csrw(1, 0n);
  assert.equal(core.csrr(3), 0x20n);
});

test("delegation registers hold what can be delegated", () => {
  const core = new Core();
  assert.equal(warl(core, 0x302, ALL), 0xb3ffn);
  assert.equal(warl(core, 0x303, ALL), 0x222n);
  assert.equal(warl(core, 0x304, ALL), 0xaaan);
  assert.equal(core.f.peek_csr(0x104), 0x222n);
  core.f.poke_csr(0x303, 0x20n);
  core.f.poke_csr(0x104, 0n);
  assert.equal(core.f.peek_csr(0x304), 0xa8an, "sie writes what is delegated");
});

test("vectors, exception pcs, counters and environment registers are WARL", () => {
  const core = new Core();
  assert.equal(warl(core, 0x305, 0x80000001n), 0x80000001n);
  assert.equal(warl(core, 0x305, 0x90000002n), 0x80000001n, "a reserved mode changes nothing");
  assert.equal(warl(core, 0x105, 0x90000003n), 0n);
  assert.equal(warl(core, 0x341, ALL), ALL - 1n);
  assert.equal(warl(core, 0x141, 3n), 2n);
  assert.equal(warl(core, 0x306, ALL), 0xffffffffn);
  assert.equal(warl(core, 0x30a, ALL), 0xe0000000000000f1n);
  assert.equal(warl(core, 0x30a, 0x20n), 0x30n, "CBIE 2 keeps the old one");
  assert.equal(warl(core, 0x10a, ALL), 0xf1n);
  assert.equal(warl(core, 0x320, ALL), 5n);
  assert.equal(warl(core, 0xb03, ALL), 0n);
  assert.equal(warl(core, 0x323, ALL), 0n);
  assert.equal(warl(core, 0x301, 0n), 0x800000000014112fn);
});

test("satp: supported modes only, all of ASID and PPN, TVM traps S", () => {
  const core = new Core();
  for (const mode of [8n, 9n, 10n, 0n])
    assert.equal(warl(core, 0x180, (mode << 60n) | 0xfffffffffffffffn), (mode << 60n) | 0xfffffffffffffffn);
  core.f.poke_csr(0x180, 0n);
  assert.equal(warl(core, 0x180, 11n << 60n), 0n);
  core.setPriv(1);
  core.f.poke_csr(0x300, 1n << 20n);
  core.csrr(0x180);
  assert.equal(core.trap()?.cause, 2);
  core.f.sfence_vma(0n, 0n, 0, 0, 0x12000073);
  assert.deepEqual(core.trap(), { cause: 2, tval: 0x12000073n });
  core.f.poke_csr(0x300, 0n);
  core.csrr(0x180);
  assert.equal(core.trap(), undefined);
});

test("counters are open to S and U as mcounteren and scounteren say", () => {
  const core = new Core();
  const readable = (priv: number, csr: number): boolean => {
    core.setPriv(priv);
    core.csrr(csr);
    return core.trap() === undefined;
  };
  assert.ok(readable(3, 0xc00));
  assert.ok(!readable(1, 0xc00));
  core.f.poke_csr(0x306, 0b10n);
  assert.ok(readable(1, 0xc01));
  assert.ok(!readable(1, 0xc02));
  assert.ok(!readable(0, 0xc01));
  core.f.poke_csr(0x106, 0b110n);
  assert.ok(readable(0, 0xc01));
  assert.ok(!readable(0, 0xc02));
});

test("stimecmp needs mcounteren.TM and menvcfg.STCE below M", () => {
  const core = new Core();
  const ok = (): boolean => {
    core.csrr(0x14d);
    return core.trap() === undefined;
  };
  assert.ok(ok());
  core.setPriv(1);
  assert.ok(!ok());
  core.f.poke_csr(0x306, 2n);
  assert.ok(!ok());
  core.f.poke_csr(0x30a, 1n << 63n);
  assert.ok(ok());
  core.f.poke_csr(0x306, 0n);
  assert.ok(!ok());
});

test("mip: SEIP is software or controller, read-modify-write sees software alone", () => {
  const core = new Core();
  core.f.set_irq(0, 9, 1);
  assert.equal(core.csrr(0x344), 0x200n);
  assert.equal(core.f.csr_access(0x344, 2, 2n, 1, 1, 0), 0x200n);
  core.f.set_irq(0, 9, 0);
  assert.equal(core.csrr(0x344), 2n, "the set of SSIP did not latch the controller's SEIP");
  core.f.csr_access(0x344, 2, 0x200n, 1, 1, 0);
  core.f.set_irq(0, 9, 1);
  core.f.set_irq(0, 9, 0);
  assert.equal(core.csrr(0x344), 0x202n);
  core.f.csr_access(0x344, 3, 0x200n, 1, 1, 0);
  assert.equal(core.csrr(0x344), 2n);
  core.csrw(0x344, ALL);
  assert.equal(core.csrr(0x344), 0x222n, "MSIP, MTIP, MEIP are the lines'");
});

test("sip shows and writes what is delegated, and of that SSIP", () => {
  const core = new Core();
  core.csrw(0x344, 0x222n);
  assert.equal(core.csrr(0x144), 0n);
  core.csrw(0x303, 0x222n);
  assert.equal(core.csrr(0x144), 0x222n);
  core.csrw(0x144, 0n);
  assert.equal(core.csrr(0x144), 0x220n);
});

test("Sstc drives STIP, and mip cannot", () => {
  const core = new Core();
  core.csrw(0x30a, 1n << 63n);
  core.csrw(0x14d, 0n);
  assert.equal(core.csrr(0x344), 0x20n);
  core.csrw(0x344, 0n);
  assert.equal(core.csrr(0x344), 0x20n);
  core.csrw(0x14d, 1000n);
  assert.equal(core.csrr(0x344), 0n);
  core.f.skip_idle(100_000n);
  assert.equal(core.csrr(0x344), 0x20n);
});

test("a write to mcycle or minstret is what the next instruction reads", () => {
  const core = new Core();
  const seen: bigint[] = [];
  core.program.set(0x1004n, (c) => void c.csrw(0xb02, 1000n));
  core.program.set(0x1008n, (c) => void seen.push(c.csrr(0xb02)));
  core.program.set(0x100cn, (c) => void c.csrw(0xb00, 5n));
  core.program.set(0x1010n, (c) => void seen.push(c.csrr(0xc00)));
  core.program.set(0x1014n, (c) => void c.csrw(0x320, 4n));
  core.program.set(0x1020n, (c) => void seen.push(c.csrr(0xc02), c.csrr(0xc00)));
  core.program.set(0x1024n, (c) => void c.csrw(0x320, 0n));
  core.program.set(0x1028n, (c) => void seen.push(c.csrr(0xc02)));
  core.set64(L.PC, 0x1000n);
  core.f.run(100);
  assert.deepEqual(seen, [1000n, 5n, 1003n, 9n, 1003n]);
});

test("MXR takes effect at once", () => {
  const core = new Core();
  const table = new PageTable(core, 3, RAM_BASE + 0x100000);
  table.map(0x5000n, BigInt(RAM_BASE), 0xc9n); // V X A D
  table.use();
  core.load(0x5000n);
  assert.equal(core.trap()?.cause, 13);
  core.f.lookup_code(0x5000n);
  core.csrw(0x100, 1n << 19n);
  core.load(0x5000n);
  assert.equal(core.trap(), undefined);
  core.csrw(0x100, 0n);
  core.load(0x5000n);
  assert.equal(core.trap()?.cause, 13);
});
