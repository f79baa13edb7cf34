// One session on the host side: what its thread said last, its consoles, events and subscriptions.
import { randomUUID } from "node:crypto";
import type { Worker } from "node:worker_threads";
import type { PluginSlot } from "../probe/manager-api.js";
import type { ArrowStreamEncoder } from "../trace/arrow-stream.js";
import { collectSoon } from "./collect.js";
import { ConsoleBuffer } from "./console-host.js";
import { type EventBody, type EventDetails, EventLog } from "./event-log.js";
import {
  type AttachRequest,
  type CallParams,
  type CallResult,
  type ConsoleHost,
  type HostLimits,
  type HostLog,
  SessionError,
  type SessionEvent,
  type SessionHost,
  type SessionMeta,
  type SlotListener,
  type SubscriptionHost,
} from "./host-api.js";
import { NameTables } from "./name-tables.js";
import type {
  FinalResults,
  SessionState,
  SubscriptionRing,
  SubscriptionSpec,
  WorkerInit,
  WorkerMethods,
  WorkerToHost,
} from "./protocol.js";
import { Slots } from "./slots.js";
import { Subscription } from "./subscription.js";
import { WorkerLink } from "./worker-link.js";

export interface SessionOptions {
  id: string;
  meta: SessionMeta;
  limits: HostLimits;
  log: HostLog;
  init: WorkerInit;
  /** A thread that waits for its first message. */
  worker: Worker;
  /** The thread is gone, asked for or not. */
  ended(): void;
}

