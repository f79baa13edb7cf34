import assert from "node:assert/strict";
import { test } from "node:test";
import { ips } from "../../../src/probe/builtin/ips.js";
import { FakeHost } from "../fake-host.js";
import { NOP } from "./words.js";

test("virtual time follows the hart that ran most, once in a quantum", () => {
  const host = new FakeHost({ harts: 2 });
  host.ns = 5000;
  host.attach(ips, { ips: "1m", ipq: "10", throttle: false });
  const block = host.block(0x80000000, [NOP, NOP, NOP, NOP]);
  host.run(block);
  host.run(block);
  assert.equal(host.ns, 5008);
  host.run(block, { count: 1 });
  // 12 instructions at 1000 ns each, before the first of the block
  assert.equal(host.ns, 5000 + 12_000 + 1);
  for (let n = 0; n < 3; n++) host.run(block, { hart: 1 });
  assert.equal(host.results().virtualNs, 12_000);
  assert.deepEqual(host.results().harts, [
    { hart: 0, instructions: 12, quanta: 1 },
    { hart: 1, instructions: 12, quanta: 1 },
  ]);
  assert.equal(host.detach().virtualNs, 12_000);
});

test("what is left of a quantum counts when the hart ends", () => {
  const host = new FakeHost();
  host.attach(ips, { ips: "1000", throttle: false });
  host.run(host.block(0x80000000, [NOP]));
  host.detach();
  assert.equal(host.ns, 1_000_000);
});

test("refuses rates it cannot keep, and time that another plugin has", () => {
  const host = new FakeHost();
  assert.throws(() => host.attach(ips, { ips: "9" }), /at least 10/);
  assert.throws(() => host.attach(ips, { ips: "1t" }), /ips: expected a number of instructions/);
  host.attach(ips);
  assert.throws(() => host.attach(ips), /no other plugin has control/);
});

test("time that passes while harts wait comes on top", () => {
  const host = new FakeHost();
  host.attach(ips, { ips: "1m", ipq: "4", throttle: false });
  const block = host.block(0x80000000, [NOP, NOP, NOP, NOP]);
  host.run(block, { count: 0 });
  assert.equal(host.ns, 4000);
  host.ns += 1e6;
  host.run(block, { count: 0 });
  assert.equal(host.ns, 1_008_000);
});

test("waits a bounded time in each slice, whatever it owes", () => {
  const host = new FakeHost();
  host.attach(ips, { ips: "100" });
  const block = host.block(0x80000000, [NOP, NOP, NOP, NOP]);
  for (let slice = 1; slice <= 2; slice++) {
    for (let n = 0; n < 1000; n++) host.run(block);
    host.sliceEnd();
    assert.ok(host.results().waitedMs <= 40 * slice);
  }
});
