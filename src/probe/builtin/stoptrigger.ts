// Pauses the session after so many instructions of a hart, or where an address is about to run: before that instruction, to the
// instruction. Each trigger works once; `code` is the user's own number for it.
//
// Instructions are counted inline by the block, and put right when a trap ends one early. The block in which the count will be
// reached says at which instruction; only then does one of them call.
import Type from "../../schema/type.js";
import type { Block, Counter, Op, OptionValues, Plugin, PluginDefinition, PluginHost } from "../plugin.js";
import { PluginOptionError } from "../plugin.js";
import { Address } from "./schema.js";
import { BlockTable } from "./support/block-table.js";
import { OpenBlocks } from "./support/open-blocks.js";
import { hex } from "./support/text.js";

const Reached = Type.Object({
  hart: Type.Integer(),
  pc: Address("where it stopped"),
  symbol: Type.Optional(Type.String()),
  instructions: Type.Integer({ description: "machine-wide instruction count" }),
});
const RESULTS = Type.Object({
  triggers: Type.Array(
    Type.Object({
      kind: Type.Union([Type.Literal("icount"), Type.Literal("address")]),
      icount: Type.Optional(Type.Integer()),
      address: Type.Optional(Address("virtual address")),
      code: Type.Integer(),
      reached: Type.Optional(Reached),
    }),
  ),
  code: Type.Optional(Type.Integer({ description: "that of the trigger reached last" })),
  instructions: Type.Optional(
    Type.Array(Type.Integer(), { description: "instructions by hart since the plugin attached; with icount" }),
  ),
});

interface Trigger {
  kind: "icount" | "address";
  icount?: number;
  address?: bigint;
  code: number;
  reached?: { hart: number; pc: bigint; symbol?: string; instructions: number };
}

class StopTrigger implements Plugin {
  readonly #host: PluginHost;
  /** Those by instruction count, smallest first. */
  readonly #counts: Trigger[];
  readonly #addresses = new Map<bigint, Trigger>();
  /** All of them. */
  readonly #listed: readonly Trigger[];
  readonly #table = new BlockTable();
  readonly #open: OpenBlocks;
  /** Instructions of the hart, to the end of the block it is in. */
  readonly #count: Counter;
  /** Index of the instruction of the present block to stop at, 0 for none. */
  readonly #stopAt: Counter;
  /** What the instruction at an index of any block does. */
  readonly #checks: Op[] = [];
  #last: Trigger | undefined;
  #text = "";

