// Built-in plugins on real machines: what they find is the same interpreted and compiled, however the run is cut into slices,
// and what a plugin that looks at every single instruction and access finds.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../../src/machine/description.js";
import type { PluginDefinition } from "../../../src/probe/plugin.js";
import { times } from "../../thorough.js";
import { type Plugged, plugged } from "../plugged.js";
import { PlainCache, Random } from "./plain-cache.js";

const TIERS: { name: string; engine: Partial<EngineSettings>; chunk: number; count?: number }[] = [
  { name: "interpreter", engine: { jit: false }, chunk: 1e6 },
  { name: "interpreter by 1013", engine: { jit: false }, chunk: 1013 },
  { name: "eager", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 1e6 },
  { name: "eager by 97", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 97 },
];
const COUNT = 200_000;
const PLUGINS: Record<string, Record<string, unknown>> = {
  cache: { dcachesize: 1024, icachesize: 1024, l2cachesize: 16384, evict: "rand" },
  cflow: { limit: 0 },
  drcov: {},
  bbv: { interval: 10_000 },
  uftrace: { limit: 0 },
};
const GUESTS: [string, number][] = [
  ["calls", 1],
  ["smc", 1],
  ["smp", 3],
  ["strings", 1],
];

/** What all plugins found, with their files. */
function found(m: Plugged): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(PLUGINS).map((name) => {
      const results = m.results(name);
      const { files } = m.manager.snapshot(name, false);
      const bytes = files.map(({ name: file }) => [file, Buffer.from(m.manager.file(name, file)).toString("base64")]);
      return [name, { results, text: m.text(name), bytes }];
    }),
  );
}

for (const [guest, harts] of GUESTS) {
  test(`${guest}: the same in every tier`, async () => {
    let expected: Record<string, unknown> | undefined;
    for (const { name, engine, chunk } of TIERS) {
      const m = await plugged(guest, engine, { harts });
      for (const [plugin, args] of Object.entries(PLUGINS)) m.attach(plugin, args);
      m.run(COUNT, chunk);
      const results = found(m);
      assert.deepEqual(m.failures, []);
      expected ??= results;
      for (const plugin of Object.keys(PLUGINS))
        assert.deepEqual(results[plugin], expected[plugin], `${plugin}: ${name}`);
    }
  });
}

interface Seen {
  /** Instructions by hart, in order, with their accesses. */
  fetch(hart: number, pc: bigint, paddr: bigint): void;
  access(hart: number, pc: bigint, paddr: bigint): void;
}

/** Calls for everything. */
const witness = (seen: Seen): PluginDefinition => ({
  name: "witness",
  summary: "",
  options: {},
  results: {},
  install(host) {
    const at: { vaddr: bigint; paddr: bigint }[] = [];
    const exec = (hart: number, tag: number) =>
      seen.fetch(hart, (at[tag] as { vaddr: bigint }).vaddr, (at[tag] as { paddr: bigint }).paddr);
    const access = (hart: number, tag: number) => {
      if (!host.access.io) seen.access(hart, (at[tag] as { paddr: bigint }).paddr, host.access.paddr);
    };
    return {
      translate(block) {
        for (const instruction of block.instructions) {
          const tag = at.push({ vaddr: instruction.vaddr, paddr: instruction.paddr }) - 1;
          instruction.onExec(host.call(exec, tag));
          instruction.onAccess(host.call(access, tag));
        }
      },
      results: () => null,
    };
  },
});

for (const { name, engine, chunk } of TIERS) {
  for (const [guest, harts] of GUESTS) {
    test(`${guest}, ${name}: cache and uftrace count what runs, at any moment`, async () => {
      const m = await plugged(guest, engine, { harts });
      const random = new Random();
      const shape = { size: 1024, blockSize: 64, associativity: 8 };
      const cores = Array.from({ length: harts }, () => ({
        instruction: new PlainCache(shape, "lru", random),
        data: new PlainCache(shape, "lru", random),
        l2: new PlainCache({ size: 16384, blockSize: 64, associativity: 16 }, "lru", random),
      }));
      let instructions = 0;
      const seen: Seen = {
        fetch(hart, _, paddr) {
          instructions++;
          const core = cores[hart] as (typeof cores)[number];
          if (!core.instruction.access(paddr)) core.l2.access(paddr);
        },
        access(hart, _, paddr) {
          const core = cores[hart] as (typeof cores)[number];
          if (!core.data.access(paddr)) core.l2.access(paddr);
        },
      };
      m.manager.attach("witness", { kind: "javascript", name: "witness", definition: witness(seen) }, {}, {});
      m.attach("cache", { dcachesize: 1024, icachesize: 1024, l2cachesize: 16384 });
      m.attach("uftrace");
      for (let moment = 0; moment < times(5, 12); moment++) {
        m.run(3 + 1237 * moment, chunk);
        const counts = ({ accesses, misses }: PlainCache) => ({ accesses, misses });
        const expected = cores.map(({ data, instruction, l2 }) => [counts(data), counts(instruction), counts(l2)]);
        const results = m
          .results("cache")
          .cores.map((core: any) =>
            [core.data, core.instruction, core.l2].map(({ accesses, misses }) => ({ accesses, misses })),
          );
        assert.deepEqual(results, expected, `moment ${moment}`);
        assert.equal(m.results("uftrace").instructions, instructions, `moment ${moment}`);
      }
      assert.deepEqual(m.failures, []);
    });
  }
}
