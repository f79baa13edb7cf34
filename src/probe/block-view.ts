// A translated block as a plugin sees it while `translate` runs, and the probes it asks for. Outside of translate() the
// view refuses probes: they would go nowhere.
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
    this.instructions = raw.instructions.map(
      ({ offset, decoded }, index) =>
        new InstructionView(raw.page + BigInt(offset), BigInt(raw.frame + offset), decoded, index, this, symbol),
    );
  }

  onExec(op: ProbeOp): void {
    this.check();
    if (!this.#filter.wants(this.vaddr)) return;
    this.#add(this.probes.block, this.#filter.onCode(op));
  }

  addExec(index: number, op: ProbeOp): void {
    this.check();
    if (!this.#filter.wants((this.instructions[index] as Instruction).vaddr)) return;
    const list = this.probes.exec[index] ?? [];
    this.#add(list, this.#filter.onCode(op));
    this.probes.exec[index] = list;
  }

  addAccess(index: number, op: ProbeOp, { direction = "both", io = false }: AccessOptions): void {
    this.check();
    const instruction = this.instructions[index] as Instruction;
    if (instruction.memory === "none" || !this.#filter.wants(instruction.vaddr)) return;
    const probe = this.#filter.onAccess(op, direction, io);
    if (!probe) return;
    const list = this.probes.access[index] ?? [];
    this.#add(list, probe);
    this.probes.access[index] = list;
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
      for (const [index, list] of lists.entries()) if (list) lists[index] = list.slice();
  }

  check(): void {
    if (!this.#open) throw new Error("probes can be added while translate() runs, not later");
  }
}

class InstructionView implements Instruction {
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly size: 2 | 4;
  readonly bits: number;
  readonly mnemonic: string;
  readonly flow: Instruction["flow"];
  readonly target: bigint | undefined;
  readonly rd: number;
  readonly rs1: number;
  readonly memory: Instruction["memory"];
  readonly #decoded: Decoded;
  readonly #index: number;
  readonly #block: BlockView;
  readonly #symbol: (vaddr: bigint) => string | undefined;

  constructor(
    vaddr: bigint,
    paddr: bigint,
    decoded: Decoded,
    index: number,
    block: BlockView,
    symbol: (vaddr: bigint) => string | undefined,
  ) {
    this.#decoded = decoded;
    this.#index = index;
    this.#block = block;
    this.#symbol = symbol;
    this.vaddr = vaddr;
    this.paddr = paddr;
    this.size = decoded.length;
    this.bits = decoded.length === 2 ? decoded.bits & 0xffff : decoded.bits >>> 0;
    this.mnemonic = decoded.instruction.name;
    this.flow = decoded.instruction.flow;
    const direct = this.flow === "branch" || this.flow === "jump";
    this.target = direct ? BigInt.asUintN(64, vaddr + BigInt(decoded.imm)) : undefined;
    this.rd = decoded.rd;
    this.rs1 = decoded.rs1;
    this.memory = memoryOf(decoded);
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
