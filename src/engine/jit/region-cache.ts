// Modules by the regions in them, so that sessions that run the same code share what has been compiled. A region is told by all
// that its module's bytes depend on. What was used last is kept when no session is left, so that a first run that is over helps, too.
import { createHash } from "node:crypto";
import { pageOf, type Region } from "./region.js";
import type { TracePlan } from "./trace-plan.js";

/** Bytes of modules kept, over all sessions; the oldest go first. */
const MAX_BYTES = 64 << 20;

export interface CachedRegion {
  readonly module: WebAssembly.Module;
  /** Of its function among the exports. */
  readonly name: string;
  /** Its share of the module's bytes. */
  readonly bytes: number;
}
interface Entry extends CachedRegion {
  readonly users: Set<object>;
}

export class RegionCache {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  get(key: string, user: object): CachedRegion | undefined {
    const entry = this.#entries.get(key);
    entry?.users.add(user);
    return entry;
  }

  put(key: string, region: CachedRegion, user: object): void {
    this.#drop(key);
    this.#entries.set(key, { ...region, users: new Set([user]) });
    this.#bytes += region.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#drop(oldest);
    }
  }

  /** `user` is gone. What it used stays for the next one like it; what only earlier ones used goes. */
  release(user: object): void {
    for (const [key, { users }] of this.#entries) if (!users.delete(user) && users.size === 0) this.#drop(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}

/** Tells regions apart whose code would differ. */
export function regionKey({ entry, blocks, code, apart }: Region, plan: TracePlan | undefined): string {
  const words: number[] = [entry, apart ? 1 : 0];
  for (const { start, end, terminator: t, instructions } of blocks.values()) {
    words.push(start, end, code.distance(pageOf(start)), instructions.length);
    switch (t.kind) {
      case "jump":
        words.push(1, t.target);
        break;
      case "exit":
        words.push(2, t.target);
        break;
      case "branch":
        words.push(3, t.taken, t.next);
        break;
      case "computed":
        words.push(4, t.likely.length, ...t.likely);
        break;
      case "interpret":
        words.push(5);
        break;
    }
    for (const { decoded } of instructions) words.push(decoded.bits);
  }
  return createHash("sha1")
    .update(Int32Array.from(words))
    .update(JSON.stringify(plan) ?? "")
    .digest("base64");
}
