// Platform-level interrupt controller, RISC-V PLIC specification 1.0.0 with the address map and size of QEMU's
// `virt`: sources 1..95, priorities 0..7, and two contexts per hart (2h machine mode, 2h + 1 supervisor mode).
//
// Gateways are level triggered: a high level makes the source pending; from claim to completion the gateway is shut;
// a level still high at completion makes it pending again. A request once pending stays when the level falls.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { Device, DeviceContext, DeviceState, IrqLine } from "./device.js";
import type { DeviceIdentity } from "./device-list.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

/** Source numbers run from 1 to one less than this. */
export const PLIC_SOURCES = 96;
export const PLIC_SIZE = 0x600000;
const WORDS = PLIC_SOURCES / 32;
const PRIORITY = { PRIORITY: { bits: [2, 0] } } as const;

/** The registers for this many contexts. */
export function plicRegisters(contexts: number): readonly RegisterSpec[] {
  const perContext = { count: contexts, stride: 0x1000 };
  return [
    {
      name: "priority",
      offset: 4,
      width: 32,
      fields: PRIORITY,
      array: [{ count: PLIC_SOURCES - 1, stride: 4, first: 1 }],
      doc: "of each source; 0 never interrupts",
    },
    {
      name: "pending",
      offset: 0x1000,
      width: 32,
      access: "ro",
      array: [{ count: WORDS, stride: 4 }],
      doc: "one bit per source",
    },
    {
      name: "enable",
      offset: 0x2000,
      width: 32,
      array: [
        { count: contexts, stride: 0x80 },
        { count: WORDS, stride: 4 },
      ],
      doc: "one bit per source, for each context",
    },
    {
      name: "threshold",
      offset: 0x200000,
      width: 32,
      fields: PRIORITY,
      array: [perContext],
      doc: "only higher priorities interrupt the context",
    },
    {
      name: "claim",
      offset: 0x200004,
      width: 32,
      array: [perContext],
      readSideEffect: true,
      doc: "reading claims the best pending source or gives 0; writing a source completes it",
    },
  ];
}

export class Plic implements Device {
  readonly type = "plic";
  readonly id: number;
  readonly name: string;
  readonly region: MemoryRegion;
  readonly registers: RegisterFile;
  readonly #context: DeviceContext;
  readonly #contexts: number;
  readonly #level = new Uint8Array(PLIC_SOURCES);
  readonly #priority = new Uint8Array(PLIC_SOURCES);
  readonly #threshold: Uint8Array;
  // bit sets of sources, WORDS words each
  readonly #pending = new Uint32Array(WORDS);
  readonly #claimed = new Uint32Array(WORDS);
  readonly #enable: Uint32Array;
  /** Interrupt lines as last driven, one per context. */
  readonly #driven: Uint8Array;

