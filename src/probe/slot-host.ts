// PluginHost for one slot. What changes the blocks or the slot itself waits until the machine stands between two
// instructions (the manager's defer).
import * as L from "../core/layout.js";
import type { AccessNumber, CallOp, CallTarget, CounterPlace, ProbeOp } from "../engine/probe-ops.js";
import type { MachineApi } from "../machine/machine-api.js";
import { ACCESS_NUMBERS, type AccessView, callbackPc } from "./access-view.js";
import type { GuestAccess } from "./guest.js";
import type { PluginHooks } from "./manager-api.js";
import type {
  Access,
  CallOptions,
  Counter,
  Drain,
  EventBuffer,
  Place,
  PluginEvents,
  PluginHost,
  RegisterInfo,
  Scoreboard,
  When,
} from "./plugin.js";
import type { Slot } from "./slot.js";

const DEFAULT_ENTRIES = 4096;
type Callback = (hart: number, tag: number, ...numbers: number[]) => void;

/** What a slot needs of the manager. */
export interface SlotServices {
  readonly machine: MachineApi;
  readonly guest: GuestAccess;
  readonly access: AccessView;
  readonly hooks: PluginHooks;
  /** Between two instructions, as soon as no plugin is being called. */
  defer(action: () => void): void;
  fail(slot: Slot, error: unknown, where: string): void;
  listenersChanged(): void;
  /** False when another slot has it. */
  takeTimeControl(slot: Slot): boolean;
  refresh(): void;
}

/** Callbacks with a guard of their own; whoever makes more of them does not call them often enough to notice. */
const MOST_GUARDS = 1024;
let guards = 0;

/**
 * The callback as generated code may call it: nothing is thrown through that. Each has code of its own, which V8 can make one with the
 * callback's: code that all share knows of many callbacks and can only call them, which takes half as long again.
 */
function guarded(slot: { calls: number }, callback: Callback, fail: (error: unknown) => void, count: number): Callback {
  guards = Math.min(guards + 1, MOST_GUARDS);
  const numbers = Array.from({ length: count }, (_, i) => `n${i}`);
  const make = new Function(
    "slot",
    "callback",
    "fail",
    `return (${["hart", "tag", ...numbers]}) => { // ${guards}
      slot.calls++;
      try {
        callback(${["hart", "tag", ...numbers.map((name) => `${name} >>> 0`)]});
      } catch (error) {
        fail(error);
      }
    };`,
  );
  return make(slot, callback, fail) as Callback;
}

export class SlotHost implements PluginHost {
  protected readonly slot: Slot;
  protected readonly services: SlotServices;
  protected readonly machine: MachineApi;
  protected readonly view: DataView;
  readonly #callbacks: Callback[] = [];
  /** By the numbers they take. */
  readonly #targets = new Map<Callback, Map<string, CallTarget>>();
  #dispatcher: number | undefined;

  constructor(slot: Slot, services: SlotServices) {
    this.slot = slot;
    this.services = services;
    this.machine = services.machine;
    this.view = new DataView(this.machine.memory.buffer);
  }

  get harts(): number {
    return this.machine.description.harts;
  }
  get access(): Access {
    return this.services.access;
  }

  // --- probes ---------------------------------------------------------------------------------------
  scoreboard(fields: number): Scoreboard {
    checkSize("fields", fields);
    const stride = fields * 8;
    const base = this.slot.take(stride * this.harts);
    return {
      counter: (field) => {
        if (!Number.isInteger(field) || field < 0 || field >= fields)
          throw new RangeError(`a scoreboard of ${fields} fields has no field ${field}`);
        return new MemoryCounter(this.view, { address: base + 8 * field, stride }, this.harts);
      },
      // what still counts in it is gone when the blocks are
      free: () => this.services.defer(() => this.slot.give(base)),
    };
  }

