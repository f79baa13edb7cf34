// Content-addressed store of uploaded bytes under a directory, with what is known about them.
//   blobs/sha256/ab/<digest>     the bytes, written once: to a temporary file, synced, then renamed
//   <records>/<digest>.json      what is known about them
//   incoming/                    uploads under way; emptied at start
// Putting bytes that are stored already changes nothing but names. A name points to one entry; giving it to
// another one moves it, as a tag would.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { atCapacity, EmuError, type ErrorCode } from "./errors.js";
import type { LimitName, Limits } from "./limits.js";

export interface StoredRecord {
  /** sha256 of the stored bytes, 64 lower-case hex digits. */
  digest: string;
  /** Bytes, as stored. */
  size: number;
  names: string[];
  /** ISO 8601. */
  created: string;
}

export interface PutOptions {
  name?: string;
  /** Expected sha256, checked. */
  digest?: string;
}

/** What a store holds, and how it speaks about it. */
export interface StoreKind<R extends StoredRecord, P extends PutOptions> {
  /** `image`: for messages. */
  noun: string;
  /** Folder of the records. */
  records: string;
  limits: { size: LimitName; count: LimitName; total: LimitName };
  errors: { notFound: ErrorCode; inUse: ErrorCode; malformed: ErrorCode };
  /** How a refusal to delete reads: `<verb> a, b; <hint>`; `member` holds the users in the problem. */
  use: { verb: string; hint: string; pinned: string; member: string };
  /** Looks at a complete upload. @throws EmuError where it is not what the store holds */
  inspect(path: string, size: number, options: P): Promise<Omit<R, keyof StoredRecord>>;
  /** What the same bytes put again change in the record, besides names. */
  again?(present: R, options: P): Partial<R>;
}

