// Makes ops of what a plugin asks for while a block is translated. Counters of inline ops are in the plugin's own memory for
// it and in the machine's for the engine; the manager copies them around the plugin's calls, which must therefore say that
// they need it (`synced`) once there are such counters.
import type { CallOp, Condition, CounterPlace, ProbeOp } from "../../engine/probe-ops.js";
import type { Block, EventBuffer, Instruction } from "../plugin.js";
import type { WasmPlugin } from "./instance.js";
import { FN_FLAGS_SHIFT } from "./prepare.js";
import { PluginMisuse } from "./report.js";

const CONDITIONS: readonly (Condition["is"] | "never" | "always")[] = [
  "never",
  "always",
  "eq",
  "ne",
  "lt",
  "le",
  "gt",
  "ge",
];
const REGISTERS = ["none", "read", "write", "write"] as const;
const FIELDS = ["none", "vaddr", "paddr", "value"] as const;
const READS = 1;
const WRITES = 2;
const DEVICES_ONLY = 16;
const MAX_BUFFERS = 64;
/** With more counters than this they are not copied around translation callbacks, which come by the ten thousand. */
const COPIED_FOR_TRANSLATION = 256;

/** Condition as it comes from the plugin. */
export interface WhenArguments {
  cond: number;
  address: number;
  stride: number;
  value: bigint;
}

export class ProbeMaker {
  dispatchers: { exec: number; access: number } | undefined;
  readonly #plugin: WasmPlugin;
  /** By address and distance between harts. */
  readonly #mirrors = new Map<number, Map<number, CounterPlace & { bytes: number }>>();
  readonly #buffers: EventBuffer[] = [];
  /** Calls of this block, and whether any of blocks before, that were made when there was nothing to copy. */
  #unsynced: CallOp[] = [];
  #olderUnsynced = false;

  constructor(plugin: WasmPlugin) {
    this.#plugin = plugin;
  }

  copyAround(translation: boolean): boolean {
    return this.#mirrors.size > 0 && !(translation && this.#mirrors.size > COPIED_FOR_TRANSLATION);
  }

  blockDone(): void {
    if (this.#unsynced.length > 0) this.#olderUnsynced = true;
    this.#unsynced = [];
  }

  /** A call of cb(vcpu, udata), or for accesses cb(vcpu, info, vaddr, udata); undefined where it can never happen. */
  call(
    name: string,
    signature: "exec" | "access",
    cb: number,
    flags: number,
    udata: number,
    when?: WhenArguments,
  ): ProbeOp | undefined {
    const { fn } = this.#plugin.callback(name, cb, [signature === "exec" ? "ii>" : "iiIi>"]);
    if (cb >>> 0 >= 1 << FN_FLAGS_SHIFT) throw new PluginMisuse(`${name}: the table is too large`);
    const registers = REGISTERS[flags];
    if (registers === undefined) throw new PluginMisuse(`${name}: flags ${flags} are unknown`);
    const condition = when && this.#condition(name, when);
    if (condition === "never") return undefined;
    const op: CallOp & { when?: Condition } = {
      kind: "call",
      target: {
        slot: this.#plugin.host.slotNumber,
        dispatcher: this.#dispatcher(name, signature),
        fn: cb | (flags << FN_FLAGS_SHIFT),
      },
      tag: udata,
      signature,
      registers,
      hwaddr: signature === "access",
      synced: this.#mirrors.size > 0,
      leaf: this.#plugin.leaf(fn),
      direct: true,
    };
    if (condition) op.when = condition;
    if (!op.synced) this.#unsynced.push(op);
    return op;
  }

  #dispatcher(name: string, signature: "exec" | "access"): number {
    if (!this.dispatchers) throw new PluginMisuse(`${name}: the module has no table of functions`);
    return this.dispatchers[signature];
  }

  inline(name: string, kind: number, address: number, stride: number, value: bigint): ProbeOp {
    if (kind !== 0 && kind !== 1) throw new PluginMisuse(`${name}: inline operation ${kind} is unknown`);
    const counter = this.#mirror(address, stride);
    return { kind: kind === 0 ? "add" : "store", counter, value: BigInt.asUintN(64, value) };
  }

