// A small client of the service: operations over JSON-RPC, uploads over REST, streams over WebSocket.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { WebSocket } from "ws";

/** What the service refused, or why it cannot be reached. */
export class ClientError extends Error {
  /** EMU_* code, or `unreachable`. */
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface ClientOptions {
  /** Base address, e.g. `http://127.0.0.1:8080`. */
  url: string;
  token: string | undefined;
}

export class Client {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor({ url, token }: ClientOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** Calls an operation. @throws ClientError */
  async call(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await this.#fetch("/rpc", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const answer = (await response.json()) as {
      result?: Record<string, unknown>;
      error?: { message: string; data?: { code?: string } };
      code?: string;
      detail?: string;
    };
    if (answer.result !== undefined) return answer.result;
    throw new ClientError(
      answer.error?.data?.code ?? answer.code ?? "EMU_INTERNAL",
      answer.error?.message ?? answer.detail ?? "no answer",
    );
  }

  /** Uploads a file, streamed; an image unless `path` says otherwise. @throws ClientError */
  async upload(file: string, query: Record<string, string>, path = "/v1/images"): Promise<Record<string, unknown>> {
    const { size } = await stat(file);
    const response = await this.#fetch(`${path}?${new URLSearchParams(query)}`, {
      method: "PUT",
      headers: { "content-type": "application/octet-stream", "content-length": String(size) },
      body: Readable.toWeb(createReadStream(file)) as unknown as BodyInit,
      duplex: "half",
    } as RequestInit);
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new ClientError(String(answer["code"]), String(answer["detail"]));
    return answer;
  }

  /** Opens a WebSocket. @throws ClientError with the problem where the service refuses */
  async open(path: string, query: Record<string, string> = {}): Promise<WebSocket> {
    // most commands end without one
    const { WebSocket } = await import("ws");
    const search = new URLSearchParams(query).toString();
    const address = `${this.#url.replace(/^http/, "ws")}${path}${search === "" ? "" : `?${search}`}`;
    const socket = new WebSocket(address, {
      headers: this.#headers,
      perMessageDeflate: false,
      maxPayload: 256 * 1024 * 1024,
    });
    return new Promise((resolve, reject) => {
      socket.once("open", () => {
        // nothing may arrive before the caller listens
        socket.pause();
        resolve(socket);
      });
      socket.once("error", (error) => reject(new ClientError("unreachable", `${address}: ${error.message}`)));
      socket.once("unexpected-response", (_request, response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => {
          try {
            const problem = JSON.parse(text) as { code: string; detail: string };
            reject(new ClientError(problem.code, problem.detail));
          } catch {
            reject(new ClientError("unreachable", `HTTP ${response.statusCode}`));
          }
        });
      });
    });
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string> | undefined) };
    try {
      return await fetch(this.#url + path, { ...init, headers });
    } catch (error) {
      const { cause, message } = error as Error & { cause?: Error };
      throw new ClientError(
        "unreachable",
        `${this.#url}: ${cause?.message || message}; is the service running (emuscope serve)?`,
      );
    }
  }
}
