import assert from "node:assert/strict";
import { connect as connectTcp } from "node:net";
import { test } from "node:test";
import { type Built, build, connect, listen, until } from "./helper.js";

async function serve(t: Parameters<typeof build>[0], options: Parameters<typeof build>[1] = {}) {
  const built: Built = await build(t, options);
  const address = await listen(built.app);
  const session = await built.sessions.create(
    { board: "virt", harts: 1, ram: 4096 },
    { id: "a", images: [], machine: { board: "virt", harts: 1, ram: 4096 } },
  );
  const fake = built.sessions.get(session.id);
  assert.ok(fake);
  return { ...built, session: fake, url: `ws://${address}/v1/sessions/a`, address };
}

test("the console sends what was printed and types what is sent", async (t) => {
  const { url, session } = await serve(t);
  session.console().print("before ");
  const { socket, next } = await connect(`${url}/console`);
  assert.equal(String(await next()), "before ");
  session.console().print("after");
  assert.equal(String(await next()), "after");
  socket.send("ls\r");
  socket.send(Buffer.from([3]));
  await until(() => session.console().typed.length === 4);
  assert.deepEqual(session.console().typed, [...Buffer.from("ls\r"), 3]);
  const late = await connect(`${url}/console?from=end`);
  session.console().print("!");
  assert.equal(String(await late.next()), "!");
  socket.close();
  late.socket.close();
  await until(() => session.listeners === 0);
});

test("a console ends with its session", async (t) => {
  const { url, sessions, session } = await serve(t);
  const { closed } = await connect(`${url}/console`);
  await sessions.delete("a");
  assert.equal((await closed).code, 1000);
  await until(() => session.listeners === 0);
});

test("a client that was too slow for the console is told how much it lost", async (t) => {
  const { url, session } = await serve(t);
  const console = session.console("console0");
  console.keep = 10;
  console.print("0123456789abcdef");
  const { next } = await connect(`${url}/console?console=console0&from=0`);
  assert.deepEqual(JSON.parse(String(await next())), { type: "gap", lost: 6 });
  assert.equal(String(await next()), "6789abcdef");
});

test("events come as they happen, and from the log when asked", async (t) => {
  const { url, session, sessions } = await serve(t);
  session.setState("running", "start");
  const fresh = await connect(`${url}/events`);
  const all = await connect(`${url}/events?after=0`);
  assert.equal(JSON.parse(String(await all.next())).seq, 1);
  session.setState("paused", "pause");
  assert.equal(JSON.parse(String(await fresh.next())).state, "paused");
  assert.equal(JSON.parse(String(await all.next())).seq, 2);
  await sessions.delete("a");
  assert.equal(JSON.parse(String(await fresh.next())).type, "deleted");
  assert.equal((await fresh.closed).code, 1000);
});

test("a trace WebSocket makes its subscription from the query", async (t) => {
  const { url, session } = await serve(t);
  const query =
    "fields=seq,paddr&paddr=0x10000000-0x100000ff,0x0&device=uart0&direction=write&size=1,4&hart=0&ioOnly&walk=1&everyNth=3&stopAfter=7&slow=block&format=jsonl";
  const { next, socket, closed } = await connect(`${url}/trace?${query}`);
  assert.deepEqual(JSON.parse(String(await next())), { subscription: { session: "a", id: "t1", format: "jsonl" } });
  const subscription = session.subscription("t1");
  assert.deepEqual(subscription?.spec, {
    fields: ["seq", "paddr"],
    filter: {
      paddr: [
        [0x1000_0000n, 0x1000_00ffn],
        [0n, 0n],
      ],
      device: ["uart0"],
      direction: ["write"],
      size: [1, 4],
      hart: [0],
      ioOnly: true,
    },
    include: { fetch: false, walk: true, dma: false },
    everyNth: 3,
    stopAfter: 7,
    slow: "block",
    ringBatches: 16,
    batchRows: 16384,
  });
  subscription?.write(2);
  assert.equal(await next(), '{"seq":0}\n');
  assert.equal(await next(), '{"seq":1}\n');
  await until(() => subscription?.released === 2);
  socket.close();
  await closed;
  await until(() => session.subscriptions().length === 0);
});

