// The plugin manager of one machine: attaches plugins to slots, asks them about translated blocks and merges what they want,
// hands them events, and takes them away, on request or when they go wrong. A plugin's exception ends the plugin, never the
// machine.
import type { BlockProbes, ProbeOp } from "../engine/probe-ops.js";
import { NO_PROBES } from "../engine/probe-ops.js";
import type { RawBlock } from "../engine/probes.js";
import type { MachineApi } from "../machine/machine-api.js";
import type { ProbeClient } from "../machine/machine-probes.js";
import { AccessView } from "./access-view.js";
import { BlockView, NOTHING, type SlotProbes } from "./block-view.js";
import { BUILTIN_BY_NAME } from "./builtin/index.js";
import { EventDispatch } from "./events.js";
import { SlotFilter } from "./filter.js";
import type { GuestAccess } from "./guest.js";
import {
  type PluginArguments,
  PluginError,
  type PluginFailure,
  type PluginFilter,
  type PluginFinal,
  type PluginHooks,
  type PluginLimits,
  type PluginManagerApi,
  type PluginSlot,
  type PluginSnapshot,
  type PluginSource,
} from "./manager-api.js";
import { checkOptions } from "./options.js";
import { type Plugin, type PluginDefinition, PluginOptionError } from "./plugin.js";
import { Slot } from "./slot.js";
import { SlotHost, type SlotServices } from "./slot-host.js";
import { WasmPlugin } from "./wasm/instance.js";
import type { PreparedInfo } from "./wasm/prepare.js";
import { WasmPluginFailed } from "./wasm/report.js";
import { SetPc, WasmHost } from "./wasm-host.js";

const MAX_SLOTS = 64;
/** Of what a plugin said that could not be installed. */
const MAX_LAST_WORDS = 500;

export const DEFAULT_PLUGIN_LIMITS: PluginLimits = {
  outputBytes: 1 << 20,
  fileBytes: 16 << 20,
  probeBytes: 16 << 20,
};

interface Merged {
  readonly parts: readonly SlotProbes[];
  readonly probes: BlockProbes;
}

export class PluginManager implements PluginManagerApi {
  readonly #machine: MachineApi;
  readonly #guest: GuestAccess;
  readonly #hooks: PluginHooks;
  readonly #limits: PluginLimits;
  readonly #slots = new Map<string, Slot>();
  readonly #numbers: (Slot | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  readonly #merged = new Map<RawBlock, Merged>();
  readonly #access: AccessView;
  readonly #events: EventDispatch;
  readonly #services: SlotServices;
  #deferred: (() => void)[] = [];
  #timeControl: Slot | undefined;

