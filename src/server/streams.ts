// The live sides of a session: its console, its events, and its trace subscriptions, each a WebSocket.
// Whatever can be refused is refused before the upgrade, as an ordinary problem document.
import type { WebSocket } from "@fastify/websocket";
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { EmuError } from "../operations/errors.js";
import { strict } from "../operations/schemas.js";
import { findSession, type Service } from "../operations/service.js";
import { findSubscription, type SpecParams, specFields, toSpec } from "../operations/subscriptions.js";
import { OPERATION_BY_NAME } from "../operations/table.js";
import { fromQuery, validate } from "../operations/validate.js";
import { Count, SessionId } from "../operations/wire.js";
import Type, { type Static, type TObject } from "../schema/type.js";
import type { ConsoleHost, SessionHost, StreamOptions, SubscriptionHost } from "../session/host-api.js";
import { toEmuError } from "./errors.js";
import { serve } from "./rest.js";
import { SLOT_CHANNELS } from "./slot-streams.js";
import { CLOSE, Outlet } from "./socket.js";
import { ticket } from "./ticket.js";

const CONSOLE_CHUNK = 64 * 1024;

const Format = Type.Enum(["arrow", "jsonl"], {
  default: "arrow",
  description: "arrow: an Arrow IPC stream in binary messages; jsonl: one JSON object per line in text messages",
});

/** Query parameters of the WebSockets, besides the path's. */
export const ConsoleQuery = Type.Object(
  {
    session: SessionId,
    console: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "which console; the first unless given" }),
    ),
    from: Type.Union([Count(), Type.Enum(["start", "end"])], {
      default: "start",
      description: "offset to begin at: start is the oldest output kept, end only what is new",
      "x-expected": "an offset, start or end",
    }),
    ticket,
  },
  strict,
);

export const EventsQuery = Type.Object(
  {
    session: SessionId,
    after: Type.Optional(
      Count({ description: "also the events kept with a higher sequence number; only new ones unless given" }),
    ),
    ticket,
  },
  strict,
);

const { filter: _filter, include: _include, ...plainSpec } = specFields;
const filterFields = (specFields.filter as unknown as TObject).properties;
const includeFields = (specFields.include as unknown as TObject).properties;

export const TraceQuery = Type.Object(
  {
    session: SessionId,
    ...plainSpec,
    ...filterFields,
    ...includeFields,
    format: Format,
    ticket,
  },
  strict,
);

export const StreamQuery = Type.Object(
  {
    session: SessionId,
    subscription: Type.String({ minLength: 1, maxLength: 64 }),
    after: Type.Optional(Count({ description: "resume: only records with a higher sequence number" })),
    format: Format,
    ticket,
  },
  strict,
);

/** The query of a trace WebSocket as the body of subscription.create. */
function specOf(query: Record<string, unknown>): SpecParams {
  const pick = (fields: Record<string, unknown>) =>
    Object.fromEntries(Object.keys(fields).flatMap((key) => (query[key] === undefined ? [] : [[key, query[key]]])));
  return { ...pick(plainSpec), filter: pick(filterFields), include: pick(includeFields) } as unknown as SpecParams;
}

export interface Channel<T> {
  path: string;
  /** The same path without an upgrade is this operation. */
  operation?: string;
  /** Bytes on their way to the client before more are sent; limit socketBuffer unless given. */
  highWater?: number;
  query: TObject;
  /** Before the upgrade. What it throws is answered as a problem. */
  open(query: Record<string, unknown>, session: SessionHost, request: FastifyRequest): Promise<T> | T;
  /** Undoes `open` where the client left before the upgrade was done. */
  abandon?(opened: T, session: SessionHost): void;
  run(opened: T, outlet: Outlet, log: FastifyBaseLogger, session: SessionHost): void;
}

/** Operations whose paths are WebSockets as well. */
export const STREAMED_OPERATIONS: ReadonlySet<string> = new Set(
  SLOT_CHANNELS.flatMap(({ operation }) => operation ?? []),
);

