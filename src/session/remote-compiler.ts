// A session's side of the thread that makes regions: jobs go out over a port, answers are picked up between two slices. Should
// that thread die, what it owes and all that comes is made here.
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type CompileAnswer, type CompileJob, type RegionCompiler, RegionMaker } from "../engine/jit/region-maker.js";
import type { FromCompiler, ToCompiler } from "./compile-messages.js";

interface Tier {
  readonly answers: CompileAnswer[];
  /** Jobs without an answer, by number. */
  readonly owed: Map<number, CompileJob>;
}

export class RemoteCompiler {
  readonly #port: MessagePort;
  readonly #counter = new Int32Array(new SharedArrayBuffer(4));
  readonly #tiers = new Map<string, Tier>();
  #seen = 0;
  #next = 0;
  /** Set when the thread is gone. */
  #maker: RegionMaker | undefined;
  #memory: WebAssembly.Memory | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on("close", () => this.#lost());
    port.unref();
  }

  /** The compiler of one tier of the session's machine, which has one memory. */
  tier(memory: WebAssembly.Memory, name: string): RegionCompiler {
    if (!this.#memory) {
      this.#memory = memory;
      this.#post({ type: "memory", memory, answers: this.#counter });
    }
    const tier: Tier = { answers: [], owed: new Map() };
    this.#tiers.set(name, tier);
    return {
      request: (job) => {
        if (this.#maker) {
          tier.answers.push(this.#maker.make(job));
          return;
        }
        const id = this.#next++;
        tier.owed.set(id, job);
        this.#post({ type: "job", id, tier: name, job });
      },
      take: () => {
        this.#receive();
        return tier.answers.shift();
      },
    };
  }

  #post(message: ToCompiler): void {
    this.#port.postMessage(message);
  }

  #receive(): void {
    const count = Atomics.load(this.#counter, 0);
    if (count === this.#seen) return;
    this.#seen = count;
    for (let got = receiveMessageOnPort(this.#port); got; got = receiveMessageOnPort(this.#port)) {
      const { id, tier: name, answer } = got.message as FromCompiler;
      const tier = this.#tiers.get(name) as Tier;
      tier.owed.delete(id);
      if (typeof answer === "string") throw new Error(`compiling failed: ${answer}`);
      tier.answers.push(answer);
    }
  }

  #lost(): void {
    this.#receive();
    if (!this.#memory) return;
    const maker = new RegionMaker(this.#memory);
    this.#maker = maker;
    for (const { answers, owed } of this.#tiers.values()) {
      for (const job of owed.values()) answers.push(maker.make(job));
      owed.clear();
    }
  }
}
