// mem: how many memory accesses there were, and, when asked for, how many of them went to devices, a line for each, and a
// summary by 16 KiB of virtual memory which checks that what is read is what was seen being written.
import Type from "../../schema/type.js";
import {
  type Counter,
  type EventBuffer,
  type Op,
  type PluginDefinition,
  type PluginHost,
  PluginOptionError,
  type Scoreboard,
} from "../plugin.js";
import { DIRECTIONS, EVENT_WRITES, mayAccess } from "./accesses.js";
import { hexDigits, hexOf } from "./hex.js";
import { LINES, Log } from "./log.js";
import { RegionMirror } from "./region-mirror.js";
import { Address, Count } from "./schema.js";

const HEADING = "insn_vaddr,insn_symbol,mem_vaddr,mem_hwaddr,access_size,access_type,mem_value\n";

export const mem: PluginDefinition = {
  name: "mem",
  summary: "counts memory accesses, lists them, checks what is read against what was written",
  options: {
    haddr: { type: "boolean", default: false, description: "count accesses to devices by themselves" },
    track: { type: "choice", choices: ["r", "w", "rw"], default: "rw", description: "reads, writes or both" },
    inline: { type: "boolean", description: "taken as QEMU takes it; counting is inline either way" },
    callback: { type: "boolean", default: false, description: "taken as QEMU takes it; counting is inline either way" },
    "print-accesses": { type: "boolean", default: false, description: "write a line for each access" },
    "region-summary": { type: "boolean", default: false, description: "summary by 16 KiB, see `regions`" },
    lines: LINES,
  },
  results: Type.Object({
    reads: Count("reads, of devices too"),
    writes: Count("writes, to devices too"),
    io: Type.Optional(
      Type.Object(
        { reads: Count("of devices"), writes: Count("to devices") },
        { description: "of an access across two pages, each part that goes to a device" },
      ),
    ),
    log: Type.Optional(Type.Object({ lines: Count("written"), dropped: Count("not written") })),
    regions: Type.Optional(
      Type.Array(
        Type.Object({
          vaddr: Address("first byte"),
          reads: Count("reads"),
          writes: Count("writes"),
          seenAll: Type.Boolean({
            description: "everything read had been seen being written, or was 0 from the start",
          }),
        }),
      ),
    ),
    untracked: Type.Optional(Count("accesses to regions beyond the number that is kept")),
  }),

  install(host, options) {
    if (options["inline"] === true && options["callback"] === true) {
      throw new PluginOptionError("callback", "off when inline is on: they are two ways to count the same");
    }
    const track = DIRECTIONS[options["track"] as keyof typeof DIRECTIONS];
    const directions = (["read", "write"] as const).filter((direction) => track === "both" || track === direction);
    const haddr = options["haddr"] as boolean;
    const scoreboard = host.scoreboard(4);
    const counters = { read: scoreboard.counter(0), write: scoreboard.counter(1) };
    const ioCounters = { read: scoreboard.counter(2), write: scoreboard.counter(3) };
    const adds = { read: counters.read.add(1), write: counters.write.add(1) };
    const ioAdds = { read: ioCounters.read.add(1), write: ioCounters.write.add(1) };
    const printer = options["print-accesses"] ? new Printer(host, options["lines"] as number) : undefined;
    const mirror = options["region-summary"] ? new RegionMirror((text) => host.output(text)) : undefined;
    const mirrored = mirror && mirrorOps(host, mirror);
    const sum = (of: typeof counters): bigint => of.read.sum() + of.write.sum();

    return {
      translate(block) {
        for (const instruction of block.instructions) {
          if (!mayAccess(instruction)) continue;
          for (const direction of directions) {
            instruction.onAccess(adds[direction], { direction });
            if (haddr) instruction.onAccess(ioAdds[direction], { direction, io: true });
          }
          for (const op of mirrored ?? []) instruction.onAccess(op, { direction: track });
          for (const op of printer?.ops(instruction.vaddr, instruction.symbol) ?? []) {
            instruction.onAccess(op, { direction: track });
          }
        }
      },
      results() {
        printer?.log.flush();
        return {
          reads: Number(counters.read.sum()),
          writes: Number(counters.write.sum()),
          ...(haddr ? { io: { reads: Number(ioCounters.read.sum()), writes: Number(ioCounters.write.sum()) } } : {}),
          ...(printer ? { log: printer.results() } : {}),
          ...(mirror ? { regions: mirror.results(), untracked: mirror.untracked } : {}),
        };
      },
      text() {
        printer?.log.flush();
        // as in QEMU, accesses to devices are not among the others when they are counted by themselves
        const io = sum(ioCounters);
        return [
          `mem accesses: ${sum(counters) - io}\n`,
          haddr ? `io accesses: ${io}\n` : "",
          mirror ? mirror.text() : "",
        ].join("");
      },
      uninstall() {
        scoreboard.free();
        printer?.free();
      },
    };
  },
};

