// hotblocks: the blocks that ran most often. As in QEMU a block is known by its address and number of instructions, so one
// that is translated again goes on counting. Unlike QEMU's, the list does not lose its last line.
import Type from "../../schema/type.js";
import type { Block, Counter, PluginDefinition } from "../plugin.js";
import { CounterPool } from "./counter-pool.js";
import { first, INLINE, limit } from "./options.js";
import { Address, Count } from "./schema.js";

interface HotBlock {
  pc: bigint;
  symbol: string | undefined;
  instructions: number;
  translations: number;
  counter: Counter | undefined;
}

export const hotblocks: PluginDefinition = {
  name: "hotblocks",
  summary: "lists the blocks that ran most often",
  options: { inline: INLINE, limit: limit(20, "blocks") },
  results: Type.Object({
    total: Count("different blocks"),
    executions: Count("of all of them"),
    uncounted: Count("blocks for which there was no counter left"),
    blocks: Type.Array(
      Type.Object({
        pc: Address("first instruction"),
        symbol: Type.Optional(Type.String()),
        instructions: Count("instructions"),
        translations: Count("times translated"),
        executions: Count("times entered"),
      }),
      { description: "most executions first" },
    ),
  }),

  install(host, options) {
    const limited = options["limit"] as number;
    const pool = new CounterPool(host);
    const blocks = new Map<string, HotBlock>();

    const found = (block: Block): HotBlock => {
      const pc = block.vaddr;
      const instructions = block.instructions.length;
      const key = `${pc.toString(36)} ${instructions}`;
      let known = blocks.get(key);
      if (!known) {
        const symbol = block.instructions[0]?.symbol;
        known = { pc, symbol, instructions, translations: 0, counter: pool.next() };
        blocks.set(key, known);
      }
      return known;
    };
    const sorted = (): { block: HotBlock; executions: number }[] =>
      [...blocks.values()]
        .map((block) => ({ block, executions: Number(block.counter?.sum() ?? 0n) }))
        .sort((a, b) => b.executions - a.executions || (a.block.pc < b.block.pc ? -1 : 1));

    return {
      translate(block) {
        const hot = found(block);
        hot.translations++;
        if (hot.counter) block.onExec(hot.counter.add(1));
      },
      results() {
        const all = sorted();
        return {
          total: all.length,
          executions: all.reduce((sum, { executions }) => sum + executions, 0),
          uncounted: pool.refused,
          blocks: first(all, limited).map(({ block: { pc, symbol, instructions, translations }, executions }) => ({
            pc,
            ...(symbol === undefined ? {} : { symbol }),
            instructions,
            translations,
            executions,
          })),
        };
      },
      text() {
        const lines = first(sorted(), limited).map(
          ({ block, executions }) =>
            `0x${block.pc.toString(16).padStart(16, "0")}, ${block.translations}, ${block.instructions}, ${executions}\n`,
        );
        const heading = `collected ${blocks.size} entries in the hash table\n`;
        return lines.length === 0 ? heading : `${heading}pc, tcount, icount, ecount\n${lines.join("")}`;
      },
      uninstall: () => pool.free(),
    };
  },
};
