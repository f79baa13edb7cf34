import assert from "node:assert/strict";
import { test } from "node:test";
import * as C from "../../../src/core/layout.js";
import * as L from "../../../src/core/trace/layout.js";
import type { RingBatch, RingReader } from "../../../src/trace/ring.js";
import { type Access, expectedRow, Random, RecorderHarness, randomAccess, spec } from "../../trace/recorder-harness.js";

function u64s(batch: RingBatch, column = 0): bigint[] {
  const bytes = batch.columnBytes(column);
  return [...new BigUint64Array(bytes.buffer, bytes.byteOffset, batch.rows)];
}

/** Everything there is to read, as sequence numbers and gaps. */
function readAll(reader: RingReader, release = true): { seqs: bigint[]; gaps: [bigint, bigint][] } {
  const seqs: bigint[] = [];
  const gaps: [bigint, bigint][] = [];
  for (let batch = reader.next(); batch; batch = reader.next()) {
    if (batch.gap) gaps.push([batch.gap.firstSeq, batch.gap.count]);
    seqs.push(...u64s(batch));
    if (release) reader.release(batch);
  }
  return { seqs, gaps };
}

const upTo = (n: number, from = 0): bigint[] => Array.from({ length: n - from }, (_, k) => BigInt(from + k));

test("block: the machine is asked to stop while there is room left, and loses nothing", async () => {
  const harness = await RecorderHarness.create();
  const { reader } = harness.attach(0, spec({ slow: "block", fields: ["seq", "value"] }));
  const random = new Random(1);
  const wanted: bigint[] = [];
  const got: bigint[] = [];
  const seqs: bigint[] = [];
  let stops = 0;
  let rowsAtStop = 0;
  for (let instruction = 0; instruction < 4000; instruction++) {
    // an instruction makes up to 40 records
    for (let n = random.below(40); n > 0; n--) {
      const access = randomAccess(random, BigInt(instruction));
      wanted.push(access.value);
      harness.record(access);
    }
    if (!(harness.exitRequest & C.EXIT_RING)) continue;
    stops++;
    rowsAtStop += harness.view.getUint32(C.RECORDERS + L.REC_ROW, true);
    assert.equal(harness.core.recorders_blocked(), 1);
    assert.equal(reader.hasRoom, false);
    const batch = reader.next() as RingBatch;
    got.push(...u64s(batch, 1));
    seqs.push(...u64s(batch));
    reader.release(batch);
    assert.equal(harness.core.recorders_blocked(), 0);
    assert.equal(reader.hasRoom, true);
    harness.clearExitRequest();
  }
  harness.core.recorder_stop(0);
  for (let batch = reader.next(); batch; batch = reader.next()) {
    got.push(...u64s(batch, 1));
    seqs.push(...u64s(batch));
  }
  assert.ok(stops > 100);
  assert.ok(rowsAtStop / stops >= 192 && rowsAtStop / stops < 256);
  assert.deepEqual(got, wanted);
  assert.deepEqual(seqs, upTo(wanted.length));
  assert.equal(harness.core.recorder_dropped(0), 0n);
  assert.equal(harness.core.recorder_written(0), BigInt(wanted.length));
  assert.deepEqual(reader.counters, { matched: BigInt(wanted.length), written: BigInt(wanted.length), dropped: 0n });
});

test("block: going on without a free batch asks again at each record", async () => {
  const harness = await RecorderHarness.create();
  harness.attach(0, spec({ slow: "block", fields: ["seq"], ringBatches: 2 }));
  const access = randomAccess(new Random(2), 0n);
  for (let n = 0; n < 256 + 192; n++) harness.record(access);
  assert.equal(harness.exitRequest, C.EXIT_RING);
  harness.clearExitRequest();
  harness.record(access);
  assert.equal(harness.exitRequest, C.EXIT_RING);
});

