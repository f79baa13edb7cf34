// Plugins over the real service: HTTP and WebSocket only, on guests that run while it happens.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { counterSource, emptyPlugin, wasm } from "../server/plugin-modules.js";
import { counter } from "./programs.js";
import { type Client, type RpcError, sharedService, startService } from "./service.js";

const DEMO = new URL("../../../guest/demo/demo.elf", import.meta.url);
const demo = { session: "demo" };

interface Slot {
  slot: string;
  state: string;
  attachedAt: number;
  failure?: { cause: string; message: string; where: string };
}
interface Found<R> {
  results: R;
  instructions: number;
  state: string;
  text?: string;
  outputBytes: number;
  files: { name: string; size: number }[];
}

const shared = sharedService();

/** One of its own where it needs settings. */
const service = (t: TestContext, codeToken: string | undefined, limits: object): Promise<Client> =>
  codeToken === undefined && Object.keys(limits).length === 0 ? shared(t) : startService(t, limits, codeToken);

async function withDemo(t: TestContext, codeToken?: string, limits = {}): Promise<Client> {
  const client = await service(t, codeToken, limits);
  await client.upload(await readFile(DEMO), "demo.elf");
  await client.call("session.create", { id: "demo", board: "remap", ram: "64M" });
  return client;
}

async function withProgram(t: TestContext, program: Uint8Array, codeToken?: string, limits = {}): Promise<Client> {
  const client = await service(t, codeToken, limits);
  const image = await client.upload(program);
  await client.call("session.create", { id: "demo", ram: "16M", firmware: { image, kind: "raw" } });
  return client;
}

const attach = (client: Client, plugin: string, more: object = {}) =>
  client.call<Slot>("slot.attach", { ...demo, plugin, ...more });
const results = async <R>(client: Client, slot: string, more: object = {}): Promise<Found<R>> =>
  client.call<Found<R>>("slot.results", { ...demo, slot, ...more });
const put = (client: Client, name: string, bytes: Buffer | string) =>
  client.call("plugin.put", { name, data: Buffer.from(bytes).toString("base64") });

async function refused(promise: Promise<unknown>): Promise<RpcError> {
  try {
    await promise;
  } catch (error) {
    return error as RpcError;
  }
  throw new Error("it was not refused");
}