  constructor(host: PluginHost, options: OptionValues) {
    this.#host = host;
    this.#counts = ((options["icount"] ?? []) as string[])
      .map((text): Trigger => {
        const { value, code } = parse("icount", text);
        if (value < 1n || value > BigInt(Number.MAX_SAFE_INTEGER))
          throw new PluginOptionError("icount", "a positive number of instructions");
        return { kind: "icount", icount: Number(value), code };
      })
      .sort((a, b) => (a.icount as number) - (b.icount as number));
    for (const text of (options["addr"] ?? []) as string[]) {
      const { value, code } = parse("addr", text);
      this.#addresses.set(value, { kind: "address", address: value, code });
    }
    this.#listed = [...this.#counts, ...this.#addresses.values()];
    if (this.#listed.length === 0)
      throw new PluginOptionError("icount", "a number of instructions, or an address with addr");
    this.#open = new OpenBlocks(host, (hart) => this.#cut(hart, this.#open.pc(hart), 0));
    const board = host.scoreboard(2);
    this.#count = board.counter(0);
    this.#stopAt = board.counter(1);
    if (this.#counts.length > 0) {
      host.on("exception", ({ hart, from }) => this.#cut(hart, from, 1));
      host.on("interrupt", ({ hart, from }) => this.#cut(hart, from, 0));
    }
  }

  readonly #atAddress = (hart: number, listed: number): void => {
    const trigger = this.#listed[listed] as Trigger;
    this.#reached(trigger, hart, trigger.address as bigint);
  };
  readonly #inBlock = (hart: number, number: number): void => this.#findIn(hart, number, 0);
  readonly #here = (hart: number, index: number): void => this.#counted(hart, this.#open.at(hart), index);

  translate(block: Block): void {
    if (this.#counts.length > 0) this.#countBlock(block);
    for (const instruction of block.instructions) {
      const trigger = this.#addresses.get(instruction.vaddr);
      if (trigger && !trigger.reached)
        instruction.onExec(this.#host.call(this.#atAddress, this.#listed.indexOf(trigger)));
    }
  }

  results(): unknown {
    const instructions = Array.from({ length: this.#host.harts }, (_, hart) => {
      const block = this.#open.at(hart);
      const index = block < 0 ? -1 : this.#table.index(block, this.#open.pc(hart));
      let missing = index < 0 ? 0 : (this.#table.length[block] as number) - index;
      // where it stopped before the last instruction of a block, that has begun as far as blocks know
      const stop = this.#last?.reached;
      if (block < 0 && stop?.hart === hart && stop.instructions === this.#host.instructions()) missing = 1;
      return Number(this.#count.get(hart)) - missing;
    });
    return {
      triggers: this.#listed.map((trigger) => ({ ...trigger })),
      ...(this.#last && { code: this.#last.code }),
      ...(this.#counts.length > 0 && { instructions }),
    };
  }

  text(): string {
    return this.#text;
  }

  #countBlock(block: Block): void {
    const number = this.#table.number(block);
    const next = this.#next();
    // before the last one says that the block is over
    if (next) block.instructions.forEach((instruction, index) => index > 0 && instruction.onExec(this.#checkAt(index)));
    this.#open.mark(block, number);
    block.onExec(this.#count.add(block.instructions.length));
    if (!next) return;
    // as long as the count stays at or below it, the trigger's instruction is not in this block
    const when = { counter: this.#count, is: "gt", value: next.icount as number } as const;
    block.onExec(this.#host.call(this.#inBlock, number, { when }));
  }

  #checkAt(index: number): Op {
    let op = this.#checks[index];
    if (!op) {
      op = this.#host.call(this.#here, index, { when: { counter: this.#stopAt, is: "eq", value: index } });
      this.#checks[index] = op;
    }
    return op;
  }

  #next(): Trigger | undefined {
    return this.#counts.find((trigger) => !trigger.reached);
  }

  /** Finds where in the block the next trigger is, which is at instruction `from` or behind it, if it is in this block. */
  #findIn(hart: number, number: number, from: number): void {
    const next = this.#next();
    if (!next) return;
    const length = this.#table.length[number] as number;
    const index = length - (Number(this.#count.get(hart)) - (next.icount as number));
    if (index >= length) return;
    if (index <= from) this.#counted(hart, number, from);
    else this.#stopAt.set(hart, BigInt(index));
  }

  #counted(hart: number, number: number, index: number): void {
    this.#stopAt.set(hart, 0n);
    const next = this.#next();
    if (!next) return;
    this.#reached(next, hart, this.#table.address(number, index));
    this.#findIn(hart, number, index);
  }

  #reached(trigger: Trigger, hart: number, pc: bigint): void {
    if (trigger.reached) return;
    const symbol = this.#host.symbol(pc)?.name;
    const instructions = this.#host.instructions();
    trigger.reached = { hart, pc, ...(symbol !== undefined && { symbol }), instructions };
    this.#last = trigger;
    const what = trigger.kind === "icount" ? `icount reached at ${hex(pc)}` : `${hex(pc)} reached`;
    const line = `${what}, exiting\n`;
    this.#text += line;
    this.#host.output(line);
    this.#host.stop(`${what}, code ${trigger.code}`);
    this.#host.retranslate();
  }

  /** A trap left the block early: it counts what has begun of it. */
  #cut(hart: number, from: bigint, more: number): void {
    const number = this.#open.at(hart);
    if (number < 0) return;
    const index = this.#table.index(number, BigInt.asUintN(64, from));
    this.#open.close(hart);
    this.#stopAt.set(hart, 0n);
    if (index < 0) return;
    const missing = (this.#table.length[number] as number) - index - more;
    this.#count.set(hart, this.#count.get(hart) - BigInt(missing));
  }
}

/** `number` or `number:code`; 0x means hexadecimal. */
function parse(option: string, text: string): { value: bigint; code: number } {
  const match = /^(0x[0-9a-f]{1,16}|\d{1,20})(?::(0x[0-9a-f]{1,8}|\d{1,9}))?$/i.exec(text);
  if (!match) throw new PluginOptionError(option, "a number, or a number and a code with a colon between them");
  return { value: BigInt(match[1] as string), code: Number(match[2] ?? 0) };
}

export const stoptrigger: PluginDefinition = {
  name: "stoptrigger",
  summary: "Pauses the session after so many instructions, or before an address runs",
  options: {
    icount: {
      type: "string",
      description: "COUNT or COUNT:CODE: pause when a hart has run so many instructions since the plugin attached",
      repeated: true,
    },
    addr: { type: "string", description: "ADDRESS or ADDRESS:CODE: pause before it runs", repeated: true },
  },
  results: RESULTS,
  install: (host, options) => new StopTrigger(host, options),
};
