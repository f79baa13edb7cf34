// Locals of a WebAssembly function that serve again and again, each time for as long as an instruction or a block.
import type { ValueType } from "../../wasm/opcodes.js";
import type { Emitter } from "../emitter.js";

export class LocalPool {
  readonly #emitter: Emitter;
  /** By type; those in use come first. */
  readonly #types = new Map<ValueType, { locals: number[]; used: number }>();

  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  take(type: ValueType): number {
    let pool = this.#types.get(type);
    if (!pool) {
      pool = { locals: [], used: 0 };
      this.#types.set(type, pool);
    }
    if (pool.used === pool.locals.length) pool.locals.push(this.#emitter.local(type));
    return pool.locals[pool.used++] as number;
  }

  /** None is in use any more. */
  reset(): void {
    for (const pool of this.#types.values()) pool.used = 0;
  }
}
