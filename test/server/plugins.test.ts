import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type Built, build, connect, listen, until } from "./helper.js";
import { counterSource, emptyPlugin, wasm } from "./plugin-modules.js";

const json = (response: { payload: string }) => JSON.parse(response.payload);
const TOKEN = "everybody's";
const CODE_TOKEN = "the-operator's";
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

async function withSession(t: Parameters<typeof build>[0], options: Parameters<typeof build>[1] = {}) {
  const built: Built = await build(t, options);
  await built.sessions.create(
    { board: "virt", harts: 1, ram: 4096 },
    { id: "a", images: [], machine: { board: "virt", harts: 1, ram: 4096 } },
  );
  const session = built.sessions.get("a");
  assert.ok(session);
  const headers: Record<string, string> = options.token ? { authorization: `Bearer ${options.token}` } : {};
  const request = async (method: string, url: string, payload?: object, more: Record<string, string> = {}) => {
    const response = await built.app.inject({
      method: method as "GET",
      url: `/v1${url}`,
      headers: { ...headers, ...more },
      ...(payload === undefined ? {} : { payload }),
    });
    return { status: response.statusCode, body: response.payload === "" ? {} : tryJson(response.payload), response };
  };
  const upload = (bytes: Buffer | string, query: string, more: Record<string, string> = {}) =>
    built.app
      .inject({
        method: "PUT",
        url: `/v1/plugins?${query}`,
        headers: { "content-type": "application/octet-stream", ...headers, ...more },
        payload: bytes,
      })
      .then((response) => ({ status: response.statusCode, body: json(response), response }));
  return { ...built, session, request, upload };
}

