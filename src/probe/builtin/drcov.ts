// Which blocks ran, as a DRCOV file that coverage viewers such as Lighthouse load. A block that ran sets its flag inline; when
// the memory for flags is used up, further blocks are appended to a buffer instead.
//
// The file gives a block's place as 32 bits from its module's base. Modules are those the user names; blocks outside of them
// belong to a module for each 4 GiB of addresses that code ran in.
import Type from "../../schema/type.js";
import type { Block, Counter, EventBuffer, OptionValues, Plugin, PluginDefinition, PluginHost } from "../plugin.js";
import { PluginOptionError } from "../plugin.js";
import { CounterPool } from "./counter-pool.js";
import { Address } from "./schema.js";
import { BlockTable } from "./support/block-table.js";
import { hex } from "./support/text.js";

const RESULTS = Type.Object({
  file: Type.String({ description: "name of the result file" }),
  translated: Type.Integer({ description: "blocks translated" }),
  blocks: Type.Integer({ description: "blocks that ran" }),
  instructions: Type.Integer({ description: "instructions in them" }),
  bytes: Type.Integer({ description: "bytes of code in them" }),
  modules: Type.Array(
    Type.Object({
      id: Type.Integer(),
      path: Type.String(),
      base: Address("first address"),
      end: Address("last address, or the one behind it"),
      blocks: Type.Integer(),
    }),
  ),
});

const WINDOW = 1n << 32n;
const LAST = (1n << 64n) - 1n;

interface Module {
  id: number;
  path: string;
  base: bigint;
  end: bigint;
  blocks: number[];
}

class Coverage implements Plugin {
  readonly #host: PluginHost;
  readonly #file: string;
  readonly #named: readonly { path: string; base: bigint; end: bigint }[];
  readonly #table = new BlockTable();
  readonly #pool: CounterPool;
  /** Flag of each block; undefined for those that are appended. */
  readonly #flags: (Counter | undefined)[] = [];
  readonly #ran = new Set<number>();
  #buffer: EventBuffer | undefined;

  constructor(host: PluginHost, options: OptionValues) {
    this.#host = host;
    this.#file = options["filename"] as string;
    this.#named = ((options["module"] ?? []) as string[]).map(parseModule);
    this.#pool = new CounterPool(host);
  }

  translate(block: Block): void {
    const number = this.#table.number(block);
    if (number === this.#flags.length) this.#flags.push(this.#pool.next());
    const flag = this.#flags[number];
    if (flag) {
      block.onExec(flag.store(1));
      return;
    }
    this.#buffer ??= this.#host.buffer((words, from, to) => {
      for (let i = from; i < to; i++) this.#ran.add(words[4 * i] as number);
    });
    block.onExec(this.#buffer.append(number));
  }

  results(): unknown {
    const modules = this.#modules();
    const blocks = modules.flatMap((module) => module.blocks);
    this.#host.file(this.#file, this.#encode(modules));
    return {
      file: this.#file,
      translated: this.#table.size,
      blocks: blocks.length,
      instructions: blocks.reduce((sum, block) => sum + (this.#table.length[block] as number), 0),
      bytes: blocks.reduce((sum, block) => sum + this.#bytes(block), 0),
      modules: modules.map(({ id, path, base, end, blocks }) => ({ id, path, base, end, blocks: blocks.length })),
    };
  }

  /** What the file says before its binary part; QEMU's plugin prints nothing. */
  text(): string {
    return header(this.#modules());
  }

  #bytes(block: number): number {
    return Number((this.#table.end[block] as bigint) - (this.#table.start[block] as bigint));
  }

  #modules(): Module[] {
    for (let block = 0; block < this.#flags.length; block++) {
      const flag = this.#flags[block];
      if (flag && !this.#ran.has(block) && flag.sum() > 0n) this.#ran.add(block);
    }
    const modules: Module[] = this.#named.map((named, id) => ({ id, ...named, blocks: [] }));
    const windows = new Map<bigint, Module>();
    for (const block of [...this.#ran].sort((a, b) => a - b)) {
      const start = this.#table.start[block] as bigint;
      let module = modules.find(({ base, end }) => start >= base && start < end);
      if (!module) {
        const base = start & ~(WINDOW - 1n);
        module = { id: modules.length, path: this.#host.symbol(start)?.image ?? "memory", base, end: base, blocks: [] };
        module.end = base + WINDOW - 1n;
        modules.push(module);
        windows.set(base, module);
      }
      module.blocks.push(block);
    }
    return modules;
  }

  #encode(modules: readonly Module[]): Uint8Array {
    const head = new TextEncoder().encode(header(modules));
    const blocks = modules.reduce((sum, module) => sum + module.blocks.length, 0);
    const bytes = new Uint8Array(head.length + 8 * blocks);
    bytes.set(head);
    const view = new DataView(bytes.buffer);
    let at = head.length;
    for (const { id, base, blocks } of modules) {
      for (const block of blocks) {
        view.setUint32(at, Number((this.#table.start[block] as bigint) - base), true);
        view.setUint16(at + 4, this.#bytes(block), true);
        view.setUint16(at + 6, id, true);
        at += 8;
      }
    }
    return bytes;
  }
}

function header(modules: readonly Module[]): string {
  const blocks = modules.reduce((sum, module) => sum + module.blocks.length, 0);
  return [
    "DRCOV VERSION: 2",
    "DRCOV FLAVOR: drcov-64",
    `Module Table: version 2, count ${modules.length}`,
    "Columns: id, base, end, entry, path",
    ...modules.map(({ id, base, end, path }) => `${id}, ${hex(base)}, ${hex(end)}, ${hex(0n)}, ${path}`),
    `BB Table: ${blocks} bbs`,
    "",
  ].join("\n");
}

/** `path:base` or `path:base:end`; a module without an end is 4 GiB long. */
function parseModule(text: string): { path: string; base: bigint; end: bigint } {
  const match = /^([^:,\n]+):(0x[0-9a-f]{1,16})(?::(0x[0-9a-f]{1,16}))?$/i.exec(text);
  const base = BigInt(match?.[2] ?? 0);
  const last = base + WINDOW < LAST ? base + WINDOW : LAST;
  const end = match?.[3] === undefined ? last : BigInt(match[3]);
  if (!match || end <= base || end - base > WINDOW)
    throw new PluginOptionError("module", "path:base or path:base:end, in hexadecimal, at most 4 GiB");
  return { path: match[1] as string, base, end };
}

export const drcov: PluginDefinition = {
  name: "drcov",
  summary: "Blocks that ran, as a DRCOV coverage file",
  options: {
    filename: { type: "string", description: "name of the result file", default: "file.drcov.trace" },
    module: {
      type: "string",
      description: "path:base[:end] of an image, so that viewers find its blocks; as often as there are images",
      repeated: true,
    },
  },
  results: RESULTS,
  install: (host, options) => new Coverage(host, options),
};
