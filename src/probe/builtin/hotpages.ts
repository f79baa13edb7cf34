// hotpages: the physical pages with the most accesses. Accesses go to a buffer inline, with the physical address they really
// went to, and are counted many at a time. Unlike QEMU's, devices are at their physical address too, the number of pages
// listed is an option, and neither the last page nor a single one is left out. An access across two pages counts for its first.
import Type from "../../schema/type.js";
import { type PluginDefinition, PluginOptionError } from "../plugin.js";
import { mayAccess } from "./accesses.js";
import { first, limit } from "./options.js";
import { type PageCount, PageCounts } from "./page-counts.js";
import { Address, Count, Hart } from "./schema.js";

type Order = (a: PageCount, b: PageCount) => number;
const descending = (a: PageCount, b: PageCount): number => (a.page > b.page ? -1 : 1);
const ORDERS: Record<string, Order> = {
  accesses: (a, b) => b.reads + b.writes - (a.reads + a.writes) || -descending(a, b),
  reads: (a, b) => b.reads - a.reads || -descending(a, b),
  writes: (a, b) => b.writes - a.writes || -descending(a, b),
  address: descending,
};

export const hotpages: PluginDefinition = {
  name: "hotpages",
  summary: "lists the physical pages with the most accesses",
  options: {
    sortby: {
      type: "choice",
      choices: Object.keys(ORDERS),
      default: "accesses",
      description: "most of what comes first; `address` lists from the highest down, as QEMU does",
    },
    io: { type: "boolean", default: false, description: "accesses to devices only; then others cost nothing" },
    pagesize: {
      type: "integer",
      default: 4096,
      minimum: 2,
      maximum: 1 << 30,
      description: "bytes of a page, a power of two",
    },
    limit: limit(50, "pages"),
  },
  results: Type.Object({
    pageSize: Count("bytes of a page"),
    total: Count("pages with accesses"),
    reads: Count("of all pages"),
    writes: Count("of all pages"),
    pages: Type.Array(
      Type.Object({
        paddr: Address("first byte"),
        reads: Count("reads"),
        writes: Count("writes"),
        readers: Type.Array(Hart()),
        writers: Type.Array(Hart()),
      }),
    ),
  }),

  install(host, options) {
    const size = options["pagesize"] as number;
    const shift = Math.log2(size);
    if (!Number.isInteger(shift)) throw new PluginOptionError("pagesize", `a power of two such as 4096, not ${size}`);
    const order = ORDERS[options["sortby"] as string] as Order;
    const limited = options["limit"] as number;
    const io = options["io"] as boolean;
    const counts = new PageCounts(shift);
    const op = host.buffer((words, from, to) => counts.count(words, from, to), 16384).append(0, "paddr");
    const hartsOf = (set: number): number[] =>
      Array.from({ length: host.harts }, (_, hart) => hart).filter((hart) => set & (1 << hart));

    return {
      translate(block) {
        for (const instruction of block.instructions) {
          if (mayAccess(instruction)) instruction.onAccess(op, { io });
        }
      },
      results() {
        const pages = counts.entries().sort(order);
        return {
          pageSize: size,
          total: pages.length,
          reads: pages.reduce((sum, page) => sum + page.reads, 0),
          writes: pages.reduce((sum, page) => sum + page.writes, 0),
          pages: first(pages, limited).map(({ page, reads, writes, readers, writers }) => ({
            paddr: page,
            reads,
            writes,
            readers: hartsOf(readers),
            writers: hartsOf(writers),
          })),
        };
      },
      text() {
        const hex = (n: number | bigint, digits: number): string => `0x${n.toString(16).padStart(digits, "0")}`;
        const lines = first(counts.entries().sort(order), limited).map(
          ({ page, reads, writes, readers, writers }) =>
            `${hex(page, 16)}, ${hex(readers, 4)}, ${reads}, ${hex(writers, 4)}, ${writes}\n`,
        );
        return `Addr, RCPUs, Reads, WCPUs, Writes\n${lines.join("")}`;
      },
    };
  },
};
