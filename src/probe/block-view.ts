// A translated block as a plugin sees it while `translate` runs, and the probes it asks for. Outside of translate() the
// view refuses probes: they would go nowhere.

import type { BlockInstruction } from "../engine/jit/region.js";
import type { AccessProbe, ProbeOp } from "../engine/probe-ops.js";
import type { RawBlock } from "../engine/probes.js";
import type { Decoded } from "../isa/decode.js";
import { format } from "../isa/disassemble.js";
import type { SlotFilter } from "./filter.js";
import type { AccessOptions, Block, Instruction } from "./plugin.js";

/** Probes of one plugin in one block. */
export interface SlotProbes {
  readonly block: ProbeOp[];
  readonly exec: (ProbeOp[] | undefined)[];
  readonly access: (AccessProbe[] | undefined)[];
  count: number;
}

/** Probes of a plugin in one place, and in a block: those of all slots fit into the engine's memory for blocks. */
const MOST_IN_PLACE = 64;
const MOST_IN_BLOCK = 8192;

export const NOTHING: SlotProbes = { block: [], exec: [], access: [], count: 0 };

export class BlockView implements Block {
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly instructions: readonly Instruction[];
  readonly probes: SlotProbes = { block: [], exec: [], access: [], count: 0 };
  readonly #filter: SlotFilter;
  #open = true;

  constructor(raw: RawBlock, filter: SlotFilter, symbol: (vaddr: bigint) => string | undefined) {
    this.#filter = filter;
    const first = raw.instructions[0]?.offset ?? 0;
    this.vaddr = raw.page + BigInt(first);
    this.paddr = BigInt(raw.frame + first);
    this.instructions = raw.instructions.map((_, index) => new InstructionView(raw, index, this, symbol));
  }

  onExec(op: ProbeOp): void {
    this.check();
    refuseNumbers(op);
    if (!this.#filter.wants(this.vaddr)) return;
    this.#add(this.probes.block, this.#filter.onCode(op));
  }

  addExec(index: number, op: ProbeOp): void {
    this.check();
    refuseNumbers(op);
    if (!this.#wants(index)) return;
    const list = this.probes.exec[index] ?? [];
    this.#add(list, this.#filter.onCode(op));
    this.probes.exec[index] = list;
  }

  addAccess(index: number, op: ProbeOp, { direction = "both", io = false }: AccessOptions): void {
    this.check();
    const instruction = this.instructions[index] as Instruction;
    if (instruction.memory === "none" || !this.#wants(index)) return;
    const probe = this.#filter.onAccess(op, direction, io);
    if (!probe) return;
    const list = this.probes.access[index] ?? [];
    this.#add(list, probe);
    this.probes.access[index] = list;
  }

  #wants(index: number): boolean {
    return !this.#filter.selective || this.#filter.wants((this.instructions[index] as Instruction).vaddr);
  }

  #add<T>(list: T[], probe: T): void {
    if (list.length >= MOST_IN_PLACE) throw new RangeError(`at most ${MOST_IN_PLACE} probes of a plugin in one place`);
    if (this.probes.count >= MOST_IN_BLOCK)
      throw new RangeError(`at most ${MOST_IN_BLOCK} probes of a plugin in a block`);
    list.push(probe);
    this.probes.count++;
  }

  /** Lists that have grown have room for more, mostly many times what is in them, and stay as long as the block. */
  close(): void {
    this.#open = false;
    for (const lists of [this.probes.exec, this.probes.access] as unknown[][][])
      for (let index = 0; index < lists.length; index++) lists[index] = lists[index]?.slice() as unknown[];
  }

  check(): void {
    if (!this.#open) throw new Error("probes can be added while translate() runs, not later");
  }
}

function refuseNumbers(op: ProbeOp): void {
  if (op.kind === "call" && op.numbers)
    throw new TypeError(`a call that takes ${op.numbers.join()} is for onAccess: execution has no access`);
}

class InstructionView implements Instruction {
  readonly size: 2 | 4;
  readonly mnemonic: string;
  readonly flow: Instruction["flow"];
  readonly rd: number;
  readonly rs1: number;
  readonly memory: Instruction["memory"];
  readonly #raw: RawBlock;
  readonly #decoded: Decoded;
  readonly #index: number;
  readonly #block: BlockView;
  readonly #symbol: (vaddr: bigint) => string | undefined;

  constructor(raw: RawBlock, index: number, block: BlockView, symbol: (vaddr: bigint) => string | undefined) {
    const { decoded } = raw.instructions[index] as BlockInstruction;
    this.#raw = raw;
    this.#decoded = decoded;
    this.#index = index;
    this.#block = block;
    this.#symbol = symbol;
    this.size = decoded.length;
    this.mnemonic = decoded.instruction.name;
    this.flow = decoded.instruction.flow;
    this.rd = decoded.rd;
    this.rs1 = decoded.rs1;
    this.memory = memoryOf(decoded);
  }

  // made when they are asked for: most plugins look at few of them
  get #offset(): number {
    return (this.#raw.instructions[this.#index] as BlockInstruction).offset;
  }
  get vaddr(): bigint {
    return this.#raw.page + BigInt(this.#offset);
  }
  get paddr(): bigint {
    return BigInt(this.#raw.frame + this.#offset);
  }
  get bits(): number {
    const { length, bits } = this.#decoded;
    return length === 2 ? bits & 0xffff : bits >>> 0;
  }
  get target(): bigint | undefined {
    const direct = this.flow === "branch" || this.flow === "jump";
    return direct ? BigInt.asUintN(64, this.vaddr + BigInt(this.#decoded.imm)) : undefined;
  }
  get bytes(): Uint8Array {
    return Uint8Array.from({ length: this.size }, (_, i) => (this.bits >>> (8 * i)) & 0xff);
  }
  get disassembly(): string {
    return format(this.#decoded, this.vaddr);
  }
  get symbol(): string | undefined {
    return this.#symbol(this.vaddr);
  }
  onExec(op: ProbeOp): void {
    this.#block.addExec(this.#index, op);
  }
  onAccess(op: ProbeOp, options: AccessOptions = {}): void {
    this.#block.addAccess(this.#index, op, options);
  }
}

function memoryOf({ instruction }: Decoded): Instruction["memory"] {
  if (!instruction.memory) return "none";
  if (instruction.name.startsWith("amo")) return "amo";
  return instruction.format === "s" || instruction.name.startsWith("sc.") ? "store" : "load";
}
