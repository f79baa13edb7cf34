// Models the caches of a machine that runs the guest's code: L1 for instructions and data, and on request a common L2, for each
// core. Physical addresses; accesses to devices go by.
//
// Inline, fetches are counted, and appended where a hart goes to another line than it fetched from last, since others cannot miss;
// accesses are appended with their physical addresses. The models run while the buffer is drained. A run that a trap ends early, or that the
// machine stands in the middle of, is told from the others by OpenBlocks, so that the count of fetches is exact.
import Type from "../../../schema/type.js";
import type { Block, EventBuffer, Op, OptionValues, Plugin, PluginDefinition, PluginHost } from "../../plugin.js";
import { PluginOptionError } from "../../plugin.js";
import { Address } from "../schema.js";
import { CacheModel, type CacheShape, type Eviction, Random } from "./cache-model.js";
import { InstructionTable } from "./instruction-table.js";
import { report, type Totals } from "./report.js";
import { RunTable } from "./run-table.js";

const Counts = Type.Object({
  accesses: Type.Integer(),
  misses: Type.Integer(),
  missRate: Type.Number({ description: "misses for each access, 0 to 1" }),
});
const Core = Type.Object({ data: Counts, instruction: Counts, l2: Type.Optional(Counts) });
const Shape = Type.Object({ size: Type.Integer(), blockSize: Type.Integer(), associativity: Type.Integer() });
const Thrashing = Type.Array(
  Type.Object({
    paddr: Address("physical address"),
    vaddr: Address("virtual address"),
    symbol: Type.Optional(Type.String()),
    disassembly: Type.String(),
    misses: Type.Integer(),
  }),
);
const RESULTS = Type.Object({
  data: Shape,
  instruction: Shape,
  l2: Type.Optional(Shape),
  evict: Type.String(),
  cores: Type.Array(Core),
  sum: Core,
  top: Type.Object(
    { data: Thrashing, instruction: Thrashing, l2: Type.Optional(Thrashing) },
    { description: "the instructions with most misses" },
  ),
});

/** A fetch's tag; a data access's is the number of its instruction. */
const FETCH = 0x8000_0000;
/** The entry behind it is an access to a device, which is to be left out. */
const DEVICE = 0xffff_ffff;

class Caches implements Plugin {
  readonly #host: PluginHost;
  readonly #buffer: EventBuffer;
  readonly #device: Op;
  readonly #shapes: { data: CacheShape; instruction: CacheShape; l2: CacheShape | undefined };
  readonly #evict: Eviction;
  readonly #limit: number;
  readonly #data: CacheModel[];
  readonly #instruction: CacheModel[];
  readonly #l2: CacheModel[];
  readonly #instructions = new InstructionTable();
  readonly #runs: RunTable;
  /** Whether the next access is a device's. */
  #skip = false;
  /** Fetches counted with their run that did not come, by core. */
  readonly #cut: Float64Array;

