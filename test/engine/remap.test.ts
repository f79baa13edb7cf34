// Memory that moves under hot loops: windows switched while code runs from them, or while loops read and write through them.
import assert from "node:assert/strict";
import test from "node:test";
import { times } from "../thorough.js";
import { BANK0, BOARD, bankLoop, copy, image, step, WINDOW0 } from "./bank-loop.js";
import { assertEndsAlike, boot, differences, type Image, INTERPRETER, runTo, TIERS } from "./machines.js";

const [A0, _A1, A2, T0, T1, T2, S0, S1, S2] = [10, 11, 12, 5, 6, 7, 8, 9, 18];
const BANK1 = 0x1100_1000;
const WINDOW1 = 0x1210_0000;

const check = (guest: Image, a0: bigint, count: number): Promise<void> => assertEndsAlike(guest, a0, count, BOARD);

for (const offset of [0x100, 0xff4, 0x1ffa]) {
  test(`a hot loop that switches the bank it runs from, at offset 0x${offset.toString(16)} of the window`, async () => {
    const { guest, a0 } = bankLoop(offset);
    await check(guest, a0, 5003);
  });
}

test("a hot loop that reads and writes through a window whose banks change", async () => {
  const guest = image((a) => {
    a.li(A0, 0);
    a.li(S0, 600);
    a.li(S1, WINDOW0);
    a.li(S2, BANK0);
    const top = a.here();
    // RAM banks, the latch, the mix of both; sometimes a switch, mostly not
    a.op("andi", { rd: T0, rs1: S0, imm: 7 });
    const stay = a.label();
    a.to("bne", stay, { rs1: T0 });
    a.op("srli", { rd: T0, rs1: S0, imm: 3 });
    a.li(T1, 6);
    a.op("remu", { rd: T0, rs1: T0, rs2: T1 });
    a.op("sw", { rs1: S2, rs2: T0 });
    a.place(stay);
    for (const at of [8, 16, 0x100]) {
      a.op("ld", { rd: T1, rs1: S1, imm: at });
      a.op("add", { rd: T1, rs1: T1, rs2: S0 });
      a.op("sd", { rs1: S1, rs2: T1, imm: at });
      a.op("add", { rd: A0, rs1: A0, rs2: T1 });
    }
    a.op("addi", { rd: T0, rs1: S1, imm: 24 });
    a.op("amoadd.d", { rd: T1, rs1: T0, rs2: S0 });
    a.op("add", { rd: A0, rs1: A0, rs2: T1 });
    a.op("addi", { rd: S0, rs1: S0, imm: -1 });
    a.to("bne", top, { rs1: S0 });
  });
  // the same, counted here: six targets, of which 4 is the latch and 5 shows RAM bank 0 in its first page
  const memory = new Map<string, bigint>();
  let [sum, target] = [0n, 0];
  for (let n = 600; n > 0; n--) {
    if (n % 8 === 0) target = (n / 8) % 6;
    const bank = target === 5 ? 0 : target;
    for (const at of [8, 16, 0x100, 24]) {
      const old = memory.get(`${bank} ${at}`) ?? 0n;
      memory.set(`${bank} ${at}`, old + BigInt(n));
      sum += at === 24 ? old : old + BigInt(n);
    }
  }
  await check(guest, sum, 4001);
});

test("a window re-mapped by reads under a hot loop", async () => {
  const guest = image((a) => {
    a.li(A0, 0);
    a.li(S0, 500);
    a.li(S1, WINDOW1);
    a.li(S2, BANK1);
    const top = a.here();
    a.op("lw", { rd: T0, rs1: S2 }); // the present target; the next one from here on
    a.op("ld", { rd: T1, rs1: S1, imm: 64 });
    a.op("addi", { rd: T1, rs1: T1, imm: 1 });
    a.op("sd", { rs1: S1, rs2: T1, imm: 64 });
    a.op("add", { rd: A0, rs1: A0, rs2: T1 });
    a.op("add", { rd: A0, rs1: A0, rs2: T0 });
    a.op("addi", { rd: S0, rs1: S0, imm: -1 });
    a.to("bne", top, { rs1: S0 });
  });
  // five targets in turn, each met 100 times
  const want = BigInt(5 * ((100 * 101) / 2) + 100 * (0 + 1 + 2 + 3 + 4));
  await check(guest, want, 3001);
});

