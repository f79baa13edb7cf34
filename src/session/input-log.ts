// What came into the machine from outside, with the instruction count and virtual time it entered at: a run is repeated
// by giving the same input at the same places. Counts go on over resets. Bounded; says what it no longer has.

export interface InputEntry {
  /** Machine-wide instruction count. */
  instructions: number;
  virtualNs: number;
  /** Console name; `reset` for a reset asked for from outside, with no bytes. */
  name: string;
  bytes: Uint8Array;
}

export class InputLog {
  readonly #limit: number;
  readonly #entries: InputEntry[] = [];
  #bytes = 0;
  #dropped = 0;

  /** @param limit bytes of input kept; each entry counts 64 more. */
  constructor(limit = 1 << 20) {
    this.#limit = limit;
  }

  add(entry: InputEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes.length + 64;
    while (this.#bytes > this.#limit && this.#entries.length > 0) {
      const oldest = this.#entries.shift() as InputEntry;
      this.#bytes -= oldest.bytes.length + 64;
      this.#dropped++;
    }
  }

  /** `dropped`: entries lost at the front because the log was full. */
  list(): { entries: InputEntry[]; dropped: number } {
    return { entries: [...this.#entries], dropped: this.#dropped };
  }
}
