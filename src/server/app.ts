// The HTTP application: every route, the checks before them, and how errors leave. No process concerns here
// (src/main.ts has those), so tests build it as it is.
import { randomBytes } from "node:crypto";
import websocket from "@fastify/websocket";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import { atCapacity, EmuError } from "../operations/errors.js";
import type { Service } from "../operations/service.js";
import { OPERATION_BY_NAME, OPERATIONS } from "../operations/table.js";
import { asyncApiDocument } from "./asyncapi.js";
import { Access, type AccessOptions } from "./auth.js";
import { entryOf, PROBLEM_TYPE, problemOf, toEmuError } from "./errors.js";
import { parseJson } from "./json.js";
import { openApiDocument } from "./openapi.js";
import { openRpcDocument } from "./openrpc.js";
import { registerRest } from "./rest.js";
import { registerRpc } from "./rpc-routes.js";
import { CLOSE } from "./socket.js";
import { isUpgrade, registerStreams, STREAMED_OPERATIONS } from "./streams.js";

export interface AppOptions {
  service: Service;
  access: Omit<AccessOptions, "tickets">;
  logger: FastifyBaseLogger;
}

export async function buildApp({ service, access: accessOptions, logger }: AppOptions): Promise<FastifyInstance> {
  const { limits } = service;
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomBytes(8).toString("hex"),
    bodyLimit: limits.maxBody,
    exposeHeadRoutes: false,
    // a request has ten minutes to arrive: image uploads may be slow
    requestTimeout: 600_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
    // what the router itself refuses never reaches the error handler
    frameworkErrors: (error, request, reply) => {
      const known = toEmuError(error);
      void (reply as FastifyReply)
        .code(entryOf(known).status)
        .type(PROBLEM_TYPE)
        .send(JSON.stringify(problemOf(known, request.id)));
    },
  }) as unknown as FastifyInstance;
  const access = new Access({ ...accessOptions, tickets: service.tickets });
  app.server.maxConnections = limits.maxConnections;

  await app.register(websocket, {
    options: { maxPayload: limits.maxBody, perMessageDeflate: false },
    errorHandler(error, socket, request) {
      request.log.warn({ err: error }, "WebSocket failed");
      socket.terminate();
    },
    preClose(done) {
      for (const client of app.websocketServer.clients) client.close(CLOSE.restart, "the service is shutting down");
      app.websocketServer.close(() => done());
      // a client that does not answer the close is not waited for
      setTimeout(() => {
        for (const client of app.websocketServer.clients) client.terminate();
      }, 500).unref();
    },
  });

  addParsers(app, limits.maxJsonDepth);
  addChecks(app, service, access);
  addErrors(app);
  app.addHook("onResponse", (request, reply, done) => {
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    const operation = request.routeOptions.config?.operation;
    request.log.info(
      { method: request.method, url: safeUrl(request), operation, status: reply.statusCode, ms },
      "request",
    );
    done();
  });

  registerRest(app, service, OPERATIONS, STREAMED_OPERATIONS);
  const documents = {
    openapi: once(() => openApiDocument(service.version)),
    openrpc: once(() => openRpcDocument(service.version)),
    asyncapi: once(() => asyncApiDocument(service.version)),
  };
  registerRpc(app, service, OPERATION_BY_NAME, documents.openrpc);
  registerStreams(app, service);
  for (const [name, document] of Object.entries(documents)) {
    app.get(`/v1/${name}.json`, async (_request, reply) =>
      reply.type("application/json; charset=utf-8").send(JSON.stringify(document())),
    );
  }
  app.get("/", async (_request, reply) => reply.redirect("/v1", 302));
  return app;
}

/** JSON is parsed here, bounded in depth; everything else reaches the handler as a stream, unread. */
function addParsers(app: FastifyInstance, maxDepth: number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, text, done) => {
    if (request.routeOptions.config.operation === "rpc") {
      done(null, text);
      return;
    }
    try {
      done(null, text === "" ? undefined : parseJson(text as string, maxDepth));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
}

function addChecks(app: FastifyInstance, service: Service, access: Access): void {
  app.decorateRequest("mayRunCode", false);
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    reply.header("cache-control", "no-store");
    const { origin } = request.headers;
    const upgrade = isUpgrade(request);
    if (origin !== undefined && access.isAllowedOrigin(origin)) {
      reply.header("access-control-allow-origin", origin);
      reply.header("vary", "origin");
      if (request.method === "OPTIONS") {
        reply.header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE");
        reply.header("access-control-allow-headers", "authorization, content-type");
        reply.header("access-control-max-age", "600");
        return reply.code(204).send();
      }
    }
    const ticket = upgrade ? (request.query as Record<string, unknown>)["ticket"] : undefined;
    request.mayRunCode = access.check({
      headers: request.headers,
      open: request.routeOptions.config?.open ?? false,
      ticket: typeof ticket === "string" ? ticket : undefined,
    }).code;
    if (service.closing && request.routeOptions.config?.operation !== "service.health") {
      throw new EmuError("EMU_SHUTTING_DOWN", "the service is shutting down");
    }
    if (upgrade && app.websocketServer.clients.size >= service.limits.maxSockets) {
      throw atCapacity("too many WebSockets are open", "maxSockets", service.limits.maxSockets);
    }
    return undefined;
  });
}

function addErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toEmuError(error);
    const entry = entryOf(known);
    // a client that left in the middle of its request is nobody's bug
    const aborted = request.raw.destroyed && request.raw.errored !== null;
    const level = known.code === "EMU_INTERNAL" && aborted ? "info" : entry.log;
    request.log[level]({ code: known.code, ...(level === "error" ? { err: error } : {}) }, known.message);
    if (known.code === "EMU_UNAUTHORIZED") reply.header("www-authenticate", 'Bearer realm="emuscope"');
    if (known.code === "EMU_UPGRADE_REQUIRED") reply.header("upgrade", "websocket");
    return reply
      .code(entry.status)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problemOf(known, request.id)));
  });

  const paths = OPERATIONS.map((op) => ({
    methods: op.rest.alsoPost ? [op.rest.method, "POST"] : [op.rest.method],
    pattern: new RegExp(`^${op.rest.path.replace(/\{\w+\}/g, "[^/]+")}/?$`),
  }));
  app.setNotFoundHandler((request) => {
    const path = request.url.split("?")[0] as string;
    const allowed = [...new Set(paths.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))];
    if (path === "/rpc") allowed.push("POST");
    if (allowed.length > 0) {
      throw new EmuError(
        "EMU_METHOD_NOT_ALLOWED",
        `${path.slice(0, 200)} takes ${allowed.join(", ")}, not ${request.method}`,
        { allowed },
      );
    }
    throw new EmuError("EMU_ROUTE_NOT_FOUND", `nothing at ${path.slice(0, 200)}; GET /v1 shows where to begin`);
  });
}

/** The URL without what must not be logged. */
export function safeUrl(request: Pick<FastifyRequest, "url">): string {
  return request.url.replace(/([?&]ticket=)[^&]*/g, "$1[redacted]").slice(0, 500);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
