// insn: how many instructions ran, by length, and how often those whose disassembly begins with a prefix did. An
// instruction counts when it begins; one that traps is counted too.
import Type from "../../schema/type.js";
import type { Counter, PluginDefinition } from "../plugin.js";
import { qemuDisassembly } from "../qemu-disassembly.js";
import { CounterPool } from "./counter-pool.js";
import { LINES, Log } from "./log.js";
import { INLINE } from "./options.js";
import { Address, Count, Hart } from "./schema.js";

interface Matched {
  vaddr: bigint;
  disassembly: string;
  hits: Counter | undefined;
}

/** The mnemonic and what follows; QEMU's prefix of bits is not what anybody wants to match. */
const afterBits = (disassembly: string): string => disassembly.slice(disassembly.indexOf(" ")).trimStart();

export const insn: PluginDefinition = {
  name: "insn",
  summary: "counts instructions, for each hart, and those that match",
  options: {
    inline: INLINE,
    sizes: { type: "boolean", default: false, description: "text: instructions translated, by length" },
    match: {
      type: "string",
      repeated: true,
      description: "prefix of the disassembly of instructions to count by themselves, such as `csr`",
    },
    trace: { type: "boolean", default: false, description: "write a line for each execution of one that matches" },
    lines: LINES,
  },
  results: Type.Object({
    instructions: Count("instructions that began"),
    harts: Type.Array(Type.Object({ hart: Hart(), instructions: Count("instructions") })),
    sizes: Type.Array(
      Type.Object({ bytes: Count("length"), executed: Count("that began"), translated: Count("translated") }),
    ),
    matches: Type.Array(
      Type.Object({
        match: Type.String(),
        hits: Count("executions"),
        uncounted: Count("instructions for which there was no counter left"),
        instructions: Type.Array(
          Type.Object({ vaddr: Address("address"), disassembly: Type.String(), hits: Count("executions") }),
        ),
      }),
    ),
    dropped: Count("trace lines not written"),
  }),

  install(host, options) {
    const prefixes = (options["match"] ?? []) as string[];
    const trace = options["trace"] as boolean;
    const log = new Log(host, options["lines"] as number);
    const scoreboard = host.scoreboard(2 + prefixes.length);
    const short = scoreboard.counter(0);
    const long = scoreboard.counter(1);
    const adds = { 2: short.add(1), 4: long.add(1) };
    const translated = { 2: 0, 4: 0 };
    const pool = new CounterPool(host);
    const matches = prefixes.map((match, i) => ({
      match,
      hits: scoreboard.counter(2 + i),
      records: new Map<string, Matched>(),
      uncounted: 0,
      // for the trace: count of instructions at each hart's last hit
      last: new Array<bigint>(host.harts).fill(0n),
    }));
    type Match = (typeof matches)[number];
    const traced: { match: Match; record: Matched }[] = [];
    const count = (hart: number): bigint => short.get(hart) + long.get(hart);
    const harts = Array.from({ length: host.harts }, (_, hart) => hart);

    const onMatch = (hart: number, tag: number): void => {
      const { match, record } = traced[tag] as (typeof traced)[number];
      const now = count(hart);
      const delta = now - (match.last[hart] as bigint);
      match.last[hart] = now;
      const hits = match.hits.get(hart);
      // the distances between hits add up to the count at the last one
      log.write(
        `0x${record.vaddr.toString(16)}, '${record.disassembly}, ${record.hits?.sum() ?? 0n} hits , cpu ${hart},` +
          ` ${hits} match hits, Δ+${delta} since last match, ${now / hits} avg insns/match\n`,
      );
    };
    const hitsOf = (match: Match): Matched[] => [...match.records.values()];

    return {
      translate(block) {
        for (const instruction of block.instructions) {
          instruction.onExec(adds[instruction.size]);
          translated[instruction.size]++;
          if (prefixes.length === 0) continue;
          const disassembly = qemuDisassembly(instruction.bits, instruction.vaddr);
          const text = afterBits(disassembly);
          for (const match of matches) {
            if (!text.startsWith(match.match) && !disassembly.startsWith(match.match)) continue;
            const key = `${instruction.vaddr.toString(16)} ${disassembly}`;
            let record = match.records.get(key);
            if (!record) {
              record = { vaddr: instruction.vaddr, disassembly, hits: pool.next() };
              match.records.set(key, record);
              if (!record.hits) match.uncounted++;
              host.output(`Created record for: ${key}\n`);
            }
            instruction.onExec(match.hits.add(1));
            if (record.hits) instruction.onExec(record.hits.add(1));
            if (trace) instruction.onExec(host.call(onMatch, traced.push({ match, record }) - 1));
          }
        }
      },
      results() {
        log.flush();
        return {
          instructions: Number(short.sum() + long.sum()),
          harts: harts.map((hart) => ({ hart, instructions: Number(count(hart)) })),
          sizes: [
            { bytes: 2, executed: Number(short.sum()), translated: translated[2] },
            { bytes: 4, executed: Number(long.sum()), translated: translated[4] },
          ],
          matches: matches.map((match) => ({
            match: match.match,
            hits: Number(match.hits.sum()),
            uncounted: match.uncounted,
            instructions: hitsOf(match).map(({ vaddr, disassembly, hits }) => ({
              vaddr,
              disassembly: afterBits(disassembly),
              hits: Number(hits?.sum() ?? 0n),
            })),
          })),
          dropped: log.dropped,
        };
      },
      text() {
        log.flush();
        const counts = options["sizes"]
          ? ([2, 4] as const).map((n) => (translated[n] ? `len ${n} bytes: ${translated[n]} insns\n` : ""))
          : [
              ...harts.map((hart) => `cpu ${hart} insns: ${count(hart)}\n`),
              `total insns: ${short.sum() + long.sum()}\n`,
            ];
        const hits = matches.flatMap((match) => [
          `Match: ${match.match}, hits ${match.hits.sum()}\n`,
          ...hitsOf(match).map(
            ({ vaddr, disassembly, hits }) => `  ${vaddr.toString(16)}: ${disassembly} (hits ${hits?.sum() ?? 0n})\n`,
          ),
        ]);
        return [...counts, ...hits].join("");
      },
      uninstall() {
        scoreboard.free();
        pool.free();
      },
    };
  },
};
