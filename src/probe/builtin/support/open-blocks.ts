// Which block each hart is in the middle of. Blocks say so with two inline stores: their number when they are entered, none at
// their last instruction. So a block that was left early, by a trap or because the machine stands still inside it, can be
// told from one that ended, and what was counted for the whole of it can be put right. A block that is entered while another is
// open calls: the other one's code was written while it ran, a debugger moved the pc, or the plugin was paused.
//
// A block whose last instruction has begun counts as ended.
import type { Block, Counter, Op, PluginHost } from "../../plugin.js";

export class OpenBlocks {
  readonly #host: PluginHost;
  /** Number of the block plus one, 0 for none. */
  readonly #open: Counter;
  readonly #ifOpen: Op;
  readonly #close: Op;

  /** @param lost called before a block is entered while another is open; `pc` says where the hart is now */
  constructor(host: PluginHost, lost: (hart: number) => void) {
    this.#host = host;
    this.#open = host.scoreboard(1).counter(0);
    this.#ifOpen = host.call(lost, 0, { when: { counter: this.#open, is: "ne", value: 0 } });
    this.#close = this.#open.store(0);
  }

  /** Adds the ops to a block that is being translated; first of all those of its plugin. */
  mark(block: Block, number: number): void {
    const { instructions } = block;
    block.onExec(this.#ifOpen);
    const last = instructions[instructions.length - 1];
    block.onExec(instructions.length > 1 ? this.#open.store(number + 1) : this.#close);
    if (instructions.length > 1) last?.onExec(this.#close);
  }

  /** Number of the block whose last instruction has not begun; -1: none. */
  at(hart: number): number {
    return Number(this.#open.get(hart)) - 1;
  }

  /** The block will not go on. */
  close(hart: number): void {
    this.#open.set(hart, 0n);
  }

  pc(hart: number): bigint {
    return this.#host.readRegister(hart, "pc");
  }
}
