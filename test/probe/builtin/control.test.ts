// execlog, traps, discons: what ran, in which order, and where control went.
import assert from "node:assert/strict";
import { test } from "node:test";
import { discons } from "../../../src/probe/builtin/discons.js";
import { execlog } from "../../../src/probe/builtin/execlog.js";
import { traps } from "../../../src/probe/builtin/traps.js";
import { PluginOptionError } from "../../../src/probe/plugin.js";
import { FakeHost } from "../fake-host.js";

const ADDI = 0x00150513; // addi a0, a0, 1
const LBU = 0x0005c503; // lbu a0, 0(a1)
const AMO = 0x00c5b52f; // amoadd.d a0, a2, (a1)
const ADDI_LINE = '0x80000000, 0x150513, "00150513          addi                    a0,a0,1"';
const LBU_LINE = '0x80000004, 0x5c503, "0005c503          lbu                     a0,0(a1)"';

test("execlog writes lines in the order of execution, with accesses and devices", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(execlog);
  const block = host.block(0x80000000, [ADDI, LBU]);
  host.run(block, { accesses: { 1: [{ vaddr: 0x10000005, size: 1 }] } });
  host.run(block, { hart: 1, accesses: { 1: [{ vaddr: 0x1000, paddr: 0x80001000, size: 1 }] } });
  const amo = [{ vaddr: 0x80002000 }, { vaddr: 0x80002000, write: true }];
  host.run(host.block(0x80000100, [AMO]), { accesses: { 0: amo } });
  const lines = [
    `0, ${ADDI_LINE}`,
    `0, ${LBU_LINE}, load, 0x10000005, uart0`,
    `1, ${ADDI_LINE}`,
    `1, ${LBU_LINE}, load, 0x80001000, RAM`,
    '0, 0x80000100, 0xc5b52f, "00c5b52f          amoadd.d                a0,a2,(a1)", load, 0x80002000, RAM, store, 0x80002000, RAM',
  ];
  assert.deepEqual(host.results(), { instructions: 5, lines: 5, dropped: 0, recent: lines });
  assert.equal(host.text, `${lines.join("\n")}\n`);
  // only the access to a device made a call
  assert.equal(host.calls, 1);
});

test("execlog is complete whenever it is asked, and never writes a line twice", () => {
  const host = new FakeHost();
  host.attach(execlog);
  const seen: number[] = [];
  const accesses = { 1: [{ vaddr: 0x80001000, size: 1 as const }] };
  const after = () => seen.push(host.results().lines);
  host.run(host.block(0x80000000, [ADDI, LBU]), { accesses, after });
  assert.deepEqual(seen, [1, 2]);
  assert.equal(host.text, `0, ${ADDI_LINE}\n0, ${LBU_LINE}, load, 0x80001000, RAM\n`);
});

test("execlog drops lines beyond its limit and counts them", () => {
  const host = new FakeHost();
  host.attach(execlog, { lines: 3 });
  const block = host.block(0x80000000, [ADDI, LBU]);
  const run = () => host.run(block, { accesses: { 1: [{ vaddr: 0x10000000, size: 1 }] } });
  for (let i = 0; i < 3; i++) run();
  let { recent: _, ...counts } = host.results();
  assert.deepEqual(counts, { instructions: 6, lines: 3, dropped: 3 });
  const { calls } = host;
  for (let i = 0; i < 3; i++) run();
  ({ recent: _, ...counts } = host.results());
  assert.deepEqual(counts, { instructions: 12, lines: 3, dropped: 9 });
  assert.equal(host.calls, calls, "nothing is called any more");
  assert.equal(host.text.split("\n").length, 4);
});

