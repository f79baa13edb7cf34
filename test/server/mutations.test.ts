// Mutated requests: whatever a client sends, it gets an answer that is an error or a result, and nothing is left over.
// TEST_SEED repeats a run.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { FastifyInstance } from "fastify";
import { ERRORS } from "../../src/operations/errors.js";
import { OPERATIONS } from "../../src/operations/table.js";
import { times } from "../thorough.js";
import { build } from "./helper.js";

const COUNT = times(4000, 20_000);

/** xorshift32. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 1;
  }
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** Parameters that every operation accepts, or nearly. */
const GOOD: Record<string, unknown> = {
  session: "a",
  hart: 0,
  vaddr: "0x80000000",
  paddr: "0x80000000",
  address: "0x80000000",
  length: 16,
  count: 4,
  limit: 10,
  pattern: "6162",
  data: "0102",
  encoding: "hex",
  names: ["a0"],
  values: { a0: "0x1" },
  image: "k.bin",
  name: "n.bin",
  kind: "raw",
  device: "uart0",
  console: "uart0",
  offset: 0,
  after: 0,
  from: 0,
  text: "x",
  timeoutMs: 0,
  instructions: 100,
  pc: "0x80000000",
  subscription: "t1",
  fields: ["seq", "paddr"],
  filter: { paddr: ["0x0-0x10"], direction: ["read"] },
  include: { fetch: true },
  load: [{ image: "k.bin", address: "0x80000000" }],
  virtio: [{ type: "block", image: "k.bin" }, { type: "entropy" }],
  kernel: "k.bin",
  ram: "1M",
};

const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  -0,
  2 ** 53,
  "",
  "0x",
  "0xffffffffffffffff",
  "0xFFFFFFFFFFFFFFFFF",
  "\u0000",
  "../../etc/passwd",
  "a".repeat(300),
  "💥",
  "__proto__",
  [],
  {},
  [[]],
  { __proto__: null, constructor: 1 },
  [null, 1, "x"],
  { a: { b: { c: {} } } },
  Number.MAX_SAFE_INTEGER,
  "constructor",
  "toString",
];

function mutated(random: Random, depth = 0): unknown {
  if (depth > 2 || random.chance(60)) return random.pick(ODD);
  if (random.chance(50)) return Array.from({ length: random.below(5) }, () => mutated(random, depth + 1));
  const keys = ["a", "image", "kind", "type", "__proto__", "constructor", "0", ""];
  return Object.fromEntries(
    Array.from({ length: random.below(4) }, () => [random.pick(keys), mutated(random, depth + 1)]),
  );
}

function parameters(random: Random, known: readonly string[]): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  for (const key of known) {
    if (random.chance(15)) continue;
    params[key] = random.chance(25) ? mutated(random) : key in GOOD ? GOOD[key] : mutated(random);
  }
  if (random.chance(10))
    params[random.pick(["extra", "__proto__", "constructor", "hasOwnProperty", "session "])] = mutated(random);
  return params;
}

/** Flips, drops, repeats and inserts characters. */
function garble(random: Random, text: string): string {
  let out = text;
  for (let n = random.below(4) + 1; n > 0; n--) {
    const at = random.below(out.length + 1);
    const junk = random.pick([
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "\\",
      "\u0000",
      "9",
      "e",
      "-",
      "\\u",
      "null",
      "[[[[[[[[",
    ]);
    if (random.chance(40)) out = out.slice(0, at) + junk + out.slice(at);
    else if (random.chance(50)) out = out.slice(0, at) + out.slice(at + 1 + random.below(8));
    else out = out.slice(0, at) + out.slice(Math.max(0, at - random.below(20)), at) + out.slice(at);
  }
  return out;
}

