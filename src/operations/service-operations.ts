// The service about itself.
import Type from "../schema/type.js";
import { ERRORS } from "./errors.js";
import { LIMIT_NAMES, LIMITS } from "./limits.js";
import { operation } from "./operation.js";
import { strict } from "./schemas.js";

const none = Type.Object({}, strict);

export const serviceOperations = [
  operation({
    name: "service.info",
    summary: "Name, version and where to go on",
    params: none,
    result: Type.Object(
      {
        name: Type.String(),
        version: Type.String(),
        started: Type.String({ description: "ISO 8601" }),
        uptimeMs: Type.Integer(),
        node: Type.String(),
        sessions: Type.Integer(),
        images: Type.Integer(),
        links: Type.Record(Type.String(), Type.String()),
      },
      strict,
    ),
    errors: [],
    rest: { method: "GET", path: "/v1" },
    safe: true,
    handler({ service }) {
      return {
        name: "emuscope",
        version: service.version,
        started: new Date(service.started).toISOString(),
        uptimeMs: Date.now() - service.started,
        node: process.version,
        sessions: service.sessions.list().length,
        images: service.images.list().length,
        links: {
          openapi: "/v1/openapi.json",
          openrpc: "/v1/openrpc.json",
          asyncapi: "/v1/asyncapi.json",
          rpc: "/rpc",
          sessions: "/v1/sessions",
          images: "/v1/images",
          plugins: "/v1/plugins",
          limits: "/v1/limits",
          errors: "/v1/errors",
        },
      };
    },
  }),

  operation({
    name: "service.health",
    summary: "Whether the service answers; needs no token",
    params: none,
    result: Type.Object({ status: Type.Enum(["ok", "closing"]), uptimeMs: Type.Integer() }, strict),
    errors: [],
    rest: { method: "GET", path: "/v1/health" },
    safe: true,
    open: true,
    handler({ service }) {
      return {
        status: service.closing ? ("closing" as const) : ("ok" as const),
        uptimeMs: Date.now() - service.started,
      };
    },
  }),

  operation({
    name: "service.limits",
    summary: "Every limit, its value, and how it is set",
    params: none,
    result: Type.Object(
      {
        limits: Type.Array(
          Type.Object(
            {
              name: Type.String(),
              value: Type.Integer(),
              unit: Type.String(),
              description: Type.String(),
              used: Type.Optional(Type.Integer({ description: "of it in use now, where that is known" })),
            },
            strict,
          ),
        ),
      },
      strict,
    ),
    errors: [],
    rest: { method: "GET", path: "/v1/limits" },
    safe: true,
    handler({ service }) {
      const sessions = service.sessions.list();
      const used: Record<string, number> = {
        maxSessions: sessions.length,
        maxTotalRam: sessions.reduce((sum, session) => sum + Number(session.meta.machine["ram"] ?? 0), 0),
        maxImages: service.images.list().length,
        maxStoreBytes: service.images.stored,
        maxWaits: service.waits.count,
        maxPlugins: service.plugins.list().length,
        maxPluginStoreBytes: service.plugins.stored,
      };
      return {
        limits: LIMIT_NAMES.map((name) => ({
          name,
          value: service.limits[name],
          unit: LIMITS[name].unit,
          description: LIMITS[name].description,
          used: used[name],
        })),
      };
    },
  }),

  operation({
    name: "service.errors",
    summary: "Every error code, with its HTTP status and JSON-RPC code",
    params: none,
    result: Type.Object(
      {
        errors: Type.Array(
          Type.Object(
            { code: Type.String(), status: Type.Integer(), rpcCode: Type.Integer(), title: Type.String() },
            strict,
          ),
        ),
      },
      strict,
    ),
    errors: [],
    rest: { method: "GET", path: "/v1/errors" },
    safe: true,
    handler() {
      return {
        errors: Object.entries(ERRORS).map(([code, { status, rpc, title }]) => ({ code, status, rpcCode: rpc, title })),
      };
    },
  }),

  operation({
    name: "service.createTicket",
    summary: "A one-use ticket for a WebSocket opened by a browser",
    description:
      "Browsers cannot send an Authorization header with a WebSocket. Add the ticket to its URL as `ticket=`. It is good for one connection and a short time.",
    params: none,
    result: Type.Object({ ticket: Type.String(), expires: Type.String({ description: "ISO 8601" }) }, strict),
    errors: ["EMU_CAPACITY"],
    rest: { method: "POST", path: "/v1/tickets", status: 201 },
    safe: false,
    handler({ service }) {
      const { ticket, expires } = service.tickets.issue();
      return { ticket, expires: new Date(expires).toISOString() };
    },
  }),
];
