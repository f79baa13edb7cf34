// Trace subscriptions: streams of memory accesses. The records themselves go over a WebSocket
// (src/server/streams.ts); these operations make, show and end what is recorded.
import Type, { type Static } from "../schema/type.js";
import type { SessionHost, SubscriptionHost } from "../session/host-api.js";
import type { SubscriptionSpec } from "../session/protocol.js";
import { COLUMNS, KIND_NAMES } from "../trace/columns.js";
import { TRACE_DEFAULTS, TRACE_LIMITS } from "../trace/filter.js";
import { EmuError, overLimit } from "./errors.js";
import { operation } from "./operation.js";
import { strict } from "./schemas.js";
import { findSession, type Service } from "./service.js";
import { AddressRange, hex, named, SessionId, toRange } from "./wire.js";

/** Columns a record may have. */
export const TRACE_FIELDS = COLUMNS.map((column) => column.name);

const DEFAULT_FIELDS = TRACE_FIELDS.filter((name) => !["kind", "flags", "register", "field"].includes(name));

const ranges = (description: string) =>
  Type.Optional(Type.Array(AddressRange, { minItems: 1, maxItems: 256, description }));
const namesList = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 256, description }));

const range = ({ min, max }: { min: number; max: number }) => ({ minimum: min, maximum: max });

const Filter = named(
  "TraceFilter",
  Type.Object(
    {
      vaddr: ranges("virtual address in one of these"),
      paddr: ranges("physical address in one of these"),
      pc: ranges("pc in one of these"),
      device: namesList("answered by one of these devices"),
      region: namesList("answered by one of these regions"),
      kind: Type.Optional(
        Type.Array(Type.Enum([...KIND_NAMES]), {
          minItems: 1,
          maxItems: KIND_NAMES.length,
          description: "these kinds, whatever include says",
        }),
      ),
      direction: Type.Optional(Type.Array(Type.Enum(["read", "write"]), { minItems: 1, maxItems: 2 })),
      size: Type.Optional(
        Type.Array(Type.Integer({ minimum: 1, maximum: 64 }), { minItems: 1, maxItems: 8, description: "bytes" }),
      ),
      hart: Type.Optional(Type.Array(Type.Integer({ minimum: 0, maximum: 7 }), { minItems: 1, maxItems: 8 })),
      privilege: Type.Optional(Type.Array(Type.Enum(["U", "S", "M"]), { minItems: 1, maxItems: 3 })),
      ioOnly: Type.Optional(Type.Boolean({ description: "only accesses answered by a device" })),
    },
    { ...strict, description: "all given conditions hold; in a list, any" },
  ),
);

const Include = named(
  "TraceInclude",
  Type.Object(
    {
      fetch: Type.Boolean({ default: false, description: "instruction fetches" }),
      walk: Type.Boolean({ default: false, description: "page-table walks" }),
      dma: Type.Boolean({ default: false, description: "accesses by devices" }),
    },
    strict,
  ),
);

/** What `subscription.create` takes besides the session. */
export const specFields = {
  fields: Type.Array(Type.Enum([...TRACE_FIELDS]), {
    minItems: 1,
    maxItems: TRACE_FIELDS.length,
    uniqueItems: true,
    default: DEFAULT_FIELDS,
    description: `columns of a record; fewer are faster. ${COLUMNS.map(({ name, doc }) => `${name}: ${doc}`).join(" ")}`,
  }),
  filter: Type.Optional(Filter),
  include: Type.Optional(Include),
  everyNth: Type.Integer({
    minimum: 1,
    maximum: TRACE_LIMITS.everyNth,
    default: 1,
    description: "1 records every matching access",
  }),
  stopAfter: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "records after which the subscription ends",
    }),
  ),
  slow: Type.Enum(["block", "drop"], {
    default: "drop",
    description:
      "when the client is slow and the ring full: block pauses the guest, nothing is lost; drop loses records and says how many",
  }),
  ringBatches: Type.Integer({
    ...range(TRACE_LIMITS.ringBatches),
    default: TRACE_DEFAULTS.ringBatches,
    description: "batches in the ring",
  }),
  batchRows: Type.Integer({
    ...range(TRACE_LIMITS.batchRows),
    default: TRACE_DEFAULTS.batchRows,
    description: "records in a batch",
  }),
};

const CreateParams = Type.Object({ session: SessionId, ...specFields }, strict);
export type SpecParams = Omit<Static<typeof CreateParams>, "session">;

const Subscription = named(
  "Subscription",
  Type.Object(
    {
      id: Type.String(),
      session: Type.String(),
      created: Type.String({ description: "ISO 8601" }),
      attached: Type.Boolean({ description: "a client reads it" }),
      ended: Type.Boolean({ description: "stopAfter was reached; what the ring holds may still be read" }),
      matched: Type.Integer({ description: "accesses the filter let through" }),
      written: Type.Integer({ description: "records written to the ring" }),
      dropped: Type.Integer({ description: "records lost because the ring was full" }),
      stream: Type.String({ description: "path of the WebSocket" }),
      fields: Type.Array(Type.String()),
      filter: Type.Record(Type.String(), Type.Unknown()),
      include: Include,
      everyNth: Type.Integer(),
      stopAfter: Type.Optional(Type.Integer()),
      slow: Type.Enum(["block", "drop"]),
      ringBatches: Type.Integer(),
      batchRows: Type.Integer(),
    },
    strict,
  ),
);

