// The hot tier: hears of hot jump targets from the interpreter, compiles the regions behind them in small batches, and
// puts them into the decoded slots. All links between regions go through slots, so dropping a region is resetting one slot.
//
// Batches are cut by counts of events, never by time, so that equal runs make equal modules.
import {
  PAGE_VA,
  SLOT_ARENA,
  SLOT_PAGE_HOST,
  SLOT_PAGE_JIT,
  SLOT_PAGE_PPN,
  SLOT_PAGE_SIZE,
  SLOT_PAGES,
} from "../../core/layout.js";
import { HANDLER_COUNT, handlerNumber } from "../handlers.js";
import type { ProbedBlock } from "../probe-ops.js";
import type { SlotWriter } from "../slots.js";
import { compileRegions } from "./compile.js";
import { type Block, findProbedRegion, findRegion, type Region } from "./region.js";
import type { TracePlan } from "./trace-plan.js";

export interface JitOptions {
  /** Regions per module. */
  batch: number;
  /** Live modules of this session; the oldest are dropped beyond it. V8 maps each one: a process dies near 65,000. */
  maxModules: number;
  /** Bytes of modules alive. */
  maxBytes: number;
}
export const JIT_DEFAULTS: JitOptions = { batch: 8, maxModules: 1500, maxBytes: 48 << 20 };

/** A page whose code is overwritten this often is left to the interpreter. */
const MAX_INVALIDATIONS = 50;

export interface JitStats {
  regions: number;
  modules: number;
  /** Bytes of WebAssembly alive, and ever made. */
  bytes: number;
  bytesTotal: number;
  compiled: number;
  instructions: number;
  invalidated: number;
  evicted: number;
  rejected: number;
  /** Time spent finding regions, emitting and instantiating them, ms. */
  compileMs: number;
  /** The longest the guest waited for one batch, ms. */
  longestMs: number;
}

interface Compiled {
  readonly ip: number;
  readonly page: Page;
  /** Table index. */
  readonly index: number;
  /** What the slot holds without it. */
  readonly handler: number;
  /** Page offsets of its code. */
  readonly first: number;
  readonly last: number;
  readonly batch: Batch;
  alive: boolean;
}
interface Batch {
  readonly bytes: number;
  /** Table indexes. */
  readonly first: number;
  readonly count: number;
  readonly regions: Compiled[];
}
interface Page {
  readonly ppn: number;
  readonly slots: number;
  readonly regions: Set<Compiled>;
  /** Entries that cannot be compiled. */
  readonly rejected: Set<number>;
  invalidations: number;
}

export interface JitHost {
  memory: WebAssembly.Memory;
  /** The interpreter's handler table. */
  table: WebAssembly.Table;
  slots: SlotWriter;
  core: WebAssembly.ModuleImports;
  /** Where blocks run with probes: their translations, and the plugins' dispatchers by table index. */
  probes?: {
    harts: number;
    find(slot: number, page: bigint): ProbedBlock | undefined;
    dispatchers: WebAssembly.ModuleImports;
  };
}

