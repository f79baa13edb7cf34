import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../src/core/layout.js";
import { Core, RAM_BASE } from "./core-harness.js";

const RAM = BigInt(RAM_BASE);
const HANDLER = RAM + 0x8000n;

/** A program that runs straight on; machine timer interrupts enabled in mie. */
function machine(harts = 1): Core {
  const core = new Core(harts);
  for (let h = 0; h < harts; h++) core.f.reset_hart(h, RAM, 0n, 0n, 0n);
  core.log = [];
  return core;
}
/** An endless loop of two instructions at `pc`. */
function loop(core: Core, pc: bigint): void {
  core.program.set(pc + 4n, (c) => {
    c.set64(L.PC, pc);
    return true;
  });
}

test("a budget is used to the instruction, and counts agree", () => {
  const core = machine();
  for (const n of [1, 2, 7, 100]) assert.equal(core.f.run(n), L.EXIT_NONE);
  assert.equal(core.count(), 110n);
  assert.equal(core.get64(L.SLOTS), 110n);
  assert.equal(core.get64(L.PC), RAM + 440n);
  assert.equal(core.log?.length, 110);
  assert.deepEqual(
    core.log?.map((s) => s.count),
    Array.from({ length: 110 }, (_, i) => BigInt(i)),
  );
});

test("a timer interrupt comes at its exact instruction, however the budget is cut", () => {
  for (const step of [1000, 1, 3, 64]) {
    const core = machine();
    loop(core, RAM);
    core.f.poke_csr(0x305, HANDLER);
    core.f.poke_csr(0x304, 1n << 7n);
    core.f.poke_csr(0x300, 1n << 3n);
    core.f.set_mtimecmp(0, 3n);
    for (let n = 0; n < 400; n += step) core.f.run(Math.min(step, 400 - n));
    const first = core.log?.find((s) => s.pc === HANDLER);
    assert.equal(first?.count, 300n, `step ${step}`);
    assert.equal(core.count(), 400n);
    assert.equal(core.log?.length, 400);
  }
});

test("mtime, time and mtimecmp written while running move the deadline", () => {
  const core = machine();
  loop(core, RAM + 0x10n);
  core.f.poke_csr(0x305, HANDLER);
  core.f.poke_csr(0x304, 1n << 7n);
  core.f.poke_csr(0x300, 1n << 3n);
  // the fourth instruction is a store to the CLINT: 150 ns after 3 * 1 ns
  core.program.set(RAM + 0xcn, (c) => c.f.set_mtimecmp(0, 2n) as undefined);
  core.f.run(300);
  assert.equal(core.log?.find((s) => s.pc === HANDLER)?.count, 200n);

  const other = machine();
  other.f.poke_csr(0x304, 1n << 7n);
  other.f.set_mtime(1000n);
  assert.equal(other.f.get_mtime(), 1000n);
  other.f.set_mtimecmp(0, 1002n);
  assert.equal(other.f.next_deadline(), 200n);
  other.f.run(150);
  assert.equal(other.f.get_mtime(), 1001n);
  assert.equal(other.csrr(0xc01), 1001n);
});

test("stimecmp interrupts S at its exact instruction", () => {
  const core = machine();
  loop(core, RAM);
  core.openPmp();
  core.f.poke_csr(0x30a, 1n << 63n);
  core.f.poke_csr(0x303, 0x222n);
  core.f.poke_csr(0x304, 0x20n);
  core.f.poke_csr(0x105, HANDLER);
  core.f.poke_csr(0x14d, 1n);
  core.setPriv(0);
  core.f.run(150);
  assert.equal(core.log?.find((s) => s.pc === HANDLER)?.count, 100n);
});

test("enabling interrupts takes a pending one before the next instruction", () => {
  const core = machine();
  core.f.poke_csr(0x305, HANDLER);
  core.f.poke_csr(0x304, 1n << 3n);
  core.f.set_irq(0, 3, 1);
  core.program.set(RAM + 8n, (c) => void c.csrw(0x300, 8n));
  core.f.run(4);
  assert.deepEqual(
    core.log?.map((s) => s.pc),
    [RAM, RAM + 4n, RAM + 8n, HANDLER],
  );
  assert.equal(core.f.peek_csr(0x341), RAM + 12n);
});