function tryJson(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

test("built-in plugins are listed with their options and the schema of their results", async (t) => {
  const { request } = await withSession(t);
  const { body } = await request("GET", "/plugins");
  const pages = body.plugins.find(({ name }: { name: string }) => name === "pages");
  assert.equal(pages.kind, "builtin");
  assert.deepEqual(pages.options.limit, {
    type: "integer",
    description: "how many",
    default: 10,
    minimum: 1,
    maximum: 100,
  });
  assert.equal(pages.results.type, "object");
  assert.deepEqual((await request("GET", "/plugins/pages")).body, pages);
});

test("a WebAssembly plugin is stored under its digest, and found by name and prefix", async (t) => {
  const { upload, request } = await withSession(t);
  const bytes = emptyPlugin();
  const put = await upload(bytes, "name=mine.wasm");
  assert.equal(put.status, 201, JSON.stringify(put.body));
  const digest = sha256(bytes);
  assert.equal(put.response.headers["location"], `/v1/plugins/${digest}`);
  assert.equal(put.body.kind, "wasm");
  assert.equal(put.body.version, 6);
  assert.equal(put.body.added, true);
  assert.equal((await upload(bytes, `name=mine.wasm&digest=${digest}`)).body.added, false);
  for (const reference of ["mine.wasm", digest, digest.slice(0, 10)])
    assert.equal((await request("GET", `/plugins/${reference}`)).body.digest, digest);
  assert.equal((await request("DELETE", "/plugins/mine.wasm")).body.deleted, digest);
  assert.equal((await request("GET", "/plugins/mine.wasm")).status, 404);
});

test("what is no plugin is refused at upload, with the reason", async (t) => {
  const { upload, request } = await withSession(t, { limits: { maxPluginBytes: 2000, maxPlugins: 1 } });
  const cases: [Buffer | string, string, number, string, RegExp][] = [
    [wasm("(module)"), "kind=wasm", 422, "EMU_PLUGIN_MALFORMED", /memory|export/],
    [emptyPlugin('(import "env" "puts" (func))'), "", 422, "EMU_PLUGIN_MALFORMED", /puts/],
    [emptyPlugin("", 99), "", 422, "EMU_PLUGIN_MALFORMED", /version 99/],
    [Buffer.from("\0asm\x01\0\0\0\xff\xff", "latin1"), "", 422, "EMU_PLUGIN_MALFORMED", /./],
    [Buffer.from("\x7fELF and so on"), "", 422, "EMU_PLUGIN_MALFORMED", /native code/],
    [Buffer.from([1, 2, 0, 0xff]), "", 422, "EMU_PLUGIN_MALFORMED", /neither/],
    ["", "", 422, "EMU_PLUGIN_MALFORMED", /empty/],
    [Buffer.alloc(3000, "x"), "", 413, "EMU_BODY_TOO_LARGE", /maxPluginBytes/],
    [emptyPlugin(), `digest=${"0".repeat(64)}`, 422, "EMU_IMAGE_DIGEST_MISMATCH", /digest/],
    [emptyPlugin(), "name=pages", 400, "EMU_INVALID_PARAMS", /built-in/],
    [emptyPlugin(), "name=0123456789", 400, "EMU_INVALID_PARAMS", /digest/],
    [emptyPlugin(), "kind=native", 400, "EMU_INVALID_PARAMS", /wasm/],
    ["export default {}", "", 403, "EMU_PLUGIN_FORBIDDEN", /EMUSCOPE_JS_PLUGIN_TOKEN/],
  ];
  for (const [bytes, query, status, code, detail] of cases) {
    const { body, status: got } = await upload(bytes, query);
    assert.equal(body.code, code, `${query}: ${JSON.stringify(body)}`);
    assert.equal(got, status);
    assert.match(body.detail, detail);
  }
  assert.equal((await upload(emptyPlugin(), "name=one.wasm")).status, 201);
  assert.equal(
    (await upload(emptyPlugin('(import "emuscope" "outs" (func (param i32 i32)))'), "")).body.code,
    "EMU_CAPACITY",
  );
  const near = await request("GET", "/plugins/page");
  assert.equal(near.body.code, "EMU_PLUGIN_NOT_FOUND");
  assert.match(near.body.detail, /did you mean pages/);
  assert.equal((await request("DELETE", "/plugins/pages")).body.code, "EMU_INVALID_PARAMS");
});

test("a plugin is attached, looked at, paused, resumed, configured and detached", async (t) => {
  const { request, session } = await withSession(t);
  session.instructions = 500;
  const made = await request("POST", "/sessions/a/plugins", {
    plugin: "pages",
    args: { limit: 5 },
    filter: { paddr: ["0x1000-0x1fff", "0x5000"], device: ["uart0"], direction: "read" },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.response.headers["location"], "/v1/sessions/a/plugins/pages");
  assert.deepEqual(
    { ...made.body, cost: undefined },
    {
      session: "a",
      slot: "pages",
      plugin: "pages",
      kind: "builtin",
      state: "active",
      args: { limit: 5, sortby: "reads" },
      filter: { paddr: ["0x1000-0x1fff", "0x5000"], device: ["uart0"], direction: "read" },
      attachedAt: 500,
      cost: undefined,
    },
  );
  assert.equal((await request("GET", "/plugins/pages")).body.slots[0].slot, "pages");
  const second = await request("POST", "/sessions/a/plugins", { plugin: "pages", args: "limit=7,sortby=writes" });
  assert.equal(second.body.slot, "pages-2");
  assert.deepEqual(second.body.args, { limit: 7, sortby: "writes" });
  const { slots } = (await request("GET", "/sessions/a/plugins")).body;
  assert.deepEqual(
    slots.map(({ slot }: { slot: string }) => slot),
    ["pages", "pages-2"],
  );
  session.plugins.find("pages", { pages: [{ address: 0x1000n, reads: 2, mask: 2n ** 64n - 1n }] });
  const results = (await request("GET", "/sessions/a/plugins/pages/results")).body;
  assert.deepEqual(results.results, { pages: [{ address: "0x1000", reads: 2, mask: "0xffffffffffffffff" }] });
  assert.equal(results.instructions, 500);
  assert.equal(results.text, undefined);
  assert.equal((await request("GET", "/sessions/a/plugins/pages/results?text=true")).body.text, "Addr, Reads\n");
  const text = await request("GET", "/sessions/a/plugins/pages/results", undefined, { accept: "text/plain" });
  assert.equal(text.response.payload, "Addr, Reads\n");
  assert.equal(text.response.headers["emuscope-instructions"], "500");

  session.plugins.write("pages", "hé");
  session.plugins.write("pages", "llo");
  const output = (await request("GET", "/sessions/a/plugins/pages/output?limit=2")).body;
  assert.deepEqual(output, { slot: "pages", offset: 0, next: 1, end: 6, encoding: "text", data: "h" });
  assert.equal((await request("GET", "/sessions/a/plugins/pages/output?offset=1")).body.data, "éllo");
  session.plugins.offer("pages", "trace.bin", new Uint8Array([1, 2, 3]));
  assert.equal((await request("GET", "/sessions/a/plugins/pages/files/trace.bin")).body.data, "AQID");
  const raw = await request("GET", "/sessions/a/plugins/pages/files/trace.bin", undefined, {
    accept: "application/octet-stream",
  });
  assert.deepEqual([...raw.response.rawPayload], [1, 2, 3]);

  assert.equal((await request("PATCH", "/sessions/a/plugins/pages", {})).body.errors[0].field, "args");
  assert.equal((await request("POST", "/sessions/a/plugins/pages/pause")).body.state, "paused");
  assert.equal((await request("POST", "/sessions/a/plugins/pages/resume")).body.state, "active");
  const changed = await request("PATCH", "/sessions/a/plugins/pages-2", { filter: { io: true } });
  assert.deepEqual(changed.body.filter, { io: true });
  assert.equal(changed.body.args.limit, 7);
  const final = (await request("DELETE", "/sessions/a/plugins/pages")).body;
  assert.equal(final.output, "héllobye\n");
  assert.deepEqual(final.files, [{ name: "trace.bin", size: 3, data: "AQID" }]);
  assert.equal(final.text, "Addr, Reads\n");
  assert.equal((await request("GET", "/sessions/a/plugins/pages")).body.code, "EMU_SLOT_NOT_FOUND");
  const { events } = (await request("GET", "/sessions/a/event-log")).body;
  assert.deepEqual(
    events.map(({ type, id, what }: Record<string, string>) => `${type} ${id} ${what}`),
    [
      "plugin pages attached",
      "plugin pages-2 attached",
      "plugin pages paused",
      "plugin pages resumed",
      "plugin pages-2 configured",
      "plugin pages detached",
    ],
  );
});

test("mistakes are entries of the error table, and name the field", async (t) => {
  const { request, session } = await withSession(t);
  const attach = (payload: object) => request("POST", "/sessions/a/plugins", payload);
  assert.equal((await attach({ plugin: "pages", id: "one" })).status, 201);
  const cases: [object, string, RegExp, string?][] = [
    [{ plugin: "pagez" }, "EMU_PLUGIN_NOT_FOUND", /did you mean pages/],
    [{ plugin: "pages", id: "one" }, "EMU_SLOT_EXISTS", /one/],
    [{ plugin: "pages", id: "One" }, "EMU_INVALID_PARAMS", /id/, "id"],
    [{ plugin: "pages", args: { limt: 3 } }, "EMU_INVALID_PARAMS", /did you mean limit/, "args.limt"],
    [{ plugin: "pages", args: { limit: 0 } }, "EMU_INVALID_PARAMS", /from 1 to 100/, "args.limit"],
    [{ plugin: "pages", args: "sortby=size" }, "EMU_INVALID_PARAMS", /reads, writes/, "args.sortby"],
    [{ plugin: "pages", args: 7 }, "EMU_INVALID_PARAMS", /options/, "args"],
    [{ plugin: "pages", filter: { device: ["nope"] } }, "EMU_DEVICE_NOT_FOUND", /nope/],
    [{ plugin: "pages", filter: { region: ["nope"] } }, "EMU_INVALID_PARAMS", /nope/, "filter.region"],
    [{ plugin: "pages", filter: { hart: [3] } }, "EMU_INVALID_PARAMS", /harts from 0 to 0/, "filter.hart"],
    [{ plugin: "pages", filter: { pc: ["0x2-0x1"] } }, "EMU_INVALID_PARAMS", /first/, "filter.pc[0]"],
    [{ plugin: "pages", filter: { colour: 1 } }, "EMU_INVALID_PARAMS", /known fields/, "filter.colour"],
  ];
  for (const [payload, code, detail, field] of cases) {
    const { body } = await attach(payload);
    assert.equal(body.code, code, JSON.stringify(body));
    assert.match(body.detail, detail);
    if (field !== undefined) assert.equal(body.errors[0].field, field);
  }
  for (let n = 0; n < 3; n++) assert.equal((await attach({ plugin: "quiet" })).status, 201);
  const full = await attach({ plugin: "quiet" });
  assert.equal(full.body.code, "EMU_LIMIT");
  assert.equal(full.body.limit, "maxSlots");
  assert.equal((await request("DELETE", "/sessions/a/plugins/quiet-3")).status, 200);
  assert.equal((await attach({ plugin: "quiet" })).body.slot, "quiet-3");

  const none = await request("GET", "/sessions/a/plugins/quiet/results", undefined, { accept: "text/plain" });
  assert.equal(none.body.code, "EMU_NOT_ACCEPTABLE");
  assert.equal((await request("GET", "/sessions/a/plugins/quiet/files/x")).body.code, "EMU_SLOT_FILE_NOT_FOUND");
  assert.equal((await request("POST", "/sessions/a/plugins/zzz/pause")).body.code, "EMU_SLOT_NOT_FOUND");
  session.plugins.find("quiet", { text: "x".repeat(20_000) });
  const large = await request("GET", "/sessions/a/plugins/quiet/results");
  assert.equal(large.body.limit, "maxPluginResults");
  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  session.plugins.find("quiet", loop);
  assert.equal((await request("GET", "/sessions/a/plugins/quiet/results")).body.code, "EMU_PLUGIN_FAILED");
  // neither keeps it from being detached
  assert.match((await request("DELETE", "/sessions/a/plugins/quiet")).body.results.error, /JSON/);
});

test("a plugin that went wrong keeps its report, and its session goes on", async (t) => {
  const { request, session } = await withSession(t);
  await request("POST", "/sessions/a/plugins", { plugin: "pages" });
  const failure = { cause: "trap", message: "unreachable", where: "callback", instructions: 77 } as const;
  session.plugins.fail("pages", failure);
  const { body } = await request("GET", "/sessions/a/plugins/pages");
  assert.equal(body.state, "failed");
  assert.deepEqual(body.failure, failure);
  assert.equal((await request("POST", "/sessions/a/plugins/pages/resume")).body.code, "EMU_SLOT_STATE");
  assert.equal((await request("PATCH", "/sessions/a/plugins/pages", { args: {} })).body.code, "EMU_SLOT_STATE");
  const { events } = (await request("GET", "/sessions/a/event-log?after=1")).body;
  assert.equal(events[0].what, "failed");
  assert.deepEqual(events[0].failure, failure);
  session.plugins.hooks.stop("pages", "seen enough");
  assert.equal((await request("GET", "/sessions/a")).body.reason, "plugin pages: seen enough");
  assert.equal((await request("DELETE", "/sessions/a/plugins/pages")).body.failure.message, "unreachable");
});

test("an attached plugin cannot be deleted", async (t) => {
  const { request, upload, sessions } = await withSession(t);
  await upload(emptyPlugin(), "name=mine.wasm");
  const slot = await request("POST", "/sessions/a/plugins", { plugin: "mine.wasm", args: { anything: "goes" } });
  assert.equal(slot.body.slot, "mine", JSON.stringify(slot.body));
  assert.equal(slot.body.kind, "wasm");
  const refused = await request("DELETE", "/plugins/mine.wasm");
  assert.equal(refused.body.code, "EMU_PLUGIN_IN_USE");
  assert.deepEqual(refused.body.slots, ["a/mine"]);
  await sessions.delete("a");
  assert.equal((await request("DELETE", "/plugins/mine.wasm")).status, 200);
});

test("JavaScript plugins need a token of their own", async (t) => {
  const { request, upload } = await withSession(t, { token: TOKEN, codeToken: CODE_TOKEN });
  const code = { authorization: `Bearer ${CODE_TOKEN}` };
  for (const query of ["name=counter.js", "kind=javascript"]) {
    const { status, body } = await upload(counterSource, query);
    assert.equal(status, 403);
    assert.match(body.detail, /Bearer <EMUSCOPE_JS_PLUGIN_TOKEN>/);
  }
  assert.equal((await upload(counterSource, "name=counter.js", { authorization: "Bearer wrong" })).status, 401);
  assert.equal((await upload(counterSource, "name=counter.js", code)).body.kind, "javascript");
  const payload = { plugin: "counter.js", args: { from: 5 } };
  assert.equal((await request("POST", "/sessions/a/plugins", payload)).body.code, "EMU_PLUGIN_FORBIDDEN");
  const slot = await request("POST", "/sessions/a/plugins", payload, code);
  assert.equal(slot.body.slot, "counter", JSON.stringify(slot.body));
  assert.equal(slot.body.kind, "javascript");
  const results = await request("GET", "/sessions/a/plugins/counter/results");
  assert.deepEqual(results.body.results, { n: 5, big: "0xffffffffffffffff" });
  assert.equal((await request("PATCH", "/sessions/a/plugins/counter", { args: {} })).status, 403);
  assert.equal((await request("PATCH", "/sessions/a/plugins/counter", { args: { from: "x" } }, code)).status, 400);
  assert.equal((await request("DELETE", "/sessions/a/plugins/counter")).status, 200);
});

test("a JavaScript module that is no plugin says why", async (t) => {
  const { request, upload } = await withSession(t, { codeToken: CODE_TOKEN });
  const code = { authorization: `Bearer ${CODE_TOKEN}` };
  const cases: [string, string, RegExp][] = [
    ["export default {", "EMU_PLUGIN_FAILED", /SyntaxError/],
    ["throw new Error('no luck')", "EMU_PLUGIN_FAILED", /no luck/],
    ["import 'left-pad'; export default {}", "EMU_PLUGIN_FAILED", /cannot be loaded/],
    ["export const x = 1", "EMU_INVALID_PARAMS", /default export/],
    ["export default { name: 'X' }", "EMU_INVALID_PARAMS", /name/],
    ["export default { name: 'x', summary: '', results: {}, options: {} }", "EMU_INVALID_PARAMS", /install/],
  ];
  for (const [n, [source, expected, detail]] of cases.entries()) {
    await upload(source, `name=bad${n}.js`, code);
    const { body } = await request("POST", "/sessions/a/plugins", { plugin: `bad${n}.js` }, code);
    assert.equal(body.code, expected, JSON.stringify(body));
    assert.match(body.detail, detail);
  }
  assert.deepEqual((await request("GET", "/sessions/a/plugins")).body.slots, []);
});

async function live(t: Parameters<typeof build>[0]) {
  const made = await withSession(t);
  const url = `ws://${await listen(made.app)}/v1/sessions/a/plugins`;
  await made.request("POST", "/sessions/a/plugins", { plugin: "pages" });
  return { ...made, url };
}

test("live results come at an interval until the plugin is detached", async (t) => {
  const { request, session, url } = await live(t);
  session.plugins.find("pages", { n: 1n });
  const { next, closed } = await connect(`${url}/pages/results?interval=20&text=true`);
  const first = JSON.parse(String(await next()));
  assert.deepEqual(first.results, { n: "0x1" });
  assert.equal(first.text, "Addr, Reads\n");
  assert.equal(first.session, "a");
  session.instructions = 9;
  let last = JSON.parse(String(await next()));
  for (let n = 0; n < 10 && last.instructions !== 9; n++) last = JSON.parse(String(await next()));
  assert.equal(last.instructions, 9);
  session.plugins.find("pages", { n: 2n });
  await request("DELETE", "/sessions/a/plugins/pages");
  for (;;) {
    const message = JSON.parse(String(await next()));
    if (message.end) {
      assert.deepEqual(message, { end: { reason: "detached" } });
      break;
    }
    last = message;
  }
  assert.deepEqual(last.results, { n: "0x2" });
  assert.equal((await closed).code, 1000);
});

test("live results on change are sent when they changed, and looked at when they may have", async (t) => {
  const { session, url, sessions } = await live(t);
  const { next, closed } = await connect(`${url}/pages/results?interval=20&on=change`);
  assert.deepEqual(JSON.parse(String(await next())).results, { pages: [] });
  const { snapshots } = session.plugins;
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(session.plugins.snapshots, snapshots, "a machine that stands is left alone");
  session.instructions++;
  await until(() => session.plugins.snapshots > snapshots);
  session.plugins.find("pages", { pages: [1] });
  assert.deepEqual(JSON.parse(String(await next())).results, { pages: [1] });
  session.plugins.fail("pages", { cause: "exception", message: "x", where: "translate", instructions: 1 });
  assert.equal(JSON.parse(String(await next())).state, "failed");
  await sessions.delete("a");
  assert.deepEqual(JSON.parse(String(await next())), { end: { reason: "session-ended" } });
  assert.equal((await closed).code, 1000);
});

test("live output comes as it is written, the last words included", async (t) => {
  const { request, session, url } = await live(t);
  session.plugins.write("pages", "before ");
  const all = await connect(`${url}/pages/output`);
  const fresh = await connect(`${url}/pages/output?from=end`);
  assert.deepEqual(JSON.parse(String(await all.next())), { offset: 0, text: "before " });
  session.plugins.write("pages", "after ");
  session.control.sendOutput();
  assert.deepEqual(JSON.parse(String(await all.next())), { offset: 7, text: "after " });
  assert.deepEqual(JSON.parse(String(await fresh.next())), { offset: 7, text: "after " });
  await request("DELETE", "/sessions/a/plugins/pages");
  assert.deepEqual(JSON.parse(String(await all.next())), { offset: 13, text: "bye\n" });
  assert.deepEqual(JSON.parse(String(await all.next())), { end: { reason: "detached" } });
  assert.equal((await fresh.closed).code, 1000);
});

test("live views are refused before the upgrade where there is no slot", async (t) => {
  const { url, session } = await live(t);
  await assert.rejects(connect(`${url}/nope/results`), /404.*EMU_SLOT_NOT_FOUND/);
  await assert.rejects(connect(`${url}/nope/output`), /404.*EMU_SLOT_NOT_FOUND/);
  await assert.rejects(connect(`${url}/pages/results?interval=1`), /400.*from 20/);
  await assert.rejects(connect(`${url}/pages/results?on=tuesdays`), /400.*change/);
  const { socket } = await connect(`${url}/pages/results`);
  socket.close();
  await until(() => session.listeners === 0);
});
