// Plugins there are: the built-in ones, and those that were uploaded. What is attached to a machine is in slots.ts.

import { nearest } from "../probe/nearest.js";
import type { PluginDefinition } from "../probe/plugin.js";
import Type from "../schema/type.js";
import { EmuError, invalid } from "./errors.js";
import { type CallContext, operation } from "./operation.js";
import type { PluginRecord } from "./plugin-store.js";
import { strict } from "./schemas.js";
import type { Service } from "./service.js";
import { UploadDigest, UploadName, uploaded } from "./uploads.js";
import { named } from "./wire.js";

export const PluginKind = Type.Enum(["builtin", "wasm", "javascript"], {
  description: "wasm: sandboxed, in any language; javascript: code with the rights of the service",
});
const UploadedKind = Type.Enum(["wasm", "javascript"], { description: "told from the bytes unless given" });

export const pluginReference = Type.String({
  minLength: 1,
  maxLength: 256,
  description: "a built-in plugin's name; or an uploaded one's name, digest, or 8 digits or more of it",
  examples: ["hotpages"],
});

const PluginOption = named(
  "PluginOption",
  Type.Object(
    {
      type: Type.Enum(["boolean", "integer", "address", "string", "choice"]),
      description: Type.String(),
      default: Type.Optional(Type.Unknown()),
      choices: Type.Optional(Type.Array(Type.String())),
      minimum: Type.Optional(Type.Integer()),
      maximum: Type.Optional(Type.Integer()),
      repeated: Type.Optional(Type.Boolean({ description: "takes several values, as an array" })),
    },
    strict,
  ),
);

const Plugin = named(
  "Plugin",
  Type.Object(
    {
      name: Type.String({ description: "what slot.attach takes; a digest where an upload has no name" }),
      kind: PluginKind,
      summary: Type.Optional(Type.String()),
      options: Type.Optional(
        Type.Record(Type.String(), PluginOption, {
          description: "of built-in plugins; an uploaded one says when it is attached what it takes",
        }),
      ),
      results: Type.Optional(
        Type.Record(Type.String(), Type.Unknown(), { description: "JSON Schema of a built-in plugin's results" }),
      ),
      digest: Type.Optional(Type.String({ description: "sha256 of an uploaded one" })),
      size: Type.Optional(Type.Integer({ description: "bytes, as stored" })),
      version: Type.Optional(
        Type.Integer({ description: "version of QEMU's interface a WebAssembly plugin was written for" }),
      ),
      names: Type.Optional(Type.Array(Type.String())),
      created: Type.Optional(Type.String({ description: "ISO 8601" })),
      slots: Type.Array(Type.Object({ session: Type.String(), slot: Type.String() }, strict), {
        description: "where it is attached",
      }),
    },
    strict,
  ),
);

/** @throws EMU_PLUGIN_FORBIDDEN */
export function checkCode({ service, mayRunCode }: Pick<CallContext, "service" | "mayRunCode">): void {
  if (mayRunCode) return;
  throw new EmuError(
    "EMU_PLUGIN_FORBIDDEN",
    service.jsPlugins
      ? "JavaScript plugins run with the rights of the service: send Authorization: Bearer <EMUSCOPE_JS_PLUGIN_TOKEN>"
      : "JavaScript plugins run with the rights of the service and are off; its operator allows them by EMUSCOPE_JS_PLUGIN_TOKEN. WebAssembly plugins need no permission",
    { kind: "javascript" },
  );
}

/** @throws EMU_PLUGIN_NOT_FOUND */
export function findPlugin(service: Service, reference: string): PluginDefinition | PluginRecord {
  const builtin = service.builtins.get(reference);
  if (builtin) return builtin;
  const stored = service.plugins.lookUp(reference);
  if (stored) return stored;
  const names = [...service.builtins.keys(), ...service.plugins.list().flatMap((record) => record.names)];
  const near = nearest(reference.slice(0, 64), names);
  if (near === undefined) service.plugins.find(reference);
  throw new EmuError("EMU_PLUGIN_NOT_FOUND", `no plugin "${reference}"; did you mean ${near}?`, { plugin: reference });
}

export function isBuiltin(plugin: PluginDefinition | PluginRecord): plugin is PluginDefinition {
  return "install" in plugin;
}

function slotsOf(service: Service, uses: (slot: { plugin: string; digest?: string | undefined }) => boolean) {
  return service.sessions.list().flatMap((session) =>
    session
      .slots()
      .filter(uses)
      .map(({ id }) => ({ session: session.id, slot: id })),
  );
}

