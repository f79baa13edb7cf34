// Plugins attached to sessions. Each has a slot: what it is, what it is about, what it found. Live results and output are
// WebSockets at the same paths (src/server/slot-streams.ts).

import type { PluginArguments, PluginFilter, PluginSlot } from "../probe/manager-api.js";
import { splitArguments } from "../probe/options.js";
import Type, { type Static } from "../schema/type.js";
import type { SessionHost } from "../session/host-api.js";
import type { SlotResults } from "../session/protocol.js";
import { EmuError, invalid, overLimit } from "./errors.js";
import { type CallContext, operation } from "./operation.js";
import { checkCode, findPlugin, isBuiltin, PluginKind, pluginReference } from "./plugins.js";
import { SlotFailure, strict } from "./schemas.js";
import { findSession, type Service } from "./service.js";
import { AddressRange, Count, hex, named, SessionId, SessionIdPattern, toRange } from "./wire.js";

export const SlotId = Type.String({
  pattern: SessionIdPattern,
  description: "slot id",
  examples: ["hotpages"],
  "x-expected": "a slot id: lower-case letters, digits and dashes",
});

const scalar = [Type.String({ maxLength: 4096 }), Type.Number(), Type.Boolean()];
const Arguments = Type.Union(
  [
    Type.Record(
      Type.String({ maxLength: 64 }),
      Type.Union([...scalar, Type.Array(Type.Union(scalar), { maxItems: 256 })]),
    ),
    Type.String({ maxLength: 65_536 }),
  ],
  {
    description: "options of the plugin (plugin.get shows them): an object, or as on QEMU's command line",
    examples: [{ sortby: "address", io: true }, "sortby=address,io=on"],
    "x-expected": 'an object of options such as {"limit": 10}, or a string such as "limit=10,inline=on"',
  },
);

const ranges = (description: string) =>
  Type.Optional(Type.Array(AddressRange, { minItems: 1, maxItems: 256, description }));
const names = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 256, description }));

const Filter = named(
  "SlotFilter",
  Type.Object(
    {
      pc: ranges("code in one of these"),
      vaddr: ranges("accesses: virtual address in one of these"),
      paddr: ranges("accesses: physical address in one of these"),
      device: names("accesses answered by one of these devices"),
      region: names("accesses answered by one of these regions"),
      io: Type.Optional(Type.Boolean({ description: "true: accesses answered by a device only" })),
      direction: Type.Optional(Type.Enum(["read", "write"])),
      hart: Type.Optional(Type.Array(Type.Integer({ minimum: 0, maximum: 7 }), { minItems: 1, maxItems: 8 })),
      privilege: Type.Optional(Type.Array(Type.Enum(["U", "S", "M"]), { minItems: 1, maxItems: 3 })),
    },
    {
      ...strict,
      description:
        "what the plugin sees: all given conditions hold; in a list, any. Decided before anything is emitted where it can be, so what is left out costs nothing",
    },
  ),
);

const state = Type.Enum(["active", "paused", "failed", "ended"], {
  description:
    "failed: the plugin went wrong and is out of the code; the slot keeps the report until it is detached. ended: it asked to be taken away; what it found and wrote stays until the slot is detached",
});

const Slot = named(
  "Slot",
  Type.Object(
    {
      session: Type.String(),
      slot: Type.String(),
      plugin: Type.String(),
      kind: PluginKind,
      state,
      args: Type.Record(Type.String(), Type.Unknown()),
      filter: Type.Record(Type.String(), Type.Unknown()),
      attachedAt: Type.Integer({
        description: "instruction count at which it was attached, or its results began anew",
      }),
      failure: Type.Optional(SlotFailure),
      cost: Type.Object(
        {
          blocks: Type.Integer({ description: "translated blocks it has probes in" }),
          inline: Type.Integer({ description: "probes that are generated code" }),
          conditional: Type.Integer({ description: "probes with a condition" }),
          callbacks: Type.Integer({ description: "probes that call the plugin" }),
          calls: Type.Integer({ description: "calls so far, where they are counted" }),
          translateMs: Type.Number({ description: "host time in the plugin at translation" }),
          memoryBytes: Type.Integer({ description: "memory it holds" }),
        },
        strict,
      ),
    },
    strict,
  ),
);

