import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { type Built, build, listen } from "./helper.js";

const json = (response: { payload: string }) => JSON.parse(response.payload);

async function withSession(built: Built, payload: object = {}) {
  const response = await built.app.inject({ method: "POST", url: "/v1/sessions", payload: { id: "a", ...payload } });
  assert.equal(response.statusCode, 201, response.payload);
  return json(response);
}

test("the service tells its version, limits and errors", async (t) => {
  const { app } = await build(t);
  const info = json(await app.inject("/v1"));
  assert.equal(info.name, "emuscope");
  assert.equal((await app.inject("/")).headers["location"], "/v1");
  const { limits } = json(await app.inject("/v1/limits"));
  assert.ok(
    limits.some((limit: { name: string; value: number }) => limit.name === "maxSessions" && limit.value === 16),
  );
  const { errors } = json(await app.inject("/v1/errors"));
  assert.ok(
    errors.some(
      (error: { code: string; status: number }) => error.code === "EMU_SESSION_NOT_FOUND" && error.status === 404,
    ),
  );
  assert.equal(json(await app.inject("/v1/health")).status, "ok");
});

test("an image is stored once, found by name, digest and prefix, and its name moves", async (t) => {
  const { app, dataDir } = await build(t);
  const put = (body: string, name: string) =>
    app.inject({
      method: "PUT",
      url: `/v1/images?name=${name}&kind=raw`,
      headers: { "content-type": "application/octet-stream" },
      payload: Buffer.from(body),
    });
  const first = await put("hello", "greeting");
  assert.equal(first.statusCode, 201);
  const digest = createHash("sha256").update("hello").digest("hex");
  assert.equal(first.headers["location"], `/v1/images/${digest}`);
  assert.equal(json(first).added, true);
  const again = await put("hello", "other");
  assert.equal(json(again).added, false);
  assert.deepEqual(json(again).names, ["greeting", "other"]);
  for (const reference of [digest, `sha256:${digest}`, digest.slice(0, 8), "other"]) {
    assert.equal(json(await app.inject(`/v1/images/${reference}`)).digest, digest);
  }
  await put("goodbye", "greeting");
  assert.deepEqual(json(await app.inject(`/v1/images/${digest}`)).names, ["other"]);
  assert.notEqual(json(await app.inject("/v1/images/greeting")).digest, digest);
  assert.deepEqual(await readdir(join(dataDir, "incoming")), []);
  const gone = await app.inject({ method: "DELETE", url: "/v1/images/other" });
  assert.equal(json(gone).deleted, digest);
  assert.equal((await app.inject(`/v1/images/${digest}`)).statusCode, 404);
});

test("an upload of unknown type, as curl -T sends it, is taken", async (t) => {
  const { app } = await build(t);
  const address = await listen(app);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(`http://${address}/v1/images?name=x.bin`, { method: "PUT" }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", reject);
    request.end(Buffer.alloc(300_000, 7));
  });
  assert.equal(status, 201);
});

test("an image above the limit is refused and leaves nothing behind", async (t) => {
  const { app, dataDir } = await build(t, { limits: { maxImageBytes: 1000 } });
  const address = await listen(app);
  const response = await fetch(`http://${address}/v1/images?name=big`, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: Buffer.alloc(400_000),
  });
  const problem = (await response.json()) as { code: string; limit: string };
  assert.equal(response.status, 413);
  assert.equal(problem.code, "EMU_BODY_TOO_LARGE");
  assert.equal(problem.limit, "maxImageBytes");
  assert.deepEqual(await readdir(join(dataDir, "incoming")), []);
  assert.deepEqual(json(await app.inject("/v1/images")).images, []);
});

test("a digest that does not fit, an empty and a malformed image are refused", async (t) => {
  const { app } = await build(t);
  const put = (query: string, payload: Buffer) =>
    app.inject({
      method: "PUT",
      url: `/v1/images?${query}`,
      headers: { "content-type": "application/octet-stream" },
      payload,
    });
  const wrong = await put(`digest=${"0".repeat(64)}`, Buffer.from("x"));
  assert.equal(wrong.statusCode, 422);
  assert.equal(json(wrong).code, "EMU_IMAGE_DIGEST_MISMATCH");
  const elf = json(await put("", Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]), Buffer.alloc(8)])));
  assert.equal(elf.code, "EMU_IMAGE_MALFORMED");
  assert.equal(typeof elf.offset, "number");
  assert.match(elf.detail, /kind=raw/);
  assert.deepEqual(json(await app.inject("/v1/images")).images, []);
});

