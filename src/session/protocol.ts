// Messages between the host side of a session (HTTP thread) and its worker (machine thread).
// Control goes by messages; traces go through shared memory. 64-bit values are bigint here.
import type { MessagePort } from "node:worker_threads";
import type { DeviceState } from "../devices/device.js";
import type { MachineDescription, StopReasonName } from "../machine/description.js";
import type { EngineStats } from "../machine/machine-api.js";
import type {
  PluginArguments,
  PluginFailure,
  PluginFilter,
  PluginLimits,
  PluginSlot,
  PluginSource,
} from "../probe/manager-api.js";

export type SessionState =
  | "ready" //    created or reset, never started
  | "running"
  | "paused"
  | "halted" //   guest powered off or exited
  | "crashed"; // our bug or out of memory; others go on

export interface RegisterValue {
  name: string; //          `a0`, `f3`, `pc`, `mstatus`
  alias?: string; //        `x10`
  value: bigint;
  kind: "gpr" | "fpr" | "pc" | "csr";
}

export interface WalkStep {
  level: number; //         4..0, 0 is the 4 KiB leaf level
  pteAddress: bigint; //    physical
  pte: bigint;
  flags: string; //         "rwxugad" subset
  leaf: boolean;
}

export interface Translation {
  vaddr: bigint;
  access: "read" | "write" | "fetch";
  privilege: "U" | "S" | "M";
  mode: "bare" | "sv39" | "sv48" | "sv57";
  walk: WalkStep[];
  /** Absent when the translation faults; then `fault` says why. */
  paddr?: bigint;
  fault?: { cause: number; name: string; level?: number };
  pageSize?: number;
  region?: string;
  device?: string;
  offset?: bigint;
  register?: string;
}

export interface SectionInfo {
  start: bigint;
  end: bigint; //           one past the last byte
  region: string;
  kind: "ram" | "rom" | "io";
  offset: bigint;
  device?: string;
}

export interface RegionNode {
  name: string;
  kind: "container" | "ram" | "rom" | "io" | "alias";
  offset: bigint; //        in its parent
  size: bigint;
  priority: number;
  enabled: boolean;
  device?: string;
  alias?: { target: string; offset: bigint };
  children: RegionNode[];
}

export interface TlbEntryInfo {
  hart: number;
  mmuIndex: number; //      0 U, 1 S, 2 S+SUM, 3 M
  index: number;
  victim: boolean;
  vaddr: bigint;
  paddr: bigint;
  read: boolean;
  write: boolean;
  execute: boolean;
  flags: string[]; //       invalid, mmio, code, traced, watched, discard
  asid: number;
  global: boolean;
  pageSize: number;
  region: string;
}

export interface TlbStats {
  counters: Record<string, number>;
  tables: { hart: number; mmuIndex: number; entries: number; used: number; windowMax: number }[];
}

/** One memory-access subscription; the meaning of each field is in docs of operation `stream.subscribe`. */
export interface SubscriptionSpec {
  fields: string[];
  filter: {
    vaddr?: [bigint, bigint][]; // inclusive ranges
    paddr?: [bigint, bigint][];
    pc?: [bigint, bigint][];
    device?: string[];
    region?: string[];
    direction?: ("read" | "write")[];
    /** Kinds by name (trace/columns KIND_NAMES); when given, decides alone and `include` is not looked at. */
    kind?: string[];
    size?: number[];
    hart?: number[];
    privilege?: ("U" | "S" | "M")[];
    ioOnly?: boolean;
  };
  include: { fetch: boolean; walk: boolean; dma: boolean };
  everyNth: number; //      1 = every record
  stopAfter?: number; //    records, then the subscription ends
  slow: "block" | "drop";
  ringBatches: number;
  batchRows: number;
}

/** A plugin on its way to a session: JavaScript as source, loaded there. */
export type PluginUpload =
  | Exclude<PluginSource, { kind: "javascript" }>
  | { kind: "javascript"; name: string; source: string };

