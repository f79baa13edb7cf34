// Compares the blocks that two sessions run, hart by hart, and reports the first that differ. Each side appends block numbers
// inline and posts them in chunks to the channel both named; each compares what it ran with what it gets. Numbers are those
// of block addresses, which a chunk explains where they are new.
//
// A side that gets too far ahead of the other pauses its session: nothing that has not been compared is forgotten.
import Type from "../../schema/type.js";
import type { Block, EventBuffer, OptionValues, Plugin, PluginDefinition, PluginHost } from "../plugin.js";
import { Address } from "./schema.js";
import { grown } from "./support/growable.js";
import { hex16 } from "./support/text.js";

const Run = Type.Object({
  address: Address("virtual address"),
  symbol: Type.Optional(Type.String()),
  length: Type.Integer({ description: "instructions of the block" }),
  instructions: Type.Integer({ description: "run by the hart before it" }),
});
const RESULTS = Type.Object({
  state: Type.Union(
    [Type.Literal("waiting"), Type.Literal("comparing"), Type.Literal("diverged"), Type.Literal("left")],
    {
      description: "waiting for the other side, comparing, diverged, or the other side has detached",
    },
  ),
  attachedAt: Type.Object(
    { ours: Type.Integer(), theirs: Type.Optional(Type.Integer()) },
    { description: "instruction counts at which the sides attached; sides that began elsewhere diverge at once" },
  ),
  harts: Type.Array(
    Type.Object({
      hart: Type.Integer(),
      blocks: Type.Integer({ description: "run here" }),
      instructions: Type.Integer({ description: "in these blocks" }),
      compared: Type.Integer({ description: "blocks compared and equal" }),
    }),
  ),
  divergence: Type.Optional(
    Type.Object({
      hart: Type.Integer(),
      block: Type.Integer({ description: "how many blocks were equal" }),
      common: Type.Array(Run, { description: "the last equal blocks" }),
      ours: Type.Array(Run, { description: "what ran here from there on" }),
      theirs: Type.Array(Run),
    }),
  ),
});

/** Blocks shown on each side of a divergence. */
const SHOWN = 8;

interface RunBlock {
  address: bigint;
  length: number;
  instructions: number;
}
interface Divergence {
  hart: number;
  block: number;
  common: RunBlock[];
  ours: RunBlock[];
  theirs: RunBlock[];
}

type Message = { from: number; to?: number } & (
  | { kind: "hello"; attachedAt: number; harts: number }
  | {
      kind: "blocks";
      hart: number;
      at: number;
      numbers: Uint32Array;
      firstNew: number;
      starts: bigint[];
      lengths: number[];
    }
  | { kind: "bye" }
);

/** Block numbers from position `base` on: a queue in a typed array. */
class Log {
  base = 0;
  size = 0;
  numbers: Uint32Array = new Uint32Array(1024);
  #head = 0;

