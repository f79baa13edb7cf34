// The access a callback is about, read from where the core captured it by value. One object serves all callbacks of a machine.
import * as L from "../core/layout.js";
import { WRITE_KINDS } from "../core/trace/layout.js";
import type { AccessNumber } from "../engine/probe-ops.js";
import type { MachineApi } from "../machine/machine-api.js";
import type { Access, AccessKind } from "./plugin.js";

const KINDS: Record<number, AccessKind> = {
  [L.KIND_LOAD]: "load",
  [L.KIND_STORE]: "store",
  [L.KIND_AMO_READ]: "amo-read",
  [L.KIND_AMO_WRITE]: "amo-write",
  [L.KIND_WALK_READ]: "walk-read",
  [L.KIND_WALK_WRITE]: "walk-write",
  [L.KIND_DMA_READ]: "dma-read",
  [L.KIND_DMA_WRITE]: "dma-write",
};
const U64_BYTES = 8;

/** A walk or DMA access that is being told of, instead of a hart's own. */
export interface ToldAccess {
  /** HWADDR struct. */
  readonly struct: number;
  readonly kind: number;
  readonly vaddr: bigint;
  readonly value: bigint;
}

const index = (address: number): number => address >>> 2;
const ACCESS = index(L.PRESENT_ACCESS);
const PLACE = index(L.PRESENT_PLACE);
const HIGH = 2 ** 32;
const PAGE_BITS = 12;
const PAGE_OFFSET_MASK = 4095n;
/** Fields of a HWADDR struct in words. */
const inPlace = (field: number): number => index(field - L.HWADDR);
const PADDR = inPlace(L.HW_PADDR);
const KIND = inPlace(L.HW_KIND);

/** What callbacks may take as arguments. */
const NUMBERS: Record<AccessNumber, (access: AccessView) => number> = {
  ppn: ({ ppn }) => ppn,
  pageOffset: ({ vaddr }) => Number(vaddr & PAGE_OFFSET_MASK),
  size: ({ size }) => size,
  write: ({ write }) => Number(write),
  io: ({ io }) => Number(io),
  regionId: ({ regionId }) => regionId,
  deviceId: ({ deviceId }) => deviceId,
};
export const ACCESS_NUMBERS: readonly string[] = Object.keys(NUMBERS);

// Getters are called by the million: words of a typed array and plain methods, which V8 makes part of the callback.
export class AccessView implements Access {
  private readonly machine: MachineApi;
  private readonly view: DataView;
  private readonly words: Uint32Array;
  /** Set while the listeners of a walk or DMA event run. */
  told: ToldAccess | undefined = undefined;

  constructor(machine: MachineApi) {
    this.machine = machine;
    this.view = new DataView(machine.memory.buffer);
    const { buffer } = machine.memory;
    this.words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
  }

  /** First word of the access's own struct. @throws Error outside of a callback on an access */
  private own(): number {
    const struct = this.words[ACCESS] as number;
    if (struct === 0) throw notNow();
    return index(struct);
  }
  /** First word of the HWADDR struct that says where it went. @throws Error as own() */
  private place(): number {
    if (this.told !== undefined) return index(this.told.struct);
    const struct = this.words[PLACE] as number;
    if (struct === 0) throw notNow();
    return index(struct);
  }
  private word(at: number): number {
    return this.words[at] as number;
  }
  private long(at: number): bigint {
    return this.view.getBigUint64(4 * at, true);
  }

  /** The numbers, after which the rest is not to be had any more in the callback that runs: compiled code has no more either. */
  handOver(numbers: readonly AccessNumber[]): number[] {
    const values = numbers.map((name) => NUMBERS[name](this));
    this.view.setBigUint64(L.PRESENT_ACCESS, 0n, true);
    return values;
  }

