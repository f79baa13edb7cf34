// What the numbers in trace records stand for, as the worker told it. Only ever grows: ids are never reused.
import type { NameSource } from "../trace/arrow-stream.js";
import type { NameTableKind } from "../trace/columns.js";

export class NameTables implements NameSource {
  readonly #tables: Record<NameTableKind, string[]> = { region: [""], device: [""], register: [""], field: [""] };

  add(table: NameTableKind, entries: readonly (readonly [number, string])[]): void {
    const names = this.#tables[table];
    for (const [id, name] of entries) {
      while (names.length < id) names.push("");
      names[id] = name;
    }
  }

  /** Names by id, index 0 for none. Grows later; take `length` to see how far one has read. */
  names(table: NameTableKind): readonly string[] {
    return this.#tables[table];
  }
}
