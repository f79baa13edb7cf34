// Content-addressed store of uploaded images under a data directory.
//   blobs/sha256/ab/<digest>   the bytes, written once: to a temporary file, synced, then renamed
//   images/<digest>.json       what is known about them (ImageRecord)
//   incoming/                  uploads under way; emptied at start
// Putting bytes that are stored already changes nothing but names. A name points to one image; giving it to
// another image moves it, as a tag would.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { detectKind, loadImage } from "../image/detect.js";
import { ImageError } from "../image/image.js";
import type { ImageKind } from "../machine/description.js";
import { atCapacity, EmuError } from "./errors.js";
import type { Limits } from "./limits.js";

export interface ImageRecord {
  /** sha256 of the stored bytes, 64 lower-case hex digits. */
  digest: string;
  /** Bytes, as stored. */
  size: number;
  kind: ImageKind;
  gzip: boolean;
  names: string[];
  /** ISO 8601. */
  created: string;
}

export interface PutOptions {
  name?: string;
  /** Detected when absent. */
  kind?: ImageKind;
  /** Expected sha256, checked. */
  digest?: string;
}

/** Bytes looked at to detect the kind. */
const HEAD_BYTES = 64 * 1024;
/** Images up to this size are parsed at upload, so that mistakes show early; larger ones when a machine is made of them. */
const PARSE_BYTES = {
  elf: 32 * 1024 * 1024,
  linux: 32 * 1024 * 1024,
  ihex: 4 * 1024 * 1024,
  srec: 4 * 1024 * 1024,
  raw: 0,
};

export class ImageStore {
  readonly #root: string;
  readonly #limits: Limits;
  readonly #images = new Map<string, ImageRecord>();
  readonly #names = new Map<string, string>();
  /** How many sessions under construction hold an image. */
  readonly #pins = new Map<string, number>();
  /** Bytes of uploads under way, so that several at once cannot overrun the store together. */
  #incoming = 0;
  #stored = 0;
  /** Changes of the index happen one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(root: string, limits: Limits) {
    this.#root = root;
    this.#limits = limits;
  }

  /** Opens or makes the store in `root`. Throws where the directory cannot be used. */
  static async open(root: string, limits: Limits): Promise<ImageStore> {
    const store = new ImageStore(root, limits);
    await rm(join(root, "incoming"), { recursive: true, force: true });
    for (const directory of ["incoming", "images", "blobs/sha256"])
      await mkdir(join(root, directory), { recursive: true });
    for (const file of (await readdir(join(root, "images"))).sort()) {
      if (!/^[0-9a-f]{64}\.json$/.test(file)) continue;
      const record = JSON.parse(await readFile(join(root, "images", file), "utf8")) as ImageRecord;
      const size = await stat(store.#blob(record.digest)).then(
        (info) => info.size,
        () => -1,
      );
      // a crash between two renames can leave a record whose blob is missing or the other way round
      if (size === record.size) store.#index(record);
    }
    return store;
  }

  get stored(): number {
    return this.#stored;
  }

