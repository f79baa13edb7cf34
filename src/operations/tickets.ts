// One-use tickets for WebSockets: browsers cannot set an Authorization header on them, and a token in a URL
// would end in logs. A ticket is good for one connection, for a short time.
import { randomBytes } from "node:crypto";
import { atCapacity } from "./errors.js";
import type { Limits } from "./limits.js";

export class Tickets {
  readonly #limits: Pick<Limits, "maxTickets" | "ticketLife">;
  readonly #now: () => number;
  /** Ticket to the time it expires; insertion order is order of expiry. */
  readonly #tickets = new Map<string, number>();

  constructor(limits: Pick<Limits, "maxTickets" | "ticketLife">, now: () => number = Date.now) {
    this.#limits = limits;
    this.#now = now;
  }

  /** @throws EMU_CAPACITY */
  issue(): { ticket: string; expires: number } {
    this.#expire();
    if (this.#tickets.size >= this.#limits.maxTickets) {
      throw atCapacity("too many tickets wait to be used", "maxTickets", this.#limits.maxTickets);
    }
    const ticket = randomBytes(24).toString("base64url");
    const expires = this.#now() + this.#limits.ticketLife;
    this.#tickets.set(ticket, expires);
    return { ticket, expires };
  }

  /** True once per ticket. 192 random bits: the time a look-up takes tells nothing worth knowing. */
  redeem(ticket: string): boolean {
    this.#expire();
    return this.#tickets.delete(ticket);
  }

  #expire(): void {
    const now = this.#now();
    for (const [ticket, expires] of this.#tickets) {
      if (expires > now) break;
      this.#tickets.delete(ticket);
    }
  }
}
