import assert from "node:assert/strict";
import { test } from "node:test";
import { bbv } from "../../../src/probe/builtin/bbv.js";
import { FakeHost } from "../fake-host.js";
import { BEQZ, C_NOP, NOP } from "./words.js";

test("writes a line for each interval of a hart, with blocks numbered as they came", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(bbv, { interval: 10, outfile: "x" });
  const a = host.block(0x80000000, [NOP, NOP, BEQZ]);
  const b = host.block(0x8000000c, [C_NOP, BEQZ]);
  for (let n = 0; n < 3; n++) host.run(a);
  host.run(b, { hart: 1 });
  host.run(b);
  for (let n = 0; n < 4; n++) host.run(b);
  host.run(a);
  const results = host.results();
  const file = (hart: number) => Buffer.from(host.files.get(`x.${hart}.bb`) as Uint8Array).toString();
  // 11 instructions end the first interval; the one too many counts for the second
  assert.equal(file(0), "T:0:9 :1:2 \nT:0:3 :1:8 \n");
  assert.equal(file(1), "");
  assert.deepEqual(results.harts, [
    { hart: 0, file: "x.0.bb", intervals: 2, instructions: 2, truncated: false },
    { hart: 1, file: "x.1.bb", intervals: 0, instructions: 2, truncated: false },
  ]);
  assert.deepEqual(
    results.hottest.map((block: any) => [block.index, block.instructions]),
    [
      [0, 12],
      [1, 12],
    ],
  );
  assert.equal(host.calls, 0);
});

test("code that changed keeps its address's number with its own length", () => {
  const host = new FakeHost();
  host.attach(bbv, { interval: 5 });
  host.run(host.block(0x80000000, [NOP, BEQZ]));
  host.run(host.block(0x80000000, [NOP, NOP, BEQZ]));
  host.results();
  assert.equal(Buffer.from(host.files.get("bbv.0.bb") as Uint8Array).toString(), "T:0:5 \n");
});
