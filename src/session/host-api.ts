// The host side of a session, as operations and the server see it. No HTTP here; nothing above this file
// knows about threads. src/session/host.ts implements it; tests use a fake.
import type { MachineDescription } from "../machine/description.js";
import type { PluginArguments, PluginFailure, PluginFilter, PluginLimits, PluginSlot } from "../probe/manager-api.js";
import type {
  FinalResults,
  PluginUpload,
  SessionState,
  SlotHappening,
  SubscriptionSpec,
  WorkerMethods,
} from "./protocol.js";

/**
 * What can go wrong by the caller's doing or the guest's; each is an entry of the error table.
 * Any other exception from a session is a bug of ours.
 */
export type SessionErrorCode =
  | "invalid" //              a parameter is refused; detail.field names it
  | "image" //                a malformed image; detail.image, detail.offset (bytes), detail.reason
  | "out-of-memory" //        the session's memory could not be had
  | "limit" //                detail.limit names the limit, detail.value what it allows
  | "wrong-state" //          detail.state is the present state; e.g. step while running
  | "crashed" //              the worker died; only delete works from now on
  | "gone" //                 the session was deleted while the call was under way
  | "unknown-register"
  | "read-only-register"
  | "unknown-device"
  | "unknown-console"
  | "unknown-subscription"
  | "unmapped" //             detail.address: first address that does not translate or is answered by nobody
  | "not-memory" //           detail.address: the range touches a device, which is never read or written for looking at it
  | "busy" //                 the subscription has a client already
  | "sequence-gone" //        resume: the ring no longer holds the asked sequence; detail.oldest
  | "unknown-plugin"
  | "plugin-failed" //        the plugin went wrong while it was attached or asked; detail.failure
  | "unknown-slot"
  | "slot-exists"
  | "slot-state" //           detail.state is the slot's present state
  | "unknown-file";

export class SessionError extends Error {
  readonly code: SessionErrorCode;
  readonly detail: Record<string, unknown>;
  constructor(code: SessionErrorCode, message: string, detail: Record<string, unknown> = {}) {
    super(message);
    this.name = "SessionError";
    this.code = code;
    this.detail = detail;
  }
}

/** What the service keeps about a session and the machine never sees. */
export interface SessionMeta {
  /** Id to use (`[a-z0-9][a-z0-9-]*`); made up when absent. Two sessions never share one. */
  id?: string;
  /** Digests of the stored images in use: these cannot be deleted meanwhile. */
  images: readonly string[];
  /** The machine as asked for, JSON-safe, images by digest: shown by `session.get`. */
  machine: Record<string, unknown>;
}

/** One line of `/events`. `seq` counts from 1 per session without holes. Times are milliseconds since 1970. */
export type SessionEvent = { seq: number; time: number; instructions: number } & (
  | { type: "state"; state: SessionState; reason: string; exitCode?: number }
  | { type: "reset"; reason: string }
  | { type: "guest-error"; device: string; message: string }
  /** A subscription began, ended (stop after N, deleted) or lost records. */
  | { type: "subscription"; id: string; what: "created" | "ended" | "gap"; records?: number; dropped?: number }
  /** A plugin slot: `id`. `reason` for `stopped`: it paused the machine; `failure` for `failed`: it went wrong and was taken out. */
  | { type: "plugin"; id: string; what: SlotHappening; plugin: string; reason?: string; failure?: PluginFailure }
  /** The session is gone; nothing follows. */
  | { type: "deleted" }
);

/** Parameters of a worker method as a tuple: empty where it takes none. */
export type CallParams<M extends keyof WorkerMethods> = Parameters<WorkerMethods[M]>;
export type CallResult<M extends keyof WorkerMethods> = ReturnType<WorkerMethods[M]>;

export interface SessionManager {
  /**
   * Starts a worker and builds the machine; resolves in state `ready`. On failure nothing is left behind.
   * @throws SessionError invalid, image, out-of-memory, limit
   */
  create(description: MachineDescription, meta: SessionMeta): Promise<SessionHost>;
  get(id: string): SessionHost | undefined;
  /** In order of creation. */
  list(): SessionHost[];
  /** Ends the worker and every stream of the session; resolves when the thread is gone. False when there is none. */
  delete(id: string): Promise<boolean>;
  /** Ends every session (shutdown). */
  close(): Promise<void>;
}

export interface SessionHost {
  readonly id: string;
  readonly meta: SessionMeta;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** As of the last `state` message; `session.call("status")` asks the machine. */
  readonly state: SessionState;
  /** Why it is in this state: a StopReason, `start`, `step`, or for crashed the message. */
  readonly reason: string;
  /** Instruction count as of the last message. */
  readonly instructions: number;
  readonly exitCode: number | undefined;
  /** Ids of the subscriptions a running guest waits for: `block`, ring full, client slow or away. */
  readonly blockedBy?: readonly string[];
  /** Consoles of the machine (`uart0`, `console0`); the first is the default one. */
  readonly consoles: readonly string[];

