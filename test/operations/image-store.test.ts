import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { EmuError } from "../../src/operations/errors.js";
import { ImageStore } from "../../src/operations/image-store.js";
import { makeLimits } from "../../src/operations/limits.js";

async function* bytes(...chunks: (string | Uint8Array)[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

async function directory(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "emuscope-store-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  return root;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const code = (expected: string) => (error: unknown) => error instanceof EmuError && error.code === expected;

test("what is stored is there after a restart, what was under way is not", async (t) => {
  const root = await directory(t);
  const limits = makeLimits();
  const first = await ImageStore.open(root, limits);
  const { image } = await first.put(bytes("he", "llo"), { name: "hi", kind: "raw" });
  assert.equal(image.digest, sha256("hello"));
  await writeFile(join(root, "incoming", "half"), "an upload cut off");
  const second = await ImageStore.open(root, limits);
  assert.deepEqual(second.list(), [image]);
  assert.equal((await second.read(second.find("hi"))).toString(), "hello");
  assert.equal(second.stored, 5);
  assert.deepEqual(await readdir(join(root, "incoming")), []);
});

test("a record whose bytes are gone or cut is forgotten", async (t) => {
  const root = await directory(t);
  const store = await ImageStore.open(root, makeLimits());
  const { image } = await store.put(bytes("hello"));
  await writeFile(join(root, "blobs/sha256", image.digest.slice(0, 2), image.digest), "hel");
  assert.deepEqual((await ImageStore.open(root, makeLimits())).list(), []);
  await mkdir(join(root, "images"), { recursive: true });
  await writeFile(join(root, "images", "notes.txt"), "not a record");
  await ImageStore.open(root, makeLimits());
});

test("the same bytes sent many times at once are stored once", async (t) => {
  const root = await directory(t);
  const store = await ImageStore.open(root, makeLimits());
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) => store.put(bytes("same"), { name: `n${n}`, kind: "raw" })),
  );
  assert.equal(results.filter(({ created }) => created).length, 1);
  assert.equal(store.list()[0]?.names.length, 20);
  assert.equal(store.stored, 4);
  const record = JSON.parse(await readFile(join(root, "images", `${sha256("same")}.json`), "utf8"));
  assert.equal(record.names.length, 20);
});

test("a source that fails leaves nothing", async (t) => {
  const root = await directory(t);
  const store = await ImageStore.open(root, makeLimits());
  async function* broken(): AsyncIterable<Uint8Array> {
    yield Buffer.from("begin");
    throw new Error("the client went away");
  }
  await assert.rejects(store.put(broken()), /went away/);
  assert.deepEqual(await readdir(join(root, "incoming")), []);
  assert.deepEqual(store.list(), []);
});

test("the store has room for so many bytes and images, uploads under way included", async (t) => {
  const root = await directory(t);
  const store = await ImageStore.open(root, makeLimits({ maxStoreBytes: 100, maxImageBytes: 80, maxImages: 2 }));
  await store.put(bytes(new Uint8Array(60)), { kind: "raw" });
  await assert.rejects(store.put(bytes(new Uint8Array(81))), code("EMU_BODY_TOO_LARGE"));
  const both = await Promise.allSettled([
    store.put(bytes(new Uint8Array(30).fill(1))),
    store.put(bytes(new Uint8Array(30).fill(2))),
  ]);
  assert.ok(both.some((result) => result.status === "rejected"));
  await store.put(bytes("x"), { kind: "raw" }).catch(() => undefined);
  await assert.rejects(store.put(bytes("y"), { kind: "raw" }), code("EMU_CAPACITY"));
  assert.ok(store.stored <= 100);
});

test("kinds are detected, through gzip too, and a given kind is checked", async (t) => {
  const root = await directory(t);
  const store = await ImageStore.open(root, makeLimits());
  const kindOf = async (content: Uint8Array) => {
    const { kind, gzip } = (await store.put(bytes(content))).image;
    return { kind, gzip };
  };
  const hexFile = Buffer.from(":0100000055AA\n:00000001FF\n");
  assert.deepEqual(await kindOf(hexFile), { kind: "ihex", gzip: false });
  assert.deepEqual(await kindOf(gzipSync(hexFile)), { kind: "ihex", gzip: true });
  assert.deepEqual(await kindOf(Buffer.from("whatever")), { kind: "raw", gzip: false });
  await assert.rejects(store.put(bytes("whatever!"), { kind: "elf" }), code("EMU_IMAGE_MALFORMED"));
  await assert.rejects(store.put(bytes(new Uint8Array([0x1f, 0x8b, 9, 9, 9]))), code("EMU_IMAGE_MALFORMED"));
  await assert.rejects(store.put(bytes("")), code("EMU_IMAGE_MALFORMED"));
});

test("a pinned image cannot be deleted", async (t) => {
  const root = await directory(t);
  const store = await ImageStore.open(root, makeLimits());
  const { image } = await store.put(bytes("hello"), { name: "hi" });
  const unpin = store.pin(image);
  const again = store.pin(image);
  unpin();
  unpin();
  await assert.rejects(
    store.delete(image, () => []),
    code("EMU_IMAGE_IN_USE"),
  );
  again();
  await assert.rejects(
    store.delete(image, () => ["s1"]),
    /s1/,
  );
  await store.delete(image, () => []);
  assert.throws(() => store.find("hi"), code("EMU_IMAGE_NOT_FOUND"));
  assert.equal(store.stored, 0);
  assert.deepEqual((await ImageStore.open(root, makeLimits())).list(), []);
});

test("a prefix that fits two images is refused", async (t) => {
  const store = await ImageStore.open(await directory(t), makeLimits());
  const { image } = await store.put(bytes("hello"));
  assert.equal(store.find(image.digest.slice(0, 8)).digest, image.digest);
  assert.throws(() => store.find(image.digest.slice(0, 7)), code("EMU_IMAGE_NOT_FOUND"));
  for (const odd of ["", "__proto__", "../x", "constructor"])
    assert.throws(() => store.find(odd), code("EMU_IMAGE_NOT_FOUND"));
});
