// The host's side of the thread that makes regions: started for the first session, shared by all, started anew should it die.
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";

/** V8 heap of the thread. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 64 };

export class CompileService {
  #thread: Worker | undefined;
  /** Settles when the thread is up; jobs may come before. */
  ready: Promise<void> = Promise.resolve();

  /** A port for one session's RemoteCompiler; to be transferred to its thread. It closes when the thread of either side ends. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#thread ??= this.#start();
    this.#thread.postMessage(port2, [port2]);
    return port1;
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  #start(): Worker {
    const thread = new Worker(new URL("./compile-thread.js", import.meta.url), {
      resourceLimits: RESOURCE_LIMITS,
      name: "compiler",
    });
    thread.unref();
    this.ready = new Promise((resolve) => {
      thread.once("message", () => resolve());
      thread.once("exit", () => resolve());
    });
    const ended = (): void => {
      if (this.#thread === thread) this.#thread = undefined;
    };
    // its sessions see their ports close, and go on by themselves
    thread.on("error", ended);
    thread.on("exit", ended);
    return thread;
  }
}
