// The core's exports that TypeScript calls, typed, and how core and interpreter are put together.
import type { CoreLink } from "../bus/core-link.js";
import { HANDLER_COUNT } from "../engine/handlers.js";
import { generateInterpreter, type Variant } from "../engine/interpreter.js";
import { SlotWriter } from "../engine/slots.js";

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
  plain: { memory: false, fetch: false },
  memory: { memory: true, fetch: false },
  fetch: { memory: true, fetch: true },
} as const satisfies Record<string, Variant>;
export type VariantName = keyof typeof VARIANTS;

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
  /** Chooses the interpreter variant that runs from the next slice on. */
  select(variant: VariantName): void;
}

export interface EngineHooks {
  /** Made after the core, which it calls; so it is asked for late. */
  link: () => CoreLink;
  /** A recorder completed a batch, or has no room (see src/core/trace/recorder.ts); 1 when room was made. */
  traceNotify: (recorder: number, event: number) => number;
}

/** Instantiates core and interpreter on a session's memory. */
export function createEngine(memory: WebAssembly.Memory, modules: MachineModules, hooks: EngineHooks): Engine {
  const entry = new WebAssembly.Table({ initial: 1, element: "anyfunc" });
  const core = new WebAssembly.Instance(modules.core, {
    env: {
      memory,
      table: entry,
      io_read: (region: number, offset: number, size: number) => hooks.link().ioRead(region, offset, size),
      io_write: (region: number, offset: number, size: number) => hooks.link().ioWrite(region, offset, size),
      code_invalidate: () => {},
      trace_notify: hooks.traceNotify,
    },
  }).exports as unknown as Engine["core"];
  const slots = new SlotWriter(memory);
  const entries = new Map<VariantName, CallableFunction>();
  const select = (variant: VariantName): void => {
    let enter = entries.get(variant);
    if (!enter) {
      const table = new WebAssembly.Table({ initial: HANDLER_COUNT, element: "anyfunc" });
      const instance = new WebAssembly.Instance(modules[variant], {
        env: {
          memory,
          table,
          decode: (slot: number, bits: number, pageOffset: number) => slots.write(slot, bits, pageOffset),
          hot: () => {},
          decode_straddling: (slot: number, page: number, bits: number) => slots.writeStraddling(slot, page, bits),
        },
        core: core as unknown as WebAssembly.ModuleImports,
      });
      enter = instance.exports.enter as CallableFunction;
      entries.set(variant, enter);
    }
    entry.set(0, enter);
  };
  select("plain");
  return { core, select };
}
