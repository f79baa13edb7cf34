// What `host.access` says in callbacks of JavaScript plugins, from interpreted and from compiled code: the same for each access,
// and nothing outside of callbacks on accesses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../src/machine/description.js";
import type { Access, PluginDefinition } from "../../src/probe/plugin.js";
import { differences } from "../engine/machines.js";
import { plugged } from "./plugged.js";

const FIELDS = (a: Access): unknown[] => [
  ...[a.hart, a.pc, a.vaddr, a.paddr, a.paddrNumber, a.offset, a.size, a.write, a.kind, a.value, a.signed],
  ...[a.io, a.region, a.regionId, a.device, a.deviceId, a.second?.paddr, a.second?.split],
];

interface Seen {
  /** Of all accesses in their order. */
  lines: string[];
  kinds: Set<string>;
  /** Times `access` could be read before an instruction or a block. */
  early: number;
  refused: number;
}

function spy(seen: Seen): PluginDefinition {
  return {
    name: "spy",
    summary: "notes all of every access",
    options: {},
    results: {},
    install(host) {
      const access = host.call(() => {
        seen.lines.push(FIELDS(host.access).join(" "));
        seen.kinds.add(host.access.kind);
      }, 0);
      const before = host.call(() => {
        try {
          seen.early += host.access.size;
        } catch {
          seen.refused++;
        }
      }, 0);
      return {
        translate(block) {
          block.onExec(before);
          for (const instruction of block.instructions) {
            instruction.onExec(before);
            // twice, so that there is something behind the first
            if (instruction.memory !== "none") for (let n = 0; n < 2; n++) instruction.onAccess(access);
          }
        },
        results: () => 0,
      };
    },
  };
}

const ENGINES: readonly Partial<EngineSettings>[] = [{ jit: false }, { jit: true, hotThreshold: 1, batch: 1 }];

for (const [guest, harts, count] of [
  ["smp", 3, 20_000],
  ["strings", 1, 40_000],
] as const) {
  test(`callbacks in ${guest} find the same accesses in both tiers, and none before an instruction`, async () => {
    const all: Seen[] = [];
    for (const engine of ENGINES) {
      const seen: Seen = { lines: [], kinds: new Set(), early: 0, refused: 0 };
      const m = await plugged(guest, engine, { harts });
      m.manager.attach("spy", { kind: "javascript", name: "spy", definition: spy(seen) }, {}, {});
      m.run(count);
      assert.deepEqual(m.failures, []);
      assert.equal(seen.early, 0);
      assert.ok(seen.refused > count, String(seen.refused));
      assert.equal(m.manager.get("spy").cost.calls, seen.lines.length + seen.refused);
      all.push(seen);
      const plain = await plugged(guest, engine, { harts });
      plain.run(count);
      assert.deepEqual(differences(m.machine, plain.machine), []);
      if (guest === "smp") for (const kind of ["load", "store", "amo-read"]) assert.ok(seen.kinds.has(kind), kind);
    }
    const [interpreted, compiled] = all as [Seen, Seen];
    assert.ok(interpreted.lines.length > 1000);
    assert.deepEqual(compiled, interpreted);
  });
}
