// The machine's side of plugins: turns blocks with probes on and off, keeps the plugins' functions in the core's table, hands
// events on, and puts the machine right after a plugin's function has trapped in the middle of generated code.
import * as L from "../core/layout.js";
import type { BlockProbes, ProbedBlock } from "../engine/probe-ops.js";
import { Probes, type ProbesCore, type RawBlock } from "../engine/probes.js";
import { ModuleBuilder } from "../wasm/module.js";
import { I32, I64 } from "../wasm/opcodes.js";
import { Arena } from "./arena.js";
import type { MemoryMap } from "./memory-map.js";

/** What the plugin manager does for the machine. */
export interface ProbeClient {
  /** What is wanted in a block; the same object as before says that nothing has changed. */
  instrument(block: RawBlock): BlockProbes;
  /**
   * Tells of a virtual page whether anybody wants to know of code in it; undefined when that is all pages. Asked before blocks are,
   * each time that interests may have changed.
   */
  interests(): ((page: bigint) => boolean) | undefined;
  /** The block's code was written, or all blocks go. */
  dropped(block: RawBlock | undefined): void;
  event(event: number, a: bigint, b: bigint, c: number, d: number): void;
  /** A function of the plugin in `slot` threw. `resume`: the other probes of the instruction run. */
  broken(slot: number, error: unknown): "resume" | "abandon";
  /** The machine stands between two instructions, after requestSafePoint(). */
  safePoint(): void;
}

export type Signature = "exec" | "access" | "peek" | "poke";
const SIGNATURES = {
  exec: { params: [I32, I32, I32], results: [] },
  access: { params: [I32, I32, I32, I64, I32], results: [] },
  peek: { params: [I32], results: [I64] },
  poke: { params: [I32, I64], results: [] },
} as const;

interface ProbeCore extends ProbesCore {
  probe_recover(): number;
  probe_resume(op: number): void;
  probe_pages_changed(): void;
}

export interface ProbesEngine {
  readonly core: object;
  readonly table: WebAssembly.Table;
  /** Compiled code over these bytes of a physical page goes; -1: all of it. */
  forgetProbed(ppn: number, first: number, last: number): void;
  /** SLOT_PAGE_INTEREST of a physical page (undefined: of all) is another now. */
  interestChanged(ppn?: number): void;
}

export class MachineProbes {
  /** Counters and buffers of plugins. */
  readonly data: Arena;
  readonly dispatchers: Record<string, CallableFunction> = Object.create(null);
  /** The guest runs: a hart may be inside any block, and a plugin may be being called. */
  running = false;
  readonly #memory: WebAssembly.Memory;
  readonly #view: DataView;
  readonly #words: Int32Array;
  readonly #map: MemoryMap;
  #engine!: ProbesEngine;
  #blocks: Probes | undefined;
  #client: ProbeClient | undefined;
  #on = false;
  #interests: ((page: bigint) => boolean) | undefined;
  readonly #changed: () => void;
  readonly #free: number[] = [];
  readonly #nothing = new Map<Signature, CallableFunction>();

  /** @param changed `on` is another now */
  constructor(map: MemoryMap, changed: () => void) {
    this.#map = map;
    this.#memory = map.memory;
    this.#view = new DataView(map.memory.buffer);
    this.#words = new Int32Array(map.memory.buffer);
    this.#changed = changed;
    this.data = new Arena(map.probeData);
  }

  /** Engine and probes need each other; the engine is made second. */
  connect(engine: ProbesEngine): void {
    this.#engine = engine;
  }

  /** Whether blocks run with probes. */
  get on(): boolean {
    return this.#on;
  }

