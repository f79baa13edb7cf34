// The oracle of board remap: its map, its bank controllers and latches said once more, from the text atop
// src/machine/boards/remap.ts and sharing nothing with the devices. It goes through a program's accesses in order and says
// what record each must leave: the address that was true when the access began, whatever the access itself did to the map.

export const WINDOW_SIZE = 0x10000;
export const PAGE = 0x1000;
const RAM = 0x8000_0000;

/** One record, in the words of the trace format. Numbers are bigint where they may have 64 bits. */
export interface Expected {
  pc: bigint;
  icount: number;
  vaddr: bigint;
  paddr: bigint;
  region: string;
  device: string;
  register: string;
  offset: bigint;
  size: number;
  kind: string;
  value: bigint;
  /** Names of the flags, in the order of their bits. */
  flags: string;
}

interface RegisterModel {
  offset: number;
  bytes: number;
  name: string;
  read?: () => bigint;
  /** `covered` has a bit for each byte written. */
  write?: (value: bigint, covered: number) => void;
}

/** Where a part of an access goes, fixed when the access begins. */
interface Target {
  region: string;
  offset: number;
  device?: DeviceModel;
  memory?: Uint8Array;
  rom?: boolean;
}

class DeviceModel {
  readonly name: string;
  reads = 0;
  writes = 0;
  registers: RegisterModel[] = [];

  constructor(name: string) {
    this.name = name;
  }

  at(offset: number): RegisterModel | undefined {
    return this.registers.find((register) => offset >= register.offset && offset < register.offset + register.bytes);
  }

  /** One access as the device sees it: each register it covers is read once, in order. */
  read(offset: number, size: number): bigint {
    this.reads++;
    let value = 0n;
    for (let at = offset; at < offset + size; ) {
      const register = this.at(at);
      if (register === undefined) {
        at++;
        continue;
      }
      const skip = at - register.offset;
      const take = Math.min(register.bytes - skip, offset + size - at);
      value |= bytesOf((register.read?.() ?? 0n) >> BigInt(8 * skip), take) << BigInt(8 * (at - offset));
      at += take;
    }
    return value;
  }

  write(offset: number, size: number, value: bigint): void {
    this.writes++;
    for (let at = offset; at < offset + size; ) {
      const register = this.at(at);
      if (register === undefined) {
        at++;
        continue;
      }
      const skip = at - register.offset;
      const take = Math.min(register.bytes - skip, offset + size - at);
      const piece = bytesOf(value >> BigInt(8 * (at - offset)), take);
      register.write?.(piece << BigInt(8 * skip), ((1 << take) - 1) << skip);
      at += take;
    }
  }
}

const bytesOf = (value: bigint, size: number): bigint => value & ((1n << BigInt(8 * size)) - 1n);

const KINDS = ["ram", "ram", "ram", "ram", "device", "mixed", "rom", "none"] as const;
const KIND_NUMBERS = { ram: 0, device: 1, mixed: 2, rom: 3, none: 4 };

/** A window, and the targets it can show. */
class WindowModel {
  selected = 0;
  switches = 0;
  readonly base: number;
  readonly #controller: string;
  readonly #latch: DeviceModel;
  readonly #rams = [0, 1, 2, 3].map(() => new Uint8Array(WINDOW_SIZE));
  readonly #rom = new Uint8Array(WINDOW_SIZE);
  /** Told of every change of what the window shows. */
  readonly #changed: () => void;