  push(number: number): void {
    const at = this.#head + this.size;
    if (at === this.numbers.length) {
      // begin at the front again where that is worth it
      if (this.#head > this.numbers.length / 2) {
        this.numbers.copyWithin(0, this.#head, at);
        this.#head = 0;
      } else this.numbers = grown(this.numbers, at);
    }
    this.numbers[this.#head + this.size++] = number;
  }

  at(position: number): number {
    return this.numbers[this.#head + position - this.base] as number;
  }

  slice(from: number, to: number): Uint32Array {
    return this.numbers.slice(this.#head + from - this.base, this.#head + to - this.base);
  }

  get end(): number {
    return this.base + this.size;
  }

  /** Forgets what is before `position`. */
  drop(position: number): void {
    const count = Math.min(position - this.base, this.size);
    if (count <= 0) return;
    this.base += count;
    this.size -= count;
    this.#head = this.size === 0 ? 0 : this.#head + count;
  }
}

/** One side's sequence on one hart. */
interface Side {
  log: Log;
  /** Instructions of the blocks that were compared. */
  instructions: number;
}

class Lockstep implements Plugin {
  readonly #host: PluginHost;
  readonly #verbose: boolean;
  readonly #window: number;
  readonly #buffer: EventBuffer;
  readonly #channel: { post(message: unknown): void; close(): void };
  readonly #me = Math.floor(Math.random() * 2 ** 48) + 1;
  readonly #attachedAt: number;
  #peer: { id: number; attachedAt: number } | undefined;
  #left = false;

  /** Blocks by address and length: what a number means, here and there. Equal addresses have equal `place`s. */
  readonly #places = new Map<bigint, number>();
  readonly #addresses: bigint[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #starts: bigint[] = [];
  readonly #lengths: number[] = [];
  #place: Int32Array = new Int32Array(256);
  readonly #theirLengths: number[] = [];
  #theirPlace: Int32Array = new Int32Array(256);

  readonly #ours: Side[];
  readonly #theirs: Side[];
  readonly #run: Float64Array;
  readonly #instructions: Float64Array;
  readonly #compared: Float64Array;
  readonly #posted: Float64Array;
  /** How many of our blocks the other side knows. */
  #explained = 0;
  #divergence: Divergence | undefined;

  constructor(host: PluginHost, options: OptionValues) {
    this.#host = host;
    this.#verbose = options["verbose"] as boolean;
    this.#window = options["window"] as number;
    this.#attachedAt = host.instructions();
    const sides = (): Side[] => Array.from({ length: host.harts }, () => ({ log: new Log(), instructions: 0 }));
    this.#ours = sides();
    this.#theirs = sides();
    this.#run = new Float64Array(host.harts);
    this.#instructions = new Float64Array(host.harts);
    this.#compared = new Float64Array(host.harts);
    this.#posted = new Float64Array(host.harts);
    this.#buffer = host.buffer((words, from, to) => this.#drain(words, from, to), 16384);
    this.#channel = host.channel(`lockstep ${options["sockpath"] as string}`, (message) => this.#receive(message));
    this.#hello(undefined);
  }

  translate(block: Block): void {
    if (this.#divergence) return;
    const { length } = block.instructions;
    const key = `${block.vaddr.toString(36)}.${length}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
      this.#starts.push(block.vaddr);
      this.#lengths.push(length);
      this.#place = grown(this.#place, number);
      this.#place[number] = this.#placeOf(block.vaddr);
    }
    block.onExec(this.#buffer.append(number));
  }

  results(): unknown {
    this.#compareAll();
    const show = (blocks: RunBlock[]): unknown =>
      blocks.map((block) => {
        const symbol = this.#host.symbol(block.address)?.name;
        return { ...block, ...(symbol !== undefined && { symbol }) };
      });
    const found = this.#divergence;
    return {
      state: found ? "diverged" : this.#left ? "left" : this.#peer ? "comparing" : "waiting",
      attachedAt: { ours: this.#attachedAt, ...(this.#peer && { theirs: this.#peer.attachedAt }) },
      harts: [...this.#run].map((blocks, hart) => ({
        hart,
        blocks,
        instructions: this.#instructions[hart],
        compared: this.#compared[hart],
      })),
      ...(found && {
        divergence: { ...found, common: show(found.common), ours: show(found.ours), theirs: show(found.theirs) },
      }),
    };
  }

  text(): string {
    const found = this.#divergence;
    if (!found) {
      const sum = (numbers: Float64Array): number => numbers.reduce((a, b) => a + b, 0);
      const blocks = sum(this.#run);
      return `No divergence :-)\nExecuted ${blocks}/${blocks} blocks\nExecuted ~${sum(this.#instructions)} instructions\n`;
    }
    const ours = found.ours[0];
    const theirs = found.theirs[0];
    if (!ours || !theirs) return "";
    const sides = `${hex16(ours.address)} vs ${hex16(theirs.address)}`;
    const counts = `${hex16(ours.address)} (${ours.instructions}) vs ${hex16(theirs.address)} (${theirs.instructions})`;
    const before = found.common
      .slice(-5)
      .reverse()
      .map((b) => `  previously @ ${hex16(b.address)}/${b.length} (${b.instructions + b.length} insns)\n`);
    const short = this.#verbose ? `@ ${sides} (1/0 since last)\n` : "";
    return `${short}Δ insn_count @ ${counts}\n${before.join("")}too much divergence... giving up.`;
  }

  uninstall(): void {
    this.#post({ kind: "bye", from: this.#me });
    this.#channel.close();
  }

  #placeOf(address: bigint): number {
    let place = this.#places.get(address);
    if (place === undefined) {
      place = this.#places.size;
      this.#places.set(address, place);
      this.#addresses.push(address);
    }
    return place;
  }

  #drain(words: Uint32Array, from: number, to: number): void {
    if (this.#divergence) return;
    for (let i = 4 * from; i < 4 * to; i += 4) {
      const number = words[i] as number;
      const hart = (words[i + 1] as number) & 0xff;
      (this.#ours[hart] as Side).log.push(number);
      this.#run[hart] = (this.#run[hart] as number) + 1;
      this.#instructions[hart] = (this.#instructions[hart] as number) + (this.#lengths[number] as number);
    }
    this.#sendAll();
    this.#compareAll();
    this.#holdBack();
  }

  #post(message: Message): void {
    this.#channel.post(message);
  }

  #hello(to: number | undefined): void {
    const message = { kind: "hello", from: this.#me, attachedAt: this.#attachedAt, harts: this.#host.harts } as const;
    this.#post(to === undefined ? message : { ...message, to });
  }

  #sendAll(): void {
    if (!this.#peer || this.#left) return;
    this.#ours.forEach(({ log }, hart) => {
      const at = this.#posted[hart] as number;
      if (log.end === at) return;
      this.#post({
        kind: "blocks",
        from: this.#me,
        to: this.#peer?.id as number,
        hart,
        at,
        numbers: log.slice(at, log.end),
        firstNew: this.#explained,
        starts: this.#starts.slice(this.#explained),
        lengths: this.#lengths.slice(this.#explained),
      });
      this.#explained = this.#starts.length;
      this.#posted[hart] = log.end;
    });
  }