/** Results of a plugin at one moment. */
export interface SlotResults {
  slot: string;
  plugin: string;
  state: PluginSlot["state"];
  failure?: PluginFailure;
  instructions: number;
  virtualNs: number;
  /** JSON with bigint as lower-case hex strings: made where the results are, so that only what fits the limits travels. */
  results: string;
  /** Where it was asked for and the plugin has a text form. */
  text?: string;
  outputBytes: number;
  files: { name: string; size: number }[];
}

/** Results of a plugin that was detached, with all it leaves behind. */
export interface FinalResults extends Omit<SlotResults, "files"> {
  output: string;
  files: { name: string; bytes: Uint8Array }[];
}

/** What happened to a plugin slot. */
export type SlotHappening =
  | "attached"
  | "configured"
  | "paused"
  | "resumed"
  | "stopped"
  | "failed"
  | "ended"
  | "detached";

/** Methods the worker answers; each is called between run slices. */
export interface WorkerMethods {
  start(): void;
  pause(): { instructions: number };
  /** `timeoutMs` (30 s when absent) bounds a step whose blocking stream nobody reads. */
  step(p: { count: number; timeoutMs?: number }): {
    executed: number;
    reason: string;
    instructions: number;
    pc: bigint;
  };
  /** `reason`: count, breakpoint, timeout, or what stopped it (pause, idle, halted, ring-full). */
  runUntil(p: { instructions?: number; pc?: bigint; timeoutMs: number }): {
    reason: string;
    instructions: number;
    pc: bigint;
  };
  reset(): void;
  /** `waiting`: why a running guest does not run (real time passes, no input, a full ring). */
  status(): {
    state: SessionState;
    instructions: number;
    virtualNs: number;
    exitCode?: number;
    waiting?: "asleep" | "idle" | "ring-full";
    harts: { hart: number; pc: bigint; privilege: string; waiting: boolean; instret: bigint }[];
  };
  registers(p: { hart: number; names?: string[] }): RegisterValue[];
  setRegisters(p: { hart: number; values: Record<string, bigint> }): void;
  readMemory(p: { space: "virtual" | "physical"; address: bigint; length: number; hart: number }): Uint8Array;
  writeMemory(p: { space: "virtual" | "physical"; address: bigint; bytes: Uint8Array; hart: number }): void;
  searchMemory(p: {
    space: "virtual" | "physical";
    address: bigint;
    length: number;
    pattern: Uint8Array;
    limit: number;
    hart: number;
  }): bigint[];
  translate(p: {
    vaddr: bigint;
    access: "read" | "write" | "fetch";
    hart: number;
    privilege?: "U" | "S" | "M";
  }): Translation;
  memoryTree(): RegionNode;
  flatView(): SectionInfo[];
  engineStats(): EngineStats;
  tlbStats(): TlbStats;
  tlbDump(p: { hart?: number; mmuIndex?: number; limit: number }): TlbEntryInfo[];
  devices(): { id: number; name: string; type: string; regions: { name: string; start: bigint; size: bigint }[] }[];
  deviceState(p: { name: string }): DeviceState;
  deviceTree(p: { format: "dtb" | "dts" }): Uint8Array;
  symbols(p: {
    query?: string;
    address?: bigint;
    limit: number;
  }): { name: string; address: bigint; size: number; image: string }[];
  disassemble(p: {
    address: bigint;
    count: number;
    hart: number;
    space: "virtual" | "physical";
  }): { address: bigint; bytes: string; text: string; symbol?: string }[];
  interrupts(): {
    harts: { hart: number; mip: bigint; mie: bigint; mideleg: bigint; pending: string[] }[];
    controllers: Record<string, unknown>;
  };
  consoleInput(p: { name: string; bytes: Uint8Array }): void;
  /** Only whoever has a stream gets the memory: whatever refers to it keeps all of it. */
  subscribe(p: { id: string; spec: SubscriptionSpec }): { ring: SubscriptionRing; memory: WebAssembly.Memory };
  unsubscribe(p: { id: string }): { records: number };
  subscriptionStats(p: { id: string }): { matched: number; written: number; dropped: number };
  attachPlugin(p: { id: string; plugin: PluginUpload; args: PluginArguments; filter: PluginFilter }): PluginSlot;
  detachPlugin(p: { id: string }): FinalResults;
  configurePlugin(p: { id: string; args?: PluginArguments; filter?: PluginFilter }): PluginSlot;
  pausePlugin(p: { id: string }): PluginSlot;
  resumePlugin(p: { id: string }): PluginSlot;
  plugins(): PluginSlot[];
  plugin(p: { id: string }): PluginSlot;
  /** Undefined where nothing can have changed since an answer with the revision `unless`. */
  pluginResults(p: { id: string; text: boolean; unless?: string }): (SlotResults & { revision: string }) | undefined;
  /** Output from byte `from` on, at most `limit` bytes of UTF-8 in whole characters; `end` is one past the newest. */
  pluginOutput(p: { id: string; from: number; limit: number }): { offset: number; bytes: Uint8Array; end: number };
  pluginFile(p: { id: string; name: string }): Uint8Array;
  /** Outside input so far, for repeating the run; `dropped`: older entries the bounded log no longer has. */
  inputLog(): {
    entries: { instructions: number; virtualNs: number; name: string; bytes: Uint8Array }[];
    dropped: number;
  };
}

