// Where control goes: for each instruction behind which execution went on elsewhere, how often and to where, and how often its
// block ended early there because it trapped or was interrupted.
//
// Taken branches are counted while block numbers are drained, as pairs of blocks; fall-through costs a comparison.
import Type from "../../schema/type.js";
import type { Block, OptionValues, Plugin, PluginDefinition, PluginHost } from "../plugin.js";
import { Address } from "./schema.js";
import { BlockStream, type Discontinuity } from "./support/block-stream.js";
import { grown } from "./support/growable.js";
import { PairTable } from "./support/pair-table.js";
import { hex } from "./support/text.js";

const RESULTS = Type.Object({
  nodes: Type.Integer({ description: "instructions translated" }),
  branching: Type.Integer({ description: "those of them behind which control went elsewhere" }),
  top: Type.Array(
    Type.Object({
      address: Address("virtual address"),
      symbol: Type.Optional(Type.String()),
      disassembly: Type.String(),
      type: Type.Union([Type.Literal("branch"), Type.Literal("sync fault")], {
        description: "sync fault: it has been in the middle of a block, where only a trap leads elsewhere",
      }),
      earlyExits: Type.Integer(),
      branches: Type.Integer({ description: "how often control went elsewhere" }),
      destinations: Type.Array(
        Type.Object({
          address: Address("virtual address"),
          symbol: Type.Optional(Type.String()),
          count: Type.Integer(),
        }),
      ),
    }),
  ),
});

interface Node {
  address: bigint;
  block: number;
  index: number;
  middle: boolean;
  earlyExits: number;
  branches: number;
  destinations: Map<bigint, number>;
}

class ControlFlow implements Plugin {
  readonly #host: PluginHost;
  readonly #sort: string;
  readonly #limit: number;
  readonly #stream: BlockStream;
  /** The block each hart ran last, -1 before the first; and how much of it when it was left early, else -1. */
  readonly #block: Int32Array;
  readonly #begun: Int32Array;
  /** Addresses of all instructions, and whether they have been in the middle of a block. */
  readonly #instructions = new Map<bigint, boolean>();
  /** By block: address of its last instruction. */
  readonly #last: bigint[] = [];
  /** Numbers of the addresses at which blocks start and behind which they end: equal ones are equal addresses. */
  readonly #addresses = new Map<bigint, number>();
  #start: Int32Array = new Int32Array(256);
  #end: Int32Array = new Int32Array(256);
  /** How often the second block ran behind the first one, without being the next in memory. */
  readonly #pairs = new PairTable();
  #counts: Float64Array = new Float64Array(256);
  /** The same for blocks left early: by block, instruction and destination. */
  readonly #early = new Map<string, { block: number; index: number; to: number; count: number }>();

  constructor(host: PluginHost, options: OptionValues) {
    this.#host = host;
    this.#sort = options["sort"] as string;
    this.#limit = options["limit"] as number;
    this.#block = new Int32Array(host.harts).fill(-1);
    this.#begun = new Int32Array(host.harts).fill(-1);
    this.#stream = new BlockStream(host, this);
  }