  #condition(name: string, when: WhenArguments): Condition | "never" | undefined {
    const is = CONDITIONS[when.cond];
    if (is === undefined) throw new PluginMisuse(`${name}: condition ${when.cond} is unknown`);
    if (is === "always") return undefined;
    if (is === "never") return is;
    return { counter: this.#mirror(when.address, when.stride), is, value: BigInt.asUintN(64, when.value) };
  }

  #mirror(address: number, stride: number): CounterPlace {
    const from = address >>> 0;
    const step = stride >>> 0;
    const known = this.#mirrors.get(from)?.get(step);
    if (known) return known;
    const { host, memory } = this.#plugin;
    const bytes = step * (host.harts - 1) + 8;
    memory.check(from, bytes);
    const first = this.#mirrors.size === 0;
    const { address: at, stride: apart } = host.mirror(from, step);
    const mirror = { address: at, stride: apart, bytes };
    const steps = this.#mirrors.get(from);
    if (steps) steps.set(step, mirror);
    else this.#mirrors.set(from, new Map([[step, mirror]]));
    if (first) {
      for (const op of this.#unsynced) op.synced = true;
      this.#unsynced = [];
      if (this.#olderUnsynced) host.defer(() => host.retranslate());
      this.#olderUnsynced = false;
    }
    return mirror;
  }

  /** The plugin frees memory in which counters are. */
  free(address: number, bytes: number): void {
    const from = address >>> 0;
    const to = from + (bytes >>> 0);
    let found = false;
    const drop = (at: number): void => {
      const steps = this.#mirrors.get(at);
      if (!steps) return;
      for (const [step, mirror] of steps) {
        if (at + mirror.bytes > to) continue;
        steps.delete(step);
        found = true;
      }
      if (steps.size === 0) this.#mirrors.delete(at);
    };
    if (to - from < this.#mirrors.size) for (let at = from; at < to; at++) drop(at);
    else for (const at of [...this.#mirrors.keys()]) if (at >= from && at < to) drop(at);
    if (found) this.#plugin.host.dropMirrors(from, to - from);
  }

  /** Handle of a buffer whose entries go to the plugin's memory, 0 where there can be no more. */
  buffer(memory: number, entries: number, cb: number, userdata: number): number {
    const plugin = this.#plugin;
    const count = entries >>> 0;
    if (count === 0 || this.#buffers.length >= MAX_BUFFERS) return 0;
    const { fn } = plugin.callback("emu_buffer_new", cb, ["iii>"]);
    const to = plugin.memory.check(memory, 16 * count);
    try {
      const buffer = plugin.host.buffer((words, from, end) => {
        const bytes = new Uint8Array(words.buffer, words.byteOffset + 16 * from, 16 * (end - from));
        plugin.memory.write(to, bytes);
        plugin.invoke("buffer callback", fn, [to, end - from, userdata]);
      }, count);
      return this.#buffers.push(buffer);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
  }

  append(name: string, buffer: number, tag: number, field: number): ProbeOp {
    const found = this.#buffers[buffer - 1];
    const what = FIELDS[field];
    if (!found) throw new PluginMisuse(`${name}: ${buffer} is not a buffer`);
    if (what === undefined) throw new PluginMisuse(`${name}: field ${field} is unknown`);
    return found.append(tag, what);
  }

  onExec(place: Block | Instruction | undefined, op: ProbeOp | undefined): void {
    if (op) place?.onExec(op);
  }

  onAccess(name: string, place: Instruction | undefined, rw: number, op: ProbeOp | undefined): void {
    const direction = ([undefined, "read", "write", "both"] as const)[rw & (READS | WRITES)];
    if (direction === undefined || rw & ~(READS | WRITES | DEVICES_ONLY)) {
      throw new PluginMisuse(`${name}: accesses ${rw} are unknown`);
    }
    if (op) place?.onAccess(op, { direction, io: (rw & DEVICES_ONLY) !== 0 });
  }
}
