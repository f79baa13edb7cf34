// JSON-RPC at /rpc: POST for one exchange, a WebSocket for many.
import type { WebSocket } from "@fastify/websocket";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { EmuError } from "../operations/errors.js";
import type { CallContext, Operation } from "../operations/operation.js";
import type { Service } from "../operations/service.js";
import { entryOf } from "./errors.js";
import { abortSignal } from "./rest.js";
import { RpcDispatcher } from "./rpc.js";
import { CLOSE, Outlet } from "./socket.js";
import { isUpgrade } from "./streams.js";

export function registerRpc(
  app: FastifyInstance,
  service: Service,
  operations: ReadonlyMap<string, Operation>,
  discover: () => unknown,
): void {
  const dispatcherFor = (request: FastifyRequest): RpcDispatcher =>
    new RpcDispatcher({
      operations,
      discover,
      onError(method, error, known) {
        const level = entryOf(known).log;
        const fields = { method, code: known.code, ...(level === "error" ? { err: error } : {}) };
        request.log[level](fields, known.message);
      },
    });

  app.route({
    method: "POST",
    url: "/rpc",
    config: { operation: "rpc" },
    handler: async (request, reply) => {
      // the parser hands JSON over as text: a parse error is an answer here, not a problem document
      const text = (request as { rawJson?: string }).rawJson ?? request.body;
      if (typeof text !== "string") {
        throw new EmuError("EMU_UNSUPPORTED_MEDIA_TYPE", "send the request as application/json (header Content-Type)");
      }
      const answer = await dispatcherFor(request).dispatch(text, contextOf(service, request, abortSignal(reply)));
      if (answer === undefined) return reply.code(204).send();
      return reply.type("application/json; charset=utf-8").send(JSON.stringify(answer));
    },
  });

  app.route({
    method: "GET",
    url: "/rpc",
    config: { operation: "rpc" },
    preHandler: async (request) => {
      if (!isUpgrade(request))
        throw new EmuError("EMU_UPGRADE_REQUIRED", "POST a request to /rpc, or connect a WebSocket to it");
    },
    handler: (_request: FastifyRequest, reply: FastifyReply) => reply.code(426).send(),
    wsHandler: (socket: WebSocket, request: FastifyRequest) =>
      serveSocket(socket, dispatcherFor(request), service, request),
  });
}

function contextOf(service: Service, request: FastifyRequest, signal: AbortSignal): CallContext {
  return { service, signal, accept: "application/json", mayRunCode: request.mayRunCode };
}

function serveSocket(socket: WebSocket, dispatcher: RpcDispatcher, service: Service, request: FastifyRequest): void {
  const { maxSocketCalls, socketBuffer } = service.limits;
  const outlet = new Outlet(socket, socketBuffer);
  const gone = new AbortController();
  socket.on("close", () => gone.abort());
  let running = 0;
  // messages that had been read already when the socket was told to pause
  const queue: string[] = [];

  const next = (): void => {
    const text = queue.shift();
    if (text === undefined) {
      socket.resume();
      return;
    }
    running++;
    dispatcher
      .dispatch(text, contextOf(service, request, gone.signal))
      .then(async (answer) => {
        if (answer !== undefined) outlet.text(JSON.stringify(answer));
        await outlet.room();
      })
      .catch((error: unknown) => {
        request.log.error({ err: error }, "JSON-RPC over WebSocket failed");
        outlet.close(CLOSE.internal, "EMU_INTERNAL");
      })
      .finally(() => {
        running--;
        if (!outlet.closed) next();
      });
  };

  // calls run side by side; when many do, or answers pile up, no more are read
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (isBinary) {
      outlet.close(CLOSE.unsupported, "JSON-RPC goes in text messages");
      return;
    }
    queue.push(data.toString("utf8"));
    if (running < maxSocketCalls) next();
    if (running >= maxSocketCalls) socket.pause();
  });
}