  translate(block: Block): void {
    const { table } = this.#stream;
    const before = table.size;
    const number = this.#stream.follow(block);
    if (number < before) return;
    this.#start = grown(this.#start, number);
    this.#end = grown(this.#end, number);
    this.#start[number] = this.#address(table.start[number] as bigint);
    this.#end[number] = this.#address(table.end[number] as bigint);
    const last = block.instructions.length - 1;
    block.instructions.forEach(({ vaddr }, index) => {
      if (index < last) this.#instructions.set(vaddr, true);
      else {
        if (!this.#instructions.has(vaddr)) this.#instructions.set(vaddr, false);
        this.#last.push(vaddr);
      }
    });
  }

  enter(hart: number, number: number): void {
    const last = this.#block[hart] as number;
    this.#block[hart] = number;
    if (last < 0) return;
    const begun = this.#begun[hart] as number;
    if (begun >= 0) {
      this.#begun[hart] = -1;
      this.#exit(last, begun, number);
    } else if (this.#end[last] !== this.#start[number]) {
      const pair = this.#pairs.number(last, number);
      if (pair >= this.#counts.length) this.#counts = grown(this.#counts, pair);
      this.#counts[pair] = (this.#counts[pair] as number) + 1;
    }
  }

  leave(hart: number, begun: number, what: Discontinuity): void {
    // a reset, or a debugger that moves the pc, is nothing the guest's code does
    if (what.type === "reset" || what.type === "elsewhere") this.#block[hart] = -1;
    else if (begun >= 0 && (this.#block[hart] as number) >= 0) this.#begun[hart] = begun;
  }

  reset(): void {
    this.#stream.reset();
  }

  results(): unknown {
    const branching = this.#branching();
    const top = this.#limit === 0 ? branching : branching.slice(0, this.#limit);
    const symbolOf = (address: bigint): { symbol?: string } => {
      const symbol = this.#host.symbol(address);
      return symbol === undefined ? {} : { symbol: symbol.name };
    };
    return {
      nodes: this.#instructions.size,
      branching: branching.length,
      top: top.map((node) => ({
        address: node.address,
        ...symbolOf(node.address),
        disassembly: this.#stream.table.disassembly(node.block, node.index),
        type: node.middle ? "sync fault" : "branch",
        earlyExits: node.earlyExits,
        branches: node.branches,
        destinations: [...node.destinations]
          .sort(([, a], [, b]) => b - a)
          .map(([address, count]) => ({ address, ...symbolOf(address), count })),
      })),
    };
  }

  text(): string {
    const branching = this.#branching();
    let text = `collected ${this.#instructions.size} control flow nodes in the hash table\n`;
    for (const node of this.#limit === 0 ? branching : branching.slice(0, this.#limit)) {
      const symbol = this.#host.symbol(node.address)?.name ?? "(null)";
      const disassembly = this.#stream.table.qemuDisassembly(node.block, node.index);
      text += `  addr: ${hex(node.address)} ${symbol}: ${disassembly} (${node.middle ? "sync fault" : "branch"})\n`;
      if (node.earlyExits > 0) text += `    early exits ${node.earlyExits}\n`;
      text += `    branches ${node.branches}\n`;
      for (const [address, count] of node.destinations) text += `      to ${hex(address)} (${count})\n`;
    }
    return text;
  }

  #address(address: bigint): number {
    let number = this.#addresses.get(address);
    if (number === undefined) {
      number = this.#addresses.size;
      this.#addresses.set(address, number);
    }
    return number;
  }

  #exit(block: number, begun: number, to: number): void {
    const index = Math.max(begun - 1, 0);
    const key = `${block} ${index} ${to}`;
    const found = this.#early.get(key);
    if (found) found.count++;
    else this.#early.set(key, { block, index, to, count: 1 });
  }

  /** The instructions that lead elsewhere, sorted as asked for. */
  #branching(): Node[] {
    this.#stream.settle();
    const { table } = this.#stream;
    const nodes = new Map<bigint, Node>();
    const count = (block: number, index: number, to: number, times: number, early: boolean): void => {
      const address =
        index === (table.length[block] as number) - 1 ? (this.#last[block] as bigint) : table.address(block, index);
      let node = nodes.get(address);
      if (!node) {
        const middle = this.#instructions.get(address) ?? false;
        node = { address, block, index, middle, earlyExits: 0, branches: 0, destinations: new Map() };
        nodes.set(address, node);
      }
      const destination = table.start[to] as bigint;
      node.branches += times;
      if (early) node.earlyExits += times;
      node.destinations.set(destination, (node.destinations.get(destination) ?? 0) + times);
    };
    for (let pair = 0; pair < this.#pairs.size; pair++) {
      const from = this.#pairs.a[pair] as number;
      const to = this.#pairs.b[pair] as number;
      count(from, (table.length[from] as number) - 1, to, this.#counts[pair] as number, false);
    }
    for (const { block, index, to, count: times } of this.#early.values()) count(block, index, to, times, true);
    const key = (node: Node): number =>
      this.#sort === "hottest" ? node.branches : this.#sort === "early" ? node.earlyExits : node.destinations.size;
    return [...nodes.values()].sort((a, b) => key(b) - key(a) || (a.address < b.address ? -1 : 1));
  }
}

export const cflow: PluginDefinition = {
  name: "cflow",
  summary: "Where control goes: branches with their destinations, and blocks that end early",
  options: {
    sort: {
      type: "choice",
      description: "most branches first, most early exits first, or (exceptions) most destinations first",
      choices: ["hottest", "early", "exceptions"],
      default: "hottest",
    },
    limit: { type: "integer", description: "instructions listed, 0 for all", default: 10, minimum: 0 },
  },
  results: RESULTS,
  install: (host, options) => new ControlFlow(host, options),
};