  #receive(message: unknown): void {
    const received = message as Message;
    if (received.from === this.#me || (received.to !== undefined && received.to !== this.#me)) return;
    if (received.kind === "hello") {
      if (this.#peer) return;
      this.#peer = { id: received.from, attachedAt: received.attachedAt };
      if (received.to === undefined) this.#hello(received.from);
      this.#sendAll();
      return;
    }
    if (received.from !== this.#peer?.id) return;
    if (received.kind === "bye") {
      // one that came and went at once, as when it is configured, may come again
      if (this.#theirs.some(({ log }) => log.end > 0)) this.#left = true;
      else {
        this.#peer = undefined;
        this.#explained = 0;
        this.#posted.fill(0);
      }
      return;
    }
    const { firstNew, starts, lengths, hart, numbers } = received;
    starts.forEach((start, i) => {
      this.#theirPlace = grown(this.#theirPlace, firstNew + i);
      this.#theirPlace[firstNew + i] = this.#placeOf(start);
      this.#theirLengths[firstNew + i] = lengths[i] as number;
    });
    const side = this.#theirs[hart];
    if (!side) return;
    for (const number of numbers) side.log.push(number);
    this.#compareAll();
  }

  #compareAll(): void {
    if (!this.#peer) return;
    for (let hart = 0; hart < this.#host.harts; hart++) this.#compare(hart);
  }

  #compare(hart: number): void {
    const ours = this.#ours[hart] as Side;
    const theirs = this.#theirs[hart] as Side;
    if (this.#divergence) {
      if (this.#divergence.hart === hart) this.#show(this.#divergence);
      return;
    }
    const begin = this.#compared[hart] as number;
    const end = Math.min(ours.log.end, theirs.log.end);
    let at = begin;
    for (; at < end; at++) {
      const mine = ours.log.at(at);
      const other = theirs.log.at(at);
      if (this.#place[mine] !== this.#theirPlace[other]) break;
      ours.instructions += this.#lengths[mine] as number;
      theirs.instructions += this.#theirLengths[other] as number;
    }
    this.#compared[hart] = at;
    if (at < end) {
      this.#divergence = { hart, block: at, common: [], ours: [], theirs: [] };
      this.#show(this.#divergence);
      this.#host.output(this.text());
      this.#host.stop(`lockstep: hart ${hart} diverged at block ${at}`);
      this.#host.retranslate();
      return;
    }
    // the last equal blocks stay, to be shown
    const keep = at - SHOWN;
    ours.log.drop(Math.min(keep, this.#posted[hart] as number));
    theirs.log.drop(keep);
  }

  /** Describes the divergence with what is there by now. */
  #show(found: Divergence): void {
    const ours = this.#ours[found.hart] as Side;
    const theirs = this.#theirs[found.hart] as Side;
    if (found.common.length === 0) {
      let { instructions } = ours;
      for (let at = found.block - 1; at >= Math.max(found.block - SHOWN, ours.log.base); at--) {
        const number = ours.log.at(at);
        const length = this.#lengths[number] as number;
        instructions -= length;
        found.common.unshift({
          address: this.#addresses[this.#place[number] as number] as bigint,
          length,
          instructions,
        });
      }
    }
    const behind = (side: Side, places: Int32Array, lengths: number[], into: RunBlock[]): void => {
      let instructions = into.reduce((sum, { length }) => sum + length, side.instructions);
      for (let at = found.block + into.length; at < side.log.end && into.length < SHOWN; at++) {
        const number = side.log.at(at);
        const length = lengths[number] as number;
        into.push({ address: this.#addresses[places[number] as number] as bigint, length, instructions });
        instructions += length;
      }
    };
    behind(ours, this.#place, this.#lengths, found.ours);
    behind(theirs, this.#theirPlace, this.#theirLengths, found.theirs);
  }

  /** Pauses the session that is too far ahead, until somebody has it go on. */
  #holdBack(): void {
    const ahead = this.#ours.reduce(
      (most, { log }, hart) => Math.max(most, log.end - (this.#compared[hart] as number)),
      0,
    );
    if (ahead < this.#window || this.#divergence || this.#left) {
      if (!this.#left) return;
      // nobody will compare these any more
      for (const { log } of this.#ours) log.drop(log.end);
      return;
    }
    this.#host.stop(
      this.#peer
        ? `lockstep: ${ahead} blocks ahead of the other session`
        : `lockstep: ${ahead} blocks without another session`,
    );
  }
}

export const lockstep: PluginDefinition = {
  name: "lockstep",
  summary: "Compares the blocks two sessions run and reports where they diverge",
  options: {
    sockpath: { type: "string", description: "name under which the two sessions meet", default: "default" },
    verbose: { type: "boolean", description: "a line for each divergence in the text", default: false },
    window: {
      type: "integer",
      description: "blocks a session may be ahead of the other before it is paused",
      default: 8 << 20,
      minimum: 1024,
      maximum: 64 << 20,
    },
  },
  results: RESULTS,
  install: (host, options) => new Lockstep(host, options),
};