test("a session is made, listed, driven and deleted", async (t) => {
  const built = await build(t);
  const { app } = built;
  const made = await withSession(built, { ram: "64M", harts: 2 });
  assert.equal(made.ram, 64 * 1024 * 1024);
  assert.equal(made.hartStates[0].pc, "0x80000000");
  assert.equal(json(await app.inject("/v1/sessions")).sessions.length, 1);
  assert.equal(json(await app.inject({ method: "POST", url: "/v1/sessions/a/start" })).state, "running");
  const refused = await app.inject({ method: "POST", url: "/v1/sessions/a/step", payload: { count: 5 } });
  assert.equal(refused.statusCode, 409);
  assert.equal(json(refused).code, "EMU_SESSION_STATE");
  assert.equal(json(await app.inject({ method: "POST", url: "/v1/sessions/a/pause" })).state, "paused");
  assert.equal(json(await app.inject({ method: "POST", url: "/v1/sessions/a/step?count=5" })).executed, 5);
  assert.equal(
    json(await app.inject({ method: "POST", url: "/v1/sessions/a/run-until", payload: { pc: "0x80000010" } })).pc,
    "0xffffffff80000000",
  );
  assert.equal(json(await app.inject({ method: "DELETE", url: "/v1/sessions/a" })).deleted, "a");
  assert.equal((await app.inject("/v1/sessions/a")).statusCode, 404);
});

test("images of a session cannot be deleted while it lives", async (t) => {
  const built = await build(t);
  const { app } = built;
  await app.inject({
    method: "PUT",
    url: "/v1/images?name=k.bin",
    headers: { "content-type": "application/octet-stream" },
    payload: Buffer.from("kernel"),
  });
  await withSession(built, {
    kernel: "k.bin",
    load: [{ image: { image: "k.bin", kind: "raw" }, address: "0x80200000" }],
  });
  assert.equal(built.sessions.get("a")?.description.load?.[0]?.address, 0x80200000);
  const refused = await app.inject({ method: "DELETE", url: "/v1/images/k.bin" });
  assert.equal(refused.statusCode, 409);
  assert.deepEqual(json(refused).sessions, ["a"]);
  await app.inject({ method: "DELETE", url: "/v1/sessions/a" });
  assert.equal((await app.inject({ method: "DELETE", url: "/v1/images/k.bin" })).statusCode, 200);
});

test("a malformed image named by the machine gives offset and reason", async (t) => {
  const { app, sessions } = await build(t);
  await app.inject({
    method: "PUT",
    url: "/v1/images?name=broken.elf&kind=raw",
    headers: { "content-type": "application/octet-stream" },
    payload: Buffer.from("x"),
  });
  const response = await app.inject({ method: "POST", url: "/v1/sessions", payload: { kernel: "broken.elf" } });
  assert.equal(response.statusCode, 422);
  assert.equal(json(response).reason, "not 64-bit");
  assert.equal(sessions.list().length, 0);
  assert.equal(
    (await app.inject({ method: "DELETE", url: "/v1/images/broken.elf" })).statusCode,
    200,
    "the pin is gone",
  );
});

test("errors name the field, what was expected, and change nothing", async (t) => {
  const { app, sessions } = await build(t);
  const post = async (payload: unknown) => {
    const response = await app.inject({ method: "POST", url: "/v1/sessions", payload: payload as object });
    assert.match(String(response.headers["content-type"]), /^application\/problem\+json/);
    return json(response);
  };
  const cases: [unknown, string, RegExp][] = [
    [{ bord: "virt" }, "bord", /did you mean board/],
    [{ harts: 9 }, "harts", /from 1 to 8/],
    [{ harts: "2" }, "harts", /integer/],
    [{ ram: "10X" }, "ram", /512M/],
    [{ ram: 4097 }, "ram", /multiple of 4096/],
    [{ kernel: 5 }, "kernel", /digest or name/],
    [{ load: [{ image: "x", address: "80200000" }] }, "load[0].address", /hex string/],
    [{ virtio: [{ type: "gpu" }] }, "virtio[0]", /entropy/],
    [{ board: "virtual" }, "board", /"virt"/],
    [{ cmdline: "a\0b" }, "cmdline", /NUL/],
    [[], "", /JSON object/],
    [JSON.parse('{"__proto__": {"board": "virt"}}'), "__proto__", /known fields/],
  ];
  for (const [payload, field, detail] of cases) {
    const problem = await post(payload);
    assert.equal(problem.code, "EMU_INVALID_PARAMS", JSON.stringify(problem));
    assert.equal(problem.status, 400);
    assert.equal(problem.errors[0].field, field);
    assert.match(problem.detail, detail);
  }
  assert.equal((await post({ ram: "100G" })).code, "EMU_LIMIT");
  assert.equal((await post({ kernel: "nope" })).code, "EMU_IMAGE_NOT_FOUND");
  assert.equal(sessions.list().length, 0);
});

