// The hot tier: hears of hot jump targets from the interpreter, has the regions behind them made in small batches, and
// puts them into the decoded slots. All links between regions go through slots, so dropping a region is resetting one slot.
//
// A batch may be made in another thread while the guest runs on. So an answer is taken only where the code is what it was
// when the region was made; from then on the core tells of every write into it.
import {
  FETCH_BASE,
  FETCH_MASK,
  HOT_COUNTERS,
  HOT_TABLE,
  HOT_THRESHOLD,
  INTEREST_SOME,
  PAGE_VA,
  SATP,
  SLOT_ARENA,
  SLOT_PAGE_HOST,
  SLOT_PAGE_INTEREST,
  SLOT_PAGE_JIT,
  SLOT_PAGE_PPN,
  SLOT_PAGE_SIZE,
} from "../../core/layout.js";
import { HANDLER_COUNT, HANDLER_DECODE } from "../handlers.js";
import { LAST_HALFWORD, SLOT_SCALE, type SlotWriter } from "../slots.js";
import {
  type CompileAnswer,
  type HotPlace,
  isLastPage,
  JIT_NEVER,
  JIT_USED,
  type MadeModule,
  type MadeRegion,
  type MadeSpan,
  type RegionCompiler,
} from "./region-maker.js";
import type { RegionTable } from "./region-table.js";
import type { TracePlan } from "./trace-plan.js";

export interface JitOptions {
  /** Hot places asked for together. */
  batch: number;
  /** Live modules of this session; the oldest are dropped beyond it. V8 maps each one: a process dies near 65,000. */
  maxModules: number;
  /** Bytes of modules alive. */
  maxBytes: number;
}
export const JIT_DEFAULTS: JitOptions = { batch: 8, maxModules: 1500, maxBytes: 48 << 20 };

/** A page whose code is overwritten this often is left to the interpreter. */
const MAX_INVALIDATIONS = 50;
/** Places asked for and not answered, at most: what gets hot meanwhile is asked for when it is hot again. */
const MAX_ASKED = 64;
/** Jumps to a place known to be hot before it is asked for. */
const SOON = 16;

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
  /** Answers that were of no use: the code had changed meanwhile, or the guest had gone elsewhere. */
  outdated: number;
  /** Time the guest waited for regions to be made and instantiated, ms, and the longest it did at once. */
  compileMs: number;
  longestMs: number;
  /** Time spent making them in another thread, ms. */
  backgroundMs: number;
}

/** What a region takes of a page: offsets of its first byte and its last. */
interface Span {
  readonly page: Page;
  readonly first: number;
  readonly last: number;
}
interface Compiled {
  readonly ip: number;
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
  /** Its module was made for another session, or an earlier request. */
  readonly shared: boolean;
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
  /** Goes up whenever code of the page changes. */
  version: number;
}
/** A place that is being made into a region. */
interface Asked {
  readonly page: Page;
  readonly version: number;
}

