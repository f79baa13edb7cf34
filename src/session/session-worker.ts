// The worker side of a session: answers the host's calls between run slices and tells it what happens.
import type { MachineApi } from "../machine/machine-api.js";
import type { PluginHooks, PluginManagerApi } from "../probe/manager-api.js";
import { ConsoleBatcher } from "./console-batcher.js";
import { SessionError } from "./host-api.js";
import { InputLog } from "./input-log.js";
import { NameFeed } from "./name-feed.js";
import type { HostToWorker, WorkerInit, WorkerMethods, WorkerToHost } from "./protocol.js";
import { RunLoop } from "./run-loop.js";
import { realScheduler, type Scheduler } from "./scheduler.js";
import { consoleMethods } from "./worker-methods/console.js";
import { controlMethods } from "./worker-methods/control.js";
import { deviceMethods } from "./worker-methods/devices.js";
import { disassemblyMethods } from "./worker-methods/disassembly.js";
import { engineMethods } from "./worker-methods/engine.js";
import { interruptMethods } from "./worker-methods/interrupts.js";
import { memoryMethods } from "./worker-methods/memory.js";
import { PluginControl, pluginMethods } from "./worker-methods/plugins.js";
import { registerMethods } from "./worker-methods/registers.js";
import { StreamControl, streamMethods } from "./worker-methods/streams.js";
import { symbolMethods } from "./worker-methods/symbols.js";
import { tlbMethods } from "./worker-methods/tlb.js";
import { topologyMethods } from "./worker-methods/topology.js";
import { translationMethods } from "./worker-methods/translation.js";

/** The protocol's methods as the worker has them: those that run the guest answer later. */
export type Methods = {
  [M in keyof WorkerMethods]: (
    ...params: Parameters<WorkerMethods[M]>
  ) => ReturnType<WorkerMethods[M]> | Promise<ReturnType<WorkerMethods[M]>>;
};

/** What the methods work on. */
export interface WorkerContext {
  readonly machine: MachineApi;
  readonly loop: RunLoop;
  readonly inputs: InputLog;
  readonly streams: StreamControl;
  readonly plugins: PluginControl;
  readonly limits: WorkerInit["limits"];
}

/** Makes the plugin manager of a session's machine. */
export type MakePlugins = (machine: MachineApi, hooks: PluginHooks, limits: WorkerInit["limits"]) => PluginManagerApi;

export type Post = (message: WorkerToHost, transfer?: ArrayBuffer[]) => void;

/** Longest time records stay in a batch that is not full while the guest runs. */
const FLUSH_MS = 50;
/** A guest can make mistakes faster than anyone reads; the rest is counted in the last one's text. */
const GUEST_ERRORS_PER_SLICE = 32;

export class SessionWorker {
  readonly #machine: MachineApi;
  readonly #post: Post;
  readonly #scheduler: Scheduler;
  readonly #loop: RunLoop;
  readonly #console = new ConsoleBatcher();
  readonly #inputs = new InputLog();
  readonly #names: NameFeed;
  readonly #streams: StreamControl;
  readonly #plugins: PluginControl;
  readonly #methods: Methods;
  #guestErrors = 0;
  #flushedMs = 0;

