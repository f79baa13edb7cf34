// Plugin slots in a session's thread and on its host side, with a manager that does what the test says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadJavaScriptPlugin } from "../../src/probe/javascript.js";
import type { PluginHooks } from "../../src/probe/manager-api.js";
import { SessionError } from "../../src/session/host-api.js";
import type { WorkerMethods, WorkerToHost } from "../../src/session/protocol.js";
import { SessionWorker } from "../../src/session/session-worker.js";
import { Slots } from "../../src/session/slots.js";
import { FakeMachine, FakeScheduler, type Happening } from "./fake-machine.js";
import { FakePlugins, PLUGIN_LIMITS } from "./fake-plugins.js";

const PAGES = { plugin: { kind: "builtin", name: "pages" }, args: {}, filter: {} } as const;

function build(script: Happening[] = []) {
  const machine = new FakeMachine(script, { idle: "realtime" });
  const scheduler = new FakeScheduler();
  const posts: WorkerToHost[] = [];
  const made: FakePlugins[] = [];
  const worker = new SessionWorker(
    machine,
    (message, transfer) => posts.push(structuredClone(message, { transfer: transfer ?? [] })),
    { maxConsoleInput: 100, maxRingBytes: 1 << 20, maxPluginResults: 1000, plugins: PLUGIN_LIMITS },
    (_machine, hooks: PluginHooks) => {
      made.push(new FakePlugins(hooks, () => machine.instructionCount()));
      return made.at(-1) as FakePlugins;
    },
    scheduler,
  );
  const during = { run: (): void => {} };
  machine.onRun = () => {
    scheduler.spend(6);
    during.run();
  };
  let id = 0;
  async function call<M extends keyof WorkerMethods>(
    method: M,
    ...params: Parameters<WorkerMethods[M]>
  ): Promise<ReturnType<WorkerMethods[M]>> {
    id++;
    await worker.receive({ type: "call", id, method, params: params[0] });
    const answer = posts.find((post) => (post.type === "result" || post.type === "error") && post.id === id);
    if (answer?.type === "error") throw new SessionError(answer.code as never, answer.message, answer.detail);
    assert.ok(answer?.type === "result");
    return answer.value as ReturnType<WorkerMethods[M]>;
  }
  const states = () =>
    posts.flatMap((post) => (post.type === "state" ? [`${post.state} ${post.reason} @${post.instructions}`] : []));
  return { machine, during, scheduler, posts, made, call, states, plugins: () => made[0] as FakePlugins };
}

test("a session without plugins has no manager", async () => {
  const { call, made } = build();
  await call("step", { count: 100 });
  assert.equal(made.length, 0);
  await call("attachPlugin", { id: "p", ...PAGES });
  await call("step", { count: 100 });
  assert.equal(made.length, 1);
  assert.ok((made[0] as FakePlugins).sliceEnds > 0, "it is told of the ends of slices");
});

test("a plugin that asks for it pauses the machine where it is, with its reason", async () => {
  const { machine, during, call, states, plugins, scheduler } = build();
  await call("attachPlugin", { id: "p", ...PAGES });
  during.run = () => {
    if (machine.instructionCount() < 1000) return;
    plugins().hooks.stop("p", "1000 instructions");
  };
  await call("start");
  for (let n = 0; n < 20 && !states().some((state) => state.startsWith("paused")); n++) scheduler.advance(10);
  assert.match(states().at(-1) as string, /^paused plugin p: 1000 instructions @/);
  during.run = () => {};
  await call("start");
  scheduler.advance(10);
  assert.equal((await call("status")).state, "running", "and it goes on when told to");
});

test("a plugin can pause a guest that sleeps", async () => {
  const { call, states, plugins, scheduler } = build([{ at: 10, idle: 1e12 }]);
  await call("attachPlugin", { id: "p", ...PAGES });
  await call("start");
  scheduler.advance(10);
  assert.equal((await call("status")).waiting, "asleep");
  plugins().hooks.stop("p", "told by another");
  scheduler.advance(10);
  assert.match(states().at(-1) as string, /^paused plugin p: told by another @10/);
});

test("a stop asked for while the machine stands leaves nothing behind", async () => {
  const { call, plugins, scheduler } = build();
  await call("attachPlugin", { id: "p", ...PAGES });
  plugins().hooks.stop("p", "too late");
  await call("start");
  scheduler.advance(10);
  assert.equal((await call("status")).state, "running");
});

