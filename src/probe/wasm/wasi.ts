// WASI preview 1 for plugins (wasi-functions.ts lists it): standard output is the plugin's output, files are in memory and
// become result files, time is the machine's virtual time, random numbers come from a fixed seed. So a plugin reaches
// nothing outside and does the same in each run.
import { File, FileSystem } from "./file-system.js";
import type { PluginMemory } from "./memory.js";

const SUCCESS = 0;
const BADF = 8;
const EXIST = 20;
const FBIG = 22;
const INVAL = 28;
const ISDIR = 31;
const MFILE = 33;
const NOENT = 44;
const NOSPC = 51;
const NOTDIR = 54;
const NOTEMPTY = 55;
const NOTSUP = 58;
const SPIPE = 70;

const CHARACTER_DEVICE = 2;
const DIRECTORY = 3;
const REGULAR_FILE = 4;

const OPEN_CREATE = 1;
const OPEN_DIRECTORY = 2;
const OPEN_EXCLUSIVE = 4;
const OPEN_TRUNCATE = 8;
const FLAG_APPEND = 1;
const RIGHT_WRITE = 1n << 6n;
const ALL_RIGHTS = (1n << 30n) - 1n;

const MAX_DESCRIPTORS = 64;
/** Longest file position: more than any bound on their bytes. */
const MAX_POSITION = 2 ** 40;

