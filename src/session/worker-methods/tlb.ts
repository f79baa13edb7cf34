// The software TLB as it is: counters, table sizes, live entries. Reads the tables where the core keeps them.
import {
  DESC_BASE,
  DESC_MASK,
  DESC_USED,
  DESC_WINDOW_MAX,
  FLUSH_STATS,
  FULL_ASID,
  FULL_GLOBAL,
  FULL_PAGE_BITS,
  FULL_PROT,
  FULL_REGION,
  MMU_INDEXES,
  STAT_CODE_INVALIDATE,
  STAT_EXCEPTIONS,
  STAT_FILL,
  STAT_FLUSH_ALL,
  STAT_FLUSH_ASID,
  STAT_FLUSH_ELIDED,
  STAT_FLUSH_INDEX,
  STAT_FLUSH_PAGE,
  STAT_GROW,
  STAT_INTERRUPTS,
  STAT_IO_READ,
  STAT_IO_WRITE,
  STAT_LARGE_FLUSH,
  STAT_MISS,
  STAT_SHRINK,
  STAT_SLOW_HIT,
  STAT_TOPOLOGY_FLUSH,
  STAT_VICTIM_HIT,
  STAT_WALK,
  STAT_WALK_READ,
  TLB_CODE,
  TLB_DESC,
  TLB_DESC_SIZE,
  TLB_ENTRY_BITS,
  TLB_ENTRY_SIZE,
  TLB_FLAG_CODE,
  TLB_FLAG_DISCARD,
  TLB_FLAG_INVALID,
  TLB_FLAG_MMIO,
  TLB_FLAG_TRACED,
  TLB_FLAG_WATCHED,
  TLB_FULL_DELTA,
  TLB_PPN,
  TLB_READ,
  TLB_WRITE,
  VICTIM,
  VICTIM_COLD,
  VICTIM_ENTRIES,
  VICTIM_HART_SIZE,
  VICTIM_INDEX_SIZE,
  VICTIM_SIZE,
} from "../../core/layout.js";
import type { MachineApi } from "../../machine/machine-api.js";
import type { TlbEntryInfo, TlbStats } from "../protocol.js";
import type { Methods, WorkerContext } from "../session-worker.js";
import { checkHart, hartDelta, memoryView } from "./hart-state.js";

const COUNTERS: readonly (readonly [string, number])[] = [
  ["slowHits", STAT_SLOW_HIT],
  ["misses", STAT_MISS],
  ["victimHits", STAT_VICTIM_HIT],
  ["fills", STAT_FILL],
  ["walks", STAT_WALK],
  ["walkReads", STAT_WALK_READ],
  ["flushesAll", STAT_FLUSH_ALL],
  ["flushesIndex", STAT_FLUSH_INDEX],
  ["flushesPage", STAT_FLUSH_PAGE],
  ["flushesAsid", STAT_FLUSH_ASID],
  ["flushesElided", STAT_FLUSH_ELIDED],
  ["flushesLargePage", STAT_LARGE_FLUSH],
  ["flushesTopology", STAT_TOPOLOGY_FLUSH],
  ["grows", STAT_GROW],
  ["shrinks", STAT_SHRINK],
  ["codeInvalidations", STAT_CODE_INVALIDATE],
  ["exceptions", STAT_EXCEPTIONS],
  ["interrupts", STAT_INTERRUPTS],
  ["ioReads", STAT_IO_READ],
  ["ioWrites", STAT_IO_WRITE],
];

const FLAGS: readonly (readonly [string, number])[] = [
  ["invalid", TLB_FLAG_INVALID],
  ["mmio", TLB_FLAG_MMIO],
  ["code", TLB_FLAG_CODE],
  ["traced", TLB_FLAG_TRACED],
  ["watched", TLB_FLAG_WATCHED],
  ["discard", TLB_FLAG_DISCARD],
];

const EMPTY = 0xffff_ffff_ffff_ffffn;
const PAGE_MASK = ~0xfffn;

