// A SessionManager without threads or machines: enough behaviour to test the service above it.
import type { MachineDescription } from "../../src/machine/description.js";
import {
  type AttachRequest,
  type CallParams,
  type CallResult,
  type ConsoleHost,
  type HostLimits,
  SessionError,
  type SessionEvent,
  type SessionHost,
  type SessionManager,
  type SessionMeta,
  type SlotListener,
  type StreamFrame,
  type StreamOptions,
  type SubscriptionHost,
} from "../../src/session/host-api.js";
import type {
  FinalResults,
  SessionState,
  SubscriptionSpec,
  WorkerMethods,
  WorkerToHost,
} from "../../src/session/protocol.js";
import { Slots } from "../../src/session/slots.js";
import { PluginControl, pluginMethods } from "../../src/session/worker-methods/plugins.js";
import { FakePlugins, PLUGIN_LIMITS } from "../session/fake-plugins.js";

export class FakeManager implements SessionManager {
  readonly sessions = new Map<string, FakeSession>();
  readonly limits: Pick<HostLimits, "maxSessions">;
  #made = 0;

  constructor(limits: Pick<HostLimits, "maxSessions"> = { maxSessions: 1000 }) {
    this.limits = limits;
  }

  async create(description: MachineDescription, meta: SessionMeta): Promise<SessionHost> {
    if (description.kernel?.name === "broken.elf") {
      throw new SessionError("image", "broken.elf: offset 4 (0x4): not 64-bit", {
        image: "broken.elf",
        offset: 4,
        reason: "not 64-bit",
      });
    }
    const session = new FakeSession(meta.id ?? `s${++this.#made}`, description, meta);
    this.sessions.set(session.id, session);
    return session;
  }
  get(id: string): FakeSession | undefined {
    return this.sessions.get(id);
  }
  list(): FakeSession[] {
    return [...this.sessions.values()];
  }
  async delete(id: string): Promise<boolean> {
    const session = this.sessions.get(id);
    if (!session) return false;
    this.sessions.delete(id);
    session.end();
    return true;
  }
  async close(): Promise<void> {
    for (const id of [...this.sessions.keys()]) await this.delete(id);
  }
}

type Distribute<T> = T extends unknown ? Omit<T, "seq" | "time" | "instructions"> : never;

export class FakeSession implements SessionHost {
  readonly id: string;
  readonly meta: SessionMeta;
  readonly description: MachineDescription;
  readonly created = Date.now();
  readonly consoles = ["uart0", "console0"];
  state: SessionState = "ready";
  reason = "created";
  instructions = 0;
  exitCode: number | undefined;
  readonly ram = new Uint8Array(0x10000);
  readonly registers = new Map<string, bigint>([
    ["a0", 0x1234n],
    ["pc", 0x8000_0000n],
    ["mstatus", 0xa_0000_0000n],
  ]);
  readonly #events: SessionEvent[] = [];
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #consoles = new Map(["uart0", "console0"].map((name) => [name, new FakeConsole(name)]));
  readonly #subscriptions = new Map<string, FakeSubscription>();
  #subscribed = 0;

  /** The plugin manager, once a plugin was attached. */
  plugins!: FakePlugins;
  /** Tells the host side what plugins wrote. */
  readonly control: PluginControl;
  readonly #slots: Slots;
  readonly #pluginMethods: ReturnType<typeof pluginMethods>;

