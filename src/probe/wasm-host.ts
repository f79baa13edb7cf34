// EngineHost for a slot with a Wasm plugin: its dispatchers in the core's table, and copies of its counters in the machine's
// memory. The core walks the list of copies around synced calls (core/probe/mirror.ts); this file keeps that list.
import * as L from "../core/layout.js";
import type { CounterPlace } from "../engine/probe-ops.js";
import type { PluginFilter } from "./manager-api.js";
import type { Slot } from "./slot.js";
import { SlotHost, type SlotServices } from "./slot-host.js";
import type { EngineHost, PluginModule } from "./wasm/engine-host.js";

/** Core functions by the plugin's name for them. */
const CORE_IMPORTS: Readonly<Record<string, string>> = {
  mem_get_value: "probe_value",
  get_hwaddr: "probe_hwaddr",
  hwaddr_is_io: "probe_is_io",
  hwaddr_phys_addr: "probe_paddr",
  emu_hwaddr_region: "probe_region",
  emu_hwaddr_device: "probe_device",
  emu_hwaddr_offset: "probe_offset",
  emu_hwaddr_split: "probe_split",
  emu_hwaddr_second_phys_addr: "probe_second_paddr",
  emu_hwaddr_second_region: "probe_second_region",
  emu_hwaddr_second_offset: "probe_second_offset",
  emu_instructions: "instruction_count",
  emu_virtual_ns: "virtual_ns",
};
/** Copies are taken from the machine's memory in pieces of this size: a plugin may have one for each block. */
const CHUNK = 1 << 16;
const PAIR = 8;

/** Thrown through generated code by set_pc: no failure. */
export class SetPc extends Error {
  readonly apply: () => void;
  constructor(apply: () => void) {
    super("the plugin set the pc");
    this.apply = apply;
  }
}

export interface WasmHostServices {
  detach(): void;
  setFilter(filter: PluginFilter): void;
}

interface Mirror {
  /** In the machine's memory and in the plugin's. */
  readonly here: number;
  readonly there: number;
  /** Of the place it belongs to, when it is the first of it. */
  readonly key: string | undefined;
  /** Its place in the list. */
  index: number;
}

export class WasmHost extends SlotHost implements EngineHost {
  readonly #more: WasmHostServices;
  readonly coreImports: EngineHost["coreImports"];
  #module: PluginModule | undefined;
  readonly #mirrors: Mirror[] = [];
  /** By address in the plugin's memory: plugins free counters one by one, as many as there are blocks. */
  readonly #byAddress = new Map<number, Mirror[]>();
  readonly #places = new Map<string, CounterPlace>();
  #chunk = { next: 0, end: 0 };
  #list = { at: 0, room: 0 };

  constructor(slot: Slot, services: SlotServices, more: WasmHostServices) {
    super(slot, services);
    this.#more = more;
    const core = this.machine.core as Record<string, (...args: never[]) => unknown>;
    this.coreImports = Object.fromEntries(
      Object.entries(CORE_IMPORTS).map(([name, own]) => [name, core[own] as (...args: never[]) => unknown]),
    );
  }

  get slotNumber(): number {
    return this.slot.number;
  }
  get machineMemory(): WebAssembly.Memory {
    return this.machine.memory;
  }

  registerDispatchers(module: PluginModule): { exec: number; access: number } {
    this.#module = module;
    this.slot.ownMemory = () => module.memory.buffer.byteLength;
    this.#slotWord(L.MIRROR_COUNT, 0);
    this.#slotWord(L.MIRROR_PEEK, this.slot.place("peek", module.peek64, true));
    this.#slotWord(L.MIRROR_POKE, this.slot.place("poke", module.poke64, true));
    return {
      exec: this.slot.place("exec", module.exec, true),
      access: this.slot.place("access", module.access, true),
    };
  }

  bind(body: CallableFunction): string {
    return this.slot.bind(body);
  }

