// A session's events: numbered without holes from 1, the last few kept, every one told to who listens.
import type { SessionEvent } from "./host-api.js";

type OmitEach<E, K extends string> = E extends unknown ? Omit<E, K> : never;

/** An event before the log gave it its number and time. */
export type EventBody = OmitEach<SessionEvent, "seq" | "time">;
/** An event before its session said how far the guest is. */
export type EventDetails = OmitEach<EventBody, "instructions">;

export class EventLog {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #events: SessionEvent[] = [];
  #seq = 0;

  /** @param limit events kept. @param now milliseconds since 1970 */
  constructor(limit: number, now: () => number = Date.now) {
    this.#limit = Math.max(1, limit);
    this.#now = now;
  }

  add(body: EventBody): SessionEvent {
    const event = { seq: ++this.#seq, time: this.#now(), ...body } as SessionEvent;
    this.#events.push(event);
    if (this.#events.length > this.#limit) this.#events.shift();
    for (const listener of [...this.#listeners]) listener(event);
    return event;
  }

  /** Kept events with a number above `after`. */
  since(after: number): SessionEvent[] {
    return this.#events.filter((event) => event.seq > after);
  }

  listen(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
