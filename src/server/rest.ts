// REST routes from the operations table. Parameters come from the path, the query and a JSON body; where the
// operation takes a raw body, from the path and the query. Unknown ones are refused wherever they stand.
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { EmuError, invalid } from "../operations/errors.js";
import { type Bytes, isBytes, type Operation, type RawBody } from "../operations/operation.js";
import type { Service } from "../operations/service.js";
import { fromQuery } from "../operations/validate.js";
import { toWire } from "../operations/wire.js";
import { invoke, jsonResult } from "./invoke.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Operation behind the route, for logs. */
    operation?: string;
    /** Needs no token. */
    open?: boolean;
  }
  interface FastifyRequest {
    /** The caller may run code of its own in the service. */
    mayRunCode: boolean;
  }
}

/** `except`: operations whose routes are also WebSockets, mounted with those (streams.ts). */
export function registerRest(
  app: FastifyInstance,
  service: Service,
  operations: readonly Operation[],
  except: ReadonlySet<string>,
): void {
  for (const op of operations) {
    if (except.has(op.name)) continue;
    const methods = op.rest.alsoPost ? [op.rest.method, "POST" as const] : [op.rest.method];
    app.route({
      method: methods,
      url: op.rest.path.replace(/\{(\w+)\}/g, ":$1"),
      config: { operation: op.name, open: op.open ?? false },
      handler: (request, reply) => serve(op, service, request, reply),
    });
  }
}

export async function serve(
  op: Operation,
  service: Service,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const body = rawBody(op, request);
  const params = collect(op, request, body !== undefined);
  nameSession(request, params);
  const negotiated = op.bytes ? negotiate(op, request.headers.accept) : "application/json";
  const context = { service, signal: abortSignal(reply), accept: negotiated, mayRunCode: request.mayRunCode };
  const result = await invoke(op, context, params, body);
  if (isBytes(result) && negotiated !== "application/json") return sendBytes(reply, result, negotiated);
  const json = jsonResult(result) as Record<string, string>;
  if (op.rest.status !== undefined) reply.code(op.rest.status);
  if (op.rest.location) reply.header("location", op.rest.location(json));
  return reply.type("application/json; charset=utf-8").send(JSON.stringify(json));
}

/** Lets every later log line of the request carry the session. */
function nameSession(request: FastifyRequest, params: Record<string, unknown>): void {
  if (typeof params["session"] === "string")
    request.log = request.log.child({ session: params["session"].slice(0, 64) });
}

/** Aborted when the client went away before the answer was sent. */
export function abortSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** The body as a stream, where the operation takes one and it did not come as JSON. @throws EMU_UNSUPPORTED_MEDIA_TYPE */
function rawBody(op: Operation, request: FastifyRequest): RawBody | undefined {
  const { body } = request;
  if (!(body instanceof Readable)) return undefined;
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  // no type at all is what `curl -T` sends; the form type is what `curl --data-binary` sends unless told otherwise
  const lenient = type === undefined || type === "application/x-www-form-urlencoded";
  if (op.raw && (lenient || op.raw.types.includes(type as string))) {
    return {
      // breaking off must not tear the connection down: the answer still has to go out
      stream: body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>,
      bytes: (limit) => collectBytes(body, limit),
    };
  }
  const types = ["application/json", ...(op.raw?.types ?? [])].join(" or ");
  throw new EmuError(
    "EMU_UNSUPPORTED_MEDIA_TYPE",
    `send the body as ${types}${type ? `, not ${type}` : ""} (header Content-Type)`,
  );
}

async function collectBytes(body: Readable, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > limit) throw new EmuError("EMU_BODY_TOO_LARGE", `the body may have ${limit} bytes`, { allowed: limit });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** One object of parameters. @throws EMU_INVALID_PARAMS where one is given twice */
function collect(op: Operation, request: FastifyRequest, raw: boolean): Record<string, unknown> {
  const params = fromQuery(op.params, request.query as Record<string, string | string[]>);
  if (!raw && request.body !== undefined && request.body !== null) {
    if (typeof request.body !== "object" || Array.isArray(request.body)) throw invalid("", "a JSON object as body");
    merge(params, request.body as Record<string, unknown>, "the query and the body");
  }
  merge(params, request.params as Record<string, unknown>, "the path and elsewhere");
  return params;
}

function merge(params: Record<string, unknown>, more: Record<string, unknown>, places: string): void {
  for (const [key, value] of Object.entries(more)) {
    if (Object.hasOwn(params, key)) throw invalid(key.slice(0, 64), "to be given once", `it stands in ${places}`);
    // keys are the client's: `__proto__` must become a plain key and be refused as unknown
    Object.defineProperty(params, key, { value, enumerable: true, writable: true, configurable: true });
  }
}

/** The media type to answer in. JSON unless the client prefers raw bytes. @throws EMU_NOT_ACCEPTABLE */
export function negotiate(op: Operation, accept: string | undefined): string {
  if (accept === undefined) return "application/json";
  const offered = ["application/json", ...(op.bytes ?? [])];
  const wanted = accept
    .split(",")
    .map((part) => {
      const [type = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith("q="));
      return { type, q: quality === undefined ? 1 : Number(quality.slice(2)) || 0 };
    })
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q);
  for (const { type } of wanted) {
    const match = offered.find((offer) => type === "*/*" || type === offer || type === `${offer.split("/")[0]}/*`);
    if (match !== undefined) return match;
  }
  throw new EmuError("EMU_NOT_ACCEPTABLE", `the result can be had as ${offered.join(" or ")}`, { offered });
}

function sendBytes(reply: FastifyReply, { data, meta }: Bytes, negotiated: string): FastifyReply {
  for (const [key, value] of Object.entries(toWire(meta) as Record<string, unknown>)) {
    reply.header(`emuscope-${key}`, String(value));
  }
  reply.header("x-content-type-options", "nosniff");
  reply.type(negotiated === "text/plain" ? "text/plain; charset=utf-8" : negotiated);
  return reply.send(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
}
