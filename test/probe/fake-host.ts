// A machine without an engine, for tests of plugins: `FakeHost` lets a script say which blocks run and what they access, and
// does for each what the engine would do with the ops the plugin asked for, in the engine's order: ops of the block, then for
// each instruction its ops, then those of its accesses. Blocks are translated when they run first.
//
//   const host = new FakeHost({ harts: 2 });
//   const plugin = host.attach(bb, { inline: true });
//   const loop = host.block(0x80000000, [0x00a50513, 0x00053583, 0xbfc5]); // addi, ld, c.j
//   host.run(loop, { hart: 1, accesses: { 1: [{ vaddr: 0x80001000, size: 8, value: 42 }] } });
//   host.results();
import {
  KIND_AMO_READ,
  KIND_AMO_WRITE,
  KIND_DMA_READ,
  KIND_DMA_WRITE,
  KIND_LOAD,
  KIND_STORE,
  KIND_WALK_READ,
  KIND_WALK_WRITE,
} from "../../src/core/layout.js";
import type { AccessProbe, CallOp, Comparison, Condition, ProbeOp } from "../../src/engine/probe-ops.js";
import { decode } from "../../src/isa/decode.js";
import { format } from "../../src/isa/disassemble.js";
import { checkOptions } from "../../src/probe/options.js";
import type {
  Access,
  AccessKind,
  AccessOptions,
  Block,
  CallOptions,
  Counter,
  Drain,
  EventBuffer,
  Instruction,
  Place,
  Plugin,
  PluginDefinition,
  PluginEvents,
  PluginHost,
  RegisterInfo,
  Scoreboard,
  When,
} from "../../src/probe/plugin.js";

/** Addresses may be numbers in scripts. */
type Address = bigint | number;

export interface FakeRegion {
  name: string;
  start: Address;
  size: number;
  /** Undefined for plain memory. */
  device?: string;
}

/** An access as a script gives it. What is left out follows from the address and the instruction. */
export interface FakeAccess {
  vaddr: Address;
  /** The virtual address, unless given. */
  paddr?: Address;
  size?: 1 | 2 | 4 | 8;
  write?: boolean;
  kind?: AccessKind;
  value?: Address;
  signed?: boolean;
  second?: Access["second"];
}

export interface Run {
  hart?: number;
  /** Accesses by the index of their instruction. */
  accesses?: Record<number, readonly FakeAccess[]>;
  /** Instructions that begin, all unless given. */
  count?: number;
  /** The last of them traps: it has no accesses. */
  traps?: boolean;
  /** Called behind an instruction, when it is complete. */
  after?(index: number): void;
}

interface Probes {
  block: ProbeOp[];
  exec: ProbeOp[][];
  access: AccessProbe[][];
}

const KINDS: Record<AccessKind, number> = {
  load: KIND_LOAD,
  store: KIND_STORE,
  "amo-read": KIND_AMO_READ,
  "amo-write": KIND_AMO_WRITE,
  "walk-read": KIND_WALK_READ,
  "walk-write": KIND_WALK_WRITE,
  "dma-read": KIND_DMA_READ,
  "dma-write": KIND_DMA_WRITE,
};
const U64 = (v: Address): bigint => BigInt.asUintN(64, BigInt(v));
const COMPARE: Record<Comparison, (a: bigint, b: bigint) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};
/** Board virt's, as far as tests use it. */
const REGIONS: readonly FakeRegion[] = [
  { name: "test", start: 0x100000, size: 0x1000, device: "test0" },
  { name: "clint", start: 0x2000000, size: 0x10000, device: "clint0" },
  { name: "uart", start: 0x10000000, size: 0x100, device: "uart0" },
  { name: "ram", start: 0x80000000, size: 0x8000000 },
];