export class Session implements SessionHost {
  readonly id: string;
  readonly meta: SessionMeta;
  readonly created = Date.now();
  readonly #limits: HostLimits;
  readonly #log: HostLog;
  readonly #link: WorkerLink;
  readonly #events: EventLog;
  readonly #names = new NameTables();
  readonly #consoles = new Map<string, ConsoleBuffer>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #slots: Slots;
  #state: SessionState = "ready";
  #reason = "created";
  #instructions = 0;
  #exitCode: number | undefined;
  #blocked = new Set<number>();
  #subscribing = 0;
  #hadMemory = false;
  #deleted = false;
  #ready!: { resolve(session: Session): void; reject(error: Error): void };
  /** Settles when the machine is made, or could not be. */
  readonly ready: Promise<Session>;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.meta = options.meta;
    this.#limits = options.limits;
    this.#log = options.log;
    this.#events = new EventLog(options.limits.eventBuffer);
    this.#slots = new Slots(options.limits.maxSlotsPerSession, {
      attach: ({ id, plugin, args, filter }) => this.call("attachPlugin", { id, plugin, args, filter }),
      detach: (id) => this.call("detachPlugin", { id }),
    });
    this.ready = new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
    });
    this.#link = new WorkerLink(options.worker, options.init, {
      message: (message) => this.#receive(message),
      died: (reason) => {
        this.#died(reason);
        options.ended();
      },
    });
  }

  get state(): SessionState {
    return this.#state;
  }
  get reason(): string {
    return this.#reason;
  }
  get instructions(): number {
    return this.#instructions;
  }
  get exitCode(): number | undefined {
    return this.#exitCode;
  }
  get consoles(): readonly string[] {
    return [...this.#consoles.keys()];
  }
  /** Subscriptions the guest waits for: their rings are full and their clients slow or away. */
  get blockedBy(): readonly string[] {
    return [...this.#subscriptions.values()].filter((s) => this.#blocked.has(s.recorder)).map((s) => s.id);
  }

  async call<M extends keyof WorkerMethods>(method: M, ...params: CallParams<M>): Promise<CallResult<M>> {
    if (this.#deleted) throw new SessionError("gone", "the session was deleted");
    return (await this.#link.call(method, params[0])) as CallResult<M>;
  }

  onEvent(listener: (event: SessionEvent) => void): () => void {
    return this.#events.listen(listener);
  }
  recentEvents(after: number): SessionEvent[] {
    return this.#events.since(after);
  }

  console(name?: string): ConsoleHost {
    const console = name === undefined ? this.#consoles.values().next().value : this.#consoles.get(name);
    if (console === undefined) {
      throw new SessionError(
        "unknown-console",
        name === undefined ? "this machine has no console" : `no console named ${name}`,
        {
          console: name,
          consoles: this.consoles,
        },
      );
    }
    return console;
  }

  async subscribe(spec: SubscriptionSpec): Promise<SubscriptionHost> {
    const most = this.#limits.maxSubscriptionsPerSession;
    if (this.#subscriptions.size + this.#subscribing >= most) {
      throw new SessionError("limit", `a session has at most ${most} subscriptions`, {
        limit: "maxSubscriptionsPerSession",
        value: most,
      });
    }
    const id = randomUUID();
    this.#subscribing++;
    let granted: { ring: SubscriptionRing; memory: WebAssembly.Memory };
    let ArrowEncoder: typeof ArrowStreamEncoder;
    try {
      ({ ArrowStreamEncoder: ArrowEncoder } = await import("../trace/arrow-stream.js"));
      granted = await this.call("subscribe", { id, spec });
    } finally {
      this.#subscribing--;
    }
    this.#hadMemory = true;
    const subscription = new Subscription({
      id,
      spec,
      ...granted,
      names: this.#names,
      ArrowEncoder,
      session: this.id,
      freed: (recorder) => this.#freed(recorder),
      stats: () => this.call("subscriptionStats", { id }),
      event: (what, counts) => this.#event({ type: "subscription", id, what, ...counts }),
    });
    this.#subscriptions.set(id, subscription);
    this.#event({ type: "subscription", id, what: "created" });
    return subscription;
  }
  subscription(id: string): SubscriptionHost | undefined {
    return this.#subscriptions.get(id);
  }
  subscriptions(): SubscriptionHost[] {
    return [...this.#subscriptions.values()];
  }
  async unsubscribe(id: string): Promise<{ records: number }> {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined)
      throw new SessionError("unknown-subscription", `no subscription ${id}`, { subscription: id });
    // Out of the table first: a second call finds nothing to end.
    this.#subscriptions.delete(id);
    this.#blocked.delete(subscription.recorder);
    const { ended } = subscription;
    await subscription.close();
    const result = await this.call("unsubscribe", { id });
    if (!ended) this.#event({ type: "subscription", id, what: "ended", records: result.records });
    return result;
  }

  attach(request: AttachRequest): Promise<PluginSlot> {
    return this.#slots.attach(request);
  }
  detach(id: string): Promise<FinalResults> {
    return this.#slots.detach(id);
  }
  slots(): { id: string; plugin: string; digest?: string | undefined }[] {
    return this.#slots.list();
  }
  onSlot(id: string, listener: SlotListener): () => void {
    return this.#slots.listen(id, listener);
  }

  /** Ends the thread and all streams; resolves when the thread is gone. */
  async close(): Promise<void> {
    if (this.#deleted) return;
    this.#deleted = true;
    await Promise.all([...this.#subscriptions.values()].map((subscription) => subscription.close()));
    await this.#link.close();
    this.#event({ type: "deleted" });
    if (this.#hadMemory) collectSoon();
    this.#subscriptions.clear();
  }

  #event(details: EventDetails): void {
    this.#events.add({ instructions: this.#instructions, ...details } as EventBody);
  }

  #receive(message: Exclude<WorkerToHost, { type: "result" | "error" }>): void {
    switch (message.type) {
      case "ready":
        for (const name of message.consoles) {
          this.#consoles.set(
            name,
            new ConsoleBuffer(name, this.#limits.consoleBuffer, (bytes) => this.call("consoleInput", { name, bytes })),
          );
        }
        this.#ready.resolve(this);
        break;
      case "failed":
        this.#ready.reject(
          message.code === "bug"
            ? new Error(message.message)
            : new SessionError(message.code as never, message.message, message.detail),
        );
        break;
      case "state":
        this.#instructions = message.instructions;
        this.#state = message.state;
        this.#reason = message.reason;
        this.#exitCode = message.exitCode;
        if (message.state !== "running") this.#blocked.clear();
        if (message.state === "crashed")
          this.#log.error({ session: this.id, reason: message.reason }, "session crashed");
        this.#event({
          type: "state",
          state: message.state,
          reason: message.reason,
          ...(message.exitCode === undefined ? {} : { exitCode: message.exitCode }),
        });
        break;
      case "console":
        this.#instructions = message.instructions;
        this.#consoles.get(message.name)?.push(message.bytes);
        break;
      case "guest-error":
        this.#instructions = message.instructions;
        this.#event({ type: "guest-error", device: message.device, message: message.message });
        break;
      case "reset":
        this.#instructions = message.instructions;
        this.#event({ type: "reset", reason: message.reason });
        break;
      case "names":
        this.#names.add(message.table, message.entries);
        break;
      case "ring":
        this.#byRecorder(message.recorder)?.available();
        break;
      case "plugin": {
        const { type, id, what, plugin, reason, failure } = message;
        this.#instructions = message.instructions;
        if (failure) this.#log.warn({ session: this.id, slot: id, plugin, failure }, "plugin failed");
        this.#event({
          type,
          id,
          what,
          plugin,
          ...(reason === undefined ? {} : { reason }),
          ...(failure ? { failure } : {}),
        });
        break;
      }
      case "plugin-output":
        this.#slots.wrote(message.ids);
        break;
      case "blocked":
        for (const recorder of message.recorders) {
          this.#blocked.add(recorder);
          // Room may have come while the message was under way.
          if (this.#byRecorder(recorder)?.hasRoom() !== false) this.#freed(recorder);
        }
        break;
    }
  }

  #byRecorder(recorder: number): Subscription | undefined {
    for (const subscription of this.#subscriptions.values())
      if (subscription.recorder === recorder) return subscription;
    return undefined;
  }

  /** Ring space of a recorder came free: the guest may be waiting for it. */
  #freed(recorder: number): void {
    if (this.#blocked.delete(recorder)) this.#link.send({ type: "credit", recorder });
  }

  #died(reason: string | undefined): void {
    this.#blocked.clear();
    this.#slots.clear();
    if (reason === undefined) {
      this.#ready.reject(new SessionError("gone", "the session was deleted"));
      return;
    }
    this.#ready.reject(
      reason === "out of memory"
        ? new SessionError("out-of-memory", "no memory for the session")
        : new Error(`session thread died: ${reason}`),
    );
    if (this.#state !== "crashed") {
      this.#state = "crashed";
      this.#reason = reason;
      this.#log.error({ session: this.id, reason }, "session crashed");
      this.#event({ type: "state", state: "crashed", reason });
    }
    for (const subscription of this.#subscriptions.values()) void subscription.close();
  }
}
