// Events of harts against what the guest itself says of the same run: each write of satp that counted, with the values it read back,
// and each time a hart had to wait, by what it had set its timer to.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../src/machine/description.js";
import { Assembler } from "../engine/assembler.js";
import { machineModules } from "../engine/machines.js";
import { START } from "../engine/platform.js";
import { Observed } from "./observed.js";
import { type Witnessed, witness } from "./witness.js";

const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};
const [T0, T1, T2, S0, S1, S2, A0] = [5, 6, 7, 8, 9, 18, 10];
/** What the guest writes down for us. */
const SAID = START + 0x1_0000;
const CLINT = 0x200_0000;
const MTIME = CLINT + 0xbff8;

function powerOff(a: Assembler): void {
  a.li(T0, 0x10_0000);
  a.li(T1, 0x5555);
  a.op("sw", { rs1: T0, rs2: T1 });
  a.jump(a.here());
}

async function run(write: (a: Assembler) => void, harts: number, engine: Partial<EngineSettings>, probes: boolean) {
  const a = new Assembler();
  write(a);
  const load = [{ address: START, bytes: a.assemble(START).bytes, kind: "raw" as const, name: "events" }];
  const description = { board: "virt", harts, ram: 2 ** 20, load, idle: "skip", quantum: 50 } as const;
  const observed = new Observed(await machineModules(), { description, instructions: 0 }, engine);
  const { definition, seen } = witness(probes);
  observed.define("witness", definition);
  observed.run(200_000);
  assert.equal(observed.stopped, "halted");
  assert.deepEqual(observed.failures, []);
  const words = (count: number): bigint[] => {
    const bytes = Buffer.from(observed.machine.bus.readPhysical(SAID, 8 * count));
    return Array.from({ length: count }, (_, n) => bytes.readBigUInt64LE(8 * n));
  };
  return { seen, words };
}

const SATP = 0x180;
const sv39 = (asid: number, ppn: number): bigint => (8n << 60n) | (BigInt(asid) << 44n) | BigInt(ppn);
/** What is written one after the other; mode 2 is none, and such a write is as if it had not been. */
const WRITTEN = [sv39(0, 0x80001), sv39(5, 0x80001), 2n << 60n, 0n, sv39(0, 0x80002), sv39(0, 0x80002), 0n];

/** Writes all of WRITTEN in each round, reads back, and does what writes nothing in between. */
function switches(a: Assembler): void {
  a.li(S1, SAID);
  a.li(S0, 3);
  const top = a.here();
  for (const value of WRITTEN) {
    a.csrr(S2, SATP);
    a.csrli(SATP, value);
    a.csrr(A0, SATP);
    // csrrs and csrrc with x0 read alone
    a.word(0x1800_2073 | (T2 << 7));
    a.word(0x1800_3073 | (T2 << 7));
    a.op("sd", { rs1: S1, rs2: S2 });
    a.op("sd", { rs1: S1, rs2: A0, imm: 8 });
    a.op("addi", { rd: S1, rs1: S1, imm: 16 });
  }
  a.op("addi", { rd: S0, rs1: S0, imm: -1 });
  a.to("bne", top, { rs1: S0 });
  powerOff(a);
}

for (const [how, engine] of Object.entries(ENGINES)) {
  for (const probes of [false, true]) {
    test(`satp as the guest reads it back, ${how}${probes ? ", with probes" : ""}`, async () => {
      const { seen, words } = await run(switches, 1, engine, probes);
      const said = words(2 * 3 * WRITTEN.length);
      const pairs = Array.from({ length: said.length / 2 }, (_, n) => said.slice(2 * n, 2 * n + 2));
      const told = (seen.events.satp ?? []).map(({ old, value }) => [old, value]);
      assert.ok(pairs.some(([old, value]) => old === value));
      const changes = (list: (bigint | undefined)[][]) => list.filter(([old, value]) => old !== value);
      assert.deepEqual(changes(told), changes(pairs));
      // a write of what is there already is one all the same; one that is none may be told of, with nothing changed
      assert.ok(told.length >= changes(pairs).length && told.length <= pairs.length, `${told.length} events`);
    });
  }
}

const ROUNDS = 12;

/** Each hart waits for its timer; in every third round that is due already. */
function waits(a: Assembler): void {
  const rest = a.label();
  a.csrr(S2, 0xf14);
  a.csrli(0x304, 1n << 7n); // mie.MTIE; mstatus.MIE stays off, so waits end without a trap
  a.op("slli", { rd: S1, rs1: S2, imm: 3 });
  a.li(T0, CLINT + 0x4000);
  a.op("add", { rd: S1, rs1: S1, rs2: T0 });
  a.li(A0, 0);
  a.li(S0, ROUNDS);
  const top = a.here();
  a.li(T0, 3);
  a.op("remu", { rd: T0, rs1: S0, rs2: T0 });
  a.li(T1, 0);
  const due = a.label();
  a.to("beq", due, { rs1: T0 });
  a.li(T1, 5000);
  a.place(due);
  a.li(T0, MTIME);
  a.op("ld", { rd: T0, rs1: T0 });
  a.op("add", { rd: T0, rs1: T0, rs2: T1 });
  a.op("sd", { rs1: S1, rs2: T0 });
  a.word(0x1050_0073); // wfi
  a.op("addi", { rd: A0, rs1: A0, imm: 1 });
  a.op("addi", { rd: S0, rs1: S0, imm: -1 });
  a.to("bne", top, { rs1: S0 });
  // no timer any more
  a.li(T0, -1);
  a.op("sd", { rs1: S1, rs2: T0 });
  a.li(T1, SAID);
  a.op("slli", { rd: T0, rs1: S2, imm: 3 });
  a.op("add", { rd: T1, rs1: T1, rs2: T0 });
  a.op("sd", { rs1: T1, rs2: A0 });
  a.to("bne", rest, { rs1: S2 });
  // hart 0 goes on until the others are done
  a.li(T1, SAID);
  for (const hart of [1, 2]) {
    const again = a.here();
    a.op("ld", { rd: T0, rs1: T1, imm: 8 * hart });
    a.to("beq", again, { rs1: T0 });
  }
  powerOff(a);
  a.place(rest);
  const forever = a.here();
  a.word(0x1050_0073);
  a.jump(forever);
}

function alternate(seen: Witnessed, hart: number): { waited: number; woken: number } {
  const of = (what: "idle" | "resume") =>
    (seen.events[what] ?? []).filter((event) => event.hart === hart).map(({ icount }) => ({ icount, what }));
  const all = [...of("idle"), ...of("resume")].sort((a, b) => a.icount - b.icount || (a.what === "idle" ? -1 : 1));
  // one after the other, and beginning with a wait
  for (const [n, { what }] of all.entries()) assert.equal(what, n % 2 === 0 ? "idle" : "resume", `hart ${hart}: ${n}`);
  return { waited: of("idle").length, woken: of("resume").length };
}

for (const [how, engine] of Object.entries(ENGINES)) {
  for (const probes of [false, true]) {
    test(`a hart is idle as often as it has to wait, ${how}${probes ? ", with probes" : ""}`, async () => {
      const { seen, words } = await run(waits, 3, engine, probes);
      assert.deepEqual(words(3), [BigInt(ROUNDS), BigInt(ROUNDS), BigInt(ROUNDS)]);
      const waited = ROUNDS - ROUNDS / 3;
      assert.deepEqual(alternate(seen, 0), { waited, woken: waited });
      // and for good at last
      for (const hart of [1, 2]) assert.deepEqual(alternate(seen, hart), { waited: waited + 1, woken: waited });
    });
  }
}
