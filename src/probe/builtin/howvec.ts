// howvec: executions by class of instruction. QEMU has no classes for RISC-V and counts each encoding by itself; that is
// `classes=none`. Its text loses the last instruction, and all when there is one only; this one does not.
import Type from "../../schema/type.js";
import { type Counter, type Instruction, type Op, type PluginDefinition, PluginOptionError } from "../plugin.js";
import { qemuDisassembly } from "../qemu-disassembly.js";
import { CounterPool } from "./counter-pool.js";
import { classOf, type InstructionClass, RISCV_CLASSES } from "./instruction-classes.js";
import { first, INLINE, limit } from "./options.js";
import { Count } from "./schema.js";

/** How a class is counted. */
type Counting = "class" | "individual" | "none";

interface Individual {
  disassembly: string;
  bits: number;
  class: InstructionClass;
  counter: Counter | undefined;
}

const KEYS = RISCV_CLASSES.map(({ key }) => key);

export const howvec: PluginDefinition = {
  name: "howvec",
  summary: "counts executed instructions by class",
  options: {
    inline: INLINE,
    verbose: { type: "boolean", default: false, description: "text: classes without executions too" },
    count: {
      type: "string",
      repeated: true,
      description: `class whose instructions to count one by one, or not at all with ! in front: ${KEYS.join(", ")}`,
    },
    classes: {
      type: "choice",
      choices: ["riscv", "none"],
      default: "riscv",
      description: "`none` counts every encoding by itself, as QEMU does for RISC-V",
    },
    limit: limit(50, "instructions counted one by one"),
  },
  results: Type.Object({
    classes: Type.Array(
      Type.Object({
        key: Type.String({ description: "for the option `count`" }),
        name: Type.String(),
        counting: Type.Union([Type.Literal("class"), Type.Literal("individual"), Type.Literal("none")]),
        hits: Count("executions; 0 for a class that is not counted"),
      }),
    ),
    individual: Type.Object({
      total: Count("different instructions counted one by one"),
      uncounted: Count("instructions for which there was no counter left"),
      instructions: Type.Array(
        Type.Object({
          disassembly: Type.String({ description: "where it was met first" }),
          bits: Count("encoding"),
          class: Type.String(),
          hits: Count("executions"),
        }),
        { description: "most executions first" },
      ),
    }),
  }),

  install(host, options) {
    const limited = options["limit"] as number;
    const none = options["classes"] === "none";
    const table = none ? RISCV_CLASSES.slice(-1) : RISCV_CLASSES;
    const counting = table.map((): Counting => (none ? "individual" : "class"));
    for (const given of (options["count"] ?? []) as string[]) {
      const key = given.replace(/^!/, "");
      const index = table.findIndex((row) => row.key === key);
      if (index < 0) {
        throw new PluginOptionError("count", `a class (${table.map((row) => row.key).join(", ")}), not "${key}"`);
      }
      counting[index] = given.startsWith("!") ? "none" : "individual";
    }
    const scoreboard = host.scoreboard(table.length);
    const counters = table.map((_, i) => scoreboard.counter(i));
    const adds: readonly Op[] = counters.map((counter) => counter.add(1));
    const pool = new CounterPool(host);
    const individual = new Map<number, Individual>();

    const found = (instruction: Instruction, of: InstructionClass): Individual => {
      let known = individual.get(instruction.bits);
      if (!known) {
        const disassembly = qemuDisassembly(instruction.bits, instruction.vaddr);
        known = { disassembly, bits: instruction.bits, class: of, counter: pool.next() };
        individual.set(instruction.bits, known);
      }
      return known;
    };
    const hits = (i: number): bigint => {
      if (counting[i] !== "individual") return (counters[i] as Counter).sum();
      let sum = 0n;
      for (const { class: of, counter } of individual.values()) if (of === table[i]) sum += counter?.sum() ?? 0n;
      return sum;
    };
    const sorted = (): (Individual & { hits: number })[] =>
      [...individual.values()]
        .map((one) => ({ ...one, hits: Number(one.counter?.sum() ?? 0n) }))
        .sort((a, b) => b.hits - a.hits || a.bits - b.bits);

    return {
      translate(block) {
        for (const instruction of block.instructions) {
          const index = none ? 0 : classOf(instruction.mnemonic);
          if (counting[index] === "class") instruction.onExec(adds[index] as Op);
          if (counting[index] !== "individual") continue;
          const { counter } = found(instruction, table[index] as InstructionClass);
          if (counter) instruction.onExec(counter.add(1));
        }
      },
      results: () => ({
        classes: table.map(({ key, name }, i) => ({ key, name, counting: counting[i], hits: Number(hits(i)) })),
        individual: {
          total: individual.size,
          uncounted: pool.refused,
          instructions: first(sorted(), limited).map((one) => ({
            disassembly: one.disassembly.replace(/^\S+\s+/, "").trimEnd(),
            bits: one.bits,
            class: one.class.key,
            hits: one.hits,
          })),
        },
      }),
      text() {
        const classes = table.map(({ name }, i) => {
          const heading = `Class: ${name.padEnd(24)}\t`;
          if (counting[i] === "individual") return `${heading}counted individually\n`;
          if (counting[i] === "none") return `${heading}not counted\n`;
          return hits(i) > 0n || options["verbose"] ? `${heading}(${hits(i)} hits)\n` : "";
        });
        const lines = first(sorted(), limited).map(
          (one) =>
            `Instr: ${one.disassembly.padEnd(24)}\t(${one.hits} hits)` +
            `\t(op=0x${one.bits.toString(16).padStart(8, "0")}/${one.class.name})\n`,
        );
        const heading = lines.length === 0 ? "" : "Individual Instructions:\n";
        return `Instruction Classes:\n${classes.join("")}${heading}${lines.join("")}`;
      },
      uninstall() {
        scoreboard.free();
        pool.free();
      },
    };
  },
};
