// The reading side of a recorder's ring: which batches are complete, what is in them, and giving them back.
// The writing side is src/core/trace/recorder.ts; the words both use are in src/core/trace/layout.ts.
import * as L from "../core/trace/layout.js";
import type { SubscriptionRing } from "../session/protocol.js";
import { columnsOf } from "./columns.js";

/** A session's memory as far as rings care: the buffer may be replaced by a larger one when memory grows. */
export interface TraceMemory {
  readonly buffer: ArrayBufferLike;
}

/** Records lost between two batches. Sequence numbers firstSeq .. firstSeq + count - 1 were never written. */
export interface Gap {
  firstSeq: bigint;
  count: bigint;
  /** Instruction counts of the first and the last lost record. */
  firstIcount: bigint;
  lastIcount: bigint;
}

export interface RingLayout {
  /** REC_COLUMNS bit set. */
  mask: number;
  columns: SubscriptionRing["columns"];
  batchRows: number;
  batches: number;
  /** A batch is exactly its columns, one behind the other: what Arrow calls a record batch body. */
  batchBytes: number;
  /** Offsets from the ring header. */
  regionBitmap: number;
  deviceBitmap: number;
  data: number;
  /** All of it; the base must be a multiple of 64. */
  bytes: number;
}

/** Where everything lies in a ring of `batches` batches with `batchRows` rows (a power of two, at least 256). */
export function planRing(mask: number, batchRows: number, batches: number): RingLayout {
  let batchBytes = 0;
  const columns = columnsOf(mask).map(({ name, width }) => {
    const offset = batchBytes;
    batchBytes += batchRows * width; // stays a multiple of 64
    return { name, offset, width };
  });
  const regionBitmap = L.RING_HEADER_SIZE + batches * L.BATCH_HEADER_SIZE;
  const deviceBitmap = regionBitmap + L.BITMAP_BYTES;
  const data = deviceBitmap + L.BITMAP_BYTES;
  return {
    mask,
    columns,
    batchRows,
    batches,
    batchBytes,
    regionBitmap,
    deviceBitmap,
    data,
    bytes: data + batches * batchBytes,
  };
}

/** Rows of a completed batch, still in the ring: valid until the batch is released. */
export class RingBatch {
  readonly ring: SubscriptionRing;
  /** Number of the batch since the recorder started. */
  readonly ordinal: number;
  /** Sequence number of the first row; also of the next record when there are no rows. */
  readonly firstSeq: bigint;
  readonly rows: number;
  /** Records lost right before the first row. */
  readonly gap: Gap | undefined;
  readonly #memory: TraceMemory;
  readonly #address: number;
  readonly #start: number;

  constructor(
    memory: TraceMemory,
    ring: SubscriptionRing,
    address: number,
    start: number,
    fields: { ordinal: number; firstSeq: bigint; rows: number; gap: Gap | undefined },
  ) {
    this.#memory = memory;
    this.#address = address;
    this.#start = start;
    this.ring = ring;
    this.ordinal = fields.ordinal;
    this.firstSeq = fields.firstSeq;
    this.rows = fields.rows;
    this.gap = fields.gap;
  }