/** The wire form as the session wants it. @throws EMU_INVALID_PARAMS, EMU_LIMIT */
export function toSpec(service: Service, params: SpecParams): SubscriptionSpec {
  const { maxFilterRanges, maxBatchRows, maxRingBatches, maxRingBytes } = service.limits;
  const { batchRows, ringBatches } = params;
  if (batchRows > maxBatchRows) throw overLimit("batchRows", "maxBatchRows", maxBatchRows, batchRows);
  if (ringBatches > maxRingBatches) throw overLimit("ringBatches", "maxRingBatches", maxRingBatches, ringBatches);
  const rowBytes = COLUMNS.reduce((sum, { name, width }) => sum + (params.fields.includes(name) ? width : 0), 0);
  if (batchRows * ringBatches * rowBytes > maxRingBytes) {
    const rows = Math.floor(maxRingBytes / rowBytes);
    if (rows < 2 * batchRows) throw overLimit("batchRows", "maxRingBytes", Math.floor(rows / 2), batchRows);
    throw overLimit("ringBatches", "maxRingBytes", Math.floor(rows / batchRows), ringBatches);
  }
  const filter: SubscriptionSpec["filter"] = {};
  for (const key of ["vaddr", "paddr", "pc", "device", "region"] as const) {
    const list = params.filter?.[key];
    if (list === undefined) continue;
    if (list.length > maxFilterRanges)
      throw overLimit(`filter.${key}`, "maxFilterRanges", maxFilterRanges, list.length);
  }
  for (const key of ["vaddr", "paddr", "pc"] as const) {
    const list = params.filter?.[key];
    if (list) filter[key] = list.map((range, index) => toRange(range, `filter.${key}[${index}]`));
  }
  for (const key of ["device", "region", "kind", "direction", "size", "hart", "privilege", "ioOnly"] as const) {
    const value = params.filter?.[key];
    if (value !== undefined) Object.assign(filter, { [key]: value });
  }
  return {
    fields: params.fields,
    filter,
    include: params.include ?? { fetch: false, walk: false, dma: false },
    everyNth: params.everyNth,
    ...(params.stopAfter === undefined ? {} : { stopAfter: params.stopAfter }),
    slow: params.slow,
    ringBatches,
    batchRows,
  };
}

async function view(session: SessionHost, subscription: SubscriptionHost) {
  const { spec } = subscription;
  const { vaddr, paddr, pc, ...others } = spec.filter;
  const written = (list: [bigint, bigint][] | undefined) =>
    list?.map(([low, high]) => (low === high ? hex(low) : `${hex(low)}-${hex(high)}`));
  return {
    id: subscription.id,
    session: session.id,
    created: new Date(subscription.created).toISOString(),
    attached: subscription.attached,
    ended: subscription.ended,
    ...(await subscription.stats()),
    stream: `/v1/sessions/${session.id}/subscriptions/${subscription.id}/stream`,
    ...spec,
    filter: { vaddr: written(vaddr), paddr: written(paddr), pc: written(pc), ...others },
  };
}

/** @throws EMU_SUBSCRIPTION_NOT_FOUND */
export function findSubscription(session: SessionHost, id: string): SubscriptionHost {
  const subscription = session.subscription(id);
  if (subscription) return subscription;
  throw new EmuError("EMU_SUBSCRIPTION_NOT_FOUND", `session ${session.id} has no subscription "${id}"`, {
    session: session.id,
    subscription: id,
  });
}

const target = Type.Object({ session: SessionId, subscription: Type.String({ minLength: 1, maxLength: 64 }) }, strict);
const errors = ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE"] as const;

export const subscriptionOperations = [
  operation({
    name: "subscription.create",
    summary: "Record memory accesses for a client to read",
    description:
      "Recording begins at once; the WebSocket named by `stream` delivers it. A subscription lives until it is deleted or its session is.",
    params: CreateParams,
    result: Subscription,
    errors: [...errors, "EMU_LIMIT", "EMU_DEVICE_NOT_FOUND"],
    rest: {
      method: "POST",
      path: "/v1/sessions/{session}/subscriptions",
      status: 201,
      location: (result) => `/v1/sessions/${result["session"]}/subscriptions/${result["id"]}`,
    },
    safe: false,
    async handler({ service }, { session: id, ...params }) {
      const session = findSession(service, id);
      const spec = toSpec(service, params);
      return view(session, await session.subscribe(spec));
    },
  }),

  operation({
    name: "subscription.list",
    summary: "Subscriptions of a session",
    params: Type.Object({ session: SessionId }, strict),
    result: Type.Object({ subscriptions: Type.Array(Subscription) }, strict),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/subscriptions" },
    safe: true,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      return {
        subscriptions: await Promise.all(session.subscriptions().map((subscription) => view(session, subscription))),
      };
    },
  }),

  operation({
    name: "subscription.get",
    summary: "One subscription, with its counters",
    params: target,
    result: Subscription,
    errors: [...errors, "EMU_SUBSCRIPTION_NOT_FOUND"],
    rest: { method: "GET", path: "/v1/sessions/{session}/subscriptions/{subscription}" },
    safe: true,
    handler({ service }, params) {
      const session = findSession(service, params.session);
      return view(session, findSubscription(session, params.subscription));
    },
  }),

  operation({
    name: "subscription.delete",
    summary: "Stop recording and end the stream",
    params: target,
    result: Type.Object({ deleted: Type.String(), records: Type.Integer({ description: "records it wrote" }) }, strict),
    errors: [...errors, "EMU_SUBSCRIPTION_NOT_FOUND"],
    rest: { method: "DELETE", path: "/v1/sessions/{session}/subscriptions/{subscription}" },
    safe: false,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      const { id } = findSubscription(session, params.subscription);
      const { records } = await session.unsubscribe(id);
      return { deleted: id, records };
    },
  }),
];
