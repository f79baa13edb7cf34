// A subscription's host side on a real recorder and ring; frames read back by the apache-arrow package only.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import type { StreamFrame } from "../../src/session/host-api.js";
import { NameTables } from "../../src/session/name-tables.js";
import type { SubscriptionSpec } from "../../src/session/protocol.js";
import { Subscription } from "../../src/session/subscription.js";
import { ArrowStreamEncoder } from "../../src/trace/arrow-stream.js";
import { attachRecorder } from "../../src/trace/attach.js";
import { compileFilter } from "../../src/trace/filter.js";
import { type Access, RecorderHarness, spec } from "../trace/recorder-harness.js";

const ROWS = 256;

interface Bench {
  harness: RecorderHarness;
  subscription: Subscription;
  names: NameTables;
  freed: () => number;
  events: string[];
  /** Records `count` stores of 8 bytes; the value is the running number. Stops where a blocking recorder says so. */
  write(count: number): number;
  flush(): void;
}

async function build(changes: Partial<SubscriptionSpec> = {}): Promise<Bench> {
  const harness = await RecorderHarness.create();
  const options = spec({
    fields: ["seq", "vaddr", "value", "device"],
    batchRows: ROWS,
    ringBatches: 8,
    slow: "block",
    ...changes,
  });
  const { ring } = attachRecorder(harness.memory, 0, 0x100000, compileFilter(options));
  harness.core.recorder_start(0);
  const names = new NameTables();
  names.add("device", [[1, "uart0"]]);
  let freed = 0;
  const events: string[] = [];
  const subscription = new Subscription({
    id: "sub",
    spec: options,
    ring,
    memory: harness.memory,
    names,
    ArrowEncoder: ArrowStreamEncoder,
    session: "s",
    freed: () => freed++,
    stats: async () => ({ matched: 0, written: 0, dropped: 0 }),
    event: (what, counts) => events.push([what, ...Object.values(counts)].join(" ")),
  });
  let written = 0;
  return {
    harness,
    subscription,
    names,
    freed: () => freed,
    events,
    write(count) {
      let done = 0;
      for (; done < count; done++) {
        if (harness.core.recorders_blocked()) break;
        harness.record(store(written++));
      }
      subscription.available();
      return done;
    },
    flush() {
      harness.core.recorder_flush(0);
      subscription.available();
    },
  };
}

const store = (n: number): Access => ({
  kind: 1,
  vaddr: 0x8000_0000n + BigInt(n * 8),
  paddr: 0n,
  value: BigInt(n),
  size: 8,
  region: 0,
  device: n % 3 === 0 ? 1 : 0,
  section: 1,
  offset: 0n,
  register: 0,
  field: 0,
  flags: 0,
  pc: 0n,
  hart: 0,
  privilege: 3,
  icount: BigInt(n),
});

/** Copies a frame's bytes, as sending does, and lets go of it. */
function take(frame: StreamFrame): { text?: string; bytes?: Buffer } {
  const taken =
    frame.text !== undefined
      ? { text: frame.text }
      : { bytes: Buffer.concat(frame.parts.map((part) => Buffer.from(part))) };
  frame.release();
  return taken;
}

/** Whatever the iterator has without waiting. */
async function drain(
  frames: AsyncIterableIterator<StreamFrame>,
  into: Buffer[],
  texts: string[] = [],
): Promise<boolean> {
  for (;;) {
    const next = frames.next();
    const result = await Promise.race([
      next,
      new Promise<undefined>((resolve) => setImmediate(() => setImmediate(() => resolve(undefined)))),
    ]);
    if (result === undefined) {
      pending.set(frames, next);
      return false;
    }
    if (result.done) return true;
    const { bytes, text } = take(result.value);
    if (bytes) into.push(bytes);
    if (text) texts.push(text);
  }
}
const pending = new WeakMap<object, Promise<IteratorResult<StreamFrame>>>();

/** As drain(), with the answer to the question a drain left open. */
async function drainMore(
  frames: AsyncIterableIterator<StreamFrame>,
  into: Buffer[],
  texts: string[] = [],
): Promise<boolean> {
  const left = pending.get(frames);
  pending.delete(frames);
  const result = left && (await left);
  if (result?.done) return true;
  if (result) {
    const { bytes, text } = take(result.value);
    if (bytes) into.push(bytes);
    if (text) texts.push(text);
  }
  return drain(frames, into, texts);
}

const values = (messages: Buffer[]): bigint[] => [
  ...(tableFromIPC(Buffer.concat(messages)).getChild("value") as Iterable<bigint>),
];
const range = (from: number, to: number): bigint[] => Array.from({ length: to - from }, (_, i) => BigInt(from + i));