const files = Type.Array(Type.Object({ name: Type.String(), size: Type.Integer({ description: "bytes" }) }, strict), {
  description: "files it offers (slot.file)",
});
const found = {
  session: Type.String(),
  slot: Type.String(),
  plugin: Type.String(),
  state,
  failure: Type.Optional(SlotFailure),
  instructions: Type.Integer({ description: "instruction count of the machine" }),
  virtualNs: Type.Integer(),
  results: Type.Unknown({
    description:
      "as the plugin's schema says (plugin.get; of built-in ones also the schemas …Results of openapi.json); 64-bit values are hex strings",
  }),
  text: Type.Optional(
    Type.String({ description: "text form, where asked for: as QEMU's plugin of this name prints it" }),
  ),
  outputBytes: Type.Integer({ description: "bytes of output text so far (slot.output)" }),
};

/** What a live-results WebSocket sends, and slot.results answers. */
export const SlotResultsSchema = named("SlotResults", Type.Object({ ...found, files }, strict));

/** @throws EMU_INVALID_PARAMS, EMU_LIMIT */
function toFilter(service: Service, filter: Static<typeof Filter> | undefined): PluginFilter {
  const { pc, vaddr, paddr, ...others } = filter ?? {};
  const { maxFilterRanges } = service.limits;
  for (const [key, list] of Object.entries({ pc, vaddr, paddr, device: others.device, region: others.region })) {
    if (list !== undefined && list.length > maxFilterRanges)
      throw overLimit(`filter.${key}`, "maxFilterRanges", maxFilterRanges, list.length);
  }
  const out: PluginFilter = { ...others } as PluginFilter;
  for (const [key, list] of Object.entries({ pc, vaddr, paddr })) {
    if (list) out[key as "pc"] = list.map((range, index) => toRange(range, `filter.${key}[${index}]`));
  }
  return out;
}

const toArguments = (args: Static<typeof Arguments> | undefined): PluginArguments =>
  typeof args === "string" ? splitArguments(args) : (args ?? {});

function view(session: SessionHost, { id, filter, ...slot }: PluginSlot) {
  const { pc, vaddr, paddr, ...others } = filter;
  const written = (list: [bigint, bigint][] | undefined) =>
    list?.map(([low, high]) => (low === high ? hex(low) : `${hex(low)}-${hex(high)}`));
  return {
    session: session.id,
    slot: id,
    ...slot,
    filter: { pc: written(pc), vaddr: written(vaddr), paddr: written(paddr), ...others },
  };
}

/** The wire form of results; they come as JSON. */
export function resultsView<R extends Pick<SlotResults, "results">>(session: SessionHost, answer: R) {
  return { session: session.id, ...answer, results: JSON.parse(answer.results) as unknown };
}

/** Bytes of a text answer, where the caller asked for one. @throws EMU_NOT_ACCEPTABLE */
function textForm(answer: { slot: string; plugin: string; text?: string; instructions: number }) {
  if (answer.text === undefined) {
    throw new EmuError("EMU_NOT_ACCEPTABLE", `plugin ${answer.plugin} has no text form; ask for JSON`, {
      offered: ["application/json"],
    });
  }
  const { slot, plugin, instructions } = answer;
  return { data: Buffer.from(answer.text), encoding: "text" as const, meta: { slot, plugin, instructions } };
}

const wantsText = ({ accept }: CallContext): boolean => accept === "text/plain";

const target = { session: SessionId, slot: SlotId };
const justSlot = Type.Object(target, strict);
const errors = ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE", "EMU_SLOT_NOT_FOUND"] as const;
const text = Type.Boolean({ default: false, description: "the text form as well, where the plugin has one" });
const path = "/v1/sessions/{session}/plugins";