export class FakeInstruction implements Instruction {
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly size: 2 | 4;
  readonly bits: number;
  readonly bytes: Uint8Array;
  readonly mnemonic: string;
  readonly disassembly: string;
  readonly symbol: string | undefined;
  readonly flow: Instruction["flow"];
  readonly target: bigint | undefined;
  readonly rd: number;
  readonly rs1: number;
  readonly memory: Instruction["memory"];
  /** Where ops go while a plugin's `translate` runs. */
  probes: { exec: ProbeOp[]; access: AccessProbe[] } | undefined;

  constructor(vaddr: bigint, paddr: bigint, word: number, symbol: string | undefined) {
    const decoded = decode(word);
    const { name, flow, memory } = decoded.instruction;
    this.vaddr = vaddr;
    this.paddr = paddr;
    this.size = decoded.length;
    this.bits = decoded.bits >>> 0;
    this.bytes = Uint8Array.from({ length: this.size }, (_, i) => (this.bits >>> (8 * i)) & 255);
    this.mnemonic = name;
    this.disassembly = format(decoded, vaddr);
    this.symbol = symbol;
    this.flow = flow;
    this.target = flow === "branch" || flow === "jump" ? vaddr + BigInt(decoded.imm) : undefined;
    this.rd = decoded.rd;
    this.rs1 = decoded.rs1;
    this.memory = !memory
      ? "none"
      : name.startsWith("amo")
        ? "amo"
        : /^(sc\.|s[bhwd]$|fs[wd]$)/.test(name)
          ? "store"
          : "load";
  }

  onExec(op: ProbeOp): void {
    this.#open().exec.push(op);
  }

  onAccess(op: ProbeOp, options: AccessOptions = {}): void {
    this.#open().access.push({ op, direction: options.direction ?? "both", io: options.io ?? false });
  }

  #open() {
    if (!this.probes) throw new Error("an instruction is used outside translate()");
    return this.probes;
  }
}

/** A block the script can run, again and again. */
export class FakeBlock {
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly instructions: readonly FakeInstruction[];
  probes: Probes | undefined;

  constructor(instructions: readonly FakeInstruction[]) {
    const first = instructions[0];
    if (!first) throw new Error("a block without instructions");
    this.vaddr = first.vaddr;
    this.paddr = first.paddr;
    this.instructions = instructions;
  }

  /** Has the plugin add its probes. */
  translate(plugin: Plugin): Probes {
    const probes: Probes = {
      block: [],
      exec: this.instructions.map(() => []),
      access: this.instructions.map(() => []),
    };
    let open = true;
    this.instructions.forEach((instruction, i) => {
      instruction.probes = { exec: probes.exec[i] as ProbeOp[], access: probes.access[i] as AccessProbe[] };
    });
    const block: Block = {
      vaddr: this.vaddr,
      paddr: this.paddr,
      instructions: this.instructions,
      onExec(op) {
        if (!open) throw new Error("a block is used outside translate()");
        probes.block.push(op);
      },
    };
    plugin.translate?.(block);
    open = false;
    for (const instruction of this.instructions) instruction.probes = undefined;
    this.probes = probes;
    return probes;
  }
}

class FakeBuffer implements EventBuffer {
  readonly words: Uint32Array;
  readonly entries: number;
  readonly drain: Drain;
  readonly address: number;
  used = 0;

  constructor(drain: Drain, entries: number, address: number) {
    this.drain = drain;
    this.entries = entries;
    this.address = address;
    this.words = new Uint32Array(4 * entries);
  }

  append(tag: number, field: "none" | "vaddr" | "paddr" | "value" = "none", when?: When): ProbeOp {
    const full = { slot: 0, dispatcher: 0, fn: 0 };
    const { address, entries } = this;
    return { kind: "append", buffer: address, entries, tag, field, full, when: condition(when) };
  }

  put(tag: number, word: number, field: bigint): void {
    const at = 4 * this.used;
    this.words[at] = tag;
    this.words[at + 1] = word;
    this.words[at + 2] = Number(field & 0xffffffffn);
    this.words[at + 3] = Number(field >> 32n);
    if (++this.used === this.entries) this.empty();
  }

  empty(): void {
    const used = this.used;
    this.used = 0;
    if (used > 0) this.drain(this.words, 0, used);
    // whoever keeps the array will notice
    this.words.fill(0xdeaddead, 0, 4 * used);
  }
}

