import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import { Core, RAM_BASE } from "../core-harness.js";

const INTERRUPT = 1n << 63n;
const MIE = 1n << 3n;
const SIE = 1n << 1n;

function csr(core: Core, n: number): bigint {
  return BigInt.asUintN(64, core.f.peek_csr(n));
}

test("an exception in M goes to mtvec and stacks MIE and MPP", () => {
  const core = new Core();
  core.f.poke_csr(0x305, 0x8001n); // vectored: exceptions go to the base all the same
  core.f.poke_csr(0x300, MIE);
  core.f.poke_csr(0x302, 0xffffn);
  core.set64(L.PC, 0x1234n);
  core.f.illegal(0xabcd);
  core.f.take_trap();
  assert.equal(core.get64(L.PC), 0x8000n);
  assert.equal(csr(core, 0x342), 2n);
  assert.equal(csr(core, 0x343), 0xabcdn);
  assert.equal(csr(core, 0x341), 0x1234n);
  assert.equal(csr(core, 0x300) & 0x1888n, 0x1880n);
  core.f.mret(0);
  assert.equal(core.get64(L.PC), 0x1234n);
  assert.equal(csr(core, 0x300) & 0x1888n, 0x88n);
  assert.equal(core.get32(L.PRIV), 3);
});

test("a delegated exception goes to stvec from S and U", () => {
  for (const priv of [0, 1]) {
    const core = new Core();
    core.f.poke_csr(0x105, 0x9000n);
    core.f.poke_csr(0x302, 1n << 8n);
    core.f.poke_csr(0x302, 0xb3ffn);
    core.f.poke_csr(0x300, SIE);
    core.setPriv(priv);
    core.set64(L.PC, 0x4444n);
    core.f.ecall();
    core.f.take_trap();
    assert.equal(core.get32(L.PRIV), 1);
    assert.equal(core.get64(L.PC), 0x9000n);
    assert.equal(csr(core, 0x142), BigInt(8 + priv));
    assert.equal(csr(core, 0x141), 0x4444n);
    assert.equal(csr(core, 0x100) & 0x122n, BigInt((priv << 8) | 0x20));
    core.f.sret(0);
    assert.equal(core.get32(L.PRIV), priv);
    assert.equal(csr(core, 0x100) & 0x122n, 0x22n);
    assert.equal(core.get32(L.FETCH_INDEX), priv);
  }
});

test("ebreak's tval is the pc", () => {
  const core = new Core();
  core.f.ebreak(0x80001234n);
  assert.deepEqual(core.trap(), { cause: 3, tval: 0x80001234n });
});

test("mret and sret are illegal below their level; TSR traps sret in S; returns below M clear MPRV", () => {
  const core = new Core();
  core.setPriv(1);
  core.f.mret(0x30200073);
  assert.deepEqual(core.trap(), { cause: 2, tval: 0x30200073n });
  core.f.poke_csr(0x300, 1n << 22n);
  core.f.sret(0x10200073);
  assert.equal(core.trap()?.cause, 2);
  core.setPriv(0);
  core.f.sret(0x10200073);
  assert.equal(core.trap()?.cause, 2);
  core.setPriv(3);
  core.f.poke_csr(0x300, (1n << 17n) | (1n << 11n));
  assert.equal(core.get32(L.DATA_PRIV), 1);
  core.f.mret(0);
  assert.equal(csr(core, 0x300) & (1n << 17n), 0n);
  assert.equal(core.get32(L.DATA_PRIV), 1);
  assert.equal(csr(core, 0x300) & 0x1800n, 0n);
});

test("interrupts come in the order MEI, MSI, MTI, SEI, SSI, STI", () => {
  const core = new Core();
  core.f.poke_csr(0x304, 0xaaan);
  core.f.poke_csr(0x344, 0x222n);
  for (const bit of [3, 11]) core.f.set_irq(0, bit, 1);
  core.f.set_mtimecmp(0, 0n);
  const order: number[] = [];
  for (let i = 0; i < 6; i++) {
    core.f.poke_csr(0x300, MIE);
    assert.equal(core.f.take_interrupt(), 1);
    const code = Number(csr(core, 0x342) & 0x3fn);
    assert.equal(csr(core, 0x342) >> 63n, 1n);
    assert.equal(csr(core, 0x343), 0n);
    order.push(code);
    core.f.poke_csr(0x304, csr(core, 0x304) & ~(1n << BigInt(code)));
  }
  assert.deepEqual(order, [11, 3, 7, 9, 1, 5]);
  assert.equal(core.f.take_interrupt(), 0);
});