/** Where the host side finds a subscription's ring in the shared memory (trace/ defines the header words). */
export interface SubscriptionRing {
  recorder: number; //      0..MAX_RECORDERS-1
  base: number; //          address of the ring header in the session's memory
  columns: { name: string; offset: number; width: number }[]; // offset inside a batch
  batchBytes: number;
  batchRows: number;
  batches: number;
}

export type HostToWorker =
  /** The first message: makes the machine. Threads are started before it is known what for. */
  | { type: "init"; init: WorkerInit }
  | { type: "call"; id: number; method: keyof WorkerMethods; params: unknown }
  /** The host freed ring batches of a blocking recorder. */
  | { type: "credit"; recorder: number }
  | { type: "shutdown" };

export type WorkerToHost =
  | { type: "ready"; consoles: readonly string[] }
  /** The machine could not be made; the worker ends. `code` is a SessionErrorCode, or "bug". */
  | { type: "failed"; code: string; message: string; detail?: Record<string, unknown> }
  | { type: "result"; id: number; value: unknown }
  | { type: "error"; id: number; code: string; message: string; detail?: Record<string, unknown> }
  | { type: "state"; state: SessionState; reason: StopReasonName; instructions: number; exitCode?: number }
  | { type: "console"; name: string; bytes: Uint8Array; instructions: number }
  | { type: "guest-error"; device: string; message: string; instructions: number }
  | { type: "reset"; reason: string; instructions: number }
  /** Names interned since the last message: regions, devices, registers and fields by id. */
  | { type: "names"; table: "region" | "device" | "register" | "field"; entries: [number, string][] }
  /** A recorder completed batches or was flushed: the host may read. */
  | { type: "ring"; recorder: number }
  /** The guest stands still because blocking recorders have no free batch; a `credit` lets it go on. */
  | { type: "blocked"; recorders: number[] }
  /** Something happened to a plugin slot; `reason` for `stopped`, `failure` for `failed`. */
  | {
      type: "plugin";
      id: string;
      plugin: string;
      what: SlotHappening;
      instructions: number;
      reason?: string;
      failure?: PluginFailure;
    }
  /** Plugins wrote output since the last slice. */
  | { type: "plugin-output"; ids: string[] };

export interface WorkerInit {
  description: MachineDescription;
  /** Compiled once per process and shared by every session. */
  modules: Record<string, WebAssembly.Module>;
  /** To the thread that makes regions, see remote-compiler.ts. */
  compiler: MessagePort;
  limits: {
    /** Bytes of input per console the guest has not taken yet. */
    maxConsoleInput: number;
    /** Bytes of one subscription's ring. */
    maxRingBytes: number;
    /** Results of a plugin as JSON, or as text, bytes. */
    maxPluginResults: number;
    plugins: PluginLimits;
  };
}
