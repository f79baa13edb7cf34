// What the service costs and delivers: records to one WebSocket client, time to make a session, memory of an idle one.
// The service runs in the calling process, the client in another one, so neither waits for the other's JavaScript.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { makeLimits } from "../src/operations/limits.js";
import { buildApp } from "../src/server/app.js";
import { createService, hostLimits } from "../src/server/service.js";
import { createSessionManager } from "../src/session/host.js";

export interface BenchService {
  readonly url: string;
  call<T = Record<string, unknown>>(method: string, params?: Record<string, unknown>): Promise<T>;
  upload(bytes: Uint8Array, name?: string): Promise<string>;
  close(): Promise<void>;
}

/** The real service on a free loopback port. */
export async function startBenchService(): Promise<BenchService> {
  const dataDir = await mkdtemp(join(tmpdir(), "emuscope-bench-"));
  const logger = pino({ level: "silent" });
  const limits = makeLimits({ maxSessions: 64, maxTotalRam: 64 * 2 ** 30 });
  const sessions = createSessionManager({ limits: hostLimits(limits), log: logger });
  const service = await createService({ dataDir, limits, sessions });
  const app = await buildApp({
    service,
    access: { token: undefined, host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] },
    logger,
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    url,
    async call(method, params = {}) {
      const response = await fetch(`${url}/rpc`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      });
      const body = (await response.json()) as { result?: unknown; error?: { message: string } };
      if (body.error) throw new Error(`${method}: ${body.error.message}`);
      return body.result as never;
    },
    async upload(bytes, name = "image") {
      const response = await fetch(`${url}/v1/images?name=${encodeURIComponent(name)}`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: bytes as Uint8Array<ArrayBuffer>,
      });
      return ((await response.json()) as { digest: string }).digest;
    },
    async close() {
      await app.close();
      await sessions.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export interface Delivery {
  records: number;
  /** Of the messages as the client got them. */
  bytes: number;
  seconds: number;
  recordsPerSecond: number;
  /** The client counted what the recorder wrote, and saw no hole. */
  lossless: boolean;
}

export interface DeliveryOptions {
  /** Machine description of the session, as session.create takes it; the guest must make enough accesses. */
  machine: Record<string, unknown>;
  /** Records to deliver. */
  records: number;
  fields?: string[];
  include?: Record<string, boolean>;
  /** Instructions to run untraced first, e.g. past a boot's quiet start. */
  warmUp?: number;
}

/** Every field a record has that costs the ring space, as a user who wants it all would ask. */
export const ALL_FIELDS = [
  "seq",
  "icount",
  "hart",
  "privilege",
  "pc",
  "vaddr",
  "paddr",
  "region",
  "device",
  "offset",
  "size",
  "direction",
  "value",
];

/** Records per second that one WebSocket client in another process gets, lossless, as Arrow. */
export async function measureDelivery(service: BenchService, options: DeliveryOptions): Promise<Delivery> {
  const { id: session } = await service.call<{ id: string }>("session.create", options.machine);
  try {
    if (options.warmUp)
      await service.call("session.runUntil", { session, instructions: options.warmUp, timeoutMs: 300_000 });
    const subscription = await service.call<{ id: string; stream: string }>("subscription.create", {
      session,
      slow: "block",
      stopAfter: options.records,
      fields: options.fields ?? ALL_FIELDS,
      ...(options.include === undefined ? {} : { include: options.include }),
    });
    const client = await startClient(`${service.url.replace("http", "ws")}${subscription.stream}?format=arrow`);
    await service.call("session.start", { session });
    const [counted] = (await once(client, "message")) as [
      { records: number; bytes: number; seconds: number; end: { written: number; dropped: number } },
    ];
    const { records, bytes, seconds, end } = counted;
    return {
      records,
      bytes,
      seconds,
      recordsPerSecond: Math.round(records / seconds),
      lossless: records === options.records && end.written === records && end.dropped === 0,
    };
  } finally {
    await service.call("session.delete", { session });
  }
}

/** The client process; resolves when its socket is open. */
async function startClient(url: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL("./stream-client.js", import.meta.url)), [url], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [message] = (await once(child, "message")) as [unknown];
  if (message !== "open") throw new Error(`stream client: ${JSON.stringify(message)}`);
  return child;
}

/**
 * Median time from the request to the answer of session.create, in ms; sessions are deleted again. Requests come half a
 * second apart, so that the service has its next thread ready, as it has between people's requests.
 */
export async function measureSessionCreate(
  service: BenchService,
  machine: Record<string, unknown>,
  runs = 9,
): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i <= runs; i++) {
    const begun = performance.now();
    const { id } = await service.call<{ id: string }>("session.create", machine);
    // The first one compiles the process's modules.
    if (i > 0) times.push(performance.now() - begun);
    await service.call("session.delete", { session: id });
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] as number;
}

/**
 * MiB of resident memory one more session costs after `idle` (e.g. waiting at its prompt). `prepare` brings a session
 * to where it is to be measured.
 */
export async function measureIdleSession(
  service: BenchService,
  machine: Record<string, unknown>,
  prepare: (session: string) => Promise<void> = async () => undefined,
  sessions = 4,
): Promise<number> {
  const make = async (): Promise<string> => {
    const { id } = await service.call<{ id: string }>("session.create", machine);
    await prepare(id);
    return id;
  };
  const made = [await make()];
  await settle();
  const before = await residentMiB();
  for (let i = 0; i < sessions; i++) made.push(await make());
  await settle();
  const after = await residentMiB();
  for (const session of made) await service.call("session.delete", { session });
  return (after - before) / sessions;
}

async function settle(): Promise<void> {
  (globalThis as { gc?: () => void }).gc?.();
  await new Promise((resolve) => setTimeout(resolve, 500));
}

/** Resident memory of this process (its sessions are threads of it). */
async function residentMiB(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => undefined);
  const line = status && /^VmRSS:\s+(\d+) kB/m.exec(status);
  return line ? Number(line[1]) / 1024 : process.memoryUsage.rss() / 2 ** 20;
}
