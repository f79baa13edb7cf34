import assert from "node:assert/strict";
import { test } from "node:test";
import { Tickets } from "../../src/operations/tickets.js";
import { isLoopback } from "../../src/server/auth.js";
import { build, connect, listen } from "./helper.js";

const TOKEN = "correct-horse-battery-staple";

test("with a token, everything but health needs it", async (t) => {
  const { app } = await build(t, { token: TOKEN });
  const status = async (url: string, headers: Record<string, string> = {}) =>
    (await app.inject({ url, headers })).statusCode;
  assert.equal(await status("/v1/health"), 200);
  assert.equal(await status("/v1"), 401);
  assert.equal(await status("/v1/openapi.json"), 401);
  assert.equal(await status("/nowhere"), 401);
  assert.equal(await status("/v1", { authorization: `Bearer ${TOKEN}` }), 200);
  assert.equal(await status("/v1", { authorization: `bearer ${TOKEN}` }), 200);
  for (const wrong of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, "Bearer", `Basic ${TOKEN}`, ""]) {
    assert.equal(await status("/v1", { authorization: wrong }), 401, wrong);
  }
  const refused = await app.inject({
    method: "POST",
    url: "/rpc",
    payload: { jsonrpc: "2.0", id: 1, method: "service.info" },
  });
  assert.equal(refused.statusCode, 401);
  assert.match(String(refused.headers["www-authenticate"]), /Bearer/);
});

test("a ticket opens one WebSocket, once, and nothing else", async (t) => {
  const { app, sessions, logged } = await build(t, { token: TOKEN });
  await sessions.create({ board: "virt", harts: 1, ram: 4096 }, { id: "a", images: [], machine: {} });
  const address = await listen(app);
  const response = await app.inject({
    method: "POST",
    url: "/v1/tickets",
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const { ticket } = JSON.parse(response.payload);
  assert.equal((await app.inject(`/v1?ticket=${ticket}`)).statusCode, 401);
  const url = `ws://${address}/v1/sessions/a/events?ticket=${ticket}`;
  const { socket } = await connect(url);
  await assert.rejects(connect(url), /401/);
  await assert.rejects(connect(`ws://${address}/v1/sessions/a/events`), /401/);
  await connect(`ws://${address}/v1/sessions/a/events`, { headers: { authorization: `Bearer ${TOKEN}` } });
  socket.close();
  assert.ok(!JSON.stringify(logged).includes(ticket), "no ticket in the log");
  assert.ok(!JSON.stringify(logged).includes(TOKEN), "no token in the log");
});

test("a ticket expires, and makes room", () => {
  let now = 1000;
  const tickets = new Tickets({ ticketLife: 5, maxTickets: 2 }, () => now);
  const [first, second] = [tickets.issue(), tickets.issue()];
  assert.equal(first.expires, 1005);
  assert.throws(() => tickets.issue(), /maxTickets/);
  now = 1004;
  assert.equal(tickets.redeem(second.ticket), true);
  now = 1005;
  assert.equal(tickets.redeem(first.ticket), false);
  tickets.issue();
  tickets.issue();
});

test("without a token, a rebound name is not this service", async (t) => {
  const { app } = await build(t, { allowedHosts: ["emuscope.test"] });
  const status = async (host: string) => (await app.inject({ url: "/v1", headers: { host } })).statusCode;
  for (const host of ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "emuscope.test:1", "LOCALHOST"])
    assert.equal(await status(host), 200, host);
  for (const host of ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil"])
    assert.equal(await status(host), 403, host);
});

test("pages of other origins are refused, over HTTP and WebSocket", async (t) => {
  const { app, sessions } = await build(t, { allowedOrigins: ["https://good.example"] });
  const address = await listen(app);
  await sessions.create({ board: "virt", harts: 1, ram: 4096 }, { id: "a", images: [], machine: {} });
  const get = (origin: string, host = "localhost") => app.inject({ url: "/v1", headers: { origin, host } });
  assert.equal((await get("https://evil.example")).statusCode, 403);
  assert.equal((await get("null")).statusCode, 403);
  assert.equal((await get("http://localhost:8080", "localhost:8080")).statusCode, 200);
  assert.equal((await get("http://localhost:9090", "localhost:8080")).statusCode, 403);
  const good = await get("https://good.example");
  assert.equal(good.statusCode, 200);
  assert.equal(good.headers["access-control-allow-origin"], "https://good.example");
  const preflight = await app.inject({
    method: "OPTIONS",
    url: "/v1/sessions",
    headers: { origin: "https://good.example", "access-control-request-method": "POST" },
  });
  assert.equal(preflight.statusCode, 204);
  assert.match(String(preflight.headers["access-control-allow-methods"]), /PATCH/);
  const made = await app.inject({
    method: "POST",
    url: "/v1/sessions",
    headers: { origin: "https://evil.example" },
    payload: {},
  });
  assert.equal(made.statusCode, 403);
  assert.equal(sessions.list().length, 1);
  const ws = `ws://${address}/v1/sessions/a/events`;
  await assert.rejects(connect(ws, { headers: { origin: "https://evil.example" } }), /403/);
  (await connect(ws, { headers: { origin: "https://good.example" } })).socket.close();
  (await connect(ws, { headers: { origin: `http://${address}` } })).socket.close();
});

test("loopback is told from what others can reach", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1"]) assert.equal(isLoopback(host), true, host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example", "example.org", ""])
    assert.equal(isLoopback(host), false, host);
});
