// Plugin slots of one session on the host side: who is attached, within the limit, and who wants to hear of output. The
// machine's thread has the plugins themselves; ids are given out here, so that two requests cannot take the same one.
import type { PluginSlot } from "../probe/manager-api.js";
import { type AttachRequest, SessionError, type SlotListener } from "./host-api.js";
import type { FinalResults } from "./protocol.js";

export interface SlotCalls {
  attach(request: AttachRequest & { id: string }): Promise<PluginSlot>;
  detach(id: string): Promise<FinalResults>;
}

interface Entry {
  plugin: string;
  digest: string | undefined;
}

const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export class Slots {
  readonly #most: number;
  readonly #calls: SlotCalls;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Map<string, Set<SlotListener>>();

  constructor(most: number, calls: SlotCalls) {
    this.#most = most;
    this.#calls = calls;
  }

  list(): { id: string; plugin: string; digest?: string | undefined }[] {
    return [...this.#entries].map(([id, entry]) => ({ id, ...entry }));
  }

  /** @throws SessionError limit, slot-exists, and what the machine says */
  async attach(request: AttachRequest): Promise<PluginSlot> {
    if (this.#entries.size >= this.#most) {
      throw new SessionError("limit", `a session has at most ${this.#most} plugin slots; detach one first`, {
        limit: "maxSlots",
        value: this.#most,
        field: "plugin",
      });
    }
    const id = request.id ?? this.#freeId(request.plugin.name);
    if (this.#entries.has(id)) {
      throw new SessionError("slot-exists", `there is a slot "${id}"; detach it or choose another id`, { slot: id });
    }
    // The place is taken before anything is awaited.
    const entry = { plugin: request.plugin.name, digest: request.digest };
    this.#entries.set(id, entry);
    try {
      return await this.#calls.attach({ ...request, id });
    } catch (error) {
      this.#entries.delete(id);
      throw error;
    }
  }

  async detach(id: string): Promise<FinalResults> {
    const final = await this.#calls.detach(id);
    this.#entries.delete(id);
    this.#end(id, final);
    return final;
  }

  listen(id: string, listener: SlotListener): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
    };
  }

  /** The slots wrote output. */
  wrote(ids: readonly string[]): void {
    for (const id of ids) for (const listener of [...(this.#listeners.get(id) ?? [])]) listener.output();
  }

  /** The machine's thread is gone, and its plugins with it. */
  clear(): void {
    this.#entries.clear();
    for (const id of [...this.#listeners.keys()]) this.#end(id, undefined);
  }

  #end(id: string, final: FinalResults | undefined): void {
    const listeners = [...(this.#listeners.get(id) ?? [])];
    this.#listeners.delete(id);
    for (const listener of listeners) listener.ended(final);
  }

  /** The plugin's name, as far as it makes an id, with a number where it is taken. */
  #freeId(plugin: string): string {
    const base = plugin
      .toLowerCase()
      .replace(/\.(wasm|m?js)$/, "")
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 50);
    const stem = ID.test(base) ? base : "plugin";
    let id = stem;
    for (let n = 2; this.#entries.has(id); n++) id = `${stem}-${n}`;
    return id;
  }
}
