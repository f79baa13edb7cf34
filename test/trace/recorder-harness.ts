// The recorder alone in a memory of its own, driven the way the softmmu drives it, beside a model that keeps what it must hold.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as C from "../../src/core/layout.js";
import type { SubscriptionSpec } from "../../src/session/protocol.js";
import { type AttachedRecorder, attachRecorder } from "../../src/trace/attach.js";
import { DIRECTION_NAMES, KIND_NAMES, PRIVILEGE_NAMES } from "../../src/trace/columns.js";
import { compileFilter } from "../../src/trace/filter.js";
import { RingReader } from "../../src/trace/ring.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const RINGS = 0x100000;

const OPTIONS =
  "--outFile out.wasm -O3 --noAssert --runtime stub --importMemory --sharedMemory --initialMemory 16 --maximumMemory 65536 --memoryBase 262144 --use abort= --enable threads --enable simd --enable bulk-memory";

/**
 * Compiles AssemblyScript sources of the core (paths from the repository root), with shared memory as the core has it.
 * The result is kept under dist/ by the hash of every source, since compiling takes seconds.
 */
export async function compileCore(files: string[], extra: Record<string, string> = {}): Promise<WebAssembly.Module> {
  const hash = createHash("sha256").update(JSON.stringify([OPTIONS, files, extra]));
  for (const name of readdirSync(join(ROOT, "src/core"), { recursive: true, encoding: "utf8" }).sort())
    if (name.endsWith(".ts")) hash.update(name).update(readFileSync(join(ROOT, "src/core", name)));
  const kept = join(ROOT, "dist", `core-part-${hash.digest("hex").slice(0, 16)}.wasm`);
  if (!existsSync(kept)) {
    const making = `${kept}.${process.pid}`;
    writeFileSync(making, await compileAnew(files, extra));
    renameSync(making, kept);
  }
  return new WebAssembly.Module(readFileSync(kept));
}

