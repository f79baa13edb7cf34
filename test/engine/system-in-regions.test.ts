// CSR instructions and cbo.zero inside compiled loops: counters read mid-region, floating point switched off behind its use,
// interrupts let in by a write, traps of registers that are not there, blocks zeroed with and without permission.
import assert from "node:assert/strict";
import test from "node:test";
import { Assembler } from "./assembler.js";
import { boot, differences, EAGER, type Image, INTERPRETER, runTo, TIERS } from "./machines.js";
import { CSR, DATA, START } from "./platform.js";

const [A0, A1, A2, A3, T0, T1, T2, S0, S1, S2] = [10, 11, 12, 13, 5, 6, 7, 8, 9, 18];
const X = 0x1000;
const ROUNDS = 60;
const SLOTS = 20_000;
const FS = 0x6000;
const MIE = 8;
const MTIP = 0x80;
const MTIMECMP = 0x200_4000;
const NO_CSR = 0x5ff;

/** A0 adds up causes, A1 what the counters said, A2 what was left of the zeroed blocks, S1 counts interrupts. */
function program(): Image {
  const a = new Assembler();
  const handler = a.label();
  const interrupt = a.label();
  const back = a.label();
  a.la(T0, handler);
  a.csrw(CSR.mtvec, T0);
  for (const r of [A0, A1, A2, S1]) a.li(r, 0);
  a.li(T0, MTIMECMP);
  a.op("sd", { rs1: T0 });
  a.li(S0, ROUNDS);
  a.li(S2, DATA);
  a.li(T2, FS);
  const top = a.here();
  // counters, where the block has instructions in front and behind
  a.csrr(T1, CSR.minstret);
  a.op("add", { rd: A1, rs1: A1, rs2: T1 });
  a.csrr(T1, CSR.mcycle);
  a.op("xor", { rd: A1, rs1: A1, rs2: T1 });
  a.csrr(T1, CSR.time);
  a.op("add", { rd: A1, rs1: A1, rs2: T1 });
  a.op("csrrw", { rd: T1, rs1: A1, imm: CSR.mscratch });
  a.op("add", { rd: A1, rs1: A1, rs2: T1 });
  a.op("csrrsi", { rd: T1, rs1: 5, imm: CSR.mscratch });
  a.op("xor", { rd: A1, rs1: A1, rs2: T1 });
  // floating point on, used, off, used: the second one traps
  a.op("csrrs", { rs1: T2, imm: CSR.mstatus });
  a.op("fcvt.d.l", { rd: 1, rs1: S0 });
  a.op("csrrc", { rs1: T2, imm: CSR.mstatus });
  a.op("fcvt.d.l", { rd: 2, rs1: S0 });
  a.op("csrrs", { rs1: T2, imm: CSR.mstatus });
  a.csrr(T1, CSR.mstatus);
  a.op("add", { rd: A1, rs1: A1, rs2: T1 });
  a.op("fadd.d", { rd: 1, rs1: 1, rs2: 1 });
  a.csrr(T1, CSR.mstatus);
  a.op("xor", { rd: A1, rs1: A1, rs2: T1 });
  // no such register
  a.op("addi", { rd: A1, rs1: A1, imm: 1 });
  a.csrr(T1, NO_CSR);
  // a timer interrupt that is due, let in and shut out
  a.li(T0, MTIP);
  a.csrw(CSR.mie, T0);
  a.op("csrrsi", { rs1: MIE, imm: CSR.mstatus });
  a.op("addi", { rd: A1, rs1: A1, imm: 3 });
  a.op("csrrci", { rs1: MIE, imm: CSR.mstatus });
  // a block of zeros between others
  a.op("xori", { rd: T1, rs1: A1, imm: -1 });
  for (const at of [-8, 0, 56, 64]) a.op("sd", { rs1: S2, rs2: T1, imm: 128 + at });
  a.op("addi", { rd: A3, rs1: S2, imm: 128 + 37 });
  a.op("cbo.zero", { rs1: A3 });
  for (const at of [0, 8, 56]) {
    a.op("ld", { rd: T0, rs1: S2, imm: 128 + at });
    a.op("or", { rd: A2, rs1: A2, rs2: T0 });
  }
  for (const at of [-8, 64]) {
    a.op("ld", { rd: T0, rs1: S2, imm: 128 + at });
    a.op("xor", { rd: T0, rs1: T0, rs2: T1 });
    a.op("or", { rd: A2, rs1: A2, rs2: T0 });
  }
  // menvcfg.CBZE comes and goes; M-mode asks for nothing
  a.op("andi", { rd: T0, rs1: S0, imm: 1 });
  a.op("slli", { rd: T0, rs1: T0, imm: 7 });
  a.csrw(CSR.menvcfg, T0);
  a.op("addi", { rd: S0, rs1: S0, imm: -1 });
  a.to("bne", top, { rs1: S0 });
  a.jump(a.here());
  a.pad(4);
  a.place(handler);
  a.csrr(T0, CSR.mcause);
  a.to("blt", interrupt, { rs1: T0 });
  a.op("add", { rd: A0, rs1: A0, rs2: T0 });
  a.csrr(T0, CSR.mepc);
  a.op("addi", { rd: T0, rs1: T0, imm: 4 });
  a.csrw(CSR.mepc, T0);
  a.jump(back);
  a.place(interrupt);
  a.op("addi", { rd: S1, rs1: S1, imm: 1 });
  a.csrw(CSR.mie, 0);
  a.place(back);
  a.word(0x3020_0073);
  return { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
}

test("CSR instructions and cbo.zero in compiled loops do what they do in the interpreter", async () => {
  const guest = program();
  const reference = await boot(guest, INTERPRETER);
  runTo(reference, SLOTS, 1e6);
  for (const tier of [INTERPRETER, ...TIERS]) {
    const machine = await boot(guest, tier);
    runTo(machine, SLOTS, tier.chunk);
    const view = new DataView(machine.memory.buffer);
    const x = (n: number): bigint => view.getBigUint64(X + 8 * n, true);
    // two illegal instructions (2) a round
    assert.deepEqual(
      { causes: x(A0), nonZero: x(A2), interrupts: x(S1), left: x(S0) },
      { causes: BigInt(4 * ROUNDS), nonZero: 0n, interrupts: BigInt(ROUNDS), left: 0n },
      tier.name,
    );
    assert.deepEqual(differences(reference, machine), [], tier.name);
    if (tier === EAGER) {
      const { compiledInstructions } = machine.engineStats();
      assert.ok(compiledInstructions > 0.5 * SLOTS, `${compiledInstructions} of ${SLOTS} compiled`);
    }
  }
});
