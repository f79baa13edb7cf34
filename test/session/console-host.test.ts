import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConsoleBuffer } from "../../src/session/console-host.js";

const build = (limit: number): ConsoleBuffer => new ConsoleBuffer("uart0", limit, async () => {});
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

test("the last bytes are kept under the offsets they were printed at", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9000 }),
      fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 8 }),
      (limit, chunks) => {
        const console = build(limit);
        const all: number[] = [];
        for (const chunk of chunks) {
          console.push(chunk);
          all.push(...chunk);
          assert.equal(console.end, all.length);
          assert.ok(console.end - console.start <= limit);
          const { offset, bytes } = console.read(0, Number.MAX_SAFE_INTEGER);
          assert.equal(offset, console.start);
          assert.deepEqual([...bytes], all.slice(console.start));
        }
        // Nothing is forgotten while there is room.
        if (all.length <= limit) assert.equal(console.start, 0);
      },
    ),
    { numRuns: 200 },
  );
});

test("reading clamps to what there is", () => {
  const console = build(4);
  console.push(Buffer.from("abcdef"));
  assert.equal(console.start, 2);
  assert.deepEqual([console.read(0, 2).offset, text(console.read(0, 2).bytes)], [2, "cd"]);
  assert.deepEqual([console.read(100, 2).offset, text(console.read(100, 2).bytes)], [6, ""]);
  assert.equal(text(console.read(5, 100).bytes), "f");
});
