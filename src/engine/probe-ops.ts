// What a probe does at a place of the guest's code, decided when the block is translated. Interpreted blocks run these from
// memory (src/core/probe), compiled regions have them inline (jit/probe-emitter.ts). Addresses are in the machine's memory.

import type { BlockInstruction } from "./jit/region.js";

/** A u64 per hart: that of hart h is at `address + h * stride`. */
export interface CounterPlace {
  address: number;
  stride: number;
}

export type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

/** Compares a counter of the executing hart with a constant, unsigned. */
export interface Condition {
  counter: CounterPlace;
  is: Comparison;
  value: bigint;
}

/** Counts or stores: `counter += value`, `counter = value`, of the executing hart. */
export interface CounterOp {
  kind: "add" | "store";
  counter: CounterPlace;
  value: bigint;
}

/** Appends a 16-byte entry to a buffer (see EVENT_* in core/layout.ts). */
export interface AppendOp {
  kind: "append";
  /** Address of the buffer's descriptor. */
  buffer: number;
  /** How many it holds. */
  entries: number;
  tag: number;
  /** What the entry's 64 bits are; anything but `none` needs an access. */
  field: "none" | "vaddr" | "paddr" | "value";
  /** Called when the buffer is full. */
  full: CallTarget;
}

/** A function of a plugin: the dispatcher (index in the core's table) is called with `fn`. */
export interface CallTarget {
  /** Plugin slot; names the culprit when the call goes wrong. */
  slot: number;
  /** Table index of a function (fn, hart, tag), or (fn, hart, info, vaddr: i64, tag) for `access` signatures. */
  dispatcher: number;
  fn: number;
  /** Name, among the machine's dispatchers, of a function (hart, tag) that does the same, for compiled code. */
  entry?: string | undefined;
}

/** What a leaf takes behind the arguments of its signature, in this order. */
export type LeafField = "paddr" | "value" | "offset" | "region" | "device";

/**
 * A function that does what the call does, for compiled code: nothing but it depends on the call, neither the record of the access
 * nor what is known to be under way. Its arguments are (hart, tag) or (hart, info, vaddr: i64, tag), then the fields.
 */
export interface LeafTarget {
  /** Its name among the machine's dispatchers. */
  name: string;
  fields: readonly LeafField[];
}

/** What of an access a callback may take as arguments: what compiled code has at hand without noting the access. */
export type AccessNumber = "ppn" | "pageOffset" | "size" | "write" | "io" | "regionId" | "deviceId";

export interface CallOp {
  kind: "call";
  target: CallTarget;
  tag: number;
  /** `access`: the dispatcher takes the access's info word and virtual address as well. */
  signature: "exec" | "access";
  /** `read`: registers must be as the guest sees them; `write`: the callback may change them. */
  registers: "none" | "read" | "write";
  /** Whether the hardware address of an access must be captured for it. */
  hwaddr: boolean;
  /** The plugin keeps copies of counters in its own memory, brought up to date around the call. */
  synced: boolean;
  /** The target's `entry` takes these behind (hart, tag), and nobody looks at the record of the access. */
  numbers?: readonly AccessNumber[] | undefined;
  /** May be called instead where the engine has settled the access, of which the function may have only its arguments. */
  leaf?: LeafTarget | undefined;
  /** The function is WebAssembly: its trap unwinds generated code, which must have its registers in hart state. */
  direct: boolean;
}

export type ProbeOp = (CounterOp | AppendOp | CallOp) & {
  when?: Condition | undefined;
  /** Address of a filter to evaluate each time (see GUARD_* in core/layout.ts). */
  guard?: number | undefined;
};

/** A probe on the accesses of an instruction. */
export interface AccessProbe {
  op: ProbeOp;
  direction: "read" | "write" | "both";
  /** Accesses to devices only: costs other accesses nothing. */
  io: boolean;
  /** Accesses to memory only. */
  memory?: boolean;
}

/** What all probes of one translated block add up to. */
export interface BlockProbes {
  /** Before the first instruction. */
  block: ProbeOp[];
  /** Before instruction i. */
  exec: (ProbeOp[] | undefined)[];
  /** After each access of instruction i. */
  access: (AccessProbe[] | undefined)[];
}

export const NO_PROBES: BlockProbes = { block: [], exec: [], access: [] };

/** An op and where it lies in memory. */
export interface PlacedOp {
  readonly op: ProbeOp;
  readonly address: number;
  /** On accesses; `both` otherwise. */
  readonly direction: "read" | "write" | "both";
  readonly io: boolean;
}

/** A translated block with probes, as the JIT needs it. */
export interface ProbedBlock {
  /** Address of its record. */
  readonly record: number;
  readonly block: readonly PlacedOp[];
  readonly exec: readonly (readonly PlacedOp[])[];
  readonly access: readonly (readonly PlacedOp[])[];
  readonly instructions: readonly BlockInstruction[];
}
