// The plugin manager as the session's thread sees it: slots of one machine, each with a plugin attached. manager.ts
// implements it; tests of the layers above bring their own.
//
// Every method is called between two run slices, and none of them lets an exception of a plugin out: a plugin that goes
// wrong is detached, its slot stays as `failed` with a report until it is taken away, and the machine goes on.
import type { PluginDefinition } from "./plugin.js";
import type { PreparedInfo } from "./wasm/prepare.js";

export type PluginKind = "builtin" | "wasm" | "javascript";

export type PluginSource =
  | { kind: "builtin"; name: string }
  | { kind: "wasm"; name: string; module: WebAssembly.Module; info: PreparedInfo }
  | { kind: "javascript"; name: string; definition: PluginDefinition };

/** Arguments as they came in a request; the plugin's option table says what they mean. */
export type PluginArguments = Readonly<Record<string, unknown>>;

/**
 * What a slot is about. Every member is optional; all that are given hold, in a list any. Decided before anything is
 * emitted where that can be: code outside `pc` or `privilege` is not even looked at.
 */
export interface PluginFilter {
  /** Inclusive ranges. */
  pc?: [bigint, bigint][];
  vaddr?: [bigint, bigint][];
  paddr?: [bigint, bigint][];
  device?: string[];
  region?: string[];
  /** Accesses to devices only. */
  io?: boolean;
  direction?: "read" | "write";
  hart?: number[];
  privilege?: ("U" | "S" | "M")[];
}

export interface PluginFailure {
  cause: "trap" | "out-of-fuel" | "stack-overflow" | "out-of-memory" | "exception" | "exit";
  message: string;
  /** What the plugin was doing: `install`, `translate`, `callback`, `results`. */
  where: string;
  /** Instruction count of the machine. */
  instructions: number;
}

export interface PluginCost {
  /** Translated blocks it has probes in. */
  blocks: number;
  /** Probes by sort. */
  inline: number;
  conditional: number;
  callbacks: number;
  /** Callbacks made so far, where they are counted. */
  calls: number;
  translateMs: number;
  memoryBytes: number;
}

export interface PluginSlot {
  id: string;
  plugin: string;
  kind: PluginKind;
  /** `ended`: it asked to be taken away. */
  state: "active" | "paused" | "failed" | "ended";
  args: Record<string, unknown>;
  filter: PluginFilter;
  /** Instruction count at which it was attached, or its results began anew. */
  attachedAt: number;
  failure?: PluginFailure;
  cost: PluginCost;
}

export interface PluginSnapshot {
  id: string;
  instructions: number;
  virtualNs: number;
  /** As the plugin gives them: JSON-safe but for bigint. */
  results: unknown;
  /** Where it was asked for and the plugin has a text form. */
  text?: string;
  outputBytes: number;
  files: { name: string; size: number }[];
}

/** What is left of a plugin that was detached: also what it wrote while it was. */
export interface PluginFinal extends PluginSnapshot {
  /** The output text kept. */
  output: string;
  contents: { name: string; bytes: Uint8Array }[];
}

export interface PluginLimits {
  /** Output text kept per slot, and files offered, bytes. */
  outputBytes: number;
  fileBytes: number;
  /** Counters and buffers of all slots in the machine's memory, bytes. */
  probeBytes: number;
}

export interface PluginHooks {
  /** Results may be others than before without the guest having run. */
  changed(id: string): void;
  /** The plugin went wrong and has been detached from the code. */
  failed(id: string, failure: PluginFailure): void;
  /** The plugin asked to be taken away, and has been detached from the code. */
  ended(id: string): void;
  /** The plugin wants the machine paused; the machine has been told already. */
  stop(id: string, reason: string): void;
  /** The plugin wrote text. */
  output(id: string): void;
  /** Messages between plugins of sessions of this process. `receive` is called between run slices. */
  channel(name: string, receive: (message: unknown) => void): { post(message: unknown): void; close(): void };
}

/** A request that cannot be granted. `detail.field` names what is wrong with it, `detail.expected` what would be right. */
export class PluginError extends Error {
  readonly code: "unknown-plugin" | "unknown-slot" | "slot-exists" | "unknown-file" | "invalid" | "limit" | "failed";
  readonly detail: Record<string, unknown>;
  constructor(code: PluginError["code"], message: string, detail: Record<string, unknown> = {}) {
    super(message);
    this.name = "PluginError";
    this.code = code;
    this.detail = detail;
  }
}

/** All but `list` and `sliceEnd` throw PluginError. */
export interface PluginManagerApi {
  /** An exception while it is installed leaves nothing behind and is `failed`. */
  attach(id: string, source: PluginSource, args: PluginArguments, filter: PluginFilter): PluginSlot;
  /** Final results, and the text form where the plugin has one. */
  detach(id: string): PluginFinal;
  pause(id: string): void;
  resume(id: string): void;
  /** Other arguments install the plugin anew: results start over. */
  configure(id: string, change: { args?: PluginArguments; filter?: PluginFilter }): PluginSlot;
  list(): PluginSlot[];
  get(id: string): PluginSlot;
  snapshot(id: string, text: boolean): PluginSnapshot;
  /** Output from a byte on (UTF-8); a returned offset above the asked one says that older text is gone. */
  output(id: string, from: number): { offset: number; text: string };
  file(id: string, name: string): Uint8Array;
  /** After each run slice: drains buffers. */
  sliceEnd(): void;
  /** The machine halted; a reset or another start may follow. */
  halted(): void;
}
