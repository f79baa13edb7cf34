// Makes the guest as fast as a machine of so many instructions per second: virtual time follows the instructions of the hart that
// ran most, and the host waits where it is ahead of that. Instructions are counted inline; once in a quantum, time is moved.
//
// As in QEMU's plugin, blocks are counted whole, when they are entered. Virtual time is a function of the instructions only,
// so runs repeat; the waiting is not seen by the guest.
import Type from "../../schema/type.js";
import type { Block, Counter, Op, OptionValues, Plugin, PluginDefinition, PluginHost } from "../plugin.js";
import { PluginOptionError } from "../plugin.js";

const RESULTS = Type.Object({
  ips: Type.Integer({ description: "instructions per second of a hart" }),
  ipq: Type.Integer({ description: "instructions between two updates of the time" }),
  virtualNs: Type.Integer({
    description: "virtual time of the instructions, ns since the plugin attached; what harts waited comes on top of it",
  }),
  harts: Type.Array(Type.Object({ hart: Type.Integer(), instructions: Type.Integer(), quanta: Type.Integer() })),
  waitedMs: Type.Number({ description: "host time spent waiting" }),
});

/** A hart that fell behind further than this, since the session was paused or the host is slow, does not catch up. */
const BEHIND_MS = 10;
/** How often a hart is made to wait, in real time of its own. */
const WAITS_PER_SECOND = 200;
/** The session's worker answers nobody in a slice; what is left of the waiting is for the next ones, which will be shorter. */
const WAIT_IN_SLICE_MS = 40;
const SLICE_ENTRIES = 64;
/** Virtual time goes on by 1 ns with each instruction anyway, of all harts together. */
const NATURAL = 1e9;
const SCALE: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

class InstructionRate implements Plugin {
  readonly #host: PluginHost;
  readonly #ips: number;
  readonly #ipq: number;
  readonly #setTime: (ns: number) => void;
  /** Instructions since the hart waited; undefined when it need not. */
  readonly #pace: Counter | undefined;
  readonly #waits: readonly Op[] = [];
  readonly #quantum: Counter;
  readonly #check: Op;
  readonly #total: Float64Array;
  readonly #quanta: Float64Array;
  /** Virtual time when the plugin attached, and what passed since while harts waited. */
  #otherNs: number;
  #virtualNs = 0;
  /** Time and instructions at the last update. */
  #lastNs: number;
  #lastInstructions: number;
  /** Host time at which what runs next should begin. */
  readonly #dueMs: Float64Array;
  #waitedMs = 0;
  #inSliceMs = 0;
  readonly #clock = new Int32Array(new SharedArrayBuffer(4));

  constructor(host: PluginHost, options: OptionValues) {
    this.#ips = scaled("ips", options["ips"] as string);
    this.#ipq = options["ipq"] === undefined ? Math.floor(this.#ips / 10) : scaled("ipq", options["ipq"] as string);
    if (this.#ips > NATURAL) throw new PluginOptionError("ips", "at most 1g: an instruction takes 1 ns at least");
    if (this.#ipq < 1) throw new PluginOptionError("ips", "at least 10 instructions per second");
    const setTime = host.requestTimeControl();
    if (!setTime) throw new PluginOptionError("ips", "that no other plugin has control of the time");
    this.#setTime = setTime;
    this.#host = host;
    this.#otherNs = host.now();
    this.#lastNs = this.#otherNs;
    this.#lastInstructions = host.instructions();
    this.#quantum = host.scoreboard(1).counter(0);
    const when = { counter: this.#quantum, is: "ge", value: this.#ipq } as const;
    this.#check = host.call(this.#endQuantum, 0, { when });
    this.#total = new Float64Array(host.harts);
    this.#quanta = new Float64Array(host.harts);
    this.#dueMs = new Float64Array(host.harts).fill(performance.now());
    if (options["throttle"]) {
      this.#pace = host.scoreboard(1).counter(0);
      const when = { counter: this.#pace, is: "ge", value: Math.ceil(this.#ips / WAITS_PER_SECOND) } as const;
      // is drained behind each slice, and when it is full
      const slice = host.buffer((_, from, to) => {
        if (to - from < SLICE_ENTRIES) this.#inSliceMs = 0;
      }, SLICE_ENTRIES);
      this.#waits = [slice.append(0, "none", when), host.call(this.#wait, 0, { when })];
    }
    host.on("hart-exit", ({ hart }) => this.#advance(hart));
  }

  readonly #endQuantum = (hart: number): void => {
    this.#quanta[hart] = (this.#quanta[hart] as number) + 1;
    this.#advance(hart);
  };

  /** Waits until what ran may have taken its time. */
  readonly #wait = (hart: number): void => {
    const pace = this.#pace as Counter;
    const instructions = Number(pace.get(hart));
    pace.set(hart, 0n);
    const now = performance.now();
    const due = Math.max(this.#dueMs[hart] as number, now - BEHIND_MS) + (instructions / this.#ips) * 1e3;
    this.#dueMs[hart] = due;
    const wait = Math.min(due - now, WAIT_IN_SLICE_MS - this.#inSliceMs);
    if (wait <= 0) return;
    Atomics.wait(this.#clock, 0, 0, wait);
    this.#waitedMs += wait;
    this.#inSliceMs += wait;
  };

  translate(block: Block): void {
    block.onExec(this.#quantum.add(block.instructions.length));
    block.onExec(this.#check);
    if (this.#pace) block.onExec(this.#pace.add(block.instructions.length));
    for (const op of this.#waits) block.onExec(op);
  }

  results(): unknown {
    return {
      ips: this.#ips,
      ipq: this.#ipq,
      virtualNs: this.#virtualNs,
      harts: [...this.#total].map((total, hart) => ({
        hart,
        instructions: total + Number(this.#quantum.get(hart)),
        quanta: this.#quanta[hart],
      })),
      waitedMs: Math.round(this.#waitedMs),
    };
  }

  #advance(hart: number): void {
    const total = (this.#total[hart] as number) + Number(this.#quantum.get(hart));
    this.#total[hart] = total;
    this.#quantum.set(hart, 0n);
    const instructions = this.#host.instructions();
    this.#otherNs += Math.max(this.#host.now() - this.#lastNs - (instructions - this.#lastInstructions), 0);
    this.#virtualNs = Math.max(this.#virtualNs, Math.floor((total / this.#ips) * 1e9));
    this.#setTime(this.#otherNs + this.#virtualNs);
    this.#lastNs = this.#host.now();
    this.#lastInstructions = instructions;
  }
}

/** QEMU's suffixes here are decimal. */
function scaled(option: string, text: string): number {
  const match = /^(\d+)([kmg]?)$/i.exec(text);
  const value = match ? Number(match[1]) * (SCALE[(match[2] as string).toLowerCase()] as number) : 0;
  if (!Number.isSafeInteger(value) || value < 1)
    throw new PluginOptionError(option, "a number of instructions such as 500000, 500k, 20m or 1g");
  return value;
}

export const ips: PluginDefinition = {
  name: "ips",
  summary: "Sets how many instructions a second of virtual time has, and keeps to it in real time",
  options: {
    ips: { type: "string", description: "instructions per second of a hart; k, m and g are decimal", default: "1g" },
    ipq: { type: "string", description: "instructions between two updates of the time; a tenth of ips unless given" },
    throttle: { type: "boolean", description: "also wait in real time", default: true },
  },
  results: RESULTS,
  install: (host, options) => new InstructionRate(host, options),
};