async function sendRpc(app: FastifyInstance, random: Random): Promise<void> {
  const op = random.pick(OPERATIONS);
  const one = () => {
    const request: Record<string, unknown> = {
      jsonrpc: "2.0",
      id: 1,
      method: op.name,
      params: parameters(random, Object.keys(op.params.properties)),
    };
    if (random.chance(8)) request[random.pick(["jsonrpc", "id", "method", "params", "more"])] = mutated(random);
    if (random.chance(5)) delete request["id"];
    return request;
  };
  let payload = JSON.stringify(random.chance(15) ? Array.from({ length: random.below(4) }, one) : one());
  if (random.chance(20)) payload = garble(random, payload);
  const response = await app.inject({
    method: "POST",
    url: "/rpc",
    headers: { "content-type": "application/json" },
    payload,
  });
  assert.ok(response.statusCode === 200 || response.statusCode === 204, `${response.statusCode}: ${payload}`);
  if (response.statusCode === 204) return;
  const answers = [JSON.parse(response.payload)].flat();
  for (const answer of answers) {
    assert.equal(answer.jsonrpc, "2.0");
    if (answer.error === undefined) assert.ok("result" in answer);
    else assert.notEqual(answer.error.data.code, "EMU_INTERNAL", payload);
  }
}

async function sendRest(app: FastifyInstance, random: Random): Promise<void> {
  const op = random.pick(OPERATIONS);
  const params = parameters(random, Object.keys(op.params.properties));
  const asText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  let path = op.rest.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = params[name] ?? "a";
    delete params[name];
    return encodeURIComponent(String(asText(value)).replace(/[\ud800-\udfff]/g, "?")).slice(0, 500) || "x";
  });
  const inQuery = op.rest.method === "GET" || op.rest.method === "DELETE" || random.chance(10);
  if (inQuery)
    path += `?${new URLSearchParams(Object.entries(params).map(([key, value]): [string, string] => [key, String(asText(value))]))}`;
  if (random.chance(5)) path = garble(random, path).replace(/[^\x21-\x7e]/g, "");
  if (!path.startsWith("/") || path.startsWith("//")) path = "/v1";
  let payload = JSON.stringify(params);
  if (random.chance(20)) payload = garble(random, payload);
  const type = random.chance(85)
    ? "application/json"
    : random.pick([
        "application/octet-stream",
        "text/plain",
        "x/y",
        "",
        "application/json; charset=zzz",
        "multipart/form-data; boundary=x",
      ]);
  const options = inQuery ? {} : { payload, headers: { "content-type": type } };
  const response = await app.inject({ method: op.rest.method, url: path, ...options });
  if (response.statusCode < 400) return;
  assert.match(String(response.headers["content-type"]), /^application\/problem\+json/, `${path} ${response.payload}`);
  const problem = JSON.parse(response.payload);
  assert.equal(problem.status, response.statusCode);
  assert.ok(problem.code in ERRORS);
  assert.notEqual(problem.code, "EMU_INTERNAL", `${op.rest.method} ${path} ${payload}`);
}

test(`${COUNT} mutated requests give errors or results, and leave nothing behind`, { timeout: 120_000 }, async (t) => {
  const seed = Number(process.env["TEST_SEED"] ?? 0x5eed);
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const { app, sessions, service, dataDir, logged } = await build(t, { limits: { maxSessions: 8, maxImages: 50 } });
  const prepare = async () => {
    await sessions.close();
    for (const image of service.images.list()) await service.images.delete(image, () => []);
    await app.inject({
      method: "PUT",
      url: "/v1/images?name=k.bin&kind=raw",
      headers: { "content-type": "application/octet-stream" },
      payload: Buffer.from("kernel"),
    });
    await app.inject({ method: "POST", url: "/v1/sessions", payload: { id: "a" } });
  };
  await prepare();
  for (let n = 0; n < COUNT; n++) {
    if (n % 200 === 0) {
      await prepare();
      logged.length = 0;
    }
    if (random.chance(50)) await sendRpc(app, random);
    else await sendRest(app, random);
    assert.ok(!logged.some((line) => Number(line["level"]) >= 50), JSON.stringify(logged.at(-1)));
  }
  assert.equal((await app.inject("/v1/health")).statusCode, 200);
  assert.equal(service.waits.count, 0);
  assert.deepEqual(await readdir(join(dataDir, "incoming")), []);
  for (const session of sessions.list()) assert.equal(session.listeners, 0);
  const blobs = await readdir(join(dataDir, "blobs/sha256"), { recursive: true });
  assert.equal(blobs.filter((name) => name.length > 10).length, service.images.list().length);
  assert.equal(({} as Record<string, unknown>)["a"], undefined, "no prototype was touched");
});
