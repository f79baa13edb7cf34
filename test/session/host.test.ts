// Sessions in threads of their own, on a scripted machine.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { MachineDescription } from "../../src/machine/description.js";
import { waitFor } from "../../src/operations/wait.js";
import { createSessionManager } from "../../src/session/host.js";
import type { HostLimits, SessionEvent, SessionHost, SessionManager } from "../../src/session/host-api.js";
import type { Happening } from "./fake-machine.js";
import { PLUGIN_LIMITS } from "./fake-plugins.js";

const LIMITS: HostLimits = {
  maxSessions: 3,
  maxRam: 1 << 20,
  maxTotalRam: 2 << 20,
  maxSubscriptionsPerSession: 4,
  maxRingBytes: 1 << 20,
  consoleBuffer: 1024,
  maxConsoleInput: 16,
  eventBuffer: 8,
  maxSlotsPerSession: 4,
  maxPluginResults: 10_000,
  plugins: PLUGIN_LIMITS,
};

function manager(t: TestContext, limits: Partial<HostLimits> = {}): SessionManager {
  const log = { info() {}, warn() {}, error() {} };
  const sessions = createSessionManager({
    limits: { ...LIMITS, ...limits },
    log,
    modules: async () => ({}),
    worker: new URL("./fake-worker.js", import.meta.url),
  });
  t.after(() => sessions.close());
  return sessions;
}

const machine = (script: unknown = [], more: Partial<MachineDescription> = {}): MachineDescription => ({
  board: "virt",
  harts: 1,
  ram: 4096,
  cmdline: JSON.stringify(script),
  idle: "skip",
  ...more,
});
const META = { images: [], machine: {} };

const create = (
  sessions: SessionManager,
  script: (Happening | Record<string, unknown>)[] | Record<string, unknown> = [],
  id?: string,
): Promise<SessionHost> => sessions.create(machine(script), id === undefined ? META : { ...META, id });

/** Offset behind the text on console uart0, undefined when it does not come in time. */
async function text(session: SessionHost, text: string, from: number, timeoutMs: number): Promise<number | undefined> {
  const { signal } = new AbortController();
  return (
    await waitFor(session, { state: undefined, text: Buffer.from(text), console: "uart0", from, timeoutMs, signal })
  ).offset;
}

function untilState(session: SessionHost, state: string): Promise<SessionEvent> {
  return new Promise((resolve) => {
    const stop = session.onEvent((event) => {
      if (event.type !== "state" || event.state !== state) return;
      stop();
      resolve(event);
    });
  });
}

test("a session starts ready, runs, prints, and halts with an exit code", async (t) => {
  const session = await create(manager(t), [
    { at: 100, print: "hel" },
    { at: 200, print: "lo\n" },
    { at: 300, halt: 5 },
  ]);
  assert.equal(session.state, "ready");
  assert.deepEqual(session.consoles, ["uart0", "console0"]);
  const events: SessionEvent[] = [];
  session.onEvent((event) => events.push(event));
  const halted = untilState(session, "halted");
  await session.call("start");
  await halted;
  assert.equal(session.exitCode, 5);
  assert.equal(session.instructions, 300);
  assert.equal(Buffer.from(session.console().read(0, 100).bytes).toString(), "hello\n");
  assert.deepEqual(
    events.map((event) => [event.seq, event.type, event.type === "state" ? event.state : "", event.instructions]),
    [
      [1, "state", "running", 0],
      [2, "state", "halted", 300],
    ],
  );
  assert.deepEqual(
    session.recentEvents(1).map((event) => event.seq),
    [2],
  );
});

test("steps, runs to a count and status give exact counts", async (t) => {
  const session = await create(manager(t));
  const step = await session.call("step", { count: 123 });
  assert.equal(step.executed, 123);
  assert.equal(step.instructions, 123);
  const run = await session.call("runUntil", { instructions: 1_000_000, timeoutMs: 5000 });
  assert.deepEqual([run.reason, run.instructions], ["count", 1_000_000]);
  const status = await session.call("status");
  assert.equal(status.state, "paused");
  assert.equal(status.instructions, 1_000_000);
  assert.equal(status.harts.length, 1);
  await assert.rejects(session.call("step", { count: 0 }), { code: "invalid" });
  await assert.rejects(session.call("runUntil", { timeoutMs: 1 }), { code: "invalid" });
});

test("control is answered while the guest runs flat out", async (t) => {
  const session = await create(manager(t));
  await session.call("start");
  const begun = performance.now();
  for (let i = 0; i < 20; i++) assert.equal((await session.call("status")).state, "running");
  assert.ok(performance.now() - begun < 2000);
  await assert.rejects(session.call("step", { count: 1 }), { code: "wrong-state" });
  const { instructions } = await session.call("pause");
  assert.equal((await session.call("status")).instructions, instructions);
});

