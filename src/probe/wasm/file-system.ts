// The files of one Wasm plugin: a tree in memory that begins empty and is bounded in bytes and names. Nothing of it is on
// any disk. Paths are kept without a leading slash; `.` and `..` are resolved before, so nothing is above the root.

export class File {
  private buffer = new Uint8Array(0);
  size = 0;
  /** Changed since it was offered as a result. */
  dirty = false;
  /** Still open without a name: its bytes count no more, so it must not get others. */
  removed = false;

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.size);
  }

  /** The caller has asked FileSystem.grow before. */
  resize(size: number): void {
    if (size > this.buffer.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.buffer.length, 512));
      grown.set(this.bytes);
      this.buffer = grown;
    } else if (size < this.size) this.buffer.fill(0, size, this.size);
    this.size = size;
    this.dirty = true;
  }

  write(at: number, bytes: Uint8Array): void {
    this.buffer.set(bytes, at);
    this.dirty = true;
  }
}

export class FileSystem {
  readonly #entries = new Map<string, File | "directory">();
  readonly #maxBytes: number;
  readonly #maxEntries: number;
  #used = 0;

  constructor(maxBytes: number, maxEntries: number) {
    this.#maxBytes = maxBytes;
    this.#maxEntries = maxEntries;
  }

  static resolve(base: string, path: string): string {
    const parts: string[] = [];
    for (const part of (path.startsWith("/") ? path : `${base}/${path}`).split("/")) {
      if (part === "..") parts.pop();
      else if (part !== "" && part !== ".") parts.push(part);
    }
    return parts.join("/");
  }

  get(path: string): File | "directory" | undefined {
    return path === "" ? "directory" : this.#entries.get(path);
  }

  /** Whether the directory that an entry of this path would be in exists. */
  hasParent(path: string): boolean {
    return this.get(path.slice(0, Math.max(0, path.lastIndexOf("/")))) === "directory";
  }

  /** Has the directories above a file that is to be created: plugins name places that a host would have. */
  makeParents(path: string): boolean {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const above = path.slice(0, at);
      const entry = this.get(above);
      if (entry instanceof File || (!entry && !this.makeDirectory(above))) return false;
    }
    return true;
  }

  /** Undefined when there are too many entries. */
  create(path: string): File | undefined {
    if (this.#entries.size >= this.#maxEntries) return undefined;
    const file = new File();
    file.dirty = true;
    this.#entries.set(path, file);
    return file;
  }

  makeDirectory(path: string): boolean {
    if (this.#entries.size >= this.#maxEntries) return false;
    this.#entries.set(path, "directory");
    return true;
  }

  /** Sets a file's size; false when that is more than all files together may have. */
  resize(file: File, size: number): boolean {
    if (file.removed) return false;
    const used = this.#used + size - file.size;
    if (size > file.size && used > this.#maxBytes) return false;
    this.#used = used;
    file.resize(size);
    return true;
  }

  remove(path: string): void {
    const entry = this.#entries.get(path);
    if (entry instanceof File) {
      this.#used -= entry.size;
      entry.removed = true;
    }
    this.#entries.delete(path);
  }

  rename(from: string, to: string): void {
    const entry = this.#entries.get(from);
    if (!entry || from === to) return;
    this.remove(to);
    this.#entries.delete(from);
    this.#entries.set(to, entry);
    if (entry instanceof File) entry.dirty = true;
    else {
      for (const path of [...this.#entries.keys()]) {
        if (path.startsWith(`${from}/`)) this.rename(path, `${to}${path.slice(from.length)}`);
      }
    }
  }

  /** Names in a directory. */
  list(path: string): string[] {
    const prefix = path === "" ? "" : `${path}/`;
    const names: string[] = [];
    for (const entry of this.#entries.keys()) {
      if (entry.startsWith(prefix) && !entry.slice(prefix.length).includes("/")) names.push(entry.slice(prefix.length));
    }
    return names.sort();
  }

  /** Files that changed since they were offered last. */
  *changed(): Generator<[string, File]> {
    for (const [path, entry] of this.#entries) {
      if (entry instanceof File && entry.dirty) yield [path, entry];
    }
  }
}