  #slotWord(field: number, value: number): void {
    const slots = this.view.getUint32(L.PROBE_SLOTS, true);
    this.view.setUint32(slots + this.slot.number * L.PROBE_SLOT_SIZE + field, value, true);
  }

  // --- copies of counters ---------------------------------------------------------------------------
  mirror(address: number, stride: number): CounterPlace {
    const key = `${address}/${stride}`;
    const known = this.#places.get(key);
    if (known) return known;
    const count = stride === 0 ? 1 : this.harts;
    const here = this.#take(8 * count);
    const from = this.#mirrors.length;
    for (let i = 0; i < count; i++) {
      const there = address + i * stride;
      const mirror = { here: here + 8 * i, there, key: i === 0 ? key : undefined, index: from + i };
      this.#mirrors.push(mirror);
      const others = this.#byAddress.get(there);
      if (others) others.push(mirror);
      else this.#byAddress.set(there, [mirror]);
    }
    this.#writeList(from);
    const place = { address: here, stride: stride === 0 ? 0 : 8 };
    this.#places.set(key, place);
    for (let i = from; i < this.#mirrors.length; i++) this.#push(this.#mirrors[i] as Mirror);
    return place;
  }

  dropMirrors(address: number, bytes: number): void {
    const end = address + bytes;
    if (bytes < this.#byAddress.size) for (let at = address; at < end; at++) this.#dropAt(at);
    else for (const at of [...this.#byAddress.keys()]) if (at >= address && at < end) this.#dropAt(at);
    this.#slotWord(L.MIRROR_COUNT, this.#mirrors.length);
  }

  #dropAt(address: number): void {
    const found = this.#byAddress.get(address);
    if (!found) return;
    this.#byAddress.delete(address);
    for (const { key, index } of found) {
      if (key !== undefined) this.#places.delete(key);
      const last = this.#mirrors.pop() as Mirror;
      if (last.index === index) continue;
      last.index = index;
      this.#mirrors[index] = last;
      this.#writePair(last);
    }
  }

  #take(bytes: number): number {
    if (this.#chunk.next + bytes > this.#chunk.end) {
      const at = this.slot.take(CHUNK);
      this.#chunk = { next: at, end: at + CHUNK };
    }
    this.#chunk.next += bytes;
    return this.#chunk.next - bytes;
  }

  /** What the core goes through: written whole when it has to move, else from one that is new. */
  #writeList(from: number): void {
    const count = this.#mirrors.length;
    let first = from;
    if (count > this.#list.room) {
      if (this.#list.at !== 0 && this.#list.room > 0) this.slot.give(this.#list.at);
      const room = Math.max(64, 2 * count);
      this.#list = { at: this.slot.take(room * PAIR), room };
      first = 0;
    }
    for (let i = first; i < count; i++) this.#writePair(this.#mirrors[i] as Mirror);
    this.#slotWord(L.MIRROR_LIST, this.#list.at);
    this.#slotWord(L.MIRROR_COUNT, count);
  }

  #writePair({ here, there, index }: Mirror): void {
    this.view.setUint32(this.#list.at + index * PAIR, here, true);
    this.view.setUint32(this.#list.at + index * PAIR + 4, there, true);
  }

  pullMirrors(): void {
    for (const { here, there } of this.#mirrors) this.#module?.poke64(there, this.view.getBigInt64(here, true));
  }
  pushMirrors(): void {
    for (const mirror of this.#mirrors) this.#push(mirror);
  }
  #push({ here, there }: Mirror): void {
    this.view.setBigInt64(here, this.#module?.peek64(there) ?? 0n, true);
  }

  // --- the hart and its names -----------------------------------------------------------------------
  currentHart(): number {
    return this.view.getUint32(L.CURRENT_HART, true);
  }
  registerAddress(name: string): number | undefined {
    const [, file, number] = /^([xf])(\d+)$/.exec(name) ?? [];
    if (file === "f") return L.F + 8 * Number(number);
    return file === "x" && number !== "0" ? L.X + 8 * Number(number) : undefined;
  }
  hartInstructions(hart: number): bigint {
    const base = (this.machine.core["hart_address"] as (hart: number) => number)(hart) - L.STATE;
    const slots = this.view.getBigUint64(L.SLOTS + base, true);
    if (hart !== this.currentHart()) return slots;
    return slots + BigInt(this.view.getUint32(L.SLICE_LENGTH, true) - this.view.getInt32(L.LEFT, true));
  }
  functionAt(vaddr: bigint): string | undefined {
    return this.services.guest.functionAt(vaddr);
  }
  regionName(id: number): string | undefined {
    return this.machine.bus.regions[id]?.name;
  }
  deviceName(id: number): string | undefined {
    return this.machine.bus.deviceName(id);
  }
  regionId(name: string): number {
    return this.machine.bus.regions.find((region) => region?.name === name)?.id ?? 0;
  }
  deviceId(name: string): number {
    for (const [id, known] of this.machine.bus.deviceNames()) if (known === name) return id;
    return 0;
  }

  // --- the slot -------------------------------------------------------------------------------------
  addFilter(filter: Parameters<EngineHost["addFilter"]>[0]): void {
    const { io, ...lists } = filter;
    const joined: Record<string, unknown> = { ...this.slot.filterSpec };
    for (const [name, values] of Object.entries(lists))
      joined[name] = [...((joined[name] as unknown[]) ?? []), ...(values as unknown[])];
    if (io !== undefined) joined["io"] = io;
    this.#more.setFilter(joined as PluginFilter);
  }
  defer(action: () => void): void {
    this.services.defer(() => {
      if (!this.slot.failure && !this.slot.ended) action();
    });
  }
  detachSelf(): void {
    this.#more.detach();
  }
  setPc(vaddr: bigint): never {
    throw new SetPc(() => {
      this.pushMirrors();
      this.view.setBigUint64(L.PC, vaddr & ~1n, true);
      (this.machine.core["leave_block"] as () => void)();
    });
  }
}
