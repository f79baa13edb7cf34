// A window of the address space that shows one of several targets: RAM banks, a device, a mixture of both, ROM, or
// nothing. The two bank controllers differ only in what makes them choose.
import type { Bus, MemoryRegion } from "../bus/bus.js";

export const WINDOW_SIZE = 0x10000;
export const RAM_BANKS = 4;
const PAGE = 0x1000;

/** What a target is, as STATUS.KIND says it. */
export const TARGET_KINDS = ["ram", "device", "mixed", "rom", "none"] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

export interface BankWindowOptions {
  bus: Bus;
  /** Controller's name; its banks are `<name>.ram0` and so on. */
  name: string;
  /** Name of the window's own region. */
  window: string;
  /** One page of device registers, repeated in each page of the window. */
  device: MemoryRegion;
  /** Set in every word of the ROM target, on top of the word's offset. */
  romTag: number;
}

export class BankWindow {
  /** To be mapped by the board. */
  readonly region: MemoryRegion;
  /** Window re-maps since reset. */
  switches = 0;

  readonly #bus: Bus;
  readonly #targets: { kind: TargetKind; region: MemoryRegion }[];
  readonly #rams: MemoryRegion[];
  readonly #rom: MemoryRegion;
  readonly #romTag: number;
  #selected = 0;

  constructor({ bus, name, window, device, romTag }: BankWindowOptions) {
    this.#bus = bus;
    this.#romTag = romTag;
    this.#rams = Array.from({ length: RAM_BANKS }, (_, bank) => bus.createRam(`${name}.ram${bank}`, WINDOW_SIZE));
    this.#rom = bus.createRom(`${name}.rom`, WINDOW_SIZE);
    const first = this.#rams[0] as MemoryRegion;
    const pages = bus.createContainer(`${name}.device-pages`, WINDOW_SIZE);
    const mixed = bus.createContainer(`${name}.mixed`, WINDOW_SIZE);
    for (let at = 0; at < WINDOW_SIZE; at += PAGE) {
      bus.add(pages, at, bus.createAlias(`${name}.device-page${at / PAGE}`, device, 0, PAGE));
      const odd = (at / PAGE) % 2 === 1;
      bus.add(mixed, at, bus.createAlias(`${name}.mixed-page${at / PAGE}`, odd ? device : first, odd ? 0 : at, PAGE));
    }
    this.#targets = [
      ...this.#rams.map((region) => ({ kind: "ram" as const, region })),
      { kind: "device", region: pages },
      { kind: "mixed", region: mixed },
      { kind: "rom", region: this.#rom },
      { kind: "none", region: bus.createContainer(`${name}.none`, WINDOW_SIZE) },
    ];
    this.region = bus.createAlias(window, first, 0, WINDOW_SIZE);
    this.#fillRom();
  }

  get count(): number {
    return this.#targets.length;
  }

  get selected(): number {
    return this.#selected;
  }

  get kind(): TargetKind {
    return (this.#targets[this.#selected] as { kind: TargetKind }).kind;
  }

  /** Where the window is mapped; 0 while it is not. */
  get base(): number {
    let at = 0;
    for (let region = this.region; region.parent; region = region.parent) {
      const parent: MemoryRegion = region.parent;
      at += parent.children.find((child) => child.region === region)?.offset ?? 0;
    }
    return at;
  }

  /** Maps a target at once, also while the guest's access to the controller is in flight. False when there is no such target. */
  select(target: number): boolean {
    const entry = this.#targets[target];
    if (!entry) return false;
    this.#selected = target;
    this.switches += 1;
    this.#bus.setAlias(this.region, entry.region, 0);
    return true;
  }

  reset(): void {
    this.select(0);
    this.switches = 0;
    for (const ram of this.#rams) this.#bus.hostBytes(ram).fill(0);
    this.#fillRom();
  }

  #fillRom(): void {
    const bytes = this.#bus.hostBytes(this.#rom);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; offset < WINDOW_SIZE; offset += 4) view.setUint32(offset, (offset | this.#romTag) >>> 0, true);
  }
}