/** proc_exit, which cannot return. */
export class PluginExit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the plugin called exit(${status})`);
    this.name = "PluginExit";
    this.status = status;
  }
}

export interface WasiHost {
  output(text: string): void;
  /** A file that was written. */
  file(name: string, bytes: Uint8Array): void;
  /** Virtual time, ns. */
  now(): number;
}

export interface WasiLimits {
  fileBytes: number;
  files: number;
}

type Descriptor =
  | { kind: "stream"; decoder: TextDecoder | undefined }
  | { kind: "directory"; path: string; preopen: string | undefined }
  | { kind: "file"; path: string; file: File; position: number; append: boolean; writable: boolean };

type Functions = Record<string, (...args: never[]) => number | undefined>;

export class Wasi {
  readonly functions: Functions;
  readonly #host: WasiHost;
  readonly #memory: () => PluginMemory;
  readonly #files: FileSystem;
  readonly #descriptors: (Descriptor | undefined)[];
  #random = 0x9e3779b9;

  /** @param memory throws while there is none */
  constructor(host: WasiHost, memory: () => PluginMemory, limits: WasiLimits) {
    this.#host = host;
    this.#memory = memory;
    this.#files = new FileSystem(limits.fileBytes, limits.files);
    const stream = (): Descriptor => ({ kind: "stream", decoder: new TextDecoder() });
    this.#descriptors = [
      { kind: "stream", decoder: undefined },
      stream(),
      stream(),
      { kind: "directory", path: "", preopen: "/" },
      { kind: "directory", path: "", preopen: "." },
    ];
    this.functions = this.#makeFunctions();
  }

  /** Offers the files that were written, also those still open. */
  offerFiles(): void {
    for (const [path, file] of this.#files.changed()) this.#offer(path, file);
  }

  #offer(path: string, file: File): void {
    file.dirty = false;
    this.#host.file(path, file.bytes);
  }

  #makeFunctions(): Functions {
    const none = (count: number, size: number): number => {
      this.#memory().u32(count, 0);
      this.#memory().u32(size, 0);
      return SUCCESS;
    };
    const nothing = (): number => SUCCESS;
    const unsupported = (): number => NOTSUP;
    return {
      args_get: nothing,
      args_sizes_get: none,
      environ_get: nothing,
      environ_sizes_get: none,
      clock_res_get: (_clock: number, result: number) => {
        this.#memory().u64(result, 1n);
        return SUCCESS;
      },
      clock_time_get: (_clock: number, _precision: bigint, result: number) => {
        this.#memory().u64(result, BigInt(Math.floor(this.#host.now())));
        return SUCCESS;
      },
      random_get: (address: number, length: number) => {
        const bytes = this.#memory().bytes(address, length);
        for (let i = 0; i < bytes.length; i++) bytes[i] = this.#nextRandom() & 0xff;
        return SUCCESS;
      },
      proc_exit: (status: number) => {
        throw new PluginExit(status);
      },
      sched_yield: nothing,
      poll_oneoff: (subscriptions: number, events: number, count: number, result: number) =>
        this.#poll(subscriptions, events, count >>> 0, result),

      fd_advise: nothing,
      fd_allocate: unsupported,
      fd_datasync: nothing,
      fd_sync: nothing,
      fd_renumber: unsupported,
      fd_filestat_set_times: nothing,
      fd_close: (fd: number) => this.#close(fd),
      fd_fdstat_get: (fd: number, result: number) => this.#fdstat(fd, result),
      fd_fdstat_set_flags: (fd: number, flags: number) => {
        const found = this.#descriptors[fd];
        if (found?.kind !== "file") return found ? SUCCESS : BADF;
        found.append = (flags & FLAG_APPEND) !== 0;
        return SUCCESS;
      },
      fd_filestat_get: (fd: number, result: number) => {
        const found = this.#descriptors[fd];
        if (!found) return BADF;
        return this.#filestat(found.kind === "file" ? found.file : found.kind, result);
      },
      fd_filestat_set_size: (fd: number, size: bigint) => {
        const found = this.#descriptors[fd];
        if (found?.kind !== "file") return found ? INVAL : BADF;
        if (size < 0n || size > BigInt(MAX_POSITION)) return FBIG;
        return this.#files.resize(found.file, Number(size)) ? SUCCESS : NOSPC;
      },
      fd_prestat_get: (fd: number, result: number) => {
        const found = this.#descriptors[fd];
        if (found?.kind !== "directory" || found.preopen === undefined) return BADF;
        this.#memory().u32(result, 0);
        this.#memory().u32(result + 4, found.preopen.length);
        return SUCCESS;
      },
      fd_prestat_dir_name: (fd: number, address: number, length: number) => {
        const found = this.#descriptors[fd];
        if (found?.kind !== "directory" || found.preopen === undefined) return BADF;
        this.#memory().write(address, new TextEncoder().encode(found.preopen).subarray(0, length >>> 0));
        return SUCCESS;
      },
      fd_read: (fd: number, vectors: number, count: number, result: number) =>
        this.#read(fd, vectors, count, undefined, result),
      fd_pread: (fd: number, vectors: number, count: number, at: bigint, result: number) =>
        this.#read(fd, vectors, count, at, result),
      fd_write: (fd: number, vectors: number, count: number, result: number) =>
        this.#write(fd, vectors, count, undefined, result),
      fd_pwrite: (fd: number, vectors: number, count: number, at: bigint, result: number) =>
        this.#write(fd, vectors, count, at, result),
      fd_seek: (fd: number, offset: bigint, whence: number, result: number) => this.#seek(fd, offset, whence, result),
      fd_tell: (fd: number, result: number) => this.#seek(fd, 0n, 1, result),
      fd_readdir: (fd: number, address: number, length: number, cookie: bigint, result: number) =>
        this.#readDirectory(fd, address, length >>> 0, cookie, result),

      path_open: (
        fd: number,
        _follow: number,
        address: number,
        length: number,
        open: number,
        rights: bigint,
        _inherited: bigint,
        flags: number,
        result: number,
      ) => this.#open(fd, address, length, open, rights, flags, result),
      path_create_directory: (fd: number, address: number, length: number) => {
        const path = this.#path(fd, address, length);
        if (typeof path === "number") return path;
        if (this.#files.get(path)) return EXIST;
        if (!this.#files.hasParent(path)) return NOENT;
        return this.#files.makeDirectory(path) ? SUCCESS : NOSPC;
      },
      path_filestat_get: (fd: number, _follow: number, address: number, length: number, result: number) => {
        const path = this.#path(fd, address, length);
        if (typeof path === "number") return path;
        const entry = this.#files.get(path);
        return entry ? this.#filestat(entry, result) : NOENT;
      },
      path_filestat_set_times: nothing,
      path_link: unsupported,
      path_symlink: unsupported,
      path_readlink: () => INVAL,
      path_remove_directory: (fd: number, address: number, length: number) => {
        const path = this.#path(fd, address, length);
        if (typeof path === "number") return path;
        const entry = this.#files.get(path);
        if (entry !== "directory" || path === "") return entry ? NOTDIR : NOENT;
        if (this.#files.list(path).length > 0) return NOTEMPTY;
        this.#files.remove(path);
        return SUCCESS;
      },
      path_rename: (fd: number, address: number, length: number, toFd: number, toAddress: number, toLength: number) => {
        const from = this.#path(fd, address, length);
        const to = this.#path(toFd, toAddress, toLength);
        if (typeof from === "number") return from;
        if (typeof to === "number") return to;
        if (!this.#files.get(from) || !this.#files.hasParent(to)) return NOENT;
        if (from === "" || to === "" || to.startsWith(`${from}/`)) return INVAL;
        if (this.#files.get(to) === "directory") return EXIST;
        this.#files.rename(from, to);
        return SUCCESS;
      },
      path_unlink_file: (fd: number, address: number, length: number) => {
        const path = this.#path(fd, address, length);
        if (typeof path === "number") return path;
        const entry = this.#files.get(path);
        if (!entry) return NOENT;
        if (entry === "directory") return ISDIR;
        this.#files.remove(path);
        return SUCCESS;
      },
    };
  }

  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x >>> 8;
  }

  /** Path inside the tree of a name relative to a directory; an error number otherwise. */
  #path(fd: number, address: number, length: number): string | number {
    const found = this.#descriptors[fd];
    if (!found) return BADF;
    if (found.kind !== "directory") return NOTDIR;
    if (length >>> 0 > 4096) return INVAL;
    const name = this.#memory().text(address, length);
    return name.includes("\0") ? INVAL : FileSystem.resolve(found.path, name);
  }

  #open(
    fd: number,
    address: number,
    length: number,
    open: number,
    rights: bigint,
    flags: number,
    result: number,
  ): number {
    const path = this.#path(fd, address, length);
    if (typeof path === "number") return path;
    let entry = this.#files.get(path);
    if (entry && (open & OPEN_CREATE) !== 0 && (open & OPEN_EXCLUSIVE) !== 0) return EXIST;
    if (!entry) {
      if ((open & OPEN_CREATE) === 0 || !this.#files.makeParents(path)) return NOENT;
      entry = this.#files.create(path);
      if (!entry) return NOSPC;
    }
    const writable = (rights & RIGHT_WRITE) !== 0n;
    if (entry === "directory" && (open & OPEN_TRUNCATE) !== 0) return ISDIR;
    if (entry !== "directory" && (open & OPEN_DIRECTORY) !== 0) return NOTDIR;
    if (entry !== "directory" && (open & OPEN_TRUNCATE) !== 0 && !this.#files.resize(entry, 0)) return NOSPC;
    let free = this.#descriptors.indexOf(undefined);
    if (free < 0) free = this.#descriptors.length;
    if (free >= MAX_DESCRIPTORS) return MFILE;
    this.#descriptors[free] =
      entry === "directory"
        ? { kind: "directory", path, preopen: undefined }
        : { kind: "file", path, file: entry, position: 0, append: (flags & FLAG_APPEND) !== 0, writable };
    this.#memory().u32(result, free);
    return SUCCESS;
  }

  #close(fd: number): number {
    const found = this.#descriptors[fd];
    if (!found) return BADF;
    if (found.kind === "file" && found.file.dirty && this.#files.get(found.path) === found.file) {
      this.#offer(found.path, found.file);
    }
    if (found.kind !== "stream") this.#descriptors[fd] = undefined;
    return SUCCESS;
  }

  #fdstat(fd: number, result: number): number {
    const found = this.#descriptors[fd];
    if (!found) return BADF;
    const memory = this.#memory();
    memory.bytes(result, 24).fill(0);
    memory.u8(result, fileType(found.kind));
    memory.u16(result + 2, found.kind === "file" && found.append ? FLAG_APPEND : 0);
    // streams without the right to seek are what wasi-libc takes for terminals, and flushes line by line
    memory.u64(result + 8, found.kind === "stream" ? RIGHT_WRITE | 2n : ALL_RIGHTS);
    memory.u64(result + 16, ALL_RIGHTS);
    return SUCCESS;
  }

  #filestat(entry: File | "directory" | "stream", result: number): number {
    const memory = this.#memory();
    memory.bytes(result, 64).fill(0);
    memory.u8(result + 16, entry instanceof File ? REGULAR_FILE : fileType(entry));
    memory.u64(result + 24, 1n);
    if (entry instanceof File) memory.u64(result + 32, BigInt(entry.size));
    return SUCCESS;
  }

  *#vectors(vectors: number, count: number): Generator<[address: number, length: number]> {
    const memory = this.#memory();
    const total = (count >>> 0) * 8;
    memory.bytes(vectors, total);
    for (let at = 0; at < total; at += 8) {
      const length = memory.readU32((vectors >>> 0) + at + 4);
      if (length > 0) yield [memory.readU32((vectors >>> 0) + at), length];
    }
  }

  #read(fd: number, vectors: number, count: number, at: bigint | undefined, result: number): number {
    const found = this.#descriptors[fd];
    if (!found) return BADF;
    let done = 0;
    if (found.kind === "directory") return ISDIR;
    if (found.kind === "file") {
      const from = at === undefined ? found.position : position(at);
      if (from === undefined) return INVAL;
      for (const [address, length] of this.#vectors(vectors, count)) {
        const part = found.file.bytes.subarray(from + done, from + done + length);
        this.#memory().write(address, part);
        done += part.length;
        if (part.length < length) break;
      }
      if (at === undefined) found.position += done;
    }
    this.#memory().u32(result, done);
    return SUCCESS;
  }

  #write(fd: number, vectors: number, count: number, at: bigint | undefined, result: number): number {
    const found = this.#descriptors[fd];
    if (!found) return BADF;
    if (found.kind === "directory") return ISDIR;
    if (found.kind === "file" && !found.writable) return BADF;
    let done = 0;
    let from: number | undefined = 0;
    if (found.kind === "file") {
      from = at !== undefined ? position(at) : found.append ? found.file.size : found.position;
      if (from === undefined) return INVAL;
    }
    for (const [address, length] of this.#vectors(vectors, count)) {
      const bytes = this.#memory().bytes(address, length);
      if (found.kind === "stream") {
        const text = found.decoder?.decode(bytes, { stream: true });
        if (text) this.#host.output(text);
      } else {
        const end = from + done + length;
        if (end > found.file.size && !this.#files.resize(found.file, end)) return NOSPC;
        found.file.write(from + done, bytes);
      }
      done += length;
    }
    if (found.kind === "file" && at === undefined) found.position = from + done;
    this.#memory().u32(result, done);
    return SUCCESS;
  }

  #seek(fd: number, offset: bigint, whence: number, result: number): number {
    const found = this.#descriptors[fd];
    if (!found) return BADF;
    if (found.kind !== "file") return SPIPE;
    const base = [0, found.position, found.file.size][whence];
    if (base === undefined) return INVAL;
    const to = position(BigInt(base) + offset);
    if (to === undefined) return INVAL;
    found.position = to;
    this.#memory().u64(result, BigInt(to));
    return SUCCESS;
  }

  #readDirectory(fd: number, address: number, room: number, cookie: bigint, result: number): number {
    const found = this.#descriptors[fd];
    if (!found) return BADF;
    if (found.kind !== "directory") return NOTDIR;
    const memory = this.#memory();
    let used = 0;
    const names = this.#files.list(found.path);
    for (let i = Number(BigInt.asUintN(32, cookie)); i < names.length && used < room; i++) {
      const name = names[i] as string;
      const encoded = new TextEncoder().encode(name);
      const entry = new Uint8Array(24 + encoded.length);
      const view = new DataView(entry.buffer);
      view.setBigUint64(0, BigInt(i + 1), true);
      view.setBigUint64(8, BigInt(i + 1), true);
      view.setUint32(16, encoded.length, true);
      entry[20] = this.#files.get(FileSystem.resolve(found.path, name)) === "directory" ? DIRECTORY : REGULAR_FILE;
      entry.set(encoded, 24);
      const part = entry.subarray(0, room - used);
      memory.write(address + used, part);
      used += part.length;
    }
    memory.u32(result, used);
    return SUCCESS;
  }

  /** Virtual time does not pass while a plugin runs, so there is nothing to wait for: all that is asked about is ready. */
  #poll(subscriptions: number, events: number, count: number, result: number): number {
    if (count === 0) return INVAL;
    const memory = this.#memory();
    memory.bytes(subscriptions, count * 48);
    memory.bytes(events, count * 32).fill(0);
    for (let i = 0; i < count; i++) {
      const from = (subscriptions >>> 0) + 48 * i;
      const to = (events >>> 0) + 32 * i;
      memory.u64(to, memory.readU64(from));
      memory.u8(to + 10, memory.bytes(from + 8, 1)[0] as number);
    }
    memory.u32(result, count);
    return SUCCESS;
  }
}

function fileType(kind: Descriptor["kind"]): number {
  return kind === "stream" ? CHARACTER_DEVICE : kind === "directory" ? DIRECTORY : REGULAR_FILE;
}

function position(at: bigint): number | undefined {
  return at < 0n || at > BigInt(MAX_POSITION) ? undefined : Number(at);
}
