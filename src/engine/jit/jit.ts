// The hot tier: hears of hot jump targets from the interpreter, compiles the regions behind them in small batches, and
// puts them into the decoded slots. All links between regions go through slots, so dropping a region is resetting one slot.
//
// Batches are cut by counts of events, never by time, so that equal runs make equal modules.
import {
  FETCH_BASE,
  FETCH_MASK,
  FULL_SLOTS,
  INTEREST_SOME,
  PAGE_VA,
  SLOT_ARENA,
  SLOT_PAGE_HOST,
  SLOT_PAGE_INTEREST,
  SLOT_PAGE_JIT,
  SLOT_PAGE_PPN,
  SLOT_PAGE_SIZE,
  SLOT_PAGES,
  TLB_CODE,
  TLB_FULL_DELTA,
} from "../../core/layout.js";
import { HANDLER_COUNT, handlerNumber } from "../handlers.js";
import type { ProbedBlock } from "../probe-ops.js";
import type { SlotWriter } from "../slots.js";
import { compileRegions } from "./compile.js";
import { type Block, type CodePages, findProbedRegion, findRegion, inPage, pageOf, type Region } from "./region.js";
import type { RegionTable } from "./region-table.js";
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
/** Instructions that are enough for a batch: the guest waits while it is compiled. */
const BATCH_INSTRUCTIONS = 1200;
/** Pages a region may take its code from. */
const MAX_PAGES = 4;

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

/** A region that waits to be compiled. */
interface Waiting {
  readonly ip: number;
  /** Of its entry. */
  readonly page: Page;
  readonly region: Region;
  readonly spans: readonly Span[];
}
/** What a region takes of a page: offsets of its first byte and its last. */
interface Span {
  readonly page: Page;
  first: number;
  last: number;
}
interface Compiled {
  readonly ip: number;
  readonly page: Page;
  /** Table index. */
  readonly index: number;
  /** What the slot holds without it. */
  readonly handler: number;
  readonly spans: readonly Span[];
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
  /** Those with code of this page. */
  readonly regions: Set<Compiled>;
  /** Entries that cannot be compiled. */
  readonly rejected: Set<number>;
  invalidations: number;
}

export interface JitHost {
  memory: WebAssembly.Memory;
  regions: RegionTable;
  slots: SlotWriter;
  core: WebAssembly.ModuleImports;
  /** Where blocks run with probes: their translations, and the plugins' dispatchers by table index. */
  probes?: {
    harts: number;
    find(slot: number, page: bigint): ProbedBlock | undefined;
    dispatchers: WebAssembly.ModuleImports;
  };
}

/**
 * Which regions stand in the slots: all; none, while another tier runs; or `quiet`: those with code of pages only that no plugin is
 * interested in, while others of the pages run with probes.
 */
export type Placing = "all" | "none" | "quiet";

export class Jit {
  readonly #host: JitHost;
  readonly #options: JitOptions;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #pages = new Map<number, Page>();
  readonly #queue = new Map<number, Waiting>();
  #batches: Batch[] = [];
  #placing: Placing = "all";
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
      regions: new Set([...this.#pages.values()].flatMap((page) => [...page.regions])).size,
      modules: this.#batches.length,
    };
  }

