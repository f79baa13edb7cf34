// A Wasm plugin attached to a machine: its module's instance, the calls into it and what it has registered. Each call gets
// fuel and says what it is for; whatever is thrown comes out as a WasmPluginFailed that a report can be made of. Callbacks
// from generated code do not come through here: these are the module's own dispatchers (prepare.ts).
//
// Calls may nest (a callback writes memory, which drops a translation, which is an event): counters are copied around the
// outermost only, since an inner copy would undo what the callback has changed.
import type { LeafTarget } from "../../engine/probe-ops.js";
import type { Block, Plugin } from "../plugin.js";
import { PluginOptionError } from "../plugin.js";
import type { EngineHost } from "./engine-host.js";
import { BlockHandles } from "./handles.js";
import { makeImports } from "./host-functions.js";
import { EXPORTS, IMPORT_MODULE, NEWEST_VERSION, OLDEST_VERSION } from "./imports.js";
import { signatureText } from "./letters.js";
import { PluginMemory } from "./memory.js";
import { ADDED, IN_CALLBACK, type PreparedInfo } from "./prepare.js";
import { ProbeMaker } from "./probes.js";
import { explain, PluginMisuse, type WasmFailure, WasmPluginFailed } from "./report.js";
import { Wasi } from "./wasi.js";
import { WASI_MODULE } from "./wasi-functions.js";

/** What a callback may do with registers: QEMU's flags. */
export const NO_REGISTERS = 0;
export const MAY_READ = 1;
export const MAY_WRITE = 2;
export const MAY_SET_PC = 3;

export interface InstanceLimits {
  /** Units of fuel for install, results and exit. */
  lifecycleFuel: number;
  fileBytes: number;
  files: number;
  resultBytes: number;
}

export const INSTANCE_LIMITS: InstanceLimits = {
  lifecycleFuel: 500_000_000,
  fileBytes: 16 << 20,
  files: 256,
  resultBytes: 16 << 20,
};

type Fuel = "lifecycle" | "event" | "translate";
/** A number of harts and their handles, as C passes them. */
export type Arguments = readonly (number | bigint)[];
type WasmFunction = (...args: (number | bigint)[]) => unknown;

export class WasmPlugin implements Plugin {
  readonly host: EngineHost;
  readonly info: PreparedInfo;
  readonly limits: InstanceLimits;
  readonly memory: PluginMemory;
  readonly handles = new BlockHandles();
  readonly probes: ProbeMaker;
  readonly id: bigint;
  /** Functions that are called for events, by import that registered them. */
  readonly #callbacks = new Map<string, { fn: WasmFunction; letters: string; userdata: number; end: () => void }>();
  readonly #leaves = new Map<number, LeafTarget>();
  readonly #instance: WebAssembly.Instance;
  readonly #names: ReadonlyMap<number, string>;
  readonly #fuel: WebAssembly.Global<"i64">;
  readonly #mode: WebAssembly.Global<"i32">;
  readonly #wasi: Wasi;
  #doing = "callback";
  #depth = 0;
  #installing = true;
  /** It has uninstalled itself or failed: no exit callback then. */
  #gone = false;
  /** The machine has ended, and it has been told. */
  #exited = false;
  #result: unknown = null;

