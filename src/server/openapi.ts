// openapi/openapi.json (OpenAPI 3.1) from the operations table.

import { ERRORS } from "../operations/errors.js";
import type { Operation } from "../operations/operation.js";
import { RegionNode } from "../operations/schemas.js";
import { OPERATIONS } from "../operations/table.js";
import { BUILTIN_PLUGINS } from "../probe/builtin/index.js";
import type { TObject } from "../schema/type.js";
import { allErrors, Components, type Json, TAGS, tagOf } from "./documents.js";
import { PROBLEM_TYPE } from "./errors.js";
import { rawParams } from "./invoke.js";

const PROBLEM: Json = {
  type: "object",
  description: "RFC 9457 problem document; some errors have more members",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    instance: { type: "string", description: "names the request, as the log does" },
    code: { type: "string", enum: Object.keys(ERRORS) },
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["field", "expected"],
        properties: {
          field: { type: "string" },
          expected: { type: "string" },
          got: { type: "string" },
          hint: { type: "string" },
        },
      },
    },
  },
};

export function openApiDocument(version: string): Json {
  const components = new Components("#/components/schemas/", new Map([["RegionNode", RegionNode]]));
  const paths: Record<string, Json> = {};
  for (const op of OPERATIONS) {
    const path = (paths[op.rest.path] ??= {});
    path[op.rest.method.toLowerCase()] = operationObject(op, components, op.name);
    if (op.rest.alsoPost) path["post"] = operationObject(op, components, `${op.name}ByPost`);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Emuscope",
      version,
      summary: "Full-system RISC-V sessions with live streams of every memory access",
      description:
        "64-bit values are lower-case hex strings, sizes and counts numbers. Each operation is also a JSON-RPC 2.0 method at /rpc (openrpc.json). Live consoles, events and traces are WebSockets (asyncapi.json).",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://127.0.0.1:8080", description: "where `npm start` serves" }],
    security: [{ bearer: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "EMUSCOPE_TOKEN; not needed where the service runs without one",
        },
      },
      schemas: sorted({ ...components.schemas, ...pluginResults(), Problem: PROBLEM }),
      responses: usedResponses(paths),
    },
  };
}

function operationObject(op: Operation, components: Components, operationId: string): Json {
  const pathNames = [...op.rest.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  const inQuery = op.rest.method === "GET" || op.rest.method === "DELETE";
  const body = !inQuery && Object.keys(op.params.properties).some((name) => !pathNames.includes(name));
  const queryNames = Object.keys((op.raw ? (rawParams(op) as TObject) : op.params).properties).filter(
    (name) => !pathNames.includes(name),
  );
  return {
    operationId,
    tags: [tagOf(op)],
    summary: op.summary,
    ...(op.description === undefined ? {} : { description: op.description }),
    ...(op.open ? { security: [{}] } : {}),
    parameters: [
      ...pathNames.map((name) => parameter(op.params, name, "path", components)),
      ...(inQuery || op.raw ? queryNames.map((name) => parameter(op.params, name, "query", components)) : []),
    ],
    ...(body ? { requestBody: requestBody(op, pathNames, components) } : {}),
    responses: responses(op, components),
  };
}

function parameter(params: TObject, name: string, place: "path" | "query", components: Components): Json {
  const schema = params.properties[name] as Json | undefined;
  const isRequired = place === "path" || ((params["required"] ?? []) as string[]).includes(name);
  const list = schema?.["type"] === "array";
  return {
    name,
    in: place,
    required: isRequired && schema?.["default"] === undefined,
    ...(schema?.["description"] === undefined ? {} : { description: schema["description"] }),
    // lists are comma-separated
    ...(list ? { style: "form", explode: false } : {}),
    schema: components.publish(schema, true),
  };
}

function requestBody(op: Operation, pathNames: readonly string[], components: Components): Json {
  const properties = Object.fromEntries(
    Object.entries(op.params.properties).filter(([name]) => !pathNames.includes(name)),
  );
  const required = ((op.params["required"] ?? []) as string[]).filter((name) => !pathNames.includes(name));
  const schema = components.publish(
    { type: "object", ...(required.length > 0 ? { required } : {}), properties, additionalProperties: false },
    true,
  ) as Json;
  const raw = op.raw;
  return {
    required: schema["required"] !== undefined,
    ...(raw ? { description: raw.description } : {}),
    content: {
      ...Object.fromEntries(
        (raw?.types ?? []).map((type) => [type, { schema: { type: "string", contentMediaType: type } }]),
      ),
      "application/json": { schema },
    },
  };
}

function responses(op: Operation, components: Components): Json {
  const out: Json = {
    [op.rest.status ?? 200]: {
      description: op.rest.status === 201 ? "made" : "the result",
      content: {
        "application/json": { schema: components.publish(op.result, false) },
        ...Object.fromEntries(
          (op.bytes ?? []).map((type) => [type, { schema: { type: "string", contentMediaType: type } }]),
        ),
      },
    },
  };
  const byStatus = new Map<number, string[]>();
  for (const code of allErrors(op)) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  for (const [status, codes] of byStatus) {
    const [only] = codes;
    out[status] = codes.length === 1 ? { $ref: `#/components/responses/${only}` } : problemResponse(codes);
  }
  return out;
}

function problemResponse(codes: readonly string[]): Json {
  return {
    description: codes.map((code) => `${code}: ${ERRORS[code as keyof typeof ERRORS].title}`).join("; "),
    content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}

/** What the built-in plugins find, as `HotpagesResults` and the like: `results` of slot.results. */
function pluginResults(): Json {
  const title = (name: string) => name.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
  return Object.fromEntries(BUILTIN_PLUGINS.map(({ name, results }) => [`${title(name)}Results`, results]));
}

/** The shared responses that the paths refer to. */
function usedResponses(paths: Json): Json {
  const used = new Set(
    [...JSON.stringify(paths).matchAll(/#\/components\/responses\/(\w+)/g)].map((match) => match[1] as string),
  );
  return Object.fromEntries([...used].sort().map((code) => [code, problemResponse([code])]));
}

function sorted(object: Json): Json {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
