// What regions do with counters of plugins: which are kept in locals, which conditions are ruled out at a block's beginning.
import assert from "node:assert/strict";
import test from "node:test";
import { earlyTests } from "../../src/engine/jit/block-conditions.js";
import { buffersToKeep } from "../../src/engine/jit/buffer-cursors.js";
import { countersToKeep } from "../../src/engine/jit/counter-locals.js";
import type { Comparison, CounterPlace, PlacedOp, ProbedBlock, ProbeOp } from "../../src/engine/probe-ops.js";

const counter = (n: number): CounterPlace => ({ address: 0x1000 * n, stride: 8 });
const add = (n: number, value = 1n): ProbeOp => ({ kind: "add", counter: counter(n), value });
const store = (n: number): ProbeOp => ({ kind: "store", counter: counter(n), value: 0n });
const when = (op: ProbeOp, n: number, is: Comparison, value: bigint): ProbeOp => ({
  ...op,
  when: { counter: counter(n), is, value },
});
const call: ProbeOp = {
  kind: "call",
  target: { slot: 0, dispatcher: 0, fn: 0 },
  tag: 0,
  signature: "exec",
  registers: "none",
  hwaddr: false,
  synced: false,
  direct: false,
};
const placed = (op: ProbeOp, io = false): PlacedOp => ({ op, address: 0, direction: "both", io });

function block(exec: ProbeOp[][], access: PlacedOp[][] = []): ProbedBlock {
  return {
    record: 0,
    block: [],
    exec: exec.map((ops) => ops.map((op) => placed(op))),
    access: exec.map((_, i) => access[i] ?? []),
    instructions: [],
  };
}

const tests = (...args: Parameters<typeof block>) =>
  earlyTests(block(...args)).tests.map(({ exactly, value, sum }) => [exactly, value, sum]);

test("a limit that instructions count towards is looked at once for the block", () => {
  const each = [add(1), when(call, 1, "ge", 100n)];
  assert.deepEqual(tests([each, each, each]), [[false, 100n, 3n]]);
  assert.deepEqual(tests([[add(1), when(call, 1, "gt", 100n)]]), [[false, 101n, 1n]]);
  assert.deepEqual(tests([[add(1), when(call, 1, "eq", 100n), when(call, 1, "eq", 7n)]]), [
    [true, 100n, 1n],
    [true, 7n, 1n],
  ]);
  assert.equal(earlyTests(block([each, each])).idle.size, 2);
  // an atomic makes two accesses
  assert.deepEqual(tests([[when(call, 1, "ge", 100n)]], [[placed(add(1, 5n))]]), [[false, 100n, 10n]]);
  // what is conditional on something else is looked at as ever
  const other = earlyTests(block([[add(1), when(call, 1, "ge", 100n), when(add(2), 1, "ge", 100n)]]));
  assert.deepEqual([other.tests.length, other.idle.size], [1, 1]);
});

test("conditions are looked at one by one where that would be wrong or slow", () => {
  const none = (...args: Parameters<typeof block>) => assert.deepEqual(tests(...args), []);
  const limit = when(call, 1, "ge", 100n);
  none([[add(1)]]);
  none([[limit]]); //                                 a counter that stands still
  none([[add(1), when(call, 1, "lt", 100n)]]);
  none([[add(1), when(call, 1, "ge", 1n)]]); //        holds from the beginning
  none([[add(1), when(call, 1, "gt", 2n ** 64n - 1n)]]);
  none([[add(1, -1n), limit]]);
  none([[add(1), limit, store(1)]]);
  none([[add(1), limit, call]]); //                    may set the counter
  none([[add(1), limit, when(call, 2, "eq", 1n)]]);
  none([[add(1), limit, when(add(1), 2, "eq", 1n)]]);
  none([[add(1), when(add(2), 1, "ge", 100n)]]); //    may go on for long
  none([[add(1), ...[1n, 2n, 3n, 4n, 5n].map((n) => when(call, 1, "eq", n))]]);
});

test("buffers with room for many blocks are appended to by a cursor in a local", () => {
  const full = { slot: 0, dispatcher: 0, fn: 0 };
  const append = (buffer: number, entries: number): ProbeOp => ({
    ...{ kind: "append", buffer, entries, tag: 0, field: "none", full },
  });
  const keep = (...ops: ProbeOp[]) => buffersToKeep([block([ops])]);
  assert.deepEqual(keep(append(1, 16), append(1, 16)), [1]);
  assert.deepEqual(keep(append(1, 15), append(1, 15)), []);
  assert.deepEqual(keep(append(1, 100), append(2, 100)), [1, 2]);
  // one that may have to be drained is drained between two instructions, where all must be in memory
  assert.deepEqual(keep(append(1, 100), append(2, 7)), []);
  assert.deepEqual(keep(append(1, 100), call), []);
  assert.deepEqual(keep(append(1, 100), when(call, 1, "eq", 5n)), [1]);
  assert.deepEqual(keep(...[1, 2, 3, 4, 5].map((n) => append(n, 100))), []);
});

test("counters that many blocks use are kept in locals", () => {
  const keys = (...blocks: ProbedBlock[]): string[] => [...countersToKeep(blocks).keys()];
  const all = block([[add(1), add(2)]]);
  assert.deepEqual(keys(all), ["4096/8", "8192/8"]);
  const others = Array.from({ length: 8 }, (_, n) => block([[add(1), add(10 + n)]]));
  assert.deepEqual(keys(...others), ["4096/8"]);
  assert.deepEqual(keys(all, block([[call]])), []);
  assert.deepEqual(keys(block([[add(1), when(call, 1, "ge", 5n)]])), ["4096/8"]);
  const many = block([Array.from({ length: 20 }, (_, n) => add(n))]);
  assert.equal(keys(many).length, 8);
  const written = countersToKeep([block([[when(store(1), 2, "eq", 1n)]])]);
  assert.deepEqual([...written.values()].map((kept) => kept.written).sort(), [false, true]);
  assert.deepEqual(keys(block([[]], [[placed(add(1), true)]])), []);
});