test("block: a burst inside one instruction waits for the host, or is counted as lost", async () => {
  const harness = await RecorderHarness.create();
  const { reader } = harness.attach(0, spec({ slow: "block", fields: ["seq", "value"], ringBatches: 2 }));
  const seqs: bigint[] = [];
  let waits = 0;
  harness.onNotify = (_recorder, event) => {
    if (event !== L.NOTIFY_FULL) return undefined;
    if (++waits > 3) return 0;
    const batch = reader.next() as RingBatch;
    seqs.push(...u64s(batch));
    reader.release(batch);
    return 1;
  };
  for (let n = 0; n < 2048; n++) harness.view.setUint8(0x90000 + n, n);
  harness.core.record_block(C.KIND_DMA_WRITE, 0x80000004n, 4n, 1, 0, C.SECTION_RAM, 0x90000, 2048, 0, 0n);
  assert.equal(harness.core.recorder_matched(0), 257n);
  for (let n = 0; n < 5; n++)
    harness.core.record_block(C.KIND_DMA_WRITE, 0x80000000n, 0n, 1, 0, C.SECTION_RAM, 0x90000, 2048, 0, 0n);
  harness.core.recorder_stop(0);
  assert.equal(waits, 4 + Number(harness.core.recorder_dropped(0)) - 1);
  const rest = readAll(reader);
  seqs.push(...rest.seqs);
  assert.deepEqual(seqs, upTo(5 * 256));
  assert.deepEqual(rest.gaps, []);
  assert.deepEqual(reader.tailGap && [reader.tailGap.firstSeq, reader.tailGap.count], [1280n, 257n]);
});

test("drop: written, dropped and gaps add up for any reader", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const harness = await RecorderHarness.create();
    const { reader } = harness.attach(0, spec({ fields: ["seq", "icount"], ringBatches: 2 + (seed % 5) }));
    const random = new Random(seed);
    const seen: bigint[] = [];
    let expected = 0n;
    const take = (limit: number): void => {
      for (; limit > 0; limit--) {
        const batch = reader.next();
        if (!batch) return;
        if (batch.gap) {
          // a gap lies exactly between what came before and the batch, and its instruction counts are those of its records
          assert.equal(batch.gap.firstSeq, expected);
          assert.equal(batch.gap.firstSeq + batch.gap.count, batch.firstSeq);
          assert.equal(batch.gap.firstIcount, batch.gap.firstSeq * 2n);
          assert.equal(batch.gap.lastIcount, (batch.firstSeq - 1n) * 2n);
        } else assert.equal(batch.firstSeq, expected);
        const seqs = u64s(batch);
        assert.deepEqual(
          u64s(batch, 1),
          seqs.map((seq) => seq * 2n),
        );
        seen.push(...seqs);
        expected = batch.firstSeq + BigInt(batch.rows);
        reader.release(batch);
      }
    };
    for (let n = 0; n < 20_000; n++) {
      harness.record({ ...randomAccess(random, BigInt(n) * 2n) });
      if (random.below(700) === 0) take(random.below(4));
      if (random.below(900) === 0) harness.core.recorder_flush(0);
    }
    harness.core.recorder_stop(0);
    take(1000);
    const tail = reader.tailGap;
    if (tail) assert.equal(tail.firstSeq, expected);
    assert.equal(expected + (tail?.count ?? 0n), 20_000n);
    const { matched, written, dropped } = reader.counters;
    assert.equal(matched, 20_000n);
    assert.equal(written, BigInt(seen.length));
    assert.equal(written + dropped, matched);
    assert.ok(dropped > 0n);
    assert.equal(harness.exitRequest, 0);
  }
});

test("stop-after ends the recorder exactly, wherever the count falls in a batch", async () => {
  for (const stopAfter of [1, 2, 191, 192, 193, 255, 256, 257, 512, 700]) {
    for (const slow of ["block", "drop"] as const) {
      const harness = await RecorderHarness.create();
      const { reader } = harness.attach(5, spec({ stopAfter, slow, fields: ["seq"] }));
      const random = new Random(stopAfter);
      for (let n = 0; n < stopAfter - 1; n++) harness.record(randomAccess(random, 0n));
      assert.equal(reader.finished, false);
      for (let n = 0; n < 50; n++) harness.record(randomAccess(random, 0n));
      assert.equal(reader.finished, true);
      assert.equal(harness.view.getUint32(C.TRACE_ACTIVE, true), 0);
      assert.deepEqual(readAll(reader).seqs, upTo(stopAfter));
      assert.equal(reader.counters.matched, BigInt(stopAfter));
      assert.equal(reader.tailGap, undefined);
      assert.deepEqual(harness.notified.at(-1), [5, L.NOTIFY_BATCH]);
    }
  }
});

