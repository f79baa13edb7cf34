// Writes openapi/*.json from the operations table; with --check compares instead, and fails on a difference.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { asyncApiDocument } from "./asyncapi.js";
import { openApiDocument } from "./openapi.js";
import { openRpcDocument } from "./openrpc.js";
import { VERSION } from "./version.js";

const root = new URL("../../../openapi/", import.meta.url);
const check = process.argv.includes("--check");
const documents = {
  "openapi.json": openApiDocument(VERSION),
  "openrpc.json": openRpcDocument(VERSION),
  "asyncapi.json": asyncApiDocument(VERSION),
};

let stale = 0;
await mkdir(root, { recursive: true });
for (const [name, document] of Object.entries(documents)) {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  const file = new URL(name, root);
  const present = await readFile(file, "utf8").catch(() => "");
  if (present === text) continue;
  if (check) {
    console.error(`openapi/${name} is not what the operations table says: run npm run openapi`);
    stale++;
  } else {
    await writeFile(file, text);
    console.log(`wrote openapi/${name}`);
  }
}
process.exitCode = stale > 0 ? 1 : 0;