test("a trap costs a slot and retires nothing; a fault loop in the handler uses the budget up", () => {
  const core = machine();
  core.f.poke_csr(0x305, HANDLER);
  core.program.set(RAM + 4n, (c) => c.f.ecall() as undefined);
  core.f.run(3);
  assert.equal(core.get64(L.PC), HANDLER + 4n);
  assert.equal(core.get64(L.SLOTS), 3n);
  assert.equal(core.get64(L.TRAPS), 1n);
  assert.equal(core.csrr(0xb02), 2n);
  assert.equal(core.csrr(0xb00), 3n);

  const lost = machine();
  lost.f.poke_csr(0x305, 0x40n); // nothing there
  lost.set64(L.PC, 0x40n);
  assert.equal(lost.f.run(100000), L.EXIT_NONE);
  assert.equal(lost.count(), 100000n);
  assert.equal(lost.get64(L.TRAPS), 100000n);
  assert.equal(lost.f.peek_csr(0x342), 1n);
});

test("a fetch fault after the last slot of a slice is found again by the next", () => {
  const core = machine();
  core.f.poke_csr(0x305, HANDLER);
  core.program.set(RAM, (c) => {
    c.set64(L.PC, 0x100n);
    return true;
  });
  core.f.run(1);
  assert.equal(core.get64(L.PC), 0x100n);
  core.f.run(1);
  assert.equal(core.get64(L.PC), HANDLER);
  assert.equal(core.f.peek_csr(0x341), 0x100n);
  assert.equal(core.count(), 2n);
});

test("WFI with a timer is idle; skipping the time wakes the hart without a trap when interrupts are off", () => {
  const core = machine();
  core.f.poke_csr(0x304, 1n << 7n);
  core.f.set_mtimecmp(0, 50n);
  core.program.set(RAM + 4n, (c) => c.f.wfi(0) as undefined);
  assert.equal(core.f.run(100), L.EXIT_IDLE);
  assert.equal(core.count(), 2n);
  assert.equal(core.f.run(100), L.EXIT_IDLE);
  assert.equal(core.f.next_deadline(), 5000n);
  core.f.skip_idle(4998n);
  assert.equal(core.f.run(10), L.EXIT_NONE);
  assert.equal(core.count(), 12n);
  assert.equal(core.get64(L.PC), RAM + 48n);
  assert.equal(core.get64(L.IDLE_NS), 4998n);
});

test("an interrupt line wakes a waiting hart", () => {
  const core = machine();
  core.f.poke_csr(0x304, 1n << 11n);
  core.program.set(RAM, (c) => c.f.wfi(0) as undefined);
  assert.equal(core.f.run(10), L.EXIT_IDLE);
  assert.equal(core.f.next_deadline(), -1n, "all ones");
  core.f.set_irq(0, 11, 1);
  assert.equal(core.f.run(10), L.EXIT_NONE);
});

test("NEXT_EVENT ends the slice at its instruction, and EXIT_REQUEST after the current one", () => {
  const core = machine();
  core.set64(L.NEXT_EVENT, 33n);
  assert.equal(core.f.run(100), L.EXIT_EVENT);
  assert.equal(core.count(), 33n);
  core.set64(L.NEXT_EVENT, 0xffffffffffffffffn);
  core.program.set(RAM + 40n * 4n, (c) => c.set32(L.EXIT_REQUEST, L.EXIT_HALT) as undefined);
  assert.equal(core.f.run(100), L.EXIT_HALT);
  assert.equal(core.count(), 41n);
  assert.equal(core.get32(L.EXIT_REQUEST), 0);
});

test("a device that moves NEXT_EVENT forward asks for a new slice", () => {
  const core = machine();
  core.program.set(RAM + 8n, (c) => {
    c.set64(L.NEXT_EVENT, 10n);
    c.set32(L.EXIT_REQUEST, L.EXIT_SLICE);
  });
  assert.equal(core.f.run(100), L.EXIT_EVENT);
  assert.equal(core.count(), 10n);
});

test("BREAK_PC stops before its instruction, and goes on from there", () => {
  const core = machine();
  loop(core, RAM + 0x20n);
  core.set64(L.BREAK_PC, RAM + 0x20n);
  assert.equal(core.f.run(1000), L.EXIT_BREAK);
  assert.equal(core.count(), 8n);
  assert.equal(core.f.run(1000), L.EXIT_BREAK);
  assert.equal(core.count(), 10n);
  assert.equal(core.f.run(2), L.EXIT_BREAK, "also when the budget ends there");
});