  list(): ImageRecord[] {
    return [...this.#images.values()].sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
  }

  /** By digest (with or without `sha256:`), by a prefix of it of 8 digits or more, or by name. @throws EMU_IMAGE_NOT_FOUND */
  find(reference: string): ImageRecord {
    const named = this.#names.get(reference);
    if (named !== undefined) return this.#images.get(named) as ImageRecord;
    const digest = reference.startsWith("sha256:") ? reference.slice(7) : reference;
    const exact = this.#images.get(digest);
    if (exact) return exact;
    if (/^[0-9a-f]{8,63}$/.test(digest)) {
      const hits = [...this.#images.values()].filter((record) => record.digest.startsWith(digest));
      if (hits.length === 1) return hits[0] as ImageRecord;
      if (hits.length > 1) {
        throw new EmuError("EMU_IMAGE_NOT_FOUND", `${reference}: ${hits.length} images begin so; give more digits`, {
          image: reference,
        });
      }
    }
    throw new EmuError("EMU_IMAGE_NOT_FOUND", `no image "${reference}"; image.list shows what is stored`, {
      image: reference,
    });
  }

  read(record: ImageRecord): Promise<Buffer> {
    return readFile(this.#blob(record.digest));
  }

  stream(record: ImageRecord): AsyncIterable<Uint8Array> {
    return createReadStream(this.#blob(record.digest));
  }

  /**
   * Stores what `source` yields. Nothing is kept when it fails.
   * @throws EMU_BODY_TOO_LARGE, EMU_IMAGE_DIGEST_MISMATCH, EMU_IMAGE_MALFORMED, EMU_CAPACITY
   */
  async put(
    source: AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<{ image: ImageRecord; created: boolean }> {
    const temporary = join(this.#root, "incoming", randomUUID());
    let size = 0;
    try {
      const hash = createHash("sha256");
      const file = await open(temporary, "wx");
      try {
        for await (const chunk of source) {
          size += chunk.byteLength;
          this.#incoming += chunk.byteLength;
          this.#checkRoom(size);
          hash.update(chunk);
          await file.writeFile(chunk);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const digest = hash.digest("hex");
      if (options.digest !== undefined && options.digest !== digest) {
        throw new EmuError("EMU_IMAGE_DIGEST_MISMATCH", `the bytes have digest ${digest}, not ${options.digest}`, {
          digest,
          expected: options.digest,
        });
      }
      if (size === 0) throw new EmuError("EMU_IMAGE_MALFORMED", "the image is empty", { offset: 0 });
      const { kind, gzip } = await inspect(temporary, size, options.kind);
      return await this.#exclusive(() =>
        this.#commit(temporary, { digest, size, kind, gzip, names: [], created: "" }, options),
      );
    } finally {
      this.#incoming -= size;
      await rm(temporary, { force: true });
    }
  }

  /** Keeps an image from being deleted until the returned function is called. */
  pin(record: ImageRecord): () => void {
    this.#pins.set(record.digest, (this.#pins.get(record.digest) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#pins.get(record.digest) ?? 1) - 1;
      if (left === 0) this.#pins.delete(record.digest);
      else this.#pins.set(record.digest, left);
    };
  }

  /** `users` names the sessions made of it, asked at the moment that counts. @throws EMU_IMAGE_IN_USE */
  async delete(record: ImageRecord, users: () => string[]): Promise<void> {
    await this.#exclusive(async () => {
      const present = this.#images.get(record.digest);
      if (!present) return;
      const sessions = users();
      if (sessions.length > 0) {
        throw new EmuError("EMU_IMAGE_IN_USE", `used by ${sessions.join(", ")}; delete the session first`, {
          sessions,
        });
      }
      if (this.#pins.has(record.digest)) {
        throw new EmuError("EMU_IMAGE_IN_USE", "a session is being made of it", { sessions });
      }
      this.#images.delete(present.digest);
      this.#stored -= present.size;
      for (const name of present.names) this.#names.delete(name);
      // the record first: a blob without a record is only waste, a record without a blob is a lie
      await rm(this.#record(present.digest), { force: true });
      await rm(this.#blob(present.digest), { force: true });
    });
  }

  #checkRoom(size: number): void {
    const { maxImageBytes, maxStoreBytes } = this.#limits;
    if (size > maxImageBytes) {
      throw new EmuError("EMU_BODY_TOO_LARGE", `an image may have ${maxImageBytes} bytes (limit maxImageBytes)`, {
        limit: "maxImageBytes",
        allowed: maxImageBytes,
      });
    }
    if (this.#stored + this.#incoming > maxStoreBytes) {
      throw atCapacity("the image store is full", "maxStoreBytes", maxStoreBytes);
    }
  }

  async #commit(
    temporary: string,
    fresh: ImageRecord,
    options: PutOptions,
  ): Promise<{ image: ImageRecord; created: boolean }> {
    const present = this.#images.get(fresh.digest);
    if (!present && this.#images.size >= this.#limits.maxImages)
      throw atCapacity("the store holds as many images as it may", "maxImages", this.#limits.maxImages);
    const record = present
      ? { ...present, names: [...present.names], kind: options.kind ?? present.kind }
      : { ...fresh, created: new Date().toISOString() };
    const name = options.name;
    const previous = name === undefined ? undefined : this.#images.get(this.#names.get(name) ?? "");
    if (name !== undefined && !record.names.includes(name)) record.names.push(name);
    if (!present) {
      const blob = this.#blob(fresh.digest);
      await mkdir(join(blob, ".."), { recursive: true });
      await rename(temporary, blob);
    }
    if (previous && previous.digest !== record.digest) {
      const stripped = { ...previous, names: previous.names.filter((other) => other !== name) };
      await this.#save(stripped);
      this.#images.set(stripped.digest, stripped);
    }
    await this.#save(record);
    this.#index(record);
    return { image: record, created: !present };
  }

  #index(record: ImageRecord): void {
    if (!this.#images.has(record.digest)) this.#stored += record.size;
    this.#images.set(record.digest, record);
    for (const name of record.names) this.#names.set(name, record.digest);
  }

  async #save(record: ImageRecord): Promise<void> {
    const temporary = join(this.#root, "incoming", randomUUID());
    await writeFile(temporary, `${JSON.stringify(record)}\n`, { flush: true } as object);
    await rename(temporary, this.#record(record.digest));
  }

  #exclusive<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(task);
    this.#queue = run.catch(() => undefined);
    return run;
  }

  #blob(digest: string): string {
    return join(this.#root, "blobs/sha256", digest.slice(0, 2), digest);
  }

  #record(digest: string): string {
    return join(this.#root, "images", `${digest}.json`);
  }
}

/** Kind and compression of a file; images of moderate size with a structure are parsed. @throws EMU_IMAGE_MALFORMED */
async function inspect(
  path: string,
  size: number,
  given: ImageKind | undefined,
): Promise<{ kind: ImageKind; gzip: boolean }> {
  const file = await open(path, "r");
  try {
    let head: Uint8Array = new Uint8Array(Math.min(size, HEAD_BYTES));
    await file.read(head, 0, head.length, 0);
    const gzip = head[0] === 0x1f && head[1] === 0x8b;
    if (gzip) head = unzipHead(head);
    const kind = given ?? detectKind(head);
    if (!gzip && size <= PARSE_BYTES[kind]) {
      const bytes = new Uint8Array(size);
      await file.read(bytes, 0, size, 0);
      try {
        loadImage(bytes, { kind });
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        const hint = given === undefined ? "; give kind=raw to store it as plain bytes" : "";
        throw new EmuError("EMU_IMAGE_MALFORMED", `not a valid ${kind} image: ${error.message}${hint}`, {
          kind,
          offset: error.offset,
          reason: error.reason,
        });
      }
    }
    return { kind, gzip };
  } finally {
    await file.close();
  }
}

/** Decompresses as much as the first bytes of a gzip file hold. */
function unzipHead(head: Uint8Array): Uint8Array {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 128 * 1024 * 1024 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EmuError("EMU_IMAGE_MALFORMED", `the gzip wrapper is damaged: ${reason}`, { offset: 0, reason });
  }
}