test("execlog keeps devices and accesses together over many drained buffers", () => {
  const host = new FakeHost();
  host.attach(execlog, { lines: 100_000 });
  const block = host.block(0x80000000, [ADDI, LBU]);
  const at = (i: number) => (i % 3 === 0 ? 0x10000000 + (i % 8) : i % 3 === 1 ? 0x2000000 + i : 0x80000000 + i);
  for (let i = 0; i < 20_000; i++) host.run(block, { accesses: { 1: [{ vaddr: at(i), size: 1 }] } });
  assert.equal(host.results().lines, 40_000);
  const loads = host.text.split("\n").filter((line) => line.includes("load"));
  loads.forEach((line, i) => {
    const device = ["uart0", "clint0", "RAM"][i % 3];
    assert.ok(line.endsWith(`, load, 0x${at(i).toString(16).padStart(8, "0")}, ${device}`), line);
  });
});

test("execlog names what the first part of an access across two pages went to", () => {
  const host = new FakeHost();
  host.attach(execlog);
  const second = { split: 1, paddr: 0x2000000n, offset: 0n, region: "clint" };
  const run = (vaddr: number) =>
    host.run(host.block(0x80000004, [LBU]), { accesses: { 0: [{ vaddr, size: 4, second }] } });
  run(0x100fff);
  run(0x80000fff);
  run(0x10000000);
  assert.deepEqual(host.results().recent, [
    `0, ${LBU_LINE}, load, 0x00100fff, test0`,
    `0, ${LBU_LINE}, load, 0x80000fff, RAM`,
    `0, ${LBU_LINE}, load, 0x10000000, uart0`,
  ]);
});

test("execlog filters by disassembly and by address", () => {
  const run = (given: Record<string, unknown>) => {
    const host = new FakeHost();
    host.attach(execlog, given);
    host.run(host.block(0x80000000, [ADDI, LBU, AMO]));
    return host.results().recent.map((line: string) => line.slice(3, 13));
  };
  assert.deepEqual(run({ ifilter: "lb" }), ["0x80000004"]);
  assert.deepEqual(run({ ifilter: ["addi", "amo"] }), ["0x80000000", "0x80000008"]);
  assert.deepEqual(run({ afilter: "0x80000008" }), ["0x80000008"]);
  assert.deepEqual(run({ afilter: ["0x80000000"], ifilter: "lbu" }), ["0x80000000", "0x80000004"]);
});

