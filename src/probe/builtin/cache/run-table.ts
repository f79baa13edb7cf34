// Runs: instructions of a block that begin in one line of the instruction cache, one behind the other. They are counted inline. Like
// OpenBlocks for whole blocks, each hart says inline which run it is in the middle of; it also says which line it fetched last.
import type { Counter, EventBuffer, Instruction, Op, PluginHost } from "../../plugin.js";
import { grown } from "../support/growable.js";
import type { CacheModel } from "./cache-model.js";
import type { InstructionTable } from "./instruction-table.js";

export class RunTable {
  /** Line of run n, and the place of the first way of its set. */
  line: Float64Array = new Float64Array(1024);
  way: Uint32Array = new Uint32Array(1024);
  /** Its physical address, in halves, and the number of its first instruction. */
  low: Uint32Array = new Uint32Array(1024);
  high: Uint32Array = new Uint32Array(1024);
  first: Uint32Array = new Uint32Array(1024);
  readonly #host: PluginHost;
  readonly #instructions: InstructionTable;
  readonly #model: CacheModel;
  readonly #line: bigint;
  readonly #shared: boolean;
  readonly #vaddr: bigint[] = [];
  /** Sizes of the run's instructions. */
  readonly #sizes: Uint8Array[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #open: Counter;
  /** Instructions of the runs entered. */
  readonly #fetched: Counter;
  /** The line fetched last, plus one: while a hart stays in it, it hits. */
  readonly #last: Counter;
  readonly #ifOpen: Op;
  readonly #close: Op;

  /**
   * @param line bytes of a line
   * @param shared harts share caches, so one may lose its line to another: every instruction is a run, and is appended
   * @param lost called before a run is entered while another is open; `pc` says where the hart is now
   */
  constructor(
    host: PluginHost,
    instructions: InstructionTable,
    model: CacheModel,
    line: number,
    shared: boolean,
    lost: (hart: number) => void,
  ) {
    this.#host = host;
    this.#model = model;
    this.#instructions = instructions;
    this.#line = BigInt(line);
    this.#shared = shared;
    const board = host.scoreboard(3);
    this.#open = board.counter(0);
    this.#fetched = board.counter(1);
    this.#last = board.counter(2);
    this.#ifOpen = host.call(lost, 0, { when: { counter: this.#open, is: "ne", value: 0 } });
    this.#close = this.#open.store(0);
  }

  /** Index behind the run that begins at `from`. */
  end(instructions: readonly Instruction[], from: number): number {
    const line = (instructions[from] as Instruction).paddr / this.#line;
    let to = from + 1;
    if (this.#shared) return to;
    while (to < instructions.length && (instructions[to] as Instruction).paddr / this.#line === line) to++;
    return to;
  }

  /** Adds the ops of a run; the buffer gets its tag when the line is not the one fetched last. */
  add(instructions: readonly Instruction[], from: number, to: number, fetches: EventBuffer, tag: number): void {
    const first = instructions[from] as Instruction;
    const run = this.#number(instructions, from, to);
    first.onExec(this.#ifOpen);
    first.onExec(to - from > 1 ? this.#open.store(run + 1) : this.#close);
    if (to - from > 1) (instructions[to - 1] as Instruction).onExec(this.#close);
    first.onExec(this.#fetched.add(to - from));
    const line = first.paddr / this.#line + 1n;
    first.onExec(
      fetches.append(tag + run, "none", this.#shared ? undefined : { counter: this.#last, is: "ne", value: line }),
    );
    if (!this.#shared) first.onExec(this.#last.store(line));
  }

  /** Instructions the hart has fetched; those of a run it is in the middle of all count. */
  fetched(hart: number): number {
    return Number(this.#fetched.get(hart));
  }

  #number(instructions: readonly Instruction[], from: number, to: number): number {
    const first = instructions[from] as Instruction;
    const sizes = Uint8Array.from({ length: to - from }, (_, i) => (instructions[from + i] as Instruction).size);
    const key = `${first.vaddr.toString(36)}.${first.paddr.toString(36)}.${sizes.join("")}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const run = this.#numbers.size;
    this.#numbers.set(key, run);
    this.line = grown(this.line, run);
    this.way = grown(this.way, run);
    this.low = grown(this.low, run);
    this.high = grown(this.high, run);
    this.first = grown(this.first, run);
    const low = Number(first.paddr & 0xffff_ffffn);
    const high = Number(first.paddr >> 32n);
    this.line[run] = this.#model.line(low, high);
    this.way[run] = this.#model.first(low);
    this.low[run] = low;
    this.high[run] = high;
    this.first[run] = this.#instructions.number(first);
    this.#vaddr.push(first.vaddr);
    this.#sizes.push(sizes);
    return run;
  }

  /** How many instructions of the run the hart is in, if it is in one, are at `pc` and behind it. */
  missing(hart: number, pc: bigint): number {
    const run = Number(this.#open.get(hart)) - 1;
    if (run < 0) return 0;
    const sizes = this.#sizes[run] as Uint8Array;
    let left = Number(BigInt.asIntN(64, pc - (this.#vaddr[run] as bigint)));
    for (let i = 0; i < sizes.length; i++) {
      if (left === 0) return sizes.length - i;
      left -= sizes[i] as number;
    }
    return 0;
  }

  close(hart: number): void {
    this.#open.set(hart, 0n);
  }

  pc(hart: number): bigint {
    return this.#host.readRegister(hart, "pc");
  }
}