export function registerStreams(app: FastifyInstance, service: Service): void {
  const consoles: Channel<{ console: ConsoleHost; from: number }> = {
    path: "/v1/sessions/:session/console",
    query: ConsoleQuery,
    open(query, session) {
      const { console: name, from } = query as Static<typeof ConsoleQuery>;
      const console = session.console(name);
      return { console, from: from === "start" ? console.start : from === "end" ? console.end : from };
    },
    run({ console, from }, outlet, log, session) {
      runConsole(console, from, outlet, log);
      const stop = session.onEvent((event) => {
        if (event.type === "deleted") outlet.close(CLOSE.normal, "the session was deleted");
      });
      outlet.socket.on("close", stop);
    },
  };

  const events: Channel<number> = {
    path: "/v1/sessions/:session/events",
    query: EventsQuery,
    open(query, session) {
      const { after } = query as Static<typeof EventsQuery>;
      return after ?? session.recentEvents(0).at(-1)?.seq ?? 0;
    },
    run(after, outlet, _log, session) {
      runEvents(session, after, outlet);
    },
  };

  const traces: Channel<{ subscription: SubscriptionHost; options: StreamOptions }> = {
    path: "/v1/sessions/:session/trace",
    query: TraceQuery,
    async open(query, session) {
      const subscription = await session.subscribe(toSpec(service, specOf(query)));
      return { subscription, options: { format: (query as Static<typeof TraceQuery>).format } };
    },
    abandon({ subscription }, session) {
      session.unsubscribe(subscription.id).catch(() => undefined);
    },
    run({ subscription, options }, outlet, log, session) {
      outlet.socket.on("close", (code: number) => lingerOrEnd(service, session, subscription, code));
      runTrace(session, subscription, options, outlet, log);
    },
  };

  const streams: Channel<{ subscription: SubscriptionHost; options: StreamOptions }> = {
    path: "/v1/sessions/:session/subscriptions/:subscription/stream",
    query: StreamQuery,
    open(query, session) {
      const { subscription: id, after, format } = query as Static<typeof StreamQuery>;
      const subscription = findSubscription(session, id);
      if (subscription.attached) {
        throw new EmuError("EMU_SUBSCRIPTION_BUSY", `another client reads ${id}; it must close its stream first`, {
          subscription: id,
        });
      }
      return { subscription, options: { format, ...(after === undefined ? {} : { after }) } };
    },
    run({ subscription, options }, outlet, log, session) {
      runTrace(session, subscription, options, outlet, log);
    },
  };

  mount(app, service, consoles);
  mount(app, service, events);
  mount(app, service, traces);
  mount(app, service, streams);
  for (const channel of SLOT_CHANNELS) mount(app, service, channel as Channel<unknown>);
}

function mount<T>(app: FastifyInstance, service: Service, channel: Channel<T>): void {
  const opened = new WeakMap<FastifyRequest, { value: T; session: SessionHost }>();
  const plain = channel.operation === undefined ? undefined : OPERATION_BY_NAME.get(channel.operation);
  app.route({
    method: "GET",
    url: channel.path,
    ...(plain ? { config: { operation: plain.name } } : {}),
    preHandler: async (request) => {
      if (!isUpgrade(request) && plain) return;
      if (!isUpgrade(request)) throw new EmuError("EMU_UPGRADE_REQUIRED", `connect a WebSocket to ${channel.path}`);
      const query = fromQuery(channel.query, request.query as Record<string, string>);
      Object.assign(query, request.params);
      validate(channel.query, query);
      const session = findSession(service, String(query["session"]));
      request.log = request.log.child({ session: session.id });
      const value = await channel.open(query, session, request);
      opened.set(request, { value, session });
      // nobody runs the channel when the client left while it was being opened, or sent a bad handshake
      const abandon = (): void => {
        if (opened.delete(request)) channel.abandon?.(value, session);
      };
      if (request.raw.socket.destroyed) abandon();
      else request.raw.socket.once("close", abandon);
    },
    handler: (request: FastifyRequest, reply: FastifyReply) =>
      plain ? serve(plain, service, request, reply) : reply.code(426).send(),
    wsHandler: (socket: WebSocket, request: FastifyRequest) => {
      const ready = opened.get(request);
      if (!ready) {
        socket.terminate();
        return;
      }
      opened.delete(request);
      channel.run(
        ready.value,
        new Outlet(socket, channel.highWater ?? service.limits.socketBuffer),
        request.log,
        ready.session,
      );
    },
  });
}