test("records come as an Arrow stream that ends by itself after stopAfter", async () => {
  const { subscription, write, events } = await build({ stopAfter: 1000 });
  const frames = subscription.open({ format: "arrow" });
  const messages: Buffer[] = [];
  const texts: string[] = [];
  write(500);
  assert.equal(await drain(frames, messages, texts), false);
  write(700);
  assert.equal(await drainMore(frames, messages, texts), true);
  const table = tableFromIPC(Buffer.concat(messages));
  assert.equal(table.numRows, 1000);
  assert.deepEqual(values(messages), range(0, 1000));
  assert.deepEqual([...(table.getChild("device") as Iterable<string>)].slice(0, 4), ["uart0", "", "", "uart0"]);
  assert.equal(table.schema.metadata.get("emuscope.subscription"), "sub");
  assert.deepEqual(
    texts.map((text) => JSON.parse(text)),
    [{ end: { matched: 1000, written: 1000, dropped: 0 } }],
  );
  assert.deepEqual(events, ["ended 1000"]);
  assert.equal(subscription.attached, false);
  assert.equal(subscription.ended, true);
});

test("a batch that is not full comes when it is flushed", async () => {
  const { subscription, write, flush } = await build();
  const frames = subscription.open({ format: "arrow" });
  const messages: Buffer[] = [];
  write(10);
  await drain(frames, messages);
  assert.equal(messages.length, 1, "the schema only");
  flush();
  await drainMore(frames, messages);
  assert.deepEqual(values(messages), range(0, 10));
  await frames.return?.();
});

test("new names reach the client before the rows that use them", async () => {
  const { subscription, write, flush, names, harness } = await build();
  const frames = subscription.open({ format: "arrow" });
  const messages: Buffer[] = [];
  write(1);
  flush();
  await drain(frames, messages);
  names.add("device", [[2, "late0"]]);
  harness.record({ ...store(1), device: 2 });
  flush();
  await drainMore(frames, messages);
  assert.deepEqual(
    [...(tableFromIPC(Buffer.concat(messages)).getChild("device") as Iterable<string>)],
    ["uart0", "late0"],
  );
  await frames.return?.();
});

test("a blocking ring holds the guest until frames were released, and loses nothing", async () => {
  const { subscription, write, freed, harness } = await build();
  const frames = subscription.open({ format: "arrow" });
  const messages: Buffer[] = [];
  const held: StreamFrame[] = [];
  let total = write(1_000_000);
  assert.ok(total < 8 * ROWS);
  assert.notEqual(harness.core.recorders_blocked(), 0);
  // Asked for but not sent: no room comes free.
  messages.push(take((await frames.next()).value as StreamFrame).bytes as Buffer);
  for (let i = 0; i < 6; i++) held.push((await frames.next()).value as StreamFrame);
  assert.equal(freed(), 0);
  assert.equal(write(10), 0);
  for (const frame of held) messages.push(take(frame).bytes as Buffer);
  assert.ok(freed() > 0);
  for (let i = 0; i < 20; i++) {
    total += write(1000);
    await (i === 0 ? drain(frames, messages) : drainMore(frames, messages));
  }
  harness.core.recorder_stop(0);
  subscription.available();
  assert.equal(await drainMore(frames, messages), true);
  assert.ok(total > 10_000);
  assert.deepEqual(values(messages), range(0, total));
});

test("frames released out of order keep the ring's batches until the earlier ones are released", async () => {
  const { subscription, write, freed } = await build();
  const frames = subscription.open({ format: "arrow" });
  (await frames.next()).value.release();
  write(2 * ROWS);
  const first = (await frames.next()).value as StreamFrame;
  const second = (await frames.next()).value as StreamFrame;
  second.release();
  second.release();
  assert.equal(freed(), 0);
  first.release();
  assert.equal(freed(), 1);
  await frames.return?.();
});

test("a slow client of a dropping subscription is told exactly what it lost", async () => {
  const { subscription, write, flush, harness, events } = await build({ slow: "drop" });
  const frames = subscription.open({ format: "arrow" });
  const messages: Buffer[] = [];
  const texts: string[] = [];
  let total = write(10_000);
  await drain(frames, messages, texts);
  total += write(3000);
  flush();
  await drainMore(frames, messages, texts);
  total += write(100);
  harness.core.recorder_stop(0);
  subscription.available();
  assert.equal(await drainMore(frames, messages, texts), true);
  assert.equal(total, 13_100);
  const got = values(messages);
  const lines = texts.map(
    (text) => JSON.parse(text) as { gap?: { firstSeq: number; count: number }; end?: Record<string, number> },
  );
  const seen = new Set(got);
  let lost = 0;
  for (const { gap } of lines) {
    if (!gap) continue;
    lost += gap.count;
    for (let seq = gap.firstSeq; seq < gap.firstSeq + gap.count; seq++) assert.ok(!seen.has(BigInt(seq)));
  }
  assert.equal(got.length + lost, total);
  assert.deepEqual(lines.at(-1)?.end, { matched: total, written: got.length, dropped: lost });
  assert.ok(events.some((event) => event.startsWith("gap")));
});

