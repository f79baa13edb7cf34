// Where compiled regions stand in the handler tables: at the same place in the table of every tier, so that a decoded slot names its
// region whichever tier runs. Places are given out in ranges, one for each module.
import { HANDLER_COUNT } from "../handlers.js";

const GROWTH = 1024;

export class RegionTable {
  readonly #tables: WebAssembly.Table[] = [];
  /** Ranges given back, by their length: the tables stay bounded. */
  readonly #free = new Map<number, number[]>();
  #next = HANDLER_COUNT;

  /** A tier's table, with its handlers; what stands in the others is put into it. */
  add(table: WebAssembly.Table): void {
    const [known] = this.#tables;
    this.#tables.push(table);
    this.#grow(table);
    if (known) for (let index = HANDLER_COUNT; index < this.#next; index++) table.set(index, known.get(index));
  }

  /** First of so many consecutive places. */
  take(count: number): number {
    const free = this.#free.get(count)?.pop();
    if (free !== undefined) return free;
    const first = this.#next;
    this.#next += count;
    for (const table of this.#tables) this.#grow(table);
    return first;
  }

  give(first: number, count: number): void {
    const free = this.#free.get(count) ?? [];
    free.push(first);
    this.#free.set(count, free);
  }

  /** Null: nothing. */
  set(index: number, region: unknown): void {
    for (const table of this.#tables) table.set(index, region);
  }

  #grow(table: WebAssembly.Table): void {
    while (this.#next > table.length) table.grow(GROWTH);
  }
}
