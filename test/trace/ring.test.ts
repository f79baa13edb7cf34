import assert from "node:assert/strict";
import { test } from "node:test";
import type { RingBatch } from "../../src/trace/ring.js";
import { planRing, RingReader } from "../../src/trace/ring.js";
import { Random, RecorderHarness, randomAccess, spec } from "./recorder-harness.js";

const seqsOf = (batch: RingBatch): number[] => {
  const bytes = batch.columnBytes(0);
  return [...new BigUint64Array(bytes.buffer, bytes.byteOffset, batch.rows)].map(Number);
};

async function filled(records: number, options: { keep?: number; ringBatches?: number; slow?: "block" | "drop" } = {}) {
  const harness = await RecorderHarness.create();
  const random = new Random(1);
  const { reader, recorder } = harness.attach(
    0,
    spec({ fields: ["seq"], ringBatches: options.ringBatches ?? 8, slow: options.slow ?? "drop" }),
    { keep: options.keep ?? 4 },
  );
  const put = (n: number): void => {
    for (; n > 0; n--) harness.record(randomAccess(random, 0n));
  };
  put(records);
  return { harness, reader, recorder, put };
}

test("a batch is exactly its columns, each at a multiple of 64", () => {
  const layout = planRing(0x1ffff, 256, 3);
  assert.equal(layout.columns.length, 17);
  let at = 0;
  for (const { offset, width } of layout.columns) {
    assert.equal(offset, at);
    assert.equal(offset % 64, 0);
    at += width * 256;
  }
  assert.equal(layout.batchBytes, at);
  assert.equal(layout.data % 64, 0);
  assert.equal(layout.bytes, layout.data + 3 * at);
});

test("a client that comes back goes on where it was, also in the middle of a batch", async () => {
  const { reader, put, harness } = await filled(1000);
  const first = reader.next() as RingBatch;
  const second = reader.next() as RingBatch;
  reader.release(first);
  reader.release(second);
  assert.ok(reader.next());
  // the client saw up to 299
  assert.deepEqual(reader.seek(300n), { found: true });
  const again = reader.next() as RingBatch;
  assert.equal(again.firstSeq, 300n);
  assert.deepEqual(
    seqsOf(again),
    Array.from({ length: 212 }, (_, n) => n + 300),
  );
  assert.equal((reader.next() as RingBatch).firstSeq, 512n);
  put(100);
  harness.core.recorder_stop(0);
  assert.equal((reader.next() as RingBatch).firstSeq, 768n);
  assert.equal((reader.next() as RingBatch).rows, 76);
  assert.equal(reader.next(), undefined);
});

test("what was given back cannot be resumed, and the oldest that can is named", async () => {
  const { reader, put } = await filled(2000, { keep: 2 });
  for (let batch = reader.next(); batch; batch = reader.next()) reader.release(batch);
  put(600);
  assert.deepEqual(reader.seek(0n), { found: false, oldest: 1280n });
  assert.deepEqual(reader.seek(1279n), { found: false, oldest: 1280n });
  assert.deepEqual(reader.seek(1280n), { found: true });
  assert.equal(reader.next()?.firstSeq, 1280n);
});

test("seeking behind all there is waits for it", async () => {
  const { reader, put } = await filled(300);
  assert.deepEqual(reader.seek(600n), { found: true });
  const rows = (): number[] => {
    const all: number[] = [];
    for (let batch = reader.next(); batch; batch = reader.next()) all.push(...seqsOf(batch));
    return all;
  };
  assert.deepEqual(rows(), []);
  put(800);
  assert.deepEqual(
    rows(),
    Array.from({ length: 1024 - 600 }, (_, n) => n + 600),
  );
});

test("seeking into a gap tells of the gap again", async () => {
  const { reader, put, harness } = await filled(256 * 3 + 10, { keep: 2, ringBatches: 4 });
  for (let batch = reader.next(); batch; batch = reader.next()) reader.release(batch);
  put(256 * 4);
  for (let batch = reader.next(); batch; batch = reader.next()) reader.release(batch);
  put(20);
  harness.core.recorder_flush(0);
  const batch = reader.next() as RingBatch;
  assert.ok(batch.gap);
  assert.deepEqual(reader.seek(batch.gap.firstSeq), { found: true });
  const again = reader.next();
  assert.deepEqual(again?.gap, batch.gap);
  assert.deepEqual(reader.seek(batch.firstSeq + 1n), { found: true });
  const inside = reader.next();
  assert.equal(inside?.gap, undefined);
  assert.equal(inside?.firstSeq, batch.firstSeq + 1n);
});

test("releasing a batch that seek put back does not free it", async () => {
  const { reader } = await filled(1024, { keep: 0 });
  const first = reader.next() as RingBatch;
  const second = reader.next() as RingBatch;
  reader.seek(0n);
  reader.release(second);
  assert.equal(reader.next()?.firstSeq, 0n);
  assert.deepEqual(
    seqsOf(first),
    Array.from({ length: 256 }, (_, n) => n),
  );
});

test("kept batches never starve a blocking recorder", async () => {
  const { reader, put, harness } = await filled(0, { keep: 100, ringBatches: 4, slow: "block" });
  assert.equal(reader.keep, 2);
  let read = 0;
  for (let n = 0; n < 5000; n++) {
    put(1);
    if (!harness.core.recorders_blocked()) continue;
    for (let batch = reader.next(); batch; batch = reader.next()) {
      read += batch.rows;
      reader.release(batch);
    }
    assert.equal(harness.core.recorders_blocked(), 0);
  }
  assert.ok(read > 4000);
  assert.equal(harness.core.recorder_dropped(0), 0n);
});

test("something that is no ring is refused", async () => {
  const { harness, recorder } = await filled(0);
  assert.throws(() => new RingReader(harness.memory, { ...recorder.ring, base: 0x300000 }), /no trace ring/);
});
