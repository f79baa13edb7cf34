// Streams are read back with apache-arrow and nothing of ours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordBatchReader, tableFromIPC } from "apache-arrow";
import { ArrowStreamEncoder, type Part } from "../../src/trace/arrow-stream.js";
import type { RingBatch, RingReader } from "../../src/trace/ring.js";
import {
  type Access,
  ALL_FIELDS,
  expectedRow,
  NAMES,
  Random,
  RecorderHarness,
  randomAccess,
  spec,
} from "./recorder-harness.js";

/** What the wire does: the parts one behind the other. */
const join = (parts: readonly Part[]): Uint8Array => Buffer.concat(parts as Uint8Array[]);

function drain(reader: RingReader, use: (batch: RingBatch) => void): void {
  for (let batch = reader.next(); batch; batch = reader.next()) {
    use(batch);
    reader.release(batch);
  }
}

test("every column of every record reads back bit for bit, in full and in partial batches", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(0, spec());
  const encoder = new ArrowStreamEncoder(recorder.ring, NAMES, { session: "s-1", machine: "virt" });
  const stream = [join(encoder.start())];
  const random = new Random(1);
  const accesses: Access[] = [];
  for (let n = 0; n < 3000; n++) {
    const access = randomAccess(random, BigInt(n) * 3n);
    accesses.push(access);
    harness.record(access);
    if (n % 611 === 5) harness.core.recorder_flush(0);
    drain(reader, (batch) => stream.push(join(encoder.batch(batch))));
  }
  harness.core.recorder_stop(0);
  drain(reader, (batch) => stream.push(join(encoder.batch(batch))));
  stream.push(join(encoder.end(reader.tailGap)));

  const table = tableFromIPC(join(stream));
  assert.equal(table.numRows, accesses.length);
  assert.deepEqual(
    table.schema.fields.map((field) => field.name),
    ALL_FIELDS,
  );
  assert.equal(table.schema.metadata.get("emuscope.format"), "1");
  assert.equal(table.schema.metadata.get("emuscope.session"), "s-1");
  assert.match(table.schema.fields[6]?.metadata.get("doc") ?? "", /Physical address/);
  const rows = table.toArray();
  accesses.forEach((access, n) => {
    const row = rows[n] as Record<string, unknown>;
    assert.deepEqual(
      Object.fromEntries(ALL_FIELDS.map((name) => [name, row[name]])),
      expectedRow(access, BigInt(n)),
      `row ${n}`,
    );
  });
  assert.equal(harness.core.recorder_written(0), 3000n);
});

test("a full batch goes out as one view of the ring, without a copy", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(0, spec());
  const encoder = new ArrowStreamEncoder(recorder.ring, NAMES);
  encoder.start();
  const random = new Random(2);
  for (let n = 0; n < 256; n++) harness.record(randomAccess(random, BigInt(n)));
  const batch = reader.next();
  assert.ok(batch);
  const parts = encoder.batch(batch);
  assert.equal(parts.length, 2);
  assert.equal(parts[1]?.buffer, harness.memory.buffer);
  assert.equal(parts[1]?.length, recorder.ring.batchBytes);
  assert.equal((parts[0]?.length ?? 1) % 64, 0);
});

test("any choice of columns is a valid stream", async () => {
  const random = new Random(3);
  for (let round = 0; round < 40; round++) {
    const harness = await RecorderHarness.create();
    const fields = ALL_FIELDS.filter(() => random.below(3) === 0);
    if (fields.length === 0) fields.push(random.pick(ALL_FIELDS));
    const { recorder, reader } = harness.attach(0, spec({ fields }));
    const encoder = new ArrowStreamEncoder(recorder.ring, NAMES);
    const stream = [join(encoder.start())];
    const accesses: Access[] = [];
    for (let n = 0; n < 300; n++) {
      accesses.push(randomAccess(random, BigInt(n)));
      harness.record(accesses[n] as Access);
    }
    harness.core.recorder_stop(0);
    drain(reader, (batch) => stream.push(join(encoder.batch(batch))));
    stream.push(join(encoder.end()));
    const rows = tableFromIPC(join(stream)).toArray();
    assert.equal(rows.length, 300);
    accesses.forEach((access, n) => {
      const want = expectedRow(access, BigInt(n));
      const row = rows[n] as Record<string, unknown>;
      for (const name of fields) assert.equal(row[name], want[name], `${name} of row ${n}`);
    });
  }
});

test("names that come later are sent as deltas, and equal names are told apart", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(0, spec({ fields: ["region", "device"] }));
  const regions = ["", "ram"];
  const names = { names: (table: string) => (table === "region" ? regions : ["", "uart0"]) };
  const encoder = new ArrowStreamEncoder(recorder.ring, names);
  const stream = [join(encoder.start())];
  const random = new Random(4);
  const put = (region: number): void => {
    harness.record({ ...randomAccess(random, 0n), region, device: 0 });
    harness.core.recorder_flush(0);
    drain(reader, (batch) => stream.push(join(encoder.batch(batch))));
  };
  put(1);
  regions.push("window");
  put(2);
  put(0);
  regions.push("ram");
  put(3);
  put(1);
  stream.push(join(encoder.end()));
  const seen = [...RecordBatchReader.from(join(stream))].flatMap((batch) => batch.toArray().map((row) => row.region));
  assert.deepEqual(seen, ["ram", "window", "unassigned", "ram#3", "ram"]);
  assert.deepEqual(
    tableFromIPC(join(stream))
      .toArray()
      .map((row) => row.region),
    seen,
  );
});

test("gaps show in the message metadata and as holes in seq, also behind the last record", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(0, spec({ fields: ["seq", "paddr"], ringBatches: 2 }));
  const encoder = new ArrowStreamEncoder(recorder.ring, NAMES);
  const stream = [join(encoder.start())];
  const random = new Random(5);
  let count = 0;
  const put = (n: number): void => {
    for (; n > 0; n--) harness.record(randomAccess(random, BigInt(count++)));
  };
  put(512 + 100);
  drain(reader, (batch) => stream.push(join(encoder.batch(batch))));
  put(512 + 7);
  harness.core.recorder_stop(0);
  drain(reader, (batch) => stream.push(join(encoder.batch(batch))));
  stream.push(join(encoder.end(reader.tailGap)));

  const batches = [...RecordBatchReader.from(join(stream))];
  const gaps = batches
    .filter((batch) => batch.metadata.has("emuscope.gap.count"))
    .map((batch) => [
      batch.metadata.get("emuscope.gap.first_seq"),
      batch.metadata.get("emuscope.gap.count"),
      batch.metadata.get("emuscope.gap.first_icount"),
      batch.metadata.get("emuscope.gap.last_icount"),
      batch.metadata.get("emuscope.first_seq"),
    ]);
  assert.deepEqual(gaps, [
    ["512", "100", "512", "611", "612"],
    ["1124", "7", "1124", "1130", "1131"],
  ]);
  const seqs = batches.flatMap((batch) => [...(batch.getChild("seq") ?? [])] as bigint[]);
  assert.deepEqual(seqs, [...Array(512).keys(), ...Array.from({ length: 512 }, (_, n) => n + 612)].map(BigInt));
  assert.equal(harness.core.recorder_dropped(0), 107n);
});
