// What `host.access` says in callbacks of JavaScript plugins, from interpreted and from compiled code: the same for each access,
// and nothing outside of callbacks on accesses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineSettings } from "../../src/machine/description.js";
import type { Access, AccessNumber, PluginDefinition } from "../../src/probe/plugin.js";
import { differences } from "../engine/machines.js";
import { plugged } from "./plugged.js";

const FIELDS = (a: Access): unknown[] => [
  ...[a.hart, a.pc, a.vaddr, a.paddr, a.paddrNumber, a.ppn, a.offset, a.size, a.write, a.kind, a.value, a.signed],
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

const NUMBERS: readonly AccessNumber[] = ["ppn", "pageOffset", "size", "write", "io", "regionId", "deviceId"];
const asNumbers = (a: Access): number[] => [
  ...[a.hart, a.ppn, Number(a.vaddr & 4095n), a.size, a.write ? 1 : 0, a.io ? 1 : 0, a.regionId, a.deviceId],
];

/** Notes the numbers of every access, as arguments or by `access`. */
function counter(lines: string[], handedOver: boolean): PluginDefinition {
  return {
    name: "counter",
    summary: "notes the numbers of every access",
    options: {},
    results: {},
    install(host) {
      const call = handedOver
        ? host.call(
            (hart, tag, ...numbers) => {
              assert.throws(() => host.access.size, /callbacks on accesses/);
              lines.push([tag, hart, ...numbers].join(" "));
            },
            7,
            { numbers: NUMBERS },
          )
        : host.call((_, tag) => lines.push([tag, ...asNumbers(host.access)].join(" ")), 7);
      return {
        translate(block) {
          for (const instruction of block.instructions) if (instruction.memory !== "none") instruction.onAccess(call);
        },
        results: () => 0,
      };
    },
  };
}

test("numbers handed to a callback are those of `access`, which it has not beside them", async () => {
  for (const [guest, settings, count] of [
    ["smp", { harts: 3 }, 20_000],
    ["strings", {}, 40_000],
    ["../demo/demo", { board: "remap", ram: 2 ** 24 }, 40_000],
  ] as const) {
    const all: string[][] = [];
    for (const engine of ENGINES)
      for (const handedOver of [false, true]) {
        const lines: string[] = [];
        const m = await plugged(guest, engine, settings);
        m.manager.attach(
          "counter",
          { kind: "javascript", name: "counter", definition: counter(lines, handedOver) },
          {},
          {},
        );
        m.run(count);
        assert.deepEqual(m.failures, []);
        assert.equal(m.manager.get("counter").cost.calls, lines.length);
        all.push(lines);
      }
    const [first = [], ...others] = all;
    assert.ok(first.length > 1000, `${guest}: ${first.length}`);
    for (const lines of others) assert.deepEqual(lines, first);
    if (guest.endsWith("demo")) assert.ok(first.filter((line) => line.split(" ")[6] === "1").length > 100);
  }
});

test("a call for unknown numbers is refused, and one for numbers where nothing is accessed", async () => {
  const attach = async (numbers: unknown): Promise<string> => {
    const m = await plugged("strings", {});
    const definition: PluginDefinition = {
      name: "wrong",
      summary: "asks for what there is not",
      options: {},
      results: {},
      install(host) {
        const call = host.call(() => {}, 0, { numbers: numbers as AccessNumber[] });
        return {
          translate: (block) => block.onExec(call),
          results: () => 0,
        };
      },
    };
    try {
      m.manager.attach("wrong", { kind: "javascript", name: "wrong", definition }, {}, {});
    } catch (error) {
      return String(error);
    }
    m.run(10_000);
    return JSON.stringify(m.failures);
  };
  assert.match(await attach(["ppn", "address"]), /numbers: expected a list of ppn,pageOffset.*got \["ppn","address"\]/);
  assert.match(await attach("ppn"), /numbers: expected a list of .*got "ppn"/);
  assert.match(await attach(["ppn", "size"]), /takes ppn,size is for onAccess/);
});
