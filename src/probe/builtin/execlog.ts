// execlog: a line for each instruction that began, with what it accessed, as QEMU's plugin writes it:
//   hart, vaddr, opcode, "disassembly"[, load|store, paddr, device]...[, register -> value]...
// Lines come in the order of execution, over all harts. Without registers nothing is called while the guest runs but for
// accesses to devices, which name theirs: events go to a buffer inline and become lines many at a time. Registers cost a call
// for each instruction that is logged.
import Type from "../../schema/type.js";
import {
  type Instruction,
  type Op,
  type Plugin,
  type PluginDefinition,
  type PluginHost,
  PluginOptionError,
} from "../plugin.js";
import { qemuDisassembly } from "../qemu-disassembly.js";
import { EVENT_WRITES, mayAccess } from "./accesses.js";
import { hex8, hexDigits } from "./hex.js";
import { LINES, Log } from "./log.js";
import { RegisterChanges } from "./register-changes.js";
import { Count } from "./schema.js";

export const execlog: PluginDefinition = {
  name: "execlog",
  summary: "writes a line for each instruction, with its memory accesses and changed registers",
  options: {
    ifilter: { type: "string", repeated: true, description: "only instructions whose disassembly begins like this" },
    afilter: { type: "address", repeated: true, description: "only instructions at this virtual address" },
    reg: { type: "string", repeated: true, description: "show changes of registers whose name matches, with * and ?" },
    rdisas: { type: "boolean", default: false, description: "of those, only registers the disassembly names" },
    lines: LINES,
  },
  results: Type.Object({
    instructions: Count("instructions that would have a line"),
    lines: Count("written"),
    dropped: Count("not written"),
    recent: Type.Array(Type.String(), { description: "the last lines written" }),
  }),

  install(host, options) {
    const patterns = (options["reg"] ?? []) as string[];
    if (options["rdisas"] && patterns.length === 0) {
      throw new PluginOptionError("rdisas", "off without reg; say which registers with reg=*");
    }
    const prefixes = (options["ifilter"] ?? []) as string[];
    const addresses = new Set((options["afilter"] ?? []) as bigint[]);
    const everything = prefixes.length === 0 && addresses.size === 0;
    const selected: Selected = ({ vaddr, bits }) => {
      if (everything || addresses.has(vaddr)) return true;
      const disassembly = qemuDisassembly(bits, vaddr);
      // QEMU's own text begins with the bits
      const text = disassembly.slice(disassembly.indexOf(" ")).trimStart();
      return prefixes.some((prefix) => text.startsWith(prefix) || disassembly.startsWith(prefix));
    };
    const log = new RecentLog(host, options["lines"] as number);
    const named = new NamedTable(log, selected);
    if (patterns.length === 0) return withoutRegisters(host, log, named);
    const changes = new RegisterChanges(host, patterns, options["rdisas"] as boolean);
    return withRegisters(host, log, named, everything, changes);
  },
};

type Selected = (instruction: Instruction) => boolean;

/** A log that can show its last lines. */
class RecentLog extends Log {
  readonly #recent: string[] = [];

  override write(line: string): void {
    super.write(line);
    if (this.dropped > 0) return;
    if (this.#recent.length === 64) this.#recent.splice(0, 32);
    this.#recent.push(line);
  }

  results(instructions: number) {
    this.flush();
    const recent = this.#recent.slice(-32).map((line) => line.trimEnd());
    return { instructions, lines: this.lines, dropped: instructions - this.lines, recent };
  }
}

/** An instruction that may have lines. Their text is made when the first is written: most of what is translated has none. */
class Named {
  readonly #vaddr: bigint;
  readonly #bits: number;
  #text: string | undefined;
  /** Registers its lines may show. */
  registers: readonly number[] | undefined;

  constructor(vaddr: bigint, bits: number) {
    this.#vaddr = vaddr;
    this.#bits = bits;
  }

  get disassembly(): string {
    return qemuDisassembly(this.#bits, this.#vaddr);
  }
  get text(): string {
    this.#text ??= `0x${this.#vaddr.toString(16)}, 0x${this.#bits.toString(16)}, "${this.disassembly}"`;
    return this.#text;
  }
}

/** The instructions selected, by number. Those of a log that is full need no name any more. */
class NamedTable {
  readonly #log: Log;
  readonly #selected: Selected;
  readonly #entries: Named[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(log: Log, selected: Selected) {
    this.#log = log;
    this.#selected = selected;
  }

