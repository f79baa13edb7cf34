// The blocks all harts run, in the machine's order, and the traps between them at the place where they happened. Blocks are
// appended to a buffer inline and delivered in bulk, traps are events; a counter of the blocks entered says how they interleave.
import type { Block, Counter, EventBuffer, Op, PluginHost } from "../../plugin.js";
import { BlockTable } from "./block-table.js";
import { OpenBlocks } from "./open-blocks.js";

/**
 * Something that happened to a hart behind the last block delivered, or in the middle of it. `elsewhere`: it is somewhere else,
 * without a trap; `note`: what `note` was called for.
 */
export interface Discontinuity {
  type: "interrupt" | "exception" | "reset" | "elsewhere" | "note";
  from: bigint;
  to: bigint;
  privilege: number;
  /** Virtual time less instructions, ns. */
  skew: number;
}

export interface BlockConsumer {
  /** A hart entered a block. It runs to its end unless `leave` says otherwise. */
  enter(hart: number, number: number): void;
  /** @param begun how many instructions of the last block began; -1: all of them */
  leave(hart: number, begun: number, what: Discontinuity): void;
}

interface Pending extends Discontinuity {
  /** Blocks the hart had entered. */
  entered: number;
  begun: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const U64 = (v: bigint): bigint => BigInt.asUintN(64, v);

export class BlockStream {
  readonly table = new BlockTable();
  readonly open: OpenBlocks;
  readonly #host: PluginHost;
  readonly #consumer: BlockConsumer;
  readonly #buffer: EventBuffer;
  readonly #entered: Counter;
  readonly #enter: Op;
  /** Blocks delivered, by hart. */
  readonly #seen: Float64Array;
  readonly #pending: Pending[][];
  /** `entered` of the next pending event, by hart. */
  readonly #next: Float64Array;

  constructor(host: PluginHost, consumer: BlockConsumer) {
    this.#host = host;
    this.#consumer = consumer;
    this.open = new OpenBlocks(host, (hart) => this.#lost(hart));
    this.#entered = host.scoreboard(1).counter(0);
    this.#enter = this.#entered.add(1);
    this.#seen = new Float64Array(host.harts);
    this.#next = new Float64Array(host.harts).fill(NEVER);
    this.#pending = Array.from({ length: host.harts }, () => []);
    this.#buffer = host.buffer((words, from, to) => this.#drain(words, from, to), 16384);
    host.on("interrupt", ({ hart, from, to }) => this.#note(hart, "interrupt", from, to));
    host.on("exception", ({ hart, from, to }) => this.#note(hart, "exception", from, to));
  }

  /** Adds the ops to a block that is being translated, and returns its number. */
  follow(block: Block): number {
    const number = this.table.number(block);
    this.open.mark(block, number);
    block.onExec(this.#enter);
    block.onExec(this.#buffer.append(number));
    return number;
  }

  /** Has `leave` called at this place, between the instruction that is about to run and the next block. */
  note(hart: number, privilege: number): void {
    this.#push(hart, { type: "note", from: 0n, to: 0n, privilege }, -1);
  }

  reset(): void {
    for (let hart = 0; hart < this.#host.harts; hart++) this.#note(hart, "reset", 0n, this.open.pc(hart));
  }

  /** What is pending and not followed by a block yet; called when the buffer is empty. */
  settle(): void {
    for (let hart = 0; hart < this.#host.harts; hart++) this.#deliver(hart, (this.#seen[hart] as number) + 1);
  }

  /** Where a hart stands in a block that it is in the middle of: how many of its instructions have not begun; 0 elsewhere. */
  missing(hart: number): number {
    const number = this.open.at(hart);
    if (number < 0) return 0;
    const index = this.table.index(number, this.open.pc(hart));
    return index < 0 ? 0 : (this.table.length[number] as number) - index;
  }

  #drain(words: Uint32Array, from: number, to: number): void {
    const seen = this.#seen;
    const next = this.#next;
    const consumer = this.#consumer;
    for (let i = 4 * from; i < 4 * to; i += 4) {
      const hart = (words[i + 1] as number) & 0xff;
      const count = (seen[hart] as number) + 1;
      if (count > (next[hart] as number)) this.#deliver(hart, count);
      seen[hart] = count;
      consumer.enter(hart, words[i] as number);
    }
  }

  /** A block was left without a trap, for the one entered now. */
  #lost(hart: number): void {
    const pc = this.open.pc(hart);
    this.#note(hart, "elsewhere", pc, pc);
  }

  #note(hart: number, type: Exclude<Discontinuity["type"], "note">, from: bigint, to: bigint): void {
    const number = this.open.at(hart);
    let begun = -1;
    if (number >= 0) {
      const index = type === "reset" ? -1 : this.table.index(number, U64(from));
      // an exception's instruction has begun, an interrupt's has not
      if (index >= 0) begun = type === "exception" ? index + 1 : index;
      this.open.close(hart);
    }
    const privilege = Number(this.#host.readRegister(hart, "priv"));
    this.#push(hart, { type, from: U64(from), to: U64(to), privilege }, begun);
  }

  #push(hart: number, what: Omit<Discontinuity, "skew">, begun: number): void {
    const host = this.#host;
    const pending = this.#pending[hart] as Pending[];
    const entered = Number(this.#entered.get(hart));
    pending.push({ ...what, begun, entered, skew: host.now() - host.instructions() });
    if (pending.length === 1) this.#next[hart] = entered;
  }

  /** Delivers what came before the hart's block `count`. */
  #deliver(hart: number, count: number): void {
    const pending = this.#pending[hart] as Pending[];
    while (pending[0] !== undefined && pending[0].entered < count) {
      const event = pending.shift() as Pending;
      this.#consumer.leave(hart, event.begun, event);
    }
    this.#next[hart] = pending[0]?.entered ?? NEVER;
  }
}