test("console text is waited for, also when it is there already", async (t) => {
  const session = await create(manager(t), [
    { at: 10, print: "login: " },
    { at: 20, wait: true },
    { at: 5000, print: "pass" },
    { at: 6000, print: "word: " },
  ]);
  const console = session.console("uart0");
  const login = text(session, "login:", 0, 5000);
  await session.call("start");
  assert.equal(await login, 6);
  assert.equal(await text(session, "login:", 0, 10), 6);
  assert.equal(await text(session, "login:", 7, 10), undefined);
  const word = text(session, "password", 7, 5000);
  await console.write(Buffer.from("root\n"));
  assert.equal(await word, 15);
  const { entries } = await session.call("inputLog");
  assert.deepEqual(
    entries.map((entry) => [entry.instructions, entry.name, Buffer.from(entry.bytes).toString()]),
    [[20, "uart0", "root\n"]],
  );
});

test("more console input than the guest takes is refused", async (t) => {
  const session = await create(manager(t));
  await assert.rejects(session.console().write(Buffer.alloc(17)), {
    code: "limit",
    detail: { limit: "maxConsoleInput", value: 16, pending: 0 },
  });
  assert.throws(() => session.console("uart9"), { code: "unknown-console" });
});

test("a bug in the machine ends its session only, which still answers", async (t) => {
  const sessions = manager(t);
  const bad = await create(sessions, [{ at: 1000, throws: "unreachable" }]);
  const good = await create(sessions);
  await good.call("start");
  const crashed = untilState(bad, "crashed");
  await bad.call("start");
  await crashed;
  assert.match(bad.reason, /unreachable/);
  assert.equal((await bad.call("status")).state, "crashed");
  await assert.rejects(bad.call("start"), { code: "crashed" });
  assert.equal((await good.call("status")).state, "running");
  assert.equal(await sessions.delete(bad.id), true);
  assert.equal(sessions.get(bad.id), undefined);
});

for (const die of ["exit", "error", "memory"]) {
  test(`a thread that dies (${die}) leaves a crashed session and fails its calls`, { timeout: 60_000 }, async (t) => {
    const sessions = manager(t);
    const session = await create(sessions, { die });
    const crashed = untilState(session, "crashed");
    await assert.rejects(session.call("step", { count: 1 }), { code: "crashed" });
    await crashed;
    assert.equal(session.state, "crashed");
    await assert.rejects(session.call("status"), { code: "crashed" });
    assert.equal(await sessions.delete(session.id), true);
  });
}

test("a machine that cannot be made leaves nothing behind", async (t) => {
  const sessions = manager(t, { maxSessions: 1 });
  await assert.rejects(create(sessions, { fail: "image" }), { code: "image", detail: { why: "told" } });
  assert.equal(sessions.list().length, 0);
  await create(sessions);
});

test("limits and names are kept, also by sessions being made at the same time", async (t) => {
  const sessions = manager(t);
  await assert.rejects(sessions.create(machine([], { ram: 2 << 20 }), META), {
    code: "limit",
    detail: { limit: "maxRam", value: 1 << 20 },
  });
  const made = await Promise.allSettled([
    create(sessions, [], "a"),
    create(sessions, [], "a"),
    create(sessions, [], "b"),
    create(sessions, [], "c"),
    create(sessions, [], "d"),
  ]);
  assert.deepEqual(
    made.map((result) => result.status),
    ["fulfilled", "rejected", "fulfilled", "fulfilled", "rejected"],
  );
  assert.deepEqual(
    sessions
      .list()
      .map((session) => session.id)
      .sort(),
    ["a", "b", "c"],
  );
  assert.equal(await sessions.delete("b"), true);
  assert.equal(await sessions.delete("b"), false);
  await assert.rejects(
    sessions
      .create(machine([], { ram: 1 << 20 }), META)
      .then(() => sessions.create(machine([], { ram: 1 << 20 }), META)),
    { code: "limit" },
  );
});

test("deleting a session fails the calls under way and tells who listens", async (t) => {
  const sessions = manager(t);
  const session = await create(sessions);
  const deleted = new Promise<void>((resolve) => session.onEvent((event) => event.type === "deleted" && resolve()));
  const run = session.call("runUntil", { instructions: 1e15, timeoutMs: 60_000 });
  const failed = assert.rejects(run, { code: "gone" });
  await sessions.delete(session.id);
  await Promise.all([failed, deleted]);
  await assert.rejects(session.call("status"), { code: "gone" });
});

test("a reboot is an event and the guest runs on", async (t) => {
  const session = await create(manager(t), [
    { at: 100, reboot: true },
    { at: 200, halt: 0 },
  ]);
  const halted = untilState(session, "halted");
  await session.call("start");
  await halted;
  assert.deepEqual(
    session.recentEvents(0).map((event) => event.type),
    ["state", "reset", "state"],
  );
});

test("a call that cannot be sent fails alone", async (t) => {
  const session = await create(manager(t));
  await assert.rejects(session.call("status", ...([() => 1] as unknown as [])), { name: "DataCloneError" });
  assert.equal((await session.call("status")).state, "ready");
});
