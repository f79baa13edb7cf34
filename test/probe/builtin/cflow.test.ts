import assert from "node:assert/strict";
import { test } from "node:test";
import { cflow } from "../../../src/probe/builtin/cflow.js";
import { FakeHost } from "../fake-host.js";
import { BEQZ, LD, NOP, RET } from "./words.js";

/** A loop that is left by falling through, a fault in the middle of a block, and an interrupt. */
function scenario(given: Record<string, unknown> = {}): FakeHost {
  const host = new FakeHost();
  host.symbols.push({ name: "loop", start: 0x80000000, size: 8 }, { name: "trap", start: 0x80001000, size: 16 });
  host.attach(cflow, given);
  const loop = host.block(0x80000000, [NOP, BEQZ]);
  const behind = host.block(0x80000008, [LD, NOP, RET]);
  const trap = host.block(0x80001000, [NOP, RET]);
  for (let n = 0; n < 5; n++) host.run(loop);
  host.run(behind, { count: 1, traps: true });
  host.emit("exception", { hart: 0, cause: 13, from: 0x80000008n, to: 0x80001000n, tval: 0n });
  host.run(trap);
  host.run(behind, { count: 2 });
  host.emit("interrupt", { hart: 0, cause: 7, from: 0x80000010n, to: 0x80001000n });
  host.run(trap);
  host.run(host.block(0x80000010, [RET]));
  host.run(loop);
  return host;
}

test("taken branches count, fall-through does not, and traps are early exits where they happen", () => {
  const host = scenario();
  const results = host.results();
  assert.equal(results.nodes, 7);
  const flow = results.top.map((node: any) => [
    node.address.toString(16),
    node.type,
    node.branches,
    node.earlyExits,
    node.destinations.map((d: any) => `${d.address.toString(16)} ${d.count}`).join(", "),
  ]);
  assert.deepEqual(flow, [
    ["80000004", "branch", 4, 0, "80000000 4"],
    ["80001004", "branch", 2, 0, "80000008 1, 80000010 1"],
    ["80000008", "sync fault", 1, 1, "80001000 1"],
    ["8000000c", "sync fault", 1, 1, "80001000 1"],
    ["80000010", "branch", 1, 0, "80000000 1"],
  ]);
  assert.equal(host.calls, 0);
});

test("sorts as asked and prints as QEMU's plugin does", () => {
  const host = scenario({ sort: "early", limit: 1 });
  assert.deepEqual(
    host.results().top.map((node: any) => node.address),
    [0x80000008n],
  );
  assert.equal(
    host.report(),
    "collected 7 control flow nodes in the hash table\n" +
      "  addr: 0x80000008 (null): 0005b503          ld                      a0,0(a1) (sync fault)\n" +
      "    early exits 1\n    branches 1\n      to 0x80001000 (1)\n",
  );
  assert.equal(scenario({ sort: "exceptions", limit: 1 }).results().top[0].address, 0x80001004n);
});

test("harts do not mix", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(cflow);
  const loop = host.block(0x80000000, [BEQZ]);
  for (let n = 0; n < 4; n++) host.run(loop, { hart: n & 1 });
  assert.equal(host.results().top[0].branches, 2);
});
