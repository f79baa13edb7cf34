import assert from "node:assert/strict";
import { test } from "node:test";
import { stoptrigger } from "../../../src/probe/builtin/stoptrigger.js";
import { FakeHost } from "../fake-host.js";
import { BEQZ, LD, NOP } from "./words.js";

/** Runs blocks until the plugin stops the machine; the fake one goes on, so this notes where it would have stood. */
function stopsAt(host: FakeHost, run: () => void): number[] {
  const at: number[] = [];
  const stop = host.stop.bind(host);
  host.stop = (reason) => {
    at.push(host.instructions());
    stop(reason);
  };
  run();
  return at;
}

test("stops behind exactly so many instructions, wherever in a block", () => {
  for (let icount = 1; icount <= 14; icount++) {
    const host = new FakeHost();
    host.attach(stoptrigger, { icount: `${icount}:7` });
    const a = host.block(0x80000000, [NOP, NOP, BEQZ]);
    const b = host.block(0x80001000, [BEQZ]);
    const at = stopsAt(host, () => {
      for (let n = 0; n < 4; n++) {
        host.run(a);
        host.run(b);
      }
    });
    assert.deepEqual(at, [icount]);
    const pc = [0x80000000n, 0x80000004n, 0x80000008n, 0x80001000n][icount % 4];
    assert.deepEqual(host.stops, [`icount reached at 0x${pc?.toString(16)}, code 7`]);
    assert.equal(host.report(), `icount reached at 0x${pc?.toString(16)}, exiting\n`);
    const [trigger] = host.results().triggers;
    assert.deepEqual(trigger, { kind: "icount", icount, code: 7, reached: { hart: 0, pc, instructions: icount } });
    assert.equal(host.results().code, 7);
  }
});

test("instructions that a trap kept from running do not count", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(stoptrigger, { icount: "6" });
  const block = host.block(0x80000000, [NOP, LD, NOP, BEQZ]);
  const at = stopsAt(host, () => {
    host.run(block, { count: 2, traps: true });
    host.emit("exception", { hart: 0, cause: 13, from: 0x80000004n, to: 0n, tval: 0n });
    host.run(block, { hart: 1 });
    host.run(block, { count: 1 });
    host.setRegister(0, "pc", 0x80000004);
    assert.deepEqual(host.results().instructions, [3, 4]);
    host.emit("interrupt", { hart: 0, cause: 7, from: 0x80000004n, to: 0n });
    host.run(block);
  });
  // hart 0: 2 + 1, and 3 of the last block; hart 1: 4
  assert.deepEqual(at, [10]);
  assert.match(host.stops[0] as string, /0x8000000c/);
});

test("triggers in the same block are each reached, those by address once", () => {
  const host = new FakeHost();
  host.attach(stoptrigger, { icount: ["2", "3:1"], addr: ["0x80000008:0x10", "0x80000000"] });
  const block = host.block(0x80000000, [NOP, NOP, NOP, BEQZ]);
  host.run(block);
  host.run(block);
  assert.deepEqual(host.stops, [
    "0x80000000 reached, code 0",
    "icount reached at 0x80000008, code 0",
    "0x80000008 reached, code 16",
    "icount reached at 0x8000000c, code 1",
  ]);
});

test("wants a trigger, and numbers in it", () => {
  const attach = (given: Record<string, unknown>) => () => new FakeHost().attach(stoptrigger, given);
  assert.throws(attach({}), /icount: expected/);
  assert.throws(attach({ icount: "0" }), /positive/);
  assert.throws(attach({ icount: "-1" }), /icount/);
  assert.throws(attach({ addr: "0x8000:x" }), /addr/);
});

test("a block whose code is written while it runs counts as far as it came", () => {
  const host = new FakeHost();
  host.attach(stoptrigger, { icount: "4" });
  const at = stopsAt(host, () => {
    host.run(host.block(0x80000000, [NOP, NOP, NOP, NOP, BEQZ]), { count: 2 });
    host.run(host.block(0x80000008, [NOP, NOP, NOP, BEQZ]));
  });
  assert.deepEqual(at, [4]);
});