test("stop-after counts lost records too, so it ends at the same instruction for a slow client", async () => {
  const harness = await RecorderHarness.create();
  const { reader } = harness.attach(0, spec({ stopAfter: 600, fields: ["seq"], ringBatches: 2 }));
  for (let n = 0; n < 700; n++) harness.record(randomAccess(new Random(1), BigInt(n)));
  assert.equal(reader.finished, true);
  assert.deepEqual(readAll(reader).seqs, upTo(512));
  assert.deepEqual(reader.tailGap, { firstSeq: 512n, count: 88n, firstIcount: 512n, lastIcount: 599n });
});

test("every recorder gets its own choice of the same accesses", async () => {
  const harness = await RecorderHarness.create(2048);
  const random = new Random(9);
  const fields = ["seq", "paddr"];
  const readers = Array.from(
    { length: C.MAX_RECORDERS },
    (_, i) =>
      harness.attach(i, spec({ fields, everyNth: i + 1, ringBatches: 16, filter: i % 2 ? { privilege: ["S"] } : {} }))
        .reader,
  );
  const accesses: Access[] = [];
  for (let n = 0; n < 3000; n++) {
    const access = randomAccess(random, BigInt(n));
    accesses.push(access);
    harness.record(access);
  }
  readers.forEach((reader, i) => {
    harness.core.recorder_stop(i);
    const want = accesses.filter((access) => i % 2 === 0 || access.privilege === 1).filter((_, n) => n % (i + 1) === 0);
    const got: bigint[] = [];
    for (let batch = reader.next(); batch; batch = reader.next()) got.push(...u64s(batch, 1));
    assert.deepEqual(
      got,
      want.map((access) => access.paddr),
    );
  });
});

test("rows appended inline by generated code and rows of record() make one sequence", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(
    2,
    spec({ fields: ["seq", "value", "size"], ringBatches: 3, slow: "block" }),
  );
  const { view } = harness;
  const d = C.RECORDERS + 2 * C.RECORDER_SIZE;
  const word = (at: number): number => view.getUint32(d + at, true);
  const random = new Random(11);
  const want: bigint[] = [];
  const got: bigint[] = [];
  const seqs: bigint[] = [];
  for (let n = 0; n < 5000; n++) {
    const access = randomAccess(random, 0n);
    want.push(access.value);
    const row = word(L.REC_ROW);
    // as the contract in src/core/trace/layout.ts says
    if (random.below(4) === 0 || row + 1 > word(L.REC_LIMIT)) harness.record(access);
    else {
      const base = word(L.REC_BASE);
      view.setBigUint64(base + word(L.REC_COL + 4 * L.COLUMN_VALUE) + row * 8, access.value, true);
      view.setUint8(base + word(L.REC_COL + 4 * L.COLUMN_SIZE) + row, access.size);
      view.setUint32(d + L.REC_ROW, row + 1, true);
      if (random.below(2) && row + 1 === word(L.REC_LIMIT)) harness.core.recorder_advance(2);
    }
    if (harness.core.recorders_blocked()) {
      const batch = reader.next() as RingBatch;
      got.push(...u64s(batch, 2));
      seqs.push(...u64s(batch));
      reader.release(batch);
    }
  }
  harness.core.recorder_stop(2);
  for (let batch = reader.next(); batch; batch = reader.next()) {
    got.push(...u64s(batch, 2));
    seqs.push(...u64s(batch));
  }
  assert.deepEqual(seqs, upTo(5000));
  assert.deepEqual(got, want);
  assert.equal(recorder.ring.columns.length, 3);
});