  constructor(
    machine: MachineApi,
    guest: GuestAccess,
    hooks: PluginHooks,
    limits: PluginLimits = DEFAULT_PLUGIN_LIMITS,
  ) {
    this.#machine = machine;
    this.#guest = guest;
    this.#hooks = hooks;
    this.#limits = limits;
    this.#access = new AccessView(machine);
    this.#events = new EventDispatch(machine, this.#access, {
      slots: () => this.#slots.values(),
      fail: (slot, error) => this.#fail(slot, error, "event"),
    });
    this.#services = {
      machine,
      guest,
      access: this.#access,
      hooks,
      defer: (action) => this.#defer(action),
      fail: (slot, error, where) => this.#fail(slot, error, where),
      listenersChanged: () => this.#events.update(),
      takeTimeControl: (slot) => this.#takeTimeControl(slot),
      refresh: () => this.#refresh(),
    };
    const client: ProbeClient = {
      instrument: (block) => this.#instrument(block),
      interests: () => this.#interests(),
      dropped: (block) => this.#dropped(block),
      event: (event, a, b, c, d) => this.#events.engine(event, a, b, c, d),
      broken: (number, error) => this.#broken(number, error),
      safePoint: () => this.#safePoint(),
    };
    machine.probes.attach(client);
    machine.onReset(() => this.#reset());
  }

  // --- slots ----------------------------------------------------------------------------------------
  attach(id: string, source: PluginSource, args: PluginArguments, filter: PluginFilter): PluginSlot {
    this.#mustStand();
    if (this.#slots.has(id)) throw new PluginError("slot-exists", `a plugin is attached as ${id}`, { field: "id", id });
    const number = this.#numbers.indexOf(undefined);
    if (number < 0) {
      throw new PluginError("limit", `a session has ${MAX_SLOTS} plugin slots`, { limit: "slots", value: MAX_SLOTS });
    }
    const slot = new Slot(this.#machine, this.#limits, { id, number, source, args, filter });
    try {
      slot.filter = new SlotFilter(filter, this.#machine, (bytes) => slot.take(bytes));
      this.#numbers[number] = slot;
      this.#slots.set(id, slot);
      slot.plugin = this.#install(slot);
      if (typeof slot.plugin?.results !== "function")
        throw new TypeError("install() must return a plugin, with results()");
      if (slot.failure) throw new PluginError("failed", slot.failure.message, { ...slot.failure });
    } catch (error) {
      const said = slot.output.read(0).text.trim().slice(-MAX_LAST_WORDS);
      this.#remove(slot);
      throw this.#installError(error, said);
    }
    this.#events.update();
    this.#events.hartsBegin(slot);
    this.#refresh();
    return this.#describe(slot);
  }

  #install(slot: Slot): Plugin {
    const { source } = slot;
    if (source.kind === "wasm") {
      const host = new WasmHost(slot, this.#services, {
        detach: () => this.#detachItself(slot),
        setFilter: (filter) => {
          slot.filterSpec = filter;
          slot.filter = new SlotFilter(filter, this.#machine, (bytes) => slot.take(bytes));
        },
      });
      return new WasmPlugin(host, source.module, source.info as PreparedInfo, slot.args);
    }
    const definition = source.kind === "builtin" ? builtin(source.name) : source.definition;
    return definition.install(new SlotHost(slot, this.#services), checkOptions(definition.options, slot.args));
  }

  /** @param said what it printed: why its arguments do not suit it, more often than not */
  #installError(error: unknown, said: string): Error {
    if (error instanceof PluginError || error instanceof PluginOptionError) return error;
    // a module of the user's may have the class from elsewhere
    if (error instanceof Error && error.name === "PluginOptionError") return error;
    if (error instanceof RangeError && error.message.startsWith("the memory for probes")) {
      return new PluginError("limit", error.message, { limit: "probeBytes", value: this.#limits.probeBytes });
    }
    const failure = this.#failure(undefined, error, "install");
    const words = said === "" ? "" : `; it said: ${said}`;
    return new PluginError("failed", `the plugin could not be installed: ${failure.message}${words}`, { ...failure });
  }

  detach(id: string): PluginFinal {
    this.#mustStand();
    const slot = this.#find(id);
    if (slot.active) this.#events.hartsEnd(slot);
    const last = this.#snapshot(slot, true);
    this.#uninstall(slot);
    // what waited for the machine to stand, which it does; it may not run again
    this.#safePoint();
    // what it said while it was taken away belongs to the end as well
    return {
      ...last,
      outputBytes: slot.output.end,
      files: filesOf(slot),
      output: slot.output.read(0).text,
      contents: [...slot.files].map(([name, bytes]) => ({ name, bytes })),
    };
  }

  pause(id: string): void {
    this.#mustStand();
    const slot = this.#find(id);
    this.#drain(slot);
    slot.paused = true;
    this.#events.update();
    this.#refresh();
  }

  resume(id: string): void {
    this.#mustStand();
    const slot = this.#find(id);
    if (slot.failure)
      throw new PluginError("failed", `plugin ${id} has failed: ${slot.failure.message}`, { ...slot.failure });
    slot.paused = false;
    this.#events.update();
    this.#refresh();
  }

  configure(id: string, change: { args?: PluginArguments; filter?: PluginFilter }): PluginSlot {
    this.#mustStand();
    const slot = this.#find(id);
    const filter = change.filter ?? slot.filterSpec;
    if (change.args === undefined && slot.failure === undefined) {
      const old = slot.filter.memory;
      slot.filter = new SlotFilter(filter, this.#machine, (bytes) => slot.take(bytes));
      slot.filterSpec = filter;
      slot.blocks.clear();
      this.#refresh();
      slot.give(old);
      this.#hooks.changed(id);
      return this.#describe(slot);
    }
    // what is refused must leave the slot as it was
    const trial = `${id} (configured)`;
    // the one that is going may have what the other one needs
    const holder = this.#timeControl;
    if (holder === slot) this.#timeControl = undefined;
    try {
      this.attach(trial, slot.source, change.args ?? slot.args, filter);
      this.#uninstall(this.#find(trial));
    } catch (error) {
      this.#timeControl = holder;
      throw error;
    }
    const { paused } = slot;
    this.#uninstall(slot);
    this.attach(id, slot.source, change.args ?? slot.args, filter);
    if (paused) this.pause(id);
    this.#hooks.changed(id);
    return this.get(id);
  }

  list(): PluginSlot[] {
    return [...this.#slots.values()].map((slot) => this.#describe(slot));
  }
  get(id: string): PluginSlot {
    return this.#describe(this.#find(id));
  }
  snapshot(id: string, text: boolean): PluginSnapshot {
    return this.#snapshot(this.#find(id), text);
  }
  output(id: string, from: number): { offset: number; text: string } {
    return this.#find(id).output.read(from);
  }
  file(id: string, name: string): Uint8Array {
    const slot = this.#find(id);
    this.#snapshot(slot, false);
    const bytes = slot.files.get(name);
    if (bytes) return bytes;
    throw new PluginError("unknown-file", `plugin ${id} has no file ${name}`, {
      file: name,
      files: [...slot.files.keys()],
    });
  }
  sliceEnd(): void {
    for (const slot of [...this.#slots.values()]) {
      this.#drain(slot);
      if (slot.plugin instanceof WasmPlugin) slot.plugin.rest();
    }
    this.#safePoint();
  }

  /** The machine halted: its harts are gone, as far as plugins are concerned, until it is reset. */
  halted(): void {
    for (const slot of this.#slots.values()) {
      if (!slot.active) continue;
      this.#drain(slot);
      this.#events.hartsEnd(slot);
      try {
        slot.plugin?.halted?.();
      } catch (error) {
        this.#fail(slot, error, "halt");
      }
    }
  }

  /** Blocks and slots may not change under the code that uses them; a plugin that tries it gets the exception. */
  #mustStand(): void {
    if (this.#machine.probes.running)
      throw new PluginError("invalid", "plugins come, go and change between run slices, not while the machine runs");
  }

  #find(id: string): Slot {
    const slot = this.#slots.get(id);
    if (slot) return slot;
    throw new PluginError("unknown-slot", `no plugin is attached as ${id}`, {
      slot: id,
      slots: [...this.#slots.keys()],
    });
  }

  #describe(slot: Slot): PluginSlot {
    return {
      id: slot.id,
      plugin: slot.source.name,
      kind: slot.source.kind,
      state: slot.failure ? "failed" : slot.ended ? "ended" : slot.paused ? "paused" : "active",
      args: { ...slot.args },
      filter: slot.filterSpec,
      attachedAt: slot.attachedAt,
      ...(slot.failure ? { failure: slot.failure } : {}),
      cost: slot.cost(),
    };
  }

  #snapshot(slot: Slot, wantText: boolean): PluginSnapshot {
    this.#drain(slot);
    let results: unknown = null;
    let text: string | undefined;
    if (slot.plugin && !slot.failure) {
      try {
        results = slot.plugin.results();
        if (wantText) text = slot.plugin.text?.();
      } catch (error) {
        this.#fail(slot, error, "results");
        this.#safePoint();
        results = null;
      }
    }
    return {
      id: slot.id,
      instructions: this.#machine.instructionCount(),
      virtualNs: this.#machine.now(),
      results,
      ...(text === undefined ? {} : { text }),
      outputBytes: slot.output.end,
      files: filesOf(slot),
    };
  }

  // --- taking away ----------------------------------------------------------------------------------
  #uninstall(slot: Slot): void {
    this.#tellUninstall(slot);
    this.#remove(slot);
    this.#events.update();
    this.#refresh();
  }

  #tellUninstall(slot: Slot): void {
    try {
      if (!slot.failure && !slot.ended) slot.plugin?.uninstall?.();
    } catch {
      // it is going anyway
    }
  }

  /** The slot stays for what the plugin has found and written: who attached it has not seen it yet. */
  #detachItself(slot: Slot): void {
    if (this.#slots.get(slot.id) !== slot || slot.ended) return;
    this.#tellUninstall(slot);
    slot.ended = true;
    this.#takeOut(slot);
    this.#events.update();
    this.#hooks.ended(slot.id);
  }

  #remove(slot: Slot): void {
    if (this.#slots.get(slot.id) === slot) this.#slots.delete(slot.id);
    if (this.#numbers[slot.number] === slot) this.#numbers[slot.number] = undefined;
    this.#takeOut(slot);
  }

  /** Nothing of the slot is left in the code, the tables or the machine's memory. */
  #takeOut(slot: Slot): void {
    slot.silence();
    if (this.#timeControl === slot) this.#timeControl = undefined;
    this.#refresh();
    slot.free();
  }

  /** A plugin went wrong: its functions are never called again, and its probes go as soon as the machine allows. */
  #fail(slot: Slot, error: unknown, where: string): void {
    if (slot.failure) return;
    slot.failure = this.#failure(slot.plugin, error, where);
    slot.silence();
    this.#defer(() => {
      this.#events.update();
      this.#refresh();
      const failure = slot.failure as PluginFailure;
      this.#hooks.failed(slot.id, failure);
      // plugins made for QEMU end the emulation like this
      if (failure.cause === "exit") {
        this.#hooks.stop(slot.id, failure.message);
        this.#machine.requestPause();
      }
    });
  }

  #failure(plugin: Plugin | undefined, error: unknown, where: string): PluginFailure {
    const instructions = this.#machine.instructionCount();
    if (error instanceof WasmPluginFailed) return { ...error.failure, instructions };
    if (plugin instanceof WasmPlugin) return { ...plugin.explain(error), instructions };
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { cause: "exception", message, where, instructions };
  }

  #broken(number: number, error: unknown): "resume" | "abandon" {
    if (error instanceof SetPc) {
      error.apply();
      return "abandon";
    }
    const slot = this.#numbers[number];
    if (slot) this.#fail(slot, error, "callback");
    return "resume";
  }

  #defer(action: () => void): void {
    this.#deferred.push(action);
    this.#machine.probes.requestSafePoint();
  }

  #safePoint(): void {
    while (this.#deferred.length > 0) {
      const actions = this.#deferred;
      this.#deferred = [];
      for (const action of actions) action();
    }
  }

  #takeTimeControl(slot: Slot): boolean {
    if (this.#timeControl !== undefined && this.#timeControl !== slot) return false;
    this.#timeControl = slot;
    return true;
  }

  #drain(slot: Slot): void {
    if (slot.failure) return;
    try {
      for (const buffer of slot.buffers) slot.drain(buffer);
    } catch (error) {
      this.#fail(slot, error, "callback");
    }
  }

  #reset(): void {
    for (const slot of this.#slots.values()) {
      if (!slot.active) continue;
      try {
        slot.plugin?.reset?.();
      } catch (error) {
        this.#fail(slot, error, "reset");
      }
      this.#events.hartsBegin(slot);
    }
    this.#events.plain("reset", {});
  }

  // --- blocks ---------------------------------------------------------------------------------------
  /** Blocks run with probes while anybody wants to know about them. */
  #refresh(): void {
    const wanted = [...this.#slots.values()].some((slot) => slot.active && wantsBlocks(slot.plugin));
    if (this.#machine.probes.on === wanted) this.#machine.probes.refresh();
    else {
      if (!wanted) this.#merged.clear();
      this.#machine.probes.on = wanted;
    }
  }

  #interests(): ((page: bigint) => boolean) | undefined {
    const slots = [...this.#slots.values()].filter((slot) => slot.active && wantsBlocks(slot.plugin));
    if (!slots.every(({ filter }) => filter.selective)) return undefined;
    return (page) => slots.some(({ filter }) => filter.wantsPage(page));
  }

  #instrument(block: RawBlock): BlockProbes {
    const parts: SlotProbes[] = [];
    for (const slot of this.#numbers) {
      if (!slot?.active) continue;
      const probes = this.#probesOf(slot, block);
      // it may have failed while it was asked
      if (probes.count > 0 && slot.active) parts.push(probes);
    }
    const known = this.#merged.get(block);
    if (known && known.parts.length === parts.length && known.parts.every((part, i) => part === parts[i]))
      return known.probes;
    const probes = parts.length === 0 ? NO_PROBES : merge(parts, block.instructions.length);
    this.#merged.set(block, { parts: parts.slice(), probes });
    return probes;
  }

  #probesOf(slot: Slot, block: RawBlock): SlotProbes {
    const known = slot.blocks.get(block);
    if (known) return known;
    let probes: SlotProbes = NOTHING;
    const { plugin, filter } = slot;
    if (plugin?.translate && block.instructions.some(({ offset }) => filter.wants(block.page + BigInt(offset)))) {
      const view = new BlockView(block, filter, (vaddr) => this.#guest.symbol(vaddr)?.name);
      const started = performance.now();
      try {
        plugin.translate(view);
        if (view.probes.count > 0) probes = view.probes;
      } catch (error) {
        this.#fail(slot, error, "translate");
      }
      view.close();
      slot.translateMs += performance.now() - started;
    }
    slot.blocks.set(block, probes);
    return probes;
  }

  #dropped(block: RawBlock | undefined): void {
    if (block) {
      this.#merged.delete(block);
      for (const slot of this.#slots.values()) slot.blocks.delete(block);
      return;
    }
    this.#merged.clear();
    for (const slot of this.#slots.values()) slot.blocks.clear();
    this.#events.plain("flush", {});
  }
}