export const slotOperations = [
  operation({
    name: "slot.attach",
    summary: "Attach a plugin to a session",
    description:
      "At any time, also while the guest runs. Only code that the plugin puts probes in is translated anew. Several plugins may be attached, each with its own filter, beside any number of streams.",
    params: Type.Object(
      {
        session: SessionId,
        plugin: pluginReference,
        id: Type.Optional(
          Type.String({
            pattern: SessionIdPattern,
            description: "id of the slot; the plugin's name, with a number where that is taken, unless given",
          }),
        ),
        args: Type.Optional(Arguments),
        filter: Type.Optional(Filter),
      },
      strict,
    ),
    result: Slot,
    errors: [
      "EMU_SESSION_NOT_FOUND",
      "EMU_SESSION_CRASHED",
      "EMU_SESSION_GONE",
      "EMU_PLUGIN_NOT_FOUND",
      "EMU_PLUGIN_FORBIDDEN",
      "EMU_PLUGIN_MALFORMED",
      "EMU_PLUGIN_FAILED",
      "EMU_SLOT_EXISTS",
      "EMU_DEVICE_NOT_FOUND",
      "EMU_LIMIT",
    ],
    rest: {
      method: "POST",
      path,
      status: 201,
      location: (slot) => `/v1/sessions/${slot["session"]}/plugins/${slot["slot"]}`,
    },
    safe: false,
    async handler(context, { session: sessionId, plugin: reference, id, args, filter: wanted }) {
      const { service } = context;
      const session = findSession(service, sessionId);
      const plugin = findPlugin(service, reference);
      const filter = toFilter(service, wanted);
      const request = { id, args: toArguments(args), filter };
      if (isBuiltin(plugin))
        return view(session, await session.attach({ ...request, plugin: { kind: "builtin", name: plugin.name } }));
      if (plugin.kind === "javascript") checkCode(context);
      const unpin = service.plugins.pin(plugin);
      try {
        const upload = await service.plugins.upload(plugin);
        return view(session, await session.attach({ ...request, plugin: upload, digest: plugin.digest }));
      } finally {
        unpin();
      }
    },
  }),

  operation({
    name: "slot.list",
    summary: "Plugins attached to a session, with what they cost",
    params: Type.Object({ session: SessionId }, strict),
    result: Type.Object({ slots: Type.Array(Slot) }, strict),
    errors: ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE"],
    rest: { method: "GET", path },
    safe: true,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      return { slots: (await session.call("plugins")).map((slot) => view(session, slot)) };
    },
  }),

  operation({
    name: "slot.get",
    summary: "One slot: state, arguments, filter, cost, failure",
    params: justSlot,
    result: Slot,
    errors: [...errors],
    rest: { method: "GET", path: `${path}/{slot}` },
    safe: true,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      return view(session, await session.call("plugin", { id: params.slot }));
    },
  }),

  operation({
    name: "slot.results",
    summary: "What a plugin found so far",
    description:
      "Asked between two instructions, also while the guest runs. With `Accept: text/plain` the text form that QEMU's plugin of this name prints. A WebSocket at the same path delivers results again and again.",
    params: Type.Object({ ...target, text }, strict),
    result: SlotResultsSchema,
    errors: [...errors, "EMU_PLUGIN_FAILED", "EMU_LIMIT", "EMU_NOT_ACCEPTABLE"],
    rest: { method: "GET", path: `${path}/{slot}/results` },
    bytes: ["text/plain"],
    safe: true,
    async handler(context, params) {
      const session = findSession(context.service, params.session);
      const asText = wantsText(context);
      const answer = await session.call("pluginResults", { id: params.slot, text: params.text || asText });
      if (answer === undefined) throw new Error("no results");
      if (asText) return textForm(answer);
      const { revision: _revision, ...shown } = answer;
      return resultsView(session, shown);
    },
  }),

  operation({
    name: "slot.output",
    summary: "Text a plugin wrote, from an offset on",
    description:
      "Offsets count bytes since it was attached. `next` is where to read on; a returned offset above the asked one says that older text is gone. A WebSocket at the same path delivers text as it comes.",
    params: Type.Object(
      {
        ...target,
        offset: Count({ default: 0 }),
        limit: Type.Integer({
          minimum: 1,
          maximum: 16 * 1024 * 1024,
          default: 1024 * 1024,
          description: "most bytes to return; whole characters",
        }),
      },
      strict,
    ),
    result: Type.Object(
      {
        slot: Type.String(),
        offset: Type.Integer(),
        next: Type.Integer(),
        end: Type.Integer({ description: "offset one past the newest byte" }),
        encoding: Type.Enum(["text"]),
        data: Type.String(),
      },
      strict,
    ),
    errors: [...errors],
    rest: { method: "GET", path: `${path}/{slot}/output` },
    bytes: ["text/plain", "application/octet-stream"],
    safe: true,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      const { slot, offset: from, limit } = params;
      const { offset, bytes, end } = await session.call("pluginOutput", { id: slot, from, limit });
      return { data: bytes, encoding: "text", meta: { slot, offset, next: offset + bytes.length, end } };
    },
  }),

  operation({
    name: "slot.file",
    summary: "A file that a plugin offers",
    params: Type.Object(
      {
        ...target,
        file: Type.String({ minLength: 1, maxLength: 256, description: "name, as slot.results lists it" }),
        encoding: Type.Enum(["base64", "hex", "text"], { default: "base64" }),
      },
      strict,
    ),
    result: Type.Object(
      {
        slot: Type.String(),
        file: Type.String(),
        encoding: Type.Enum(["base64", "hex", "text"]),
        data: Type.String(),
      },
      strict,
    ),
    errors: [...errors, "EMU_SLOT_FILE_NOT_FOUND"],
    rest: { method: "GET", path: `${path}/{slot}/files/{file}` },
    bytes: ["application/octet-stream", "text/plain"],
    safe: true,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      const { slot, file, encoding } = params;
      const data = await session.call("pluginFile", { id: slot, name: file });
      return { data, encoding, meta: { slot, file } };
    },
  }),

  operation({
    name: "slot.configure",
    summary: "Give an attached plugin other arguments or another filter",
    description: "Other arguments install it anew: its results begin from nothing. What is not given stays as it is.",
    params: Type.Object({ ...target, args: Type.Optional(Arguments), filter: Type.Optional(Filter) }, strict),
    result: Slot,
    errors: [
      ...errors,
      "EMU_PLUGIN_FORBIDDEN",
      "EMU_PLUGIN_FAILED",
      "EMU_SLOT_STATE",
      "EMU_DEVICE_NOT_FOUND",
      "EMU_LIMIT",
    ],
    rest: { method: "PATCH", path: `${path}/{slot}` },
    safe: false,
    async handler(context, { session: sessionId, slot: id, args, filter }) {
      if (args === undefined && filter === undefined) throw invalid("args", "arguments, a filter, or both");
      const session = findSession(context.service, sessionId);
      const { kind } = await session.call("plugin", { id });
      if (kind === "javascript") checkCode(context);
      const slot = await session.call("configurePlugin", {
        id,
        ...(args === undefined ? {} : { args: toArguments(args) }),
        ...(filter === undefined ? {} : { filter: toFilter(context.service, filter) }),
      });
      return view(session, slot);
    },
  }),

  operation({
    name: "slot.pause",
    summary: "Take a plugin out of the code for a while; its results stay",
    params: justSlot,
    result: Slot,
    errors: [...errors, "EMU_SLOT_STATE"],
    rest: { method: "POST", path: `${path}/{slot}/pause` },
    safe: false,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      return view(session, await session.call("pausePlugin", { id: params.slot }));
    },
  }),

  operation({
    name: "slot.resume",
    summary: "Put a paused plugin back into the code",
    params: justSlot,
    result: Slot,
    errors: [...errors, "EMU_SLOT_STATE"],
    rest: { method: "POST", path: `${path}/{slot}/resume` },
    safe: false,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      return view(session, await session.call("resumePlugin", { id: params.slot }));
    },
  }),

  operation({
    name: "slot.detach",
    summary: "Detach a plugin; answers with its final results and all it leaves behind",
    description:
      "Nothing of it stays in the code, and nothing about it is kept: output and files, also those it writes when it ends, come with the answer. With `Accept: text/plain` the text form of its results.",
    params: justSlot,
    result: Type.Object(
      {
        ...found,
        output: Type.String({ description: "the output text kept" }),
        files: Type.Array(
          Type.Object(
            { name: Type.String(), size: Type.Integer(), data: Type.String({ description: "base64" }) },
            strict,
          ),
        ),
      },
      strict,
    ),
    errors: [...errors, "EMU_NOT_ACCEPTABLE"],
    rest: { method: "DELETE", path: `${path}/{slot}` },
    bytes: ["text/plain"],
    safe: false,
    async handler(context, params) {
      const session = findSession(context.service, params.session);
      const final = await session.detach(params.slot);
      if (wantsText(context)) return textForm(final);
      const shown = final.files.map(({ name, bytes }) => ({
        name,
        size: bytes.length,
        data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
      }));
      return { ...resultsView(session, final), files: shown };
    },
  }),
];