const places = new WeakMap<Counter, { address: number; stride: number }>();
const condition = (when: When | undefined): Condition | undefined =>
  when && { counter: places.get(when.counter) as Condition["counter"], is: when.is, value: U64(when.value) };

export class FakeHost implements PluginHost {
  readonly harts: number;
  /** Texts the plugin has put out, joined. */
  text = "";
  readonly files = new Map<string, Uint8Array>();
  /** Reasons of `stop`. */
  readonly stops: string[] = [];
  /** How often callbacks ran: what a plugin that counts inline keeps at 0. */
  calls = 0;
  /** Values of registers by hart and name; 0 unless set. */
  readonly registerValues = new Map<string, bigint>();
  readonly symbols: { name: string; start: Address; size: number }[] = [];
  ns = 0;

  readonly #regions: readonly FakeRegion[];
  readonly #counters = new Map<number, bigint>();
  /** Addresses of counters that are not given back. */
  readonly #live = new Set<number>();
  readonly #limit: number;
  readonly #buffers = new Map<number, FakeBuffer>();
  readonly #callbacks: ((hart: number, tag: number) => void)[] = [];
  readonly #listeners = new Map<keyof PluginEvents, Set<(event: never) => void>>();
  readonly #blocks = new Map<string, FakeBlock>();
  readonly #memory = new Map<bigint, number>();
  readonly #ran: number[];
  #next = 0x1000;
  #plugin: Plugin | undefined;
  #access: Access | undefined;
  #timeControl = false;

  /** @param options counters: how many there are before `scoreboard` throws */
  constructor(options: { harts?: number; regions?: readonly FakeRegion[]; counters?: number } = {}) {
    this.harts = options.harts ?? 1;
    this.#regions = options.regions ?? REGIONS;
    this.#limit = options.counters ?? 1 << 20;
    this.#ran = new Array<number>(this.harts).fill(0);
  }

  // ---- for scripts

  attach(definition: PluginDefinition, given: Record<string, unknown> = {}): Plugin {
    const plugin = definition.install(this, checkOptions(definition.options, given));
    this.#plugin = plugin;
    for (let hart = 0; hart < this.harts; hart++) this.emit("hart-init", { hart });
    return plugin;
  }

  /** A block of these instruction words; the same one for the same words at the same place. */
  block(vaddr: Address, words: readonly number[], options: { paddr?: Address } = {}): FakeBlock {
    const start = U64(vaddr);
    const delta = U64(options.paddr ?? vaddr) - start;
    const key = `${start} ${delta} ${words.join(" ")}`;
    const made = this.#blocks.get(key);
    if (made) return made;
    const instructions: FakeInstruction[] = [];
    let at = start;
    for (const word of words) {
      const instruction = new FakeInstruction(at, at + delta, word, this.symbol(at)?.name);
      instructions.push(instruction);
      at += BigInt(instruction.size);
    }
    const block = new FakeBlock(instructions);
    this.#blocks.set(key, block);
    return block;
  }

  /** Runs a block once, or as much of it as `run` says. */
  run(block: FakeBlock, run: Run = {}): void {
    const plugin = this.#attached();
    const hart = run.hart ?? 0;
    const probes = block.probes ?? block.translate(plugin);
    const count = run.count ?? block.instructions.length;
    this.registerValues.set(`${hart} pc`, block.vaddr);
    for (const op of probes.block) this.#do(op, hart, undefined);
    for (let i = 0; i < count; i++) {
      const instruction = block.instructions[i] as FakeInstruction;
      this.registerValues.set(`${hart} pc`, instruction.vaddr);
      for (const op of probes.exec[i] as ProbeOp[]) this.#do(op, hart, undefined);
      this.#ran[hart] = (this.#ran[hart] as number) + 1;
      this.ns++;
      if (run.traps && i === count - 1) break;
      for (const scripted of run.accesses?.[i] ?? []) {
        const access = this.#resolve(instruction, scripted, hart);
        for (const probe of probes.access[i] as AccessProbe[]) {
          if (probe.direction !== "both" && (probe.direction === "write") !== access.write) continue;
          for (const part of probe.io ? this.#parts(access).filter(({ io }) => io) : [access]) {
            this.#do(probe.op, hart, part);
          }
        }
      }
      run.after?.(i);
    }
  }