  /** Calls the machine between two run slices. Throws SessionError; a crashed session fails every call with `crashed`. */
  call<M extends keyof WorkerMethods>(method: M, ...params: CallParams<M>): Promise<CallResult<M>>;

  /** Every later event, in order, synchronously as it becomes known. Returns the function that stops it. */
  onEvent(listener: (event: SessionEvent) => void): () => void;
  /** The last events still kept (a bounded buffer), those with seq > `after`. */
  recentEvents(after: number): SessionEvent[];

  /** @throws SessionError unknown-console */
  console(name?: string): ConsoleHost;

  /** @throws SessionError invalid, limit (recorders, ring arena), unknown-device (names in the filter) */
  subscribe(spec: SubscriptionSpec): Promise<SubscriptionHost>;
  subscription(id: string): SubscriptionHost | undefined;
  subscriptions(): SubscriptionHost[];
  /** Ends it and its stream; the number of records it wrote. @throws SessionError unknown-subscription */
  unsubscribe(id: string): Promise<{ records: number }>;

  /**
   * Attaches a plugin; the slot's id is made from the plugin's name where none is given. An attach that fails leaves
   * nothing behind. Other calls about slots go to the machine (`call`).
   * @throws SessionError invalid, limit (slots, memory for probes), slot-exists, plugin-failed
   */
  attach(request: AttachRequest): Promise<PluginSlot>;
  /** @throws SessionError unknown-slot */
  detach(id: string): Promise<FinalResults>;
  /** Slots, failed ones too, with the digest of the uploaded plugin. */
  slots(): { id: string; plugin: string; digest?: string | undefined }[];
  /** Returns the function that stops it. */
  onSlot(id: string, listener: SlotListener): () => void;
}

export interface SlotListener {
  /** It wrote output. */
  output(): void;
  /** The slot is gone: detached with these results, or the session ended. Called once, and nothing afterwards. */
  ended(final: FinalResults | undefined): void;
}

export interface AttachRequest {
  id?: string | undefined;
  plugin: PluginUpload;
  /** Of the stored plugin. */
  digest?: string | undefined;
  args: PluginArguments;
  filter: PluginFilter;
}

/** One console. Output is kept in a bounded buffer; offsets count every byte since the session was made. */
export interface ConsoleHost {
  readonly name: string;
  /** Offset of the oldest byte still kept. */
  readonly start: number;
  /** Offset one past the newest byte. */
  readonly end: number;
  /** Bytes from `offset` (raised to `start` when older ones are gone), at most `limit`. A copy. */
  read(offset: number, limit: number): { offset: number; bytes: Uint8Array };
  /** Queues input; resolves when the machine took it over. */
  write(bytes: Uint8Array): Promise<void>;
  /** Every later output; `offset` is that of the first byte. Returns the function that stops it. */
  onOutput(listener: (bytes: Uint8Array, offset: number) => void): () => void;
}

/** A message of a stream: text (JSON) or one binary message in parts, sent without joining them. */
export type StreamFrame = ({ text: string; parts?: undefined } | { parts: readonly Uint8Array[]; text?: undefined }) & {
  /** To be called once the bytes left the process (or will not be sent): ring space behind `parts` may be reused then. */
  release(): void;
};

export interface StreamOptions {
  format: "arrow" | "jsonl";
  /** Resume: send records with sequence number > after; absent: from the first one still unread. */
  after?: number;
}

export interface SubscriptionHost {
  readonly id: string;
  readonly spec: SubscriptionSpec;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** A client is reading it. */
  readonly attached: boolean;
  /** Ended by stopAfter; the rest may still be read. */
  readonly ended: boolean;
  stats(): Promise<{ matched: number; written: number; dropped: number }>;
  /**
   * Attaches the one client. The consumer pulls: a frame is asked for only when there is room to send it, which is
   * what makes a `block` subscription pause the guest. The iterator ends after stopAfter, unsubscribe or the session's
   * deletion; `return()` detaches and leaves the subscription (and what the ring holds) for a later resume.
   * @throws SessionError busy, sequence-gone
   */
  open(options: StreamOptions): AsyncIterableIterator<StreamFrame>;
}

/** Bounds the host keeps by itself; the server gives them from its limits. */
export interface HostLimits {
  maxSessions: number;
  /** Guest RAM of one session, and of all, in bytes. */
  maxRam: number;
  maxTotalRam: number;
  maxSubscriptionsPerSession: number;
  /** Bytes of one subscription's ring, and batches in it. */
  maxRingBytes: number;
  /** Bytes of console output kept per console. */
  consoleBuffer: number;
  /** Bytes of console input not yet taken by the guest. */
  maxConsoleInput: number;
  /** Events kept per session. */
  eventBuffer: number;
  maxSlotsPerSession: number;
  /** Results of a plugin, as JSON or text. */
  maxPluginResults: number;
  plugins: PluginLimits;
}

export interface HostLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Signature of `createSessionManager` in src/session/host.ts. */
export type CreateSessionManager = (options: { limits: HostLimits; log: HostLog }) => SessionManager;