test("ids are unique and sessions bounded", async (t) => {
  const built = await build(t, { limits: { maxSessions: 1 } });
  await withSession(built);
  const same = await built.app.inject({ method: "POST", url: "/v1/sessions", payload: { id: "a" } });
  assert.equal(json(same).code, "EMU_SESSION_EXISTS");
  const more = await built.app.inject({ method: "POST", url: "/v1/sessions", payload: {} });
  assert.equal(more.statusCode, 429);
});

test("registers are read and written as hex strings", async (t) => {
  const built = await build(t);
  await withSession(built);
  const { app } = built;
  assert.deepEqual(
    json(await app.inject("/v1/sessions/a/registers?names=a0,pc")).registers.map((r: { value: string }) => r.value),
    ["0x1234", "0x80000000"],
  );
  const set = await app.inject({
    method: "PATCH",
    url: "/v1/sessions/a/registers",
    payload: { values: { a0: "0xFFFFFFFFFFFFFFFF", pc: 4096 } },
  });
  assert.deepEqual(
    json(set).registers.map((r: { value: string }) => r.value),
    ["0xffffffffffffffff", "0x1000"],
  );
  const bad = await app.inject({
    method: "PATCH",
    url: "/v1/sessions/a/registers",
    payload: { values: { a0: 1, zz: 2 } },
  });
  assert.equal(bad.statusCode, 404);
  assert.equal(built.sessions.get("a")?.registers.get("a0"), 0xffff_ffff_ffff_ffffn, "all or none");
  const value = await app.inject({ method: "PATCH", url: "/v1/sessions/a/registers", payload: { values: { a0: -1 } } });
  assert.equal(json(value).errors[0].field, "values.a0");
});

test("memory goes as hex, base64 or raw bytes", async (t) => {
  const built = await build(t);
  await withSession(built);
  const { app } = built;
  const url = "/v1/sessions/a/memory";
  assert.equal(
    json(await app.inject({ method: "PUT", url, payload: { paddr: "0x80000000", data: "deadbeef" } })).length,
    4,
  );
  assert.equal(
    json(await app.inject({ method: "PUT", url, payload: { paddr: 0x80000004, encoding: "base64", data: "AQI=" } }))
      .address,
    "0x80000004",
  );
  const raw = await app.inject({
    method: "PUT",
    url: `${url}?paddr=0x80000006`,
    headers: { "content-type": "application/octet-stream" },
    payload: Buffer.from([9]),
  });
  assert.equal(json(raw).length, 1);
  const hex = json(await app.inject(`${url}?paddr=0x80000000&length=7`));
  assert.deepEqual(hex, {
    space: "physical",
    address: "0x80000000",
    length: 7,
    encoding: "hex",
    data: "deadbeef010209",
  });
  const bytes = await app.inject({
    url: `${url}?paddr=0x80000000&length=7`,
    headers: { accept: "application/octet-stream" },
  });
  assert.equal(bytes.headers["content-type"], "application/octet-stream");
  assert.equal(bytes.headers["emuscope-address"], "0x80000000");
  assert.deepEqual([...bytes.rawPayload], [0xde, 0xad, 0xbe, 0xef, 1, 2, 9]);
  const picky = await app.inject({ url: `${url}?paddr=0x80000000&length=7`, headers: { accept: "image/png" } });
  assert.equal(picky.statusCode, 406);

  const refused = async (query: string) => json(await app.inject(`${url}?${query}`));
  assert.equal((await refused("length=4")).errors[0].field, "vaddr");
  assert.equal((await refused("paddr=0&vaddr=0&length=4")).code, "EMU_INVALID_PARAMS");
  assert.equal((await refused("paddr=0x10&length=4")).code, "EMU_UNMAPPED");
  assert.equal((await refused("paddr=0xfffffffffffffff0&length=32")).code, "EMU_INVALID_PARAMS");
  assert.equal((await refused("paddr=0&length=99999999999")).code, "EMU_LIMIT");
  assert.equal((await refused("paddr=zzz&length=1")).errors[0].field, "paddr");
  assert.equal((await refused("paddr=0&length=1&lenght=2")).errors[0].field, "lenght");
  const odd = await app.inject({ method: "PUT", url, payload: { paddr: "0x80000000", data: "abc" } });
  assert.equal(json(odd).errors[0].field, "data");
});