export function tlbMethods({ machine }: WorkerContext): Pick<Methods, "tlbStats" | "tlbDump"> {
  return {
    tlbStats() {
      const view = memoryView(machine);
      const counters: Record<string, number> = {};
      for (const [name, index] of COUNTERS) counters[name] = Number(view.getBigUint64(FLUSH_STATS + 8 * index, true));
      const tables: TlbStats["tables"] = [];
      for (let hart = 0; hart < machine.description.harts; hart++) {
        for (let mmuIndex = 0; mmuIndex < MMU_INDEXES; mmuIndex++) {
          const at = descriptor(machine, hart, mmuIndex);
          tables.push({
            hart,
            mmuIndex,
            entries: entriesOf(view, at),
            used: view.getUint32(at + DESC_USED, true),
            windowMax: view.getUint32(at + DESC_WINDOW_MAX, true),
          });
        }
      }
      return { counters, tables };
    },
    tlbDump({ hart, mmuIndex, limit }) {
      if (hart !== undefined) checkHart(machine, hart);
      const found: TlbEntryInfo[] = [];
      for (const entry of liveEntries(machine, hart, mmuIndex)) {
        if (found.length >= limit) break;
        found.push(entry);
      }
      return found;
    },
  };
}

function descriptor(machine: MachineApi, hart: number, mmuIndex: number): number {
  return TLB_DESC + hartDelta(machine, hart) + mmuIndex * TLB_DESC_SIZE;
}

function entriesOf(view: DataView, descriptorAt: number): number {
  return (view.getUint32(descriptorAt + DESC_MASK, true) >>> TLB_ENTRY_BITS) + 1;
}

/** Entries of the chosen tables, then their victims. */
function* liveEntries(
  machine: MachineApi,
  onlyHart: number | undefined,
  onlyIndex: number | undefined,
): Generator<TlbEntryInfo> {
  const view = memoryView(machine);
  for (let hart = 0; hart < machine.description.harts; hart++) {
    if (onlyHart !== undefined && hart !== onlyHart) continue;
    for (let mmuIndex = 0; mmuIndex < MMU_INDEXES; mmuIndex++) {
      if (onlyIndex !== undefined && mmuIndex !== onlyIndex) continue;
      const at = descriptor(machine, hart, mmuIndex);
      const base = view.getUint32(at + DESC_BASE, true);
      const entries = entriesOf(view, at);
      for (let index = 0; index < entries; index++) {
        const hot = base + index * TLB_ENTRY_SIZE;
        const entry = readEntry(machine, view, hot, hot + TLB_FULL_DELTA, { hart, mmuIndex, index, victim: false });
        if (entry !== undefined) yield entry;
      }
      for (let index = 0; index < VICTIM_ENTRIES; index++) {
        const hot = VICTIM + hart * VICTIM_HART_SIZE + mmuIndex * VICTIM_INDEX_SIZE + index * VICTIM_SIZE;
        const entry = readEntry(machine, view, hot, hot + VICTIM_COLD, { hart, mmuIndex, index, victim: true });
        if (entry !== undefined) yield entry;
      }
    }
  }
}

function readEntry(
  machine: MachineApi,
  view: DataView,
  hot: number,
  cold: number,
  place: Pick<TlbEntryInfo, "hart" | "mmuIndex" | "index" | "victim">,
): TlbEntryInfo | undefined {
  const tags = [TLB_READ, TLB_WRITE, TLB_CODE]
    .map((offset) => view.getBigUint64(hot + offset, true))
    .filter((tag) => tag !== EMPTY);
  const first = tags[0];
  if (first === undefined) return undefined;
  let flags = 0;
  for (const tag of tags) flags |= Number(tag & 0xfffn);
  const prot = view.getUint8(cold + FULL_PROT);
  return {
    ...place,
    vaddr: first & PAGE_MASK & EMPTY,
    paddr: BigInt(view.getUint32(hot + TLB_PPN, true)) << 12n,
    read: (prot & 1) !== 0,
    write: (prot & 2) !== 0,
    execute: (prot & 4) !== 0,
    flags: FLAGS.filter(([, bit]) => flags & bit).map(([name]) => name),
    asid: view.getUint16(cold + FULL_ASID, true),
    global: view.getUint8(cold + FULL_GLOBAL) !== 0,
    pageSize: 2 ** view.getUint8(cold + FULL_PAGE_BITS),
    region: machine.bus.region(view.getUint32(cold + FULL_REGION, true))?.name ?? "unassigned",
  };
}