  constructor(host: PluginHost, options: OptionValues) {
    this.#host = host;
    const shape = (level: string): CacheShape => ({
      size: options[`${level}cachesize`] as number,
      blockSize: options[`${level}blksize`] as number,
      associativity: options[`${level}assoc`] as number,
    });
    const l2 = options["l2"] ?? ["l2cachesize", "l2blksize", "l2assoc"].some((name) => options[name] !== undefined);
    this.#shapes = {
      data: checked("d", shape("d")),
      instruction: checked("i", shape("i")),
      l2: l2
        ? checked("l2", {
            size: (options["l2cachesize"] as number | undefined) ?? 2 << 20,
            blockSize: (options["l2blksize"] as number | undefined) ?? 64,
            associativity: (options["l2assoc"] as number | undefined) ?? 16,
          })
        : undefined,
    };
    this.#evict = options["evict"] as Eviction;
    this.#limit = options["limit"] as number;
    const cores = (options["cores"] as number | undefined) ?? host.harts;
    const random = new Random();
    const models = (shape: CacheShape | undefined): CacheModel[] =>
      shape ? Array.from({ length: cores }, () => new CacheModel(shape, this.#evict, random)) : [];
    this.#data = models(this.#shapes.data);
    this.#instruction = models(this.#shapes.instruction);
    this.#l2 = models(this.#shapes.l2);
    this.#cut = new Float64Array(cores);
    const line = this.#shapes.instruction.blockSize;
    const model = this.#instruction[0] as CacheModel;
    this.#runs = new RunTable(host, this.#instructions, model, line, cores < host.harts, (hart) =>
      this.#leave(hart, this.#runs.pc(hart), 0),
    );
    this.#buffer = host.buffer((words, from, to) => this.#drain(words, from, to), 32768);
    this.#device = this.#buffer.append(DEVICE);
    host.on("exception", ({ hart, from }) => this.#leave(hart, from, 1));
    host.on("interrupt", ({ hart, from }) => this.#leave(hart, from, 0));
  }

  translate(block: Block): void {
    const { instructions } = block;
    for (let from = 0; from < instructions.length; ) {
      const to = this.#runs.end(instructions, from);
      this.#runs.add(instructions, from, to, this.#buffer, FETCH);
      from = to;
    }
    for (const instruction of instructions) {
      if (instruction.memory === "none") continue;
      instruction.onAccess(this.#device, { io: true });
      instruction.onAccess(this.#buffer.append(this.#instructions.number(instruction), "paddr"));
    }
  }

  results(): unknown {
    const { data, instruction, l2 } = this.#shapes;
    const totals = this.#totals();
    const counts = ({ accesses, misses }: { accesses: number; misses: number }): unknown => ({
      accesses,
      misses,
      missRate: accesses > 0 ? misses / accesses : 0,
    });
    const core = (totals: Totals): unknown => ({
      data: counts(totals.data),
      instruction: counts(totals.instruction),
      ...(totals.l2 && { l2: counts(totals.l2) }),
    });
    const top = (misses: Float64Array): unknown =>
      this.#instructions.top(misses, this.#limit).map((number) => {
        const { paddr, vaddr, disassembly } = this.#instructions.describe(number);
        const symbol = this.#host.symbol(vaddr)?.name;
        return { paddr, vaddr, ...(symbol !== undefined && { symbol }), disassembly, misses: misses[number] };
      });
    return {
      data,
      instruction,
      ...(l2 && { l2 }),
      evict: this.#evict,
      cores: totals.map(core),
      sum: core(sum(totals)),
      top: {
        data: top(this.#instructions.dataMisses),
        instruction: top(this.#instructions.fetchMisses),
        ...(l2 && { l2: top(this.#instructions.l2Misses) }),
      },
    };
  }

  text(): string {
    const totals = this.#totals();
    return report(this.#host, totals, sum(totals), this.#instructions, this.#limit);
  }

  reset(): void {
    for (let hart = 0; hart < this.#host.harts; hart++) this.#runs.close(hart);
  }

  /** Most accesses hit in the first way of their set, where LRU has the line used last: that is tested here, from locals. */
  #drain(words: Uint32Array, from: number, to: number): void {
    const runs = this.#runs;
    const { dataMisses, fetchMisses } = this.#instructions;
    const l2 = this.#l2.length > 0;
    let hart = -1;
    let data = this.#data[0] as CacheModel;
    let instruction = this.#instruction[0] as CacheModel;
    let { lines: dataLines } = data;
    let { lines: fetchLines } = instruction;
    const { shift, upper, setMask, ways } = data;
    let loads = 0;
    let i = 4 * from;
    if (this.#skip && to > from) {
      this.#skip = false;
      i += 4;
    }
    for (; i < 4 * to; i += 4) {
      const tag = words[i] as number;
      const now = (words[i + 1] as number) & 0xff;
      if (now !== hart) {
        data.accesses += loads;
        loads = 0;
        hart = now;
        data = this.#data[hart % this.#data.length] as CacheModel;
        instruction = this.#instruction[hart % this.#data.length] as CacheModel;
        dataLines = data.lines;
        fetchLines = instruction.lines;
      }
      if (tag < FETCH) {
        loads++;
        const low = words[i + 2] as number;
        const high = words[i + 3] as number;
        const inLow = low >>> shift;
        const line = high * upper + inLow;
        const first = (inLow & setMask) * ways;
        if (dataLines[first] === line || data.access(first, line)) continue;
        dataMisses[tag] = (dataMisses[tag] as number) + 1;
        if (l2) this.#second(hart, low, high, tag);
      } else if (tag !== DEVICE) {
        const run = tag - FETCH;
        const line = runs.line[run] as number;
        const first = runs.way[run] as number;
        if (fetchLines[first] === line || instruction.access(first, line)) continue;
        const number = runs.first[run] as number;
        fetchMisses[number] = (fetchMisses[number] as number) + 1;
        if (l2) this.#second(hart, runs.low[run] as number, runs.high[run] as number, number);
      } else if (i + 4 < 4 * to) i += 4;
      else this.#skip = true;
    }
    data.accesses += loads;
  }

  /** The second level, for what missed in the first. */
  #second(hart: number, low: number, high: number, number: number): void {
    const model = this.#l2[hart % this.#l2.length] as CacheModel;
    model.accesses++;
    const first = model.first(low);
    const line = model.line(low, high);
    if (model.lines[first] === line || model.access(first, line)) return;
    const { l2Misses } = this.#instructions;
    l2Misses[number] = (l2Misses[number] as number) + 1;
  }

  #leave(hart: number, from: bigint, begun: number): void {
    const core = hart % this.#cut.length;
    this.#cut[core] = (this.#cut[core] as number) + Math.max(this.#runs.missing(hart, from) - begun, 0);
    this.#runs.close(hart);
  }

  #totals(): Totals[] {
    const totals = this.#data.map((data, core): Totals => {
      const instruction = this.#instruction[core] as CacheModel;
      const l2 = this.#l2[core];
      return {
        data: { accesses: data.accesses, misses: data.misses },
        instruction: { accesses: -(this.#cut[core] as number), misses: instruction.misses },
        ...(l2 && { l2: { accesses: l2.accesses, misses: l2.misses } }),
      };
    });
    for (let hart = 0; hart < this.#host.harts; hart++) {
      const fetched = this.#runs.fetched(hart) - this.#runs.missing(hart, this.#runs.pc(hart));
      (totals[hart % totals.length] as Totals).instruction.accesses += fetched;
    }
    return totals;
  }
}

function sum(totals: readonly Totals[]): Totals {
  const add = (of: (totals: Totals) => { accesses: number; misses: number }): { accesses: number; misses: number } => ({
    accesses: totals.reduce((total, core) => total + of(core).accesses, 0),
    misses: totals.reduce((total, core) => total + of(core).misses, 0),
  });
  return {
    data: add(({ data }) => data),
    instruction: add(({ instruction }) => instruction),
    ...(totals[0]?.l2 && { l2: add(({ l2 }) => l2 as { accesses: number; misses: number }) }),
  };
}

function checked(level: string, shape: CacheShape): CacheShape {
  const { size, blockSize, associativity } = shape;
  const powerOf2 = (n: number): boolean => n >= 1 && Number.isInteger(Math.log2(n));
  if (!powerOf2(blockSize)) throw new PluginOptionError(`${level}blksize`, "a power of two");
  if (!powerOf2(size / (blockSize * associativity)))
    throw new PluginOptionError(`${level}cachesize`, `${blockSize * associativity} (a set) times a power of two`);
  return shape;
}

const SIZE = { type: "integer", minimum: 1, maximum: 1 << 30 } as const;
const WAYS = { type: "integer", minimum: 1, maximum: 1024 } as const;

export const cache: PluginDefinition = {
  name: "cache",
  summary: "Models instruction, data and second-level caches, and names the instructions that miss most",
  options: {
    iblksize: { ...SIZE, description: "bytes of a line of the L1 instruction cache", default: 64 },
    iassoc: { ...WAYS, description: "its ways", default: 8 },
    icachesize: { ...SIZE, description: "its bytes", default: 16384 },
    dblksize: { ...SIZE, description: "bytes of a line of the L1 data cache", default: 64 },
    dassoc: { ...WAYS, description: "its ways", default: 8 },
    dcachesize: { ...SIZE, description: "its bytes", default: 16384 },
    limit: { type: "integer", description: "instructions listed, 0 for all that missed", default: 32, minimum: 0 },
    cores: { type: "integer", description: "cores; as many as harts unless given", minimum: 1, maximum: 256 },
    l2: { type: "boolean", description: "a second level for both; on when one of its options is given" },
    l2cachesize: { ...SIZE, description: "its bytes (2 MiB)" },
    l2blksize: { ...SIZE, description: "bytes of its lines (64)" },
    l2assoc: { ...WAYS, description: "its ways (16)" },
    evict: {
      type: "choice",
      description: "what goes when a set is full",
      choices: ["lru", "fifo", "rand"],
      default: "lru",
    },
  },
  results: RESULTS,
  install: (host, options) => new Caches(host, options),
};
