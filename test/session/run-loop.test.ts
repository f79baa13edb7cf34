// The run loop on a scripted machine and a clock of the test's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineDescription } from "../../src/machine/description.js";
import { RunLoop } from "../../src/session/run-loop.js";
import { FakeMachine, FakeScheduler, type Happening } from "./fake-machine.js";

interface Seen {
  machine: FakeMachine;
  loop: RunLoop;
  clock: FakeScheduler;
  states: string[];
  log: string[];
}

/** A loop whose slices take 1 ms per 100,000 instructions. */
function build(script: Happening[] = [], description: Partial<MachineDescription> = {}): Seen {
  const machine = new FakeMachine(script, description);
  const clock = new FakeScheduler();
  const states: string[] = [];
  const log: string[] = [];
  machine.onRun = (executed) => clock.spend(executed / 100_000);
  const loop = new RunLoop(
    machine,
    {
      state: (state, reason, exitCode) =>
        states.push([state, reason, ...(exitCode === undefined ? [] : [exitCode])].join(" ")),
      sliceEnd: (settled) => log.push(settled ? "settled" : "slice"),
      fullRings: () => (machine.full ? [3] : []),
      blocked: (recorders) => log.push(`blocked ${recorders}`),
    },
    clock,
  );
  return { machine, loop, clock, states, log };
}

test("a step runs exactly as many instructions as asked, also over many slices", async () => {
  const { loop, clock, machine, states } = build();
  const one = await loop.step(1, 1000);
  assert.deepEqual(one, { reason: "count", executed: 1 });
  const many = loop.step(12_345_678, 10_000);
  assert.equal(loop.state, "running");
  clock.advance(5000);
  assert.deepEqual(await many, { reason: "count", executed: 12_345_678 });
  assert.equal(machine.instructionCount(), 12_345_679);
  assert.deepEqual(states, ["paused count", "running step", "paused count"]);
});

test("slices end on time and leave the event loop its turn", () => {
  const { loop, clock, log } = build();
  loop.start();
  clock.advance(100, 20);
  assert.equal(loop.state, "running");
  const { slices, busyMs } = loop.usage;
  assert.ok(busyMs / slices < 12, `slices of ${busyMs / slices} ms`);
  assert.ok(log.every((line) => line === "slice"));
});

test("a run stops at an instruction count, at a pc, and at its time limit", async () => {
  const { loop, clock, machine } = build();
  let run = loop.runUntil({ instructions: 1_000_000 }, 1000);
  clock.advance(500);
  assert.deepEqual(await run, { reason: "count", executed: 1_000_000 });
  run = loop.runUntil({ pc: machine.pcOf(1_500_000) }, 1000);
  clock.advance(500);
  assert.deepEqual(await run, { reason: "breakpoint", executed: 500_000 });
  // It stands there now: the next run leaves and, as this guest never comes by again, times out.
  run = loop.runUntil({ pc: machine.pcOf(1_500_000) }, 300);
  clock.advance(500);
  assert.equal((await run).reason, "timeout");
  assert.equal(loop.state, "paused");
  // Already past: nothing runs.
  const before = machine.instructionCount();
  assert.deepEqual(await loop.runUntil({ instructions: 10 }, 100), { reason: "count", executed: 0 });
  assert.equal(machine.instructionCount(), before);
});

test("what is not allowed in a state says so and changes nothing", async () => {
  const { loop, clock } = build([{ at: 500, halt: 3 }]);
  loop.start();
  assert.throws(() => loop.step(1, 1), { code: "wrong-state", detail: { state: "running" } });
  loop.start();
  clock.advance(10);
  assert.equal(loop.state, "halted");
  assert.equal(loop.exitCode, 3);
  assert.throws(() => loop.start(), { code: "wrong-state" });
  loop.pause();
  assert.equal(loop.state, "halted");
  loop.reset();
  assert.equal(loop.state, "ready");
  assert.equal(loop.exitCode, undefined);
});

test("pausing ends a goal, and resetting a running guest lets it run on", async () => {
  const { loop, clock, machine } = build();
  const run = loop.runUntil({ instructions: 1e12 }, 100_000);
  clock.advance(20, 3);
  loop.pause();
  assert.equal((await run).reason, "pause");
  loop.start();
  clock.advance(20, 3);
  loop.reset();
  assert.equal(loop.state, "running");
  assert.equal(machine.instructionCount(), 0);
  clock.advance(20, 3);
  assert.ok(machine.instructionCount() > 0);
});

test("an exception out of the machine crashes this session with its message", async () => {
  const { loop, clock, states } = build([{ at: 5_000_000, throws: "unreachable" }]);
  const run = loop.runUntil({ instructions: 1e9 }, 100_000);
  clock.advance(1000);
  await assert.rejects(run, { code: "crashed" });
  assert.equal(loop.state, "crashed");
  assert.match(states.at(-1) ?? "", /unreachable/);
  assert.throws(() => loop.start(), { code: "crashed" });
  assert.throws(() => loop.reset(), { code: "crashed" });
});

