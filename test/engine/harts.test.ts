// Several harts: spin locks, turns and interrupts between harts come out the same in all tiers, as a hart's turn ends by its
// count of instructions and nothing else.
import assert from "node:assert/strict";
import test from "node:test";
import { times } from "../thorough.js";
import { Assembler } from "./assembler.js";
import { boot, differences, explain, type Image, INTERPRETER, runTo, TIERS } from "./machines.js";
import { START } from "./platform.js";

const [A0, A1, A2, T0, T1, T2, S0, S1, S2] = [10, 11, 12, 5, 6, 7, 8, 9, 18];
const SHARED = START + 0x1_0000; // lock, counter, sum, hashes of each hart from 0x100
const CLINT = 0x200_0000;

/** How a hart gets the lock. */
type Lock = "amoswap" | "lr/sc" | "ticket";

function guest(lock: Lock, interrupts: boolean, harts: number): Image {
  const a = new Assembler();
  const handler = a.label();
  const top = a.label();
  a.la(T0, handler);
  a.csrw(0x305, T0);
  a.csrr(S2, 0xf14);
  a.li(S1, SHARED);
  a.li(S0, 0);
  if (interrupts) {
    a.csrli(0x304, 8); // MSIE
    a.csrli(0x300, 8);
  }
  a.place(top);
  if (lock === "amoswap") {
    const spin = a.here();
    a.li(T0, 1);
    a.op("amoswap.w", { rd: T0, rs1: S1, rs2: T0, aqrl: 2 });
    a.to("bne", spin, { rs1: T0 });
  } else if (lock === "lr/sc") {
    const spin = a.here();
    a.op("lr.d", { rd: T0, rs1: S1 });
    a.to("bne", spin, { rs1: T0 });
    a.op("addi", { rd: T1, rs1: S2, imm: 1 });
    a.op("sc.d", { rd: T0, rs1: S1, rs2: T1 });
    a.to("bne", spin, { rs1: T0 });
  } else {
    a.li(T0, 1);
    a.op("addi", { rd: A1, rs1: S1, imm: 24 });
    a.op("amoadd.d", { rd: T0, rs1: A1, rs2: T0 });
    const spin = a.here();
    a.op("ld", { rd: T1, rs1: S1, imm: 32 });
    a.to("bne", spin, { rs1: T0, rs2: T1 });
  }
  // inside: what one hart read must still be there when it writes
  a.op("ld", { rd: T0, rs1: S1, imm: 8 });
  a.op("andi", { rd: T1, rs1: T0, imm: 15 });
  a.op("addi", { rd: T1, rs1: T1, imm: 1 });
  const work = a.here();
  a.op("mul", { rd: A0, rs1: A0, rs2: T0 });
  a.op("add", { rd: A0, rs1: A0, rs2: S2 });
  a.op("addi", { rd: T1, rs1: T1, imm: -1 });
  a.to("bne", work, { rs1: T1 });
  a.op("addi", { rd: T0, rs1: T0, imm: 1 });
  a.op("sd", { rs1: S1, rs2: T0, imm: 8 });
  a.op("ld", { rd: T1, rs1: S1, imm: 16 });
  a.op("xor", { rd: T1, rs1: T1, rs2: A0 });
  a.op("slli", { rd: T2, rs1: T1, imm: 7 });
  a.op("srli", { rd: T1, rs1: T1, imm: 57 });
  a.op("or", { rd: T1, rs1: T1, rs2: T2 });
  a.op("add", { rd: T1, rs1: T1, rs2: S2 });
  a.op("sd", { rs1: S1, rs2: T1, imm: 16 });
  if (lock === "ticket") {
    a.op("ld", { rd: T1, rs1: S1, imm: 32 });
    a.op("addi", { rd: T1, rs1: T1, imm: 1 });
    a.op("sd", { rs1: S1, rs2: T1, imm: 32 });
  } else a.op("amoswap.d", { rs1: S1 });
  // when, and how often
  a.op("addi", { rd: S0, rs1: S0, imm: 1 });
  a.csrr(T0, 0xb02);
  a.csrr(T1, 0xc01);
  a.op("add", { rd: T0, rs1: T0, rs2: T1 });
  a.op("slli", { rd: T1, rs1: S2, imm: 6 });
  a.op("add", { rd: T1, rs1: T1, rs2: S1 });
  a.op("ld", { rd: T2, rs1: T1, imm: 0x100 });
  a.op("add", { rd: T2, rs1: T2, rs2: T0 });
  a.op("sd", { rs1: T1, rs2: T2, imm: 0x100 });
  a.op("sd", { rs1: T1, rs2: S0, imm: 0x108 });
  if (interrupts) {
    // every sixteenth time, the next hart is told; every 64th, this one waits to be told
    const quiet = a.label();
    a.op("andi", { rd: T0, rs1: S0, imm: 15 });
    a.to("bne", quiet, { rs1: T0 });
    a.op("addi", { rd: T0, rs1: S2, imm: 1 });
    a.li(T1, harts);
    a.op("remu", { rd: T0, rs1: T0, rs2: T1 });
    a.op("slli", { rd: T0, rs1: T0, imm: 2 });
    a.li(T1, CLINT);
    a.op("add", { rd: T0, rs1: T0, rs2: T1 });
    a.li(T1, 1);
    a.op("sw", { rs1: T0, rs2: T1 });
    a.op("andi", { rd: T0, rs1: S0, imm: 63 });
    a.to("bne", quiet, { rs1: T0 });
    // hart 0 never waits, or all might
    a.to("beq", quiet, { rs1: S2 });
    a.word(0x10500073); // wfi
    a.place(quiet);
  }
  a.jump(top);
  a.pad(64);
  a.place(handler);
  a.op("slli", { rd: A1, rs1: S2, imm: 2 });
  a.li(A2, CLINT);
  a.op("add", { rd: A1, rs1: A1, rs2: A2 });
  a.op("sw", { rs1: A1 });
  a.op("slli", { rd: A1, rs1: S2, imm: 6 });
  a.op("add", { rd: A1, rs1: A1, rs2: S1 });
  a.csrr(A2, 0xb02);
  a.op("sd", { rs1: A1, rs2: A2, imm: 0x110 });
  a.op("ld", { rd: A2, rs1: A1, imm: 0x118 });
  a.op("addi", { rd: A2, rs1: A2, imm: 1 });
  a.op("sd", { rs1: A1, rs2: A2, imm: 0x118 });
  a.word(0x30200073);
  return { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
}

/** Slots in a turn, how many instructions are run (a few turns of each hart at least), and which tiers: one of so many. */
const RUNS = [
  { quantum: 37, count: 45_000, every: times(3, 1) },
  { quantum: 1000, count: 60_000, every: times(3, 1) },
  { quantum: 50_000, count: 120_000, every: 3 },
];

let variants = 0;
for (const harts of [2, 4]) {
  for (const lock of ["amoswap", "lr/sc", "ticket"] as const) {
    for (const interrupts of [false, true]) {
      const variant = variants++;
      test(`${harts} harts, ${lock}${interrupts ? ", interrupts between them" : ""}`, async () => {
        const image = guest(lock, interrupts, harts);
        for (const { quantum, count, every } of RUNS) {
          const settings = { harts, quantum };
          const reference = await boot(image, INTERPRETER, settings);
          runTo(reference, count, 1e6);
          const word = (at: number): number =>
            Number(Buffer.from(reference.bus.readPhysical(SHARED + at, 8)).readBigUInt64LE());
          const turns = Array.from({ length: harts }, (_, hart) => word(0x108 + 64 * hart));
          // no turn was lost; some hart may be between the two counts
          assert.ok(Math.abs(word(8) - turns.reduce((sum, n) => sum + n, 0)) <= harts, `${word(8)} ${turns}`);
          assert.ok(turns.every((n) => n > 0) || quantum > 1000, `${turns}`);
          if (interrupts) assert.ok(word(0x118 + 64) > 0);
          const tiers = TIERS.filter((_, n) => (n + variant) % every === 0);
          for (const tier of tiers) {
            const machine = await boot(image, tier, settings);
            runTo(machine, count, tier.chunk);
            if (differences(reference, machine).length > 0) assert.fail(await explain(image, tier, count, settings));
          }
        }
      });
    }
  }
}

test("a hart rewrites code another one runs", async () => {
  const a = new Assembler();
  const other = a.label();
  const target = a.label();
  a.csrr(S2, 0xf14);
  a.la(S1, target);
  a.to("bne", other, { rs1: S2 });
  a.li(T2, 0x00150513); // addi a0, a0, 1, and so on
  a.li(T1, 1 << 20);
  const write = a.here();
  a.op("add", { rd: T2, rs1: T2, rs2: T1 });
  a.op("sw", { rs1: S1, rs2: T2 });
  a.op("addi", { rd: T0, imm: 20 });
  const wait = a.here();
  a.op("addi", { rd: T0, rs1: T0, imm: -1 });
  a.to("bne", wait, { rs1: T0 });
  a.jump(write);
  a.pad(4096);
  a.place(other);
  a.place(target);
  a.word(0x00150513);
  a.op("addi", { rd: A1, rs1: A1, imm: 1 });
  a.jump(target);
  const image = { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
  for (const quantum of [10, 333, 5000]) {
    const settings = { harts: 2, quantum };
    const reference = await boot(image, INTERPRETER, settings);
    runTo(reference, 100_001, 1e6);
    for (const tier of TIERS) {
      const machine = await boot(image, tier, settings);
      runTo(machine, 100_001, tier.chunk);
      if (differences(reference, machine).length > 0) assert.fail(await explain(image, tier, 100_001, settings));
    }
  }
});