  /** The bytes of one column (index into ring.columns), a view of the ring. */
  columnBytes(index: number): Uint8Array<ArrayBufferLike> {
    const column = this.ring.columns[index];
    if (!column) throw new RangeError(`no column ${index}`);
    const at = this.#address + column.offset + this.#start * column.width;
    return Buffer.from(this.#memory.buffer as ArrayBuffer, at, this.rows * column.width);
  }

  /** All columns in one view, when the batch is full and not sliced; undefined otherwise. */
  wholeBytes(): Uint8Array<ArrayBufferLike> | undefined {
    if (this.rows !== this.ring.batchRows) return undefined;
    return Buffer.from(this.#memory.buffer as ArrayBuffer, this.#address, this.ring.batchBytes);
  }

  /** Rows [from, to) only; the gap stays with row 0. */
  slice(from: number, to: number = this.rows): RingBatch {
    if (!(from >= 0 && from <= to && to <= this.rows)) throw new RangeError(`rows ${from}..${to} of ${this.rows}`);
    if (from === 0 && to === this.rows) return this;
    return new RingBatch(this.#memory, this.ring, this.#address, this.#start + from, {
      ordinal: this.ordinal,
      firstSeq: this.firstSeq + BigInt(from),
      rows: to - from,
      gap: from === 0 ? this.gap : undefined,
    });
  }
}

/** Counters as of the last batch handed over (exact once the recorder has finished). */
export interface RingCounters {
  matched: bigint;
  written: bigint;
  dropped: bigint;
}

/** Where to go on reading, or what is lost. */
export type SeekResult = { found: true } | { found: false; oldest: bigint };

const endOf = (batch: RingBatch): bigint => batch.firstSeq + BigInt(batch.rows);

/**
 * Reads one ring. A ring has one reader, made before the first batch is given back. Batches come in order from next(), and stay in the ring until released:
 * release() gives back all but the last `keep` released ones, which is what a client that comes back can still be sent.
 */
export class RingReader {
  readonly ring: SubscriptionRing;
  /** Released batches held back for seek(). */
  readonly keep: number;
  readonly #memory: TraceMemory;
  readonly #data: number;
  /** Ordinals: [#oldest, #released) kept for seek, [#released, #next) being sent. */
  #oldest = 0;
  #released = 0;
  #next = 0;
  /** Records below this sequence number have left the ring. */
  #goneSeq = 0n;
  /** Records below this sequence number are not wanted (after seek). */
  #skip = 0n;
  readonly #view: DataView;
  readonly #words: Int32Array;

  constructor(memory: TraceMemory, ring: SubscriptionRing, options: { keep?: number } = {}) {
    this.ring = ring;
    this.#memory = memory;
    this.#view = new DataView(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    if (this.#view.getUint32(ring.base + L.RING_MAGIC, true) !== L.RING_MAGIC_VALUE)
      throw new Error(`no trace ring at 0x${ring.base.toString(16)}`);
    const version = this.#view.getUint32(ring.base + L.RING_VERSION, true);
    if (version !== L.RING_VERSION_VALUE)
      throw new Error(`trace ring version ${version}, this reader knows ${L.RING_VERSION_VALUE}`);
    this.#data = ring.base + this.#view.getUint32(ring.base + L.RING_DATA, true);
    // the core needs the batch it fills and, for a blocking recorder, one to look ahead to
    this.keep = Math.max(0, Math.min(options.keep ?? ring.batches >> 1, ring.batches - 2));
  }

  /** The next complete batch, or undefined while there is none. After seek() rows in front of the wanted one are left out. */
  next(): RingBatch | undefined {
    const batch = this.#read(this.#next);
    if (!batch) return undefined;
    this.#next++;
    const skip = this.#skip;
    if (skip <= batch.firstSeq) {
      this.#skip = 0n;
      return batch;
    }
    const end = endOf(batch);
    if (skip < end) this.#skip = 0n;
    return batch.slice(skip < end ? Number(skip - batch.firstSeq) : batch.rows);
  }

  /** Whether next() would give a batch. */
  get available(): boolean {
    return this.#isComplete(this.#next);
  }