  /** @throws Error when there is a client already */
  attach(client: ProbeClient): void {
    if (this.#client) throw new Error("the machine has a plugin manager");
    this.#client = client;
    const slots = this.data.take(L.MAX_PROBE_SLOTS * L.PROBE_SLOT_SIZE);
    if (slots === undefined) throw new Error("no memory for plugin slots");
    this.#view.setUint32(L.PROBE_SLOTS, slots, true);
  }

  /** Begins or ends running with probes. Between two runs, or at a safe point. */
  set on(on: boolean) {
    if (on === this.#on) return;
    this.#on = on;
    if (on) {
      this.#blocks ??= new Probes(this.#memory, this.#engine.core as unknown as ProbeCore, this.#map.probeBlocks, {
        instrument: (block) => (this.#client as ProbeClient).instrument(block),
        dropped: (block) => {
          // compiled code names ops of records that are gone
          if (block === undefined) this.#engine.forgetProbed(-1, 0, 0);
          this.#client?.dropped(block);
        },
        changed: ({ frame, instructions }) => {
          const offsets = instructions.map((i) => i.offset);
          this.#engine.forgetProbed(frame / 4096, offsets[0] as number, (offsets.at(-1) as number) + 3);
        },
      });
    } else {
      this.#eachHart((hart) => this.#view.setUint32(hart + L.PROBE_LEFT - L.STATE, 0, true));
      this.#eachHart((hart) => this.#view.setUint32(hart + L.PROBE_DONE - L.STATE, 0, true));
      this.clear();
    }
    this.#askInterests();
    this.#changed();
  }

  /** Asks the client anew about each block. */
  refresh(): void {
    if (!this.#on) return;
    this.#askInterests();
    this.#blocks?.refresh();
  }

  #askInterests(): void {
    const before = this.#interests;
    this.#interests = this.#on ? this.#client?.interests() : undefined;
    if (!before && !this.#interests) return;
    this.#view.setUint32(L.PROBE_PAGES, this.#interests ? 1 : 0, true);
    // regions that ran in pages without interest go before these are known again
    (this.#engine.core as unknown as ProbeCore).probe_pages_changed();
    this.#engine.interestChanged();
  }

  /** Has all blocks translated anew. */
  clear(): void {
    this.#blocks?.clear();
    this.#engine.forgetProbed(-1, 0, 0);
  }

  /** Bit set of EVENT_* to be told of. */
  set events(mask: number) {
    this.#view.setUint32(L.PROBE_EVENTS, mask, true);
  }

  get events(): number {
    return this.#view.getUint32(L.PROBE_EVENTS, true);
  }

  /** Places of the core's table, taken or free to be taken again. */
  get places(): number {
    return this.#engine.table.length;
  }

  get blockCount(): number {
    return this.#blocks?.size ?? 0;
  }

  // --- dispatchers ----------------------------------------------------------------------------------
  /** Puts a function into the core's table; a JavaScript one through a module that exports what it imports. */
  place(signature: Signature, body: CallableFunction, wasm: boolean): number {
    const { table } = this.#engine;
    const index = this.#free.pop() ?? table.grow(1);
    table.set(index, wasm ? body : asWasm(signature, body));
    this.dispatchers[index] = body;
    return index;
  }

  /** What calls the function from now on does nothing; the place stays taken. */
  silence(index: number, signature: Signature): void {
    let nothing = this.#nothing.get(signature);
    if (!nothing) {
      nothing = asWasm(signature, signature === "peek" ? () => 0n : () => {});
      this.#nothing.set(signature, nothing);
    }
    this.#engine.table.set(index, nothing);
    this.dispatchers[index] = nothing;
  }

  /** Gives the place back: no probe refers to it any more. */
  release(index: number): void {
    delete this.dispatchers[index];
    this.#free.push(index);
  }

  // --- while the guest runs -------------------------------------------------------------------------
  translate(slot: number): number {
    return (this.#blocks as Probes).translate(slot);
  }
  /**
   * See probe_page() of core/env.ts. A page is without interest while that is true of all addresses it has been fetched from: compiled
   * code does not look at them.
   */
  page(slots: number, page: bigint): number {
    const at = slots + L.SLOT_PAGE_INTEREST;
    const known = this.#view.getUint32(at, true);
    const none = known !== L.INTEREST_SOME && this.#interests?.(BigInt.asUintN(64, page)) === false;
    const interest = none ? L.INTEREST_NONE : L.INTEREST_SOME;
    if (interest !== known) {
      this.#view.setUint32(at, interest, true);
      const ppn = this.#view.getUint32(slots + L.SLOT_PAGE_PPN, true);
      if (none) this.#engine.forgetProbed(ppn, 0, 4095);
      this.#engine.interestChanged(ppn);
    }
    return none ? 1 : 0;
  }
  find(slot: number, page: bigint): ProbedBlock | undefined {
    return this.#blocks?.find(slot, page);
  }
  invalidate(ppn: number, offset: number, size: number): void {
    this.#blocks?.invalidate(ppn, offset, size);
  }
  event(event: number, a: bigint, b: bigint, c: number, d: number): void {
    this.#client?.event(event, a, b, c, d);
  }

  /** The machine is to come to safePoint() before the next instruction. */
  requestSafePoint(): void {
    Atomics.or(this.#words, L.EXIT_REQUEST >> 2, L.EXIT_PROBE);
  }
  safePoint(): void {
    this.#client?.safePoint();
  }

  /** The op whose plugin is being called, 0 outside. */
  get cursor(): number {
    return this.#view.getUint32(L.PROBE_CURSOR, true);
  }

  /** core.run() threw. Puts the machine between two instructions when a plugin did it. @throws what it was given otherwise */
  recover(error: unknown): void {
    const core = this.#engine.core as unknown as ProbeCore;
    for (let thrown = error; ; ) {
      if (this.cursor === 0 || !this.#client) throw thrown;
      const slot = this.#view.getUint32(this.cursor + L.OP_SLOT, true);
      const op = core.probe_recover();
      if (this.#client.broken(slot, thrown) === "abandon") return;
      try {
        core.probe_resume(op);
        return;
      } catch (another) {
        thrown = another;
      }
    }
  }

  #eachHart(each: (hart: number) => void): void {
    const harts = this.#view.getUint32(L.HART_COUNT, true);
    for (let h = 0; h < harts; h++) each((this.#engine.core as unknown as ProbesCore).hart_address(h));
  }
}

function asWasm(signature: Signature, body: CallableFunction): CallableFunction {
  const module = new ModuleBuilder();
  const index = module.importFunction("e", "f", {
    params: [...SIGNATURES[signature].params],
    results: [...SIGNATURES[signature].results],
  });
  module.exportFunction("f", index);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    e: { f: body as WebAssembly.ImportValue },
  });
  return exports["f"] as CallableFunction;
}
