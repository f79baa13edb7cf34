// The regions of a machine's tier: where their code is, which slots they stand in, when they go. All links between regions go
// through slots, so dropping a region is resetting one slot. Its tables are shared with the other tiers.
import {
  INTEREST_SOME,
  JIT_NEVER,
  JIT_USED,
  SLOT_ARENA,
  SLOT_PAGE_HOST,
  SLOT_PAGE_INTEREST,
  SLOT_PAGE_JIT,
  SLOT_PAGE_PPN,
  SLOT_PAGE_SIZE,
} from "../../core/layout.js";
import { HANDLER_COUNT, HANDLER_DECODE } from "../handlers.js";
import { SLOT_SCALE, type SlotWriter } from "../slots.js";
import { isLastPage, type MadeModule, type MadeRegion, type MadeSpan } from "./region-maker.js";
import type { RegionTable } from "./region-table.js";

/** A page whose code is overwritten this often is left to the interpreter. */
const MAX_INVALIDATIONS = 50;
/** A region whose groups of accesses are so often in two pages is made anew without them. */
const MAX_APART = 200;

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
export interface Page {
  readonly ppn: number;
  readonly slots: number;
  /** Those with code of this page. */
  readonly regions: Set<Compiled>;
  /** Entries that cannot be compiled. */
  readonly rejected: Set<number>;
  /** How often accesses that a region settles together have been in two pages, by its entry. */
  readonly apart: Map<number, number>;
  invalidations: number;
  /** Goes up whenever code of the page changes. */
  version: number;
}
export interface InstalledHost {
  memory: WebAssembly.Memory;
  regions: RegionTable;
  core: WebAssembly.ModuleImports;
  /** The plugins' dispatchers by table index. */
  plugin: WebAssembly.ModuleImports;
  slots: SlotWriter;
}

export interface Budget {
  /** Live modules of this session; the oldest are dropped beyond it. V8 maps each one: a process dies near 65,000. */
  maxModules: number;
  /** Bytes of modules alive. */
  maxBytes: number;
}

export interface InstalledStats {
  regions: number;
  modules: number;
  /** Bytes of WebAssembly alive, and ever made. */
  bytes: number;
  bytesTotal: number;
  compiled: number;
  instructions: number;
  invalidated: number;
  evicted: number;
  /** Regions that were of no use: the code had changed meanwhile, or the guest had gone elsewhere. */
  outdated: number;
}

/**
 * Which regions stand in the slots: all; none, while another tier runs; or `quiet`: those with code of pages only that no plugin is
 * interested in, while others of the pages run with probes.
 */
export type Placing = "all" | "none" | "quiet";

