// The machine's bus: the memory tree, its flat view, and the way to the devices.
//
// Invariants: a change of the tree takes effect at the end of the outermost transaction, in one new flat view;
// the flat view never changes in place, so whoever holds a Section keeps what was true then; an access in flight
// ends at the region it started with, whatever its handler does to the tree. Physical addresses are numbers below 2^53.
import type { DeviceLog } from "../devices/device.js";
import { flatten, sameView } from "./flatten.js";
import { type IoDirection, perform, refusal, type Words } from "./io-access.js";
import { type Child, DEFAULT_RULES, MemoryRegion } from "./memory-region.js";
import { type AccessRules, IO_FAULT, IO_OK, type IoHandlers, type Section } from "./region.js";

export { accessRules, MemoryRegion } from "./memory-region.js";

/** The size of the physical address space, bytes. */
export const ADDRESS_SPACE = 2 ** 52;

/** A mistake in building the tree (our bug, not the guest's). */
export class BusError extends Error {
  override name = "BusError";
}

/** A debug access hit an address that does not answer it. */
export class BusFault extends Error {
  override name = "BusFault";
  /** The first physical address that failed. */
  readonly paddr: number;
  constructor(paddr: number, reason: string) {
    super(`physical address 0x${paddr.toString(16)}: ${reason}`);
    this.paddr = paddr;
  }
}

/** A node of the tree as tools see it; 64-bit numbers as bigint, as in the session protocol. */
export interface TreeNode {
  name: string;
  kind: "container" | "ram" | "rom" | "io" | "alias";
  /** In its parent. */
  offset: bigint;
  size: bigint;
  priority: number;
  enabled: boolean;
  device?: string;
  alias?: { target: string; offset: bigint };
  children: TreeNode[];
}

/** A line of the flat view as tools see it; `end` is one past the last byte. */
export interface FlatEntry {
  start: bigint;
  end: bigint;
  region: string;
  kind: "ram" | "rom" | "io";
  offset: bigint;
  device?: string;
}

/** What a debug read may do to devices: nothing at all (`none`), ask for values without effects, or really read. */
export type IoPolicy = "none" | "peek" | "read";

export interface BusOptions {
  /** Reserves zeroed host memory of at least `size` bytes, 8-aligned or better; returns its address. */
  allocate(size: number): number;
  /** The memory that host addresses count in. */
  memory: WebAssembly.Memory;
  log?: DeviceLog;
}

type CommitCallback = (sections: readonly Section[]) => void;

export class Bus {
  /** The whole physical address space. */
  readonly root: MemoryRegion;
  /** Every region ever made, by id; index 0 is unused. */
  readonly regions: (MemoryRegion | undefined)[] = [undefined];
  /** Result of dispatchRead(), low and high word, unsigned. */
  readonly value: Words = { lo: 0, hi: 0 };
  /** Name ids the last dispatch left: register and field, 0 for none or unknown. */
  lastRegister = 0;
  lastField = 0;
  /** Counts flat views; the first one is 1. */
  generation = 0;

  readonly #allocate: (size: number) => number;
  readonly #memory: WebAssembly.Memory;
  readonly #log: DeviceLog | undefined;
  readonly #deviceNames = new Map<number, string>();
  readonly #commitCallbacks: CommitCallback[] = [];
  readonly #refused = new Set<string>();
  #bytes: Uint8Array;
  #sections: readonly Section[] = [];
  #depth = 0;
  #pending = false;
  #order = 0;
  #lastHit: Section | undefined;

  constructor(options: BusOptions) {
    this.#allocate = options.allocate;
    this.#memory = options.memory;
    this.#log = options.log;
    this.#bytes = new Uint8Array(options.memory.buffer);
    this.root = this.createContainer("system", ADDRESS_SPACE);
  }

  // ---- regions ------------------------------------------------------------------------------------

  createContainer(name: string, size: number, device = 0): MemoryRegion {
    return this.#register({ name, kind: "container", size, device });
  }

  /** Guest memory, zeroed, `size` bytes. */
  createRam(name: string, size: number, device = 0): MemoryRegion {
    return this.#register({ name, kind: "ram", size, device, host: this.#allocate(size) });
  }

  /** Memory that the guest reads and executes but cannot write (its writes are dropped); filled by writePhysical() or hostBytes(). */
  createRom(name: string, size: number, device = 0): MemoryRegion {
    return this.#register({ name, kind: "rom", size, device, host: this.#allocate(size) });
  }

