// Judges what a plugin was told by the trace records and the core's counters of the same run.
import assert from "node:assert/strict";
import * as L from "../../src/core/layout.js";
import type { Machine } from "../../src/machine/machine.js";
import type { Expected } from "../machine/remap/model.js";
import type { Told, Witnessed } from "./witness.js";

/** The core's event counters, by STAT_*. */
export function counters(machine: Machine): number[] {
  const view = new DataView(machine.memory.buffer);
  return Array.from({ length: L.STAT_COUNT }, (_, stat) => Number(view.getBigUint64(L.FLUSH_STATS + 8 * stat, true)));
}

export function assertCounted({ events }: Witnessed, before: readonly number[], after: readonly number[]): void {
  const moved = (stat: number): number => (after[stat] as number) - (before[stat] as number);
  const flushes = (...scopes: string[]): number =>
    (events["tlb-flush"] ?? []).filter(({ scope }) => scopes.includes(scope)).length;
  assert.deepEqual(
    {
      exceptions: events.exception?.length,
      interrupts: events.interrupt?.length,
      fills: events["tlb-fill"]?.length,
      flushesOfAll: flushes("all", "index"),
      flushesOfPages: flushes("page"),
      flushesOfSpaces: flushes("asid"),
      flushesOfTopology: flushes("topology"),
      topologies: events.topology?.length,
    },
    {
      exceptions: moved(L.STAT_EXCEPTIONS),
      interrupts: moved(L.STAT_INTERRUPTS),
      fills: moved(L.STAT_FILL),
      flushesOfAll: moved(L.STAT_FLUSH_ALL),
      flushesOfPages: moved(L.STAT_FLUSH_PAGE),
      flushesOfSpaces: moved(L.STAT_FLUSH_ASID),
      flushesOfTopology: moved(L.STAT_TOPOLOGY_FLUSH),
      topologies: moved(L.STAT_TOPOLOGY_FLUSH),
    },
  );
}

/** One for one: accesses that succeeded, steps of page walks, pieces of DMA. */
export function assertTold(seen: Witnessed, records: readonly Expected[]): void {
  const walks = records.filter(({ kind }) => kind.startsWith("walk"));
  const dma = records.filter(({ kind }) => kind.startsWith("dma"));
  const others = records.filter(({ kind, flags }) => !/^(walk|dma|fetch)/.test(kind) && !/fault/.test(flags));
  assertSame("walk", seen.walks.map(plain), walks.map(ofRecord));
  assertSame("DMA", seen.dma.map(plain), dma.map(ofRecord));
  assertSame("access", seen.accesses.flatMap(parts), others.map(ofRecord));
}

interface Compared {
  icount: number;
  vaddr: bigint;
  paddr: bigint;
  region: string;
  offset: bigint;
  size: number;
  kind: string;
  value: bigint;
  pc: bigint;
}

function ofRecord({ icount, vaddr, paddr, region, offset, size, kind, value, pc }: Expected): Compared {
  return { icount, vaddr, paddr, region, offset, size, kind, value, pc };
}

function plain({ icount, vaddr, paddr, region, offset, size, kind, value, pc }: Told): Compared {
  return { icount, vaddr, paddr, region, offset, size, kind, value, pc };
}

/** An access across pages is one for plugins; the trace has a record for each part. */
function parts(told: Told): Compared[] {
  const { second } = told;
  if (!second) return [plain(told)];
  const bits = BigInt(8 * second.split);
  const first = plain(told);
  return [
    { ...first, size: second.split, value: BigInt.asUintN(Number(bits), told.value) },
    {
      ...first,
      vaddr: told.vaddr + BigInt(second.split),
      paddr: second.paddr,
      region: second.region,
      offset: second.offset,
      size: told.size - second.split,
      value: told.value >> bits,
    },
  ];
}

/** The first difference, in words. */
function assertSame(what: string, actual: readonly Compared[], expected: readonly Compared[]): void {
  const text = (one: Compared | undefined): string =>
    JSON.stringify(one, (_, value) => (typeof value === "bigint" ? `0x${value.toString(16)}` : value));
  for (let n = 0; n < Math.max(actual.length, expected.length); n++) {
    const [left, right] = [text(actual[n]), text(expected[n])];
    if (left !== right)
      assert.fail(`${what} ${n}:\n  plugin ${left}\n  trace  ${right}\n  before ${text(expected[n - 1])}`);
  }
}
