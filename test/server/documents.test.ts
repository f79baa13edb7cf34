import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ERRORS } from "../../src/operations/errors.js";
import { OPERATIONS } from "../../src/operations/table.js";
import { makeAjv } from "../../src/operations/validate.js";
import { asyncApiDocument } from "../../src/server/asyncapi.js";
import { rawParams } from "../../src/server/invoke.js";
import { openApiDocument } from "../../src/server/openapi.js";
import { openRpcDocument } from "../../src/server/openrpc.js";
import { VERSION } from "../../src/server/version.js";
import { build } from "./helper.js";

const documents: [string, any][] = [
  ["openapi.json", openApiDocument(VERSION)],
  ["openrpc.json", openRpcDocument(VERSION)],
  ["asyncapi.json", asyncApiDocument(VERSION)],
];

function walk(value: unknown, visit: (node: Record<string, unknown>) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit);
  else if (typeof value === "object" && value !== null) {
    visit(value as Record<string, unknown>);
    for (const item of Object.values(value)) walk(item, visit);
  }
}

test("the checked-in documents are what the table says", async () => {
  for (const [name, document] of documents) {
    const text = await readFile(new URL(`../../../openapi/${name}`, import.meta.url), "utf8");
    assert.equal(text, `${JSON.stringify(document, null, 2)}\n`, `${name}: run npm run openapi`);
  }
});

test("every reference in a document resolves, and nothing of ours is left in it", () => {
  for (const [name, document] of documents) {
    walk(document, (node) => {
      assert.ok(!Object.keys(node).some((key) => key.startsWith("x-")), name);
      if (typeof node["$ref"] !== "string") return;
      let target: any = document;
      for (const part of node["$ref"].slice(2).split("/")) target = target?.[part.replaceAll("~1", "/")];
      assert.ok(target !== undefined, `${name}: ${node["$ref"]}`);
    });
  }
});

test("every schema of the documents compiles", () => {
  const [, openapi] = documents[0] as [string, any];
  const ajv = makeAjv();
  ajv.addFormat("uri-reference", true);
  ajv.addKeyword("components");
  for (const name of Object.keys(openapi.components.schemas)) {
    const schema = { $ref: `#/components/schemas/${name}`, components: openapi.components };
    assert.ok(ajv.compile(schema), name);
  }
});

test("the schema of every operation's parameters is one, and compiles", () => {
  const ajv = makeAjv();
  for (const op of OPERATIONS) {
    assert.ok(ajv.compile(op.params), op.name);
    if (op.raw) assert.ok(ajv.compile(rawParams(op)), op.name);
  }
});

test("every operation is in both documents, under its own name, with errors of the table", () => {
  const [, openapi] = documents[0] as [string, any];
  const [, openrpc] = documents[1] as [string, any];
  const ids = new Set<string>();
  for (const path of Object.values<any>(openapi.paths))
    for (const op of Object.values<any>(path)) ids.add(op.operationId);
  const tags = new Set<string>(openapi.tags.map((tag: any) => tag.name));
  const names = new Set(openrpc.methods.map((method: any) => method.name));
  for (const op of OPERATIONS) {
    assert.match(op.name, /^[a-z]+\.[a-zA-Z]+$/);
    assert.ok(ids.has(op.name), op.name);
    assert.ok(tags.has(op.name.split(".")[0] ?? ""), `${op.name}: describe its noun in documents.ts`);
    assert.ok(names.has(op.name), op.name);
    for (const [, parameter] of op.rest.path.matchAll(/\{(\w+)\}/g))
      assert.ok(parameter && parameter in op.params.properties, op.name);
  }
  assert.equal(new Set(OPERATIONS.map((op) => op.name)).size, OPERATIONS.length);
  assert.equal(new Set(OPERATIONS.map((op) => `${op.rest.method} ${op.rest.path}`)).size, OPERATIONS.length);
});

test("error codes are unique to JSON-RPC and inside its ranges", () => {
  const codes = Object.values(ERRORS).map((entry) => entry.rpc);
  assert.equal(new Set<number>(codes).size, codes.length);
  for (const [name, { rpc, status }] of Object.entries(ERRORS)) {
    assert.match(name, /^EMU_[A-Z_]+$/);
    assert.ok((rpc <= -32000 && rpc >= -32099) || (rpc <= -32600 && rpc >= -32700), name);
    assert.ok(status >= 400 && status < 600);
  }
});

test("the service serves its documents", async (t) => {
  const { app } = await build(t);
  for (const [name, document] of documents) {
    assert.deepEqual(JSON.parse((await app.inject(`/v1/${name}`)).payload), document);
  }
});