  /** Instantiates and installs it. @throws WasmPluginFailed, PluginOptionError */
  constructor(
    host: EngineHost,
    module: WebAssembly.Module,
    info: PreparedInfo,
    args: Readonly<Record<string, unknown>>,
    limits: InstanceLimits = INSTANCE_LIMITS,
  ) {
    const argv = argumentStrings(args);
    this.host = host;
    this.info = info;
    this.limits = limits;
    this.id = BigInt(host.slotNumber + 1);
    this.#names = new Map(info.names);
    this.#wasi = new Wasi(host, () => this.memory, limits);
    const functions = makeImports(this);
    const used: Record<string, WebAssembly.ImportValue> = {};
    for (const name of info.imports) {
      used[name] = (functions[name] ?? host.coreImports[name]) as WebAssembly.ImportValue;
    }
    this.#instance = this.#instantiate(module, {
      [IMPORT_MODULE]: used,
      [WASI_MODULE]: this.#wasi.functions as WebAssembly.ModuleImports,
    });
    const exports = this.#instance.exports;
    this.#fuel = exports[ADDED.fuel] as WebAssembly.Global<"i64">;
    this.#mode = exports[ADDED.mode] as WebAssembly.Global<"i32">;
    const memory = exports[ADDED.memory] as WebAssembly.Memory;
    this.memory = new PluginMemory(memory, (units) => this.#pay(units));
    this.probes = new ProbeMaker(this);
    if (info.hasTable) {
      const [exec, access] = [exports[ADDED.exec], exports[ADDED.access]];
      this.probes.dispatchers = host.registerDispatchers({
        memory,
        exec: exec as (fn: number, hart: number, tag: number) => void,
        access: access as (fn: number, hart: number, info: number, vaddr: bigint, tag: number) => void,
        peek64: exports[ADDED.peek64] as (address: number) => bigint,
        poke64: exports[ADDED.poke64] as (address: number, value: bigint) => void,
      });
    }
    this.#install(argv);
    this.#installing = false;
    this.#fuel.value = BigInt(info.limits.burstFuel);
  }

  #instantiate(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance {
    try {
      return new WebAssembly.Instance(module, imports);
    } catch (error) {
      const circumstances = {
        doing: "instantiation",
        outOfFuel: false,
        memory: { size: 0, most: 1 },
        names: this.#names,
      };
      throw new WasmPluginFailed(explain(error, circumstances), error);
    }
  }

  #install(argv: readonly string[]): void {
    if (this.info.hasStart) this.#call("start", this.#export(ADDED.start), "lifecycle", NO_REGISTERS, []);
    const initialize = this.#instance.exports[EXPORTS.initialize];
    if (initialize) this.#call("_initialize", initialize as WasmFunction, "lifecycle", NO_REGISTERS, []);
    const { info, argc, list } = this.#placeArguments(argv);
    const install = this.#export(EXPORTS.install);
    const status = this.#call("install", install, "lifecycle", NO_REGISTERS, [this.id, info, argc, list]);
    if (status !== 0) {
      const failure = {
        cause: "exception",
        message: `${EXPORTS.install} returned ${status}`,
        where: "install",
      } as const;
      throw new WasmPluginFailed(failure, undefined);
    }
  }

  #export(name: string): WasmFunction {
    return this.#instance.exports[name] as WasmFunction;
  }

  /** qemu_info_t and argv, as C sees them on wasm32. */
  #placeArguments(argv: readonly string[]): { info: number; argc: number; list: number } {
    const encoder = new TextEncoder();
    const strings = ["riscv64", ...argv].map((text) => encoder.encode(`${text}\0`));
    const INFO = 24;
    const listBytes = 4 * (argv.length + 1);
    const bytes = strings.reduce((sum, { length }) => sum + length, INFO + listBytes);
    const allocate = this.#export(this.info.allocator);
    const info = (this.#call("allocation of arguments", allocate, "lifecycle", NO_REGISTERS, [bytes]) as number) >>> 0;
    if (info === 0) throw this.failure("install", new PluginMisuse(`${this.info.allocator} has no ${bytes} bytes`));
    try {
      const list = info + INFO;
      let at = list + listBytes;
      const places = strings.map((text) => {
        this.memory.write(at, text);
        at += text.length;
        return at - text.length;
      });
      const fields = [places[0] as number, OLDEST_VERSION, NEWEST_VERSION, 1, this.host.harts, this.host.harts];
      fields.forEach((value, i) => void this.memory.u32(info + 4 * i, value));
      places.slice(1).forEach((place, i) => void this.memory.u32(list + 4 * i, place));
      this.memory.u32(list + 4 * argv.length, 0);
      return { info, argc: argv.length, list };
    } catch (error) {
      throw this.failure("install", error);
    }
  }

  // ---- calls

  /** @throws WasmPluginFailed */
  #call(doing: string, fn: WasmFunction, fuel: Fuel, registers: number, args: Arguments): unknown {
    const { callbackFuel, burstFuel } = this.info.limits;
    const mode = this.#mode.value;
    const saved = this.#fuel.value;
    const outermost = mode === 0;
    const doingBefore = this.#doing;
    if (fuel === "lifecycle") this.#fuel.value = BigInt(this.limits.lifecycleFuel);
    else {
      const more = saved + BigInt(fuel === "translate" ? 10 * callbackFuel : callbackFuel);
      this.#fuel.value = more < BigInt(burstFuel) ? more : BigInt(burstFuel);
    }
    this.#mode.value = IN_CALLBACK | registers;
    this.#doing = doing;
    const copied = outermost && this.probes.copyAround(fuel === "translate");
    try {
      if (copied) this.host.pullMirrors();
      this.#depth++;
      const result = fn(...args);
      this.#depth--;
      if (copied) this.host.pushMirrors();
      this.#mode.value = mode;
      if (fuel === "lifecycle") this.#fuel.value = saved;
      this.#doing = doingBefore;
      return result;
    } catch (error) {
      this.#depth--;
      throw this.failure(doing, error);
    }
  }

  #pay(units: number): void {
    this.#fuel.value -= BigInt(units);
    if (this.#fuel.value < 0n) throw new PluginMisuse("out of fuel");
  }

  failure(doing: string, error: unknown): WasmPluginFailed {
    this.#gone = true;
    if (error instanceof WasmPluginFailed) return error;
    return new WasmPluginFailed(this.#explain(doing, error), error);
  }

  /** What to report of an exception that came out of generated code while a callback of this plugin ran. */
  explain(error: unknown): WasmFailure {
    this.#gone = true;
    return this.#explain(this.#depth > 0 ? this.#doing : "callback", error);
  }

  #explain(doing: string, error: unknown): WasmFailure {
    const outOfFuel = this.#fuel !== undefined && this.#fuel.value < 0n;
    const most = this.info.memoryPages.max * 65536;
    return explain(error, { doing, outOfFuel, memory: { size: this.memoryBytes(), most }, names: this.#names });
  }

  memoryBytes(): number {
    return this.memory?.size ?? 0;
  }

  /** What the callback that runs may do with registers; NO_REGISTERS outside of any. */
  get registerRights(): number {
    return this.#mode.value & ~IN_CALLBACK;
  }

  /** Whether it wants to know of translated blocks. */
  get translates(): boolean {
    return this.#callbacks.has("register_vcpu_tb_trans_cb");
  }

  get installing(): boolean {
    return this.#installing;
  }

  /** Before an exception that is no failure leaves the plugin. */
  leaveCallback(): void {
    this.#mode.value = 0;
  }

  // ---- functions of the plugin

  /** What compiled code may call for a function of the table, instead of the dispatcher. */
  leaf(fn: WasmFunction): LeafTarget | undefined {
    const index = Number(fn.name);
    const known = this.#leaves.get(index);
    if (known) return known;
    const leaf = this.info.leaves.find((one) => one.function === index);
    if (!leaf) return undefined;
    const target = { name: this.host.bind(this.#export(leaf.name)), fields: leaf.fields };
    this.#leaves.set(index, target);
    return target;
  }

  /** Table entry for a registration, of one of the types. @throws PluginMisuse */
  callback(name: string, index: number, types: readonly string[]): { fn: WasmFunction; letters: string } {
    const table = this.#instance.exports[ADDED.table] as WebAssembly.Table | undefined;
    const at = index >>> 0;
    const fn = table && at < table.length ? (table.get(at) as WasmFunction | null) : null;
    if (!fn) throw new PluginMisuse(`${name}: ${at} is not a function`);
    // the name of a function that comes out of a module is its index there
    const letters = this.info.signatures[Number(fn.name)] ?? "";
    if (!types.includes(letters)) {
      const expected = types.map(signatureText).join(" or ");
      throw new PluginMisuse(`${name}: the callback has the type ${signatureText(letters)} instead of ${expected}`);
    }
    return { fn, letters };
  }

  /**
   * For C, where functions are called under other types than their own: `(GFunc)g_free` takes an argument less than it
   * gets. -1 where there is no function of 32-bit integers.
   */
  shapeOf(index: number): number {
    const table = this.#instance.exports[ADDED.table] as WebAssembly.Table | undefined;
    const at = index >>> 0;
    const fn = table && at < table.length ? (table.get(at) as WasmFunction | null) : null;
    const [, params, results] = /^(i*)>(i?)$/.exec((fn && this.info.signatures[Number(fn.name)]) ?? "") ?? [];
    return params === undefined ? -1 : params.length | (results ? 0x100 : 0);
  }

  /** Sets, replaces or (index 0) ends what an import registers. `listen` begins to call it and returns what ends that. */
  register(name: string, index: number, userdata: number, types: readonly string[], listen: () => () => void): void {
    const old = this.#callbacks.get(name);
    const found = index === 0 ? undefined : this.callback(name, index, types);
    old?.end();
    this.#callbacks.delete(name);
    if (found) this.#callbacks.set(name, { ...found, userdata, end: listen() });
  }

  /** Calls what is registered under the name, with the arguments its type asks for. */
  notify(
    name: string,
    registers: number,
    args: (letters: string, userdata: number) => Arguments,
    fuel: Fuel = "event",
  ): void {
    const found = this.#callbacks.get(name);
    if (found) this.#call(label(name), found.fn, fuel, registers, args(found.letters, found.userdata));
  }

  /** Calls a function of the plugin that is not kept under a name. */
  invoke(doing: string, fn: WasmFunction, args: Arguments): void {
    this.#call(doing, fn, "event", NO_REGISTERS, args);
  }

  /**
   * A run slice has ended: what one call may use is there again. A plugin whose rare calls do much (one that writes a table
   * after each million instructions) would otherwise run out of what its calls bring.
   */
  rest(): void {
    this.#fuel.value = BigInt(this.info.limits.burstFuel);
  }

  /** QEMU's reset: all registrations and probes go, then `done` is called. */
  drop(): void {
    for (const { end } of this.#callbacks.values()) end();
    this.#callbacks.clear();
    this.host.retranslate();
  }

  // ---- Plugin

  translate(block: Block): void {
    const handle = this.handles.open(block);
    try {
      this.notify(
        "register_vcpu_tb_trans_cb",
        NO_REGISTERS,
        (letters, userdata) => (letters === "Ii>" ? [this.id, handle] : [handle, userdata]),
        "translate",
      );
    } finally {
      this.handles.close();
      this.probes.blockDone();
    }
  }

  results(): unknown {
    this.notify("emu_register_results_cb", NO_REGISTERS, (_, userdata) => [userdata], "lifecycle");
    this.#wasi.offerFiles();
    return this.#result;
  }

  setResult(value: unknown): void {
    this.#result = value;
  }

  reset(): void {
    this.#exited = false;
    this.notify("emu_register_reset_cb", NO_REGISTERS, (_, userdata) => [userdata], "lifecycle");
  }

  /** QEMU's exit callbacks, once for each time the machine ends. */
  halted(): void {
    if (this.#gone || this.#exited) return;
    this.#exited = true;
    this.notify(
      "register_atexit_cb",
      NO_REGISTERS,
      (letters, userdata) => (letters === "Ii>" ? [this.id, userdata] : [userdata]),
      "lifecycle",
    );
    this.#wasi.offerFiles();
  }

  uninstall(): void {
    this.halted();
    this.#gone = true;
    for (const { end } of this.#callbacks.values()) end();
    this.#callbacks.clear();
    this.#wasi.offerFiles();
  }

  /** The plugin has asked to be taken away. */
  uninstalled(): void {
    this.#gone = true;
  }
}

/** What a registration is for, in reports. */
function label(name: string): string {
  return name.replace(/^(emu_)?register_(vcpu_)?/, "").replace(/_cb$/, " callback");
}

/** Arguments of a request as QEMU gives them to plugins. @throws PluginOptionError */
function argumentStrings(args: Readonly<Record<string, unknown>>): string[] {
  const strings: string[] = [];
  for (const [name, value] of Object.entries(args)) {
    if (/[=\0]/.test(name)) throw new PluginOptionError(name, "a name without =");
    for (const one of Array.isArray(value) ? value : [value]) {
      if (!["string", "number", "bigint", "boolean"].includes(typeof one)) {
        throw new PluginOptionError(name, "a string, number or boolean, or a list of these");
      }
      const text = typeof one === "boolean" ? (one ? "on" : "off") : String(one);
      if (text.includes("\0")) throw new PluginOptionError(name, "text without NUL");
      // `arg=inline` is the plain word, as for QEMU up to 6.0, whose plugins look for words
      strings.push(name === "arg" ? text : `${name}=${text}`);
    }
  }
  return strings;
}