test("output is announced once for each slice", async () => {
  const { during, call, posts, plugins } = build();
  await call("attachPlugin", { id: "p", ...PAGES });
  during.run = () => {
    for (let n = 0; n < 10; n++) plugins().write("p", "x");
  };
  await call("step", { count: 10 });
  assert.deepEqual(
    posts.filter((post) => post.type === "plugin-output"),
    [{ type: "plugin-output", ids: ["p"] }],
  );
  const { bytes, end } = await call("pluginOutput", { id: "p", from: 3, limit: 2 });
  assert.equal(Buffer.from(bytes).toString(), "xx");
  assert.equal(end, 10);
});

test("a file can be read as often as one likes", async () => {
  const { call, plugins } = build();
  await call("attachPlugin", { id: "p", ...PAGES });
  plugins().offer("p", "f", new Uint8Array([1, 2, 3]));
  for (let n = 0; n < 2; n++) assert.deepEqual([...(await call("pluginFile", { id: "p", name: "f" }))], [1, 2, 3]);
  assert.equal((await call("detachPlugin", { id: "p" })).files[0]?.bytes.length, 3);
});

test("results are asked for again only when they may have changed", async () => {
  const { call, plugins } = build();
  await call("attachPlugin", { id: "p", ...PAGES });
  const first = await call("pluginResults", { id: "p", text: false });
  assert.ok(first);
  const again = () => call("pluginResults", { id: "p", text: false, unless: first.revision });
  assert.equal(await again(), undefined);
  plugins().find("p", [1n]);
  assert.equal((await again())?.results, '["0x1"]');
  const second = await call("pluginResults", { id: "p", text: false });
  await call("step", { count: 1 });
  assert.ok(await call("pluginResults", { id: "p", text: false, unless: second?.revision as string }));
});

test("plugins of several sessions talk to each other", async (t) => {
  const [one, two] = [build(), build()];
  await one.call("attachPlugin", { id: "p", ...PAGES });
  await two.call("attachPlugin", { id: "p", ...PAGES });
  const heard: unknown[] = [];
  const channels = [
    one.plugins().hooks.channel("lockstep", (message) => heard.push(["one", message])),
    two.plugins().hooks.channel("lockstep", (message) => heard.push(["two", message])),
    two.plugins().hooks.channel("other", (message) => heard.push(["other", message])),
  ];
  t.after(() => channels.map((channel) => channel.close()));
  channels[0]?.post({ pc: 1n });
  for (let n = 0; n < 200 && heard.length === 0; n++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(heard, [["two", { pc: 1n }]]);
});

test("ids are given out once, within the limit, also while an attach is under way", async () => {
  const waiting: (() => void)[] = [];
  const slots = new Slots(3, {
    attach: ({ id }) => new Promise((resolve) => waiting.push(() => resolve({ id } as never))),
    detach: async () => ({ outputBytes: 0 }) as never,
  });
  const request = { plugin: { kind: "builtin", name: "Hot Pages!.wasm" }, args: {}, filter: {} } as const;
  const first = slots.attach(request);
  const second = slots.attach(request);
  await assert.rejects(slots.attach({ ...request, id: "hot-pages" }), { code: "slot-exists" });
  const third = slots.attach({ ...request, id: "mine" });
  await assert.rejects(slots.attach(request), { code: "limit" });
  for (const resolve of waiting) resolve();
  assert.deepEqual([(await first).id, (await second).id, (await third).id], ["hot-pages", "hot-pages-2", "mine"]);
  const told: string[] = [];
  const listener = { output: () => void told.push("output"), ended: () => void told.push("ended") };
  const stop = slots.listen("mine", listener);
  slots.listen("hot-pages", listener);
  slots.wrote(["mine", "nobody"]);
  await slots.detach("mine");
  stop();
  slots.wrote(["mine"]);
  assert.deepEqual(told, ["output", "ended"]);
  slots.clear();
  assert.deepEqual(told, ["output", "ended", "ended"]);
  assert.deepEqual(slots.list(), []);
});

test("a JavaScript module gives the plugin it exports", async () => {
  const definition = await loadJavaScriptPlugin(
    "x.js",
    `import { cpus } from "node:os";
     export const plugin = { name: "x", summary: "ä", options: { how: { type: "choice", choices: ["a"], description: "" } },
       results: {}, install: () => ({ results: () => cpus().length }) };`,
  );
  assert.equal(definition.summary, "ä");
  assert.equal(typeof definition.install({} as never, {}).results(), "number");
  await assert.rejects(loadJavaScriptPlugin("z.js", "await new Promise(() => {})", 50), {
    code: "failed",
    message: /within 50 ms/,
  });
  await assert.rejects(
    loadJavaScriptPlugin(
      "y.js",
      "export default { name: 'y', summary: '', results: {}, install() {}, options: { a: {} } }",
    ),
    { code: "invalid", message: /options\.a\.type/ },
  );
});
