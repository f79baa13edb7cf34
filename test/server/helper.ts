// Builds the application over fake sessions, and closes it with the test.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import WebSocket from "ws";
import { type Limits, makeLimits } from "../../src/operations/limits.js";
import type { Service } from "../../src/operations/service.js";
import { buildApp } from "../../src/server/app.js";
import { createService } from "../../src/server/service.js";
import { FAKE_BUILTINS } from "../session/fake-plugins.js";
import { FakeManager } from "./fake-session.js";

export interface Built {
  app: FastifyInstance;
  service: Service;
  sessions: FakeManager;
  dataDir: string;
  /** Lines of the log, parsed. */
  logged: Record<string, unknown>[];
}

export interface BuildOptions {
  limits?: Partial<Limits>;
  token?: string;
  codeToken?: string;
  allowedHosts?: string[];
  allowedOrigins?: string[];
}

export async function build(t: TestContext, options: BuildOptions = {}): Promise<Built> {
  const dataDir = await mkdtemp(join(tmpdir(), "emuscope-"));
  const sessions = new FakeManager();
  const service = await createService({
    dataDir,
    limits: makeLimits(options.limits),
    sessions,
    builtins: FAKE_BUILTINS,
    jsPlugins: options.codeToken !== undefined,
  });
  const logged: Record<string, unknown>[] = [];
  const logger = pino(
    { level: "debug" },
    { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const { token, codeToken, allowedHosts = [], allowedOrigins = [] } = options;
  const access = { token, codeToken, host: "127.0.0.1", allowedHosts, allowedOrigins };
  const app = await buildApp({ service, logger, access });
  t.after(async () => {
    await app.close();
    await sessions.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return { app, service, sessions, dataDir, logged };
}

/** Listens on a free port of 127.0.0.1; the address without scheme. */
export async function listen(app: FastifyInstance): Promise<string> {
  await app.listen({ host: "127.0.0.1", port: 0 });
  const address = app.server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return `127.0.0.1:${address.port}`;
}

export interface Client {
  socket: WebSocket;
  /** Next message: text as string, binary as Buffer. */
  next(): Promise<string | Buffer>;
  /** Code and reason of the close. */
  closed: Promise<{ code: number; reason: string }>;
}

/** A connected WebSocket; rejects with the HTTP status and body where the upgrade is refused. */
export function connect(url: string, options: WebSocket.ClientOptions = {}): Promise<Client> {
  const socket = new WebSocket(url, options);
  const queue: (string | Buffer)[] = [];
  const waiting: ((message: string | Buffer) => void)[] = [];
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    const message = isBinary ? data : data.toString("utf8");
    const waiter = waiting.shift();
    if (waiter) waiter(message);
    else queue.push(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  const next = (): Promise<string | Buffer> => {
    const message = queue.shift();
    return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
  };
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve({ socket, next, closed }));
    socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on("end", () =>
        reject(Object.assign(new Error(`HTTP ${response.statusCode}: ${body}`), { status: response.statusCode, body })),
      );
    });
    socket.on("error", reject);
  });
}

/** Waits until `condition` holds, at most two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 2000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it did not come to pass");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
