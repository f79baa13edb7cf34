// The plugin interface: what a plugin written in TypeScript or JavaScript gets and gives. A plugin says, once for each
// translated block, what is to be counted, appended to a buffer or called; the engine makes that part of the code it
// runs, so that what is not asked for costs nothing. Exported as `emuscope/plugin`.
//
// Words follow QEMU's plugin interface where it has them (docs/plugins.md has a table of all its functions). Addresses and
// 64-bit values are bigint, counts and sizes are numbers. Handles are valid while the callback that got them runs,
// counters and buffers while the plugin is attached.
import type { AccessNumber, Comparison, CounterOp, ProbeOp } from "../engine/probe-ops.js";

/** A plugin as it is offered: what it is called, what it takes, what it gives. */
export interface PluginDefinition {
  /** `[a-z][a-z0-9-]*` */
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  /** JSON Schema of what `results()` returns. */
  readonly results: object;
  /**
   * Attaches it to a machine that stands between two instructions.
   * @throws PluginOptionError for option values that make no sense together
   */
  install(host: PluginHost, options: OptionValues): Plugin;
}

export interface Option {
  /** `size` and `address` take numbers, or strings with 0x or a suffix k, m or g. */
  type: "boolean" | "integer" | "address" | "string" | "choice";
  description: string;
  default?: OptionValue;
  /** For `choice`. */
  choices?: readonly string[];
  /** For `integer`. */
  minimum?: number;
  maximum?: number;
  /** May be given several times; the value is an array then. */
  repeated?: boolean;
}
/** `address` options are bigint, `integer` ones numbers. */
export type OptionValue = boolean | number | bigint | string | readonly (number | bigint | string)[];
/** Every option of the table that was given or has a default. */
export type OptionValues = Readonly<Record<string, OptionValue>>;

export class PluginOptionError extends Error {
  /** Option at fault. */
  readonly option: string;
  readonly expected: string;
  constructor(option: string, expected: string) {
    super(`${option}: expected ${expected}`);
    this.name = "PluginOptionError";
    this.option = option;
    this.expected = expected;
  }
}

/** An attached plugin. Everything but `results` is optional. An exception from any of these detaches the plugin. */
export interface Plugin {
  /** A block is about to run for the first time since it was written or the plugin attached: the place to add probes. */
  translate?(block: Block): void;
  /** What it found so far; JSON-safe but for bigint, which go out as hex strings. Called between two instructions. */
  results(): unknown;
  /** The same as the text QEMU's plugin of this name prints. */
  text?(): string;
  /** The machine was reset. */
  reset?(): void;
  /** The machine has powered off. */
  halted?(): void;
  /** The plugin is being detached; its probes are gone already. */
  uninstall?(): void;
}

/** Something a probe does; made by counters, buffers and `PluginHost.call`. */
export type Op = ProbeOp;

/**
 * A translation block: instructions that run one behind the other, ended as QEMU ends them (a jump, a branch, an instruction
 * of the system kind that may change translation or privilege, the end of the page, 512 instructions).
 */
export interface Block {
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly instructions: readonly Instruction[];
  /** Each time the block is entered, before its first instruction. @throws TypeError for a call that takes numbers of an access */
  onExec(op: Op): void;
}

export interface Instruction {
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly size: 2 | 4;
  /** The instruction's bits, zero-extended. */
  readonly bits: number;
  /** Little endian, `size` bytes. */
  readonly bytes: Uint8Array;
  /** Mnemonic of what executes (compressed ones are those they stand for). */
  readonly mnemonic: string;
  /** As Emuscope's disassembler writes it. Made when asked for. */
  readonly disassembly: string;
  /** Name of the symbol that covers it, if an image has one. */
  readonly symbol: string | undefined;
  /** Where control goes: `system` covers CSRs, fences, environment calls and returns from traps. */
  readonly flow: "next" | "branch" | "jump" | "jumpTo" | "system";
  /** Destination of a branch or direct jump. */
  readonly target: bigint | undefined;
  /** rd and rs1 as numbers, for telling calls and returns; meaningless where the instruction has none. */
  readonly rd: number;
  readonly rs1: number;
  /** What it does to memory: LR counts as a load, SC as a store. */
  readonly memory: "none" | "load" | "store" | "amo";
  /** Before each execution. The instruction may still trap. @throws TypeError for a call that takes numbers of an access */
  onExec(op: Op): void;
  /** After each access that succeeded; an atomic makes a read and a write. Registers are as after the instruction. */
  onAccess(op: Op, options?: AccessOptions): void;
}

