// From hot places to compiled modules: finds the regions behind them and emits them. Works on the session's memory alone, so that it
// may run in another thread than the guest. There the guest goes on meanwhile: each page is copied before it is decoded, and
// the copy is part of the answer, for the guest's thread to compare before it takes the region (installed-regions.ts).
import {
  FULL_SLOTS,
  INTEREST_SOME,
  JIT_NEVER,
  SATP,
  SLOT_ARENA,
  SLOT_PAGE_HOST,
  SLOT_PAGE_INTEREST,
  SLOT_PAGE_JIT,
  SLOT_PAGE_PPN,
  SLOT_PAGE_SIZE,
  SLOT_PAGES,
  TLB_CODE,
  TLB_ENTRY_BITS,
  TLB_FULL_DELTA,
} from "../../core/layout.js";
import { HANDLER_DECODE } from "../handlers.js";
import type { ProbedBlock } from "../probe-ops.js";
import { SLOT_SCALE } from "../slots.js";
import { compileRegions } from "./compile.js";
import { type Block, type CodePages, findProbedRegion, findRegion, inPage, pageOf, type Region } from "./region.js";
import { type RegionCache, regionKey } from "./region-cache.js";
import type { TracePlan } from "./trace-plan.js";

/** Instructions that are enough for a module: it is compiled in one go. */
const MODULE_INSTRUCTIONS = 1200;
/** Pages a region may take its code from. */
const MAX_PAGES = 4;
const PAGE = 4096;
const TLB_SHIFT = BigInt(12 - TLB_ENTRY_BITS);

/** A hot jump target as the guest's thread saw it. */
export interface HotPlace {
  /** Address of its slot, and of the slots of its page. */
  readonly ip: number;
  readonly slots: number;
  /** Virtual address of its page, and where it was mapped from: neighbours are looked up like that. */
  readonly va: bigint;
  readonly satp: bigint;
  readonly fetchBase: number;
  readonly fetchMask: number;
  /** See Region. */
  readonly apart: boolean;
}
/** Plain data, as is the answer: both may go from thread to thread. */
export interface CompileJob {
  /** Given back with the answer: what was asked for in an earlier one is not wanted any more. */
  readonly generation: number;
  readonly plan: TracePlan | undefined;
  /** Only pages that no plugin is interested in. */
  readonly quiet: boolean;
  readonly places: readonly HotPlace[];
}
/** What a region takes of a page: offsets of its first byte and its last, and the bytes it was made of. */
export interface MadeSpan {
  readonly slots: number;
  readonly ppn: number;
  readonly first: number;
  readonly last: number;
  readonly code: Uint8Array;
}
export interface MadeRegion {
  readonly ip: number;
  /** Its name among the exports of the module. */
  readonly name: string;
  /** Instructions. */
  readonly size: number;
  /** Its first instruction. */
  readonly bits: number;
  readonly spans: readonly MadeSpan[];
}
export interface MadeModule {
  readonly module: WebAssembly.Module;
  /** Others use it, too. */
  readonly shared: boolean;
  /** Of its code, or of the regions' share in it. */
  readonly bytes: number;
  readonly regions: readonly MadeRegion[];
}
export interface CompileAnswer {
  readonly generation: number;
  readonly modules: readonly MadeModule[];
  /** Places without a region, and those to be asked for again. */
  readonly rejected: readonly number[];
  readonly later: readonly number[];
  /** Time it took, ms. */
  readonly ms: number;
}

/** Makes what a Jit asks for, at once or in a while. */
export interface RegionCompiler {
  request(job: CompileJob): void;
  /** The next answer that is there. */
  take(): CompileAnswer | undefined;
}

/** Where blocks run with probes: their translations. */
export interface MakerProbes {
  readonly harts: number;
  find(slot: number, page: bigint): ProbedBlock | undefined;
}

interface Found {
  readonly place: HotPlace;
  readonly region: Region;
  readonly spans: readonly MadeSpan[];
  /** In the cache. */
  readonly key: string | undefined;
}
export interface MakerOptions {
  /** Without it every region is made anew. */
  cache?: RegionCache;
  probes?: MakerProbes | undefined;
}

export class RegionMaker {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #probes: MakerProbes | undefined;
  readonly #cache: RegionCache | undefined;

  constructor(memory: WebAssembly.Memory, { cache, probes }: MakerOptions = {}) {
    this.#view = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#probes = probes;
    // probes are a session's own
    this.#cache = probes ? undefined : cache;
  }

