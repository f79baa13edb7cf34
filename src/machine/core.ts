// The core's exports that TypeScript calls, typed, and how core and interpreter are put together.
import type { CoreLink } from "../bus/core-link.js";
import {
  HOT_THRESHOLD,
  INTEREST_NONE,
  KIND_FETCH,
  PAGE_SLOTS,
  PROBE_ON,
  PROBE_PAGES,
  SLOT_PAGE_INTEREST,
  SLOT_PAGE_PPN,
  TRACE_ACTIVE,
} from "../core/layout.js";
import { HANDLER_COUNT } from "../engine/handlers.js";
import { generateInterpreter, type Variant } from "../engine/interpreter.js";
import type { Placing } from "../engine/jit/installed-regions.js";
import { JIT_DEFAULTS, Jit, type JitStats } from "../engine/jit/jit.js";
import { LocalCompiler, type RegionCompiler } from "../engine/jit/region-maker.js";
import { RegionTable } from "../engine/jit/region-table.js";
import { planTrace } from "../engine/jit/trace-plan.js";
import type { ProbedBlock } from "../engine/probe-ops.js";
import { LAST_HALFWORD, SlotWriter } from "../engine/slots.js";
import type { EngineSettings } from "./description.js";

/** The guest waits while regions with probes are made: few at a time keep that short. */
const PROBED_BATCH = 2;

/** Exports of core.wasm (src/core/index.ts documents them). 64-bit values are BigInt at this border. */
export interface Core {
  init(harts: number): void;
  run(budget: number): number;
  reset_hart(hart: number, pc: bigint, a0: bigint, a1: bigint, a2: bigint): void;
  hart_address(hart: number): number;
  exchange_hart(hart: number): void;
  topology_changed(): void;
  memory_written(paddr: bigint, size: number): void;
  set_irq(hart: number, bit: number, level: number): void;
  get_mtimecmp(hart: number): bigint;
  set_mtimecmp(hart: number, value: bigint): void;
  get_mtime(): bigint;
  set_mtime(value: bigint): void;
  next_deadline(): bigint;
  skip_idle(ns: bigint): void;
  flush_all(hart: number): void;
  record(kind: number, vaddr: bigint, value: bigint, size: number, hwaddr: number, flags: number, pc: bigint): void;
}

/** Interpreter variants, in the order of their cost. */
export const VARIANTS = {
  plain: { memory: false, fetch: false, probe: false },
  memory: { memory: true, fetch: false, probe: false },
  fetch: { memory: true, fetch: true, probe: false },
  // whatever recorders want besides: those that want nothing cost probed code little
  probe: { memory: true, fetch: true, probe: true },
} as const satisfies Record<string, Variant>;
export type VariantName = keyof typeof VARIANTS;
/** What streams want recorded. */
export type RecordedVariant = Exclude<VariantName, "probe">;

/** Compiled modules of a machine; made once per process and shared by its sessions. */
export type MachineModules = Record<"core" | VariantName, WebAssembly.Module>;

/** Compiles everything a machine is made of. `core` is the content of core.wasm. */
export async function compileModules(core: BufferSource): Promise<MachineModules> {
  const names = Object.keys(VARIANTS) as VariantName[];
  const [coreModule, ...variants] = await Promise.all([
    WebAssembly.compile(core),
    ...names.map((name) => WebAssembly.compile(generateInterpreter(VARIANTS[name]))),
  ]);
  return { core: coreModule, ...Object.fromEntries(names.map((name, i) => [name, variants[i]])) } as MachineModules;
}

export interface Engine {
  core: Core & Record<string, CallableFunction>;
  /** Chooses the variant that runs from the next slice on, and whether blocks run with probes. */
  select(recorded: RecordedVariant, probed: boolean): void;
  /** Regions of probed code over these bytes of a physical page (-1: all) go: the probes in them are others now. */
  forgetProbed(ppn: number, first: number, last: number): void;
  /** Plugins' interest in the code of physical page `ppn` (undefined: of all) is another now: see SLOT_PAGE_INTEREST. */
  interestChanged(ppn?: number): void;
  /** The core's function table: dispatchers of plugins stand behind ENTER_TABLE_INDEX. */
  readonly table: WebAssembly.Table;
  /** Puts in place what was compiled meanwhile (EXIT_COMPILED). */
  collect(): void;
  /** What the compiled tiers have done so far, by variant; empty while compilation is off. */
  jitStats(): Partial<Record<VariantName, JitStats>>;
}

export interface EngineHooks {
  /** Made after the core, which it calls; so it is asked for late. */
  link: () => CoreLink;
  /** A recorder completed a batch, or has no room (see src/core/trace/recorder.ts); 1 when room was made. */
  traceNotify: (recorder: number, event: number) => number;
  /** Translations with probes; see core/env.ts for the functions of the same names. */
  probeTranslate(slot: number): number;
  probePage(slots: number, page: bigint): number;
  probeEvent(event: number, a: bigint, b: bigint, c: number, d: number): void;
  probeInvalidate(ppn: number, offset: number, size: number): void;
  probeFind(slot: number, page: bigint): ProbedBlock | undefined;
  /** Dispatchers by their index in the table; JIT modules import them by that. */
  readonly dispatchers: WebAssembly.ModuleImports;
  readonly harts: number;
  /** Makes regions of a variant elsewhere; without it that is done here, when the guest asks for them. */
  readonly compiler?: CompilerSource | undefined;
}
/** Where a machine gets the compiler of one of its tiers from. */
export type CompilerSource = (memory: WebAssembly.Memory, tier: string) => RegionCompiler;

interface Tier {
  enter: CallableFunction;
  jit: Jit | undefined;
}

