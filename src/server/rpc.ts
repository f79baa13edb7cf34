// JSON-RPC 2.0 over the operations table: https://www.jsonrpc.org/specification. One dispatcher for POST /rpc and
// for WebSockets. Calls of a batch run one after the other, so that a batch may create, start and wait.
import { EmuError } from "../operations/errors.js";
import type { CallContext, Operation } from "../operations/operation.js";
import { nearest } from "../probe/nearest.js";
import { rpcErrorOf, toEmuError } from "./errors.js";
import { invoke, jsonResult } from "./invoke.js";
import { parseJson } from "./json.js";

export interface RpcResponse {
  jsonrpc: "2.0";
  id: string | number | null;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

export interface RpcOptions {
  operations: ReadonlyMap<string, Operation>;
  /** Answer of rpc.discover. */
  discover: () => unknown;
  /** Told of every call that failed, with the exception itself. */
  onError: (method: string, error: unknown, known: EmuError) => void;
}

export class RpcDispatcher {
  readonly #options: RpcOptions;

  constructor(options: RpcOptions) {
    this.#options = options;
  }

  /** Answers a message; undefined where nothing is to be answered (notifications). Never throws for what a client sent. */
  async dispatch(text: string, context: CallContext): Promise<RpcResponse | RpcResponse[] | undefined> {
    const { maxJsonDepth, maxBatch } = context.service.limits;
    let message: unknown;
    try {
      message = parseJson(text, maxJsonDepth);
    } catch (error) {
      return failure(null, toEmuError(error));
    }
    if (!Array.isArray(message)) return this.#one(message, context);
    if (message.length === 0) return failure(null, new EmuError("EMU_INVALID_REQUEST", "the batch is empty"));
    if (message.length > maxBatch) {
      const error = new EmuError(
        "EMU_INVALID_REQUEST",
        `the batch has ${message.length} requests; at most ${maxBatch} (limit maxBatch)`,
        {
          limit: "maxBatch",
          allowed: maxBatch,
        },
      );
      return failure(null, error);
    }
    const responses: RpcResponse[] = [];
    for (const request of message) {
      const response = await this.#one(request, context);
      if (response) responses.push(response);
    }
    return responses.length > 0 ? responses : undefined;
  }

  async #one(request: unknown, context: CallContext): Promise<RpcResponse | undefined> {
    const checked = checkRequest(request);
    if (checked instanceof EmuError) return failure(idOf(request), checked);
    const { method, params, id } = checked;
    try {
      const result = await this.#call(method, params, context);
      return id === undefined ? undefined : { jsonrpc: "2.0", id, result };
    } catch (error) {
      const known = toEmuError(error);
      this.#options.onError(method, error, known);
      return id === undefined ? undefined : failure(id, known);
    }
  }

  async #call(method: string, params: unknown, context: CallContext): Promise<unknown> {
    if (method === "rpc.discover") return this.#options.discover();
    const op = this.#options.operations.get(method);
    if (!op) {
      const near = nearest(method.slice(0, 64), [...this.#options.operations.keys()]);
      const hint = near === undefined ? "rpc.discover lists them" : `did you mean ${near}?`;
      throw new EmuError("EMU_OPERATION_NOT_FOUND", `no operation "${method.slice(0, 64)}"; ${hint}`);
    }
    return jsonResult(await invoke(op, context, params ?? {}));
  }
}

interface CheckedRequest {
  method: string;
  params: unknown;
  /** Undefined for a notification. */
  id: string | number | null | undefined;
}

function checkRequest(request: unknown): CheckedRequest | EmuError {
  const wrong = (detail: string) => new EmuError("EMU_INVALID_REQUEST", detail);
  if (typeof request !== "object" || request === null || Array.isArray(request)) return wrong("a request is an object");
  const { jsonrpc, method, params, id } = request as Record<string, unknown>;
  if (jsonrpc !== "2.0") return wrong('jsonrpc: expected "2.0"');
  if (typeof method !== "string") return wrong("method: expected a string");
  if (Object.hasOwn(request, "id") && !isId(id)) return wrong("id: expected a string, a number or null");
  if (Object.hasOwn(request, "params") && (typeof params !== "object" || params === null))
    return wrong("params: expected an object");
  const unknown = Object.keys(request).find((key) => !["jsonrpc", "method", "params", "id"].includes(key));
  if (unknown !== undefined) return wrong(`unknown member ${JSON.stringify(unknown.slice(0, 64))}`);
  return { method, params, id: Object.hasOwn(request, "id") ? (id as string | number | null) : undefined };
}

function isId(id: unknown): id is string | number | null {
  return id === null || typeof id === "string" || typeof id === "number";
}

/** The id to answer an invalid request with: its own where it has a proper one. */
function idOf(request: unknown): string | number | null {
  if (typeof request !== "object" || request === null) return null;
  const { id } = request as Record<string, unknown>;
  return isId(id) ? id : null;
}

function failure(id: string | number | null, error: EmuError): RpcResponse {
  return { jsonrpc: "2.0", id, error: rpcErrorOf(error) };
}