test("a client that comes back goes on after the record it names", async () => {
  const { subscription, write, flush } = await build();
  let frames = subscription.open({ format: "arrow" });
  assert.throws(() => subscription.open({ format: "arrow" }), { code: "busy" });
  const first: Buffer[] = [];
  write(600);
  flush();
  await drain(frames, first);
  await frames.return?.();
  assert.equal(values(first).length, 600);

  frames = subscription.open({ format: "arrow", after: 99 });
  const again: Buffer[] = [];
  await drain(frames, again);
  assert.deepEqual(values(again), range(100, 600));
  await frames.return?.();

  // Without a number: what is new.
  frames = subscription.open({ format: "arrow" });
  const rest: Buffer[] = [];
  write(50);
  flush();
  await drain(frames, rest);
  assert.deepEqual(values(rest), range(600, 650));
  await frames.return?.();
});

test("a client that left with frames on their way gets them again", async () => {
  const { subscription, write } = await build();
  let frames = subscription.open({ format: "arrow" });
  write(3 * ROWS);
  (await frames.next()).value.release();
  (await frames.next()).value.release();
  const lost = (await frames.next()).value as StreamFrame;
  await frames.return?.();
  lost.release();
  frames = subscription.open({ format: "arrow" });
  const messages: Buffer[] = [];
  await drain(frames, messages);
  assert.deepEqual(values(messages), range(ROWS, 3 * ROWS));
  await frames.return?.();
});

test("a sequence number that left the ring is refused with the oldest one to be had", async () => {
  const { subscription, write } = await build();
  const frames = subscription.open({ format: "arrow" });
  const messages: Buffer[] = [];
  for (let i = 0; i < 8; i++) {
    write(2 * ROWS);
    await (i === 0 ? drain(frames, messages) : drainMore(frames, messages));
  }
  await frames.return?.();
  let oldest = -1;
  assert.throws(
    () => subscription.open({ format: "arrow", after: 10 }),
    (error: { code: string; detail: { oldest: number } }) => {
      oldest = error.detail.oldest;
      return error.code === "sequence-gone";
    },
  );
  assert.ok(oldest > 11 && oldest % ROWS === 0, `${oldest}`);
  const resumed = subscription.open({ format: "arrow", after: oldest - 1 });
  const again: Buffer[] = [];
  await drain(resumed, again);
  assert.equal(values(again)[0], BigInt(oldest));
  await resumed.return?.();
});

test("JSON lines come in pieces small enough not to hold up the service", async () => {
  const { subscription, write, harness } = await build({ batchRows: 4096, ringBatches: 4 });
  const frames = subscription.open({ format: "jsonl" });
  const texts: string[] = [];
  write(3000);
  harness.core.recorder_stop(0);
  subscription.available();
  assert.equal(await drain(frames, [], texts), true);
  assert.ok(texts.length >= 3);
  const lines = texts
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines[3], { seq: 3, vaddr: "0x80000018", device: "uart0", value: "0x3" });
  assert.deepEqual(lines.at(-1), { end: { matched: 3000, written: 3000, dropped: 0 } });
  assert.equal(lines.length, 3001);
});

test("deleting a subscription ends its stream, and waits for frames on their way", async () => {
  const { subscription, write, freed } = await build();
  const frames = subscription.open({ format: "jsonl" });
  write(2 * ROWS);
  const first = (await frames.next()).value as StreamFrame;
  const closing = subscription.close();
  let closed = false;
  void closing.then(() => (closed = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(closed, false);
  first.release();
  await closing;
  assert.ok(freed() >= 0);
  const texts: string[] = [];
  assert.equal(await drain(frames, [], texts), true);
  assert.ok(texts.at(-1)?.includes('"end"'));
  assert.throws(() => subscription.open({ format: "arrow" }), { code: "unknown-subscription" });
});

test("what a returning client says it has no longer holds the guest", async () => {
  const { subscription, write, harness, freed } = await build({ ringBatches: 2 });
  let frames = subscription.open({ format: "arrow" });
  await frames.next();
  write(10_000);
  assert.notEqual(harness.core.recorders_blocked(), 0);
  // Sent, but the connection broke before anybody could tell.
  const sent = (await frames.next()).value as StreamFrame;
  await frames.return?.();
  sent.release();
  const before = freed();
  frames = subscription.open({ format: "arrow", after: ROWS - 1 });
  assert.equal(harness.core.recorders_blocked(), 0);
  assert.equal(freed(), before + 1);
  await frames.return?.();
});
