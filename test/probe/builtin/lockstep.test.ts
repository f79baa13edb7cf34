import assert from "node:assert/strict";
import { test } from "node:test";
import { lockstep } from "../../../src/probe/builtin/lockstep.js";
import type { Plugin } from "../../../src/probe/plugin.js";
import { FakeHost } from "../fake-host.js";
import { BEQZ, NOP } from "./words.js";

const attached: Plugin[] = [];
function machine(given: Record<string, unknown> = {}): FakeHost {
  const host = new FakeHost({ harts: 2 });
  attached.push(host.attach(lockstep, given));
  return host;
}
const block = (host: FakeHost, n: number) => host.block(0x80000000 + 0x100 * n, [NOP, BEQZ]);
function run(host: FakeHost, blocks: number[], hart = 0): void {
  for (const n of blocks) host.run(block(host, n), { hart });
}

test("sides that run the same agree, however their slices lie and whoever came first", () => {
  const [a, b] = [machine({ sockpath: "same" }), machine({ sockpath: "same" })];
  assert.equal(a.results().state, "comparing");
  run(a, [1, 2, 3, 1]);
  a.sliceEnd();
  run(b, [1, 2]);
  b.sliceEnd();
  run(b, [3, 1, 2]);
  b.sliceEnd();
  run(a, [2]);
  for (const host of [a, b]) {
    assert.deepEqual(host.results().harts[0], { hart: 0, blocks: 5, instructions: 10, compared: 5 });
    assert.equal(host.results().divergence, undefined);
    assert.equal(host.report(), "No divergence :-)\nExecuted 5/5 blocks\nExecuted ~10 instructions\n");
  }
});

test("the first difference is found on both sides, with what came before and behind it", () => {
  const a = machine({ sockpath: "differ", verbose: true });
  run(a, [1, 1, 2], 1);
  run(a, [1, 2, 3, 4, 5]);
  a.sliceEnd();
  assert.equal(a.results().state, "waiting");
  const b = machine({ sockpath: "differ", verbose: true });
  run(b, [1, 2, 9, 4]);
  run(b, [1, 1, 2], 1);
  b.sliceEnd();
  const sides = [a, b].map((host) => host.results().divergence);
  const addresses = (list: any[]) => list.map(({ address }) => Number(address - 0x80000000n) / 0x100);
  assert.deepEqual([sides[0].hart, sides[0].block, sides[1].hart, sides[1].block], [0, 2, 0, 2]);
  assert.deepEqual(addresses(sides[0].common), [1, 2]);
  assert.deepEqual(addresses(sides[0].ours), [3, 4, 5]);
  assert.deepEqual(addresses(sides[0].theirs), [9, 4]);
  assert.deepEqual(addresses(sides[1].ours), [9, 4]);
  assert.deepEqual(addresses(sides[1].theirs), [3, 4, 5]);
  assert.deepEqual(
    sides[0].ours.map((run: any) => run.instructions),
    [4, 6, 8],
  );
  assert.deepEqual([a.stops.length, b.stops.length], [1, 1]);
  assert.equal(
    a.report(),
    "@ 0x0000000080000300 vs 0x0000000080000900 (1/0 since last)\n" +
      "Δ insn_count @ 0x0000000080000300 (4) vs 0x0000000080000900 (4)\n" +
      "  previously @ 0x0000000080000200/2 (4 insns)\n  previously @ 0x0000000080000100/2 (2 insns)\n" +
      "too much divergence... giving up.",
  );
});

test("a side far ahead is paused, and nothing is forgotten until it was compared", () => {
  const a = machine({ sockpath: "far", window: 1024 });
  const sequence = Array.from({ length: 3000 }, (_, i) => i % 7);
  run(a, sequence);
  a.sliceEnd();
  assert.deepEqual(a.stops, ["lockstep: 3000 blocks without another session"]);
  const b = machine({ sockpath: "far", window: 1024 });
  run(b, sequence.with(2900, 8));
  b.sliceEnd();
  assert.equal(b.results().divergence.block, 2900);
  assert.equal(a.results().divergence.block, 2900);
});

test("sides with other names do not meet, and one that left is told", () => {
  const [a, b, c] = [machine({ sockpath: "p" }), machine({ sockpath: "p" }), machine({ sockpath: "q" })];
  b.detach();
  assert.deepEqual([a.results().state, c.results().state], ["waiting", "waiting"]);
  run(a, [1, 2]);
  const d = machine({ sockpath: "p" });
  run(d, [1, 2, 3]);
  d.detach();
  assert.deepEqual([a.results().state, a.results().harts[0].compared], ["left", 2]);
});
