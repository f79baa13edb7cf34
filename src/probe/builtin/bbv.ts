// Basic block vectors for SimPoint: how many instructions each block ran in each interval of a hart, one line per interval and
// one file per hart. Blocks are counted whole, when they are entered, as QEMU's plugin counts them; a hart's interval ends at
// the block that makes it full.
import Type from "../../schema/type.js";
import type { Block, EventBuffer, OptionValues, Plugin, PluginDefinition, PluginHost } from "../plugin.js";
import { Address } from "./schema.js";
import { grown } from "./support/growable.js";

const RESULTS = Type.Object({
  interval: Type.Integer({ description: "instructions of an interval" }),
  blocks: Type.Integer({ description: "blocks numbered so far" }),
  harts: Type.Array(
    Type.Object({
      hart: Type.Integer(),
      file: Type.String(),
      intervals: Type.Integer({ description: "complete ones: lines of the file" }),
      instructions: Type.Integer({ description: "in the interval that is not complete" }),
      truncated: Type.Boolean({ description: "the file reached its limit; later intervals are counted only" }),
    }),
  ),
  hottest: Type.Array(
    Type.Object({
      index: Type.Integer({ description: "number of the block in the files" }),
      address: Address("virtual address"),
      symbol: Type.Optional(Type.String()),
      instructions: Type.Integer({ description: "run in it since the plugin attached" }),
    }),
    { description: "the twenty blocks with most instructions" },
  ),
});

/** Bytes of all files together. */
const FILES_LIMIT = 12 << 20;

class Vector {
  /** Instructions by block in this interval, and the blocks that have some. */
  counts: Float64Array = new Float64Array(256);
  readonly touched: number[] = [];
  instructions = 0;
  intervals = 0;
  bytes: Uint8Array = new Uint8Array(4096);
  used = 0;
  truncated = false;
  readonly #limit: number;

  /** @param limit bytes of its file */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(block: number, length: number): void {
    if (block >= this.counts.length) this.counts = grown(this.counts, block);
    const count = this.counts[block] as number;
    if (count === 0) this.touched.push(block);
    this.counts[block] = count + length;
    this.instructions += length;
  }

  end(interval: number, totals: Float64Array): void {
    this.instructions -= interval;
    this.intervals++;
    const line = `T${this.touched
      .sort((a, b) => a - b)
      .map((block) => `:${block}:${this.counts[block]} `)
      .join("")}\n`;
    this.flush(totals);
    const encoded = new TextEncoder().encode(line);
    if (this.used + encoded.length > this.#limit) this.truncated = true;
    if (this.truncated) return;
    this.bytes = grown(this.bytes, this.used + encoded.length);
    this.bytes.set(encoded, this.used);
    this.used += encoded.length;
  }

  /** Moves the counts to the totals. */
  flush(totals: Float64Array): void {
    for (const block of this.touched) {
      totals[block] = (totals[block] as number) + (this.counts[block] as number);
      this.counts[block] = 0;
    }
    this.touched.length = 0;
  }
}

class BlockVectors implements Plugin {
  readonly #host: PluginHost;
  readonly #interval: number;
  readonly #outfile: string;
  readonly #buffer: EventBuffer;
  readonly #vectors: Vector[];
  /** Blocks by their virtual address, in the order of their first translation. */
  readonly #numbers = new Map<bigint, number>();
  /** What is appended for a block: its number and its length. */
  readonly #tags = new Map<number, number>();
  #number: Uint32Array = new Uint32Array(256);
  #length: Uint16Array = new Uint16Array(256);
  #totals: Float64Array = new Float64Array(256);

  constructor(host: PluginHost, options: OptionValues) {
    this.#host = host;
    this.#interval = options["interval"] as number;
    this.#outfile = options["outfile"] as string;
    this.#vectors = Array.from({ length: host.harts }, () => new Vector(FILES_LIMIT / host.harts));
    this.#buffer = host.buffer((words, from, to) => this.#drain(words, from, to), 16384);
  }

  translate(block: Block): void {
    let number = this.#numbers.get(block.vaddr);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(block.vaddr, number);
      this.#totals = grown(this.#totals, number);
    }
    // the same address may come again with other code, and another length
    const { length } = block.instructions;
    const key = number * 1024 + length;
    let tag = this.#tags.get(key);
    if (tag === undefined) {
      tag = this.#tags.size;
      this.#tags.set(key, tag);
      this.#number = grown(this.#number, tag);
      this.#length = grown(this.#length, tag);
      this.#number[tag] = number;
      this.#length[tag] = length;
    }
    block.onExec(this.#buffer.append(tag));
  }

  results(): unknown {
    const totals = this.#totals.slice();
    for (const vector of this.#vectors) {
      for (const block of vector.touched) totals[block] = (totals[block] as number) + (vector.counts[block] as number);
    }
    const hottest = [...this.#numbers]
      .sort(([, a], [, b]) => (totals[b] as number) - (totals[a] as number))
      .slice(0, 20)
      .filter(([, index]) => (totals[index] as number) > 0);
    return {
      interval: this.#interval,
      blocks: this.#numbers.size,
      harts: this.#vectors.map(({ bytes, used, intervals, instructions, truncated }, hart) => {
        const file = `${this.#outfile}.${hart}.bb`;
        this.#host.file(file, bytes.subarray(0, used));
        return { hart, file, intervals, instructions, truncated };
      }),
      hottest: hottest.map(([address, index]) => {
        const symbol = this.#host.symbol(address)?.name;
        return { index, address, ...(symbol !== undefined && { symbol }), instructions: totals[index] };
      }),
    };
  }

  #drain(words: Uint32Array, from: number, to: number): void {
    const interval = this.#interval;
    for (let i = 4 * from; i < 4 * to; i += 4) {
      const tag = words[i] as number;
      const vector = this.#vectors[(words[i + 1] as number) & 0xff] as Vector;
      vector.add(this.#number[tag] as number, this.#length[tag] as number);
      if (vector.instructions >= interval) vector.end(interval, this.#totals);
    }
  }
}

export const bbv: PluginDefinition = {
  name: "bbv",
  summary: "Basic block vectors for SimPoint",
  options: {
    interval: { type: "integer", description: "instructions of an interval", default: 100_000_000, minimum: 1 },
    outfile: { type: "string", description: "files are OUTFILE.HART.bb", default: "bbv" },
  },
  results: RESULTS,
  install: (host, options) => new BlockVectors(host, options),
};
