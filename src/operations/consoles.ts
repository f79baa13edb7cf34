// Consoles, and what happened to a session. Live forms of both are WebSockets (src/server/streams.ts).
import Type from "../schema/type.js";
import { invalid, overLimit } from "./errors.js";
import { operation } from "./operation.js";
import { SessionEvent, strict } from "./schemas.js";
import { findSession } from "./service.js";
import { Count, SessionId, toBytes } from "./wire.js";

const console_ = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 64,
    description: "which console; the first unless given",
    examples: ["uart0"],
  }),
);
const errors = ["EMU_SESSION_NOT_FOUND", "EMU_CONSOLE_NOT_FOUND"] as const;

export const consoleOperations = [
  operation({
    name: "console.list",
    summary: "Consoles of a session and how much output each keeps",
    params: Type.Object({ session: SessionId }, strict),
    result: Type.Object(
      {
        consoles: Type.Array(
          Type.Object(
            {
              name: Type.String(),
              start: Type.Integer({ description: "offset of the oldest byte kept" }),
              end: Type.Integer({ description: "offset one past the newest" }),
            },
            strict,
          ),
        ),
      },
      strict,
    ),
    errors: ["EMU_SESSION_NOT_FOUND"],
    rest: { method: "GET", path: "/v1/sessions/{session}/consoles" },
    safe: true,
    handler({ service }, params) {
      const session = findSession(service, params.session);
      return {
        consoles: session.consoles.map((name) => {
          const { start, end } = session.console(name);
          return { name, start, end };
        }),
      };
    },
  }),

  operation({
    name: "console.read",
    summary: "Console output from an offset on",
    description:
      "Offsets count every byte since the session was made. `next` is where to read on; a returned offset above the asked one says that older bytes are gone. With `Accept: application/octet-stream` or `text/plain` the bytes come raw.",
    params: Type.Object(
      {
        session: SessionId,
        console: console_,
        offset: Count({ default: 0 }),
        limit: Type.Integer({
          minimum: 1,
          maximum: 16 * 1024 * 1024,
          default: 1024 * 1024,
          description: "most bytes to return",
        }),
        encoding: Type.Enum(["text", "hex", "base64"], {
          default: "text",
          description: "text is UTF-8; what is not becomes U+FFFD",
        }),
      },
      strict,
    ),
    result: Type.Object(
      {
        console: Type.String(),
        offset: Type.Integer(),
        next: Type.Integer(),
        end: Type.Integer({ description: "offset one past the newest byte" }),
        encoding: Type.Enum(["text", "hex", "base64"]),
        data: Type.String(),
      },
      strict,
    ),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/console/output" },
    bytes: ["text/plain", "application/octet-stream"],
    safe: true,
    handler({ service }, params) {
      const console = findSession(service, params.session).console(params.console);
      const { offset, bytes } = console.read(params.offset, params.limit);
      return {
        data: bytes,
        encoding: params.encoding,
        meta: { console: console.name, offset, next: offset + bytes.length, end: console.end },
      };
    },
  }),

  operation({
    name: "console.write",
    summary: "Type into a console",
    params: Type.Object(
      {
        session: SessionId,
        console: console_,
        encoding: Type.Enum(["text", "hex", "base64"], { default: "text" }),
        data: Type.String({
          minLength: 1,
          description: "what to type; a line ends in \\r or \\n as the guest expects",
        }),
      },
      strict,
    ),
    result: Type.Object({ console: Type.String(), written: Type.Integer({ description: "bytes" }) }, strict),
    errors: [...errors, "EMU_LIMIT", "EMU_BODY_TOO_LARGE", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE"],
    rest: { method: "POST", path: "/v1/sessions/{session}/console/input" },
    raw: { param: "data", types: ["application/octet-stream", "text/plain"], description: "what to type" },
    safe: false,
    async handler({ service }, params, body) {
      const { maxConsoleInput } = service.limits;
      const console = findSession(service, params.session).console(params.console);
      const bytes = body ? await body.bytes(maxConsoleInput) : toBytes(params.data, params.encoding, "data");
      if (bytes.length === 0) throw invalid("data", "at least one byte");
      if (bytes.length > maxConsoleInput) throw overLimit("data", "maxConsoleInput", maxConsoleInput, bytes.length);
      await console.write(bytes);
      return { console: console.name, written: bytes.length };
    },
  }),

  operation({
    name: "event.list",
    summary: "What happened to a session: state changes, resets, guest errors, subscriptions, plugins",
    params: Type.Object(
      { session: SessionId, after: Count({ default: 0, description: "only events with a higher sequence number" }) },
      strict,
    ),
    result: Type.Object({ events: Type.Array(SessionEvent) }, strict),
    errors: ["EMU_SESSION_NOT_FOUND"],
    rest: { method: "GET", path: "/v1/sessions/{session}/event-log" },
    safe: true,
    handler({ service }, { session, after }) {
      return { events: findSession(service, session).recentEvents(after) };
    },
  }),
];