export interface AccessOptions {
  direction?: "read" | "write" | "both";
  /** Accesses to devices only; then other accesses cost nothing. Each part of one that crosses a page comes by itself. */
  io?: boolean;
}

/** u64 per hart, in the machine's memory. */
export interface Counter {
  add(value: number | bigint): CounterOp;
  store(value: number | bigint): CounterOp;
  get(hart: number): bigint;
  set(hart: number, value: bigint): void;
  /** Over all harts. */
  sum(): bigint;
}

/** Several counters, one beside the other. */
export interface Scoreboard {
  /** @throws RangeError for a field it does not have */
  counter(field: number): Counter;
  /** Gives the memory back. Ops made from it must not be used any more. */
  free(): void;
}

/** Unsigned comparison of the executing hart's counter. */
export interface When {
  counter: Counter;
  is: Comparison;
  value: number | bigint;
}

export interface CallOptions {
  when?: When;
  /** What the callback does with registers; `none` (the default) is cheapest. */
  registers?: "none" | "read" | "write";
  /**
   * Numbers of the access that the callback takes behind `tag`, in this order; `write` and `io` as 1 or 0. Compiled code hands over what it
   * has and notes nothing of the access, so `access` is not to be had in such a callback: it takes half the time of one that asks `access`.
   * For `onAccess` only.
   */
  numbers?: readonly AccessNumber[];
}

/** Ring-less buffer the engine appends to inline; drained when it is full, at the end of each run slice, and before results. */
export interface EventBuffer {
  /** `field` other than `none` only on accesses. */
  append(tag: number, field?: "none" | "vaddr" | "paddr" | "value", when?: When): Op;
}

/**
 * Entries `from` to `to - 1`. Entry i is: words[4 * i] the tag, words[4 * i + 1] hart | size << 8 | kind << 16 (size in
 * bytes and KIND_* of core/layout.ts for accesses), words[4 * i + 2] and [4 * i + 3] low and high half of the field.
 * The array is the engine's and is written again as soon as drain returns.
 */
export type Drain = (words: Uint32Array, from: number, to: number) => void;

/**
 * The access whose callback runs, with the hardware address it really went to, captured before the device saw it. Valid in the
 * callback only.
 */
export interface Access {
  readonly hart: number;
  /** 0 for a device's access. */
  readonly pc: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  /** The same as a number, exact up to 2^53, for callbacks that run by the million: a bigint costs more than the call. */
  readonly paddrNumber: number;
  /** Number of the physical page, paddr / 4096: below 2^32, as physical addresses end at 2^44. The cheapest way to say where. */
  readonly ppn: number;
  /** Offset in the memory region. */
  readonly offset: bigint;
  /** Bytes: 1, 2, 4 or 8; for probes on devices, which get each part of an access across pages by itself, 1 to 8. */
  readonly size: number;
  readonly write: boolean;
  readonly kind: AccessKind;
  /** Loaded or stored bytes, zero-extended. */
  readonly value: bigint;
  readonly signed: boolean;
  /** The region is a device's. */
  readonly io: boolean;
  readonly region: string;
  readonly regionId: number;
  /** Name of the device, undefined for plain memory. */
  readonly device: string | undefined;
  readonly deviceId: number;
  /** Second part of an access that crosses a page: where its bytes from `split` on went. */
  readonly second:
    | { readonly paddr: bigint; readonly region: string; readonly offset: bigint; readonly split: number }
    | undefined;
}
export type { AccessNumber };
export type AccessKind =
  | "load"
  | "store"
  | "amo-read"
  | "amo-write"
  | "walk-read"
  | "walk-write"
  | "dma-read"
  | "dma-write";