const storedSlots = (service: Service, { digest }: PluginRecord) => slotsOf(service, (slot) => slot.digest === digest);

function view(service: Service, plugin: PluginDefinition | PluginRecord) {
  if (isBuiltin(plugin)) {
    const { name, summary, options, results } = plugin;
    return {
      name,
      kind: "builtin" as const,
      summary,
      options: options as Record<string, never>,
      results: results as Record<string, unknown>,
      slots: slotsOf(service, (slot) => slot.digest === undefined && slot.plugin === name),
    };
  }
  return { name: plugin.names[0] ?? plugin.digest, ...plugin, slots: storedSlots(service, plugin) };
}

export const pluginOperations = [
  operation({
    name: "plugin.put",
    summary: "Store a plugin: a WebAssembly or JavaScript module",
    description:
      "Over REST the body is the module itself; over JSON-RPC it is base64. A WebAssembly module is validated (imports, exports, API version, size) before it is kept, under its sha256. JavaScript modules are code with the rights of the service: taken only where the operator allows it, with a token of their own (docs/plugins.md).",
    params: Type.Object(
      {
        name: Type.Optional(UploadName),
        kind: Type.Optional(UploadedKind),
        digest: Type.Optional(UploadDigest),
        data: Type.String({ description: "the module, base64" }),
      },
      strict,
    ),
    result: Type.Object(
      { ...Plugin.properties, added: Type.Boolean({ description: "false when it was stored before" }) },
      strict,
    ),
    errors: [
      "EMU_BODY_TOO_LARGE",
      "EMU_PLUGIN_MALFORMED",
      "EMU_PLUGIN_FORBIDDEN",
      "EMU_IMAGE_DIGEST_MISMATCH",
      "EMU_CAPACITY",
    ],
    rest: {
      method: "PUT",
      path: "/v1/plugins",
      alsoPost: true,
      status: 201,
      location: (plugin) => `/v1/plugins/${plugin["digest"]}`,
    },
    raw: {
      param: "data",
      types: ["application/octet-stream", "application/wasm", "text/javascript"],
      description: "the module",
    },
    safe: false,
    async handler(context, params, body) {
      const { service } = context;
      const { name, kind } = params;
      const { source, options } = uploaded(params, body);
      if (name !== undefined && service.builtins.has(name))
        throw invalid("name", "a name no built-in plugin has", `add an extension: ${name}.wasm`);
      if (kind === "javascript") checkCode(context);
      const { image, created } = await service.plugins.put(source, { ...options, checkCode: () => checkCode(context) });
      return { ...view(service, image), added: created };
    },
  }),

  operation({
    name: "plugin.list",
    summary: "All plugins: built in, with their options and results, and uploaded",
    params: Type.Object({}, strict),
    result: Type.Object({ plugins: Type.Array(Plugin) }, strict),
    errors: [],
    rest: { method: "GET", path: "/v1/plugins" },
    safe: true,
    handler({ service }) {
      return {
        plugins: [...service.builtins.values(), ...service.plugins.list()].map((plugin) => view(service, plugin)),
      };
    },
  }),

  operation({
    name: "plugin.get",
    summary: "One plugin",
    params: Type.Object({ plugin: pluginReference }, strict),
    result: Plugin,
    errors: ["EMU_PLUGIN_NOT_FOUND"],
    rest: { method: "GET", path: "/v1/plugins/{plugin}" },
    safe: true,
    handler({ service }, { plugin }) {
      return view(service, findPlugin(service, plugin));
    },
  }),

  operation({
    name: "plugin.delete",
    summary: "Forget an uploaded plugin; refused while it is attached",
    params: Type.Object({ plugin: pluginReference }, strict),
    result: Type.Object({ deleted: Type.String({ description: "digest" }) }, strict),
    errors: ["EMU_PLUGIN_NOT_FOUND", "EMU_PLUGIN_IN_USE"],
    rest: { method: "DELETE", path: "/v1/plugins/{plugin}" },
    safe: false,
    async handler({ service }, { plugin }) {
      const found = findPlugin(service, plugin);
      if (isBuiltin(found)) throw invalid("plugin", "an uploaded plugin", `${found.name} is part of the service`);
      const users = () => storedSlots(service, found).map(({ session, slot }) => `${session}/${slot}`);
      await service.plugins.delete(found, users);
      return { deleted: found.digest };
    },
  }),
];