/** Two entries for each access: where and what. */
function mirrorOps(host: PluginHost, mirror: RegionMirror): Op[] {
  let low = 0;
  let high = 0;
  const buffer = host.buffer((words, from, to) => {
    for (let at = 4 * from; at < 4 * to; at += 4) {
      const a = words[at + 2] as number;
      const b = words[at + 3] as number;
      if (words[at] === 0) {
        low = a;
        high = b;
      } else {
        const word = words[at + 1] as number;
        mirror.access(low, high, (word >> 8) & 255, (word & EVENT_WRITES) !== 0, a, b);
      }
    }
  }, 16384);
  return [buffer.append(0, "vaddr"), buffer.append(1, "value")];
}

/** A line for each access, from three entries: virtual address, physical address, value. */
class Printer {
  readonly log: Log;
  readonly #prefixes: string[] = [];
  readonly #known = new Map<bigint, readonly Op[]>();
  readonly #scoreboard: Scoreboard;
  readonly #buffer: EventBuffer;
  readonly #counter: Counter;
  readonly #full: Counter;

  constructor(host: PluginHost, lines: number) {
    this.log = new Log(host, lines);
    this.#scoreboard = host.scoreboard(2);
    this.#counter = this.#scoreboard.counter(0);
    this.#full = this.#scoreboard.counter(1);
    let vaddr = "";
    let paddr = "";
    this.#buffer = host.buffer((words, from, to) => {
      for (let at = 4 * from; at < 4 * to; at += 4) {
        const tag = words[at] as number;
        const low = words[at + 2] as number;
        const high = words[at + 3] as number;
        if ((tag & 3) === 0) vaddr = hexDigits(low, high);
        else if ((tag & 3) === 1) paddr = hexDigits(low, high);
        else {
          const word = words[at + 1] as number;
          const size = (word >> 8) & 255;
          const type = word & EVENT_WRITES ? "store" : "load";
          const value = hexOf(low, high, size);
          this.log.write(`${this.#prefixes[tag >>> 2]},0x${vaddr},0x${paddr},${8 * size},${type},0x${value}\n`);
        }
      }
      this.log.flush();
      if (this.log.full) for (let hart = 0; hart < host.harts; hart++) this.#full.set(hart, 1n);
    }, 12288);
    host.output(HEADING);
    if (lines === 0) for (let hart = 0; hart < host.harts; hart++) this.#full.set(hart, 1n);
  }

  /** Appends only while there is room for lines; accesses are counted on. */
  ops(vaddr: bigint, symbol: string | undefined): readonly Op[] {
    let ops = this.#known.get(vaddr);
    if (!ops) {
      const tag = 4 * (this.#prefixes.push(`0x${vaddr.toString(16)},${symbol ?? ""}`) - 1);
      const when = { counter: this.#full, is: "eq", value: 0 } as const;
      ops = [
        this.#counter.add(1),
        this.#buffer.append(tag, "vaddr", when),
        this.#buffer.append(tag + 1, "paddr", when),
        this.#buffer.append(tag + 2, "value", when),
      ];
      this.#known.set(vaddr, ops);
    }
    return ops;
  }

  free(): void {
    this.#scoreboard.free();
  }

  results(): { lines: number; dropped: number } {
    return { lines: this.log.lines, dropped: Number(this.#counter.sum()) - this.log.lines };
  }
}
