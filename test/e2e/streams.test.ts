// Memory-access streams over the real service, read by the apache-arrow package and nothing of ours.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import { COUNTER_BASE, counter, echo, RAM, UART } from "./programs.js";
import { type Client, type RpcError, type Socket, sharedService } from "./service.js";

interface Sub {
  id: string;
  stream: string;
}

const shared = sharedService();

async function machine(t: TestContext, program: Uint8Array): Promise<{ service: Client; session: string }> {
  const service = await shared(t);
  const image = await service.upload(program);
  const { id } = await service.call<{ id: string }>("session.create", { ram: "16M", firmware: { image, kind: "raw" } });
  return { service, session: id };
}

const FIELDS = ["seq", "icount", "pc", "vaddr", "paddr", "region", "device", "size", "direction", "value"];

function subscribe(service: Client, session: string, more: Record<string, unknown> = {}): Promise<Sub> {
  return service.call<Sub>("subscription.create", { session, fields: FIELDS, slow: "block", ...more });
}

const table = (socket: Socket) => tableFromIPC(Buffer.concat(socket.binary));
const column = <T>(socket: Socket, name: string): T[] => [...(table(socket).getChild(name) as Iterable<T>)];
const rows = (socket: Socket): number => (socket.binary.length === 0 ? 0 : table(socket).numRows);

function assertCount(values: bigint[], from: bigint): void {
  for (let i = 0; i < values.length; i++)
    if (values[i] !== from + BigInt(i)) assert.fail(`record ${i} is ${values[i]}, not ${from + BigInt(i)}`);
}

test("every access of a counted run arrives, with its hardware address", async (t) => {
  const { service, session } = await machine(t, counter());
  const sub = await subscribe(service, session, { filter: { direction: ["write"] } });
  const socket = service.socket(`${sub.stream}?format=arrow`);
  await socket.opened;
  const { executed } = await service.call<{ executed: number }>("session.step", { session, count: 30_000 });
  assert.equal(executed, 30_000);
  const { matched, written } = await service.call<{ matched: number; written: number }>("subscription.get", {
    session,
    subscription: sub.id,
  });
  assert.equal(matched, written);
  await socket.until(() => rows(socket) === written);
  const values = column<bigint>(socket, "value");
  assertCount(values, 0n);
  assertCount(column<bigint>(socket, "seq"), 0n);
  const last = table(socket)
    .get(values.length - 1)
    ?.toJSON() as Record<string, unknown>;
  assert.deepEqual(
    {
      vaddr: last["vaddr"],
      paddr: last["paddr"],
      region: last["region"],
      device: last["device"],
      size: last["size"],
      direction: last["direction"],
    },
    {
      vaddr: BigInt(COUNTER_BASE),
      paddr: BigInt(COUNTER_BASE),
      region: "ram",
      device: "",
      size: 8,
      direction: "write",
    },
  );
  // The guest's own count says the same.
  const { data } = await service.call<{ data: string }>("memory.read", {
    session,
    paddr: `0x${COUNTER_BASE.toString(16)}`,
    length: 8,
    encoding: "hex",
  });
  assert.equal(Buffer.from(data, "hex").readBigUInt64LE(), BigInt(values.length - 1));
  await socket.close();
});