  emit<E extends keyof PluginEvents>(event: E, payload: PluginEvents[E]): void {
    if (event === "reset") this.#attached().reset?.();
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      (listener as (event: PluginEvents[E]) => void)(payload);
    }
  }

  /** The end of a run slice. */
  sliceEnd(): void {
    for (const buffer of this.#buffers.values()) buffer.empty();
  }

  /** As the manager asks for them: buffers are drained first. */
  results(): any {
    this.sliceEnd();
    return this.#attached().results();
  }

  report(): string {
    this.sliceEnd();
    return this.#attached().text?.() ?? "";
  }

  detach(): any {
    const results = this.results();
    for (let hart = 0; hart < this.harts; hart++) this.emit("hart-exit", { hart });
    this.#attached().uninstall?.();
    this.#plugin = undefined;
    return results;
  }

  /** Drops all translations, as the engine does now and then. */
  flush(): void {
    this.retranslate();
    this.emit("flush", {});
  }

  setRegister(hart: number, name: string, value: Address): void {
    this.registerValues.set(`${hart} ${this.#register(name).name}`, U64(value));
  }

  setMemory(paddr: Address, bytes: Uint8Array): void {
    this.writePhysical(U64(paddr), bytes);
  }

  // ---- the interface

  scoreboard(fields: number): Scoreboard {
    const stride = 8 * fields;
    if (this.#live.size + fields > this.#limit) throw new RangeError("no memory left for probes");
    const base = this.#next;
    this.#next += stride * this.harts;
    for (let i = 0; i < fields; i++) this.#live.add(base + 8 * i);
    const counters = Array.from({ length: fields }, (_, i) => this.#counter(base + 8 * i, stride));
    return {
      counter: (field) => {
        const counter = counters[field];
        if (!counter) throw new RangeError(`no field ${field} of ${fields}`);
        return counter;
      },
      free: () => {
        for (let i = 0; i < fields; i++) this.#live.delete(base + 8 * i);
      },
    };
  }

  #counter(address: number, stride: number): Counter {
    const at = (hart: number): number => {
      if (!(hart >= 0 && hart < this.harts)) throw new RangeError(`no hart ${hart}`);
      if (!this.#live.has(address)) throw new Error("a counter is used after its memory was given back");
      return address + hart * stride;
    };
    const place = { address, stride };
    const counter: Counter = {
      add: (value) => ({ kind: "add", counter: place, value: U64(value) }),
      store: (value) => ({ kind: "store", counter: place, value: U64(value) }),
      get: (hart) => this.#counters.get(at(hart)) ?? 0n,
      set: (hart, value) => void this.#counters.set(at(hart), U64(value)),
      sum: () => {
        let sum = 0n;
        for (let hart = 0; hart < this.harts; hart++) sum += this.#counters.get(at(hart)) ?? 0n;
        return U64(sum);
      },
    };
    places.set(counter, place);
    return counter;
  }

  buffer(drain: Drain, entries = 4096): EventBuffer {
    const buffer = new FakeBuffer(drain, entries, this.#next);
    this.#next += 64;
    this.#buffers.set(buffer.address, buffer);
    return buffer;
  }

  call(callback: (hart: number, tag: number) => void, tag: number, options: CallOptions = {}): ProbeOp {
    const fn = this.#callbacks.push(callback) - 1;
    return {
      kind: "call",
      target: { slot: 0, dispatcher: 0, fn },
      tag,
      signature: "access",
      registers: options.registers ?? "none",
      hwaddr: true,
      synced: false,
      direct: false,
      when: condition(options.when),
    };
  }

  get access(): Access {
    if (!this.#access) throw new Error("`access` is used outside an access's callback");
    return this.#access;
  }

  on<E extends keyof PluginEvents>(event: E, listener: (event: PluginEvents[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener as (event: never) => void);
    return () => void listeners.delete(listener as (event: never) => void);
  }

  registers(): readonly RegisterInfo[] {
    return REGISTERS;
  }

  readRegister(hart: number, name: string): bigint {
    return this.registerValues.get(`${hart} ${this.#register(name).name}`) ?? 0n;
  }

  writeRegister(hart: number, name: string, value: bigint): void {
    const register = this.#register(name);
    if (register.readOnly) throw new RangeError(`${name} cannot be written`);
    this.registerValues.set(`${hart} ${register.name}`, U64(value));
  }

  #register(name: string): RegisterInfo {
    const found = REGISTERS.find((register) => register.name === name || register.alias === name);
    if (!found) throw new RangeError(`no register ${name}`);
    return found;
  }

  readMemory(_hart: number, vaddr: bigint, length: number): Uint8Array | undefined {
    return this.readPhysical(vaddr, length);
  }

  writeMemory(_hart: number, vaddr: bigint, bytes: Uint8Array): boolean {
    return this.writePhysical(vaddr, bytes);
  }

  readPhysical(paddr: bigint, length: number): Uint8Array | undefined {
    const region = this.#region(paddr);
    if (!region || region.device !== undefined) return undefined;
    return Uint8Array.from({ length }, (_, i) => this.#memory.get(paddr + BigInt(i)) ?? 0);
  }

  writePhysical(paddr: bigint, bytes: Uint8Array): boolean {
    const region = this.#region(paddr);
    if (!region || region.device !== undefined) return false;
    bytes.forEach((byte, i) => void this.#memory.set(paddr + BigInt(i), byte));
    return true;
  }

  translate(_hart: number, vaddr: bigint): Place | undefined {
    const region = this.#region(vaddr);
    return region && { paddr: vaddr, region: region.name, device: region.device, offset: vaddr - U64(region.start) };
  }

  symbol(vaddr: bigint): { name: string; offset: number; image: string } | undefined {
    for (const { name, start, size } of this.symbols) {
      const offset = vaddr - U64(start);
      if (offset >= 0n && offset < BigInt(size)) return { name, offset: Number(offset), image: "test.elf" };
    }
    return undefined;
  }

  instructions(): number {
    return this.#ran.reduce((a, b) => a + b, 0);
  }

  now(): number {
    return this.ns;
  }

  requestTimeControl(): ((ns: number) => void) | undefined {
    if (this.#timeControl) return undefined;
    this.#timeControl = true;
    return (ns) => {
      this.ns = Math.max(this.ns, ns);
    };
  }

  stop(reason: string): void {
    this.stops.push(reason);
  }

  output(text: string): void {
    this.text += text;
  }

  file(name: string, bytes: Uint8Array): void {
    this.files.set(name, bytes.slice());
  }

  retranslate(): void {
    for (const block of this.#blocks.values()) block.probes = undefined;
  }

  /** Messages go to everybody else on the channel, at once. */
  channel(name: string, receive: (message: unknown) => void): { post(message: unknown): void; close(): void } {
    const members = channels.get(name) ?? new Set();
    channels.set(name, members);
    members.add(receive);
    return {
      post: (message) => {
        for (const member of members) if (member !== receive) member(structuredClone(message));
      },
      close: () => void members.delete(receive),
    };
  }

  // ---- what the engine does

  #attached(): Plugin {
    if (!this.#plugin) throw new Error("no plugin is attached");
    return this.#plugin;
  }

  #do(op: ProbeOp, hart: number, access: Access | undefined): void {
    if (op.when) {
      const value = this.#counters.get(op.when.counter.address + hart * op.when.counter.stride) ?? 0n;
      if (!COMPARE[op.when.is](value, op.when.value)) return;
    }
    switch (op.kind) {
      case "add":
      case "store": {
        if (!this.#live.has(op.counter.address)) throw new Error("an op on a counter whose memory was given back");
        const at = op.counter.address + hart * op.counter.stride;
        this.#counters.set(at, op.kind === "store" ? op.value : U64((this.#counters.get(at) ?? 0n) + op.value));
        break;
      }
      case "append": {
        const buffer = this.#buffers.get(op.buffer) as FakeBuffer;
        if (op.field !== "none" && !access) throw new Error(`${op.field} of something that is no access`);
        const field = op.field === "none" || !access ? 0n : access[op.field];
        const word = access ? hart | (access.size << 8) | (KINDS[access.kind] << 16) : hart;
        buffer.put(op.tag, word, field);
        break;
      }
      case "call":
        this.calls++;
        this.#access = access;
        try {
          this.dispatch(op, hart);
        } finally {
          this.#access = undefined;
        }
    }
  }

  /** Makes the call of an op; `access` says which access it is about. */
  protected dispatch(op: CallOp, hart: number): void {
    (this.#callbacks[op.target.fn] as (hart: number, tag: number) => void)(hart, op.tag);
  }

  protected get currentAccess(): Access | undefined {
    return this.#access;
  }

  protected get regions(): readonly FakeRegion[] {
    return this.#regions;
  }

  #region(paddr: bigint): FakeRegion | undefined {
    return this.#regions.find((r) => paddr >= U64(r.start) && paddr < U64(r.start) + BigInt(r.size));
  }

  /** Of an access across two pages, what went where. */
  #parts(access: Access): Access[] {
    const { second } = access;
    if (!second) return [access];
    const { split, paddr, offset, region } = second;
    const device = this.#region(paddr)?.device;
    const low = (1n << BigInt(8 * split)) - 1n;
    return [
      { ...access, size: split, value: access.value & low, second: undefined },
      {
        ...access,
        vaddr: access.vaddr + BigInt(split),
        size: access.size - split,
        value: access.value >> BigInt(8 * split),
        paddr,
        offset,
        region,
        regionId: this.#regions.findIndex(({ name }) => name === region) + 1,
        device,
        io: device !== undefined,
        second: undefined,
      },
    ];
  }

  #resolve(instruction: FakeInstruction, scripted: FakeAccess, hart: number): Access {
    const vaddr = U64(scripted.vaddr);
    const paddr = U64(scripted.paddr ?? scripted.vaddr);
    const write = scripted.write ?? (scripted.kind?.endsWith("write") || instruction.memory === "store");
    const region = this.#region(paddr);
    const device = region?.device;
    return {
      hart,
      pc: instruction.vaddr,
      vaddr,
      paddr,
      paddrNumber: Number(paddr),
      ppn: Number(paddr >> 12n),
      offset: region ? paddr - U64(region.start) : paddr,
      size: scripted.size ?? 8,
      write,
      kind:
        scripted.kind ?? (instruction.memory === "amo" ? `amo-${write ? "write" : "read"}` : write ? "store" : "load"),
      value: U64(scripted.value ?? 0),
      signed: scripted.signed ?? false,
      io: device !== undefined,
      region: region?.name ?? "unassigned",
      regionId: region ? this.#regions.indexOf(region) + 1 : 0,
      device,
      deviceId: device === undefined ? 0 : this.#regions.indexOf(region as FakeRegion) + 1,
      second: scripted.second,
    };
  }
}

const channels = new Map<string, Set<(message: unknown) => void>>();
const X_ALIASES =
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");
const REGISTERS: readonly RegisterInfo[] = [
  { name: "pc", alias: undefined, group: "general", size: 8, readOnly: true },
  ...X_ALIASES.map((alias, i) => ({ name: `x${i}`, alias, group: "general" as const, size: 8, readOnly: i === 0 })),
  ...["mstatus", "mepc", "mcause", "satp", "sepc"].map((name) => ({
    name,
    alias: undefined,
    group: "csr" as const,
    size: 8,
    readOnly: false,
  })),
  { name: "priv", alias: undefined, group: "virtual", size: 1, readOnly: true },
];
