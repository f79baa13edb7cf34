// Decides what idle time costs: nothing (virtual time jumps to the next timer) or the real time it stands for.
// Either way the guest sees the same virtual time; only the moment at which outside input enters differs.

export type IdleMode = "auto" | "skip" | "realtime";

/** Virtual time over which `auto` judges how busy the guest is. */
export const IDLE_WINDOW_NS = 2e9;
/** Virtual time over which a guest that sleeps may show that it is busy again. */
const BUSY_WINDOW_NS = 1e8;
/** Below this share of instructions per virtual nanosecond the guest counts as idle. */
export const IDLE_BUSY_SHARE = 0.05;
/** Sleeps shorter than this are saved up: timers are no finer, and a wake-up costs more than it gives. */
const SHORTEST_SLEEP_MS = 2;
/** A guest this far behind real time has been busy: it is not made to catch up by shortened sleeps. */
const LATENESS_FORGIVEN_MS = 100;

/** The pacing of one run loop. Times: virtual in nanoseconds, host in milliseconds. */
export class IdlePacer {
  readonly #mode: IdleMode;
  #sleepy: boolean;
  #windowNs = 0;
  #windowInstructions = 0;
  /** Host time and virtual time that belong together while sleeping. */
  #anchorMs = 0;
  #anchorNs = 0;
  #anchored = false;

  constructor(mode: IdleMode) {
    this.#mode = mode;
    this.#sleepy = mode === "realtime";
  }

  /** Whether idle time is slept now. */
  get sleepy(): boolean {
    return this.#sleepy;
  }

  /** Starts over: after reset, or when the guest was held up from outside (pause, full ring). */
  restart(virtualNs: number, instructions: number): void {
    this.#windowNs = virtualNs;
    this.#windowInstructions = instructions;
    this.#anchored = false;
  }

  /**
   * Called where the guest is about to idle for `waitNs`.
   * @returns milliseconds to sleep first; 0 to jump at once.
   */
  idle(virtualNs: number, instructions: number, waitNs: number, hostMs: number): number {
    if (this.#mode === "skip") return 0;
    if (this.#mode === "auto") this.#judge(virtualNs, instructions);
    if (!this.#sleepy) {
      this.#anchored = false;
      return 0;
    }
    if (this.#anchored && hostMs - this.#anchorMs - (virtualNs - this.#anchorNs) / 1e6 > LATENESS_FORGIVEN_MS)
      this.#anchored = false;
    if (!this.#anchored) {
      this.#anchored = true;
      this.#anchorMs = hostMs;
      this.#anchorNs = virtualNs;
    }
    const wakeMs = this.#anchorMs + (virtualNs + waitNs - this.#anchorNs) / 1e6;
    const sleepMs = wakeMs - hostMs;
    return sleepMs < SHORTEST_SLEEP_MS ? 0 : sleepMs;
  }

  /** Judges by what has passed, not by the wait ahead: one long sleep says nothing about habits. */
  #judge(virtualNs: number, instructions: number): void {
    const elapsed = virtualNs - this.#windowNs;
    if (elapsed < (this.#sleepy ? BUSY_WINDOW_NS : IDLE_WINDOW_NS)) return;
    const idle = (instructions - this.#windowInstructions) / elapsed < IDLE_BUSY_SHARE;
    // An idle guest is watched over a sliding second or two; a busy one is let go at once.
    if (idle === this.#sleepy && elapsed < IDLE_WINDOW_NS) return;
    this.#sleepy = idle;
    this.#windowNs = virtualNs;
    this.#windowInstructions = instructions;
  }
}