function wantsBlocks(plugin: Plugin | undefined): boolean {
  return plugin instanceof WasmPlugin ? plugin.translates : plugin?.translate !== undefined;
}

function builtin(name: string): PluginDefinition {
  const definition = BUILTIN_BY_NAME.get(name);
  if (definition) return definition;
  throw new PluginError("unknown-plugin", `there is no built-in plugin ${name}`, { plugin: name });
}

function filesOf(slot: Slot): { name: string; size: number }[] {
  return [...slot.files].map(([name, bytes]) => ({ name, size: bytes.length }));
}

/** Probes of several plugins in one block, in the order of their slots. */
function merge(parts: readonly SlotProbes[], count: number): BlockProbes {
  const [only, ...others] = parts;
  if (only && others.length === 0) return only;
  const block: ProbeOp[] = parts.flatMap((part) => part.block);
  const lists = <T>(pick: (part: SlotProbes) => readonly (T[] | undefined)[]): (T[] | undefined)[] =>
    Array.from({ length: count }, (_, i) => {
      // not flatMap, whose result has room for more
      const all = ([] as T[]).concat(...parts.map((part) => pick(part)[i] ?? []));
      return all.length > 0 ? all : undefined;
    });
  return { block, exec: lists((part) => part.exec), access: lists((part) => part.access) };
}