test("a guest that waits for input is parked until input comes", async () => {
  const { loop, clock, machine } = build([{ at: 1000, wait: true }]);
  loop.start();
  clock.advance(1000);
  assert.equal(loop.waiting, "idle");
  assert.equal(clock.pending, 0);
  loop.beforeInput();
  machine.consoleInput("uart0", Buffer.from("x"));
  loop.wake();
  clock.advance(10, 2);
  assert.ok(machine.instructionCount() > 1000);
  assert.deepEqual(machine.input, [{ at: 1000, now: 1000, name: "uart0", text: "x" }]);
});

test("a step into an idle guest ends there, a run waits for its time limit", async () => {
  const { loop, clock } = build([{ at: 1000, wait: true }]);
  assert.deepEqual(await loop.step(5000, 1000), { reason: "idle", executed: 1000 });
  const run = loop.runUntil({ instructions: 5000 }, 1000);
  clock.advance(2000);
  assert.deepEqual(await run, { reason: "timeout", executed: 0 });
});

test("a full ring parks the guest until there is credit", async () => {
  const { loop, clock, machine, log } = build([{ at: 1000, full: true }]);
  const step = loop.step(2000, 5000);
  clock.advance(100);
  assert.equal(loop.waiting, "ring-full");
  assert.deepEqual(log, ["settled", "blocked 3"]);
  machine.full = false;
  loop.credit();
  clock.advance(100);
  assert.deepEqual(await step, { reason: "count", executed: 2000 });
});

test("a step whose stream nobody reads ends at its time limit and says why", async () => {
  const { loop, clock } = build([{ at: 1000, full: true }]);
  const step = loop.step(2000, 5000);
  clock.advance(6000);
  assert.deepEqual(await step, { reason: "ring-full", executed: 1000 });
});

/** Wakes up every 10 ms for 100 instructions, forever enough. */
const idler = (count: number): Happening[] =>
  Array.from({ length: count }, (_, i) => ({ at: (i + 1) * 100, idle: 10_000_000 }));

test("idle time is skipped, slept, or skipped until the guest is mostly idle", () => {
  const skip = build(idler(1000), { idle: "skip" });
  skip.loop.start();
  skip.clock.advance(50);
  assert.ok(skip.machine.now() > 9.9e9, "all of ten virtual seconds at once");

  const real = build(idler(1000), { idle: "realtime" });
  real.loop.start();
  real.clock.advance(1000);
  assert.ok(Math.abs(real.machine.now() / 1e6 - 1000) < 25, `a second is a second, not ${real.machine.now() / 1e9}`);

  const auto = build(idler(1000));
  auto.loop.start();
  auto.clock.advance(3000);
  const ms = auto.machine.now() / 1e6;
  assert.ok(ms > 4900 && ms < 5200, `two seconds skipped, then three slept: ${ms} ms`);
});

test("a busy guest's waits are skipped in auto", () => {
  const script: Happening[] = Array.from({ length: 300 }, (_, i) => ({ at: (i + 1) * 1_000_000, idle: 10_000_000 }));
  const { loop, clock, machine } = build(script, { idle: "auto" });
  loop.start();
  clock.advance(3100, 100_000);
  assert.ok(machine.now() > 3.2e9, `${machine.now()}`);
});

test("input wakes a sleeping guest, and the part of the sleep that passed counts", () => {
  const { loop, clock, machine } = build([{ at: 100, idle: 1_000_000_000 }], { idle: "realtime" });
  loop.start();
  clock.advance(300);
  assert.equal(loop.waiting, "asleep");
  loop.beforeInput();
  machine.consoleInput("uart0", Buffer.from("k"));
  loop.wake();
  const entered = machine.input[0];
  assert.equal(entered?.at, 100);
  assert.ok(Math.abs((entered?.now ?? 0) / 1e6 - 300) < 2);
});

test("a ring that gets room while the guest is being parked does not hold it up", () => {
  const { loop, clock, machine, log } = build([{ at: 1000, full: true }]);
  // The host frees a batch right after the loop has looked.
  let looks = 0;
  Object.defineProperty(machine, "full", { get: () => looks++ === 0, set: () => {} });
  loop.start();
  clock.advance(100, 5);
  assert.equal(loop.waiting, undefined);
  assert.ok(machine.instructionCount() > 1000, `${machine.instructionCount()} ${log}`);
});

test("a wait longer than the host's timers reach is slept to its end", () => {
  const days = 60 * 86_400_000;
  const { loop, clock, machine } = build([{ at: 100, idle: days * 1e6 }], { idle: "realtime" });
  loop.start();
  clock.advance(days / 2, 1_000_000);
  assert.equal(machine.instructionCount(), 100);
  assert.equal(loop.waiting, "asleep");
  assert.ok(Math.abs(machine.now() / 1e6 - days / 2) < 61_000);
  // Input finds the clock where it should be, in the middle of a stretch as well.
  clock.advance(30_000);
  loop.beforeInput();
  assert.ok(Math.abs(machine.now() / 1e6 - days / 2 - 30_000) < 1, `${machine.now() / 1e6 - days / 2}`);
});