export class ContentStore<R extends StoredRecord, P extends PutOptions> {
  readonly #root: string;
  readonly #limits: Limits;
  readonly #kind: StoreKind<R, P>;
  readonly #entries = new Map<string, R>();
  readonly #names = new Map<string, string>();
  /** How many users under construction hold an entry. */
  readonly #pins = new Map<string, number>();
  /** Bytes of uploads under way, so that several at once cannot overrun the store together. */
  #incoming = 0;
  #stored = 0;
  /** Changes of the index happen one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  protected constructor(root: string, limits: Limits, kind: StoreKind<R, P>) {
    this.#root = root;
    this.#limits = limits;
    this.#kind = kind;
  }

  /** Reads what is stored. Throws where the directory cannot be used. */
  protected async load(): Promise<this> {
    const records = join(this.#root, this.#kind.records);
    await rm(join(this.#root, "incoming"), { recursive: true, force: true });
    for (const directory of [join(this.#root, "incoming"), records, join(this.#root, "blobs/sha256")])
      await mkdir(directory, { recursive: true });
    for (const file of (await readdir(records)).sort()) {
      if (!/^[0-9a-f]{64}\.json$/.test(file)) continue;
      const record = JSON.parse(await readFile(join(records, file), "utf8")) as R;
      const size = await stat(this.#blob(record.digest)).then(
        (info) => info.size,
        () => -1,
      );
      // a crash between two renames can leave a record whose blob is missing or the other way round
      if (size === record.size) this.#index(record);
    }
    return this;
  }

  get stored(): number {
    return this.#stored;
  }

  list(): R[] {
    return [...this.#entries.values()].sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
  }

  /** By digest (with or without `sha256:`), by a prefix of it of 8 digits or more, or by name. Undefined where nothing or more than one fits. */
  lookUp(reference: string): R | undefined {
    const named = this.#names.get(reference);
    if (named !== undefined) return this.#entries.get(named) as R;
    const hits = this.#byDigest(reference);
    return hits.length === 1 ? hits[0] : undefined;
  }

  /** As `lookUp`. @throws the store's notFound error */
  find(reference: string): R {
    const found = this.lookUp(reference);
    if (found) return found;
    const { noun, errors } = this.#kind;
    const hits = this.#byDigest(reference).length;
    const detail =
      hits > 1
        ? `${reference}: ${hits} ${noun}s begin so; give more digits`
        : `no ${noun} "${reference}"; ${noun}.list shows what is stored`;
    throw new EmuError(errors.notFound, detail, { [noun]: reference });
  }

  read(record: R): Promise<Buffer> {
    return readFile(this.#blob(record.digest));
  }

  stream(record: R): AsyncIterable<Uint8Array> {
    return createReadStream(this.#blob(record.digest));
  }

  /**
   * Stores what `source` yields. Nothing is kept when it fails.
   * @throws EMU_BODY_TOO_LARGE, EMU_IMAGE_DIGEST_MISMATCH, the store's malformed error, EMU_CAPACITY
   */
  async put(source: AsyncIterable<Uint8Array>, options = {} as P): Promise<{ image: R; created: boolean }> {
    const { noun, errors } = this.#kind;
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
      if (size === 0) throw new EmuError(errors.malformed, `the ${noun} is empty`, { offset: 0 });
      const known = await this.#kind.inspect(temporary, size, options);
      const fresh = { digest, size, ...known, names: [], created: "" } as unknown as R;
      return await this.#exclusive(() => this.#commit(temporary, fresh, options));
    } finally {
      this.#incoming -= size;
      await rm(temporary, { force: true });
    }
  }

  /** Keeps an entry from being deleted until the returned function is called. */
  pin(record: R): () => void {
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

  /** `users` names who uses it, asked at the moment that counts. @throws the store's inUse error */
  async delete(record: R, users: () => string[]): Promise<void> {
    const { errors, use } = this.#kind;
    await this.#exclusive(async () => {
      const present = this.#entries.get(record.digest);
      if (!present) return;
      const found = users();
      if (found.length > 0) {
        throw new EmuError(errors.inUse, `${use.verb} ${found.join(", ")}; ${use.hint}`, { [use.member]: found });
      }
      if (this.#pins.has(record.digest)) throw new EmuError(errors.inUse, use.pinned, { [use.member]: found });
      this.#entries.delete(present.digest);
      this.#stored -= present.size;
      for (const name of present.names) this.#names.delete(name);
      // the record first: a blob without a record is only waste, a record without a blob is a lie
      await rm(this.#record(present.digest), { force: true });
      await rm(this.#blob(present.digest), { force: true });
    });
  }

  #byDigest(reference: string): R[] {
    const digest = reference.startsWith("sha256:") ? reference.slice(7) : reference;
    const exact = this.#entries.get(digest);
    if (exact) return [exact];
    if (!/^[0-9a-f]{8,63}$/.test(digest)) return [];
    return [...this.#entries.values()].filter((record) => record.digest.startsWith(digest));
  }

  #checkRoom(size: number): void {
    const { noun, limits } = this.#kind;
    const allowed = this.#limits[limits.size];
    if (size > allowed) {
      const article = /^[aeiou]/.test(noun) ? "an" : "a";
      throw new EmuError("EMU_BODY_TOO_LARGE", `${article} ${noun} may have ${allowed} bytes (limit ${limits.size})`, {
        limit: limits.size,
        allowed,
      });
    }
    const total = this.#limits[limits.total];
    if (this.#stored + this.#incoming > total) throw atCapacity(`the ${noun} store is full`, limits.total, total);
  }

  async #commit(temporary: string, fresh: R, options: P): Promise<{ image: R; created: boolean }> {
    const { noun, limits, again } = this.#kind;
    const present = this.#entries.get(fresh.digest);
    const most = this.#limits[limits.count];
    if (!present && this.#entries.size >= most)
      throw atCapacity(`the store holds as many ${noun}s as it may`, limits.count, most);
    const record: R = present
      ? { ...present, names: [...present.names], ...again?.(present, options) }
      : { ...fresh, created: new Date().toISOString() };
    const name = options.name;
    const previous = name === undefined ? undefined : this.#entries.get(this.#names.get(name) ?? "");
    if (name !== undefined && !record.names.includes(name)) record.names.push(name);
    if (!present) {
      const blob = this.#blob(fresh.digest);
      await mkdir(join(blob, ".."), { recursive: true });
      await rename(temporary, blob);
    }
    if (previous && previous.digest !== record.digest) {
      const stripped = { ...previous, names: previous.names.filter((other) => other !== name) };
      await this.#save(stripped);
      this.#entries.set(stripped.digest, stripped);
    }
    await this.#save(record);
    this.#index(record);
    return { image: record, created: !present };
  }

  #index(record: R): void {
    if (!this.#entries.has(record.digest)) this.#stored += record.size;
    this.#entries.set(record.digest, record);
    for (const name of record.names) this.#names.set(name, record.digest);
  }

  async #save(record: R): Promise<void> {
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
    return join(this.#root, this.#kind.records, `${digest}.json`);
  }
}
