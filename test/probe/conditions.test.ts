// Counters, conditions and buffers in all combinations, compiled and interpreted: the plugin is called at the same instructions
// and finds the same counts there, whatever compiled code keeps in locals or finds out for a whole block.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../src/machine/description.js";
import type { EventBuffer, Instruction, Op, PluginDefinition, PluginHost } from "../../src/probe/plugin.js";
import { differences } from "../engine/machines.js";
import { plugged } from "./plugged.js";

type Note = (hart: number, tag: number) => void;
/** What is put on code. */
interface Shape {
  exec: readonly Op[] | ((index: number) => readonly Op[]);
  access: readonly Op[] | ((index: number) => readonly Op[]);
  counters: readonly { get(hart: number): bigint }[];
}

const SHAPES: Record<string, (host: PluginHost, note: Note) => Shape> = {
  "limits that are reset": (host, note) => {
    const board = host.scoreboard(3);
    const [x, y, z] = [board.counter(0), board.counter(1), board.counter(2)];
    const reset: Note = (hart, tag) => {
      note(hart, tag);
      if (tag === 1) x.set(hart, 0n);
      else z.set(hart, 3n);
    };
    const often = host.call(reset, 1, { when: { counter: x, is: "ge", value: 97 } });
    const exact = host.call(note, 2, { when: { counter: y, is: "eq", value: 1000 } });
    const beyond = host.call(reset, 3, { when: { counter: z, is: "gt", value: 501 } });
    return { exec: [x.add(1), often, y.add(3), y.add(1), exact], access: [z.add(1), beyond], counters: [x, y, z] };
  },
  "counters that wrap around": (host, note) => {
    const x = host.scoreboard(1).counter(0);
    for (let hart = 0; hart < host.harts; hart++) x.set(hart, 2n ** 64n - 777n);
    const back: Note = (hart, tag) => {
      note(hart, tag);
      x.set(hart, 2n ** 64n - 100n);
    };
    const exact = host.call(note, 1, { when: { counter: x, is: "eq", value: 5 } });
    const later = host.call(back, 2, { when: { counter: x, is: "eq", value: 900 } });
    return { exec: [x.add(1), exact, later], access: [], counters: [x] };
  },
  "stores, and conditions on what is stored": (host, note) => {
    const board = host.scoreboard(3);
    const [last, count, total] = [board.counter(0), board.counter(1), board.counter(2)];
    const late = host.call(note, 1, { when: { counter: count, is: "ge", value: 3 } });
    return {
      exec: (index) => [last.store(index), count.add(1), total.add(1)],
      access: [late, count.store(0)],
      counters: [last, count, total],
    };
  },
  "buffers drained in between": (host, note) => {
    const board = host.scoreboard(2);
    const [x, y] = [board.counter(0), board.counter(1)];
    const buffer = host.buffer((words, from, to) => {
      let sum = 0;
      for (let i = from; i < to; i++) sum = (sum * 31 + (words[4 * i] as number) + (words[4 * i + 2] as number)) >>> 0;
      note(0, sum);
      for (let hart = 0; hart < host.harts; hart++) y.set(hart, y.get(hart) + 1000n);
    }, 61);
    const some = buffer.append(7, "none", { counter: y, is: "lt", value: 100_000 });
    return {
      exec: [x.add(1), y.add(2), some],
      access: (index) => [buffer.append(index, "vaddr")],
      counters: [x, y],
    };
  },
  "buffers with room for many blocks": (host, note) => {
    const board = host.scoreboard(2);
    const [x, y] = [board.counter(0), board.counter(1)];
    const sums = [7, 7];
    const drains = sums.map((_, n) => (words: Uint32Array, from: number, to: number): void => {
      for (let i = 4 * from; i < 4 * to; i++) sums[n] = ((sums[n] as number) * 31 + (words[i] as number)) >>> 0;
      note(n, sums[n] as number);
      for (let hart = 0; hart < host.harts; hart++) y.set(hart, y.get(hart) + 1000n);
    });
    const [first, second] = drains.map((drain) => host.buffer(drain, 1021)) as [EventBuffer, EventBuffer];
    const some = first.append(7, "none", { counter: y, is: "lt", value: 500_000 });
    return {
      exec: (index) => [x.add(1), y.add(2), some, ...(index % 3 === 0 ? [second.append(index)] : [])],
      access: (index) => [first.append(index, "paddr"), first.append(index, "value")],
      counters: [x, y],
    };
  },
  "a call at each access": (host, note) => {
    const x = host.scoreboard(1).counter(0);
    const reset: Note = (hart, tag) => {
      note(hart, tag);
      x.set(hart, 0n);
    };
    const some = host.call(reset, 2, { when: { counter: x, is: "ge", value: 40 } });
    return { exec: [x.add(1), some], access: [host.call(note, 1)], counters: [x] };
  },
};

function teller(shape: (host: PluginHost, note: Note) => Shape, lines: string[]): PluginDefinition {
  return {
    name: "teller",
    summary: "tells what it is called for",
    options: {},
    results: {},
    install(host) {
      const state = (): string =>
        Array.from({ length: host.harts }, (_, hart) => counters.map((counter) => counter.get(hart)).join(" ")).join();
      const note: Note = (hart, tag) => void lines.push(`${hart} ${tag} at ${host.instructions()}: ${state()}`);
      const { exec, access, counters } = shape(host, note);
      const put = (at: Instruction, index: number): void => {
        for (const op of typeof exec === "function" ? exec(index) : exec) at.onExec(op);
        if (at.memory === "none") return;
        for (const op of typeof access === "function" ? access(index) : access) at.onAccess(op);
      };
      return { translate: (block) => block.instructions.forEach(put), results: state };
    },
  };
}

const COMPILED: Partial<EngineSettings> = { jit: true, hotThreshold: 1, batch: 1 };
const COUNT = 60_000;

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`${name}: the same calls and counts in both tiers`, async () => {
    for (const [guest, harts] of [
      ["calls", 1],
      ["smp", 3],
      ["strings", 1],
    ] as const) {
      const told: unknown[] = [];
      for (const engine of [{ jit: false }, COMPILED]) {
        const lines: string[] = [];
        const m = await plugged(guest, engine, { harts });
        const definition = teller(shape, lines);
        m.manager.attach("teller", { kind: "javascript", name: "teller", definition }, {}, {});
        m.run(COUNT);
        assert.deepEqual(m.failures, []);
        told.push([lines, m.results("teller")]);
        const plain = await plugged(guest, engine, { harts });
        plain.run(COUNT);
        assert.deepEqual(differences(m.machine, plain.machine), [], guest);
        const { compiledInstructions } = m.machine.engineStats();
        if (engine.jit) assert.ok(compiledInstructions > COUNT / 3, `${guest}: ${compiledInstructions} compiled`);
        assert.ok(lines.length > 3, `${guest}: ${lines.length} calls`);
      }
      assert.deepEqual(told[1], told[0], guest);
    }
  });
}
