// The hot tier: hears of hot jump targets from the interpreter, has the regions behind them made in small batches, and
// installs them.
//
// A batch may be made in another thread while the guest runs on. So an answer is taken only where the code is what it was
// when the region was made; from then on the core tells of every write into it.
import { FETCH_BASE, FETCH_MASK, HOT_COUNTERS, HOT_TABLE, HOT_THRESHOLD, PAGE_VA, SATP } from "../../core/layout.js";
import { LAST_HALFWORD, SLOT_SCALE } from "../slots.js";
import {
  type Budget,
  type InstalledHost,
  InstalledRegions,
  type InstalledStats,
  isApart,
  type Page,
  type Placing,
} from "./installed-regions.js";
import type { CompileAnswer, HotPlace, RegionCompiler } from "./region-maker.js";
import type { TracePlan } from "./trace-plan.js";

export interface JitOptions extends Budget {
  /** Hot places asked for together. */
  batch: number;
}
export const JIT_DEFAULTS: JitOptions = { batch: 8, maxModules: 1500, maxBytes: 48 << 20 };

/** Places asked for and not answered, at most: what gets hot meanwhile is asked for when it is hot again. */
const MAX_ASKED = 64;
/** Jumps to a place known to be hot before it is asked for. */
const SOON = 16;

export interface JitStats extends InstalledStats {
  rejected: number;
  /** Time the guest waited for regions to be made and instantiated, ms, and the longest it did at once. */
  compileMs: number;
  longestMs: number;
  /** Time spent making them in another thread, ms. */
  backgroundMs: number;
}

/** A place that is being made into a region. */
interface Asked {
  readonly page: Page;
  readonly version: number;
}

export interface JitHost extends InstalledHost {
  compiler: RegionCompiler;
  /** Whether answers come while the guest runs. */
  background: boolean;
}

export class Jit {
  readonly #compiler: RegionCompiler;
  readonly #background: boolean;
  readonly #batch: number;
  readonly #view: DataView;
  readonly #installed: InstalledRegions;
  /** Places of the next batch. */
  readonly #queue = new Map<number, HotPlace>();
  readonly #asked = new Map<number, Asked>();
  /** Of the batches whose answers are wanted. */
  #generation = 0;
  #plan: TracePlan | undefined;
  #planKey = "";
  readonly #stats = { rejected: 0, compileMs: 0, longestMs: 0, backgroundMs: 0 };

  constructor(host: JitHost, options: JitOptions = JIT_DEFAULTS) {
    this.#compiler = host.compiler;
    this.#background = host.background;
    this.#batch = options.batch;
    this.#view = new DataView(host.memory.buffer);
    this.#installed = new InstalledRegions(host, options);
  }

  get stats(): JitStats {
    return { ...this.#installed.stats, ...this.#stats };
  }

  /** A jump target became hot; `ip` is its slot, in the page that is being executed. Called from the interpreter. */
  hot(ip: number): void {
    // what is compiled now would not be seen in the slots, and be compiled again and again
    if (this.placing === "none" || this.#asked.has(ip)) return;
    const page = this.#installed.page(this.#installed.slotsOf(ip));
    if (!page || this.#installed.has(ip) || page.rejected.has(ip)) return;
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
      apart: isApart(page, ip),
    });
    if (!again && this.#queue.size < this.#batch) return;
    this.#timed(() => this.#ask());
    this.collect();
  }

  /** Takes the answers that are there, and has a compiler that waits make what a batch still waits for. */
  collect(): void {
    if (this.#background && this.#queue.size > 0 && this.#asked.size === 0) this.#timed(() => this.#ask());
    for (let answer = this.#compiler.take(); answer; answer = this.#compiler.take()) {
      const given = answer;
      this.#timed(() => this.#install(given));
    }
  }

  /** Slots of the regions' entries. */
  entries(): number[] {
    return this.#installed.entries();
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
      const page = this.#installed.page(slots);
      if (!page) continue;
      this.#asked.set(ip, { page, version: page.version });
      this.#installed.watch(page);
    }
    this.#compiler.request({
      generation: this.#generation,
      plan: this.#plan,
      quiet: this.placing === "quiet",
      places,
    });
  }

  /** Nothing that was asked for is wanted any more. */
  #forgetAsked(): void {
    this.#generation++;
    this.#queue.clear();
    this.#asked.clear();
  }

  #install({ generation, modules, rejected, later, ms }: CompileAnswer): void {
    if (this.#background) this.#stats.backgroundMs += ms;
    if (generation !== this.#generation) return;
    for (const ip of later) this.#asked.delete(ip);
    for (const ip of rejected) {
      const asked = this.#asked.get(ip);
      this.#asked.delete(ip);
      if (!asked || asked.page.version !== asked.version) continue;
      asked.page.rejected.add(ip);
      this.#stats.rejected++;
    }
    for (const made of modules) {
      for (const { ip } of made.regions) this.#asked.delete(ip);
      this.#installed.install(made);
    }
    this.#installed.trim();
  }

  /** Code in [offset, offset + size) of physical page `ppn` is stale; -1: every page's, and the slots are gone. */
  invalidate(ppn: number, offset: number, size: number): void {
    if (ppn !== -1) {
      this.#installed.invalidate(ppn >>> 0, offset, size);
      return;
    }
    this.#installed.clear();
    this.#forgetAsked();
  }

  /** Takes out the regions with code in [first, last] of physical page `ppn` (-1: all): the probes in them are others now. */
  forget(ppn: number, first: number, last: number): void {
    if (ppn === -1) this.#dropAll();
    else this.#installed.drop(ppn, first, last);
  }

  /** What regions do for the recorders; a change of it drops all of them. */
  set plan(plan: TracePlan | undefined) {
    const key = JSON.stringify(plan);
    if (key === this.#planKey) return;
    this.#planKey = key;
    this.#plan = plan;
    this.#dropAll();
    this.#installed.clearRejected();
  }

  /** Their code is as hot as it was. */
  #dropAll(): void {
    this.expect(this.entries());
    this.#installed.dropAll();
    this.#forgetAsked();
  }

  get placing(): Placing {
    return this.#installed.placing;
  }
  set placing(placing: Placing) {
    this.#installed.placing = placing;
  }
  /** Puts regions into their slots or takes them out, those with code of physical page `ppn` (undefined: all). */
  place(ppn?: number): void {
    this.#installed.place(ppn);
  }
}
