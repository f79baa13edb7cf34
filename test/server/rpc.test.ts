import assert from "node:assert/strict";
import { test } from "node:test";
import type { FastifyInstance } from "fastify";
import { build, connect, listen, until } from "./helper.js";

async function send(app: FastifyInstance, body: string | object): Promise<{ status: number; answer: any }> {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const response = await app.inject({
    method: "POST",
    url: "/rpc",
    headers: { "content-type": "application/json" },
    payload,
  });
  return { status: response.statusCode, answer: response.payload === "" ? undefined : JSON.parse(response.payload) };
}

test("a call is answered with its id, whatever sort it is", async (t) => {
  const { app } = await build(t);
  for (const id of [1, "x", null, 1.5]) {
    const { answer } = await send(app, { jsonrpc: "2.0", id, method: "service.health" });
    assert.equal(answer.id, id);
    assert.equal(answer.result.status, "ok");
  }
});

test("the specification's examples of bad requests get their codes", async (t) => {
  const { app } = await build(t);
  const code = async (body: string | object) => {
    const { status, answer } = await send(app, body);
    assert.equal(status, 200);
    assert.equal(answer.jsonrpc, "2.0");
    return [answer.error.code, answer.id];
  };
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]'), [-32700, null]);
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": 1, "params": "bar"}'), [-32600, null]);
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": "foobar", "id": "1"}'), [-32601, "1"]);
  assert.deepEqual(await code('[{"jsonrpc": "2.0", "method": "sum"'), [-32700, null]);
  assert.deepEqual(await code("[]"), [-32600, null]);
  assert.deepEqual(await code('{"jsonrpc": "1.0", "method": "service.health", "id": 3}'), [-32600, 3]);
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": "service.health", "id": {}}'), [-32600, null]);
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": "service.health", "params": 3, "id": 3}'), [-32600, 3]);
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": "service.health", "parms": {}, "id": 3}'), [-32600, 3]);
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": "service.health", "params": [1], "id": 3}'), [-32602, 3]);
  assert.deepEqual(await code('{"jsonrpc": "2.0", "method": "session.get", "params": {}, "id": 3}'), [-32602, 3]);
  assert.deepEqual(await code('"x"'), [-32600, null]);
  assert.deepEqual(await code("null"), [-32600, null]);
  const { answer } = await send(app, "[1,2,3]");
  assert.deepEqual(
    answer.map((response: any) => response.error.code),
    [-32600, -32600, -32600],
  );
});

test("notifications are done and not answered, alone and in a batch", async (t) => {
  const { app, sessions } = await build(t);
  const create = (id: string) => ({ jsonrpc: "2.0", method: "session.create", params: { id } });
  assert.deepEqual(await send(app, create("n1")), { status: 204, answer: undefined });
  assert.deepEqual(await send(app, [create("n2"), create("n3")]), { status: 204, answer: undefined });
  assert.deepEqual(await send(app, { jsonrpc: "2.0", method: "nope.nope" }), { status: 204, answer: undefined });
  assert.deepEqual(
    sessions.list().map((session) => session.id),
    ["n1", "n2", "n3"],
  );
  const { answer } = await send(app, [create("n4"), { jsonrpc: "2.0", id: 1, method: "session.list" }]);
  assert.equal(answer.length, 1);
  assert.equal(answer[0].result.sessions.length, 4);
});

test("a batch runs in order and is bounded", async (t) => {
  const { app } = await build(t, { limits: { maxBatch: 3 } });
  const call = (id: number, method: string, params: object) => ({ jsonrpc: "2.0", id, method, params });
  const { answer } = await send(app, [
    call(1, "session.create", { id: "b" }),
    call(2, "session.start", { session: "b" }),
    call(3, "session.get", { session: "b" }),
  ]);
  assert.deepEqual(
    answer.map((response: any) => response.result.state),
    ["ready", "running", "running"],
  );
  const tooMany = await send(
    app,
    [1, 2, 3, 4].map((id) => call(id, "service.health", {})),
  );
  assert.equal(tooMany.answer.error.code, -32600);
  assert.equal(tooMany.answer.error.data.limit, "maxBatch");
});

test("an error carries the code of the table, and its members", async (t) => {
  const { app } = await build(t);
  const missing = (await send(app, { jsonrpc: "2.0", id: 1, method: "session.get", params: { session: "zz" } })).answer
    .error;
  assert.equal(missing.code, -32030);
  assert.equal(missing.data.code, "EMU_SESSION_NOT_FOUND");
  assert.equal(missing.data.session, "zz");
  const near = (await send(app, { jsonrpc: "2.0", id: 1, method: "session.lst" })).answer.error;
  assert.match(near.message, /did you mean session.list/);
});