  get hart(): number {
    return this.word(index(L.CURRENT_HART));
  }
  get pc(): bigint {
    // as in traces: no instruction makes a device's access
    if (this.told && this.told.kind >= L.KIND_DMA_READ) return 0n;
    return callbackPc(this.view) ?? this.long(index(L.PC));
  }
  get vaddr(): bigint {
    return this.told ? this.told.vaddr : this.long(this.own() + index(L.ACCESS_VADDR));
  }
  get paddr(): bigint {
    return this.long(this.place() + PADDR);
  }
  get paddrNumber(): number {
    const at = this.place() + PADDR;
    return (this.words[at] as number) + (this.words[at + 1] as number) * HIGH;
  }
  get ppn(): number {
    const at = this.place() + PADDR;
    return (((this.words[at] as number) >>> PAGE_BITS) | ((this.words[at + 1] as number) << (32 - PAGE_BITS))) >>> 0;
  }
  get offset(): bigint {
    return this.long(this.place() + inPlace(L.HW_OFFSET));
  }
  get size(): number {
    if (this.told) return this.word(this.place() + inPlace(L.HW_SIZE)) || U64_BYTES;
    return this.word(this.own() + index(L.ACCESS_BYTES));
  }
  private kindNumber(): number {
    if (this.told !== undefined) return this.told.kind;
    return this.words[this.own() + index(L.ACCESS_KIND)] as number;
  }
  get kind(): AccessKind {
    return KINDS[this.kindNumber()] as AccessKind;
  }
  get write(): boolean {
    return ((WRITE_KINDS >>> this.kindNumber()) & 1) !== 0;
  }
  get value(): bigint {
    return this.told ? this.told.value : this.long(this.own() + index(L.ACCESS_VALUE));
  }
  get signed(): boolean {
    if (this.told || this.kindNumber() !== L.KIND_LOAD) return false;
    const instruction = callbackInstruction(this.view);
    return instruction !== undefined && this.view.getUint8(instruction + L.INSTRUCTION_SIGNED) !== 0;
  }
  get io(): boolean {
    return this.words[this.place() + KIND] === L.SECTION_IO;
  }
  get regionId(): number {
    return this.word(this.place() + inPlace(L.HW_REGION));
  }
  get region(): string {
    return this.machine.bus.regions[this.regionId]?.name ?? "unassigned";
  }
  get deviceId(): number {
    return this.word(this.place() + inPlace(L.HW_DEVICE));
  }
  get device(): string | undefined {
    return this.machine.bus.deviceName(this.deviceId);
  }
  get second(): Access["second"] {
    if (this.told) return undefined;
    const split = this.word(this.own() + index(L.ACCESS_SPLIT));
    if (split === 0) return undefined;
    const at = index(L.HWADDR2);
    return {
      split,
      paddr: this.long(at + PADDR),
      offset: this.long(at + inPlace(L.HW_OFFSET)),
      region: this.machine.bus.regions[this.word(at + inPlace(L.HW_REGION))]?.name ?? "unassigned",
    };
  }
}

function notNow(): Error {
  return new Error("`access` is for callbacks on accesses, while they run");
}

/** Record of the instruction whose probe is calling a plugin. */
function callbackInstruction(view: DataView): number | undefined {
  const op = view.getUint32(L.PROBE_CURSOR, true);
  if (op === 0) return undefined;
  return (
    view.getUint32(op + L.OP_BLOCK, true) +
    L.BLOCK_INSTRUCTIONS +
    view.getUint16(op + L.OP_INDEX, true) * L.INSTRUCTION_SIZE
  );
}

/** pc of that instruction; compiled code does not keep it anywhere else. */
export function callbackPc(view: DataView): bigint | undefined {
  const instruction = callbackInstruction(view);
  if (instruction === undefined) return undefined;
  const block = view.getUint32(view.getUint32(L.PROBE_CURSOR, true) + L.OP_BLOCK, true);
  return (
    view.getBigUint64(block + L.BLOCK_PAGE, true) + BigInt(view.getUint16(instruction + L.INSTRUCTION_OFFSET, true))
  );
}