  constructor(
    machine: MachineApi,
    post: Post,
    limits: WorkerInit["limits"],
    makePlugins: MakePlugins,
    scheduler: Scheduler = realScheduler,
  ) {
    this.#machine = machine;
    this.#post = post;
    this.#scheduler = scheduler;
    this.#names = new NameFeed(machine, (table, entries) => post({ type: "names", table, entries }));
    this.#loop = new RunLoop(
      machine,
      {
        state: (state, reason, exitCode) => {
          if (state === "halted") this.#plugins.halted();
          post({
            type: "state",
            state,
            reason,
            instructions: machine.instructionCount(),
            ...(exitCode === undefined ? {} : { exitCode }),
          });
        },
        sliceEnd: (settled) => this.#sliceEnd(settled),
        fullRings: () => this.#streams.full(),
        blocked: (recorders) => post({ type: "blocked", recorders: [...recorders] }),
      },
      scheduler,
    );
    this.#streams = new StreamControl(machine, limits.maxRingBytes, (recorder) => this.#ready(recorder));
    this.#plugins = new PluginControl({
      loop: this.#loop,
      instructions: () => machine.instructionCount(),
      post: (message) => post(message),
      manager: (hooks) => makePlugins(machine, hooks, limits),
    });
    const context: WorkerContext = {
      machine,
      loop: this.#loop,
      inputs: this.#inputs,
      streams: this.#streams,
      plugins: this.#plugins,
      limits,
    };
    this.#methods = {
      ...controlMethods(context),
      ...registerMethods(context),
      ...memoryMethods(context),
      ...translationMethods(context),
      ...topologyMethods(context),
      ...engineMethods(context),
      ...tlbMethods(context),
      ...deviceMethods(context),
      ...symbolMethods(context),
      ...disassemblyMethods(context),
      ...interruptMethods(context),
      ...consoleMethods(context),
      ...streamMethods(context),
      ...pluginMethods(context),
    };
    machine.onConsole((name, bytes) => this.#console.add(name, bytes));
    machine.onGuestError((device, message) => this.#guestError(device, message));
    machine.onReset((reason) => {
      this.#flushOutput();
      post({ type: "reset", reason, instructions: machine.instructionCount() });
    });
    this.#names.send();
  }

  /** Handles one message of the host. */
  async receive(message: Exclude<HostToWorker, { type: "init" }>): Promise<void> {
    switch (message.type) {
      case "call":
        await this.#answer(message);
        return;
      case "credit":
        this.#loop.credit();
        return;
      case "shutdown":
        this.#loop.close();
        return;
    }
  }

  async #answer({ id, method, params }: Extract<HostToWorker, { type: "call" }>): Promise<void> {
    try {
      // Own properties only: the method name comes from another thread, but a typo must not find Object's.
      if (!Object.hasOwn(this.#methods, method)) throw new Error(`no worker method ${String(method)}`);
      const call = this.#methods[method] as (params: unknown) => unknown;
      const value = await call(params);
      this.#post({ type: "result", id, value }, transferable(value));
    } catch (error) {
      this.#post({ type: "error", id, ...describeError(error) });
    }
  }

  #sliceEnd(settled: boolean): void {
    this.#guestErrors = 0;
    // before the console: what a plugin says about a slice comes before what the guest printed in it is shown
    this.#plugins.sliceEnd();
    this.#flushOutput();
    if (!this.#streams.active) return;
    const now = this.#scheduler.now();
    if (settled || now - this.#flushedMs >= FLUSH_MS) {
      this.#flushedMs = now;
      this.#streams.flush();
    }
  }

  /** Called from inside the machine, so that the host reads one batch while the guest fills the next. */
  #ready(recorder: number): void {
    // Names first: a batch is never read before what its numbers stand for.
    this.#names.send();
    this.#post({ type: "ring", recorder });
  }

  #flushOutput(): void {
    this.#console.flush((name, bytes) =>
      this.#post({ type: "console", name, bytes, instructions: this.#machine.instructionCount() }, [bytes.buffer]),
    );
  }

  #guestError(device: string, message: string): void {
    if (++this.#guestErrors > GUEST_ERRORS_PER_SLICE) return;
    const more = this.#guestErrors === GUEST_ERRORS_PER_SLICE ? " (more in the same time slice are left out)" : "";
    this.#post({
      type: "guest-error",
      device,
      message: message + more,
      instructions: this.#machine.instructionCount(),
    });
  }
}

/** An error as a message: a SessionError keeps its code, anything else is a bug. */
export function describeError(error: unknown): { code: string; message: string; detail?: Record<string, unknown> } {
  if (error instanceof SessionError) return { code: error.code, message: error.message, detail: error.detail };
  if (error instanceof Error) return { code: "bug", message: error.stack ?? error.message };
  return { code: "bug", message: String(error) };
}

/** Large results go without a copy; a view of the shared memory is not ours to give away. */
function transferable(value: unknown): ArrayBuffer[] {
  return value instanceof Uint8Array &&
    value.buffer instanceof ArrayBuffer &&
    value.byteLength === value.buffer.byteLength
    ? [value.buffer]
    : [];
}