test("execlog shows registers that changed", () => {
  const run = (given: Record<string, unknown>) => {
    const host = new FakeHost();
    host.setRegister(0, "a0", 7);
    host.attach(execlog, given);
    const block = host.block(0x80000000, [ADDI, LBU, ADDI]);
    host.run(block, {
      accesses: { 1: [{ vaddr: 0x10000005, size: 1 }] },
      after(i) {
        if (i === 0) host.setRegister(0, "a0", 8);
        if (i === 1) host.setRegister(0, "mcause", 0x8000000000000007n);
        if (i === 2) host.setRegister(0, "a1", 1);
      },
    });
    return host.results().recent.map((line: string) => line.replace(/^.*"/, ""));
  };
  assert.deepEqual(
    run({ reg: "*" }).map((line: string) => line.replace(/, pc -> \w+/, "")),
    [
      ", a0 -> 0x0000000000000008",
      ", load, 0x10000005, uart0, mcause -> 0x8000000000000007",
      ", a1 -> 0x0000000000000001",
    ],
  );
  assert.deepEqual(run({ reg: ["a?"] }), [
    ", a0 -> 0x0000000000000008",
    ", load, 0x10000005, uart0",
    ", a1 -> 0x0000000000000001",
  ]);
  assert.deepEqual(run({ reg: ["X10", "x11"], rdisas: true }), [
    ", a0 -> 0x0000000000000008",
    ", load, 0x10000005, uart0",
    "",
  ]);
  // what changed by instructions without a line is not put on one that has
  assert.deepEqual(run({ reg: "a?", afilter: "0x80000008" }), [", a1 -> 0x0000000000000001"]);
  assert.deepEqual(run({ reg: "a?", ifilter: "lbu" }), [", load, 0x10000005, uart0"]);
  assert.throws(() => run({ reg: "q*" }), PluginOptionError);
  assert.throws(() => run({ rdisas: true }), PluginOptionError);
});

test("execlog with registers stops calling at its limit", () => {
  const host = new FakeHost();
  host.attach(execlog, { reg: "a0", lines: 1 });
  const block = host.block(0x80000000, [ADDI, ADDI]);
  for (let i = 0; i < 4; i++) host.run(block);
  const { calls } = host;
  host.run(block);
  assert.equal(host.calls, calls);
  assert.deepEqual([host.results().lines, host.results().dropped], [1, 9]);
});

test("traps counts by hart and cause", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(traps);
  const from = 0x80000000n;
  const to = 0x80000100n;
  host.emit("interrupt", { hart: 0, cause: 7, from, to });
  host.emit("interrupt", { hart: 0, cause: 7, from, to });
  host.emit("exception", { hart: 0, cause: 2, from, to, tval: 0n });
  host.emit("hostcall", { hart: 1, from, to });
  assert.deepEqual(host.results().harts, [
    {
      hart: 0,
      interrupts: 2,
      exceptions: 1,
      hostcalls: 0,
      causes: [
        { kind: "interrupt", cause: 7, name: "machine timer", count: 2 },
        { kind: "exception", cause: 2, name: "illegal instruction", count: 1 },
      ],
    },
    { hart: 1, interrupts: 0, exceptions: 0, hostcalls: 1, causes: [] },
  ]);
  assert.equal(
    host.report(),
    "VCPU, interrupts, exceptions, hostcalls\n   0,          2,          1,          0\n   1,          0,          0,          1\n",
  );
});

test("discons finds nothing wrong with traps that go where they say", () => {
  const host = new FakeHost();
  host.attach(discons);
  const block = host.block(0x80000000, [ADDI, LBU, ADDI]);
  const handler = host.block(0x80000100, [ADDI]);
  host.run(block, { count: 2, traps: true });
  host.emit("exception", { hart: 0, cause: 5, from: 0x80000004n, to: 0x80000100n, tval: 0n });
  host.run(handler);
  host.run(block, { count: 1 });
  host.emit("interrupt", { hart: 0, cause: 7, from: 0x80000004n, to: 0x80000100n });
  // one behind the other, without an instruction between them
  host.emit("interrupt", { hart: 0, cause: 3, from: 0x80000100n, to: 0x80000100n });
  host.run(handler);
  assert.deepEqual(host.results(), {
    interrupts: 2,
    exceptions: 1,
    hostcalls: 0,
    mismatchCount: 0,
    mismatches: [],
    dropped: 0,
  });
  assert.equal(host.calls, 2, "called once behind each trap");
});

test("discons reports a wrong source and a wrong target, and pauses the machine", () => {
  const host = new FakeHost();
  host.attach(discons, {});
  host.run(host.block(0x80000000, [ADDI, ADDI]), { count: 1 });
  host.emit("interrupt", { hart: 0, cause: 7, from: 0x80000008n, to: 0x80000100n });
  host.run(host.block(0x80000200, [ADDI]));
  const { mismatches } = host.results();
  assert.deepEqual(mismatches, [
    {
      at: "source",
      hart: 0,
      kind: "interrupt",
      expected: 0x80000004n,
      encountered: 0x80000008n,
      last: 0x80000000n,
    },
    { at: "target", hart: 0, kind: "interrupt", expected: 0x80000100n, encountered: 0x80000200n, last: 0x80000200n },
  ]);
  assert.equal(host.stops.length, 2);
  assert.match(host.text, /^Discon source PC mismatch on VCPU 0\nExpected: {6}80000004\nEncountered: {3}80000008\n/);
  assert.equal(host.report(), host.text);
});

test("discons can trace, and does not have to pause", () => {
  const host = new FakeHost();
  host.attach(discons, { abort: "off", "trace-all": "on" });
  host.run(host.block(0x80000000, [ADDI, ADDI]));
  host.emit("interrupt", { hart: 0, cause: 7, from: 0x80000008n, to: 0x80000100n });
  host.run(host.block(0x80000200, [ADDI]));
  host.results();
  assert.equal(host.stops.length, 0);
  assert.match(host.text, /Exec insn at 80000000 on VCPU 0\nExec insn at 80000004 on VCPU 0\n/);
});
