import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConsoleBuffer, TextSearch, waitForText } from "../../src/session/console-host.js";

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

test("a text is found wherever the messages were cut", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom("a", "b") }),
      fc.array(fc.string({ maxLength: 6, unit: fc.constantFrom("a", "b") })),
      (needle, chunks) => {
        const search = new TextSearch(needle);
        let offset = 0;
        let found: number | undefined;
        let seen = "";
        for (const chunk of chunks) {
          found = search.feed(Buffer.from(chunk), offset);
          offset += chunk.length;
          seen += chunk;
          const at = seen.indexOf(needle);
          assert.equal(found, at < 0 ? undefined : at + needle.length);
          if (found !== undefined) break;
        }
      },
    ),
  );
});

test("waiting ends with the text, the time limit or the caller's signal", async () => {
  const console = build(100);
  const abort = new AbortController();
  const found = waitForText(console, "ok", { offset: 0, timeoutMs: 1000 });
  const late = waitForText(console, "never", { offset: 0, timeoutMs: 10 });
  const aborted = waitForText(console, "never", { offset: 0, timeoutMs: 10_000, signal: abort.signal });
  const future = waitForText(console, "ok", { offset: 3, timeoutMs: 20 });
  console.push(Buffer.from("o"));
  console.push(Buffer.from("k"));
  abort.abort();
  assert.equal(await found, 2);
  assert.equal(await late, undefined);
  assert.equal(await aborted, undefined);
  assert.equal(await future, undefined);
});
