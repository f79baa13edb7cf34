// Threads for sessions. One is kept started and waiting: loading its modules is most of what a new session takes.
import { Worker } from "node:worker_threads";

/** V8 heap of a session's thread. Guest RAM, rings and images are outside it. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

/** Time after a session was made before the next thread is started, so as not to slow the guest's first steps. */
const SPARE_DELAY_MS = 20;

export class WorkerPool {
  readonly #url: URL;
  #spare: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param url script of the threads; its first message says which machine to make */
  constructor(url: URL) {
    this.#url = url;
  }

  /** A thread that waits for its first message. Events of it reach only listeners added right away. */
  take(): Worker {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined) return this.#start();
    spare.removeAllListeners();
    spare.ref();
    return spare;
  }

  /** Starts the next thread in a while. */
  refill(): void {
    if (this.#closed || this.#timer !== undefined || this.#spare !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#closed || this.#spare !== undefined) return;
      const spare = this.#start();
      this.#spare = spare;
      spare.unref();
      const discard = (): void => {
        if (this.#spare === spare) this.#spare = undefined;
      };
      spare.on("error", discard);
      spare.on("exit", discard);
    }, SPARE_DELAY_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#spare?.terminate();
    this.#spare = undefined;
  }

  #start(): Worker {
    return new Worker(this.#url, { resourceLimits: RESOURCE_LIMITS, name: "session" });
  }
}