/** Instantiates core and interpreter on a session's memory. */
export function createEngine(
  memory: WebAssembly.Memory,
  modules: MachineModules,
  settings: EngineSettings,
  hooks: EngineHooks,
): Engine {
  let invalidate: (ppn: number, offset: number, size: number) => void = () => {};
  const entry = new WebAssembly.Table({ initial: 1, element: "anyfunc" });
  const core = new WebAssembly.Instance(modules.core, {
    env: {
      memory,
      table: entry,
      io_read: (region: number, offset: number, size: number) => hooks.link().ioRead(region, offset, size),
      io_write: (region: number, offset: number, size: number) => hooks.link().ioWrite(region, offset, size),
      code_invalidate: (ppn: number, offset: number, size: number) => invalidate(ppn, offset, size),
      trace_notify: hooks.traceNotify,
      probe_translate: (slot: number) => hooks.probeTranslate(slot),
      probe_page: (slots: number, page: bigint) => hooks.probePage(slots, page),
      probe_event: (event: number, a: bigint, b: bigint, c: number, d: number) => hooks.probeEvent(event, a, b, c, d),
    },
  }).exports as unknown as Engine["core"];
  const slots = new SlotWriter(memory);
  const view = new DataView(memory.buffer);
  const tiers = new Map<VariantName, Tier>();
  const regions = new RegionTable();
  /** While blocks run with probes: what runs the pages that no plugin is interested in. */
  let quiet: Jit | undefined;
  const quietly = (): Placing => (view.getUint32(PROBE_PAGES, true) !== 0 ? "quiet" : "none");
  const isQuiet = (slots: number): boolean => view.getUint32(slots + SLOT_PAGE_INTEREST, true) === INTEREST_NONE;
  const tier = (variant: VariantName): Tier => {
    let made = tiers.get(variant);
    if (!made) {
      let jit: Jit | undefined;
      const table = new WebAssembly.Table({ initial: HANDLER_COUNT, element: "anyfunc" });
      const instance = new WebAssembly.Instance(modules[variant], {
        env: {
          memory,
          table,
          decode: (slot: number, bits: number, pageOffset: number) => slots.write(slot, bits, pageOffset),
          decode_straddling: (slot: number, page: number, bits: number) => {
            slots.writeStraddling(slot, page, bits);
            // no store into the page of the block that holds it may have told of the other half
            if (variant === "probe")
              hooks.probeInvalidate(view.getUint32(page + SLOT_PAGE_PPN, true), LAST_HALFWORD, 2);
          },
          hot: (slot: number) => {
            const mine = variant === "probe" && isQuiet(view.getUint32(PAGE_SLOTS, true)) ? quiet : jit;
            mine?.hot(slot);
          },
        },
        core: core as unknown as WebAssembly.ModuleImports,
      });
      regions.add(table);
      // fetches are the interpreter's to record
      if (settings.jit && variant !== "fetch") {
        const probes = variant === "probe" ? { harts: hooks.harts, find: hooks.probeFind } : undefined;
        // translations with probes are this thread's
        const remote = probes ? undefined : hooks.compiler?.(memory, variant);
        jit = new Jit(
          {
            memory,
            regions,
            slots,
            core: core as unknown as WebAssembly.ModuleImports,
            plugin: probes ? hooks.dispatchers : {},
            compiler: remote ?? new LocalCompiler(memory, probes),
            background: remote !== undefined,
          },
          { ...JIT_DEFAULTS, batch: probes ? Math.min(settings.batch, PROBED_BATCH) : settings.batch },
        );
      }
      made = { enter: instance.exports.enter as CallableFunction, jit };
      tiers.set(variant, made);
    }
    return made;
  };
  const select = (recorded: RecordedVariant, probed: boolean): void => {
    const chosen = tier(probed ? "probe" : recorded);
    const below = tier(recorded).jit;
    quiet = probed ? below : undefined;
    for (const { jit } of tiers.values()) {
      if (!jit || jit === chosen.jit) continue;
      // what has been hot there is hot here
      if (jit.placing === "all") chosen.jit?.expect(jit.entries());
      if (jit !== quiet) jit.placing = "none";
    }
    if (below && recorded === "memory") below.plan = planTrace(view);
    if (chosen.jit) {
      if (probed) chosen.jit.plan = view.getUint32(TRACE_ACTIVE, true) !== 0 ? planTrace(view) : undefined;
      const fetches = probed && ((core.trace_kinds as unknown as () => number)() >>> KIND_FETCH) & 1;
      chosen.jit.placing = fetches ? "none" : "all";
    }
    if (quiet) quiet.placing = quietly();
    view.setUint32(PROBE_ON, probed ? 1 : 0, true);
    entry.set(0, chosen.enter);
  };
  invalidate = (ppn, offset, size) => {
    for (const { jit } of tiers.values()) jit?.invalidate(ppn, offset, size);
    hooks.probeInvalidate(ppn, offset, size);
  };
  view.setUint32(HOT_THRESHOLD, settings.hotThreshold, true);
  select("plain", false);
  const jitStats = (): Partial<Record<VariantName, JitStats>> => {
    const stats: Partial<Record<VariantName, JitStats>> = {};
    for (const [variant, { jit }] of tiers) if (jit) stats[variant] = jit.stats;
    return stats;
  };
  const collect = (): void => {
    for (const { jit } of tiers.values()) jit?.collect();
  };
  const forgetProbed = (ppn: number, first: number, last: number): void =>
    tiers.get("probe")?.jit?.forget(ppn, first, last);
  const interestChanged = (ppn?: number): void => {
    if (!quiet) return;
    quiet.placing = quietly();
    quiet.place(ppn);
    tiers.get("probe")?.jit?.place(ppn);
  };
  return { core, table: entry, select, forgetProbed, interestChanged, collect, jitStats };
}