export class InstalledRegions {
  readonly #host: InstalledHost;
  readonly #budget: Budget;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #bytes: Buffer;
  readonly #pages = new Map<number, Page>();
  #batches: Batch[] = [];
  /** Of them, those whose modules are shared with nobody. */
  #ownModules = 0;
  #placing: Placing = "all";
  readonly #stats: InstalledStats = {
    regions: 0,
    modules: 0,
    bytes: 0,
    bytesTotal: 0,
    compiled: 0,
    instructions: 0,
    invalidated: 0,
    evicted: 0,
    outdated: 0,
  };

  constructor(host: InstalledHost, budget: Budget) {
    this.#host = host;
    this.#budget = budget;
    this.#words = new Int32Array(host.memory.buffer);
    this.#view = new DataView(host.memory.buffer);
    this.#bytes = Buffer.from(host.memory.buffer as unknown as ArrayBuffer);
  }

  get stats(): InstalledStats {
    return {
      ...this.#stats,
      regions: new Set([...this.#pages.values()].flatMap((page) => [...page.regions])).size,
      modules: this.#batches.length,
    };
  }

  /** Whether a region begins at a slot. */
  has(ip: number): boolean {
    return (this.#words[ip >> 2] as number) >= HANDLER_COUNT;
  }

  /** Slots of the regions' entries. */
  entries(): number[] {
    return [...this.#pages.values()].flatMap(({ regions }) => [...regions].map(({ ip }) => ip));
  }

  /** Slots of the page that `ip` lies in. */
  slotsOf(ip: number): number {
    const arena = this.#view.getUint32(SLOT_ARENA, true);
    return arena + Math.floor((ip - arena) / SLOT_PAGE_SIZE) * SLOT_PAGE_SIZE;
  }

  /** The page whose slots these are; undefined when its code is not to be compiled. */
  page(slots: number): Page | undefined {
    if (isLastPage(this.#view, slots)) return undefined;
    const ppn = this.#view.getUint32(slots + SLOT_PAGE_PPN, true);
    let page = this.#pages.get(ppn);
    if (!page || page.slots !== slots) {
      page = {
        ppn,
        slots,
        regions: new Set(),
        rejected: new Set(),
        apart: new Map(),
        invalidations: page?.invalidations ?? 0,
        version: 0,
      };
      this.#pages.set(ppn, page);
    }
    if (page.invalidations <= MAX_INVALIDATIONS) return page;
    this.#words[(slots + SLOT_PAGE_JIT) >> 2] = JIT_NEVER;
    return undefined;
  }

  /** From here on the core tells of writes into the page. */
  watch({ slots }: Page): void {
    this.#words[(slots + SLOT_PAGE_JIT) >> 2] = JIT_USED;
  }

  /** Puts a module's regions in their places; those whose code has changed meanwhile are left out. */
  install({ module, shared, bytes, regions }: MadeModule): void {
    const found: { made: MadeRegion; spans: Span[] }[] = [];
    for (const made of regions) {
      const spans = this.#spans(made);
      if (spans) found.push({ made, spans });
      else this.#stats.outdated++;
    }
    if (found.length === 0) return;
    const { memory, regions: table, slots, core, plugin } = this.#host;
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory, stale: (slot: number) => this.#stale(slot), apart: (slot: number) => this.#apart(slot) },
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
      if (this.#words[ip >> 2] === HANDLER_DECODE) slots.write(ip, bits, (ip - this.slotsOf(ip)) / SLOT_SCALE);
      const handler = this.#words[ip >> 2] as number;
      const compiled: Compiled = { ip, index, handler, spans, batch, alive: true };
      batch.regions.push(compiled);
      for (const span of spans) {
        span.page.regions.add(compiled);
        this.watch(span.page);
      }
      this.#place(compiled);
      this.#stats.compiled++;
      this.#stats.instructions += size;
    });
  }

  /** Where the region's code is; undefined when it is not what the region was made of. */
  #spans({ ip, spans }: MadeRegion): Span[] | undefined {
    if (this.has(ip)) return undefined;
    const found: Span[] = [];
    for (const span of spans) {
      const page = this.#mayStandIn(span.slots) && this.#unchanged(span) ? this.page(span.slots) : undefined;
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

  /** Drops the oldest modules' regions until the rest is within the budget. */
  trim(): void {
    while (this.#ownModules > this.#budget.maxModules || this.#stats.bytes > this.#budget.maxBytes) this.#evict();
  }

  #evict(): void {
    const oldest = this.#batches[0];
    if (!oldest) return;
    this.#stats.evicted += oldest.regions.filter((r) => r.alive).length;
    for (const region of oldest.regions) this.#drop(region, region.handler);
  }

  /** The region at `ip` was entered in another virtual page than its own: it will be made anew for that one when it gets hot. */
  #stale(ip: number): void {
    for (const region of this.#pageOf(ip)?.regions ?? []) if (region.ip === ip) this.#drop(region, region.handler);
  }
  /** Accesses that the region at `ip` would have settled together are in two pages. */
  #apart(ip: number): void {
    const page = this.#pageOf(ip);
    if (!page) return;
    page.apart.set(ip, (page.apart.get(ip) ?? 0) + 1);
    if (isApart(page, ip)) this.#stale(ip);
  }
  #pageOf(ip: number): Page | undefined {
    return this.#pages.get(this.#view.getUint32(this.slotsOf(ip) + SLOT_PAGE_PPN, true));
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
    this.#batches.splice(this.#batches.indexOf(batch), 1);
    if (!batch.shared) this.#ownModules--;
    this.#host.regions.give(batch.first, batch.count);
    this.#stats.bytes -= batch.bytes;
  }

  /** Drops what has code in [offset, offset + size) of physical page `ppn`: it was written. */
  invalidate(ppn: number, offset: number, size: number): void {
    const page = this.#pages.get(ppn);
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

  /** The slots are gone, and all pages with them. */
  clear(): void {
    for (const page of this.#pages.values()) for (const region of [...page.regions]) this.#drop(region, 0);
    this.#pages.clear();
  }

  /** Drops what has code in [first, last] of physical page `ppn`; the code is as it was. */
  drop(ppn: number, first: number, last: number): void {
    const page = this.#pages.get(ppn);
    for (const region of [...(page?.regions ?? [])])
      if (region.spans.some(hit(page as Page, first, last))) this.#drop(region, region.handler);
  }

  /** Drops all; the code is as it was. */
  dropAll(): void {
    for (const page of this.#pages.values()) for (const region of [...page.regions]) this.#drop(region, region.handler);
  }

  /** What could not be compiled may be tried again. */
  clearRejected(): void {
    for (const page of this.#pages.values()) page.rejected.clear();
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

/** Whether the region at `ip` is to settle each access by itself. */
export const isApart = (page: Page, ip: number): boolean => (page.apart.get(ip) ?? 0) >= MAX_APART;

/** Whether a span has code in [first, last] of a page. */
const hit =
  (page: Page, first: number, last: number) =>
  (span: Span): boolean =>
    span.page === page && span.last >= first && span.first <= last;
