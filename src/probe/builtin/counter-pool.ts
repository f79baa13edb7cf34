// Counters one by one, out of scoreboards of many: a plugin that counts each block or instruction needs thousands. When the
// memory for probes is used up it gives out no more, and counts how often it could not.
import type { Counter, PluginHost, Scoreboard } from "../plugin.js";

const CHUNK = 64;

export class CounterPool {
  /** Times there was none left. */
  refused = 0;
  readonly #host: PluginHost;
  readonly #scoreboards: Scoreboard[] = [];
  #used = CHUNK;

  constructor(host: PluginHost) {
    this.#host = host;
  }

  /** A counter that is 0, or undefined when the memory is used up. */
  next(): Counter | undefined {
    if (this.#used === CHUNK) {
      try {
        this.#scoreboards.push(this.#host.scoreboard(CHUNK));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        this.refused++;
        return undefined;
      }
      this.#used = 0;
    }
    return this.#scoreboards.at(-1)?.counter(this.#used++);
  }

  free(): void {
    for (const scoreboard of this.#scoreboards.splice(0)) scoreboard.free();
    this.#used = CHUNK;
  }
}
