// Waiting for a session: for one of several states, or for text on a console. Works on what the host side knows
// (events, console output) and never asks the machine, so a wait costs nothing while nothing happens.
import type { SessionHost } from "../session/host-api.js";
import type { SessionState } from "../session/protocol.js";

export interface WaitRequest {
  state: readonly SessionState[] | undefined;
  text: Uint8Array | undefined;
  console: string | undefined;
  /** Console offset to look from. */
  from: number;
  timeoutMs: number;
  /** Aborted when nobody waits any more; the wait then ends as by a timeout. */
  signal: AbortSignal;
}

export interface WaitResult {
  matched: boolean;
  reason: "matched" | "timeout" | "ended";
  state: SessionState;
  instructions: number;
  offset?: number;
}

/** States that no console output can follow by itself. */
const SILENT: readonly SessionState[] = ["halted", "crashed"];

/** @throws SessionError unknown-console */
export function waitFor(session: SessionHost, request: WaitRequest): Promise<WaitResult> {
  const console = request.text === undefined ? undefined : session.console(request.console);
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    let over = false;

    const finish = (reason: WaitResult["reason"], offset?: number): void => {
      if (over) return;
      over = true;
      for (const stop of stops) stop();
      resolve({
        matched: reason === "matched",
        reason,
        state: session.state,
        instructions: session.instructions,
        ...(offset === undefined ? {} : { offset }),
      });
    };

    if (console && request.text !== undefined) {
      const finder = new TextFinder(request.text);
      let at = Math.max(request.from, console.start);
      const chunk = 64 * 1024;
      // what is buffered already
      while (at < console.end) {
        const { offset, bytes } = console.read(at, chunk);
        const hit = finder.push(bytes);
        if (hit >= 0) {
          finish("matched", offset + hit);
          return;
        }
        at = offset + bytes.length;
      }
      stops.push(
        console.onOutput((bytes, offset) => {
          const skip = Math.max(0, at - offset);
          if (skip >= bytes.length) return;
          const hit = finder.push(bytes.subarray(skip));
          if (hit >= 0) finish("matched", offset + skip + hit);
        }),
      );
    }

    const look = (state: SessionState): void => {
      if (request.state?.includes(state)) finish("matched");
      // the last output may be told after the state: let it come first
      else if (request.text !== undefined && SILENT.includes(state)) setImmediate(() => finish("ended"));
    };
    stops.push(
      session.onEvent((event) => {
        if (event.type === "state") look(event.state);
        else if (event.type === "deleted") finish("ended");
      }),
    );
    look(session.state);
    if (over) return;

    const timer = setTimeout(() => finish("timeout"), request.timeoutMs);
    stops.push(() => clearTimeout(timer));
    const abort = (): void => finish("timeout");
    request.signal.addEventListener("abort", abort, { once: true });
    stops.push(() => request.signal.removeEventListener("abort", abort));
    if (request.signal.aborted) abort();
  });
}

/** Finds bytes in a stream that comes in pieces. Keeps no more than the pattern's length. */
export class TextFinder {
  readonly #pattern: Uint8Array;
  #tail: Uint8Array = new Uint8Array(0);

  constructor(pattern: Uint8Array) {
    this.#pattern = pattern;
  }

  /** Index in `bytes` just behind the first match that ends in it, or -1. */
  push(bytes: Uint8Array): number {
    const joined = Buffer.concat([this.#tail, bytes]);
    const at = joined.indexOf(this.#pattern);
    if (at >= 0) return at + this.#pattern.length - this.#tail.length;
    this.#tail = joined.subarray(Math.max(0, joined.length - this.#pattern.length + 1));
    return -1;
  }
}
