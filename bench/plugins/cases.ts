// What plugins do in this benchmark, on each emulator: the same work, told in the same words at the end. Left out of the
// reports are the boot ROM and the test finisher's accesses, as in bench/qemu-plugin/plugin.h.
import type { PluginDefinition } from "../../src/probe/plugin.js";
import { countdown } from "./countdown.js";
import { regions } from "./regions.js";

export interface PluginCase {
  readonly name: string;
  /** For the table. */
  readonly what: string;
  /** Attached to Emuscope: a built-in one, a Wasm file of bench/qemu-plugin, or a definition. */
  readonly plugin:
    | { builtin: string; args?: Record<string, unknown> }
    | { wasm: string }
    | { definition: PluginDefinition };
  /** bench/qemu-plugin/NAME.c */
  readonly qemu: string;
  /** The report, of built-in plugins and definitions; what a Wasm plugin prints is one. */
  report?(results: never): string;
}

interface InsnResults {
  sizes: { bytes: number; executed: number }[];
}
interface HotpagesResults {
  pages: { paddr: bigint; reads: number; writes: number }[];
}
interface CacheResults {
  sum: Record<"data" | "instruction", { accesses: number; misses: number }>;
  top: Record<"data" | "instruction", { misses: number }[]>;
}

const FINISHER = 0x100000n;
const TOP = 8;

export const CASES: readonly PluginCase[] = [
  {
    name: "inline",
    what: "count instructions by length",
    plugin: { builtin: "insn" },
    qemu: "inline",
    report({ sizes }: InsnResults) {
      const of = (bytes: number): number => sizes.find((s) => s.bytes === bytes)?.executed ?? 0;
      return `short=${of(2)} long=${of(4)}`;
    },
  },
  {
    name: "conditional",
    what: "call every 100,000 instructions",
    plugin: { definition: countdown },
    qemu: "conditional",
    report: ({ fired, count }: { fired: number; count: number }) => `fired=${fired} count=${count}`,
  },
  { name: "callback_wasm", what: "Wasm called at each access", plugin: { wasm: "regions.wasm" }, qemu: "regions" },
  {
    name: "callback_js",
    what: "JavaScript called at each access",
    plugin: { definition: regions },
    qemu: "regions",
    report: ({ report }: { report: string }) => report,
  },
  {
    name: "hotpages",
    what: "accesses by page",
    plugin: { builtin: "hotpages", args: { limit: 0 } },
    qemu: "hotpages",
    report({ pages }: HotpagesResults) {
      const counted = pages.filter(({ paddr }) => paddr !== FINISHER);
      const sum = (of: "reads" | "writes"): number => counted.reduce((total, page) => total + page[of], 0);
      const top = [...counted]
        .sort((a, b) => b.reads + b.writes - a.reads - a.writes || (a.paddr > b.paddr ? 1 : -1))
        .slice(0, TOP)
        .map(({ paddr, reads, writes }) => ` 0x${paddr.toString(16)}=${reads}/${writes}`);
      return `pages=${counted.length} reads=${sum("reads")} writes=${sum("writes")}${top.join("")}`;
    },
  },
  {
    name: "cache",
    what: "L1 caches, LRU",
    plugin: { builtin: "cache", args: { limit: 1 } },
    qemu: "cache",
    report({ sum, top }: CacheResults) {
      const counts = ({ misses, accesses }: { accesses: number; misses: number }): string => `${misses}/${accesses}`;
      const worst = (of: "data" | "instruction"): number => top[of][0]?.misses ?? 0;
      return `data=${counts(sum.data)} fetch=${counts(sum.instruction)} worst=${worst("data")}/${worst("instruction")}`;
    },
  },
];
