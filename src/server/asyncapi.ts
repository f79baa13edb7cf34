// openapi/asyncapi.json (AsyncAPI 3.0): the WebSockets, from the schemas of their queries and messages.

import { SessionEvent } from "../operations/schemas.js";
import { SlotResultsSchema } from "../operations/slots.js";
import type { TObject } from "../schema/type.js";
import { COLUMNS, FLAG_NAMES } from "../trace/columns.js";
import { Components, type Json } from "./documents.js";
import { OutputQuery, ResultsQuery } from "./slot-streams.js";
import { ConsoleQuery, EventsQuery, StreamQuery, TraceQuery } from "./streams.js";

const count = { type: "integer", minimum: 0 };
const object = (properties: Json): Json => ({
  type: "object",
  required: Object.keys(properties),
  properties,
  additionalProperties: false,
});

/** A trace record as a JSON line; members as the subscription's fields say. */
function recordSchema(): Json {
  const hex = { type: "string", pattern: "^0x[0-9a-f]{1,16}$" };
  const types = { hex, number: count, name: { type: "string" } };
  return {
    type: "object",
    description: `flags, from bit 0: ${FLAG_NAMES.join(", ")}`,
    properties: Object.fromEntries(COLUMNS.map(({ name, json, doc }) => [name, { ...types[json], description: doc }])),
    additionalProperties: false,
  };
}