  constructor(controller: string, base: number, romTag: number, latch: DeviceModel, changed: () => void) {
    this.#controller = controller;
    this.base = base;
    this.#latch = latch;
    this.#changed = changed;
    const words = new Uint32Array(this.#rom.buffer);
    for (let i = 0; i < words.length; i++) words[i] = (romTag | (4 * i)) >>> 0;
  }

  get kind(): number {
    return KIND_NUMBERS[KINDS[this.selected] as keyof typeof KIND_NUMBERS];
  }

  select(target: number): void {
    this.switches++;
    if (target !== this.selected) this.#changed();
    this.selected = target;
  }

  at(into: number): Target | undefined {
    const kind = KINDS[this.selected];
    const latch = { region: this.#latch.name, offset: into % PAGE, device: this.#latch };
    const ram = (bank: number): Target => ({
      region: `${this.#controller}.ram${bank}`,
      offset: into,
      memory: this.#rams[bank] as Uint8Array,
    });
    if (kind === "ram") return ram(this.selected);
    if (kind === "device") return latch;
    if (kind === "mixed") return Math.floor(into / PAGE) % 2 === 1 ? latch : ram(0);
    if (kind === "rom") return { region: `${this.#controller}.rom`, offset: into, memory: this.#rom, rom: true };
    return undefined;
  }
}

/** A constant or computed register of 32 or 64 bits. */
const shows = (offset: number, bytes: number, name: string, read: () => number): RegisterModel => ({
  offset,
  bytes,
  name,
  read: () => BigInt(read()),
});

function latchModel(name: string): DeviceModel {
  const device = new DeviceModel(name);
  const data = new BigUint64Array(64);
  for (let n = 0; n < 64; n++) {
    device.registers.push({
      offset: 8 * n,
      bytes: 8,
      name: `DATA[${n}]`,
      read: () => data[n] as bigint,
      write: (value, covered) => {
        data[n] = merge(data[n] as bigint, value, covered);
      },
    });
  }
  device.registers.push(shows(0x200, 4, "READS", () => device.reads));
  device.registers.push(shows(0x204, 4, "WRITES", () => device.writes));
  return device;
}

function merge(old: bigint, value: bigint, covered: number): bigint {
  let mask = 0n;
  for (let byte = 0; byte < 8; byte++) if ((covered >> byte) & 1) mask |= 0xffn << BigInt(8 * byte);
  return (old & ~mask) | (value & mask);
}

export class RemapModel {
  readonly records: Expected[] = [];
  readonly devices: Record<string, DeviceModel> = {};
  /** Changes of the map so far. */
  changes = 0;
  readonly #windows: WindowModel[];
  readonly #ram: Uint8Array;

  /** `ram`: what main memory holds at the start; the model goes on with a copy. */
  constructor(ram: Uint8Array) {
    this.#ram = ram.slice();
    const changed = (): void => {
      this.changes++;
    };
    const latches = [latchModel("latch0"), latchModel("latch1")] as const;
    const windows = [
      new WindowModel("bank0", 0x1200_0000, 0xb000_0000, latches[0], changed),
      new WindowModel("bank1", 0x1210_0000, 0xb100_0000, latches[1], changed),
    ] as const;
    this.#windows = [...windows];
    for (const device of [bank0(windows[0]), bank1(windows[1]), ...latches]) this.devices[device.name] = device;
  }

  /** Loads `size` bytes; undefined where it faults. */
  load(access: { pc: number; icount: number; va: bigint; parts: readonly Part[] }, kind = "load"): bigint | undefined {
    const targets = this.#targets(access, "load");
    if (targets === undefined) return undefined;
    let value = 0n;
    let shift = 0n;
    access.parts.forEach((part, n) => {
      const piece = this.#read(access, part, targets[n] as Target, kind, splitFlag(access.parts, n));
      value |= piece << shift;
      shift += BigInt(8 * part.size);
    });
    return value;
  }

  /** False where it faults. */
  store(access: { pc: number; icount: number; va: bigint; parts: readonly Part[] }, value: bigint): boolean {
    const targets = this.#targets(access, "store");
    if (targets === undefined) return false;
    let rest = value;
    access.parts.forEach((part, n) => {
      const flag = splitFlag(access.parts, n);
      this.#write(access, part, targets[n] as Target, bytesOf(rest, part.size), "store", flag);
      rest >>= BigInt(8 * part.size);
    });
    return true;
  }

  /** Reads, and writes what `change` makes of it to the same place. */
  amo(
    access: { pc: number; icount: number; va: bigint; parts: readonly Part[] },
    change: (old: bigint) => bigint,
  ): boolean {
    const targets = this.#targets(access, "store");
    if (targets === undefined) return false;
    const [part] = access.parts as [Part];
    const [target] = targets as [Target];
    const old = this.#read(access, part, target, "amo-read", []);
    this.#write(access, part, target, bytesOf(change(old), part.size), "amo-write", []);
    return true;
  }

  #targets(access: { pc: number; icount: number; parts: readonly Part[] }, kind: string): Target[] | undefined {
    const targets: Target[] = [];
    for (const part of access.parts) {
      const target = this.#at(part.pa);
      if (target === undefined) {
        this.#record(access, part, { region: "unassigned", offset: 0 }, kind, 0n, ["fault"]);
        return undefined;
      }
      targets.push(target);
    }
    return targets;
  }

  #at(pa: number): Target | undefined {
    for (const window of this.#windows) {
      if (pa >= window.base && pa < window.base + WINDOW_SIZE) return window.at(pa - window.base);
    }
    const block = ["bank0", "bank1", "latch0", "latch1"][((pa - 0x1100_0000) / PAGE) | 0];
    if (pa >= 0x1100_0000 && block !== undefined)
      return { region: block, offset: pa % PAGE, device: this.devices[block] as DeviceModel };
    if (pa >= RAM && pa < RAM + this.#ram.length) return { region: "ram", offset: pa - RAM, memory: this.#ram };
    return undefined;
  }

  #read(access: { pc: number; icount: number }, part: Part, target: Target, kind: string, flags: string[]): bigint {
    const before = this.changes;
    let value = 0n;
    if (target.device) {
      for (const [at, size] of pieces(target.offset, part.size))
        value |= target.device.read(at, size) << BigInt(8 * (at - target.offset));
    } else {
      for (let i = part.size - 1; i >= 0; i--)
        value = (value << 8n) | BigInt((target.memory as Uint8Array)[target.offset + i] as number);
    }
    this.#record(access, part, target, kind, value, this.#flags(target, flags, before, false));
    return value;
  }

  #write(
    access: { pc: number; icount: number },
    part: Part,
    target: Target,
    value: bigint,
    kind: string,
    flags: string[],
  ): void {
    const before = this.changes;
    if (target.device) {
      for (const [at, size] of pieces(target.offset, part.size))
        target.device.write(at, size, bytesOf(value >> BigInt(8 * (at - target.offset)), size));
    } else if (!target.rom) {
      for (let i = 0; i < part.size; i++)
        (target.memory as Uint8Array)[target.offset + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
    this.#record(access, part, target, kind, value, this.#flags(target, flags, before, true));
  }

  #flags(target: Target, split: string[], changesBefore: number, write: boolean): string[] {
    const unknown = target.device !== undefined && target.device.at(target.offset) === undefined;
    return [
      ...split,
      ...(this.changes !== changesBefore ? ["remapped"] : []),
      ...(unknown ? ["unknown-register"] : []),
      ...(write && target.rom ? ["discarded"] : []),
    ];
  }

  #record(
    access: { pc: number; icount: number },
    part: Part,
    target: Target,
    kind: string,
    value: bigint,
    flags: string[],
  ): void {
    const register = target.device?.at(target.offset);
    this.records.push({
      pc: BigInt(access.pc),
      icount: access.icount,
      vaddr: part.va,
      paddr: BigInt(part.pa),
      region: target.region,
      device: target.device?.name ?? "",
      register: register === undefined ? "" : `${target.device?.name}.${register.name}`,
      offset: BigInt(target.offset),
      size: part.size,
      kind,
      value,
      flags: flags.join(" "),
    });
  }
}