test("code that loses its memory, and a handler that brings it back", async () => {
  const guest = image((a) => {
    const handler = a.label();
    const source = a.label();
    const end = a.label();
    a.la(T0, handler);
    a.csrw(0x305, T0);
    a.li(T0, BANK0);
    a.op("sw", { rs1: T0 });
    copy(a, source, WINDOW0 + 0x800, 32);
    a.li(A0, 0);
    a.li(A2, 0);
    a.li(S0, 200);
    a.li(S1, BANK0);
    a.li(T0, WINDOW0 + 0x800);
    a.op("jalr", { rd: 1, rs1: T0 });
    a.jump(end);
    a.place(source);
    const top = a.here();
    a.op("addi", { rd: A0, rs1: A0, imm: 1 });
    a.op("andi", { rd: T1, rs1: S0, imm: 7 });
    const stay = a.label();
    a.to("bne", stay, { rs1: T1 });
    a.li(T1, 7);
    a.op("sw", { rs1: S1, rs2: T1 }); // nothing is mapped there now: the next fetch faults
    a.place(stay);
    a.op("addi", { rd: S0, rs1: S0, imm: -1 });
    a.to("bne", top, { rs1: S0 });
    a.ret();
    a.pad(64);
    a.place(handler);
    a.op("sw", { rs1: S1 });
    a.op("addi", { rd: A2, rs1: A2, imm: 1 });
    a.csrr(T1, 0x343);
    a.csrr(T2, 0x341);
    a.op("sub", { rd: T1, rs1: T1, rs2: T2 });
    a.op("add", { rd: A0, rs1: A0, rs2: T1 }); // mtval is the address of the fetch: adds 0
    a.word(0x30200073);
    a.place(end);
    a.op("slli", { rd: A2, rs1: A2, imm: 16 });
    a.op("add", { rd: A0, rs1: A0, rs2: A2 });
  });
  await check(guest, 200n + (25n << 16n), 2001);
});

test("switched by a tool between runs, under code and data at once", async () => {
  const guest = image((a) => {
    const source = a.label();
    for (let bank = 3; bank >= 0; bank--) {
      a.li(T0, BANK0);
      a.li(T1, bank);
      a.op("sw", { rs1: T0, rs2: T1 });
      copy(a, source, WINDOW0, 24);
      a.li(T0, WINDOW0);
      a.li(T1, step(bank));
      a.op("sw", { rs1: T0, rs2: T1 });
    }
    a.li(S1, WINDOW0 + 0x2000);
    a.li(T0, WINDOW0);
    a.op("jalr", { rs1: T0 });
    a.place(source);
    const top = a.here();
    a.word(0);
    a.word(0);
    a.op("ld", { rd: T1, rs1: S1 });
    a.op("addi", { rd: T1, rs1: T1, imm: 1 });
    a.op("sd", { rs1: S1, rs2: T1 });
    a.jump(top);
  });
  for (const tier of TIERS) {
    const machines = [await boot(guest, INTERPRETER, BOARD), await boot(guest, tier, BOARD)] as const;
    for (let n = 0; n < times(15, 40); n++) {
      for (const machine of machines) {
        runTo(machine, 1500 + 333 * n, tier.chunk);
        const bank = machine.bus.find(BANK0);
        assert.ok(bank);
        machine.bus.dispatchWrite(bank.region.id, 0, 4, (n * 3) % 4, 0);
      }
      assert.deepEqual(differences(...machines), []);
    }
  }
});
