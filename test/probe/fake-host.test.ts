// The fake machine itself: does with ops what the engine does.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Plugin, PluginDefinition, PluginHost } from "../../src/probe/plugin.js";
import { FakeHost } from "./fake-host.js";

const definition = (install: (host: PluginHost) => Plugin): PluginDefinition => ({
  name: "probe",
  summary: "",
  options: {},
  results: {},
  install,
});
const LD_AND_SD = [0x0005b503, 0x00a5b423]; // ld a0, 0(a1); sd a0, 8(a1)

test("counters, conditions and callbacks happen in the order they were asked for", () => {
  const host = new FakeHost({ harts: 2 });
  const seen: string[] = [];
  host.attach(
    definition((h) => {
      const counter = h.scoreboard(1).counter(0);
      return {
        translate(block) {
          block.onExec(h.call((hart) => seen.push(`block ${hart} ${counter.get(hart)}`), 0));
          block.instructions.forEach((instruction, i) => {
            instruction.onExec(counter.add(1));
            instruction.onExec(
              h.call((_, tag) => seen.push(`at ${tag}`), i, { when: { counter, is: "ge", value: 3 } }),
            );
            const access = () => seen.push(`${h.access.write ? "write" : "read"} ${h.access.vaddr} ${h.access.device}`);
            instruction.onAccess(h.call(access, i), { io: true });
          });
        },
        results: () => ({ sum: counter.sum(), one: counter.get(1) }),
      };
    }),
  );
  const block = host.block(0x80000000, LD_AND_SD);
  host.run(block, { accesses: { 0: [{ vaddr: 0x80001000 }], 1: [{ vaddr: 0x10000000, size: 1 }] } });
  host.run(block, { count: 1, traps: true });
  host.run(block, { hart: 1 });
  assert.deepEqual(seen, ["block 0 0", "write 268435456 uart0", "block 0 2", "at 0", "block 1 0"]);
  assert.deepEqual(host.results(), { sum: 5n, one: 2n });
  assert.equal(host.instructions(), 5);
});

test("buffers are drained when they are full and before results", () => {
  const host = new FakeHost();
  const drained: number[][] = [];
  host.attach(
    definition((h) => {
      const buffer = h.buffer((words, from, to) => drained.push([...words.subarray(4 * from, 4 * to)]), 2);
      return {
        translate(block) {
          for (const i of block.instructions) i.onAccess(buffer.append(7, "paddr"), { direction: "read" });
        },
        results: () => null,
      };
    }),
  );
  const block = host.block(0x80000000, LD_AND_SD);
  for (let i = 0; i < 3; i++) {
    host.run(block, { accesses: { 0: [{ vaddr: 0x1000, paddr: 0x1_8000_0000n, size: 4 }], 1: [{ vaddr: 8 }] } });
  }
  assert.deepEqual(drained, [[7, 0x400, 0x80000000, 1, 7, 0x400, 0x80000000, 1]]);
  host.results();
  assert.deepEqual(drained[1], [7, 0x400, 0x80000000, 1]);
});

test("what the engine would not allow is refused", () => {
  const host = new FakeHost();
  const plugin = host.attach(
    definition((h) => {
      const scoreboard = h.scoreboard(1);
      return {
        translate: (block) => block.onExec(scoreboard.counter(0).add(1)),
        results: () => h.access,
        uninstall: () => scoreboard.free(),
      };
    }),
  );
  const block = host.block(0x80000000, LD_AND_SD);
  host.run(block);
  assert.throws(() => block.instructions[0]?.onExec({} as never), /outside translate/);
  assert.throws(() => plugin.results(), /outside an access/);
  plugin.uninstall?.();
  assert.throws(() => host.run(block), /given back/);
  assert.throws(() => new FakeHost({ counters: 3 }).scoreboard(4), RangeError);
});