  /** A jump target became hot; `ip` is its slot, in the page that is being executed. Called from the interpreter. */
  hot(ip: number): void {
    // what is compiled now would not be seen in the slots, and be compiled again and again
    if (this.#placing === "none") return;
    const page = this.#page(this.#slotsOf(ip));
    if (!page || (this.#words[ip >> 2] as number) >= HANDLER_COUNT || page.rejected.has(ip)) return;
    // the slot behind a page's last is the way to the next page
    if (ip - page.slots >= 4096 * 8) return;
    const started = performance.now();
    const waiting = this.#queue.has(ip);
    if (!waiting || this.#host.probes) this.#find(ip, page);
    let size = 0;
    for (const { region } of this.#queue.values()) size += region.size;
    if (waiting || this.#queue.size >= this.#options.batch || size >= BATCH_INSTRUCTIONS) this.#compileQueue();
    const took = performance.now() - started;
    this.#stats.compileMs += took;
    this.#stats.longestMs = Math.max(this.#stats.longestMs, took);
  }

  /** Puts the region entered at `ip` into the queue, or notes that there is none. */
  #find(ip: number, page: Page): void {
    const pages = new Map<number, Page | undefined>([[0, page]]);
    const views = new Map<number, DataView>();
    const { probes } = this.#host;
    const code: CodePages = {
      bytes: (n) => {
        const known = views.get(n);
        if (known) return known;
        if (!pages.has(n)) pages.set(n, views.size < MAX_PAGES ? this.#neighbour(n) : undefined);
        const home = pages.get(n);
        if (!home) return undefined;
        const host = this.#view.getUint32(home.slots + SLOT_PAGE_HOST, true);
        const view = new DataView(this.#host.memory.buffer, host, 4096);
        views.set(n, view);
        return view;
      },
      distance: (n) => (pages.get(n) as Page).slots - page.slots,
    };
    const entry = (ip - page.slots) >> 3;
    const va = this.#view.getBigUint64(PAGE_VA, true);
    // a block with probes was translated for one virtual page
    const probed = (place: number): ProbedBlock | undefined => {
      const slot = page.slots + code.distance(pageOf(place)) + inPage(place) * 8;
      return probes?.find(slot, BigInt.asUintN(64, va + BigInt(pageOf(place) * 4096)));
    };
    const region = probes
      ? findProbedRegion(code, entry, va, probed)
      : findRegion(code, entry, this.#plan !== undefined);
    if (!region) {
      if (probes && !probes.find(ip, va)) return;
      page.rejected.add(ip);
      this.#stats.rejected++;
      return;
    }
    const spans = new Map<Page, Span>();
    for (const { start, instructions } of region.blocks.values()) {
      const home = pages.get(pageOf(start)) as Page;
      const span = spans.get(home) ?? { page: home, first: 4096, last: 0 };
      const first = instructions[0];
      const last = instructions[instructions.length - 1];
      if (first) span.first = Math.min(span.first, first.offset);
      if (last) span.last = Math.max(span.last, last.offset + 3);
      spans.set(home, span);
      // from here on the core tells of writes
      this.#words[(home.slots + SLOT_PAGE_JIT) >> 2] = 1;
    }
    this.#queue.set(ip, { ip, page, region, spans: [...spans.values()] });
  }

  /** The page `n` pages from the one being executed, if the hart fetches from it without a look at the page tables. */
  #neighbour(n: number): Page | undefined {
    const va = BigInt.asUintN(64, this.#view.getBigUint64(PAGE_VA, true) + BigInt(n * 4096));
    const entry =
      this.#view.getUint32(FETCH_BASE, true) +
      (Number((va >> 7n) & 0xffffffffn) & this.#view.getUint32(FETCH_MASK, true));
    if (this.#view.getBigUint64(entry + TLB_CODE, true) !== va) return undefined;
    const slots = this.#view.getUint32(entry + TLB_FULL_DELTA + FULL_SLOTS, true);
    return slots === 0 || !this.#mayStandIn(slots) ? undefined : this.#page(slots);
  }

  #compileQueue(): void {
    const found = [...this.#queue.values()];
    this.#queue.clear();
    if (found.length > 0) this.#install(found);
  }

  /** Slots of the page that `ip` lies in. */
  #slotsOf(ip: number): number {
    const arena = this.#view.getUint32(SLOT_ARENA, true);
    return arena + Math.floor((ip - arena) / SLOT_PAGE_SIZE) * SLOT_PAGE_SIZE;
  }

  /** The page whose slots these are; undefined when its code is not to be compiled. */
  #page(slots: number): Page | undefined {
    const arena = this.#view.getUint32(SLOT_ARENA, true);
    // the last page is the one that is decoded anew at every instruction
    if ((slots - arena) / SLOT_PAGE_SIZE >= this.#view.getUint32(SLOT_PAGES, true) - 1) return undefined;
    const ppn = this.#view.getUint32(slots + SLOT_PAGE_PPN, true);
    let page = this.#pages.get(ppn);
    if (!page || page.slots !== slots) {
      page = { ppn, slots, regions: new Set(), rejected: new Set(), invalidations: page?.invalidations ?? 0 };
      this.#pages.set(ppn, page);
    }
    return page.invalidations > MAX_INVALIDATIONS ? undefined : page;
  }

  #install(found: readonly Waiting[]): void {
    const bytes = compileRegions(
      found.map((f) => f.region),
      this.#plan,
      this.#host.probes?.harts ?? 1,
    );
    const { memory, regions, core, probes } = this.#host;
    const first = regions.take(found.length);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory, stale: (slot: number) => this.#stale(slot) },
      core,
      plugin: probes?.dispatchers ?? {},
    });
    const batch: Batch = { bytes: bytes.length, first, count: found.length, regions: [] };
    this.#batches.push(batch);
    this.#stats.bytes += bytes.length;
    this.#stats.bytesTotal += bytes.length;
    found.forEach(({ ip, page, region, spans }, i) => {
      const index = first + i;
      regions.set(index, exports[`r${i}`]);
      const entry = (region.blocks.get(region.entry) as Block).instructions[0];
      if (!entry) throw new Error("a region begins with an instruction");
      this.#decode(page.slots, region);
      const compiled: Compiled = {
        ip,
        page,
        index,
        handler: handlerNumber(entry.decoded, entry.offset),
        spans,
        batch,
        alive: true,
      };
      batch.regions.push(compiled);
      for (const span of spans) span.page.regions.add(compiled);
      this.#place(compiled);
      this.#stats.compiled++;
      this.#stats.instructions += region.size;
    });
    while (this.#batches.length > this.#options.maxModules || this.#stats.bytes > this.#options.maxBytes) this.#evict();
  }

  /** The region at `ip` was entered in another virtual page than its own: it will be made anew for that one when it gets hot. */
  #stale(ip: number): void {
    const slots = this.#slotsOf(ip);
    for (const region of this.#pages.get(this.#view.getUint32(slots + SLOT_PAGE_PPN, true))?.regions ?? [])
      if (region.ip === ip) this.#drop(region, region.handler);
  }

  /** Side exits run the interpreter's handlers directly, so the operands must be in the slots. */
  #decode(slots: number, region: Region): void {
    for (const block of region.blocks.values()) {
      const home = slots + region.code.distance(pageOf(block.start));
      for (const { offset, decoded } of block.instructions) {
        const slot = home + offset * 8;
        if (this.#words[slot >> 2] === 0) this.#host.slots.write(slot, decoded.bits, offset);
      }
    }
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
    for (const { page } of region.spans) page.regions.delete(region);
    if (this.#words[region.ip >> 2] === region.index) this.#words[region.ip >> 2] = handler;
    this.#host.regions.set(region.index, null);
    if (region.batch.regions.every((r) => !r.alive)) this.#retire(region.batch);
  }
  #retire(batch: Batch): void {
    const at = this.#batches.indexOf(batch);
    if (at < 0) return;
    this.#batches.splice(at, 1);
    this.#host.regions.give(batch.first, batch.count);
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
    const hit = this.#unqueue(page, offset, offset + size - 1);
    for (const region of [...page.regions]) {
      if (!region.spans.some(hit)) continue;
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
    const hit = this.#unqueue(page, first, last);
    for (const region of [...page.regions]) if (region.spans.some(hit)) this.#drop(region, region.handler);
  }

  /** Takes what has code in [first, last] of a page out of the queue; returns the test for that. */
  #unqueue(page: Page, first: number, last: number): (span: Span) => boolean {
    const hit = (span: Span): boolean => span.page === page && span.last >= first && span.first <= last;
    for (const { ip, spans } of [...this.#queue.values()]) if (spans.some(hit)) this.#queue.delete(ip);
    return hit;
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

  /** Which regions stand in the slots; other tiers give way first. */
  set placing(placing: Placing) {
    if (placing === this.#placing) return;
    this.#placing = placing;
    this.place();
  }

  /** Puts regions into their slots or takes them out, those with code of physical page `ppn` (undefined: all). */
  place(ppn?: number): void {
    const pages = ppn === undefined ? this.#pages.values() : [this.#pages.get(ppn)];
    for (const page of pages) for (const region of page?.regions ?? []) this.#place(region);
  }

  #place(region: Compiled): void {
    if (region.spans.every(({ page }) => this.#mayStandIn(page.slots))) this.#words[region.ip >> 2] = region.index;
    else if (this.#words[region.ip >> 2] === region.index) this.#words[region.ip >> 2] = region.handler;
  }

  #mayStandIn(slots: number): boolean {
    if (this.#placing !== "quiet") return this.#placing === "all";
    // a page that nobody knows of yet is asked about before anything gets to it
    return this.#words[(slots + SLOT_PAGE_INTEREST) >> 2] !== INTEREST_SOME;
  }
}
