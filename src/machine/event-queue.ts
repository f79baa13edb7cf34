// Virtual-time callbacks of devices. The core only knows the earliest deadline and comes back when it is due.
import { NEXT_EVENT } from "../core/layout.js";
import type { Clock, TimerHandle } from "../devices/device.js";

interface Entry {
  at: number;
  order: number;
  callback: () => void;
}
const NEVER = 0xffff_ffff_ffff_ffffn;

export class EventQueue implements Clock {
  readonly #deadline: BigUint64Array;
  readonly #now: () => number;
  readonly #onEarlier: () => void;
  #entries: Entry[] = [];
  #order = 0;

  /** `onEarlier` is called when a new deadline comes before all others: a slice under way may be too long. */
  constructor(memory: WebAssembly.Memory, now: () => number, onEarlier: () => void) {
    this.#deadline = new BigUint64Array(memory.buffer, NEXT_EVENT, 1);
    this.#deadline[0] = NEVER;
    this.#now = now;
    this.#onEarlier = onEarlier;
  }

  now(): number {
    return this.#now();
  }

  schedule(at: number, callback: () => void): TimerHandle {
    const entry: Entry = { at, order: this.#order++, callback };
    this.#entries.push(entry);
    this.#entries.sort((a, b) => a.at - b.at || a.order - b.order);
    this.#publish();
    if (this.#entries[0] === entry) this.#onEarlier();
    return {
      cancel: () => {
        const index = this.#entries.indexOf(entry);
        if (index < 0) return;
        this.#entries.splice(index, 1);
        this.#publish();
      },
    };
  }

  /** Virtual ns of the next callback, undefined when there is none. */
  get next(): number | undefined {
    return this.#entries[0]?.at;
  }

  /** Calls everything that is due, in order of time and then of scheduling. */
  runDue(): void {
    for (;;) {
      const first = this.#entries[0];
      if (!first || first.at > this.#now()) break;
      this.#entries.shift();
      this.#publish();
      first.callback();
    }
  }

  clear(): void {
    this.#entries = [];
    this.#publish();
  }

  #publish(): void {
    const first = this.#entries[0];
    this.#deadline[0] = first ? BigInt(Math.ceil(first.at)) : NEVER;
  }
}