test("memory is searched", async (t) => {
  const built = await build(t);
  await withSession(built);
  built.sessions.get("a")?.ram.set(Buffer.from("needle and needle"), 100);
  const search = (payload: object) =>
    built.app.inject({
      method: "POST",
      url: "/v1/sessions/a/memory/search",
      payload: { paddr: "0x80000000", length: 65536, ...payload },
    });
  const found = json(await search({ pattern: "needle", encoding: "text" }));
  assert.deepEqual(found.matches, ["0x80000064", "0x8000006f"]);
  assert.equal(found.complete, true);
  assert.equal(json(await search({ pattern: "6e65", limit: 1 })).complete, false);
});

test("what looks into a machine answers in hex strings", async (t) => {
  const built = await build(t);
  await withSession(built);
  const get = async (path: string) => json(await built.app.inject(`/v1/sessions/a/${path}`));
  assert.equal((await get("translate?vaddr=0xffffffff80000000")).fault.name, "load page fault");
  assert.equal((await get("memory/flat")).sections[0].end, "0x80010000");
  assert.equal((await get("tlb")).counters.miss, 3);
  assert.deepEqual(await get("tlb/entries"), { entries: [], complete: true });
  assert.equal((await get("devices")).devices[0].regions[0].start, "0x10000000");
  assert.equal((await get("devices/uart0")).registers[0].fields.DLAB, 0);
  assert.equal((await get("devices/uart9")).code, "EMU_DEVICE_NOT_FOUND");
  assert.match((await get("device-tree")).data, /dts-v1/);
  assert.equal((await get("device-tree?format=dtb")).encoding, "base64");
  assert.equal((await get("symbols?query=ma")).symbols[0].name, "main");
  assert.equal((await get("disassembly")).instructions[0].text, "nop");
  assert.equal((await get("interrupts")).harts[0].mip, "0x80");
});

test("console output is read by offset, as text and raw; input is typed", async (t) => {
  const built = await build(t);
  await withSession(built);
  const { app } = built;
  const console = built.sessions.get("a")?.console();
  console?.print("boot\nlogin: ");
  const url = "/v1/sessions/a/console";
  const read = json(await app.inject(`${url}/output`));
  assert.deepEqual(read, { console: "uart0", offset: 0, next: 12, end: 12, encoding: "text", data: "boot\nlogin: " });
  const raw = await app.inject({ url: `${url}/output?offset=5`, headers: { accept: "text/plain" } });
  assert.equal(raw.payload, "login: ");
  assert.equal(raw.headers["emuscope-next"], "12");
  await app.inject({ method: "POST", url: `${url}/input`, payload: { data: "root\r" } });
  await app.inject({ method: "POST", url: `${url}/input`, headers: { "content-type": "text/plain" }, payload: "x" });
  assert.equal(Buffer.from(console?.typed ?? []).toString(), "root\rx");
  assert.equal((await app.inject(`${url}/output?console=tty9`)).statusCode, 404);
});