export function asyncApiDocument(version: string): Json {
  const components = new Components();
  const event = components.publish(SessionEvent, false);
  const slotResults = components.publish(SlotResultsSchema, false);
  const schemas: Json = {
    ...components.schemas,
    TraceRecord: recordSchema(),
    Subscription: object({
      subscription: object({
        session: { type: "string" },
        id: { type: "string" },
        format: { enum: ["arrow", "jsonl"] },
      }),
    }),
    Gap: {
      description: "records lost: the ring was full",
      ...object({ gap: object({ firstSeq: count, count, firstIcount: count, lastIcount: count }) }),
    },
    End: {
      description: "the last message: the subscription ended",
      ...object({ end: object({ matched: count, written: count, dropped: count }) }),
    },
    SlotOutput: {
      description:
        "output of a plugin; an offset above the end of the message before says that older text was gone when there was room for it",
      ...object({ offset: count, text: { type: "string" } }),
    },
    SlotEnd: {
      description: "the last message: the plugin is not attached any more",
      ...object({ end: object({ reason: { enum: ["detached", "session-ended"] } }) }),
    },
    ConsoleGap: {
      description: "console output that was gone before the client took it",
      ...object({ type: { const: "gap" }, lost: count }),
    },
  };
  const json = (name: string, summary: string): Json => ({
    contentType: "application/json",
    summary,
    payload: { $ref: `#/components/schemas/${name}` },
  });
  const messages: Json = {
    ConsoleBytes: {
      contentType: "application/octet-stream",
      summary: "Console bytes (binary message; input may be text too)",
      payload: { type: "string", format: "binary" },
    },
    ConsoleGap: json("ConsoleGap", "Output lost (text message)"),
    Event: { contentType: "application/json", summary: "One event", payload: event },
    Subscription: json("Subscription", "First message of a trace: which subscription this is, for resuming"),
    ArrowPart: {
      contentType: "application/vnd.apache.arrow.stream",
      summary:
        "Whole messages of an Arrow IPC stream (binary); joined in order they are the stream, docs/trace-format.md",
      payload: { type: "string", format: "binary" },
    },
    Records: {
      contentType: "application/jsonl",
      summary: "Lines of records, format jsonl (text)",
      payload: { $ref: "#/components/schemas/TraceRecord" },
    },
    Gap: json("Gap", "Records lost (text, between batches)"),
    End: json("End", "Totals (text)"),
    SlotResults: {
      contentType: "application/json",
      summary: "Results at one moment, as slot.results gives them; when it is detached, the final ones",
      payload: slotResults,
    },
    SlotOutput: json("SlotOutput", "Output text"),
    SlotEnd: json("SlotEnd", "The plugin is gone"),
    RpcRequest: {
      contentType: "application/json",
      summary: "JSON-RPC 2.0 request, notification or batch (openrpc.json)",
      payload: { type: ["object", "array"] },
    },
    RpcResponse: {
      contentType: "application/json",
      summary: "JSON-RPC 2.0 response or batch",
      payload: { type: ["object", "array"] },
    },
  };
  const trace = ["Subscription", "ArrowPart", "Records", "Gap", "End"];
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Emuscope streams",
      version,
      description:
        "Live consoles, events and memory accesses over WebSocket. With a token set, send it as Authorization: Bearer, or a one-use ticket (POST /v1/tickets) as query parameter. What can be refused is refused before the upgrade, as a problem document (openapi.json).",
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    servers: { local: { host: "127.0.0.1:8080", protocol: "ws" } },
    channels: {
      console: channel(
        "/v1/sessions/{session}/console",
        "Console: bytes both ways",
        ConsoleQuery,
        ["ConsoleBytes", "ConsoleGap"],
        components,
      ),
      events: channel(
        "/v1/sessions/{session}/events",
        "State changes, resets, guest errors, subscriptions, plugins",
        EventsQuery,
        ["Event"],
        components,
      ),
      trace: channel(
        "/v1/sessions/{session}/trace",
        "Memory accesses: makes a subscription and attaches to it. It ends with the connection; after a broken one it can be resumed for a while (limit linger)",
        TraceQuery,
        trace,
        components,
      ),
      stream: channel(
        "/v1/sessions/{session}/subscriptions/{subscription}/stream",
        "Memory accesses of a subscription made before; after a break, resume behind the last sequence number seen",
        StreamQuery,
        trace,
        components,
      ),
      slotResults: channel(
        "/v1/sessions/{session}/plugins/{slot}/results",
        "Results of a plugin, live: at an interval, or when they changed. A slow client gets fewer snapshots, always the newest there is. The same path without an upgrade is slot.results",
        ResultsQuery,
        ["SlotResults", "SlotEnd"],
        components,
      ),
      slotOutput: channel(
        "/v1/sessions/{session}/plugins/{slot}/output",
        "Output text of a plugin, live. The same path without an upgrade is slot.output",
        OutputQuery,
        ["SlotOutput", "SlotEnd"],
        components,
      ),
      rpc: {
        address: "/rpc",
        title: "JSON-RPC 2.0",
        messages: Object.fromEntries(
          ["RpcRequest", "RpcResponse"].map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: { method: "GET" } },
      },
    },
    operations: {
      receiveConsole: does("send", "console", ["ConsoleBytes", "ConsoleGap"], "Output of the guest"),
      typeIntoConsole: does("receive", "console", ["ConsoleBytes"], "Input to the guest"),
      receiveEvents: does("send", "events", ["Event"], "Events as they happen"),
      receiveTrace: does("send", "trace", trace, "Records as they are written"),
      receiveStream: does("send", "stream", trace, "Records as they are written"),
      receiveSlotResults: does("send", "slotResults", ["SlotResults", "SlotEnd"], "Snapshots"),
      receiveSlotOutput: does("send", "slotOutput", ["SlotOutput", "SlotEnd"], "Text as it is written"),
      callRpc: does("receive", "rpc", ["RpcRequest"], "Calls"),
      answerRpc: does("send", "rpc", ["RpcResponse"], "Answers"),
    },
    components: { messages, schemas: { ...schemas, ...components.schemas } },
  };
}

function channel(address: string, title: string, query: TObject, messages: string[], components: Components): Json {
  const pathNames = [...address.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  const properties = Object.fromEntries(Object.entries(query.properties).filter(([name]) => !pathNames.includes(name)));
  return {
    address,
    title,
    parameters: Object.fromEntries(pathNames.map((name) => [name, { description: `${name} id` }])),
    messages: Object.fromEntries(messages.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
    bindings: {
      ws: {
        method: "GET",
        query: components.publish({ type: "object", properties, additionalProperties: false }, true),
      },
    },
  };
}

function does(action: "send" | "receive", name: string, messages: string[], summary: string): Json {
  return {
    action,
    channel: { $ref: `#/channels/${name}` },
    summary,
    messages: messages.map((message) => ({ $ref: `#/channels/${name}/messages/${message}` })),
  };
}