test("machine interrupts come before delegated ones, whatever their numbers", () => {
  const core = new Core();
  core.f.poke_csr(0x303, 0x222n);
  core.f.poke_csr(0x304, 0xaaan);
  core.f.poke_csr(0x344, 0x200n);
  core.f.set_mtimecmp(0, 0n);
  core.setPriv(0);
  core.f.take_interrupt();
  assert.equal(csr(core, 0x342), INTERRUPT | 7n);
});

test("who is interrupted: by level, enable and delegation", () => {
  const cases: [number, bigint, boolean, boolean][] = [
    // privilege, mstatus, delegated, taken
    [3, 0n, false, false],
    [3, MIE, false, true],
    [3, MIE | SIE, true, false],
    [1, 0n, false, true],
    [1, 0n, true, false],
    [1, SIE, true, true],
    [0, 0n, true, true],
    [0, 0n, false, true],
  ];
  for (const [priv, status, delegated, taken] of cases) {
    const core = new Core();
    core.f.poke_csr(0x300, status);
    core.f.poke_csr(0x303, delegated ? 0x222n : 0n);
    core.f.poke_csr(0x304, 0xaaan);
    core.f.poke_csr(0x344, 2n);
    core.setPriv(priv);
    assert.equal(core.f.take_interrupt(), taken ? 1 : 0, `${priv} ${status} ${delegated}`);
    if (taken) assert.equal(core.get32(L.PRIV), delegated ? 1 : 3);
  }
});

test("vectored interrupts go to base + 4 * cause", () => {
  const core = new Core();
  core.f.poke_csr(0x105, 0x9001n);
  core.f.poke_csr(0x303, 0x222n);
  core.f.poke_csr(0x304, 0x222n);
  core.f.poke_csr(0x344, 0x200n);
  core.setPriv(0);
  core.f.take_interrupt();
  assert.equal(core.get64(L.PC), 0x9024n);
  assert.equal(csr(core, 0x142), INTERRUPT | 9n);
});

test("WFI waits only when nothing enabled is pending; illegal in U and with TW in S", () => {
  const core = new Core();
  core.f.wfi(0x10500073);
  assert.equal(core.get32(L.WFI), 1);
  core.set32(L.WFI, 0);
  core.f.poke_csr(0x304, 2n);
  core.f.poke_csr(0x344, 2n);
  core.f.wfi(0x10500073);
  assert.equal(core.get32(L.WFI), 0);
  core.setPriv(0);
  core.f.wfi(0x10500073);
  assert.deepEqual(core.trap(), { cause: 2, tval: 0x10500073n });
  core.setPriv(1);
  core.f.poke_csr(0x300, 1n << 21n);
  core.f.wfi(0x10500073);
  assert.equal(core.trap()?.cause, 2);
});

test("fences of Svinval are illegal in U only", () => {
  const core = new Core();
  core.setPriv(1);
  core.f.poke_csr(0x300, 1n << 20n);
  core.f.sfence_inval(1);
  assert.equal(core.trap(), undefined);
  core.setPriv(0);
  core.f.sfence_inval(1);
  assert.equal(core.trap()?.cause, 2);
});

test("cache-block instructions obey menvcfg and senvcfg", () => {
  const core = new Core();
  core.openPmp();
  core.f.poke_csr(0x30a, 0n);
  const va = BigInt(RAM_BASE) + 0x47n;
  const ops = [core.f.cbo_zero, core.f.cbo_inval, core.f.cbo_clean, core.f.cbo_flush];
  const legal = (priv: number): boolean[] => {
    core.setPriv(priv);
    return ops.map((op) => {
      op(va, 0x1234);
      return core.trap() === undefined;
    });
  };
  assert.deepEqual(legal(3), [true, true, true, true]);
  assert.deepEqual(legal(1), [false, false, false, false]);
  core.f.poke_csr(0x30a, 0x80n);
  assert.deepEqual(legal(1), [true, false, false, false]);
  core.f.poke_csr(0x30a, 0x50n);
  assert.deepEqual(legal(1), [false, true, true, true]);
  assert.deepEqual(legal(0), [false, false, false, false]);
  core.f.poke_csr(0x10a, 0x40n);
  assert.deepEqual(legal(0), [false, false, true, true]);
});

test("cbo.zero clears its block; refusals are store faults at the operand", () => {
  const core = new Core();
  for (let i = 0; i < 24; i++) core.setRam64(RAM_BASE + i * 8, -1n);
  core.f.cbo_zero(BigInt(RAM_BASE) + 0x7fn, 0);
  for (let i = 0; i < 24; i++) assert.equal(core.ram64(RAM_BASE + i * 8), i >= 8 && i < 16 ? 0n : 0xffffffffffffffffn);
  core.f.cbo_zero(0x20000007n, 0);
  assert.deepEqual(core.trap(), { cause: 7, tval: 0x20000007n });
  core.f.cbo_inval(0x20000007n, 0);
  assert.deepEqual(core.trap(), { cause: 7, tval: 0x20000007n });
});