  buffer(drain: Drain, entries = DEFAULT_ENTRIES): EventBuffer {
    checkSize("entries", entries);
    const address = this.slot.take(L.BUFFER_ENTRIES + entries * L.ENTRY_SIZE);
    const buffer = this.slot.addBuffer(address, entries, drain);
    const full = this.#target(() => this.slot.drain(buffer));
    this.view.setUint32(address + L.BUFFER_CURSOR, address + L.BUFFER_ENTRIES, true);
    this.view.setUint32(address + L.BUFFER_END, address + L.BUFFER_ENTRIES + entries * L.ENTRY_SIZE, true);
    this.view.setUint32(address + L.BUFFER_DISPATCHER, full.dispatcher, true);
    this.view.setUint32(address + L.BUFFER_FN, full.fn, true);
    return {
      append: (tag, field = "none", when) => ({
        kind: "append",
        buffer: address,
        entries,
        tag,
        field,
        full,
        ...condition(when),
      }),
    };
  }

  call(callback: Callback, tag: number, options: CallOptions = {}): ProbeOp {
    const { numbers } = options;
    if (numbers !== undefined && !(Array.isArray(numbers) && numbers.every((name) => ACCESS_NUMBERS.includes(name))))
      throw new TypeError(`numbers: expected a list of ${ACCESS_NUMBERS.join()}, got ${JSON.stringify(numbers)}`);
    const op: CallOp = {
      kind: "call",
      target: this.#targetOf(callback, numbers),
      tag,
      ...(numbers && { numbers }),
      signature: "exec",
      registers: options.registers ?? "none",
      hwaddr: true,
      synced: false,
      direct: false,
    };
    return { ...op, ...condition(options.when) };
  }

  #targetOf(callback: Callback, numbers: readonly AccessNumber[] | undefined): CallTarget {
    const known = this.#targets.get(callback) ?? new Map<string, CallTarget>();
    this.#targets.set(callback, known);
    const key = String(numbers);
    let target = known.get(key);
    if (!target) {
      const { access } = this.services;
      const interpreted: Callback = numbers
        ? (hart, tag) => callback(hart, tag, ...access.handOver(numbers))
        : callback;
      const fail = (error: unknown): void => this.services.fail(this.slot, error, "callback");
      target = {
        ...this.#target(interpreted),
        entry: this.slot.bind(guarded(this.slot, callback, fail, numbers?.length ?? 0)),
      };
      known.set(key, target);
    }
    return target;
  }

  #target(callback: Callback): CallTarget {
    const fn = this.#callbacks.push(callback) - 1;
    return { slot: this.slot.number, dispatcher: this.dispatcher(), fn };
  }

  /** Table index of the function through which generated code calls JavaScript callbacks of this slot. */
  protected dispatcher(): number {
    this.#dispatcher ??= this.slot.place(
      "exec",
      (fn: number, hart: number, tag: number) => {
        this.slot.calls++;
        try {
          (this.#callbacks[fn] as Callback)(hart, tag);
        } catch (error) {
          this.services.fail(this.slot, error, "callback");
        }
      },
      false,
    );
    return this.#dispatcher;
  }

  on<E extends keyof PluginEvents>(event: E, listener: (event: PluginEvents[E]) => void): () => void {
    const listeners = this.slot.listeners.get(event) ?? new Set();
    this.slot.listeners.set(event, listeners);
    listeners.add(listener as (event: never) => void);
    this.services.listenersChanged();
    return () => {
      listeners.delete(listener as (event: never) => void);
      this.services.listenersChanged();
    };
  }

  // --- the guest ------------------------------------------------------------------------------------
  registers(): readonly RegisterInfo[] {
    return this.services.guest.registers();
  }
  readRegister(hart: number, name: string): bigint {
    if (name === "pc" && hart === this.view.getUint32(L.CURRENT_HART, true)) {
      const pc = callbackPc(this.view);
      if (pc !== undefined) return pc;
    }
    return this.services.guest.readRegister(hart, name);
  }
  writeRegister(hart: number, name: string, value: bigint): void {
    this.services.guest.writeRegister(hart, name, value);
    this.#changed();
  }
  readMemory(hart: number, vaddr: bigint, length: number): Uint8Array | undefined {
    return this.services.guest.read(hart, "virtual", vaddr, length);
  }
  writeMemory(hart: number, vaddr: bigint, bytes: Uint8Array): boolean {
    const done = this.services.guest.write(hart, "virtual", vaddr, bytes);
    this.#changed();
    return done;
  }
  readPhysical(paddr: bigint, length: number): Uint8Array | undefined {
    return this.services.guest.read(0, "physical", paddr, length);
  }
  writePhysical(paddr: bigint, bytes: Uint8Array): boolean {
    const done = this.services.guest.write(0, "physical", paddr, bytes);
    this.#changed();
    return done;
  }
  /** Compiled code leaves before it goes on: what was written may be code, or what an interrupt depends on. */
  #changed(): void {
    this.machine.probes.requestSafePoint();
  }
  translate(hart: number, vaddr: bigint): Place | undefined {
    return this.services.guest.translate(hart, vaddr);
  }
  symbol(vaddr: bigint): { name: string; offset: number; image: string } | undefined {
    return this.services.guest.symbol(vaddr);
  }

  // --- machine and time -----------------------------------------------------------------------------
  instructions(): number {
    return this.machine.instructionCount();
  }
  now(): number {
    return this.machine.now();
  }
  requestTimeControl(): ((ns: number) => void) | undefined {
    if (!this.services.takeTimeControl(this.slot)) return undefined;
    return (ns) => {
      const step = Math.round(ns) - this.machine.now();
      if (!(step > 0)) return;
      this.machine.core["skip_idle"](BigInt(step));
      // deadlines are nearer now than the slice was made for
      this.machine.probes.requestSafePoint();
    };
  }
  stop(reason: string): void {
    this.services.hooks.stop(this.slot.id, reason);
    this.machine.requestPause();
  }

  // --- output ---------------------------------------------------------------------------------------
  output(text: string): void {
    this.slot.output.add(text);
    this.services.hooks.output(this.slot.id);
  }
  file(name: string, bytes: Uint8Array): void {
    this.slot.file(name, bytes);
    this.services.hooks.changed(this.slot.id);
  }
  retranslate(): void {
    this.services.defer(() => {
      this.slot.blocks.clear();
      this.services.refresh();
    });
  }
  channel(name: string, receive: (message: unknown) => void): { post(message: unknown): void; close(): void } {
    const channel = this.services.hooks.channel(name, (message) => {
      if (this.slot.failure !== undefined) return;
      try {
        receive(message);
      } catch (error) {
        this.services.fail(this.slot, error, "callback");
      }
    });
    this.slot.channels.push(channel);
    return channel;
  }
}