test("a wait ends by state, by text, by time, and when the text cannot come any more", async (t) => {
  const built = await build(t);
  await withSession(built);
  const session = built.sessions.get("a");
  const wait = async (payload: object) =>
    json(await built.app.inject({ method: "POST", url: "/v1/sessions/a/wait", payload }));
  assert.equal((await wait({ state: ["ready"] })).matched, true);
  assert.deepEqual(await wait({ state: ["halted"], timeoutMs: 10 }), {
    matched: false,
    reason: "timeout",
    state: "ready",
    instructions: 0,
  });
  // by the listener and not by time: a loaded host may be slow to begin a wait
  const waiting = async () => {
    while (session?.listeners === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  const text = wait({ text: "SHELL-READY" });
  await waiting();
  session?.console().print("...SHELL-");
  session?.console().print("READY\n");
  assert.equal((await text).offset, 14);
  assert.equal((await wait({ text: "READY", from: 3 })).offset, 14);
  assert.equal((await wait({ text: "READY", from: 14, timeoutMs: 5 })).reason, "timeout");
  const never = wait({ text: "never" });
  await waiting();
  session?.setState("halted", "poweroff");
  assert.equal((await never).reason, "ended");
  const deleted = wait({ state: ["running"] });
  await waiting();
  void built.sessions.delete("a");
  assert.equal((await deleted).reason, "ended");
  assert.equal(session?.listeners, 0, "no listener is left");
  assert.equal((await wait({ text: "x" })).code, "EMU_SESSION_NOT_FOUND");
});

test("subscriptions are made, shown and deleted", async (t) => {
  const built = await build(t);
  await withSession(built);
  const { app } = built;
  const url = "/v1/sessions/a/subscriptions";
  const made = await app.inject({
    method: "POST",
    url,
    payload: {
      fields: ["seq", "paddr"],
      filter: { paddr: ["0x10000000-0x100000ff", ["0x0", 255]], direction: ["write"] },
      slow: "block",
    },
  });
  assert.equal(made.statusCode, 201, made.payload);
  assert.equal(made.headers["location"], "/v1/sessions/a/subscriptions/t1");
  assert.deepEqual(json(made).filter, { paddr: ["0x10000000-0x100000ff", "0x0-0xff"], direction: ["write"] });
  assert.deepEqual(built.sessions.get("a")?.subscription("t1")?.spec.filter.paddr, [
    [0x1000_0000n, 0x1000_00ffn],
    [0n, 255n],
  ]);
  assert.equal(json(await app.inject(url)).subscriptions.length, 1);
  const bad = async (payload: object) => json(await app.inject({ method: "POST", url, payload }));
  assert.match((await bad({ fields: ["adress"] })).errors[0].field, /fields\[0\]/);
  assert.equal((await bad({ filter: { paddr: ["0x20-0x10"] } })).errors[0].field, "filter.paddr[0]");
  assert.equal((await bad({ batchRows: 65536, ringBatches: 1024 })).code, "EMU_LIMIT");
  assert.equal(json(await app.inject({ method: "DELETE", url: `${url}/t1` })).deleted, "t1");
  assert.equal((await app.inject(`${url}/t1`)).statusCode, 404);
});

test("unknown paths, methods and media types are told apart", async (t) => {
  const { app } = await build(t);
  assert.equal(json(await app.inject("/v2")).code, "EMU_ROUTE_NOT_FOUND");
  const method = json(await app.inject({ method: "PATCH", url: "/v1/sessions" }));
  assert.equal(method.code, "EMU_METHOD_NOT_ALLOWED");
  assert.deepEqual(method.allowed, ["POST", "GET"]);
  const form = await app.inject({
    method: "POST",
    url: "/v1/sessions",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    payload: "a=b",
  });
  assert.equal(form.statusCode, 415);
  assert.match(json(form).detail, /application\/json/);
  const broken = await app.inject({
    method: "POST",
    url: "/v1/sessions",
    headers: { "content-type": "application/json" },
    payload: "{",
  });
  assert.equal(json(broken).code, "EMU_PARSE_ERROR");
  const deep = await app.inject({
    method: "POST",
    url: "/v1/sessions",
    headers: { "content-type": "application/json" },
    payload: `${"[".repeat(10_000)}${"]".repeat(10_000)}`,
  });
  assert.match(json(deep).detail, /maxJsonDepth/);
  assert.equal((await app.inject("/v1/sessions/%zz")).statusCode, 400);
  assert.equal((await app.inject("/v1/sessions/a/console")).statusCode, 426);
});

test("a JSON body above the limit is refused", async (t) => {
  const { app } = await build(t, { limits: { maxBody: 2048 } });
  const response = await app.inject({ method: "POST", url: "/v1/sessions", payload: { cmdline: "x".repeat(5000) } });
  assert.equal(response.statusCode, 413);
  assert.equal(json(response).code, "EMU_BODY_TOO_LARGE");
});

test("a bug is told without its text, and logged with it", async (t) => {
  const built = await build(t);
  await withSession(built);
  const session = built.sessions.get("a");
  Object.assign(session as object, { call: async () => Promise.reject(new Error("secret path /etc")) });
  const response = await built.app.inject("/v1/sessions/a/tlb");
  assert.equal(response.statusCode, 500);
  assert.ok(!response.payload.includes("secret"));
  const request = response.headers["x-request-id"];
  assert.ok(built.logged.some((line) => line["reqId"] === request && JSON.stringify(line).includes("secret path")));
  assert.ok(built.logged.some((line) => line["reqId"] === request && line["session"] === "a"));
});