test("bytes travel as text: an image, memory, a console", async (t) => {
  const { app, sessions } = await build(t);
  const call = async (method: string, params: object) =>
    (await send(app, { jsonrpc: "2.0", id: 1, method, params })).answer;
  const image = await call("image.put", { name: "hi.bin", kind: "raw", data: Buffer.from("hi").toString("base64") });
  assert.equal(image.result.size, 2);
  assert.equal((await call("image.put", { data: "not base64!" })).error.data.errors[0].field, "data");
  await call("session.create", { id: "m", load: [{ image: "hi.bin", address: "0x80000000" }] });
  assert.equal((await call("memory.write", { session: "m", paddr: "0x80000000", data: "0x0102" })).result.length, 2);
  assert.equal(
    (await call("memory.read", { session: "m", paddr: "0x80000000", length: 2, encoding: "base64" })).result.data,
    "AQI=",
  );
  sessions.get("m")?.console().print("hello");
  assert.equal((await call("console.read", { session: "m", offset: 1 })).result.data, "ello");
});

test("rpc.discover is the OpenRPC document, and every method of it exists", async (t) => {
  const { app } = await build(t);
  const { answer } = await send(app, { jsonrpc: "2.0", id: 1, method: "rpc.discover" });
  assert.match(answer.result.openrpc, /^1\./);
  for (const { name } of answer.result.methods) {
    const { answer: reply } = await send(app, { jsonrpc: "2.0", id: 1, method: name, params: { surely: "unknown" } });
    assert.equal(reply.error.data.code, "EMU_INVALID_PARAMS", name);
  }
});

test("what is not JSON by its media type is refused by HTTP", async (t) => {
  const { app } = await build(t);
  const response = await app.inject({
    method: "POST",
    url: "/rpc",
    headers: { "content-type": "text/plain" },
    payload: "{}",
  });
  assert.equal(response.statusCode, 415);
  assert.equal((await app.inject({ method: "POST", url: "/rpc" })).statusCode, 415);
  assert.equal((await app.inject("/rpc")).statusCode, 426);
});

test("calls go over a WebSocket too, side by side", async (t) => {
  const { app, sessions } = await build(t);
  const address = await listen(app);
  const { socket, next, closed } = await connect(`ws://${address}/rpc`);
  const call = (id: number, method: string, params: object) =>
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  call(1, "session.create", { id: "w" });
  assert.equal(JSON.parse(String(await next())).result.id, "w");
  call(2, "session.wait", { session: "w", state: ["running"] });
  call(3, "session.start", { session: "w" });
  const answers = [JSON.parse(String(await next())), JSON.parse(String(await next()))];
  assert.deepEqual(answers.map((answer) => answer.id).sort(), [2, 3]);
  socket.send("{");
  assert.equal(JSON.parse(String(await next())).error.code, -32700);
  call(4, "session.wait", { session: "w", state: ["halted"] });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(sessions.get("w")?.listeners, 1);
  socket.send(Buffer.from([1]));
  assert.equal((await closed).code, 1003);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(sessions.get("w")?.listeners, 0, "the wait ended with its socket");
});

test("a WebSocket has only so many calls under way", async (t) => {
  const { app, service } = await build(t, { limits: { maxSocketCalls: 2 } });
  const address = await listen(app);
  const { socket, next } = await connect(`ws://${address}/rpc`);
  socket.send(JSON.stringify({ jsonrpc: "2.0", id: 0, method: "session.create", params: { id: "w" } }));
  await next();
  for (let id = 1; id <= 6; id++) {
    socket.send(
      JSON.stringify({
        jsonrpc: "2.0",
        id,
        method: "session.wait",
        params: { session: "w", state: ["halted"], timeoutMs: 60 },
      }),
    );
  }
  await until(() => service.waits.count > 0);
  assert.equal(service.waits.count, 2);
  for (let id = 1; id <= 6; id++) assert.equal(JSON.parse(String(await next())).result.reason, "timeout");
});

test("a wait ends when its HTTP client goes away", async (t) => {
  const { app, service, sessions } = await build(t);
  const address = await listen(app);
  await sessions.create({ board: "virt", harts: 1, ram: 4096 }, { id: "w", images: [], machine: {} });
  const gone = new AbortController();
  const body = JSON.stringify({ text: "never", timeoutMs: 60_000 });
  const request = fetch(`http://${address}/v1/sessions/w/wait`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: gone.signal,
  });
  await until(() => service.waits.count === 1);
  gone.abort();
  await assert.rejects(request);
  await until(() => service.waits.count === 0);
  assert.equal(sessions.get("w")?.listeners, 0);
});