/** Things that happen to harts and translation. Each listener costs only when its event happens. */
export interface PluginEvents {
  /** For each hart when the plugin attaches, and after a reset. */
  "hart-init": { hart: number };
  /** For each hart when the machine halts or the plugin detaches. */
  "hart-exit": { hart: number };
  /** The hart waits for an interrupt (WFI), and goes on. */
  idle: { hart: number };
  resume: { hart: number };
  /** Control went to a trap vector. `cause` without the interrupt bit. */
  interrupt: { hart: number; cause: number; from: bigint; to: bigint };
  exception: { hart: number; cause: number; from: bigint; to: bigint; tval: bigint };
  /** A semihosting call. */
  hostcall: { hart: number; from: bigint; to: bigint };
  /** A translation was put into a TLB. */
  "tlb-fill": { hart: number; vaddr: bigint; paddr: bigint; pageBits: number; mmuIndex: number };
  /** Translations were dropped. */
  "tlb-flush": { hart: number; scope: "all" | "index" | "page" | "asid" | "topology"; vaddr: bigint; asid: number };
  /** satp was written. */
  satp: { hart: number; old: bigint; value: bigint };
  /** The memory tree changed; `generation` counts the changes. */
  topology: { generation: number };
  /** A page-table entry was read or updated by a page walk: `vaddr` is what is being translated. */
  walk: Access;
  /** A device read or wrote memory. */
  dma: Access;
  /** All translated blocks were dropped; each will be translated anew. */
  flush: Record<string, never>;
  reset: Record<string, never>;
}

export interface RegisterInfo {
  /** `pc`, `x10`, `f3`, `mstatus`. */
  name: string;
  /** Other name: `a0`, `fa3`. */
  alias: string | undefined;
  group: "general" | "float" | "csr" | "virtual";
  /** Bytes. */
  size: number;
  readOnly: boolean;
}

/** Where an address leads; what an access would find. */
export interface Place {
  paddr: bigint;
  region: string;
  device: string | undefined;
  offset: bigint;
}

/** The machine, as a plugin sees it. */
export interface PluginHost {
  readonly harts: number;
  /** @throws RangeError when the memory for probes is used up */
  scoreboard(fields: number): Scoreboard;
  /** @param entries how many fit, 4096 unless given */
  buffer(drain: Drain, entries?: number): EventBuffer;
  /**
   * Calls `callback(hart, tag)`; on accesses `access` says which one, or the `numbers` asked for follow.
   * @throws TypeError for a number there is not
   */
  call(callback: (hart: number, tag: number, ...numbers: number[]) => void, tag: number, options?: CallOptions): Op;
  readonly access: Access;
  /** Returns the function that ends it. */
  on<E extends keyof PluginEvents>(event: E, listener: (event: PluginEvents[E]) => void): () => void;

  registers(): readonly RegisterInfo[];
  /** By name or alias. In a callback only as fresh as the `registers` it was made with. @throws RangeError for an unknown name */
  readRegister(hart: number, name: string): bigint;
  /** @throws RangeError for an unknown or read-only register */
  writeRegister(hart: number, name: string, value: bigint): void;
  /** Through the hart's translation, without side effects; undefined where nothing, or a device, is mapped. */
  readMemory(hart: number, vaddr: bigint, length: number): Uint8Array | undefined;
  writeMemory(hart: number, vaddr: bigint, bytes: Uint8Array): boolean;
  readPhysical(paddr: bigint, length: number): Uint8Array | undefined;
  writePhysical(paddr: bigint, bytes: Uint8Array): boolean;
  /** A walk without side effects; undefined where it faults. */
  translate(hart: number, vaddr: bigint): Place | undefined;
  /** Symbol that covers the address. */
  symbol(vaddr: bigint): { name: string; offset: number; image: string } | undefined;

  /** Instructions all harts have used, exact at any moment; the same count as in traces. */
  instructions(): number;
  /** Virtual time, ns. */
  now(): number;
  /** The function that moves virtual time on to so many ns (never back); undefined when another plugin has it. */
  requestTimeControl(): ((ns: number) => void) | undefined;
  /** Pauses the machine before the instruction in flight (in a callback before it), else before the next one. */
  stop(reason: string): void;
  /** Adds to the plugin's output text. */
  output(text: string): void;
  /** Offers a file among the results. */
  file(name: string, bytes: Uint8Array): void;
  /** Has all blocks translated anew for this plugin. */
  retranslate(): void;
  /** Messages between plugins of sessions of this process; delivered between run slices. */
  channel(name: string, receive: (message: unknown) => void): { post(message: unknown): void; close(): void };
}
