// The access a callback is about, read from where the core captured it by value. One object serves all callbacks of a machine.
import * as L from "../core/layout.js";
import { WRITE_KINDS } from "../core/trace/layout.js";
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

export class AccessView implements Access {
  readonly #machine: MachineApi;
  readonly #view: DataView;
  /** Set while the listeners of a walk or DMA event run. */
  told: ToldAccess | undefined;

  constructor(machine: MachineApi) {
    this.#machine = machine;
    this.#view = new DataView(machine.memory.buffer);
  }

  #word(address: number): number {
    return this.#view.getUint32(address, true);
  }
  #long(address: number): bigint {
    return this.#view.getBigUint64(address, true);
  }
  /** Address of a word of the access's own struct. @throws Error outside of a callback on an access */
  #own(field: number): number {
    if (this.#word(L.PROBE_CURSOR) === 0 || this.#word(L.PROBE_COUNT) === 0)
      throw new Error("`access` is for callbacks on accesses, while they run");
    return L.PROBE_ACCESS + this.#word(L.PROBE_EVENT) * L.ACCESS_SIZE + field;
  }
  #hw(field: number): number {
    if (this.told) return this.told.struct + (field - L.HWADDR);
    this.#own(0);
    return (this.#word(L.PROBE_HWADDR) || L.HWADDR) + (field - L.HWADDR);
  }

  get hart(): number {
    return this.#word(L.CURRENT_HART);
  }
  get pc(): bigint {
    // as in traces: no instruction makes a device's access
    if (this.told && this.told.kind >= L.KIND_DMA_READ) return 0n;
    return callbackPc(this.#view) ?? this.#long(L.PC);
  }
  get vaddr(): bigint {
    return this.told ? this.told.vaddr : this.#long(this.#own(L.ACCESS_VADDR));
  }
  get paddr(): bigint {
    return this.#long(this.#hw(L.HW_PADDR));
  }
  get paddrNumber(): number {
    const field = this.#hw(L.HW_PADDR);
    return this.#word(field) + this.#word(field + 4) * 2 ** 32;
  }
  get offset(): bigint {
    return this.#long(this.#hw(L.HW_OFFSET));
  }
  get size(): number {
    return this.told ? this.#word(this.#hw(L.HW_SIZE)) || U64_BYTES : this.#word(this.#own(L.ACCESS_BYTES));
  }
  get #kind(): number {
    return this.told ? this.told.kind : this.#word(this.#own(L.ACCESS_KIND));
  }
  get kind(): AccessKind {
    return KINDS[this.#kind] as AccessKind;
  }
  get write(): boolean {
    return ((WRITE_KINDS >>> this.#kind) & 1) !== 0;
  }
  get value(): bigint {
    return this.told ? this.told.value : this.#long(this.#own(L.ACCESS_VALUE));
  }
  get signed(): boolean {
    if (this.told || this.#kind !== L.KIND_LOAD) return false;
    const instruction = callbackInstruction(this.#view);
    return instruction !== undefined && this.#view.getUint8(instruction + L.INSTRUCTION_SIGNED) !== 0;
  }
  get io(): boolean {
    return this.#word(this.#hw(L.HW_KIND)) === L.SECTION_IO;
  }
  get regionId(): number {
    return this.#word(this.#hw(L.HW_REGION));
  }
  get region(): string {
    return this.#machine.bus.regions[this.regionId]?.name ?? "unassigned";
  }
  get deviceId(): number {
    return this.#word(this.#hw(L.HW_DEVICE));
  }
  get device(): string | undefined {
    return this.#machine.bus.deviceName(this.deviceId);
  }
  get second(): Access["second"] {
    if (this.told) return undefined;
    const split = this.#word(this.#own(L.ACCESS_SPLIT));
    if (split === 0) return undefined;
    const at = (field: number): number => L.HWADDR2 + (field - L.HWADDR);
    return {
      split,
      paddr: this.#long(at(L.HW_PADDR)),
      offset: this.#long(at(L.HW_OFFSET)),
      region: this.#machine.bus.regions[this.#word(at(L.HW_REGION))]?.name ?? "unassigned",
    };
  }
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
