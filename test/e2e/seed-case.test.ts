// The one promise as a subscriber sees it: what arrives over the WebSocket for guests that re-map memory by their own
// accesses is what the model of board remap says, and what its devices counted.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { type StructRowProxy, tableFromIPC } from "apache-arrow";
import { FLAG_NAMES } from "../../src/trace/columns.js";
import { type Expected, pieces } from "../machine/remap/model.js";
import { makeProgram, RAM_SIZE } from "../machine/remap/program.js";
import { type Client, type Socket, startService } from "./service.js";

const FIELDS = ["seq", "icount", "pc", "vaddr", "paddr", "region", "device", "register", "offset", "size", "kind"];
const DEVICES = ["bank0", "bank1", "latch0", "latch1"];

/** The records a stream brought, in the words of the model. */
function records(socket: Socket): Expected[] {
  const table = tableFromIPC(Buffer.concat(socket.binary));
  return Array.from({ length: table.numRows }, (_, row) => {
    const { seq, icount, flags, ...rest } = (table.get(row) as StructRowProxy).toJSON();
    assert.equal(seq, BigInt(row));
    return {
      ...(rest as unknown as Expected),
      icount: Number(icount),
      flags: FLAG_NAMES.filter((_, bit) => (Number(flags) >> bit) & 1).join(" "),
    };
  });
}

const sorted = (record: Expected): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

async function counts(service: Client, session: string): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const device of DEVICES) {
    const { inner } = await service.call<{ inner: { reads: number; writes: number } }>("device.get", {
      session,
      device,
    });
    all[device] = { reads: inner.reads, writes: inner.writes };
  }
  return all;
}

test("a subscriber's records of a random guest on board remap equal the model's", { timeout: 120_000 }, async (t) => {
  const service = await startService(t);
  const program = makeProgram(20260202, 800, 4);
  const load = [];
  for (const { address, bytes } of program.images) {
    const image = await service.upload(bytes);
    load.push({ image: { image, kind: "raw" }, address: `0x${address.toString(16)}` });
  }
  const { id: session } = await service.call<{ id: string }>("session.create", { board: "remap", ram: RAM_SIZE, load });
  const { stream } = await service.call<{ stream: string }>("subscription.create", {
    session,
    slow: "block",
    fields: [...FIELDS, "value", "flags"],
  });
  const socket = service.socket(`${stream}?format=arrow`);
  await socket.opened;
  const { reason } = await service.call<{ reason: string }>("session.runUntil", {
    session,
    instructions: program.instructions,
    timeoutMs: 60_000,
  });
  assert.equal(reason, "count");
  const { subscriptions } = await service.call<{ subscriptions: { id: string; written: number }[] }>(
    "subscription.list",
    { session },
  );
  await service.call("subscription.delete", { session, subscription: subscriptions[0]?.id as string });
  await socket.closed;
  const all = records(socket);
  assert.equal(all.length, subscriptions[0]?.written);
  const actual = all.filter(program.concerns);
  for (let n = 0; n < program.expected.length; n++) {
    const expected = program.expected[n] as Expected;
    assert.deepEqual(sorted(actual[n] as Expected), sorted(expected), `record ${n}`);
  }
  assert.equal(actual.length, program.expected.length);
  const { devices } = program.model;
  const modelled = DEVICES.map((name) => [name, { reads: devices[name]?.reads, writes: devices[name]?.writes }]);
  assert.deepEqual(await counts(service, session), Object.fromEntries(modelled));
});

test("a subscriber of the demo guest gets as many accesses of each device as the device counts", {
  timeout: 120_000,
}, async (t) => {
  const service = await startService(t);
  const demo = await service.upload(await readFile(new URL("../../../guest/demo/demo.elf", import.meta.url)));
  const { id: session } = await service.call<{ id: string }>("session.create", {
    board: "remap",
    ram: "64M",
    kernel: demo,
  });
  const { id, stream } = await service.call<{ id: string; stream: string }>("subscription.create", {
    session,
    slow: "block",
    filter: { device: DEVICES },
    fields: ["seq", "device", "direction", "flags", "kind", "size", "offset"],
  });
  const socket = service.socket(`${stream}?format=arrow`);
  await socket.opened;
  await service.call("session.runUntil", { session, instructions: 6_000_000, timeoutMs: 60_000 });
  await service.call("subscription.delete", { session, subscription: id });
  await socket.closed;
  const table = tableFromIPC(Buffer.concat(socket.binary));
  const seen = Object.fromEntries(DEVICES.map((device) => [device, { reads: 0, writes: 0 }]));
  let remapped = 0;
  for (const row of table.toArray() as {
    device: string;
    direction: string;
    flags: number;
    size: number;
    offset: bigint;
  }[]) {
    const accesses = pieces(Number(row.offset), row.size).length;
    (seen[row.device] as { reads: number; writes: number })[row.direction === "read" ? "reads" : "writes"] += accesses;
    if (row.flags & 8) remapped++;
  }
  assert.deepEqual(await counts(service, session), seen);
  assert.ok(remapped > 100, `${remapped} accesses re-mapped memory`);
});