/** Code that the engine makes trusts these. */
function checkSize(what: string, count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`${what}: expected a positive integer, got ${count}`);
}

class MemoryCounter implements Counter {
  readonly place: CounterPlace;
  readonly #view: DataView;
  readonly #harts: number;

  constructor(view: DataView, place: CounterPlace, harts: number) {
    this.#view = view;
    this.place = place;
    this.#harts = harts;
  }
  add(value: number | bigint) {
    return { kind: "add", counter: this.place, value: BigInt(value) } as const;
  }
  store(value: number | bigint) {
    return { kind: "store", counter: this.place, value: BigInt(value) } as const;
  }
  #at(hart: number): number {
    if (!Number.isInteger(hart) || hart < 0 || hart >= this.#harts) throw new RangeError(`there is no hart ${hart}`);
    return this.place.address + hart * this.place.stride;
  }
  get(hart: number): bigint {
    return this.#view.getBigUint64(this.#at(hart), true);
  }
  set(hart: number, value: bigint): void {
    this.#view.setBigUint64(this.#at(hart), BigInt.asUintN(64, value), true);
  }
  sum(): bigint {
    let sum = 0n;
    for (let hart = 0; hart < this.#harts; hart++) sum += this.get(hart);
    return sum;
  }
}

function condition(when: When | undefined): Pick<ProbeOp, "when"> {
  if (!when) return {};
  const { place } = when.counter as MemoryCounter;
  return { when: { counter: place, is: when.is, value: BigInt(when.value) } };
}
