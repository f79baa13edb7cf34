// Events of harts and translation for the plugins that listen. The core is told which ones anybody wants, so that the others
// cost nothing.
import * as L from "../core/layout.js";
import type { MachineApi } from "../machine/machine-api.js";
import type { AccessView } from "./access-view.js";
import type { PluginEvents } from "./plugin.js";
import type { Slot } from "./slot.js";

const ENGINE_EVENTS: Partial<Record<keyof PluginEvents, number>> = {
  idle: L.EVENT_IDLE,
  resume: L.EVENT_RESUME,
  interrupt: L.EVENT_INTERRUPT,
  exception: L.EVENT_EXCEPTION,
  "tlb-fill": L.EVENT_TLB_FILL,
  "tlb-flush": L.EVENT_TLB_FLUSH,
  satp: L.EVENT_SATP,
  walk: L.EVENT_WALK,
  dma: L.EVENT_DMA,
  topology: L.EVENT_TOPOLOGY,
};
const SCOPES = ["all", "index", "page", "asid", "topology"] as const;

export interface EventSlots {
  slots(): Iterable<Slot>;
  fail(slot: Slot, error: unknown): void;
}

export class EventDispatch {
  readonly #machine: MachineApi;
  readonly #view: DataView;
  readonly #access: AccessView;
  readonly #slots: EventSlots;

  constructor(machine: MachineApi, access: AccessView, slots: EventSlots) {
    this.#machine = machine;
    this.#view = new DataView(machine.memory.buffer);
    this.#access = access;
    this.#slots = slots;
  }

  /** Tells the core what somebody listens for. */
  update(): void {
    let mask = 0;
    for (const slot of this.#slots.slots()) {
      if (!slot.active) continue;
      for (const [name, listeners] of slot.listeners) {
        const event = ENGINE_EVENTS[name];
        if (event !== undefined && listeners.size > 0) mask |= 1 << event;
      }
    }
    this.#machine.probes.events = mask;
  }

  hartsBegin(slot: Slot): void {
    for (let hart = 0; hart < this.#machine.description.harts; hart++) this.#to(slot, "hart-init", { hart });
  }
  hartsEnd(slot: Slot): void {
    for (let hart = 0; hart < this.#machine.description.harts; hart++) this.#to(slot, "hart-exit", { hart });
  }

  plain<E extends keyof PluginEvents>(name: E, event: PluginEvents[E]): void {
    for (const slot of [...this.#slots.slots()]) if (slot.active) this.#to(slot, name, event);
  }

  #to<E extends keyof PluginEvents>(slot: Slot, name: E, event: PluginEvents[E]): void {
    for (const listener of [...(slot.listeners.get(name) ?? [])]) {
      if (slot.failure) return;
      try {
        (listener as (event: PluginEvents[E]) => void)(event);
      } catch (error) {
        this.#slots.fail(slot, error);
      }
    }
  }

  /** An event of the core; arguments as core/layout.ts lists them at EVENT_*. */
  engine(event: number, a: bigint, b: bigint, c: number, d: number): void {
    const hart = this.#view.getUint32(L.CURRENT_HART, true);
    const first = BigInt.asUintN(64, a);
    const second = BigInt.asUintN(64, b);
    switch (event) {
      case L.EVENT_IDLE:
        this.plain("idle", { hart });
        return;
      case L.EVENT_RESUME:
        this.plain("resume", { hart: c });
        return;
      case L.EVENT_INTERRUPT:
        this.plain("interrupt", { hart, cause: c, from: first, to: second });
        return;
      case L.EVENT_EXCEPTION: {
        const tval = this.#view.getBigUint64(L.TRAP_TVAL, true);
        this.plain("exception", { hart, cause: c, from: first, to: second, tval });
        return;
      }
      case L.EVENT_TLB_FILL:
        this.plain("tlb-fill", { hart, vaddr: first, paddr: second, pageBits: c, mmuIndex: d });
        return;
      case L.EVENT_TLB_FLUSH:
        this.plain("tlb-flush", { hart, scope: SCOPES[c] ?? "all", vaddr: first, asid: d });
        return;
      case L.EVENT_SATP:
        this.plain("satp", { hart, old: first, value: second });
        return;
      case L.EVENT_TOPOLOGY:
        this.plain("topology", { generation: c });
        return;
      case L.EVENT_WALK:
        this.#told("walk", { struct: L.WALK_HWADDR, kind: c, vaddr: first, value: second });
        return;
      case L.EVENT_DMA:
        this.#told("dma", { struct: L.TRACE_SCRATCH, kind: c, vaddr: first, value: second });
        return;
    }
  }

  /** An access that is no hart's: `access` and the core's own functions answer for it meanwhile. */
  #told(name: "walk" | "dma", told: NonNullable<AccessView["told"]>): void {
    this.#access.told = told;
    this.#view.setUint32(L.EVENT_HWADDR, told.struct, true);
    this.#view.setBigUint64(L.EVENT_VALUE, told.value, true);
    this.plain(name, this.#access);
    this.#view.setUint32(L.EVENT_HWADDR, 0, true);
    this.#access.told = undefined;
  }
}
