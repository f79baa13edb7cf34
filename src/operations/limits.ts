// Every limit of the service, in one place: default, unit and meaning. `service.limits` shows them;
// EMUSCOPE_<NAME> and --<name> set them (src/server/config.ts), names in SNAKE_CASE and kebab-case.

export interface LimitEntry {
  value: number;
  /** Smallest and largest value that may be configured. */
  min: number;
  max: number;
  unit: "bytes" | "count" | "ms" | "rows";
  description: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const bytes = (value: number, max: number, description: string, min = 1): LimitEntry => ({
  value,
  min,
  max,
  unit: "bytes",
  description,
});
const count = (value: number, max: number, description: string, min = 1): LimitEntry => ({
  value,
  min,
  max,
  unit: "count",
  description,
});
const ms = (value: number, max: number, description: string): LimitEntry => ({
  value,
  min: 1,
  max,
  unit: "ms",
  description,
});

export const LIMITS = {
  maxSessions: count(16, 1000, "sessions at a time"),
  maxHarts: count(8, 8, "harts of a session; 8 is the engine's own bound"),
  maxRam: bytes(2 * GIB, 3 * GIB, "guest RAM of one session", 4 * KIB),
  maxTotalRam: bytes(8 * GIB, 1024 * GIB, "guest RAM of all sessions together", 4 * KIB),
  maxImageBytes: bytes(1 * GIB, 2 * GIB, "one uploaded image, as uploaded"),
  maxStoreBytes: bytes(16 * GIB, 1024 * GIB, "all stored images together"),
  maxImages: count(1000, 100_000, "stored images"),
  maxLoadImages: count(16, 256, "entries of `load` in a machine description"),
  maxCmdline: bytes(2048, 64 * KIB, "kernel command line"),
  maxBody: bytes(4 * MIB, 256 * MIB, "a JSON body, and a message on the /rpc WebSocket", KIB),
  maxJsonDepth: count(32, 1000, "nesting of a JSON body"),
  maxBatch: count(100, 10_000, "requests in a JSON-RPC batch"),
  maxMemoryRead: bytes(16 * MIB, 256 * MIB, "one memory read"),
  maxMemoryWrite: bytes(16 * MIB, 256 * MIB, "one memory write"),
  maxSearchBytes: bytes(256 * MIB, 3 * GIB, "range of one memory search"),
  maxSearchPattern: bytes(4 * KIB, 64 * KIB, "pattern of a memory search"),
  maxSearchResults: count(10_000, 1_000_000, "hits of one memory search"),
  maxStep: count(100_000_000, 10_000_000_000, "instructions of one step"),
  maxDisassembly: count(10_000, 100_000, "instructions of one disassembly"),
  maxSymbols: count(10_000, 1_000_000, "symbols of one answer"),
  maxTlbEntries: count(65_536, 1_000_000, "entries of one TLB dump"),
  maxWait: ms(600_000, 86_400_000, "longest wait of session.wait and session.runUntil"),
  maxWaits: count(256, 10_000, "waits under way at a time"),
  maxWaitText: bytes(4 * KIB, 64 * KIB, "text that session.wait looks for"),
  maxSubscriptions: count(16, 32, "trace subscriptions of one session"),
  maxFilterRanges: count(8, 256, "ranges or names in one filter of a subscription"),
  maxRingBytes: bytes(64 * MIB, 1 * GIB, "ring of one subscription", 64 * KIB),
  maxRingBatches: count(1024, 1024, "batches of one ring", 2),
  maxBatchRows: {
    value: 65_536,
    min: 256,
    max: 1_048_576,
    unit: "rows",
    description: "records in one batch",
  } as LimitEntry,
  consoleBuffer: bytes(1 * MIB, 256 * MIB, "console output kept per console", KIB),
  maxConsoleInput: bytes(64 * KIB, 16 * MIB, "console input the guest has not taken yet"),
  eventBuffer: count(1000, 100_000, "events kept per session"),
  maxPluginBytes: bytes(8 * MIB, 64 * MIB, "one uploaded plugin"),
  maxPlugins: count(256, 10_000, "stored plugins"),
  maxPluginStoreBytes: bytes(1 * GIB, 64 * GIB, "all stored plugins together"),
  maxSlots: count(32, 256, "plugin slots of one session"),
  maxPluginMemory: bytes(256 * MIB, 2 * GIB, "memory of one WebAssembly plugin", 64 * KIB),
  pluginFuel: count(
    200_000,
    1_000_000_000,
    "WebAssembly instructions a callback of a plugin may use on average; what it does not use is saved",
    100,
  ),
  pluginBurstFuel: count(
    50_000_000,
    1_000_000_000_000,
    "WebAssembly instructions saved at most, and there again after each run slice: what one call into a plugin may use",
    1000,
  ),
  maxPluginOutput: bytes(1 * MIB, 256 * MIB, "output text kept per plugin slot", KIB),
  maxPluginFiles: bytes(64 * MIB, 1 * GIB, "files a plugin slot offers, all together", KIB),
  maxPluginResults: bytes(16 * MIB, 256 * MIB, "results of a plugin slot, as JSON or text", KIB),
  maxProbeMemory: bytes(16 * MIB, 256 * MIB, "counters and buffers of all plugins of one session", 64 * KIB),
  maxConnections: count(2048, 65_536, "TCP connections at a time"),
  maxSockets: count(256, 10_000, "WebSocket connections at a time"),
  socketBuffer: bytes(
    4 * MIB,
    256 * MIB,
    "bytes on their way to one WebSocket client before its source waits",
    64 * KIB,
  ),
  maxSocketCalls: count(16, 1000, "JSON-RPC calls under way on one WebSocket"),
  maxTickets: count(1000, 100_000, "WebSocket tickets not used yet"),
  ticketLife: ms(30_000, 600_000, "how long a WebSocket ticket can be used"),
  linger: ms(10_000, 3_600_000, "how long a subscription made by its own WebSocket outlives a broken connection"),
} as const satisfies Record<string, LimitEntry>;

export type LimitName = keyof typeof LIMITS;
export type Limits = Record<LimitName, number>;

export const LIMIT_NAMES = Object.keys(LIMITS) as LimitName[];

/** Limits with some values replaced. Throws RangeError naming the limit when a value is outside its bounds. */
export function makeLimits(overrides: Partial<Limits> = {}): Limits {
  const limits = {} as Limits;
  for (const name of LIMIT_NAMES) {
    const { value, min, max } = LIMITS[name];
    const chosen = overrides[name] ?? value;
    if (!Number.isSafeInteger(chosen) || chosen < min || chosen > max) {
      throw new RangeError(`limit ${name}: expected an integer from ${min} to ${max}, got ${chosen}`);
    }
    limits[name] = chosen;
  }
  return limits;
}