  /** Batches given out by next() up to and including `batch` have been used: the core may have the space of older ones. */
  release(batch: RingBatch): void {
    // a batch that seek() put back will be given out, and released, again
    if (batch.ordinal >= this.#next || batch.ordinal < this.#released) return;
    this.#released = batch.ordinal + 1;
    this.#free(this.#released - this.keep);
  }

  /** Whether the core could go on when it has filled the batch it is at. */
  get hasRoom(): boolean {
    const filling = Number(this.#view.getBigUint64(this.ring.base + L.RING_COMPLETED, true)) % this.ring.batches;
    const state = this.#state(filling);
    return state === L.BATCH_FILLING
      ? this.#state((filling + 1) % this.ring.batches) === L.BATCH_FREE
      : state === L.BATCH_FREE;
  }

  /**
   * Goes on reading with the first record whose sequence number is `seq` or more. Not found when it may have been in a
   * batch that was given back: `oldest` is then the first sequence number to be had, and nothing changes. Batches before
   * it count as released: who asks for `seq` has what comes before.
   */
  seek(seq: bigint): SeekResult {
    if (seq < this.#goneSeq) return { found: false, oldest: this.#goneSeq };
    let ordinal = this.#oldest;
    for (let batch = this.#read(ordinal); batch && endOf(batch) <= seq; batch = this.#read(ordinal)) ordinal++;
    this.#next = ordinal;
    this.#released = ordinal;
    this.#free(ordinal - this.keep);
    this.#skip = seq;
    return { found: true };
  }

  /** The recorder has ended; what is still in the ring can be read. */
  get finished(): boolean {
    return Atomics.load(this.#words, (this.ring.base + L.RING_STATE) >>> 2) === L.REC_FINISHED;
  }

  /** Records lost behind the last batch; known once the recorder has finished. */
  get tailGap(): Gap | undefined {
    return this.finished ? this.#gap(this.ring.base + L.RING_TAIL_GAP) : undefined;
  }

  get counters(): RingCounters {
    const word = (offset: number): bigint => this.#view.getBigUint64(this.ring.base + offset, true);
    return { matched: word(L.RING_MATCHED), written: word(L.RING_WRITTEN), dropped: word(L.RING_DROPPED) };
  }

  /** Nobody will read any more: a blocking recorder then drops instead of holding up the machine. */
  close(): void {
    Atomics.store(this.#words, (this.ring.base + L.RING_CLOSED) >>> 2, 1);
    this.#released = this.#next;
    this.#free(this.#next);
  }

  #free(end: number): void {
    for (; this.#oldest < end; this.#oldest++) {
      const batch = this.#read(this.#oldest);
      if (batch) this.#goneSeq = endOf(batch);
      const at = (this.#header(this.#oldest % this.ring.batches) + L.BATCH_STATE) >>> 2;
      Atomics.store(this.#words, at, L.BATCH_FREE);
      Atomics.notify(this.#words, at);
    }
  }

  #header(slot: number): number {
    return this.ring.base + L.RING_HEADER_SIZE + slot * L.BATCH_HEADER_SIZE;
  }

  #state(slot: number): number {
    return Atomics.load(this.#words, (this.#header(slot) + L.BATCH_STATE) >>> 2);
  }

  #isComplete(ordinal: number): boolean {
    const slot = ordinal % this.ring.batches;
    // a slot still held from its previous use is complete as well, but of an older batch
    return (
      this.#state(slot) === L.BATCH_FULL &&
      Number(this.#view.getBigUint64(this.#header(slot) + L.BATCH_ORDINAL, true)) === ordinal
    );
  }

  #read(ordinal: number): RingBatch | undefined {
    if (!this.#isComplete(ordinal)) return undefined;
    const slot = ordinal % this.ring.batches;
    const header = this.#header(slot);
    return new RingBatch(this.#memory, this.ring, this.#data + slot * this.ring.batchBytes, 0, {
      ordinal,
      firstSeq: this.#view.getBigUint64(header + L.BATCH_SEQ, true),
      rows: this.#view.getUint32(header + L.BATCH_ROWS, true),
      gap: this.#gap(header + L.BATCH_GAP),
    });
  }

  #gap(at: number): Gap | undefined {
    const count = this.#view.getBigUint64(at + L.GAP_COUNT, true);
    if (count === 0n) return undefined;
    return {
      firstSeq: this.#view.getBigUint64(at + L.GAP_FIRST, true),
      count,
      firstIcount: this.#view.getBigUint64(at + L.GAP_ICOUNT, true),
      lastIcount: this.#view.getBigUint64(at + L.GAP_LAST, true),
    };
  }
}