export class Jit {
  readonly #host: JitHost;
  readonly #options: JitOptions;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #pages = new Map<number, Page>();
  readonly #queue = new Map<number, { ppn: number; page: bigint }>();
  readonly #free = new Map<number, number[]>();
  #batches: Batch[] = [];
  #next = HANDLER_COUNT;
  #installed = true;
  #plan: TracePlan | undefined;
  #planKey = "";
  readonly #stats: JitStats = {
    regions: 0,
    modules: 0,
    bytes: 0,
    bytesTotal: 0,
    compiled: 0,
    instructions: 0,
    invalidated: 0,
    evicted: 0,
    rejected: 0,
    compileMs: 0,
    longestMs: 0,
  };

  constructor(host: JitHost, options: JitOptions = JIT_DEFAULTS) {
    this.#host = host;
    this.#options = options;
    this.#words = new Int32Array(host.memory.buffer);
    this.#view = new DataView(host.memory.buffer);
  }

  get stats(): JitStats {
    return {
      ...this.#stats,
      regions: [...this.#pages.values()].reduce((n, p) => n + p.regions.size, 0),
      modules: this.#batches.length,
    };
  }

  /** A jump target became hot; `ip` is its slot. Called from the interpreter. */
  hot(ip: number): void {
    const arena = this.#view.getUint32(SLOT_ARENA, true);
    const number = Math.floor((ip - arena) / SLOT_PAGE_SIZE);
    // the last page is the one that is decoded anew at every instruction
    if (number >= this.#view.getUint32(SLOT_PAGES, true) - 1) return;
    if ((this.#words[ip >> 2] as number) >= HANDLER_COUNT) return;
    const slots = arena + number * SLOT_PAGE_SIZE;
    const ppn = this.#view.getUint32(slots + SLOT_PAGE_PPN, true);
    const page = this.#pages.get(ppn);
    if (page && (page.rejected.has(ip) || page.invalidations > MAX_INVALIDATIONS)) return;
    const waiting = this.#queue.get(ip)?.ppn === ppn;
    this.#queue.set(ip, { ppn, page: this.#view.getBigUint64(PAGE_VA, true) });
    if (waiting || this.#queue.size >= this.#options.batch) this.#compileQueue(arena);
  }

  #compileQueue(arena: number): void {
    const started = performance.now();
    const found: { ip: number; page: Page; region: Region }[] = [];
    for (const [ip, { ppn, page: virtualPage }] of this.#queue) {
      const slots = arena + Math.floor((ip - arena) / SLOT_PAGE_SIZE) * SLOT_PAGE_SIZE;
      // the slot page may have changed owners while the entry waited
      if (
        this.#view.getUint32(slots + SLOT_PAGE_PPN, true) !== ppn ||
        (this.#words[ip >> 2] as number) >= HANDLER_COUNT
      )
        continue;
      const page = this.#page(ppn, slots);
      const host = this.#view.getUint32(slots + SLOT_PAGE_HOST, true);
      const code = new DataView(this.#host.memory.buffer, host, 4096);
      const { probes } = this.#host;
      const region = probes
        ? findProbedRegion(code, (ip - slots) >> 3, virtualPage, (at) => probes.find(slots + at * 8, virtualPage))
        : findRegion(code, (ip - slots) >> 3, this.#plan !== undefined);
      if (region) found.push({ ip, page, region });
      else if (!probes || probes.find(ip, virtualPage)) {
        page.rejected.add(ip);
        this.#stats.rejected++;
      }
    }
    this.#queue.clear();
    if (found.length > 0) this.#install(found);
    const took = performance.now() - started;
    this.#stats.compileMs += took;
    this.#stats.longestMs = Math.max(this.#stats.longestMs, took);
  }

  #page(ppn: number, slots: number): Page {
    let page = this.#pages.get(ppn);
    if (!page || page.slots !== slots) {
      page = { ppn, slots, regions: new Set(), rejected: new Set(), invalidations: page?.invalidations ?? 0 };
      this.#pages.set(ppn, page);
    }
    return page;
  }

  #install(found: { ip: number; page: Page; region: Region }[]): void {
    const bytes = compileRegions(
      found.map((f) => f.region),
      this.#plan,
      this.#host.probes?.harts ?? 1,
    );
    const { memory, table, core, probes } = this.#host;
    const first = this.#take(found.length);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory, stale: (slot: number) => this.#stale(slot) },
      core,
      plugin: probes?.dispatchers ?? {},
    });
    const batch: Batch = { bytes: bytes.length, first, count: found.length, regions: [] };
    this.#batches.push(batch);
    this.#stats.bytes += bytes.length;
    this.#stats.bytesTotal += bytes.length;
    found.forEach(({ ip, page, region }, i) => {
      const index = first + i;
      table.set(index, exports[`r${i}`]);
      const offsets = [...region.blocks.values()].flatMap((b) => b.instructions.map((x) => x.offset));
      const entry = (region.blocks.get(region.entry) as Block).instructions[0];
      if (!entry) throw new Error("a region begins with an instruction");
      this.#decode(page.slots, region);
      const compiled: Compiled = {
        ip,
        page,
        index,
        handler: handlerNumber(entry.decoded, entry.offset),
        first: offsets.reduce((a, b) => Math.min(a, b)),
        last: offsets.reduce((a, b) => Math.max(a, b)) + 3,
        batch,
        alive: true,
      };
      batch.regions.push(compiled);
      page.regions.add(compiled);
      this.#words[(page.slots + SLOT_PAGE_JIT) >> 2] = 1;
      if (this.#installed) this.#words[ip >> 2] = index;
      this.#stats.compiled++;
      this.#stats.instructions += region.size;
    });
    while (this.#batches.length > this.#options.maxModules || this.#stats.bytes > this.#options.maxBytes) this.#evict();
  }

  /** The region at `ip` was entered in another virtual page than its own: it will be made anew for that one when it gets hot. */
  #stale(ip: number): void {
    const arena = this.#view.getUint32(SLOT_ARENA, true);
    const slots = arena + Math.floor((ip - arena) / SLOT_PAGE_SIZE) * SLOT_PAGE_SIZE;
    for (const region of this.#pages.get(this.#view.getUint32(slots + SLOT_PAGE_PPN, true))?.regions ?? [])
      if (region.ip === ip) this.#drop(region, region.handler);
  }

  /** Side exits run the interpreter's handlers directly, so the operands must be in the slots. */
  #decode(slots: number, region: Region): void {
    for (const block of region.blocks.values()) {
      for (const { offset, decoded } of block.instructions) {
        const slot = slots + offset * 8;
        if (this.#words[slot >> 2] === 0) this.#host.slots.write(slot, decoded.bits, offset);
      }
    }
  }

  /** Consecutive table indexes. Freed ranges of the same length are used again, so the table stays bounded. */
  #take(count: number): number {
    const free = this.#free.get(count)?.pop();
    if (free !== undefined) return free;
    const first = this.#next;
    this.#next += count;
    while (this.#next > this.#host.table.length) this.#host.table.grow(1024);
    return first;
  }

  #evict(): void {
    const oldest = this.#batches[0];
    if (!oldest) return;
    this.#stats.evicted += oldest.regions.filter((r) => r.alive).length;
    for (const region of oldest.regions) this.#drop(region, region.handler);
    this.#retire(oldest);
  }

  /** Takes a region out; its slot then holds `handler`. */
  #drop(region: Compiled, handler: number): void {
    if (!region.alive) return;
    region.alive = false;
    region.page.regions.delete(region);
    if (this.#words[region.ip >> 2] === region.index) this.#words[region.ip >> 2] = handler;
    this.#host.table.set(region.index, null);
    if (region.batch.regions.every((r) => !r.alive)) this.#retire(region.batch);
  }
  #retire(batch: Batch): void {
    const at = this.#batches.indexOf(batch);
    if (at < 0) return;
    this.#batches.splice(at, 1);
    const free = this.#free.get(batch.count) ?? [];
    free.push(batch.first);
    this.#free.set(batch.count, free);
    this.#stats.bytes -= batch.bytes;
  }

  /** Code in [offset, offset + size) of physical page `ppn` is stale; -1: every page's, and the slots are gone. */
  invalidate(ppn: number, offset: number, size: number): void {
    if (ppn === -1) {
      for (const page of this.#pages.values()) for (const region of [...page.regions]) this.#drop(region, 0);
      this.#pages.clear();
      this.#queue.clear();
      return;
    }
    const page = this.#pages.get(ppn >>> 0);
    if (!page) return;
    page.rejected.clear();
    for (const region of [...page.regions]) {
      if (region.last < offset || region.first >= offset + size) continue;
      this.#drop(region, 0);
      page.invalidations++;
      this.#stats.invalidated++;
    }
  }

  /** Takes out the regions with code in [first, last] of physical page `ppn` (-1: all): the probes in them are others now. */
  forget(ppn: number, first: number, last: number): void {
    if (ppn === -1) {
      for (const page of this.#pages.values())
        for (const region of [...page.regions]) this.#drop(region, region.handler);
      this.#queue.clear();
      return;
    }
    const page = this.#pages.get(ppn);
    if (!page) return;
    for (const region of [...page.regions])
      if (region.first <= last && region.last >= first) this.#drop(region, region.handler);
  }

  /** What regions do for the recorders; a change of it drops all of them. */
  set plan(plan: TracePlan | undefined) {
    const key = JSON.stringify(plan);
    if (key === this.#planKey) return;
    this.#planKey = key;
    this.#plan = plan;
    for (const page of this.#pages.values()) for (const region of [...page.regions]) this.#drop(region, region.handler);
    for (const page of this.#pages.values()) page.rejected.clear();
    this.#queue.clear();
  }

  /** Takes all regions out of the slots, or puts them back: another variant of the engine runs meanwhile. */
  set installed(installed: boolean) {
    if (installed === this.#installed) return;
    this.#installed = installed;
    for (const page of this.#pages.values()) {
      for (const region of page.regions) {
        const word = this.#words[region.ip >> 2] as number;
        if (installed) this.#words[region.ip >> 2] = region.index;
        else if (word === region.index) this.#words[region.ip >> 2] = region.handler;
      }
    }
  }
}