test("harts take turns by quantum, the same however the budget is cut", () => {
  const run = (step: number): string => {
    const core = machine(3);
    core.set32(L.QUANTUM, 10);
    core.set32(L.QUANTUM_LEFT, 10);
    loop(core, RAM);
    for (let n = 0; n < 95; n += step) core.f.run(Math.min(step, 95 - n));
    return core.log?.map((s) => s.hart).join("") ?? "";
  };
  const whole = run(95);
  assert.equal(whole, ("0".repeat(10) + "1".repeat(10) + "2".repeat(10)).repeat(4).slice(0, 95));
  for (const step of [1, 7, 10]) assert.equal(run(step), whole);
});

test("a waiting hart gives its turn away, and comes back at its timer", () => {
  const core = machine(2);
  core.set32(L.QUANTUM, 100);
  core.set32(L.QUANTUM_LEFT, 100);
  loop(core, RAM + 0x100n);
  core.program.set(RAM, (c) => {
    if (c.get32(L.HARTID) === 1) {
      c.set64(L.PC, RAM + 0x100n);
      return true;
    }
    return undefined;
  });
  core.program.set(RAM + 4n, (c) => c.f.wfi(0) as undefined);
  core.f.poke_csr(0x304, 1n << 7n); // hart 0
  core.f.set_mtimecmp(0, 3n);
  core.f.run(400);
  const turns = core.log?.map((s) => s.hart) ?? [];
  assert.deepEqual([turns.slice(0, 2), turns.indexOf(1)], [[0, 0], 2]);
  assert.equal(turns.indexOf(0, 2), 302, "first turn after 300 ns: quanta end at 102, 202, 302");
  assert.equal(
    core.get32(core.f.hart_address(1 - core.get32(L.CURRENT_HART)) + (L.HARTID - L.STATE)),
    1 - core.get32(L.CURRENT_HART),
  );
});

test("cutting a run into budgets leaves no mark on TLB and counters", () => {
  const run = (step: number): unknown => {
    const core = machine();
    loop(core, RAM + 0x10n);
    // data that pushes the page being executed out of its TLB entry, and out of the victims
    for (let i = 0; i < 4; i++) {
      let turn = 0;
      core.program.set(RAM + BigInt(4 * i), (c) => {
        for (let n = 0; n < 12; n++) c.load(RAM + 0x100000n * BigInt(1 + (turn++ % 3)) + 0x40000n * BigInt(n % 4));
      });
    }
    const view = [...core.standardView()];
    core.set32(L.TLB_DESC + 3 * L.TLB_DESC_SIZE + L.DESC_MASK, 63 << 5);
    core.f.refresh_context();
    core.setSections(view);
    for (let n = 0; n < 60; n += step) core.f.run(Math.min(step, 60 - n));
    return Array.from({ length: L.STAT_COUNT }, (_, n) => core.stat(n));
  };
  const whole = run(60);
  for (const step of [1, 3, 20]) assert.deepEqual(run(step), whole);
});

test("a hart switch drops the reservation", () => {
  const core = machine(2);
  core.set32(L.QUANTUM, 10);
  core.set32(L.QUANTUM_LEFT, 10);
  let failed: number | undefined;
  core.program.set(RAM, (c) => {
    if (c.get32(L.HARTID) === 0) c.f.load_reserved(RAM + 0x1000n, 4, 0n);
  });
  core.program.set(RAM + 0x28n, (c) => {
    if (c.get32(L.HARTID) === 0) failed = c.f.store_conditional(RAM + 0x1000n, 1n, 4, 0n);
  });
  core.f.run(50);
  assert.equal(failed, 1);
});

test("a machine that was reset takes turns like a new one", () => {
  const turns = (core: Core): string => {
    for (let h = 0; h < 3; h++) core.f.reset_hart(h, RAM, 0n, 0n, 0n);
    core.log = [];
    core.f.run(20);
    return core.log.map((s) => s.hart).join("");
  };
  const core = new Core(3);
  core.set32(L.QUANTUM, 5);
  const first = turns(core);
  assert.equal(first, "00000111112222200000");
  core.f.run(8);
  assert.equal(turns(core), first);
});

test("reset leaves a hart in M-mode with its arguments and nothing else", () => {
  const core = machine();
  core.f.run(50);
  core.f.reset_hart(0, 0x1000n, 1n, 2n, 3n);
  assert.equal(core.get64(L.PC), 0x1000n);
  assert.deepEqual(
    [10, 11, 12, 13].map((r) => core.get64(L.X + 8 * r)),
    [1n, 2n, 3n, 0n],
  );
  assert.equal(core.get32(L.PRIV), 3);
  assert.equal(core.get32(L.FS_OFF), 1);
  assert.equal(core.f.peek_csr(0x300), 0xa00000000n);
  assert.equal(core.count(), 50n, "the machine's time goes on");
});