  /** -1: not selected. */
  number(instruction: Instruction): number {
    if (this.#log.full) {
      this.#entries.length = 0;
      this.#numbers.clear();
      return this.#selected(instruction) ? 0 : -1;
    }
    const { vaddr, bits } = instruction;
    const key = `${vaddr.toString(36)} ${bits}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#selected(instruction) ? this.#entries.push(new Named(vaddr, bits)) - 1 : -1;
      this.#numbers.set(key, number);
    }
    return number;
  }

  get(number: number): Named {
    return this.#entries[number] as Named;
  }
}

const accessPart = (write: boolean, paddr: string, device: string | undefined): string =>
  `, ${write ? "store" : "load"}, 0x${paddr}, ${device ?? "RAM"}`;

// tags of events: number of the instruction * 4 + what happened
const BEGAN = 0;
const DEVICE = 1;
const ACCESSED = 2;

function withoutRegisters(host: PluginHost, log: RecentLog, named: NamedTable): Plugin {
  const scoreboard = host.scoreboard(2);
  const count = scoreboard.counter(0);
  const full = scoreboard.counter(1);
  const when = { counter: full, is: "eq", value: 0 } as const;
  // names of the devices of DEVICE events that are still in the buffer
  let devices: (string | undefined)[] = [];
  // the first device the access went to, and where
  let device: string | undefined;
  let deviceLow = 0;
  let deviceHigh = 0;
  let line = "";
  const setFull = (): void => {
    for (let hart = 0; hart < host.harts; hart++) full.set(hart, 1n);
    devices = [];
  };
  const endLine = (): void => {
    if (line === "") return;
    log.write(`${line}\n`);
    line = "";
  };
  const buffer = host.buffer((words, from, to) => {
    let nextDevice = 0;
    for (let at = 4 * from; at < 4 * to; at += 4) {
      const tag = words[at] as number;
      const word = words[at + 1] as number;
      switch (tag & 3) {
        case BEGAN:
          endLine();
          // nothing more to be made of what comes
          if (!log.full) line = `${word & 255}, ${named.get(tag >>> 2).text}`;
          break;
        case DEVICE: {
          // one for each part of an access across two pages; lines tell of the first
          const name = devices[nextDevice++];
          if (device !== undefined) break;
          device = name;
          deviceLow = words[at + 2] as number;
          deviceHigh = words[at + 3] as number;
          break;
        }
        default: {
          if (line !== "") {
            const low = words[at + 2] as number;
            const high = words[at + 3] as number;
            const here = low === deviceLow && high === deviceHigh;
            const paddr = high === 0 ? hex8(low) : hexDigits(low, high);
            line += accessPart((word & EVENT_WRITES) !== 0, paddr, here ? device : undefined);
          }
          device = undefined;
        }
      }
    }
    devices.splice(0, nextDevice);
    if (log.full) setFull();
    log.flush();
  }, 16384);
  const name = (): void => {
    devices.push(host.access.device);
  };
  const countOne = count.add(1);
  const nameDevice = host.call(name, 0, { when });
  if (log.limit === 0) setFull();

  return {
    translate(block) {
      for (const instruction of block.instructions) {
        const number = named.number(instruction);
        if (number < 0) continue;
        instruction.onExec(countOne);
        if (log.full) continue;
        instruction.onExec(buffer.append(4 * number + BEGAN, "none", when));
        if (!mayAccess(instruction)) continue;
        instruction.onAccess(nameDevice, { io: true });
        instruction.onAccess(buffer.append(4 * number + DEVICE, "paddr", when), { io: true });
        instruction.onAccess(buffer.append(4 * number + ACCESSED, "paddr", when));
      }
    },
    results() {
      // between two instructions: the last line is complete
      endLine();
      return log.results(Number(count.sum()));
    },
    uninstall: () => scoreboard.free(),
  };
}

function withRegisters(
  host: PluginHost,
  log: RecentLog,
  named: NamedTable,
  everything: boolean,
  changes: RegisterChanges,
): Plugin {
  const scoreboard = host.scoreboard(3);
  const count = scoreboard.counter(0);
  // the hart's last instruction has a line that lacks its registers
  const pending = scoreboard.counter(1);
  const full = scoreboard.counter(2);
  const when = { counter: full, is: "eq", value: 0 } as const;
  const lines = new Array<string>(host.harts).fill("");
  const registers = new Array<readonly number[]>(host.harts).fill([]);
  const begun = new Array<boolean>(host.harts).fill(false);

  const endLine = (hart: number): void => {
    if (lines[hart] === "") return;
    log.write(`${lines[hart]}${changes.since(hart, registers[hart] as readonly number[])}\n`);
    lines[hart] = "";
    pending.set(hart, 0n);
    if (log.full) for (let h = 0; h < host.harts; h++) full.set(h, 1n);
  };
  const began = (hart: number, tag: number): void => {
    endLine(hart);
    if (log.full) return;
    const instruction = named.get(tag);
    instruction.registers ??= changes.namedIn(instruction.disassembly);
    const shown = instruction.registers;
    // other instructions may have run since the last line, or since the plugin was attached
    if (!everything || !begun[hart]) changes.remember(hart, everything ? changes.all : shown);
    begun[hart] = true;
    lines[hart] = `${hart}, ${instruction.text}`;
    registers[hart] = shown;
  };
  const accessed = (hart: number): void => {
    if (lines[hart] === "") return;
    const { write, paddr, io, device } = host.access;
    lines[hart] += accessPart(write, paddr.toString(16).padStart(8, "0"), io ? device : undefined);
  };
  const countOne = count.add(1);
  const setPending = pending.store(1);
  const onAccess = host.call(accessed, 0, { when });
  const onNext: Op = host.call(endLine, 0, { when: { counter: pending, is: "eq", value: 1 }, registers: "read" });

  return {
    translate(block) {
      for (const instruction of block.instructions) {
        const number = named.number(instruction);
        if (!everything) instruction.onExec(onNext);
        if (number < 0) continue;
        instruction.onExec(countOne);
        if (log.full) continue;
        instruction.onExec(host.call(began, number, { when, registers: "read" }));
        if (!everything) instruction.onExec(setPending);
        if (mayAccess(instruction)) instruction.onAccess(onAccess);
      }
    },
    results() {
      for (let hart = 0; hart < host.harts; hart++) endLine(hart);
      return log.results(Number(count.sum()));
    },
    uninstall: () => scoreboard.free(),
  };
}
