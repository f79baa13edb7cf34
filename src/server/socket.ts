// What the WebSockets have in common: sending with a bound on what is under way, and noticing dead peers.
import type { WebSocket } from "@fastify/websocket";

/** WebSocket close codes, RFC 6455 section 7.4.1. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  unsupported: 1003,
  policy: 1008,
  tooBig: 1009,
  internal: 1011,
  restart: 1012,
} as const;

const HEARTBEAT_MS = 30_000;
/** A sender gives way to others after this long. */
const TURN_MS = 4;

/**
 * A socket with back-pressure. `send` returns at once; `room()` resolves when less than `highWater` bytes wait for
 * the peer. Bytes count until the operating system took them.
 */
export class Outlet {
  readonly socket: WebSocket;
  readonly #highWater: number;
  #pending = 0;
  #closed = false;
  /** When the event loop last had its turn, by performance.now(). */
  #turned = 0;
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket, highWater: number) {
    this.socket = socket;
    this.#highWater = highWater;
    socket.on("close", () => this.#end());
    socket.on("error", () => this.#end());
    this.#watch();
  }

  get closed(): boolean {
    return this.#closed || this.socket.readyState > this.socket.OPEN;
  }

  /** Bytes on their way. */
  get pending(): number {
    return this.#pending;
  }

  get full(): boolean {
    return this.#pending >= this.#highWater;
  }

  /**
   * Resolves when there is room, or when the socket closed. Lets the event loop turn from time to time: while the
   * peer takes everything at once, a sender would otherwise never let others have their turn.
   */
  async room(): Promise<void> {
    if (performance.now() - this.#turned > TURN_MS) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#turned = performance.now();
    }
    while (this.full && !this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  text(text: string, done?: () => void): void {
    this.#send(text, Buffer.byteLength(text), { binary: false, fin: true }, done);
  }

  /** One binary message made of parts, none of them copied. `done` is called when all left, or never will. */
  binary(parts: readonly Uint8Array[], done?: () => void): void {
    const last = parts.length - 1;
    for (const [index, part] of parts.entries()) {
      this.#send(part, part.byteLength, { binary: true, fin: index === last }, index === last ? done : undefined);
    }
    if (last < 0) done?.();
  }

  close(code: number, reason: string): void {
    // a reason may have 123 bytes
    this.socket.close(code, Buffer.byteLength(reason) > 123 ? reason.slice(0, 80) : reason);
  }

  #send(
    data: string | Uint8Array,
    size: number,
    options: { binary: boolean; fin: boolean },
    done: (() => void) | undefined,
  ): void {
    if (this.closed) {
      done?.();
      return;
    }
    this.#pending += size;
    this.socket.send(data, options, () => {
      this.#pending -= size;
      done?.();
      if (!this.full) this.#wake();
    });
  }

  #end(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Ends connections whose peer is gone. A peer that is only slow has bytes pending, and is left alone. */
  #watch(): void {
    let alive = true;
    this.socket.on("pong", () => {
      alive = true;
    });
    const timer = setInterval(() => {
      if (this.#pending > 0) return;
      if (!alive) {
        this.socket.terminate();
        return;
      }
      alive = false;
      this.socket.ping();
    }, HEARTBEAT_MS);
    timer.unref();
    this.socket.on("close", () => clearInterval(timer));
  }
}