  constructor(id: string, description: MachineDescription, meta: SessionMeta, maxSlots = 4) {
    this.id = id;
    this.description = description;
    this.meta = meta;
    this.control = new PluginControl({
      loop: { stopFor: (reason: string) => this.setState("paused", reason) } as never,
      instructions: () => this.instructions,
      post: (message) => this.#told(message),
      manager: (hooks) => {
        this.plugins = new FakePlugins(hooks, () => this.instructions);
        return this.plugins;
      },
    });
    this.#pluginMethods = pluginMethods({
      machine: { description, devices: [{ name: "uart0" }], bus: { regions: [{ name: "ram" }] } },
      loop: { state: "running", instrumented() {} },
      plugins: this.control,
      limits: { maxPluginResults: 10_000, plugins: PLUGIN_LIMITS },
    } as never);
    this.#slots = new Slots(maxSlots, {
      attach: ({ id: slot, plugin, args, filter }) => this.call("attachPlugin", { id: slot, plugin, args, filter }),
      detach: (slot) => this.call("detachPlugin", { id: slot }),
    });
  }

  attach(request: AttachRequest) {
    return this.#slots.attach(request);
  }
  detach(id: string): Promise<FinalResults> {
    return this.#slots.detach(id);
  }
  slots() {
    return this.#slots.list();
  }
  onSlot(id: string, listener: SlotListener): () => void {
    return this.#slots.listen(id, listener);
  }
  #told(message: WorkerToHost): void {
    if (message.type === "plugin-output") this.#slots.wrote(message.ids);
    if (message.type !== "plugin") return;
    const { instructions: _instructions, ...event } = message;
    this.emit(event);
  }

  get listeners(): number {
    return (
      this.#listeners.size + [...this.#consoles.values()].reduce((sum, console) => sum + console.listeners.size, 0)
    );
  }

  async call<M extends keyof WorkerMethods>(method: M, ...params: CallParams<M>): Promise<CallResult<M>> {
    if (this.state === "crashed") throw new SessionError("crashed", "it crashed");
    const body = ({ ...this.#methods, ...this.#pluginMethods } as Partial<WorkerMethods>)[method] as
      | ((p: unknown) => unknown)
      | undefined;
    if (!body) throw new Error(`fake has no ${method}`);
    return body(params[0]) as CallResult<M>;
  }

  readonly #methods: Omit<
    WorkerMethods,
    | "consoleInput"
    | "subscribe"
    | "unsubscribe"
    | "subscriptionStats"
    | "inputLog"
    | keyof ReturnType<typeof pluginMethods>
  > = {
    engineStats: () => ({
      variant: "plain",
      runMs: 1.5,
      compileMs: 0,
      instructions: this.instructions,
      compiledInstructions: 0,
      jit: {},
    }),
    start: () => this.setState("running", "start"),
    pause: () => {
      this.setState("paused", "pause");
      return { instructions: this.instructions };
    },
    step: ({ count }) => {
      if (this.state === "running") throw new SessionError("wrong-state", "pause it first", { state: this.state });
      this.instructions += count;
      return { executed: count, reason: "count", instructions: this.instructions, pc: 0x8000_0004n };
    },
    runUntil: () => ({ reason: "breakpoint", instructions: this.instructions, pc: 0xffff_ffff_8000_0000n }),
    reset: () => this.setState("ready", "reset"),
    status: () => ({
      state: this.state,
      instructions: this.instructions,
      virtualNs: this.instructions,
      harts: [{ hart: 0, pc: 0x8000_0000n, privilege: "M", waiting: false, instret: BigInt(this.instructions) }],
    }),
    registers: ({ names }) =>
      (names ?? [...this.registers.keys()]).map((name) => {
        const value = this.registers.get(name);
        if (value === undefined) throw new SessionError("unknown-register", `no register ${name}`, { register: name });
        return { name, value, kind: name === "pc" ? "pc" : "gpr" } as const;
      }),
    setRegisters: ({ values }) => {
      for (const name of Object.keys(values)) {
        if (!this.registers.has(name))
          throw new SessionError("unknown-register", `no register ${name}`, { register: name });
      }
      for (const [name, value] of Object.entries(values)) this.registers.set(name, value);
    },
    readMemory: ({ address, length }) => this.#slice(address, length).slice(),
    writeMemory: ({ address, bytes }) => this.#slice(address, bytes.length).set(bytes),
    searchMemory: ({ address, length, pattern, limit }) => {
      const found: bigint[] = [];
      const bytes = Buffer.from(this.#slice(address, length));
      for (let at = bytes.indexOf(pattern); at >= 0 && found.length < limit; at = bytes.indexOf(pattern, at + 1))
        found.push(address + BigInt(at));
      return found;
    },
    translate: ({ vaddr, access }) => ({
      vaddr,
      access,
      privilege: "S",
      mode: "sv39",
      walk: [{ level: 2, pteAddress: 0x8000_1000n, pte: 0x2000_0401n, flags: "", leaf: false }],
      fault: { cause: 13, name: "load page fault", level: 1 },
    }),
    memoryTree: () => ({
      name: "system",
      kind: "container",
      offset: 0n,
      size: 1n << 64n,
      priority: 0,
      enabled: true,
      children: [
        { name: "ram", kind: "ram", offset: 0x8000_0000n, size: 0x10000n, priority: 0, enabled: true, children: [] },
      ],
    }),
    flatView: () => [{ start: 0x8000_0000n, end: 0x8001_0000n, region: "ram", kind: "ram", offset: 0n }],
    tlbStats: () => ({ counters: { miss: 3 }, tables: [{ hart: 0, mmuIndex: 1, entries: 64, used: 2, windowMax: 2 }] }),
    tlbDump: () => [],
    devices: () => [
      { id: 1, name: "uart0", type: "ns16550a", regions: [{ name: "uart0", start: 0x1000_0000n, size: 0x100n }] },
    ],
    deviceState: ({ name }) => {
      if (name !== "uart0") throw new SessionError("unknown-device", `no device ${name}`, { device: name });
      return {
        registers: [{ name: "LCR", offset: 3, width: 1, value: "0x3", fields: { DLAB: 0 } }],
        inner: { fifo: 0 },
      };
    },
    deviceTree: ({ format }) =>
      format === "dts" ? Buffer.from("/dts-v1/;\n/ { };\n") : new Uint8Array([0xd0, 0x0d, 0xfe, 0xed]),
    symbols: () => [{ name: "main", address: 0x8000_0000n, size: 16, image: "demo.elf" }],
    disassemble: ({ address }) => [{ address, bytes: "13000000", text: "nop" }],
    interrupts: () => ({
      harts: [{ hart: 0, mip: 0x80n, mie: 0n, mideleg: 0n, pending: ["MTI"] }],
      controllers: { plic: {} },
    }),
  };

  #slice(address: bigint, length: number): Uint8Array {
    const at = address - 0x8000_0000n;
    if (at < 0n || at + BigInt(length) > BigInt(this.ram.length)) {
      throw new SessionError("unmapped", `nothing at ${address}`, { address });
    }
    return this.ram.subarray(Number(at), Number(at) + length);
  }

  setState(state: SessionState, reason: string): void {
    this.state = state;
    this.reason = reason;
    this.emit({ type: "state", state, reason });
  }

  emit(event: Distribute<SessionEvent>): void {
    const full = {
      seq: this.#events.length + 1,
      time: Date.now(),
      instructions: this.instructions,
      ...event,
    } as SessionEvent;
    this.#events.push(full);
    for (const listener of [...this.#listeners]) listener(full);
  }

  onEvent(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  recentEvents(after: number): SessionEvent[] {
    return this.#events.filter((event) => event.seq > after);
  }
  console(name = "uart0"): FakeConsole {
    const console = this.#consoles.get(name);
    if (!console) throw new SessionError("unknown-console", `no console ${name}`, { console: name });
    return console;
  }
  async subscribe(spec: SubscriptionSpec): Promise<FakeSubscription> {
    const subscription = new FakeSubscription(`t${++this.#subscribed}`, spec);
    this.#subscriptions.set(subscription.id, subscription);
    return subscription;
  }
  subscription(id: string): FakeSubscription | undefined {
    return this.#subscriptions.get(id);
  }
  subscriptions(): FakeSubscription[] {
    return [...this.#subscriptions.values()];
  }
  async unsubscribe(id: string): Promise<{ records: number }> {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) throw new SessionError("unknown-subscription", `no subscription ${id}`);
    this.#subscriptions.delete(id);
    subscription.finish();
    return { records: subscription.written };
  }
  end(): void {
    for (const subscription of this.#subscriptions.values()) subscription.finish();
    this.#slots.clear();
    this.emit({ type: "deleted" });
  }
}

export class FakeConsole implements ConsoleHost {
  readonly name: string;
  readonly typed: number[] = [];
  readonly listeners = new Set<(bytes: Uint8Array, offset: number) => void>();
  /** Bytes kept. */
  keep = 1 << 20;
  start = 0;
  end = 0;
  #bytes = Buffer.alloc(0);

  constructor(name: string) {
    this.name = name;
  }
  print(text: string): void {
    const bytes = Buffer.from(text);
    const offset = this.end;
    this.end += bytes.length;
    this.#bytes = Buffer.concat([this.#bytes, bytes]).subarray(-this.keep);
    this.start = this.end - this.#bytes.length;
    for (const listener of [...this.listeners]) listener(bytes, offset);
  }
  read(offset: number, limit: number): { offset: number; bytes: Uint8Array } {
    const from = Math.min(Math.max(offset, this.start), this.end);
    return { offset: from, bytes: this.#bytes.subarray(from - this.start, from - this.start + limit) };
  }
  async write(bytes: Uint8Array): Promise<void> {
    this.typed.push(...bytes);
  }
  onOutput(listener: (bytes: Uint8Array, offset: number) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Yields frames `{"seq":n}` as the test writes them. */
export class FakeSubscription implements SubscriptionHost {
  readonly id: string;
  readonly spec: SubscriptionSpec;
  readonly created = Date.now();
  attached = false;
  ended = false;
  written = 0;
  released = 0;
  /** Frames a client took. */
  pulled = 0;
  /** Makes binary frames of this many bytes, without end. */
  flood = 0;
  #wake: () => void = () => {};

  constructor(id: string, spec: SubscriptionSpec) {
    this.id = id;
    this.spec = spec;
  }
  async stats(): Promise<{ matched: number; written: number; dropped: number }> {
    return { matched: this.written, written: this.written, dropped: 0 };
  }
  write(count: number): void {
    this.written += count;
    this.#wake();
  }
  finish(): void {
    this.ended = true;
    this.#wake();
  }
  open({ after }: StreamOptions): AsyncIterableIterator<StreamFrame> {
    if (this.attached) throw new SessionError("busy", "another client reads it");
    this.attached = true;
    let next = after === undefined ? 0 : after + 1;
    let gone = false;
    const release = (): void => {
      this.released++;
    };
    const take = async (): Promise<IteratorResult<StreamFrame>> => {
      for (;;) {
        if (gone) return { done: true, value: undefined };
        if (this.flood > 0) {
          this.pulled++;
          const half = new Uint8Array(this.flood / 2);
          return { done: false, value: { parts: [half, half], release } };
        }
        if (next < this.written) {
          this.pulled++;
          return { done: false, value: { text: `{"seq":${next++}}\n`, release } };
        }
        if (this.ended) return { done: true, value: undefined };
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    return {
      next: take,
      return: async () => {
        gone = true;
        this.attached = false;
        this.#wake();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
