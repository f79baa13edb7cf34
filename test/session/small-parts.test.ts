// The small parts of a session: ring arena, input log, console batches, events.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Arena } from "../../src/machine/arena.js";
import { ConsoleBatcher } from "../../src/session/console-batcher.js";
import { EventLog } from "../../src/session/event-log.js";
import { InputLog } from "../../src/session/input-log.js";

test("rings never overlap, and all of the arena comes back", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 3000 })), { maxLength: 60 }), (actions) => {
      const arena = new Arena({ base: 1000, size: 16_000 });
      const taken: { base: number; size: number }[] = [];
      for (const [take, n] of actions) {
        if (take) {
          const base = arena.take(n);
          if (base === undefined) continue;
          assert.equal(base % 64, 0);
          assert.ok(base >= 1000 && base + n <= 17_000);
          assert.ok(taken.every((ring) => ring.base + ring.size <= base || base + n <= ring.base));
          taken.push({ base, size: n });
        } else if (taken.length > 0) {
          const [ring] = taken.splice(n % taken.length, 1);
          if (ring) arena.give(ring.base, ring.size);
        }
      }
      for (const ring of taken) arena.give(ring.base, ring.size);
      assert.equal(arena.largest, arena.size);
    }),
  );
});

test("the input log forgets the oldest first and says how many", () => {
  const log = new InputLog(300);
  for (let i = 0; i < 5; i++) log.add({ instructions: i, virtualNs: i, name: "uart0", bytes: new Uint8Array(36) });
  const { entries, dropped } = log.list();
  assert.deepEqual(
    entries.map((entry) => entry.instructions),
    [2, 3, 4],
  );
  assert.equal(dropped, 2);
});

test("what a slice printed goes in one piece per console", () => {
  const batcher = new ConsoleBatcher();
  for (const byte of Buffer.from("x".repeat(1000))) batcher.add("uart0", Uint8Array.of(byte));
  batcher.add("console0", Buffer.from("y"));
  const sent: [string, number][] = [];
  batcher.flush((name, bytes) => sent.push([name, bytes.length]));
  batcher.flush((name, bytes) => sent.push([name, bytes.length]));
  assert.deepEqual(sent, [
    ["uart0", 1000],
    ["console0", 1],
  ]);
});

test("events are numbered without holes and the last ones kept", () => {
  const log = new EventLog(3, () => 42);
  const heard: number[] = [];
  const stop = log.listen((event) => heard.push(event.seq));
  for (let i = 0; i < 5; i++) log.add({ type: "reset", reason: `${i}`, instructions: i });
  stop();
  log.add({ type: "deleted", instructions: 9 });
  assert.deepEqual(heard, [1, 2, 3, 4, 5]);
  assert.deepEqual(
    log.since(0).map((event) => event.seq),
    [4, 5, 6],
  );
  assert.deepEqual(
    log.since(5).map((event) => event.type),
    ["deleted"],
  );
});
