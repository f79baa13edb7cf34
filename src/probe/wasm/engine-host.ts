// What a Wasm plugin needs of the plugin manager besides PluginHost: places for its functions in the machine's function
// table, copies of its counters in the machine's memory, and the core's own functions as imports, so that neither its
// callbacks nor what they ask about an access go through JavaScript. One object for each attached plugin.
import type { CounterPlace } from "../../engine/probe-ops.js";
import type { PluginHost } from "../plugin.js";

/** Exports that preparation adds to a plugin's module (see prepare.ts). */
export interface PluginModule {
  readonly memory: WebAssembly.Memory;
  /** (fn i32, hart i32, tag i32); calls cb(hart, tag). `fn` as given in ops: table index and flags in one. */
  readonly exec: (fn: number, hart: number, tag: number) => void;
  /** (fn i32, hart i32, info i32, vaddr i64, tag i32); calls cb(hart, info, vaddr, tag). */
  readonly access: (fn: number, hart: number, info: number, vaddr: bigint, tag: number) => void;
  /** (address i32) -> i64 and (address i32, value i64), of the plugin's memory; addresses are checked when mirrored. */
  readonly peek64: (address: number) => bigint;
  readonly poke64: (address: number, value: bigint) => void;
}

export interface EngineHost extends PluginHost {
  /** Number of the plugin's slot: what CallTarget.slot says. */
  readonly slotNumber: number;
  /** The machine's memory: registers of the hart that runs are read from it. */
  readonly machineMemory: WebAssembly.Memory;
  /**
   * One function for each entry of IMPORTS (imports.ts) that is answered by the core, by its name there and with exactly its
   * Wasm signature. They answer for the access whose callback runs, in `walk` and `dma` listeners for that event;
   * `get_hwaddr` is 0 outside of these. Exports of a Wasm instance, so that the engine links them without JavaScript.
   */
  readonly coreImports: Readonly<Record<string, (...args: never[]) => unknown>>;

  /** Puts the dispatchers into the core's function table, once, right after instantiation. The manager frees the places at detach. */
  registerDispatchers(module: PluginModule): { exec: number; access: number };
  /** Name under which generated code finds the function. The manager forgets it at detach. */
  bind(body: CallableFunction): string;
  /**
   * A u64 per hart in the machine's memory that stands for those of the plugin's memory at address + hart * stride (all harts
   * the same for stride 0), with their present values. The same place for the same address. From then on the manager copies
   * machine memory to plugin memory before, and back after, each call whose op is `synced`.
   * @throws RangeError when the memory for probes is used up
   */
  mirror(address: number, stride: number): CounterPlace;
  /** Forgets the mirrors inside the range; ops that use them are not among those translated later. */
  dropMirrors(address: number, bytes: number): void;
  /** The same copying, for calls that do not come from generated code: machine to plugin, and plugin to machine. */
  pullMirrors(): void;
  pushMirrors(): void;

  /** Hart in whose callback or listener this is; 0 outside. */
  currentHart(): number;
  /** Address in the machine's memory of a register kept there as a plain u64 (x, f, pc) of the hart that runs, else undefined. */
  registerAddress(name: string): number | undefined;
  hartInstructions(hart: number): bigint;
  /** Name of the function that covers the address, as QEMU knows them; `symbol` knows labels and data as well. */
  functionAt(vaddr: bigint): string | undefined;
  /** As in the memory tree; undefined for ids that were never given out. */
  regionName(id: number): string | undefined;
  deviceName(id: number): string | undefined;
  /** Ids for `Place`. */
  regionId(name: string): number;
  deviceId(name: string): number;

  /** Adds to the slot's filter, from install only; members that are given already become unions. */
  addFilter(filter: {
    pc?: [bigint, bigint][];
    vaddr?: [bigint, bigint][];
    paddr?: [bigint, bigint][];
    region?: string[];
    device?: string[];
    io?: boolean;
  }): void;
  /** Runs the action as soon as no callback of any plugin is running and the machine stands between two instructions. */
  defer(action: () => void): void;
  /** Detaches this plugin as the API would; from `defer` only. */
  detachSelf(): void;
  /** Makes the hart that runs go on at the address and ends the callback in hand by throwing what the manager's catch knows. */
  setPc(vaddr: bigint): never;
}
