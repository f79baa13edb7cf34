import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonLinesEncoder } from "../../src/trace/json-lines.js";
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

const HEX = ["pc", "vaddr", "paddr", "offset", "value"];
const NUMBERS = ["seq", "icount"];

test("each record is a line with names resolved, addresses in hex and counts as numbers", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(0, spec());
  const encoder = new JsonLinesEncoder(recorder.ring, NAMES);
  const random = new Random(7);
  const accesses: Access[] = [];
  for (let n = 0; n < 500; n++) {
    accesses.push(randomAccess(random, BigInt(n) * 0x1_0000_0001n));
    harness.record(accesses[n] as Access);
  }
  harness.core.recorder_stop(0);
  let text = "";
  for (let batch = reader.next(); batch; batch = reader.next())
    text += encoder.batch(batch.slice(0, 100)) + encoder.batch(batch.slice(Math.min(100, batch.rows)));
  text += encoder.end(reader.counters, reader.tailGap);
  assert.ok(text.endsWith("\n"));
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines.pop(), { end: { matched: 500, written: 500, dropped: 0 } });
  assert.equal(lines.length, 500);
  accesses.forEach((access, n) => {
    const want = expectedRow(access, BigInt(n));
    for (const name of HEX) want[name] = `0x${(want[name] as bigint).toString(16)}`;
    for (const name of NUMBERS) want[name] = Number(want[name]);
    assert.deepEqual(lines[n], want);
    assert.deepEqual(Object.keys(lines[n]), ALL_FIELDS);
  });
});

test("gaps have lines of their own, where they are and at the end", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(0, spec({ fields: ["seq"], ringBatches: 2 }));
  const encoder = new JsonLinesEncoder(recorder.ring, NAMES);
  const random = new Random(7);
  let text = "";
  for (let n = 0; n < 1030; n++) {
    harness.record(randomAccess(random, BigInt(n)));
    if (n === 515) {
      for (let batch = reader.next(); batch; batch = reader.next()) {
        text += encoder.batch(batch);
        reader.release(batch);
      }
    }
  }
  harness.core.recorder_stop(0);
  for (let batch = reader.next(); batch; batch = reader.next()) text += encoder.batch(batch);
  text += encoder.end(reader.counters, reader.tailGap);
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines[512], { gap: { firstSeq: 512, count: 4, firstIcount: 512, lastIcount: 515 } });
  assert.deepEqual(lines[513], { seq: 516 });
  assert.deepEqual(lines.slice(-2), [
    { gap: { firstSeq: 1028, count: 2, firstIcount: 1028, lastIcount: 1029 } },
    { end: { matched: 1030, written: 1024, dropped: 6 } },
  ]);
});

test("counts beyond 2^53 become hex strings, unknown names show their number", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(0, spec({ fields: ["icount", "region"] }));
  const access = randomAccess(new Random(1), 1n << 53n);
  harness.record({ ...access, region: 900 });
  harness.record({ ...access, icount: (1n << 53n) - 1n, region: 0 });
  harness.core.recorder_stop(0);
  const batch = reader.next();
  assert.ok(batch);
  assert.equal(
    new JsonLinesEncoder(recorder.ring, NAMES).batch(batch),
    '{"icount":"0x20000000000000","region":"#900"}\n{"icount":9007199254740991,"region":"unassigned"}\n',
  );
});
