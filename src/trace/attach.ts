// Sets up a recorder on the machine's thread: ring header, descriptor, name bitmaps. Then call recorder_start(i).
import { MAX_RECORDERS, RECORDER_SIZE, RECORDERS } from "../core/layout.js";
import * as L from "../core/trace/layout.js";
import type { SubscriptionRing } from "../session/protocol.js";
import { columnsOf } from "./columns.js";
import type { CompiledFilter } from "./filter.js";
import { planRing, type RingLayout, type TraceMemory } from "./ring.js";

/** The ring a compiled subscription needs; `bytes` is what to allocate, at a multiple of 64. */
export function ringFor(filter: CompiledFilter): RingLayout {
  return planRing(filter.columns, filter.batchRows, filter.ringBatches);
}

/** A recorder that has been set up: what readers need, and the names its filter waits for. */
export class AttachedRecorder {
  readonly ring: SubscriptionRing;
  readonly #memory: TraceMemory;
  readonly #layout: RingLayout;
  readonly #filter: CompiledFilter;
  readonly #unseen: Record<"region" | "device", Set<string>>;

  constructor(memory: TraceMemory, ring: SubscriptionRing, layout: RingLayout, filter: CompiledFilter) {
    this.#memory = memory;
    this.ring = ring;
    this.#layout = layout;
    this.#filter = filter;
    this.#unseen = { region: new Set(filter.regionNames), device: new Set(filter.deviceNames) };
  }

  /**
   * Tells the filter what a region or device id is called. Call it for all there are before recorder_start, and for each
   * new one at the moment it gets its id (inside a device's handler too), or its first accesses are missed.
   */
  addName(table: "region" | "device", id: number, name: string): void {
    const wanted = table === "region" ? this.#filter.regionNames : this.#filter.deviceNames;
    if (!wanted.has(name)) return;
    this.#unseen[table].delete(name);
    const bitmap = this.ring.base + (table === "region" ? this.#layout.regionBitmap : this.#layout.deviceBitmap);
    const bytes = new Uint8Array(this.#memory.buffer, bitmap, L.BITMAP_BYTES);
    bytes[id >>> 3] = (bytes[id >>> 3] ?? 0) | (1 << (id & 7));
  }

  /** Names in the filter that nothing has had so far: a typing error, or something still to come. */
  unseenNames(table: "region" | "device"): string[] {
    return [...this.#unseen[table]];
  }
}

/** Writes recorder `index`'s words for a ring at `base`. The recorder must not be running. */
export function attachRecorder(
  memory: TraceMemory,
  index: number,
  base: number,
  filter: CompiledFilter,
): AttachedRecorder {
  if (!Number.isInteger(index) || index < 0 || index >= MAX_RECORDERS) throw new RangeError(`recorder ${index}`);
  if (base % 64 !== 0) throw new RangeError("a ring must lie at a multiple of 64");
  const layout = ringFor(filter);
  if (base + layout.bytes > memory.buffer.byteLength) throw new RangeError("the ring does not fit the memory");
  const view = new DataView(memory.buffer);
  const d = RECORDERS + index * RECORDER_SIZE;
  // header, batch states and bitmaps; batches may keep what they hold
  new Uint8Array(memory.buffer, base, layout.data).fill(0);
  new Uint8Array(memory.buffer, d, RECORDER_SIZE).fill(0);
  const u32 = (at: number, value: number): void => view.setUint32(at, value, true);
  const u64 = (at: number, value: bigint): void => view.setBigUint64(at, value, true);

  u32(base + L.RING_MAGIC, L.RING_MAGIC_VALUE);
  u32(base + L.RING_VERSION, L.RING_VERSION_VALUE);
  u32(base + L.RING_BATCHES, layout.batches);
  u32(base + L.RING_ROWS, layout.batchRows);
  u32(base + L.RING_BATCH_BYTES, layout.batchBytes);
  u32(base + L.RING_COLUMNS, layout.mask);
  u32(base + L.RING_DATA, layout.data);

  u32(d + L.REC_COLUMNS, layout.mask);
  u32(d + L.REC_KINDS, filter.kinds);
  u32(d + L.REC_FILTER, filter.tests);
  u32(d + L.REC_POLICY, filter.policy);
  u32(d + L.REC_ROWS, layout.batchRows);
  u64(d + L.REC_STOP_AT, filter.stopAt);
  u32(d + L.REC_RING, base);
  u32(d + L.REC_DATA, base + layout.data);
  u32(d + L.REC_BATCH_BYTES, layout.batchBytes);
  u32(d + L.REC_BATCHES, layout.batches);
  columnsOf(layout.mask).forEach(({ id }, n) => u32(d + L.REC_COL + 4 * id, layout.columns[n]?.offset ?? 0));
  u32(d + L.REC_NTH, filter.everyNth);
  u64(d + L.REC_SIZE_MASK, filter.sizeMask);
  u32(d + L.REC_HART_MASK, filter.hartMask);
  u32(d + L.REC_PRIV_MASK, filter.privilegeMask);
  u32(d + L.REC_REGION_BITMAP, base + layout.regionBitmap);
  u32(d + L.REC_DEVICE_BITMAP, base + layout.deviceBitmap);
  const ranges = (count: number, table: number, list: readonly [bigint, bigint][]): void => {
    u32(d + count, list.length);
    list.forEach(([first, last], n) => {
      u64(d + table + n * 16, first);
      u64(d + table + n * 16 + 8, last);
    });
  };
  ranges(L.REC_VADDR_COUNT, L.REC_VADDR_RANGES, filter.vaddr);
  ranges(L.REC_PADDR_COUNT, L.REC_PADDR_RANGES, filter.paddr);
  ranges(L.REC_PC_COUNT, L.REC_PC_RANGES, filter.pc);

  const { columns, batchBytes, batchRows, batches } = layout;
  return new AttachedRecorder(
    memory,
    { recorder: index, base, columns, batchBytes, batchRows, batches },
    layout,
    filter,
  );
}

/**
 * Answers NOTIFY_FULL on the machine's thread: sleeps until the host frees the batch a blocking recorder wants next.
 * The host must have been told (a `ring` message) before. Returns false after `timeoutMs`, or on a thread that may not sleep.
 */
export function waitForBatch(memory: TraceMemory, ring: SubscriptionRing, timeoutMs: number): boolean {
  const words = new Int32Array(memory.buffer);
  const view = new DataView(memory.buffer);
  const ordinal = Number(view.getBigUint64(RECORDERS + ring.recorder * RECORDER_SIZE + L.REC_ORDINAL, true));
  const at = (ring.base + L.RING_HEADER_SIZE + (ordinal % ring.batches) * L.BATCH_HEADER_SIZE + L.BATCH_STATE) >>> 2;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const state = Atomics.load(words, at);
    if (state === L.BATCH_FREE) return true;
    const left = deadline - Date.now();
    if (left <= 0) return false;
    Atomics.wait(words, at, state, left);
  }
}
