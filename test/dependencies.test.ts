// The direction of dependencies (ARCHITECTURE.md), by reading the imports: who may use which folder and which package.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));

interface Layer {
  /** Folders of src/ whose code it may use. */
  uses: readonly string[];
  /** Folders of which it may name types besides: these imports leave no trace in what runs. */
  types?: readonly string[];
  /** Packages and modules of Node. */
  packages?: readonly string[];
}

const HOST = ["node:crypto", "node:fs", "node:fs/promises", "node:path", "node:zlib", "node:stream", "node:util"];

/** From the bottom to the top. */
const LAYERS: Record<string, Layer> = {
  core: { uses: [] },
  schema: { uses: [], packages: ["typebox"] },
  wasm: { uses: [] },
  isa: { uses: ["wasm"] },
  engine: { uses: ["isa", "wasm", "core"], packages: ["node:crypto"] },
  bus: { uses: ["core"], types: ["devices"] },
  devices: { uses: ["bus"] },
  image: { uses: [], types: ["machine"], packages: ["node:zlib"] },
  machine: { uses: ["engine", "bus", "devices", "image", "core", "wasm"] },
  probe: { uses: ["engine", "isa", "core", "wasm", "schema"], types: ["machine"] },
  trace: { uses: ["core"], types: ["session"], packages: ["apache-arrow"] },
  session: {
    uses: ["machine", "engine", "probe", "trace", "image", "isa", "core"],
    types: ["devices"],
    packages: ["node:worker_threads", "node:crypto", "node:fs/promises", "node:v8", "node:vm"],
  },
  operations: {
    uses: ["session", "trace", "image", "probe", "schema"],
    types: ["machine"],
    packages: ["ajv", ...HOST],
  },
  server: {
    uses: ["operations", "probe", "trace", "schema"],
    types: ["session"],
    packages: ["fastify", "@fastify/websocket", "node:http", ...HOST],
  },
  "main.ts": { uses: ["server", "session"], packages: ["pino", "close-with-grace"] },
  cli: { uses: ["operations", "probe", "server", "main.ts"], packages: ["ws", "node:events", "node:process", ...HOST] },
};

interface Import {
  file: string;
  folder: string;
  target: string;
  typeOnly: boolean;
}

const IMPORT = /^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

function importsOf(file: string): Import[] {
  const folder = relative(SRC, file).split("/")[0] as string;
  return [...readFileSync(file, "utf8").matchAll(IMPORT)].map((match) => ({
    file: relative(SRC, file),
    folder,
    target: (match[2] ?? match[3]) as string,
    typeOnly: match[1] !== undefined,
  }));
}

/** Folder of src/ that a relative import leads to; undefined for packages. */
function folderOf({ file, target }: Import): string | undefined {
  if (!target.startsWith(".")) return undefined;
  return normalize(join(dirname(file), target))
    .replace(/\.js$/, ".ts")
    .split("/")[0];
}

const packageOf = (target: string): string =>
  target.startsWith("node:")
    ? target
    : target
        .split("/")
        .slice(0, target.startsWith("@") ? 2 : 1)
        .join("/");

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(SRC, name));
const imports = files.flatMap(importsOf);

test("every folder is in the table, and the table names nothing else", () => {
  const folders = new Set(files.map((file) => relative(SRC, file).split("/")[0]));
  assert.deepEqual([...folders].sort(), Object.keys(LAYERS).sort());
  assert.ok(imports.length > 3 * files.length, "the imports are not being read");
});

test("folders use only what is below them", () => {
  const wrong = imports.flatMap((found) => {
    const target = folderOf(found);
    if (target === undefined || target === found.folder) return [];
    const layer = LAYERS[found.folder];
    const allowed = layer?.uses.includes(target) || (found.typeOnly && layer?.types?.includes(target));
    return allowed ? [] : [`${found.file} imports ${found.target}${found.typeOnly ? " (types)" : ""}`];
  });
  assert.deepEqual(wrong, []);
});

test("nobody uses, by whatever way, a folder that uses it", () => {
  const reach = (from: string, seen = new Set<string>()): Set<string> => {
    for (const to of LAYERS[from]?.uses ?? []) {
      if (seen.has(to)) continue;
      seen.add(to);
      reach(to, seen);
    }
    return seen;
  };
  for (const folder of Object.keys(LAYERS)) assert.ok(!reach(folder).has(folder), folder);
});

test("packages and modules of Node are used where the table says", () => {
  const wrong = imports.flatMap((found) => {
    if (folderOf(found) !== undefined) return [];
    return LAYERS[found.folder]?.packages?.includes(packageOf(found.target))
      ? []
      : [`${found.file} imports ${found.target}`];
  });
  assert.deepEqual(wrong, []);
});