test("what can be refused of a trace is refused before the upgrade", async (t) => {
  const { url, session } = await serve(t);
  const refuse = async (path: string): Promise<{ status: number; code: string }> => {
    try {
      await connect(`${url}${path}`);
    } catch (error) {
      const { status, body } = error as { status: number; body: string };
      return { status, code: JSON.parse(body).code };
    }
    throw new Error("it was accepted");
  };
  assert.deepEqual(await refuse("/trace?fields=nope"), { status: 400, code: "EMU_INVALID_PARAMS" });
  assert.deepEqual(await refuse("/trace?paddr=5-2"), { status: 400, code: "EMU_INVALID_PARAMS" });
  assert.deepEqual(await refuse("/trace?unknown=1"), { status: 400, code: "EMU_INVALID_PARAMS" });
  assert.deepEqual(await refuse("/trace?batchRows=65536&ringBatches=1000"), { status: 422, code: "EMU_LIMIT" });
  assert.deepEqual(await refuse("/console?console=tty"), { status: 404, code: "EMU_CONSOLE_NOT_FOUND" });
  assert.deepEqual(await refuse("/subscriptions/t9/stream"), { status: 404, code: "EMU_SUBSCRIPTION_NOT_FOUND" });
  assert.deepEqual(await refuse("x/console"), { status: 404, code: "EMU_SESSION_NOT_FOUND" });
  assert.deepEqual(await refuse("/nothing"), { status: 404, code: "EMU_ROUTE_NOT_FOUND" });
  assert.equal(session.subscriptions().length, 0);
});

test("a handshake that fails leaves no subscription behind", async (t) => {
  const { address, session } = await serve(t);
  const [host, port] = address.split(":");
  await new Promise<void>((resolve) => {
    const socket = connectTcp(Number(port), host, () => {
      socket.write(
        `GET /v1/sessions/a/trace HTTP/1.1\r\nHost: ${address}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
      );
    });
    socket.resume();
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  await until(() => session.subscriptions().length === 0);
});

test("a subscription survives its client, and goes on behind the last sequence number seen", async (t) => {
  const { url, session } = await serve(t);
  const subscription = await session.subscribe({
    fields: ["seq"],
    filter: {},
    include: { fetch: false, walk: false, dma: false },
    everyNth: 1,
    slow: "block",
    ringBatches: 2,
    batchRows: 256,
  });
  const path = `${url}/subscriptions/${subscription.id}/stream?format=jsonl`;
  const first = await connect(path);
  await first.next();
  subscription.write(3);
  assert.equal(await first.next(), '{"seq":0}\n');
  const busy = connect(path);
  await assert.rejects(busy, /409.*EMU_SUBSCRIPTION_BUSY/);
  first.socket.terminate();
  await until(() => !subscription.attached);
  const second = await connect(`${path}&after=1`);
  await second.next();
  assert.equal(await second.next(), '{"seq":2}\n');
  await session.unsubscribe(subscription.id);
  assert.equal((await second.closed).code, 1000);
});

test("a trace whose connection breaks can be resumed for a while, then ends", async (t) => {
  const { url, session } = await serve(t, { limits: { linger: 60 } });
  const first = await connect(`${url}/trace?format=jsonl`);
  await first.next();
  first.socket.terminate();
  await until(() => session.subscription("t1")?.attached === false);
  const second = await connect(`${url}/subscriptions/t1/stream?format=jsonl`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(session.subscription("t1"), "a client came back");
  second.socket.terminate();
  const third = await connect(`${url}/trace`);
  await third.next();
  third.socket.terminate();
  await until(() => session.subscription("t2") === undefined);
});

test("frames are asked for only while the client takes them", async (t) => {
  const { url, session } = await serve(t, { limits: { socketBuffer: 256 * 1024 } });
  const { socket, next, closed } = await connect(`${url}/trace`);
  await next();
  socket.pause();
  const subscription = session.subscription("t1");
  assert.ok(subscription);
  subscription.flood = 64 * 1024;
  subscription.write(0);
  let seen = -1;
  await until(() => {
    const same = seen === subscription.pulled && seen > 0;
    seen = subscription.pulled;
    return same;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const stuck = subscription.pulled;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(subscription.pulled, stuck, "it waits");
  assert.ok(stuck - subscription.released <= 5, `${stuck - subscription.released} frames are held`);
  socket.resume();
  await until(() => subscription.pulled > stuck + 10);
  assert.equal((await next()).length, 64 * 1024, "parts make one message");
  socket.terminate();
  await closed;
  await until(() => !subscription.attached);
});

test("sockets are bounded, and closed with 1012 at shutdown", async (t) => {
  const { url, app } = await serve(t, { limits: { maxSockets: 1 } });
  const one = await connect(`${url}/events`);
  await assert.rejects(connect(`${url}/events`), /429.*maxSockets/);
  await app.close();
  assert.equal((await one.closed).code, 1012);
});
