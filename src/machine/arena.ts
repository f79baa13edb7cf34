// Divides memory set aside for trace rings, counters and buffers. First fit; neighbours join again when both are free.

/** What it gives lies at multiples of this many bytes. */
const ALIGN = 64;

export class Arena {
  /** Sorted by address, never touching. */
  readonly #free: { base: number; size: number }[];
  readonly size: number;

  constructor(arena: { base: number; size: number }) {
    const base = Math.ceil(arena.base / ALIGN) * ALIGN;
    this.size = Math.max(0, arena.base + arena.size - base);
    this.#free = this.size > 0 ? [{ base, size: this.size }] : [];
  }

  /** Bytes of the largest run that still fits. */
  get largest(): number {
    return this.#free.reduce((most, { size }) => Math.max(most, size), 0);
  }

  /** Address of `size` free bytes, undefined when no run is long enough. */
  take(size: number): number | undefined {
    const needed = Math.ceil(size / ALIGN) * ALIGN;
    const index = this.#free.findIndex((run) => run.size >= needed);
    const run = this.#free[index];
    if (run === undefined) return undefined;
    const base = run.base;
    if (run.size === needed) this.#free.splice(index, 1);
    else this.#free[index] = { base: base + needed, size: run.size - needed };
    return base;
  }

  /** Gives back what take(size) gave. */
  give(base: number, size: number): void {
    const length = Math.ceil(size / ALIGN) * ALIGN;
    let index = this.#free.findIndex((run) => run.base > base);
    if (index < 0) index = this.#free.length;
    this.#free.splice(index, 0, { base, size: length });
    const join = (first: number): void => {
      const a = this.#free[first];
      const b = this.#free[first + 1];
      if (a === undefined || b === undefined || a.base + a.size !== b.base) return;
      this.#free.splice(first, 2, { base: a.base, size: a.size + b.size });
    };
    join(index);
    join(index - 1);
  }
}
