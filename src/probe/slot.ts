// One plugin slot: what is attached, its memory in the machine, its functions in the core's table, what it printed, and how
// it fares. Everything a plugin asks of the machine goes through here, so that all of it can be taken back.
import * as L from "../core/layout.js";
import type { RawBlock } from "../engine/probes.js";
import type { MachineApi } from "../machine/machine-api.js";
import type { MachineProbes, Signature } from "../machine/machine-probes.js";
import { NOTHING, type SlotProbes } from "./block-view.js";
import type { SlotFilter } from "./filter.js";
import {
  type PluginArguments,
  type PluginCost,
  PluginError,
  type PluginFailure,
  type PluginFilter,
  type PluginLimits,
  type PluginSource,
} from "./manager-api.js";
import { OutputText } from "./output-text.js";
import type { Drain, Plugin, PluginEvents } from "./plugin.js";

interface Buffer {
  readonly address: number;
  readonly words: Uint32Array;
  readonly drain: Drain;
}

export class Slot {
  readonly id: string;
  readonly number: number;
  readonly source: PluginSource;
  readonly args: PluginArguments;
  readonly attachedAt: number;
  filterSpec: PluginFilter;
  filter!: SlotFilter;
  plugin: Plugin | undefined;
  paused = false;
  failure: PluginFailure | undefined;
  /** It asked to be taken away; what it found, wrote and offers stays until the slot is detached. */
  ended = false;
  readonly output: OutputText;
  readonly files = new Map<string, Uint8Array>();
  readonly listeners = new Map<keyof PluginEvents, Set<(event: never) => void>>();
  readonly buffers: Buffer[] = [];
  readonly channels: { close(): void }[] = [];
  /** Probes of each block it was asked about. */
  readonly blocks = new Map<RawBlock, SlotProbes>();
  /** Run when the slot is taken away. */
  readonly cleanups: (() => void)[] = [];
  calls = 0;
  translateMs = 0;
  /** Memory of the plugin's own, besides what it has in the machine. */
  ownMemory: () => number = () => 0;
  readonly #machine: MachineApi;
  readonly #limits: PluginLimits;
  readonly #memory = new Map<number, number>();
  #bytes = 0;
  readonly #places: { index: number; signature: Signature }[] = [];
  readonly #entries: string[] = [];

  constructor(
    machine: MachineApi,
    limits: PluginLimits,
    spec: { id: string; number: number; source: PluginSource; args: PluginArguments; filter: PluginFilter },
  ) {
    this.#machine = machine;
    this.#limits = limits;
    this.id = spec.id;
    this.number = spec.number;
    this.source = spec.source;
    this.args = spec.args;
    this.filterSpec = spec.filter;
    this.attachedAt = machine.instructionCount();
    this.output = new OutputText(limits.outputBytes);
  }

  /** Whether its probes and listeners are in force. */
  get active(): boolean {
    return !this.paused && !this.ended && this.failure === undefined;
  }

  get #probes(): MachineProbes {
    return this.#machine.probes;
  }

  /** Bytes it has of the machine's memory for probes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Zeroed memory of the machine. @throws RangeError when there is none left */
  take(bytes: number): number {
    const size = Math.max(bytes, 8);
    const base = this.bytes + size > this.#limits.probeBytes ? undefined : this.#probes.data.take(size);
    if (base === undefined)
      throw new RangeError(`the memory for probes is used up (${size} bytes asked, limit ${this.#limits.probeBytes})`);
    new Uint8Array(this.#machine.memory.buffer, base, size).fill(0);
    this.#memory.set(base, size);
    this.#bytes += size;
    return base;
  }

  give(base: number): void {
    const size = this.#memory.get(base);
    if (size === undefined) return;
    this.#memory.delete(base);
    this.#bytes -= size;
    this.#probes.data.give(base, size);
  }

  place(signature: Signature, body: CallableFunction, wasm: boolean): number {
    const index = this.#probes.place(signature, body, wasm);
    this.#places.push({ index, signature });
    return index;
  }

  /** Name of a function that compiled code calls; the same in every session, where the slot has the same number. */
  bind(body: CallableFunction): string {
    const name = `slot ${this.number} function ${this.#entries.length}`;
    this.#entries.push(name);
    this.#probes.dispatchers[name] = body;
    return name;
  }

  /** From now on nothing calls it, whatever code still runs. */
  silence(): void {
    for (const name of this.#entries) this.#probes.dispatchers[name] = () => {};
    for (const { index, signature } of this.#places) this.#probes.silence(index, signature);
  }

  /** Gives back all it has; no block may refer to it any more. */
  free(): void {
    for (const cleanup of this.cleanups.splice(0)) cleanup();
    for (const channel of this.channels.splice(0)) channel.close();
    for (const name of this.#entries.splice(0)) delete this.#probes.dispatchers[name];
    for (const { index } of this.#places.splice(0)) this.#probes.release(index);
    for (const base of [...this.#memory.keys()]) this.give(base);
    this.listeners.clear();
    this.buffers.length = 0;
    this.blocks.clear();
  }

  addBuffer(address: number, entries: number, drain: Drain): Buffer {
    const words = new Uint32Array(
      this.#machine.memory.buffer,
      address + L.BUFFER_ENTRIES,
      (entries * L.ENTRY_SIZE) / 4,
    );
    const buffer = { address, words, drain };
    this.buffers.push(buffer);
    return buffer;
  }

  /** Hands a buffer's entries to the plugin and empties it. */
  drain(buffer: Buffer): void {
    const view = new DataView(this.#machine.memory.buffer);
    const start = buffer.address + L.BUFFER_ENTRIES;
    const entries = (view.getUint32(buffer.address + L.BUFFER_CURSOR, true) - start) / L.ENTRY_SIZE;
    if (entries === 0) return;
    try {
      buffer.drain(buffer.words, 0, entries);
    } finally {
      view.setUint32(buffer.address + L.BUFFER_CURSOR, start, true);
    }
  }

  file(name: string, bytes: Uint8Array): void {
    const others = [...this.files].reduce((sum, [key, file]) => sum + (key === name ? 0 : file.length), 0);
    if (others + bytes.length > this.#limits.fileBytes) {
      throw new PluginError("limit", `files of a plugin have at most ${this.#limits.fileBytes} bytes together`, {
        limit: "fileBytes",
        value: this.#limits.fileBytes,
      });
    }
    this.files.set(name, bytes.slice());
  }

  cost(): PluginCost {
    const cost: PluginCost = {
      blocks: 0,
      inline: 0,
      conditional: 0,
      callbacks: 0,
      calls: this.calls,
      translateMs: this.translateMs,
      memoryBytes: this.bytes + this.ownMemory(),
    };
    for (const probes of this.blocks.values()) {
      if (probes === NOTHING || probes.count === 0) continue;
      cost.blocks++;
      const ops = [
        ...probes.block,
        ...probes.exec.flatMap((list) => list ?? []),
        ...probes.access.flatMap((list) => (list ?? []).map(({ op }) => op)),
      ];
      for (const op of ops) {
        if (op.kind !== "call") cost.inline++;
        else if (op.when) cost.conditional++;
        else cost.callbacks++;
      }
    }
    return cost;
  }
}