test("flush hands over what there is, never twice, and not into a full ring", async () => {
  const harness = await RecorderHarness.create();
  const { reader } = harness.attach(0, spec({ fields: ["seq"], ringBatches: 2 }));
  const { core } = harness;
  const access = randomAccess(new Random(1), 7n);
  assert.equal(core.recorder_flush(0), 0);
  harness.record(access);
  assert.equal(core.recorder_flush(0), 1);
  assert.equal(core.recorder_flush(0), 0);
  harness.record(access);
  // the other slot is still unread
  assert.equal(core.recorder_flush(0), 0);
  assert.deepEqual(readAll(reader).seqs, [0n]);
  assert.equal(core.recorder_flush(0), 1);
  assert.deepEqual(readAll(reader).seqs, [1n]);
  // a gap is told by flush without waiting for a record
  for (let n = 0; n < 520; n++) harness.record(access);
  assert.equal(core.recorder_dropped(0), 8n);
  assert.equal(readAll(reader).seqs.length, 512);
  assert.equal(core.recorder_flush(0), 1);
  assert.deepEqual(readAll(reader), { seqs: [], gaps: [[514n, 8n]] });
  core.recorder_stop(0);
  core.recorder_stop(0);
  assert.equal(core.recorder_flush(0), 0);
  assert.equal(reader.tailGap, undefined);
});

test("a recorder index can be used again by the next subscription", async () => {
  const harness = await RecorderHarness.create();
  const access = randomAccess(new Random(1), 0n);
  for (let round = 0; round < 3; round++) {
    const { reader } = harness.attach(1, spec({ fields: ["seq"] }));
    for (let n = 0; n < 300 + round; n++) harness.record(access);
    harness.core.recorder_stop(1);
    assert.deepEqual(readAll(reader).seqs, upTo(300 + round));
  }
});

test("a closed ring never holds up the machine", async () => {
  const harness = await RecorderHarness.create();
  const { reader } = harness.attach(0, spec({ fields: ["seq"], slow: "block", ringBatches: 2 }));
  reader.close();
  const access = randomAccess(new Random(1), 0n);
  for (let n = 0; n < 2000; n++) harness.record(access);
  assert.equal(harness.exitRequest, 0);
  assert.equal(harness.core.recorders_blocked(), 0);
  assert.equal(harness.core.recorder_matched(0), 2000n);
});

test("DMA runs are cut at multiples of eight, with their values and offsets", async () => {
  const harness = await RecorderHarness.create();
  const { reader } = harness.attach(0, spec({ fields: ["paddr", "offset", "value", "size", "vaddr"] }));
  const bytes = Array.from({ length: 21 }, (_, n) => n + 1);
  bytes.forEach((byte, n) => harness.view.setUint8(0x90005 + n, byte));
  harness.core.record_block(C.KIND_DMA_READ, 0x80000005n, 0x1005n, 1, 0, C.SECTION_RAM, 0x90005, 21, 0, 0x1234n);
  harness.core.recorder_stop(0);
  const batch = reader.next() as RingBatch;
  const value = (from: number, count: number): bigint =>
    bytes.slice(from, from + count).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const column = (name: string): number => batch.ring.columns.findIndex((c) => c.name === name);
  assert.deepEqual(u64s(batch, column("paddr")), [0x80000005n, 0x80000008n, 0x80000010n, 0x80000018n]);
  assert.deepEqual(u64s(batch, column("offset")), [0x1005n, 0x1008n, 0x1010n, 0x1018n]);
  assert.deepEqual(u64s(batch, column("value")), [value(0, 3), value(3, 8), value(11, 8), value(19, 2)]);
  assert.deepEqual([...batch.columnBytes(column("size"))], [3, 8, 8, 2]);
  assert.deepEqual(u64s(batch, column("vaddr")), [0n, 0n, 0n, 0n]);
  assert.equal(expectedRow(randomAccess(new Random(1), 0n), 5n)["seq"], 5n);
});