  constructor(context: DeviceContext, { id, name }: DeviceIdentity) {
    this.id = id;
    this.name = name;
    this.#context = context;
    this.#contexts = 2 * context.harts.count;
    this.#threshold = new Uint8Array(this.#contexts);
    this.#enable = new Uint32Array(this.#contexts * WORDS);
    this.#driven = new Uint8Array(this.#contexts);
    this.registers = new RegisterFile({
      device: name,
      table: plicRegisters(this.#contexts),
      names: context.names,
      log: context.log,
      hooks: {
        priority: {
          write: (value, _written, source = 0) => {
            this.#priority[source] = value;
            this.#update();
          },
        },
        pending: { read: (word = 0) => this.#pending[word] as number },
        enable: {
          read: (target = 0, word = 0) => this.#enable[target * WORDS + word] as number,
          write: (value, _written, target = 0, word = 0) => {
            this.#enable[target * WORDS + word] = word === 0 ? value & ~1 : value;
            this.#update();
          },
        },
        threshold: {
          write: (value, _written, target = 0) => {
            this.#threshold[target] = value;
            this.#update();
          },
        },
        claim: {
          read: (target = 0) => this.#claim(target),
          peek: (target = 0) => this.#best(target),
          write: (_value, written, target = 0) => this.#complete(target, written),
        },
      },
    });
    const rules = accessRules({ min: 4, max: 4 }, { min: 4, max: 4 });
    this.region = context.bus.createIo(name, PLIC_SIZE, this.registers, rules, id);
  }

  /** The input of source 1..95. */
  input(source: number): IrqLine {
    if (!(source >= 1 && source < PLIC_SOURCES)) throw new Error(`${this.name}: no source ${source}`);
    return { set: (level) => this.#setLevel(source, level) };
  }

  #setLevel(source: number, level: boolean): void {
    this.#level[source] = level ? 1 : 0;
    if (level && !has(this.#claimed, source) && !has(this.#pending, source)) {
      put(this.#pending, source, true);
      this.#update();
    }
  }

  /** The enabled pending source of the highest priority, the lowest number among equals; 0 for none. */
  #best(target: number): number {
    let best = 0;
    let priority = 0;
    for (let word = 0; word < WORDS; word++) {
      let bits = (this.#pending[word] as number) & (this.#enable[target * WORDS + word] as number);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        const source = word * 32 + bit;
        if ((this.#priority[source] as number) > priority) {
          best = source;
          priority = this.#priority[source] as number;
        }
      }
    }
    return best;
  }

  /** The threshold does not matter here: it masks the interrupt, not the claim (specification, chapter 9). */
  #claim(target: number): number {
    const source = this.#best(target);
    if (source !== 0) {
      put(this.#pending, source, false);
      put(this.#claimed, source, true);
      this.#update();
    }
    return source;
  }

  /** Ignored unless the source is enabled for the context (specification, chapter 10). */
  #complete(target: number, source: number): void {
    if (
      source < 1 ||
      source >= PLIC_SOURCES ||
      !has(this.#enable.subarray(target * WORDS, target * WORDS + WORDS), source)
    )
      return;
    if (!has(this.#claimed, source)) return;
    put(this.#claimed, source, false);
    if (this.#level[source]) put(this.#pending, source, true);
    this.#update();
  }

  #update(): void {
    for (let target = 0; target < this.#contexts; target++) {
      const best = this.#best(target);
      const level = best !== 0 && (this.#priority[best] as number) > (this.#threshold[target] as number);
      if (level === (this.#driven[target] === 1)) continue;
      this.#drive(target, level);
    }
  }

  #drive(target: number, level: boolean): void {
    this.#driven[target] = level ? 1 : 0;
    this.#context.harts.setInterrupt(target >> 1, target & 1 ? 9 : 11, level);
  }

  /** Inputs are low until their devices, which are reset later, drive them again. */
  reset(): void {
    this.registers.reset();
    this.#level.fill(0);
    this.#priority.fill(0);
    this.#threshold.fill(0);
    this.#enable.fill(0);
    this.#claimed.fill(0);
    this.#pending.fill(0);
    for (let target = 0; target < this.#contexts; target++) this.#drive(target, false);
  }

  state(): DeviceState {
    return {
      registers: this.registers.dump(),
      inner: {
        reads: this.registers.reads,
        writes: this.registers.writes,
        levels: sources((source) => this.#level[source] === 1),
        pending: sources((source) => has(this.#pending, source)),
        claimed: sources((source) => has(this.#claimed, source)),
        lines: Array.from(this.#driven),
      },
    };
  }
}

function has(set: Uint32Array, source: number): boolean {
  return (((set[source >> 5] as number) >>> (source & 31)) & 1) === 1;
}

function put(set: Uint32Array, source: number, value: boolean): void {
  const bit = 1 << (source & 31);
  const word = set[source >> 5] as number;
  set[source >> 5] = value ? word | bit : word & ~bit;
}

function sources(test: (source: number) => boolean): number[] {
  return Array.from({ length: PLIC_SOURCES - 1 }, (_, i) => i + 1).filter(test);
}
