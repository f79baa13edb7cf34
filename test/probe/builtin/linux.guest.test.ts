// Built-in plugins on Linux: traps, translation and privilege levels do not upset their counts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { debian, skipWithoutGuests } from "../../machine/guests.js";
import { plugged } from "../plugged.js";

const COUNT = 150_000_000;

test("what uftrace, cache, insn and cflow count on a booting Linux agrees", { skip: skipWithoutGuests }, async () => {
  const m = await plugged("calls", {}, { ...debian(2), load: [], cmdline: "console=ttyS0 quiet", idle: "skip" });
  m.attach("insn");
  m.attach("cache");
  m.attach("uftrace", { "trace-privilege-level": true });
  m.attach("cflow", { sort: "early", limit: 0 });
  m.attach("traps");
  m.run(COUNT);
  assert.deepEqual(m.failures, []);
  const { instructions } = m.results("insn");
  // an instruction that cannot be fetched uses its slot but does not begin
  assert.ok(instructions <= COUNT && instructions > COUNT - 20_000, `${instructions}`);
  assert.equal(m.results("cache").sum.instruction.accesses, instructions);
  assert.equal(m.results("uftrace").instructions, instructions);
  const { tree } = m.results("uftrace");
  const levels = new Set(tree.filter((node: any) => node.parent < 0).map((node: any) => node.name.at(-1)));
  assert.deepEqual([...levels].sort(), ["M", "S"]);
  const { top } = m.results("cflow");
  const early = top.reduce((sum: number, node: any) => sum + node.earlyExits, 0);
  const trapped = m
    .results("traps")
    .harts.reduce((sum: number, hart: any) => sum + hart.interrupts + hart.exceptions, 0);
  assert.ok(early > 10 && early <= trapped, `${early} ${trapped}`);
});
