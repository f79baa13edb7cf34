// What has been hot in one tier is compiled in another as soon as it runs there: a stream or a plugin attached to a busy guest does
// not find it interpreted.
import assert from "node:assert/strict";
import test from "node:test";
import { Assembler } from "./assembler.js";
import { boot, type Image, runTo, type Tier } from "./machines.js";
import { START } from "./platform.js";

const [A0, S0] = [10, 8];
const TURN = 3;
const BUSY = 10_000 * TURN;
const A_LITTLE = 100 * TURN;
const USUAL: Tier = { name: "usual", engine: { batch: 1 }, chunk: 1e6 };

function loop(): Image {
  const a = new Assembler();
  const top = a.label();
  a.la(A0, top);
  a.place(top);
  a.op("lw", { rd: S0, rs1: A0 });
  a.op("addi", { rd: S0, rs1: S0, imm: 1 });
  a.to("beq", top, { rs1: 0, rs2: 0 });
  return { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
}

test("a loop that was hot untraced is compiled at once when it is traced", async () => {
  const machine = await boot(loop(), USUAL);
  runTo(machine, BUSY, USUAL.chunk);
  assert.equal(machine.jitStats().plain?.compiled, 1);
  machine.observe("memory");
  runTo(machine, BUSY + A_LITTLE, USUAL.chunk);
  assert.equal(machine.jitStats().memory?.compiled, 1);
});

test("a loop that has not been hot is not", async () => {
  const machine = await boot(loop(), { ...USUAL, variant: "memory" });
  runTo(machine, A_LITTLE, USUAL.chunk);
  assert.equal(machine.jitStats().memory?.compiled, 0);
});
