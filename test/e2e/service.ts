// The real service on a free loopback port, and a client of a few lines: HTTP and WebSocket only.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { pino } from "pino";
import WebSocket from "ws";
import { type Limits, makeLimits } from "../../src/operations/limits.js";
import { buildApp } from "../../src/server/app.js";
import { createService, hostLimits } from "../../src/server/service.js";
import { createSessionManager } from "../../src/session/host.js";

export interface Client {
  readonly url: string;
  /** Calls an operation by JSON-RPC; throws an RpcError with the service's code. */
  call<T = Record<string, unknown>>(method: string, params?: Record<string, unknown>): Promise<T>;
  /** Uploads an image; gives its digest. */
  upload(bytes: Uint8Array, name?: string): Promise<string>;
  socket(path: string): Socket;
}

export class RpcError extends Error {
  readonly code: string;
  readonly data: Record<string, unknown>;
  constructor(error: { message: string; data?: Record<string, unknown> }) {
    super(error.message);
    this.data = error.data ?? {};
    this.code = String(this.data["code"]);
  }
}

/** Starts a service of its own for one test; ended with it. */
export async function startService(
  t: Pick<TestContext, "after">,
  limits: Partial<Limits> = {},
  codeToken?: string,
): Promise<Client> {
  const dataDir = await mkdtemp(join(tmpdir(), "emuscope-e2e-"));
  const logger = pino({ level: process.env["E2E_LOG"] ?? "silent" });
  const chosen = makeLimits(limits);
  const sessions = createSessionManager({ limits: hostLimits(chosen), log: logger });
  const jsPlugins = codeToken !== undefined;
  const service = await createService({ dataDir, limits: chosen, sessions, jsPlugins });
  const app = await buildApp({
    service,
    access: { token: undefined, codeToken, host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] },
    logger,
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  t.after(async () => {
    await app.close();
    await sessions.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return client(url, codeToken);
}

/**
 * One service for the tests of a file that need no settings of their own, started for the first and ended with the file.
 * Sessions that a test leaves are deleted behind it.
 */
export function sharedService(): (t: Pick<TestContext, "after">) => Promise<Client> {
  let started: Promise<Client> | undefined;
  const ends: (() => Promise<void>)[] = [];
  after(async () => {
    for (const end of ends) await end();
  });
  return async (t) => {
    started ??= startService({ after: (end) => void ends.push(end as () => Promise<void>) });
    const shared = await started;
    t.after(async () => {
      const { sessions } = await shared.call<{ sessions: { id: string }[] }>("session.list");
      for (const { id } of sessions) await shared.call("session.delete", { session: id });
    });
    return shared;
  };
}

export function client(url: string, token?: string): Client {
  const access: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let id = 0;
  return {
    url,
    async call(method, params = {}) {
      const response = await fetch(`${url}/rpc`, {
        method: "POST",
        headers: { "content-type": "application/json", ...access },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
      });
      const body = (await response.json()) as {
        result?: unknown;
        error?: { message: string; data?: Record<string, unknown> };
      };
      if (body.error) throw new RpcError(body.error);
      return body.result as never;
    },
    async upload(bytes, name = "image") {
      const response = await fetch(`${url}/v1/images?name=${encodeURIComponent(name)}`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: bytes as Uint8Array<ArrayBuffer>,
      });
      const body = (await response.json()) as { digest?: string; detail?: string };
      if (body.digest === undefined) throw new Error(`upload failed: ${JSON.stringify(body)}`);
      return body.digest;
    },
    socket: (path) => new Socket(url.replace("http", "ws") + path),
  };
}

/** A WebSocket whose messages are kept until asked for. */
export class Socket {
  readonly ws: WebSocket;
  readonly binary: Buffer[] = [];
  readonly texts: string[] = [];
  /** Close code and reason, or the refusal of the upgrade. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly opened: Promise<void>;
  #changed: (() => void)[] = [];

  constructor(url: string) {
    this.ws = new WebSocket(url, { perMessageDeflate: false });
    this.ws.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.binary.push(data);
      else this.texts.push(data.toString());
      for (const callback of this.#changed.splice(0)) callback();
    });
    this.opened = new Promise((resolve, reject) => {
      this.ws.on("open", () => resolve());
      this.ws.on("error", reject);
    });
    this.opened.catch(() => undefined);
    this.closed = new Promise((resolve) => {
      this.ws.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Resolves when `condition` holds after some message. */
  async until(condition: () => boolean, timeoutMs = 20_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(
          `waited ${timeoutMs} ms in vain: ${this.texts.length} texts, ${this.binary.length} binary messages`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed.push(() => {
          clearTimeout(timer);
          resolve();
        });
        if (this.ws.readyState === WebSocket.CLOSED) resolve();
      });
      if (this.ws.readyState === WebSocket.CLOSED && !condition()) throw new Error("the socket closed");
    }
  }

  /** Everything binary so far, as text. */
  get output(): string {
    return Buffer.concat(this.binary).toString();
  }

  /** Text messages as JSON. */
  get messages(): Record<string, unknown>[] {
    return this.texts.map((text) => JSON.parse(text) as Record<string, unknown>);
  }

  /** Closes and waits for it. */
  async close(): Promise<void> {
    this.ws.close();
    await this.closed;
  }
}

/** Where the Debian guest of tests and benchmarks is; undefined where it is not installed. */
export const DEBIAN = process.env["EMUSCOPE_DEBIAN"];

export async function debianImages(
  service: Client,
  directory: string,
): Promise<{ firmware: string; kernel: string; initrd: string }> {
  const put = async (file: string): Promise<string> => service.upload(await readFile(join(directory, file)), file);
  return { firmware: await put("fw_dynamic.bin"), kernel: await put("Image.gz"), initrd: await put("initrd.gz") };
}