test("a deliberately slow client of a blocking stream gets every record, and the guest waits for it", {
  timeout: 120_000,
}, async (t) => {
  const { service, session } = await machine(t, counter());
  const stopAfter = 1_500_000;
  const sub = await subscribe(service, session, {
    fields: ["seq", "value"],
    filter: { direction: ["write"] },
    stopAfter,
    batchRows: 4096,
    ringBatches: 8,
  });
  const socket = service.socket(`${sub.stream}?format=arrow`);
  await socket.opened;
  socket.ws.pause();
  await service.call("session.start", { session });
  const now = () => service.call<{ instructions: number; state: string; waiting?: string }>("session.get", { session });
  let stuck = await now();
  // the ring is full, and so is what lies between it and a client that does not read
  for (let before = -1; before !== stuck.instructions || stuck.waiting !== "ring-full"; ) {
    before = stuck.instructions;
    await new Promise((resolve) => setTimeout(resolve, 150));
    stuck = await now();
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const still = await now();
  assert.equal(still.instructions, stuck.instructions, "the guest stands still");
  assert.equal(still.state, "running");
  // Reads in gulps from here on.
  const gulps = setInterval(() => {
    socket.ws.resume();
    setTimeout(() => socket.ws.pause(), 5);
  }, 15);
  socket.ws.on("close", () => clearInterval(gulps));
  const end = () => socket.messages.find((message) => "end" in message)?.["end"];
  await socket.until(() => end() !== undefined, 60_000);
  clearInterval(gulps);
  socket.ws.resume();
  assert.deepEqual(end(), { matched: stopAfter, written: stopAfter, dropped: 0 });
  assertCount(column<bigint>(socket, "value"), 0n);
  assertCount(column<bigint>(socket, "seq"), 0n);
  assert.equal(rows(socket), stopAfter);
  assert.equal((await socket.closed).code, 1000);
});

test("a slow client of a dropping stream is told of every gap, and all adds up", { timeout: 120_000 }, async (t) => {
  const { service, session } = await machine(t, counter());
  const sub = await subscribe(service, session, {
    fields: ["seq", "value"],
    filter: { direction: ["write"] },
    slow: "drop",
    batchRows: 1024,
    ringBatches: 4,
  });
  const socket = service.socket(`${sub.stream}?format=arrow`);
  await socket.opened;
  socket.ws.pause();
  await service.call("session.runUntil", { session, instructions: 15_000_000, timeoutMs: 60_000 });
  socket.ws.resume();
  await service.call("session.step", { session, count: 3000 });
  const { records } = await service.call<{ records: number }>("subscription.delete", { session, subscription: sub.id });
  await socket.closed;
  const seqs = column<bigint>(socket, "seq");
  const values = column<bigint>(socket, "value");
  // Sequence numbers count lost records too, so both columns tell the same.
  assert.deepEqual(values, seqs);
  const { end } = socket.messages.find((message) => "end" in message) as {
    end: { matched: number; written: number; dropped: number };
  };
  let lost = 0;
  let next = 0n;
  const gaps = socket.messages.flatMap((message) =>
    message["gap"] === undefined ? [] : [message["gap"] as { firstSeq: number; count: number }],
  );
  const holes: [number, number][] = [];
  for (const seq of seqs) {
    if (seq !== next) holes.push([Number(next), Number(seq - next)]);
    next = seq + 1n;
  }
  for (const gap of gaps) lost += gap.count;
  assert.ok(holes.length > 0, "nothing was dropped: the test does not test");
  assert.deepEqual(gaps.map(({ firstSeq, count }) => [firstSeq, count]).slice(0, holes.length), holes);
  assert.equal(end.written, records);
  assert.equal(seqs.length + lost, end.matched);
  assert.equal(lost, end.dropped);
});

test("a client that reconnects goes on where it was", async (t) => {
  const { service, session } = await machine(t, counter());
  const sub = await subscribe(service, session, {
    fields: ["seq", "value"],
    filter: { direction: ["write"] },
    batchRows: 1024,
    ringBatches: 16,
  });
  const first = service.socket(`${sub.stream}?format=arrow`);
  await first.opened;
  await service.call("session.step", { session, count: 9000 });
  const count = (await service.call<{ written: number }>("subscription.get", { session, subscription: sub.id }))
    .written;
  await first.until(() => rows(first) === count);
  first.ws.terminate();
  await first.closed;
  // The session lives on, and so does what was recorded meanwhile.
  await service.call("session.step", { session, count: 3000 });
  const all = (await service.call<{ written: number }>("subscription.get", { session, subscription: sub.id })).written;
  const middle = Math.floor(count / 2);
  const again = service.socket(`${sub.stream}?format=arrow&after=${middle}`);
  await again.opened;
  await again.until(() => rows(again) === all - middle - 1);
  assertCount(column<bigint>(again, "value"), BigInt(middle + 1));
  await again.close();
});

test("a blocking stream without a client holds the guest until it is deleted", async (t) => {
  const { service, session } = await machine(t, counter());
  const sub = await subscribe(service, session, { fields: ["value"], batchRows: 256, ringBatches: 4 });
  await service.call("session.start", { session });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = await service.call<{ instructions: number; waiting?: string; blockedBy?: string[] }>("session.get", {
    session,
  });
  assert.deepEqual([before.waiting, before.blockedBy], ["ring-full", [sub.id]]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(
    (await service.call<{ instructions: number }>("session.get", { session })).instructions,
    before.instructions,
  );
  await service.call("subscription.delete", { session, subscription: sub.id });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(
    (await service.call<{ instructions: number }>("session.get", { session })).instructions > before.instructions,
  );
});

test("device accesses are found by device, by range and by direction", async (t) => {
  const { service, session } = await machine(t, echo("hello"));
  const device = await subscribe(service, session, {
    filter: { device: ["uart0"], direction: ["write"] },
    fields: [...FIELDS, "register", "offset"],
  });
  const range = await subscribe(service, session, {
    fields: ["paddr", "direction", "device"],
    filter: { paddr: [[`0x${UART.toString(16)}`, `0x${(UART + 7).toString(16)}`]], direction: ["read"] },
  });
  const socket = service.socket(`${device.stream}?format=jsonl`);
  await socket.opened;
  await service.call("session.step", { session, count: 200 });
  await socket.until(() => socket.texts.join("").includes('"value":"0x6f"'));
  const lines = socket.texts
    .slice(1)
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(lines.map((line) => String.fromCharCode(Number(line["value"]))).join(""), "hello");
  assert.ok(
    lines.every(
      (line) =>
        line["device"] === "uart0" && line["paddr"] === "0x10000000" && line["offset"] === "0x0" && line["size"] === 1,
    ),
  );
  assert.ok(lines.every((line) => line["register"] === "uart0.THR"));
  const reads = service.socket(`${range.stream}?format=arrow`);
  await reads.until(() => rows(reads) > 0);
  assert.deepEqual(new Set(column<bigint>(reads, "paddr")), new Set([BigInt(UART) + 5n]));
  assert.deepEqual(new Set(column<string>(reads, "direction")), new Set(["read"]));
  await reads.close();
  await socket.close();
});

test("tracing changes nothing the guest can see", async (t) => {
  const { service, session: plain } = await machine(t, counter());
  const image = await service.upload(counter());
  const { id: traced } = await service.call<{ id: string }>("session.create", {
    ram: "16M",
    firmware: { image, kind: "raw" },
  });
  await subscribe(service, traced, { slow: "drop", include: { fetch: true, walk: true, dma: true } });
  await subscribe(service, traced, { slow: "drop", everyNth: 7, filter: { size: [8] } });
  const state = async (session: string): Promise<unknown> => {
    await service.call("session.step", { session, count: 100_000 });
    const registers = await service.call("register.get", { session });
    const { instructions } = await service.call<{ instructions: number }>("session.get", { session });
    return { registers: (registers as { registers?: unknown }).registers ?? registers, instructions };
  };
  const a = JSON.stringify(await state(plain)).replaceAll(plain, "");
  const b = JSON.stringify(await state(traced)).replaceAll(traced, "");
  assert.equal(a, b);
});

test("a second client is refused, an unknown stream is not found, and bad filters name the field", async (t) => {
  const { service, session } = await machine(t, counter());
  const sub = await subscribe(service, session);
  const first = service.socket(`${sub.stream}?format=arrow`);
  await first.opened;
  const second = service.socket(`${sub.stream}?format=arrow`);
  await assert.rejects(second.opened, /409|503|423/);
  await assert.rejects(service.socket(`/v1/sessions/${session}/subscriptions/nope/stream`).opened, /404/);
  await assert.rejects(subscribe(service, session, { filter: { device: ["uart7"] } }), (error: RpcError) =>
    /device/i.test(error.code + error.message),
  );
  await assert.rejects(subscribe(service, session, { filter: { region: ["nowhere"] } }), (error: RpcError) =>
    JSON.stringify(error.data).includes("filter.region"),
  );
  await assert.rejects(subscribe(service, session, { batchRows: 1000 }), (error: RpcError) =>
    JSON.stringify(error.data).includes("batchRows"),
  );
  await first.close();
  assert.equal(RAM, 0x8000_0000);
});