/** A part of an access: bytes in one page. */
export interface Part {
  va: bigint;
  pa: number;
  size: number;
}

const splitFlag = (parts: readonly Part[], n: number): string[] =>
  parts.length === 1 ? [] : [n === 0 ? "split-first" : "split-second"];

/** A device gets a power of two as it is, and other sizes in naturally aligned pieces of up to four bytes. */
export function pieces(offset: number, size: number): [number, number][] {
  if ((size & (size - 1)) === 0) return [[offset, size]];
  const out: [number, number][] = [];
  for (let at = offset; at < offset + size; ) {
    const left = offset + size - at;
    let piece = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    while (at % piece !== 0) piece /= 2;
    out.push([at, piece]);
    at += piece;
  }
  return out;
}

function bank0(window: WindowModel): DeviceModel {
  const device = new DeviceModel("bank0");
  let error = false;
  const select = (target: number): void => {
    if (target < KINDS.length) window.select(target);
    else error = true;
  };
  const bank = {
    read: () => BigInt(window.selected),
    write: (value: bigint, covered: number) => select(Number(merge(BigInt(window.selected), value, covered) & 0xffn)),
  };
  device.registers = [
    { offset: 0, bytes: 4, name: "BANK", ...bank },
    {
      offset: 4,
      bytes: 4,
      name: "STATUS",
      read: () => BigInt(window.selected | (window.kind << 8)) | (error ? 0x8000_0000n : 0n),
      write: (value) => {
        if (value & 0x8000_0000n) error = false;
      },
    },
    shows(8, 4, "COUNT", () => KINDS.length),
    shows(0xc, 4, "SWITCHES", () => window.switches),
    shows(0x10, 8, "WINDOW_BASE", () => window.base),
    shows(0x18, 8, "WINDOW_SIZE", () => WINDOW_SIZE),
    { offset: 0x20, bytes: 4, name: "ROTATE", write: () => select((window.selected + 1) % KINDS.length) },
    shows(0x28, 4, "READS", () => device.reads),
    shows(0x2c, 4, "WRITES", () => device.writes),
    { offset: 0xfff, bytes: 1, name: "BANK_LAST", ...bank },
  ];
  return device;
}

function bank1(window: WindowModel): DeviceModel {
  const device = new DeviceModel("bank1");
  let limit = 5;
  const next = (): bigint => {
    const before = window.selected;
    window.select((before + 1) % limit);
    return BigInt(before);
  };
  device.registers = [
    { offset: 0, bytes: 4, name: "SWITCH", read: next },
    shows(4, 4, "CURRENT", () => window.selected),
    {
      offset: 8,
      bytes: 4,
      name: "LIMIT",
      read: () => BigInt(limit),
      write: (value, covered) => {
        const wanted = Number(merge(BigInt(limit), value, covered));
        if (wanted >= 1 && wanted <= KINDS.length) limit = wanted;
      },
    },
    shows(0xc, 4, "SWITCHES", () => window.switches),
    shows(0x10, 8, "WINDOW_BASE", () => window.base),
    shows(0x18, 8, "WINDOW_SIZE", () => WINDOW_SIZE),
    { offset: 0x20, bytes: 4, name: "HOME", write: () => window.select(0) },
    shows(0x24, 4, "COUNT", () => KINDS.length),
    shows(0x28, 4, "READS", () => device.reads),
    shows(0x2c, 4, "WRITES", () => device.writes),
    { offset: 0xfff, bytes: 1, name: "SWITCH_LAST", read: next },
  ];
  return device;
}