  createIo(
    name: string,
    size: number,
    handlers: IoHandlers,
    rules: AccessRules = DEFAULT_RULES,
    device = 0,
  ): MemoryRegion {
    if (rules.impl.max === 8 && !(handlers.read64 && handlers.write64)) {
      throw new BusError(`region ${name}: eight-byte handlers are missing`);
    }
    return this.#register({ name, kind: "io", size, device, handlers, rules });
  }

  /** Shows [offset, offset + size) of `target`, any region, mapped elsewhere or not at all. */
  createAlias(name: string, target: MemoryRegion, offset: number, size: number, device = 0): MemoryRegion {
    const alias = this.#register({ name, kind: "alias", size, device });
    alias.target = target;
    alias.targetOffset = checkOffset(name, offset);
    return alias;
  }

  #register(
    fields: ConstructorParameters<typeof MemoryRegion>[0] extends infer F ? Omit<F & object, "id"> : never,
  ): MemoryRegion {
    const id = this.regions.length;
    if (id > 65535) throw new BusError("more than 65535 memory regions");
    if (!(Number.isSafeInteger(fields.size) && fields.size > 0 && fields.size <= ADDRESS_SPACE)) {
      throw new BusError(`region ${fields.name}: size ${fields.size}`);
    }
    const region = new MemoryRegion({ id, ...fields } as ConstructorParameters<typeof MemoryRegion>[0]);
    this.regions.push(region);
    return region;
  }

  region(id: number): MemoryRegion | undefined {
    return this.regions[id];
  }

  /** Names devices in dumps; the board builder tells. */
  nameDevice(id: number, name: string): void {
    this.#deviceNames.set(id, name);
  }

  deviceName(id: number): string | undefined {
    return this.#deviceNames.get(id);
  }

  deviceNames(): ReadonlyMap<number, string> {
    return this.#deviceNames;
  }

  // ---- the tree -----------------------------------------------------------------------------------

  /** Maps `child` at `offset` of `parent`. Throws BusError if it is mapped already or would contain itself. */
  add(parent: MemoryRegion, offset: number, child: MemoryRegion, priority = 0): void {
    if (child.parent) throw new BusError(`region ${child.name} is mapped already`);
    if (parent.kind === "alias") throw new BusError(`alias ${parent.name} cannot hold regions`);
    if (reaches(child, parent)) throw new BusError(`region ${child.name} would contain itself`);
    checkOffset(child.name, offset);
    this.transaction(() => {
      this.#insert(parent, { region: child, offset, priority, order: ++this.#order });
      child.parent = parent;
      this.#pending = true;
    });
  }

  #insert(parent: MemoryRegion, entry: Child): void {
    const children = parent.children;
    let i = 0;
    while (i < children.length && (children[i] as Child).priority > entry.priority) i += 1;
    while (
      i < children.length &&
      (children[i] as Child).priority === entry.priority &&
      (children[i] as Child).order > entry.order
    )
      i += 1;
    children.splice(i, 0, entry);
  }

  /** Takes `child` out of its container. The region stays usable and keeps its id. */
  remove(child: MemoryRegion): void {
    const parent = child.parent;
    if (!parent) throw new BusError(`region ${child.name} is not mapped`);
    this.transaction(() => {
      parent.children.splice(childIndex(child), 1);
      child.parent = undefined;
      this.#pending = true;
    });
  }

  setEnabled(region: MemoryRegion, enabled: boolean): void {
    if (region.enabled === enabled) return;
    this.transaction(() => {
      region.enabled = enabled;
      this.#pending = true;
    });
  }

  /** Moves a mapped region inside its container. */
  setOffset(child: MemoryRegion, offset: number): void {
    const entry = this.#entry(child);
    checkOffset(child.name, offset);
    if (entry.offset === offset) return;
    this.transaction(() => {
      entry.offset = offset;
      this.#pending = true;
    });
  }

  setPriority(child: MemoryRegion, priority: number): void {
    const entry = this.#entry(child);
    if (entry.priority === priority) return;
    this.transaction(() => {
      const parent = child.parent as MemoryRegion;
      parent.children.splice(childIndex(child), 1);
      entry.priority = priority;
      this.#insert(parent, entry);
      this.#pending = true;
    });
  }

  /** Lets an alias show another region or another part of it. */
  setAlias(alias: MemoryRegion, target: MemoryRegion, offset: number): void {
    if (alias.kind !== "alias") throw new BusError(`region ${alias.name} is no alias`);
    if (reaches(target, alias)) throw new BusError(`alias ${alias.name} would contain itself`);
    checkOffset(alias.name, offset);
    if (alias.target === target && alias.targetOffset === offset) return;
    this.transaction(() => {
      alias.target = target;
      alias.targetOffset = offset;
      this.#pending = true;
    });
  }

  #entry(child: MemoryRegion): Child {
    if (!child.parent) throw new BusError(`region ${child.name} is not mapped`);
    return child.parent.children[childIndex(child)] as Child;
  }

  /** Runs `change`; transactions nest, and the outermost one commits at its end, also when `change` throws. */
  transaction<T>(change: () => T): T {
    this.#depth += 1;
    try {
      return change();
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0 && this.#pending) this.#commit();
    }
  }

  #commit(): void {
    this.#pending = false;
    const view = flatten(this.root);
    if (sameView(view, this.#sections)) return;
    this.#sections = view;
    this.#lastHit = undefined;
    this.generation += 1;
    for (const callback of this.#commitCallbacks) callback(this.#sections);
  }

  /** Calls back after each commit that changed where any address goes. */
  onCommit(callback: CommitCallback): void {
    this.#commitCallbacks.push(callback);
  }

  // ---- the flat view ------------------------------------------------------------------------------

  get sections(): readonly Section[] {
    return this.#sections;
  }

  /** The section that answers at `paddr`; undefined where nothing does. */
  find(paddr: number): Section | undefined {
    const hit = this.#lastHit;
    if (hit && paddr >= hit.start && paddr < hit.end) return hit;
    const sections = this.#sections;
    let low = 0;
    let high = sections.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const section = sections[middle] as Section;
      if (paddr < section.start) high = middle;
      else if (paddr >= section.end) low = middle + 1;
      else {
        this.#lastHit = section;
        return section;
      }
    }
    return undefined;
  }

  flatView(): FlatEntry[] {
    return this.#sections.map((section) => ({
      start: BigInt(section.start),
      end: BigInt(section.end),
      region: section.region.name,
      kind: section.region.kind as FlatEntry["kind"],
      offset: BigInt(section.offset),
      ...this.#deviceField(section.region.device),
    }));
  }

  memoryTree(): TreeNode {
    return this.#treeNode(this.root, 0, 0);
  }

  #treeNode(region: MemoryRegion, offset: number, priority: number): TreeNode {
    return {
      name: region.name,
      kind: region.kind,
      offset: BigInt(offset),
      size: BigInt(region.size),
      priority,
      enabled: region.enabled,
      ...this.#deviceField(region.device),
      ...(region.target ? { alias: { target: region.target.name, offset: BigInt(region.targetOffset) } } : {}),
      children: [...region.children]
        .sort((a, b) => a.offset - b.offset || b.priority - a.priority || b.order - a.order)
        .map((child) => this.#treeNode(child.region, child.offset, child.priority)),
    };
  }

  #deviceField(id: number): { device?: string } {
    const device = this.#deviceNames.get(id);
    return device === undefined ? {} : { device };
  }

  // ---- device accesses ----------------------------------------------------------------------------

  /**
   * The guest reads `size` (1, 2, 4 or 8) bytes of io region `regionId`. Returns IO_OK with the result in
   * `value`, or IO_FAULT, which becomes an access fault.
   */
  dispatchRead(regionId: number, offset: number, size: number): number {
    return this.#dispatch("read", regionId, offset, size);
  }

  /** As dispatchRead(); the value is `lo` and, for eight bytes, `hi`, unsigned words. */
  dispatchWrite(regionId: number, offset: number, size: number, lo: number, hi: number): number {
    this.value.lo = lo;
    this.value.hi = hi;
    return this.#dispatch("write", regionId, offset, size);
  }

  #dispatch(direction: IoDirection, regionId: number, offset: number, size: number): number {
    this.lastRegister = 0;
    this.lastField = 0;
    const region = this.regions[regionId];
    const handlers = region?.handlers;
    if (!region || !handlers || offset < 0 || offset + size > region.size) {
      this.value.lo = 0;
      this.value.hi = 0;
      return IO_FAULT;
    }
    const refused = refusal(region.rules, offset, size);
    if (refused !== undefined) {
      this.#logRefusal(region, direction, offset, refused);
      this.value.lo = 0;
      this.value.hi = 0;
      return IO_FAULT;
    }
    handlers.lastRegister = 0;
    handlers.lastField = 0;
    perform(region, direction, offset, size, this.value);
    this.lastRegister = handlers.lastRegister ?? 0;
    this.lastField = handlers.lastField ?? 0;
    return IO_OK;
  }

  /** One line per region, direction and reason: a guest in a loop must not fill the log. */
  #logRefusal(region: MemoryRegion, direction: IoDirection, offset: number, reason: string): void {
    const key = `refused ${region.id} ${direction} ${reason}`;
    if (this.#refused.has(key)) return;
    this.#refused.add(key);
    const device = this.#deviceNames.get(region.device) ?? region.name;
    this.#log?.guestError(
      device,
      key,
      `${region.name}: ${direction} at offset 0x${offset.toString(16)} refused: ${reason}`,
    );
  }

  // ---- debug access -------------------------------------------------------------------------------

  /**
   * Copies `length` bytes of guest physical memory. Devices are read only as `io` says: one byte at a time, and with
   * `peek` only where the device can tell without side effects. Throws BusFault at the first byte that does not answer.
   */
  readPhysical(paddr: number, length: number, io: IoPolicy = "none"): Uint8Array {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const section = this.find(paddr + done);
      if (!section) throw new BusFault(paddr + done, "nothing is mapped there");
      const take = Math.min(length - done, section.end - (paddr + done));
      const inSection = paddr + done - section.start;
      if (section.host) {
        const from = section.host + inSection;
        out.set(this.#host().subarray(from, from + take), done);
      } else {
        for (let i = 0; i < take; i++) out[done + i] = this.#debugIo(section, inSection + i, paddr + done + i, io);
      }
      done += take;
    }
    return out;
  }

  /**
   * A device register of `size` bytes (1, 2 or 4) as a debugger sees it, without side effects; undefined where nothing or
   * memory is mapped, or the device cannot tell.
   */
  peekIo(paddr: number, size: 1 | 2 | 4): number | undefined {
    const section = this.find(paddr);
    if (!section || section.host || paddr + size > section.end) return undefined;
    return peek(section, section.offset + (paddr - section.start), size);
  }

  #debugIo(section: Section, inSection: number, paddr: number, io: IoPolicy): number {
    const offset = section.offset + inSection;
    if (io === "peek") {
      const value = peek(section, offset, 1);
      if (value !== undefined) return value;
    } else if (io === "read" && this.dispatchRead(section.region.id, offset, 1) === IO_OK) return this.value.lo;
    throw new BusFault(
      paddr,
      io === "none" ? `device region ${section.region.name} is not memory` : `${section.region.name} cannot be read`,
    );
  }

  /** Writes RAM and ROM; throws BusFault, having written nothing, unless the whole range is memory. */
  writePhysical(paddr: number, bytes: Uint8Array): void {
    const pieces: { host: number; from: number; to: number }[] = [];
    for (let done = 0; done < bytes.length; ) {
      const section = this.find(paddr + done);
      if (!section?.host)
        throw new BusFault(
          paddr + done,
          section ? `device region ${section.region.name} is not memory` : "nothing is mapped there",
        );
      const take = Math.min(bytes.length - done, section.end - (paddr + done));
      pieces.push({ host: section.host + (paddr + done - section.start), from: done, to: done + take });
      done += take;
    }
    const host = this.#host();
    for (const piece of pieces) host.set(bytes.subarray(piece.from, piece.to), piece.host);
  }

  /** The live bytes of a ram or rom region, for image loading and resets. Stores through it bypass code invalidation. */
  hostBytes(region: MemoryRegion): Uint8Array {
    if (!region.host) throw new BusError(`region ${region.name} has no memory`);
    return this.#host().subarray(region.host, region.host + region.size);
  }

  /** A grown shared memory keeps its old buffers at their old length, so look again. */
  #host(): Uint8Array {
    const buffer = this.#memory.buffer;
    if (this.#bytes.byteLength !== buffer.byteLength) this.#bytes = new Uint8Array(buffer);
    return this.#bytes;
  }
}

function peek(section: Section, offset: number, size: 1 | 2 | 4): number | undefined {
  return (section.region as MemoryRegion).handlers?.peek?.(offset, size);
}

function checkOffset(name: string, offset: number): number {
  if (!(Number.isSafeInteger(offset) && offset >= 0 && offset < ADDRESS_SPACE))
    throw new BusError(`region ${name}: offset ${offset}`);
  return offset;
}

function childIndex(child: MemoryRegion): number {
  return (child.parent as MemoryRegion).children.findIndex((entry) => entry.region === child);
}

/** Whether rendering `from` would render `to`. */
function reaches(from: MemoryRegion, to: MemoryRegion, seen = new Set<MemoryRegion>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  if (from.target && reaches(from.target, to, seen)) return true;
  return from.children.some((child) => reaches(child.region, to, seen));
}