  make(job: CompileJob): CompileAnswer {
    const started = performance.now();
    const rejected: number[] = [];
    const later: number[] = [];
    const modules: MadeModule[] = [];
    let found: Found[] = [];
    let size = 0;
    const compile = (): void => {
      if (found.length > 0) modules.push(this.#compile(found, job.plan));
      found = [];
      size = 0;
    };
    for (const place of job.places) {
      const one = this.#find(place, job);
      if (one === "later") later.push(place.ip);
      else if (one === undefined) rejected.push(place.ip);
      else {
        const known = one.key === undefined ? undefined : this.#cache?.get(one.key, this);
        if (known) modules.push({ ...known, shared: true, regions: [made(one, known.name)] });
        else {
          found.push(one);
          size += one.region.size;
          if (size >= MODULE_INSTRUCTIONS) compile();
        }
      }
    }
    compile();
    return { generation: job.generation, modules, rejected, later, ms: performance.now() - started };
  }

  #find(place: HotPlace, { plan, quiet }: CompileJob): Found | "later" | undefined {
    const { slots } = place;
    const copies = new Map<number, CodePage | undefined>([[0, this.#copy(slots)]]);
    const page = (n: number): CodePage | undefined => {
      if (!copies.has(n)) copies.set(n, copies.size < MAX_PAGES ? this.#neighbour(place, n, quiet) : undefined);
      return copies.get(n);
    };
    const code: CodePages = {
      bytes: (n) => page(n)?.view,
      distance: (n) => (page(n) as CodePage).slots - slots,
      ran: (at) => {
        const slots = page(pageOf(at))?.slots;
        return slots !== undefined && this.#view.getInt32(slots + inPage(at) * SLOT_SCALE, true) !== HANDLER_DECODE;
      },
    };
    const entry = (place.ip - slots) / SLOT_SCALE;
    const probes = this.#probes;
    // a block with probes was translated for one virtual page
    const probed = (at: number): ProbedBlock | undefined =>
      probes?.find(
        slots + code.distance(pageOf(at)) + inPage(at) * SLOT_SCALE,
        BigInt.asUintN(64, place.va + BigInt(pageOf(at) * PAGE)),
      );
    const region = probes
      ? findProbedRegion(code, entry, place.va, probed)
      : findRegion(code, entry, plan !== undefined);
    // another process runs by now: its pages are not the neighbours of this one
    if (copies.size > 1 && this.#view.getBigUint64(SATP, true) !== place.satp) return "later";
    if (!region) return probes && !probes.find(place.ip, place.va) ? "later" : undefined;
    if (place.apart) region.apart = true;
    const key = this.#cache && regionKey(region, plan);
    return { place, region, spans: spansOf(region, (n) => page(n) as CodePage), key };
  }

  #copy(slots: number): CodePage {
    const host = this.#view.getUint32(slots + SLOT_PAGE_HOST, true);
    const bytes = this.#bytes.slice(host, host + PAGE);
    return {
      slots,
      ppn: this.#view.getUint32(slots + SLOT_PAGE_PPN, true),
      bytes,
      view: new DataView(bytes.buffer),
    };
  }

  /** The page `n` pages from the place's, if the hart fetches from it without a look at the page tables. */
  #neighbour(place: HotPlace, n: number, quiet: boolean): CodePage | undefined {
    const va = BigInt.asUintN(64, place.va + BigInt(n * PAGE));
    const entry = place.fetchBase + (Number((va >> TLB_SHIFT) & 0xffffffffn) & place.fetchMask);
    if (this.#view.getBigUint64(entry + TLB_CODE, true) !== va) return undefined;
    const slots = this.#view.getUint32(entry + TLB_FULL_DELTA + FULL_SLOTS, true);
    if (slots === 0 || isLastPage(this.#view, slots)) return undefined;
    if (this.#view.getUint32(slots + SLOT_PAGE_JIT, true) === JIT_NEVER) return undefined;
    if (quiet && this.#view.getUint32(slots + SLOT_PAGE_INTEREST, true) === INTEREST_SOME) return undefined;
    return this.#copy(slots);
  }

  #compile(found: readonly Found[], plan: TracePlan | undefined): MadeModule {
    const bytes = compileRegions(
      found.map(({ region }) => region),
      plan,
      this.#probes?.harts ?? 1,
    );
    const module = new WebAssembly.Module(bytes);
    const regions = found.map((one, i) => made(one, `r${i}`));
    found.forEach(({ key }, i) => {
      const region = { module, name: `r${i}`, bytes: Math.round(bytes.length / found.length) };
      if (key !== undefined) this.#cache?.put(key, region, this);
    });
    return { module, shared: false, bytes: bytes.length, regions };
  }
}

function made({ place, region, spans }: Found, name: string): MadeRegion {
  const first = (region.blocks.get(region.entry) as Block).instructions[0];
  if (!first) throw new Error("a region begins with an instruction");
  return { ip: place.ip, name, size: region.size, bits: first.decoded.bits, spans };
}

/** Whether these are the slots that are decoded anew at every instruction: no code of theirs is compiled. */
export function isLastPage(view: DataView, slots: number): boolean {
  return (slots - view.getUint32(SLOT_ARENA, true)) / SLOT_PAGE_SIZE >= view.getUint32(SLOT_PAGES, true) - 1;
}

interface CodePage {
  readonly slots: number;
  readonly ppn: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function spansOf(region: Region, page: (n: number) => CodePage): MadeSpan[] {
  const ranges = new Map<number, { first: number; last: number }>();
  for (const { start, instructions } of region.blocks.values()) {
    const n = pageOf(start);
    const range = ranges.get(n) ?? { first: PAGE, last: 0 };
    const first = instructions[0];
    const last = instructions[instructions.length - 1];
    if (first) range.first = Math.min(range.first, first.offset);
    if (last) range.last = Math.max(range.last, last.offset + 3);
    ranges.set(n, range);
  }
  return [...ranges].map(([n, { first, last }]) => {
    const { slots, ppn, bytes } = page(n);
    return { slots, ppn, first, last, code: bytes.slice(first, last + 1) };
  });
}

/** Makes regions in the thread that asks for them, before request() returns. */
export class LocalCompiler implements RegionCompiler {
  readonly #maker: RegionMaker;
  readonly #answers: CompileAnswer[] = [];

  constructor(memory: WebAssembly.Memory, probes?: MakerProbes) {
    this.#maker = new RegionMaker(memory, { probes });
  }
  request(job: CompileJob): void {
    this.#answers.push(this.#maker.make(job));
  }
  take(): CompileAnswer | undefined {
    return this.#answers.shift();
  }
}