/** The guest executes another `count` instructions, running freely. */
async function progress(client: Client, count: number): Promise<void> {
  const now = async () => (await client.call<{ instructions: number }>("session.get", demo)).instructions;
  const goal = (await now()) + count;
  for (let n = 0; n < 2000 && (await now()) < goal; n++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok((await now()) >= goal, "the guest runs");
}

test("counts begin where a plugin is attached, to the instruction", async (t) => {
  const client = await withProgram(t, counter());
  await client.call("session.step", { ...demo, count: 10_007 });
  const { attachedAt } = await attach(client, "insn");
  assert.equal(attachedAt, 10_007);
  await attach(client, "mem", { filter: { direction: "write" } });
  await client.call("session.step", { ...demo, count: 300_001 });
  const insn = await results<{ instructions: number }>(client, "insn");
  assert.equal(insn.instructions, 310_008);
  assert.equal(insn.results.instructions, 300_001);
  const [before, after] = [10_007, 310_008].map((n) => Math.floor((n - 3 + 1) / 3));
  const mem = await results<{ writes: number; reads: number }>(client, "mem");
  assert.ok(Math.abs(mem.results.writes - ((after as number) - (before as number))) <= 1, JSON.stringify(mem.results));
  const final = await client.call<Found<{ instructions: number }>>("slot.detach", { ...demo, slot: "insn" });
  assert.equal(final.results.instructions, 300_001);
});

test("the device profile counts what the trace of the same run tells", { timeout: 120_000 }, async (t) => {
  const client = await withDemo(t);
  await client.call("session.runUntil", { ...demo, instructions: 2_000_000 });
  await attach(client, "hwprofile");
  await attach(client, "hotblocks");
  await attach(client, "mem", { id: "device-writes", filter: { io: true, direction: "write" } });
  const socket = client.socket(
    "/v1/sessions/demo/trace?format=jsonl&fields=device,direction,flags&ioOnly=true&slow=block",
  );
  await socket.opened;
  await socket.until(() => socket.texts.length > 0);
  await client.call("session.runUntil", { ...demo, instructions: 6_000_000, timeoutMs: 60_000 });
  const { subscriptions } = await client.call<{ subscriptions: { id: string; written: number }[] }>(
    "subscription.list",
    demo,
  );
  const lines = () =>
    socket.texts.slice(1).flatMap((text) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    );
  const written = subscriptions[0]?.written as number;
  assert.ok(written > 1000);
  await socket.until(() => lines().length >= written);
  const traced: Record<string, { reads: number; writes: number }> = {};
  for (const { device, direction, flags } of lines()) {
    // an access that faults is none for plugins
    if ((flags & 1) !== 0) continue;
    const counts = (traced[device] ??= { reads: 0, writes: 0 });
    counts[direction === "read" ? "reads" : "writes"]++;
  }
  const found = await results<{ devices: { device: string; reads: number; writes: number }[] }>(client, "hwprofile");
  const profiled = Object.fromEntries(
    found.results.devices.map(({ device, reads, writes }) => [device, { reads, writes }]),
  );
  assert.deepEqual(profiled, traced);
  const writes = Object.values(traced).reduce((sum, counts) => sum + counts.writes, 0);
  const counted = await results<{ reads: number; writes: number }>(client, "device-writes");
  assert.deepEqual([counted.results.reads, counted.results.writes], [0, writes]);
  await socket.close();
});

test("several plugins come and go while the guest runs", { timeout: 120_000 }, async (t) => {
  const client = await withDemo(t);
  await client.call("session.start", demo);
  const names = ["bb", "insn", "hotpages", "howvec", "hwprofile", "cache", "execlog"];
  for (const name of names) assert.equal((await attach(client, name)).state, "active");
  await progress(client, 500_000);
  const { slots } = await client.call<{ slots: Slot[] }>("slot.list", demo);
  assert.deepEqual(
    slots.map(({ slot }) => slot),
    names,
  );
  assert.equal((await client.call<{ variant: string }>("engine.stats", demo)).variant, "probe");

  assert.equal((await client.call<Slot>("slot.pause", { ...demo, slot: "insn" })).state, "paused");
  const paused = await results<{ instructions: number }>(client, "insn");
  assert.equal(paused.state, "paused");
  assert.ok(paused.results.instructions > 100_000);
  await progress(client, 500_000);
  assert.equal(
    (await results<{ instructions: number }>(client, "insn")).results.instructions,
    paused.results.instructions,
    "a paused plugin counts nothing",
  );
  await client.call("slot.resume", { ...demo, slot: "insn" });
  await progress(client, 500_000);
  const resumed = (await results<{ instructions: number }>(client, "insn")).results.instructions;
  assert.ok(resumed > paused.results.instructions);

  await client.call("slot.configure", { ...demo, slot: "hotpages", args: { limit: 1 } });
  await progress(client, 500_000);
  const pages = await results<{ pages: unknown[] }>(client, "hotpages", { text: true });
  assert.equal(pages.results.pages.length, 1);
  assert.match(pages.text as string, /^Addr, RCPUs, Reads/);
  const text = await fetch(`${client.url}/v1/sessions/demo/plugins/howvec/results`, {
    headers: { accept: "text/plain" },
  });
  assert.match(await text.text(), /Instruction Classes:/);

  for (const slot of names) await client.call("slot.detach", { ...demo, slot });
  await progress(client, 500_000);
  assert.equal((await client.call<{ variant: string }>("engine.stats", demo)).variant, "plain");
  const { events } = await client.call<{ events: { type: string; what: string }[] }>("event.list", demo);
  const happened = events.filter(({ type }) => type === "plugin").map(({ what }) => what);
  assert.equal(happened.filter((what) => what === "attached").length, names.length);
  assert.equal(happened.filter((what) => what === "detached").length, names.length);
  for (const what of ["paused", "resumed", "configured"]) assert.ok(happened.includes(what), what);
});

test("results and output are followed live, to the last word", { timeout: 120_000 }, async (t) => {
  const client = await withDemo(t);
  await client.call("session.start", demo);
  await attach(client, "insn");
  await attach(client, "execlog", { args: { lines: 50 } });
  const every = client.socket("/v1/sessions/demo/plugins/insn/results?interval=20&text=true");
  const changes = client.socket("/v1/sessions/demo/plugins/insn/results?interval=20&on=change");
  const log = client.socket("/v1/sessions/demo/plugins/execlog/output");
  await Promise.all([every, changes, log].map(({ opened }) => opened));
  await every.until(() => every.texts.length >= 4);
  await changes.until(() => changes.texts.length >= 4);
  const counts = changes.messages.map((message) => (message["results"] as { instructions: number }).instructions);
  assert.deepEqual(
    counts,
    [...new Set(counts)].sort((a, b) => a - b),
  );
  const written = (): string => log.messages.map(({ text }) => text ?? "").join("");
  await log.until(() => written().split("\n").length > 50);
  assert.match(written(), /^0, 0x[0-9a-f]+, 0x[0-9a-f]+, "/);

  await client.call("session.pause", demo);
  const final = await client.call<Found<{ instructions: number }>>("slot.detach", { ...demo, slot: "insn" });
  assert.equal((await every.closed).code, 1000);
  assert.deepEqual(every.messages.at(-1), { end: { reason: "detached" } });
  assert.deepEqual(every.messages.at(-2)?.["results"], final.results);
  await client.call("session.delete", demo);
  assert.equal((await log.closed).code, 1000);
  assert.deepEqual(log.messages.at(-1), { end: { reason: "session-ended" } });
});

test("a slow reader of live results gets fewer, and the guest does not wait", { timeout: 120_000 }, async (t) => {
  const client = await withDemo(t);
  await client.call("session.start", demo);
  await attach(client, "hotblocks", { args: { limit: 0 } });
  const socket = client.socket("/v1/sessions/demo/plugins/hotblocks/results?interval=20");
  await socket.opened;
  await socket.until(() => socket.texts.length > 0);
  socket.ws.pause();
  await progress(client, 5_000_000);
  const before = socket.texts.length;
  socket.ws.resume();
  await client.call("session.pause", demo);
  const { instructions } = await client.call<{ instructions: number }>("session.get", demo);
  await socket.until(() => socket.messages.at(-1)?.["instructions"] === instructions);
  assert.ok(socket.texts.length > before);
  await socket.close();
});

test("a plugin pauses the guest, exactly where it says", async (t) => {
  const client = await withProgram(t, counter());
  await attach(client, "stoptrigger", { args: { icount: "123456" } });
  await client.call("session.start", demo);
  await client.call("session.wait", { ...demo, state: ["paused"], timeoutMs: 30_000 });
  const { reason, instructions } = await client.call<{ reason: string; instructions: number }>("session.get", demo);
  assert.match(reason, /^plugin stoptrigger: /);
  assert.equal(instructions, 123_456);
  const { executed } = await client.call<{ executed: number }>("session.step", { ...demo, count: 10 });
  assert.equal(executed, 10);
});

test("a reset is told to plugins, which stay", async (t) => {
  const client = await withProgram(t, counter());
  await attach(client, "insn");
  await client.call("session.start", demo);
  await client.call("session.reset", demo);
  const { slots } = await client.call<{ slots: Slot[] }>("slot.list", demo);
  assert.deepEqual(
    slots.map(({ slot, state }) => `${slot} ${state}`),
    ["insn active"],
  );
});

test("attached and detached again and again, the guest goes on and nothing stays", { timeout: 120_000 }, async (t) => {
  const client = await withDemo(t);
  await client.call("session.start", demo);
  for (let n = 0; n < 60; n++) {
    const plugin = ["insn", "hotpages", "cache", "hotblocks"][n % 4] as string;
    const { slot } = await attach(client, plugin);
    await client.call("slot.detach", { ...demo, slot });
  }
  await progress(client, 500_000);
  assert.deepEqual((await client.call<{ slots: Slot[] }>("slot.list", demo)).slots, []);
});

test("refusals of the machine name what is wrong and leave nothing behind", async (t) => {
  const client = await withProgram(t, counter(), undefined, { maxSlots: 2, maxProbeMemory: 65_536 });
  const cases: [string, object, string, RegExp, string?][] = [
    ["hotpages", { args: { pagesize: 1000 } }, "EMU_INVALID_PARAMS", /power of two/, "args.pagesize"],
    ["hotpages", { args: { sortby: "age" } }, "EMU_INVALID_PARAMS", /reads/, "args.sortby"],
    ["hotpages", { args: "sorby=reads" }, "EMU_INVALID_PARAMS", /did you mean sortby/, "args.sorby"],
    ["hwprofile", { args: "source=on,pattern=on" }, "EMU_INVALID_PARAMS", /source/, "args.pattern"],
    ["hotpage", {}, "EMU_PLUGIN_NOT_FOUND", /did you mean hotpages/],
    ["insn", { filter: { device: ["gpu"] } }, "EMU_DEVICE_NOT_FOUND", /gpu/],
    ["insn", { filter: { hart: [4] } }, "EMU_INVALID_PARAMS", /harts from 0 to 0/, "filter.hart"],
    ["execlog", {}, "EMU_LIMIT", /memory for probes/],
  ];
  for (const [plugin, more, code, detail, field] of cases) {
    const error = await refused(attach(client, plugin, more));
    assert.equal(error.code, code, `${plugin} ${JSON.stringify(more)}: ${error.message}`);
    assert.match(error.message, detail);
    if (field !== undefined) assert.equal((error.data["errors"] as { field: string }[])[0]?.field, field);
  }
  assert.deepEqual((await client.call<{ slots: Slot[] }>("slot.list", demo)).slots, []);
  await attach(client, "insn");
  await attach(client, "insn");
  assert.equal((await refused(attach(client, "insn"))).data["limit"], "maxSlots");
  await client.call("session.step", { ...demo, count: 1000 });
});

/** Registers a callback at each block; `body` is what it does. */
const wasmPlugin = (body: string): Buffer =>
  wasm(`(module
    (import "emuscope" "register_vcpu_tb_trans_cb" (func $trans (param i64 i32 i32)))
    (import "emuscope" "register_vcpu_tb_exec_cb" (func $exec (param i32 i32 i32 i32)))
    (import "emuscope" "outs" (func $outs (param i32 i32)))
    (import "emuscope" "uninstall" (func $uninstall (param i64 i32 i32)))
    (import "emuscope" "emu_result" (func $result (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "hello from wasm\\n{\\"answer\\": 42}")
    (table 3 3 funcref)
    (elem (i32.const 1) $translate $executed)
    (global (export "emuscope_plugin_version") i32 (i32.const 6))
    (func (export "emu_alloc") (param i32) (result i32) i32.const 1024)
    (func $translate (param i64 i32) (call $exec (local.get 1) (i32.const 2) (i32.const 0) (i32.const 7)))
    (func $executed (param i32 i32) ${body})
    (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
    (func (export "qemu_plugin_install") (param i64 i32 i32 i32) (result i32)
      (call $outs (i32.const 16) (i32.const 16))
      (call $result (i32.const 32) (i32.const 14))
      (call $trans (local.get 0) (i32.const 1) (i32.const 0))
      i32.const 0))`);

test("an uploaded WebAssembly plugin runs, and tells what it found", async (t) => {
  const client = await withProgram(t, counter());
  await put(client, "mine.wasm", wasmPlugin(""));
  const slot = await attach(client, "mine.wasm", { args: { any: "thing" } });
  assert.equal(slot.slot, "mine");
  await client.call("session.step", { ...demo, count: 10_000 });
  const found = await results<{ answer: number }>(client, "mine");
  assert.equal(found.state, "active");
  assert.deepEqual(found.results, { answer: 42 });
  const { data } = await client.call<{ data: string }>("slot.output", { ...demo, slot: "mine" });
  assert.equal(data, "hello from wasm\n");
  assert.equal((await refused(client.call("plugin.delete", { plugin: "mine.wasm" }))).code, "EMU_PLUGIN_IN_USE");
  await client.call("slot.detach", { ...demo, slot: "mine" });
  await client.call("plugin.delete", { plugin: "mine.wasm" });
});

test("a plugin that uninstalls itself leaves its slot with what it wrote, until it is detached", async (t) => {
  const client = await withProgram(t, counter(), undefined, { maxSlots: 1 });
  await put(client, "once.wasm", wasmPlugin("(call $uninstall (i64.const 0) (i32.const 0) (i32.const 0))"));
  await attach(client, "once.wasm");
  const output = client.socket("/v1/sessions/demo/plugins/once/output");
  await output.opened;
  await client.call("session.step", { ...demo, count: 10_000 });
  const found = await results<{ answer: number }>(client, "once");
  assert.equal(found.state, "ended");
  assert.deepEqual(found.results, { answer: 42 });
  assert.equal((await client.call<{ variant: string }>("engine.stats", demo)).variant, "plain");
  assert.equal((await refused(client.call("slot.pause", { ...demo, slot: "once" }))).code, "EMU_SLOT_STATE");
  const { data } = await client.call<{ data: string }>("slot.output", { ...demo, slot: "once" });
  assert.equal(data, "hello from wasm\n");
  const final = await client.call<{ output: string }>("slot.detach", { ...demo, slot: "once" });
  assert.equal(final.output, data);
  assert.equal((await output.closed).code, 1000);
  assert.equal(output.messages.map(({ text }) => text ?? "").join(""), data);
  const { events } = await client.call<{ events: { type: string; what: string }[] }>("event.list", demo);
  assert.deepEqual(
    events.filter(({ type }) => type === "plugin").map(({ what }) => what),
    ["attached", "ended", "detached"],
  );
  // the place is free again
  await attach(client, "once.wasm");
});

test("a plugin that goes wrong ends by itself, with the cause, and the guest goes on", {
  timeout: 120_000,
}, async (t) => {
  const client = await withProgram(t, counter(), undefined, { pluginBurstFuel: 1_000_000 });
  const cases: [string, string][] = [
    ["unreachable", "trap"],
    ["(drop (i32.load (i32.const -4)))", "trap"],
    ["(loop $forever (br $forever))", "out-of-fuel"],
    ["(drop (call $deep (i32.const 0)))", "stack-overflow"],
  ];
  await client.call("session.start", demo);
  for (const [n, [body, cause]] of cases.entries()) {
    await put(client, `bad${n}.wasm`, wasmPlugin(body));
    const { slot } = await attach(client, `bad${n}.wasm`);
    await progress(client, 100_000);
    const { state, failure } = await client.call<Slot>("slot.get", { ...demo, slot });
    assert.equal(state, "failed", body);
    assert.equal(failure?.cause, cause, JSON.stringify(failure));
    assert.equal((await refused(client.call("slot.resume", { ...demo, slot }))).code, "EMU_SLOT_STATE");
  }
  const { events } = await client.call<{ events: { what?: string; failure?: { cause: string } }[] }>(
    "event.list",
    demo,
  );
  assert.deepEqual(
    events.filter(({ what }) => what === "failed").map(({ failure }) => failure?.cause),
    cases.map(([, cause]) => cause),
  );
  for (let n = 0; n < cases.length; n++) await client.call("slot.detach", { ...demo, slot: `bad${n}` });
  await progress(client, 100_000);
  await put(client, "bad-install.wasm", emptyPlugin("(start $s) (func $s unreachable)"));
  const error = await refused(attach(client, "bad-install.wasm"));
  assert.equal(error.code, "EMU_PLUGIN_FAILED", error.message);
  assert.equal((await client.call<{ state: string }>("session.get", demo)).state, "running");
});

test("the plugin that docs/plugins.md shows does what it says", { timeout: 60_000 }, async (t) => {
  const docs = await readFile(new URL("../../../docs/plugins.md", import.meta.url), "utf8");
  const [, source] = /```js\n([\s\S]*?)```/.exec(docs) ?? [];
  const client = await withDemo(t, "the-operator's");
  await put(client, "writers.js", source as string);
  await attach(client, "writers.js", { args: { limit: 3 } });
  await client.call("session.runUntil", { ...demo, instructions: 3_000_000, timeoutMs: 60_000 });
  const { writers } = (await results<{ writers: { where: string; writes: number }[] }>(client, "writers")).results;
  assert.equal(writers.length, 3);
  assert.match(writers[0]?.where ?? "", /^0x[0-9a-f]+ uart0\+0x0$/);
});

test("JavaScript plugins run where the operator allows it, and fail alone", { timeout: 60_000 }, async (t) => {
  const client = await withProgram(t, counter(), "the-operator's");
  await put(client, "counter.js", counterSource);
  await attach(client, "counter.js", { args: { from: 3 } });
  assert.deepEqual((await results(client, "counter")).results, { n: 3, big: "0xffffffffffffffff", harts: 1 });
  const failing = (body: string) => `export default { name: "bad", summary: "", options: {}, results: {},
    install(host) { ${body} } };`;
  await put(client, "throws.js", failing("throw new Error('not today')"));
  const error = await refused(attach(client, "throws.js"));
  assert.equal(error.code, "EMU_PLUGIN_FAILED");
  assert.match(error.message, /not today/);
  await put(
    client,
    "callback.js",
    failing(`let n = 0; const stop = () => { if (++n === 5) throw new RangeError("five"); };
      return { translate(block) { block.onExec(host.call(stop, 0)); }, results: () => n };`),
  );
  await attach(client, "callback.js");
  await client.call("session.step", { ...demo, count: 10_000 });
  const { state, failure } = await client.call<Slot>("slot.get", { ...demo, slot: "callback" });
  assert.equal(state, "failed");
  assert.match(failure?.message ?? "", /RangeError: five/);
  assert.equal(failure?.where, "callback");
  await client.call("session.step", { ...demo, count: 10_000 });
});

test("two sessions in lockstep tell where they part", { timeout: 120_000 }, async (t) => {
  const client = await shared(t);
  await client.upload(await readFile(DEMO), "demo.elf");
  const sessions = ["one", "two"];
  for (const id of sessions) await client.call("session.create", { id, board: "remap", ram: "64M" });
  for (const session of sessions) await client.call("slot.attach", { session, plugin: "lockstep" });
  type Lockstep = { state: string; harts: { compared: number }[]; divergence?: object };
  const found = async (session: string) =>
    (await client.call<Found<Lockstep>>("slot.results", { session, slot: "lockstep" })).results;
  const until = async (condition: (results: Lockstep) => boolean) => {
    for (let n = 0; n < 2000; n++) {
      const results = await found("one");
      if (condition(results)) return results;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error("it did not come to pass");
  };
  for (const session of sessions) await client.call("session.start", { session });
  await until(({ state, harts }) => state === "comparing" && (harts[0]?.compared ?? 0) > 10_000);
  await client.call("session.pause", { session: "two" });
  await client.call("register.set", { session: "two", values: { pc: "0x80000000" } });
  await client.call("session.start", { session: "two" });
  const { divergence } = await until(({ state }) => state === "diverged");
  assert.ok(divergence);
  await client.call("session.wait", { session: "one", state: ["paused"], timeoutMs: 30_000 });
  assert.match((await client.call<{ reason: string }>("session.get", { session: "one" })).reason, /^plugin lockstep: /);
});