export function isUpgrade(request: FastifyRequest): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/** Bytes both ways. Output the client was too slow for is told by a text message `{"type":"gap","lost":n}`. */
function runConsole(console: ConsoleHost, from: number, outlet: Outlet, log: FastifyBaseLogger): void {
  let cursor = Math.min(from, console.end);
  let pumping = false;

  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    while (!outlet.closed && cursor < console.end) {
      await outlet.room();
      if (outlet.closed) break;
      const { offset, bytes } = console.read(cursor, CONSOLE_CHUNK);
      if (offset > cursor) outlet.text(JSON.stringify({ type: "gap", lost: offset - cursor }));
      if (bytes.length > 0) outlet.binary([bytes]);
      cursor = offset + bytes.length;
    }
    pumping = false;
  };
  const stop = console.onOutput(() => void pump());
  outlet.socket.on("close", stop);

  // input waits its turn, and stops coming while some waits
  let queue: Promise<void> = Promise.resolve();
  let waiting = 0;
  outlet.socket.on("message", (data: Buffer) => {
    waiting++;
    outlet.socket.pause();
    queue = queue
      .then(() => console.write(new Uint8Array(data)))
      .catch((error: unknown) => {
        const known = toEmuError(error);
        if (known.code === "EMU_INTERNAL") log.error({ err: error }, "console input failed");
        outlet.close(known.code === "EMU_INTERNAL" ? CLOSE.internal : CLOSE.policy, `${known.code}: ${known.message}`);
      })
      .finally(() => {
        if (--waiting === 0) outlet.socket.resume();
      });
  });
  void pump();
}

/** One text message per event. A client that was too slow sees the hole in `seq`. */
function runEvents(session: SessionHost, after: number, outlet: Outlet): void {
  let cursor = after;
  let pumping = false;
  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    for (;;) {
      await outlet.room();
      if (outlet.closed) break;
      const event = session.recentEvents(cursor)[0];
      if (!event) break;
      cursor = event.seq;
      outlet.text(JSON.stringify(event));
      if (event.type === "deleted") outlet.close(CLOSE.normal, "the session was deleted");
    }
    pumping = false;
  };
  const stop = session.onEvent(() => void pump());
  outlet.socket.on("close", stop);
  // nothing is expected from the client; a listener keeps the frames from piling up
  outlet.socket.on("message", () => undefined);
  void pump();
}

/**
 * Frames of a subscription, pulled as fast as the client takes them. The first message is text:
 * `{"subscription":{"session":…,"id":…,"format":…}}`; what follows is described in docs/trace-format.md.
 */
function runTrace(
  session: SessionHost,
  subscription: SubscriptionHost,
  options: StreamOptions,
  outlet: Outlet,
  log: FastifyBaseLogger,
): void {
  outlet.socket.on("message", () => undefined);
  const frames = subscription.open(options);
  outlet.socket.on("close", () => {
    // ends a pull that waits for records
    frames.return?.()?.catch(() => undefined);
  });
  outlet.text(JSON.stringify({ subscription: { session: session.id, id: subscription.id, format: options.format } }));

  const pump = async (): Promise<void> => {
    for await (const frame of frames) {
      const release = (): void => frame.release();
      if (frame.text !== undefined) outlet.text(frame.text, release);
      else outlet.binary(frame.parts, release);
      await outlet.room();
      if (outlet.closed) break;
    }
    outlet.close(CLOSE.normal, "the subscription ended");
  };
  pump().catch((error: unknown) => {
    const known = toEmuError(error);
    if (known.code === "EMU_INTERNAL") log.error({ err: error }, "trace stream failed");
    outlet.close(known.code === "EMU_INTERNAL" ? CLOSE.internal : CLOSE.policy, `${known.code}: ${known.message}`);
  });
}

/**
 * A subscription made by its own WebSocket ends with it: at once where the client said goodbye, after a while where
 * the connection broke, so that it can come back and resume. `block` never keeps a guest paused for nobody.
 */
function lingerOrEnd(service: Service, session: SessionHost, subscription: SubscriptionHost, code: number): void {
  const end = (): void => {
    if (session.subscription(subscription.id) !== subscription) return;
    session.unsubscribe(subscription.id).catch(() => undefined);
  };
  // 1005: closed without a code, as most clients do
  const goodbye = code === CLOSE.normal || code === CLOSE.goingAway || code === 1005;
  if (goodbye) end();
  else setTimeout(() => subscription.attached || end(), service.limits.linger).unref();
}
