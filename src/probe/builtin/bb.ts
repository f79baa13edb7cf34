// bb: how many blocks ran, and how many instructions they have. As in QEMU an instruction is counted with the block that
// begins, whether or not a trap ends the block early; `insn` counts each by itself.
import Type from "../../schema/type.js";
import type { Op, PluginDefinition } from "../plugin.js";
import { INLINE } from "./options.js";
import { Count, Hart } from "./schema.js";

export const bb: PluginDefinition = {
  name: "bb",
  summary: "counts blocks and their instructions, for each hart",
  options: {
    inline: INLINE,
    idle: { type: "boolean", default: false, description: "write a hart's counts when it begins to wait" },
  },
  results: Type.Object({
    blocks: Count("blocks entered"),
    instructions: Count("instructions in them"),
    harts: Type.Array(Type.Object({ hart: Hart(), blocks: Count("blocks"), instructions: Count("instructions") })),
  }),

  install(host, options) {
    const scoreboard = host.scoreboard(2);
    const blocks = scoreboard.counter(0);
    const instructions = scoreboard.counter(1);
    const line = (hart: number): string =>
      blocks.get(hart) === 0n ? "" : `CPU${hart}: bb's: ${blocks.get(hart)}, insns: ${instructions.get(hart)}\n`;
    const harts = Array.from({ length: host.harts }, (_, hart) => hart);
    if (options["idle"]) {
      host.on("idle", ({ hart }) => {
        if (line(hart) !== "") host.output(`Idling ${line(hart)}`);
      });
    }
    const addBlock = blocks.add(1);
    const addInstructions: Op[] = [];
    return {
      translate(block) {
        const { length } = block.instructions;
        addInstructions[length] ??= instructions.add(length);
        block.onExec(addBlock);
        block.onExec(addInstructions[length]);
      },
      results: () => ({
        blocks: Number(blocks.sum()),
        instructions: Number(instructions.sum()),
        harts: harts.map((hart) => ({
          hart,
          blocks: Number(blocks.get(hart)),
          instructions: Number(instructions.get(hart)),
        })),
      }),
      text: () => `${harts.map(line).join("")}Total: bb's: ${blocks.sum()}, insns: ${instructions.sum()}\n`,
      uninstall: () => scoreboard.free(),
    };
  },
};
