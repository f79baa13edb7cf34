// Lines a plugin writes while the guest runs, up to a limit; what comes then is counted. Lines go out in large pieces.
import type { Option, PluginHost } from "../plugin.js";

const PIECE = 1 << 16;

/** Option of plugins that write a log. */
export const LINES: Option = {
  type: "integer",
  default: 1_000_000,
  minimum: 0,
  maximum: 1_000_000_000,
  description: "lines to write; later ones are dropped and counted",
};

export class Log {
  lines = 0;
  dropped = 0;
  readonly limit: number;
  readonly #host: PluginHost;
  #text = "";

  constructor(host: PluginHost, limit: number) {
    this.#host = host;
    this.limit = limit;
  }

  get full(): boolean {
    return this.lines >= this.limit;
  }

  /** `line` with its line feed. */
  write(line: string): void {
    if (this.lines >= this.limit) {
      this.dropped++;
      return;
    }
    this.lines++;
    this.#text += line;
    if (this.#text.length >= PIECE) this.flush();
  }

  /** Hands over what was written. */
  flush(): void {
    if (this.#text === "") return;
    this.#host.output(this.#text);
    this.#text = "";
  }
}
