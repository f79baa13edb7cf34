// openapi/openrpc.json (OpenRPC 1.3), the answer of rpc.discover, from the operations table.
import { ERRORS } from "../operations/errors.js";
import type { Operation } from "../operations/operation.js";
import { RegionNode } from "../operations/schemas.js";
import { OPERATIONS } from "../operations/table.js";
import { allErrors, Components, type Json, tagOf } from "./documents.js";

export function openRpcDocument(version: string): Json {
  const components = new Components("#/components/schemas/", new Map([["RegionNode", RegionNode]]));
  const methods = OPERATIONS.map((op) => method(op, components));
  return {
    openrpc: "1.3.2",
    info: {
      title: "Emuscope",
      version,
      description:
        "JSON-RPC 2.0 at POST /rpc and on the WebSocket /rpc. The same operations are REST resources (openapi.json).",
      license: { name: "MIT" },
    },
    servers: [{ name: "local", url: "http://127.0.0.1:8080/rpc" }],
    methods,
    components: {
      schemas: components.schemas,
      errors: Object.fromEntries(
        Object.entries(ERRORS).map(([code, { rpc, title }]) => [code, { code: rpc, message: title }]),
      ),
    },
  };
}

function method(op: Operation, components: Components): Json {
  const required = (op.params["required"] ?? []) as string[];
  return {
    name: op.name,
    tags: [{ name: tagOf(op) }],
    summary: op.summary,
    ...(op.description === undefined ? {} : { description: op.description }),
    paramStructure: "by-name",
    params: Object.entries(op.params.properties).map(([name, schema]) => ({
      name,
      required: required.includes(name) && (schema as Json)["default"] === undefined,
      schema: components.publish(schema, true),
    })),
    result: { name: "result", schema: components.publish(op.result, false) },
    errors: allErrors(op).map((code) => ({ $ref: `#/components/errors/${code}` })),
  };
}
