// The thread of one session as the host sees it: calls and their answers, and what becomes of them when it dies.
import type { Worker } from "node:worker_threads";
import { SessionError, type SessionErrorCode } from "./host-api.js";
import type { HostToWorker, WorkerInit, WorkerMethods, WorkerToHost } from "./protocol.js";

/** A worker that leaves a call unanswered this long is broken: it answers between slices of a few milliseconds. */
const WATCHDOG_MS = 60_000;

export interface LinkHandlers {
  message(message: Exclude<WorkerToHost, { type: "result" | "error" }>): void;
  /** The thread is gone. `reason` is undefined when that was asked for. */
  died(reason: string | undefined): void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export class WorkerLink {
  readonly #worker: Worker;
  readonly #handlers: LinkHandlers;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #dead = false;
  #closing = false;
  #failure: string | undefined;

  constructor(worker: Worker, init: WorkerInit, handlers: LinkHandlers) {
    this.#handlers = handlers;
    this.#worker = worker;
    this.#worker.on("message", (message: WorkerToHost) => this.#receive(message));
    this.#worker.on("error", (error: Error & { code?: string }) => {
      this.#failure = error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "out of memory" : `${error.name}: ${error.message}`;
    });
    this.#worker.on("messageerror", (error) => {
      this.#failure = `unreadable message: ${error.message}`;
      void this.#worker.terminate();
    });
    this.#worker.on("exit", (code) => this.#exited(code));
    worker.postMessage({ type: "init", init } satisfies HostToWorker, [init.compiler]);
  }

  /** Calls a method of the worker. @throws SessionError as the worker says, `crashed` when it died, `gone` when it was closed */
  call(method: keyof WorkerMethods, params: unknown): Promise<unknown> {
    if (this.#dead || this.#closing) return Promise.reject(this.#goneError());
    const id = this.#nextId++;
    // What a goal may take is the caller's to say; the rest must be quick.
    const asked = (params as { timeoutMs?: unknown } | undefined)?.timeoutMs;
    const patience = WATCHDOG_MS + (typeof asked === "number" ? asked : 0);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          this.#failure = `no answer to ${method} within ${patience} ms`;
          void this.#worker.terminate();
        },
        Math.min(patience, 0x7fffffff),
      );
      timer.unref();
      try {
        this.send({ type: "call", id, method, params });
      } catch (error) {
        // What cannot be cloned was never asked, so there is no answer to watch for.
        clearTimeout(timer);
        reject(error);
        return;
      }
      this.#pending.set(id, { resolve, reject, timer });
    });
  }

  send(message: HostToWorker): void {
    if (!this.#dead) this.#worker.postMessage(message);
  }

  /** Ends the thread; resolves when it is gone. Calls under way fail with `gone`. */
  async close(): Promise<void> {
    this.#closing = true;
    // Terminating is safe at any place: nothing of the thread is used afterwards but the shared memory.
    await this.#worker.terminate();
  }

  #receive(message: WorkerToHost): void {
    if (message.type !== "result" && message.type !== "error") {
      this.#handlers.message(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if (message.type === "result") pending.resolve(message.value);
    else if (message.code === "bug") pending.reject(new Error(message.message));
    else pending.reject(new SessionError(message.code as SessionErrorCode, message.message, message.detail));
  }

  #exited(code: number): void {
    this.#dead = true;
    if (!this.#closing) this.#failure ??= `the thread ended with code ${code}`;
    this.#handlers.died(this.#closing ? undefined : this.#failure);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(this.#goneError());
    }
    this.#pending.clear();
  }

  #goneError(): SessionError {
    return this.#closing
      ? new SessionError("gone", "the session was deleted")
      : new SessionError("crashed", `the session crashed: ${this.#failure ?? "its thread is gone"}`, {
          state: "crashed",
        });
  }
}