async function compileAnew(files: string[], extra: Record<string, string>): Promise<Uint8Array> {
  const { default: asc } = await import("assemblyscript/asc");
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([...files, ...OPTIONS.split(" ")], {
    readFile: (name: string) => {
      if (Object.hasOwn(extra, name)) return extra[name] as string;
      try {
        return readFileSync(join(ROOT, name), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (name: string, contents: Uint8Array | string) => {
      if (name === "out.wasm") binary = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`asc: ${error?.message}\n${stderr.toString()}`);
  return binary;
}

let compiled: Promise<WebAssembly.Module> | undefined;

export interface RecorderExports {
  record(kind: number, va: bigint, value: bigint, size: number, hw: number, flags: number, pc: bigint): void;
  record_block(
    kind: number,
    paddr: bigint,
    offset: bigint,
    region: number,
    device: number,
    section: number,
    host: number,
    length: number,
    flags: number,
    pc: bigint,
  ): void;
  recorder_start(i: number): void;
  recorder_stop(i: number): void;
  recorder_flush(i: number): number;
  recorder_advance(i: number): void;
  recorder_matched(i: number): bigint;
  recorder_written(i: number): bigint;
  recorder_dropped(i: number): bigint;
  recorders_blocked(): number;
  trace_kinds(): number;
}

/** One access, with everything a record may say about it. */
export interface Access {
  kind: number;
  vaddr: bigint;
  paddr: bigint;
  value: bigint;
  size: number;
  region: number;
  device: number;
  section: number;
  offset: bigint;
  register: number;
  field: number;
  flags: number;
  pc: bigint;
  hart: number;
  privilege: number;
  icount: bigint;
}

/** What columns show of an access, as Arrow gives it back: names for dictionary columns, bigint for 64-bit ones. */
export function expectedRow(access: Access, seq: bigint): Record<string, string | number | bigint> {
  const io = access.section === C.SECTION_IO;
  return {
    seq,
    icount: access.icount,
    hart: access.hart,
    privilege: PRIVILEGE_NAMES[access.privilege] as string,
    pc: access.pc,
    vaddr: access.vaddr,
    paddr: access.paddr,
    region: NAMES.names("region")[access.region] || "unassigned",
    device: NAMES.names("device")[access.device] as string,
    register: NAMES.names("register")[io ? access.register : 0] as string,
    field: NAMES.names("field")[io ? access.field : 0] as string,
    offset: access.offset,
    size: access.size,
    kind: KIND_NAMES[access.kind] as string,
    direction: DIRECTION_NAMES[[1, 3, 6, 8].includes(access.kind) ? 1 : 0] as string,
    value: access.value,
    flags: access.flags,
  };
}

const TABLES = {
  region: ["", "ram", "rom", "uart0", "plic", "window"],
  device: ["", "uart0", "plic0", "bank0"],
  register: ["", "THR", "LCR", "IER"],
  field: ["", "DLAB", "ERBFI"],
};
export const NAMES = { names: (table: keyof typeof TABLES): readonly string[] => TABLES[table] };

export const ALL_FIELDS = [
  "seq",
  "icount",
  "hart",
  "privilege",
  "pc",
  "vaddr",
  "paddr",
  "region",
  "device",
  "register",
  "field",
  "offset",
  "size",
  "kind",
  "direction",
  "value",
  "flags",
];

export function spec(changes: Partial<SubscriptionSpec> = {}): SubscriptionSpec {
  return {
    fields: ALL_FIELDS,
    filter: {},
    include: { fetch: true, walk: true, dma: true },
    everyNth: 1,
    slow: "drop",
    batchRows: 256,
    ringBatches: 4,
    ...changes,
  };
}

export class RecorderHarness {
  readonly memory: WebAssembly.Memory;
  readonly core: RecorderExports;
  readonly view: DataView;
  /** Arguments of trace_notify so far. */
  readonly notified: [number, number][] = [];
  onNotify: (recorder: number, event: number) => number | undefined = () => undefined;
  #free = RINGS;

  private constructor(module: WebAssembly.Module, pages: number) {
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory: this.memory,
        trace_notify: (recorder: number, event: number) => {
          this.notified.push([recorder, event]);
          return this.onNotify(recorder, event) ?? 0;
        },
      },
    });
    this.core = instance.exports as unknown as RecorderExports;
    this.view = new DataView(this.memory.buffer);
  }

  static async create(pages = 256): Promise<RecorderHarness> {
    compiled ??= compileCore(["src/core/trace/recorder.ts"]);
    return new RecorderHarness(await compiled, pages);
  }

  /** Sets up recorder `index` with a ring of its own, tells it the names, and starts it. */
  attach(
    index: number,
    subscription: SubscriptionSpec,
    options: { keep?: number } = { keep: 0 },
  ): { recorder: AttachedRecorder; reader: RingReader } {
    const filter = compileFilter(subscription);
    const recorder = attachRecorder(this.memory, index, this.#free, filter);
    this.#free += (recorder.ring.batchBytes * recorder.ring.batches + 0x10000 + 63) & ~63;
    for (const table of ["region", "device"] as const)
      TABLES[table].forEach((name, id) => recorder.addName(table, id, name));
    const reader = new RingReader(this.memory, recorder.ring, options);
    this.core.recorder_start(index);
    return { recorder, reader };
  }

  record(access: Access): void {
    const { view } = this;
    const left = 1000;
    view.setBigUint64(C.SLICE_END, access.icount + BigInt(left), true);
    view.setInt32(C.LEFT, left, true);
    view.setUint32(C.CURRENT_HART, access.hart, true);
    view.setUint32(C.HARTID, access.hart, true);
    view.setUint32(C.PRIV, access.privilege, true);
    view.setUint32(C.IO_REGISTER, access.register, true);
    view.setUint32(C.IO_FIELD, access.field, true);
    view.setBigUint64(C.HW_PADDR, access.paddr, true);
    view.setBigUint64(C.HW_OFFSET, access.offset, true);
    view.setUint32(C.HW_REGION, access.region, true);
    view.setUint32(C.HW_DEVICE, access.device, true);
    view.setUint32(C.HW_KIND, access.section, true);
    this.core.record(access.kind, access.vaddr, access.value, access.size, C.HWADDR, access.flags, access.pc);
  }

  /** Forgets all rings so that their space is used again. */
  reset(): void {
    this.#free = RINGS;
  }

  get exitRequest(): number {
    return this.view.getUint32(C.EXIT_REQUEST, true);
  }

  clearExitRequest(): void {
    this.view.setUint32(C.EXIT_REQUEST, 0, true);
  }
}

/** Repeatable random numbers (xorshift64*). */
export class Random {
  #state: bigint;
  constructor(seed: number) {
    this.#state = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;
  }
  u64(): bigint {
    let x = BigInt.asUintN(64, this.#state);
    x ^= x >> 12n;
    x ^= BigInt.asUintN(64, x << 25n);
    x ^= x >> 27n;
    this.#state = x;
    return BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn);
  }
  below(n: number): number {
    return Number(this.u64() % BigInt(n));
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

/** An access with every property random, addresses small now and then so that ranges are hit. */
export function randomAccess(random: Random, icount: bigint): Access {
  const address = (): bigint => (random.below(2) ? random.u64() : BigInt(random.below(0x400)));
  return {
    kind: random.below(9),
    vaddr: address(),
    paddr: address(),
    value: random.u64(),
    size: random.pick([1, 2, 4, 8, 3, 5, 32, 64]),
    region: random.below(TABLES.region.length),
    device: random.below(TABLES.device.length),
    section: random.below(4),
    offset: address(),
    register: random.below(TABLES.register.length),
    field: random.below(TABLES.field.length),
    flags: random.below(64),
    pc: address(),
    hart: random.below(8),
    privilege: random.pick([0, 1, 3]),
    icount,
  };
}