export interface JitHost {
  memory: WebAssembly.Memory;
  regions: RegionTable;
  core: WebAssembly.ModuleImports;
  /** The plugins' dispatchers by table index. */
  plugin: WebAssembly.ModuleImports;
  slots: SlotWriter;
  compiler: RegionCompiler;
  /** Whether answers come while the guest runs. */
  background: boolean;
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
  readonly #bytes: Buffer;
  readonly #pages = new Map<number, Page>();
  /** Places of the next batch. */
  readonly #queue = new Map<number, HotPlace>();
  readonly #asked = new Map<number, Asked>();
  /** Of the batches whose answers are wanted. */
  #generation = 0;
  #batches: Batch[] = [];
  /** Of them, those whose modules are shared with nobody. */
  #ownModules = 0;
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
    outdated: 0,
    compileMs: 0,
    longestMs: 0,
    backgroundMs: 0,
  };

  constructor(host: JitHost, options: JitOptions = JIT_DEFAULTS) {
    this.#host = host;
    this.#options = options;
    this.#words = new Int32Array(host.memory.buffer);
    this.#view = new DataView(host.memory.buffer);
    this.#bytes = Buffer.from(host.memory.buffer as unknown as ArrayBuffer);
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
    if (this.#placing === "none" || this.#asked.has(ip)) return;
    const page = this.#page(this.#slotsOf(ip));
    if (!page || (this.#words[ip >> 2] as number) >= HANDLER_COUNT || page.rejected.has(ip)) return;
    // the slot behind a page's last is the way to the next page
    if (ip - page.slots > LAST_HALFWORD * SLOT_SCALE) return;
    if (this.#asked.size >= MAX_ASKED) {
      this.#soon(ip);
      return;
    }
    const again = this.#queue.has(ip);
    this.#queue.set(ip, {
      ip,
      slots: page.slots,
      va: this.#view.getBigUint64(PAGE_VA, true),
      satp: this.#view.getBigUint64(SATP, true),
      fetchBase: this.#view.getUint32(FETCH_BASE, true),
      fetchMask: this.#view.getUint32(FETCH_MASK, true),
    });
    if (!again && this.#queue.size < this.#options.batch) return;
    this.#timed(() => this.#ask());
    this.collect();
  }

  /** Takes the answers that are there, and has a compiler that waits make what a batch still waits for. */
  collect(): void {
    if (this.#host.background && this.#queue.size > 0 && this.#asked.size === 0) this.#timed(() => this.#ask());
    for (let answer = this.#host.compiler.take(); answer; answer = this.#host.compiler.take()) {
      const given = answer;
      this.#timed(() => this.#install(given));
    }
  }

  /** Entries of the regions there are. */
  entries(): number[] {
    return [...this.#pages.values()].flatMap(({ regions }) => [...regions].map(({ ip }) => ip));
  }

  /** Places that have been hot: they are asked for at their next few turns. */
  expect(places: readonly number[]): void {
    for (const ip of places) this.#soon(ip);
  }

  /** The counter behind env.hot, see the interpreter's `count`. */
  #soon(ip: number): void {
    const counter = HOT_TABLE + ((ip >> 3) & ((HOT_COUNTERS - 1) * 2));
    this.#view.setUint16(counter, Math.max(0, this.#view.getUint32(HOT_THRESHOLD, true) - SOON), true);
  }

  #timed(work: () => void): void {
    const started = performance.now();
    work();
    const took = performance.now() - started;
    this.#stats.compileMs += took;
    this.#stats.longestMs = Math.max(this.#stats.longestMs, took);
  }

  #ask(): void {
    const places = [...this.#queue.values()];
    this.#queue.clear();
    for (const { ip, slots } of places) {
      const page = this.#page(slots);
      if (!page) continue;
      this.#asked.set(ip, { page, version: page.version });
      // from here on the core tells of writes
      this.#words[(slots + SLOT_PAGE_JIT) >> 2] = JIT_USED;
    }
    this.#host.compiler.request({
      generation: this.#generation,
      plan: this.#plan,
      quiet: this.#placing === "quiet",
      places,
    });
  }

  /** Nothing that was asked for is wanted any more. */
  #forgetAsked(): void {
    this.#generation++;
    this.#queue.clear();
    this.#asked.clear();
  }

  /** Slots of the page that `ip` lies in. */
  #slotsOf(ip: number): number {
    const arena = this.#view.getUint32(SLOT_ARENA, true);
    return arena + Math.floor((ip - arena) / SLOT_PAGE_SIZE) * SLOT_PAGE_SIZE;
  }

  /** The page whose slots these are; undefined when its code is not to be compiled. */
  #page(slots: number): Page | undefined {
    if (isLastPage(this.#view, slots)) return undefined;
    const ppn = this.#view.getUint32(slots + SLOT_PAGE_PPN, true);
    let page = this.#pages.get(ppn);
    if (!page || page.slots !== slots) {
      page = {
        ppn,
        slots,
        regions: new Set(),
        rejected: new Set(),
        invalidations: page?.invalidations ?? 0,
        version: 0,
      };
      this.#pages.set(ppn, page);
    }
    if (page.invalidations <= MAX_INVALIDATIONS) return page;
    this.#words[(slots + SLOT_PAGE_JIT) >> 2] = JIT_NEVER;
    return undefined;
  }

  #install({ generation, modules, rejected, later, ms }: CompileAnswer): void {
    if (this.#host.background) this.#stats.backgroundMs += ms;
    if (generation !== this.#generation) return;
    for (const ip of later) this.#asked.delete(ip);
    for (const ip of rejected) {
      const asked = this.#asked.get(ip);
      this.#asked.delete(ip);
      if (!asked || asked.page.version !== asked.version) continue;
      asked.page.rejected.add(ip);
      this.#stats.rejected++;
    }
    for (const made of modules) this.#instantiate(made);
    while (this.#ownModules > this.#options.maxModules || this.#stats.bytes > this.#options.maxBytes) this.#evict();
  }

  #instantiate({ module, shared, bytes, regions }: MadeModule): void {
    const found: { made: MadeRegion; spans: Span[] }[] = [];
    for (const made of regions) {
      this.#asked.delete(made.ip);
      const spans = this.#spans(made);
      if (spans) found.push({ made, spans });
      else this.#stats.outdated++;
    }
    if (found.length === 0) return;
    const { memory, regions: table, slots, core, plugin } = this.#host;
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory, stale: (slot: number) => this.#stale(slot) },
      core,
      plugin,
    });
    const first = table.take(found.length);
    const batch: Batch = { bytes, shared, first, count: found.length, regions: [] };
    this.#batches.push(batch);
    if (!shared) this.#ownModules++;
    this.#stats.bytes += bytes;
    this.#stats.bytesTotal += bytes;
    found.forEach(({ made, spans }, i) => {
      const { ip, name, size, bits } = made;
      const index = first + i;
      table.set(index, exports[name]);
      // the interpreter's handler of it is run from its slot, too
      if (this.#words[ip >> 2] === HANDLER_DECODE) slots.write(ip, bits, (ip - this.#slotsOf(ip)) / SLOT_SCALE);
      const handler = this.#words[ip >> 2] as number;
      const compiled: Compiled = { ip, index, handler, spans, batch, alive: true };
      batch.regions.push(compiled);
      for (const span of spans) {
        span.page.regions.add(compiled);
        this.#words[(span.page.slots + SLOT_PAGE_JIT) >> 2] = JIT_USED;
      }
      this.#place(compiled);
      this.#stats.compiled++;
      this.#stats.instructions += size;
    });
  }

  /** Where the region's code is; undefined when it is not what the region was made of. */
  #spans({ ip, spans }: MadeRegion): Span[] | undefined {
    if ((this.#words[ip >> 2] as number) >= HANDLER_COUNT) return undefined;
    const found: Span[] = [];
    for (const span of spans) {
      const page = this.#mayStandIn(span.slots) && this.#unchanged(span) ? this.#page(span.slots) : undefined;
      if (!page) return undefined;
      found.push({ page, first: span.first, last: span.last });
    }
    return found;
  }

  #unchanged({ slots, ppn, first, code }: MadeSpan): boolean {
    if (this.#view.getUint32(slots + SLOT_PAGE_PPN, true) !== ppn) return false;
    const host = this.#view.getUint32(slots + SLOT_PAGE_HOST, true) + first;
    return this.#bytes.compare(code, 0, code.length, host, host + code.length) === 0;
  }

  /** The region at `ip` was entered in another virtual page than its own: it will be made anew for that one when it gets hot. */
  #stale(ip: number): void {
    const slots = this.#slotsOf(ip);
    for (const region of this.#pages.get(this.#view.getUint32(slots + SLOT_PAGE_PPN, true))?.regions ?? [])
      if (region.ip === ip) this.#drop(region, region.handler);
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
    if (!batch.shared) this.#ownModules--;
    this.#host.regions.give(batch.first, batch.count);
    this.#stats.bytes -= batch.bytes;
  }

  /** Code in [offset, offset + size) of physical page `ppn` is stale; -1: every page's, and the slots are gone. */
  invalidate(ppn: number, offset: number, size: number): void {
    if (ppn === -1) {
      for (const page of this.#pages.values()) for (const region of [...page.regions]) this.#drop(region, 0);
      this.#pages.clear();
      this.#forgetAsked();
      return;
    }
    const page = this.#pages.get(ppn >>> 0);
    if (!page) return;
    page.rejected.clear();
    page.version++;
    for (const region of [...page.regions]) {
      if (!region.spans.some(hit(page, offset, offset + size - 1))) continue;
      this.#drop(region, 0);
      page.invalidations++;
      this.#stats.invalidated++;
    }
  }

  /** Takes out the regions with code in [first, last] of physical page `ppn` (-1: all): the probes in them are others now. */
  forget(ppn: number, first: number, last: number): void {
    if (ppn === -1) {
      this.#dropAll();
      return;
    }
    const page = this.#pages.get(ppn);
    if (!page) return;
    for (const region of [...page.regions])
      if (region.spans.some(hit(page, first, last))) this.#drop(region, region.handler);
  }

  /** What regions do for the recorders; a change of it drops all of them. */
  set plan(plan: TracePlan | undefined) {
    const key = JSON.stringify(plan);
    if (key === this.#planKey) return;
    this.#planKey = key;
    this.#plan = plan;
    this.#dropAll();
    for (const page of this.#pages.values()) page.rejected.clear();
  }

  /** Their code is as hot as it was. */
  #dropAll(): void {
    this.expect(this.entries());
    for (const page of this.#pages.values()) for (const region of [...page.regions]) this.#drop(region, region.handler);
    this.#forgetAsked();
  }

  /** Which regions stand in the slots; other tiers give way first. */
  get placing(): Placing {
    return this.#placing;
  }
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

/** Whether a span has code in [first, last] of a page. */
const hit =
  (page: Page, first: number, last: number) =>
  (span: Span): boolean =>
    span.page === page && span.last >= first && span.first <= last;
