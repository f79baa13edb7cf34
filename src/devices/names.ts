// Names that trace records carry as numbers. Ids are small, stable for a session and never reused; 0 means none.
import type { NameTable } from "./device.js";

/** Ids given in order of first use, up to a limit; then new names get 0. */
export class InternedNames implements NameTable {
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [""];
  readonly #limit: number;

  /** `limit`: highest id given. */
  constructor(limit = 65535) {
    this.#limit = limit;
  }

  intern(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.#names.length > this.#limit) return 0;
    const id = this.#names.length;
    this.#names.push(name);
    this.#ids.set(name, id);
    return id;
  }

  /** The empty string for 0 and unknown ids. */
  name(id: number): string {
    return this.#names[id] ?? "";
  }

  /** The id of a name already interned, or 0. */
  lookup(name: string): number {
    return this.#ids.get(name) ?? 0;
  }

  /** Number of names. */
  get size(): number {
    return this.#names.length - 1;
  }

  /** Names interned after the first `cursor` of them; pass `cursor + result.length` next time. */
  since(cursor: number): [number, string][] {
    return this.#names.slice(cursor + 1).map((name, i) => [cursor + 1 + i, name]);
  }
}

/** Names of things that have ids of their own (regions, devices). */
export class AssignedNames {
  readonly #names = new Map<number, string>();
  readonly #order: [number, string][] = [];

  /** Says what `id` stands for; the first name stays. */
  set(id: number, name: string): void {
    if (this.#names.has(id)) return;
    this.#names.set(id, name);
    this.#order.push([id, name]);
  }

  name(id: number): string {
    return this.#names.get(id) ?? "";
  }

  get size(): number {
    return this.#order.length;
  }

  /** As InternedNames.since(). */
  since(cursor: number): [number, string][] {
    return this.#order.slice(cursor);
  }
}

/** Most combinations of fields that get a name; a record beyond that says only the register. */
export const FIELD_NAME_LIMIT = 4096;

/** Every name table of a session. As a NameTable it interns register names. */
export class NameTables implements NameTable {
  readonly region = new AssignedNames();
  readonly device = new AssignedNames();
  readonly register = new InternedNames();
  readonly field = new InternedNames(FIELD_NAME_LIMIT);
  /** For register files: where field names go. */
  readonly fields: NameTable = this.field;

  intern(name: string): number {
    return this.register.intern(name);
  }

  name(id: number): string {
    return this.register.name(id);
  }
}
