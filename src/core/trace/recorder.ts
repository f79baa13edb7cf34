// The trace recorder: filters accesses and appends them to columnar rings.
// One recorder per subscription. What it keeps where, and how generated code may append without calling here: ./layout.
// Invariants: a record is counted exactly once, as written or as dropped; sequence numbers inside a batch have no hole;
// a batch belongs to the core until its state says full, and to the host until it says free.

import {
  CURRENT_HART,
  EXIT_REQUEST,
  EXIT_RING,
  HW_DEVICE,
  HW_KIND,
  HW_OFFSET,
  HW_PADDR,
  HW_REGION,
  HWADDR,
  IO_FIELD,
  IO_REGISTER,
  KIND_DMA_READ,
  LEFT,
  MAX_RECORDERS,
  PRIV,
  RECORDER_SIZE,
  RECORDERS,
  SECTION_IO,
  SECTION_RAM,
  SECTION_ROM,
  SECTION_UNASSIGNED,
  SLICE_END,
  TRACE_ACTIVE,
  TRACE_SCRATCH,
} from "../layout";
import {
  BATCH_FILLING,
  BATCH_FREE,
  BATCH_FULL,
  BATCH_GAP,
  BATCH_HEADER_SIZE,
  BATCH_ORDINAL,
  BATCH_ROWS,
  BATCH_SEQ,
  BATCH_STATE,
  COLUMN_DEVICE,
  COLUMN_DIRECTION,
  COLUMN_FIELD,
  COLUMN_FLAGS,
  COLUMN_HART,
  COLUMN_ICOUNT,
  COLUMN_KIND,
  COLUMN_OFFSET,
  COLUMN_PADDR,
  COLUMN_PC,
  COLUMN_PRIVILEGE,
  COLUMN_REGION,
  COLUMN_REGISTER,
  COLUMN_SEQ,
  COLUMN_SIZE,
  COLUMN_VADDR,
  COLUMN_VALUE,
  FILTER_DEVICE,
  FILTER_HART,
  FILTER_IO,
  FILTER_NTH,
  FILTER_PADDR,
  FILTER_PC,
  FILTER_PRIV,
  FILTER_REGION,
  FILTER_SIZE,
  FILTER_VADDR,
  GAP_COUNT,
  GAP_FIRST,
  GAP_ICOUNT,
  GAP_LAST,
  NOTIFY_BATCH,
  NOTIFY_FULL,
  POLICY_BLOCK,
  REC_BASE,
  REC_BATCH_BYTES,
  REC_BATCHES,
  REC_COL,
  REC_COLUMNS,
  REC_DATA,
  REC_DEVICE_BITMAP,
  REC_DROPPED,
  REC_FILTER,
  REC_FINISHED,
  REC_GAP_COUNT,
  REC_GAP_FIRST,
  REC_GAP_ICOUNT,
  REC_GAP_LAST,
  REC_HART_MASK,
  REC_KINDS,
  REC_LIMIT,
  REC_NTH,
  REC_NTH_LEFT,
  REC_ORDINAL,
  REC_PADDR_COUNT,
  REC_PADDR_RANGES,
  REC_PC_COUNT,
  REC_PC_RANGES,
  REC_POLICY,
  REC_PRIV_MASK,
  REC_REGION_BITMAP,
  REC_RING,
  REC_ROW,
  REC_ROWS,
  REC_RUNNING,
  REC_SEQ,
  REC_SIZE_MASK,
  REC_STATE,
  REC_STOP_AT,
  REC_VADDR_COUNT,
  REC_VADDR_RANGES,
  RESERVE_ROWS,
  RING_CLOSED,
  RING_COMPLETED,
  RING_DROPPED,
  RING_HEADER_SIZE,
  RING_MATCHED,
  RING_STATE,
  RING_TAIL_GAP,
  RING_WRITTEN,
  TRACE_HW_OFFSET,
  TRACE_KINDS_OFFSET,
  TRACE_NOBODY_OFFSET,
  TRACE_SOLO_OFFSET,
  WRITE_KINDS,
} from "./layout";

/** Tells the host about recorder `i`; events NOTIFY_* in ./layout. A host that returns nothing answers 0. */
@external("env", "trace_notify")
declare function trace_notify(recorder: i32, event: i32): i32;

@inline
function descriptor(i: u32): u32 {
  return RECORDERS + i * RECORDER_SIZE;
}

@inline
function slotOf(d: u32, n: u64): u32 {
  return <u32>(n % <u64>load<u32>(d, REC_BATCHES));
}

/** Header of the batch slot that ordinal `n` falls on. */
@inline
function batchHeader(d: u32, n: u64): u32 {
  return load<u32>(d, REC_RING) + RING_HEADER_SIZE + slotOf(d, n) * BATCH_HEADER_SIZE;
}

@inline
function isFree(d: u32, n: u64): bool {
  return atomic.load<u32>(batchHeader(d, n), BATCH_STATE) == BATCH_FREE;
}

@inline
function isClosed(d: u32): bool {
  return atomic.load<u32>(load<u32>(d, REC_RING), RING_CLOSED) != 0;
}

/** Instruction count of the machine at the instruction in flight. */
@inline
function icountNow(): u64 {
  return load<u64>(SLICE_END) - <u64>(<i64>load<i32>(LEFT));
}

// ---------------------------------------------------------------------------------------------------
// counters

/** Records that passed the filter and the every-Nth choice: written or dropped. */
@inline
function selected(d: u32): u64 {
  return load<u64>(d, REC_SEQ) + <u64>load<u32>(d, REC_ROW);
}

/** Records that passed the filter, before every-Nth thins them out. */
function matched(d: u32): u64 {
  const n = selected(d);
  if (!(load<u32>(d, REC_FILTER) & FILTER_NTH)) return n;
  const nth = <u64>load<u32>(d, REC_NTH);
  // match 0, N, 2N, … are kept; NTH_LEFT counts down to the next kept one
  return n * nth - <u64>load<u32>(d, REC_NTH_LEFT);
}

export function recorder_matched(i: u32): u64 {
  return matched(descriptor(i));
}

export function recorder_written(i: u32): u64 {
  const d = descriptor(i);
  return selected(d) - load<u64>(d, REC_DROPPED);
}

export function recorder_dropped(i: u32): u64 {
  return load<u64>(descriptor(i), REC_DROPPED);
}

// ---------------------------------------------------------------------------------------------------
// batches

/** Sets how far the batch in hand may be filled before advance() is to decide. */
function arm(d: u32, rows: u32): void {
  const left = load<u64>(d, REC_STOP_AT) - load<u64>(d, REC_SEQ);
  store<u32>(d, left < <u64>rows ? <u32>left : rows, REC_LIMIT);
}

/** Takes the next batch slot if the host has freed it. A gap waiting to be told goes with it. */
function take(d: u32): bool {
  const n = load<u64>(d, REC_ORDINAL);
  const header = batchHeader(d, n);
  if (atomic.load<u32>(header, BATCH_STATE) != BATCH_FREE) return false;
  atomic.store<u32>(header, BATCH_FILLING, BATCH_STATE);
  store<u64>(header, n, BATCH_ORDINAL);
  store<u64>(header, load<u64>(d, REC_SEQ), BATCH_SEQ);
  memory.copy(header + BATCH_GAP, d + REC_GAP_FIRST, 32);
  store<u64>(d, 0, REC_GAP_COUNT);
  store<u32>(d, 0, REC_ROW);
  store<u32>(d, load<u32>(d, REC_DATA) + slotOf(d, n) * load<u32>(d, REC_BATCH_BYTES), REC_BASE);
  const rows = load<u32>(d, REC_ROWS);
  arm(d, load<u32>(d, REC_POLICY) == POLICY_BLOCK ? rows - RESERVE_ROWS : rows);
  return true;
}

/** Writes the seq column: once per batch, two rows a store, so that no append has to. */
function fillSeq(d: u32, rows: u32): void {
  if (!(load<u32>(d, REC_COLUMNS) & (1 << COLUMN_SEQ))) return;
  let at = load<u32>(d, REC_BASE) + load<u32>(d, REC_COL + 4 * COLUMN_SEQ);
  const end = at + rows * 8;
  const seq = load<u64>(d, REC_SEQ);
  let pair = i64x2.replace_lane(i64x2.splat(<i64>seq), 1, <i64>(seq + 1));
  const two = i64x2.splat(2);
  // an odd last row spills into a row nobody reads: batches have an even number of rows
  while (at < end) {
    v128.store(at, pair);
    pair = i64x2.add(pair, two);
    at += 16;
  }
}

function publish(d: u32): void {
  const ring = load<u32>(d, REC_RING);
  store<u64>(ring, matched(d), RING_MATCHED);
  store<u64>(ring, selected(d) - load<u64>(d, REC_DROPPED), RING_WRITTEN);
  store<u64>(ring, load<u64>(d, REC_DROPPED), RING_DROPPED);
}

/** Hands the batch in hand over to the host and is left without one. */
function complete(i: u32, d: u32): void {
  const rows = load<u32>(d, REC_ROW);
  const n = load<u64>(d, REC_ORDINAL);
  const header = batchHeader(d, n);
  fillSeq(d, rows);
  store<u32>(header, rows, BATCH_ROWS);
  publish(d);
  store<u64>(d, load<u64>(d, REC_SEQ) + <u64>rows, REC_SEQ);
  store<u64>(d, n + 1, REC_ORDINAL);
  store<u32>(d, 0, REC_ROW);
  store<u32>(d, 0, REC_LIMIT);
  store<u32>(d, 0, REC_BASE);
  atomic.store<u64>(load<u32>(d, REC_RING), n + 1, RING_COMPLETED);
  atomic.store<u32>(header, BATCH_FULL, BATCH_STATE);
  trace_notify(i, NOTIFY_BATCH);
}

/** Ends the recorder: hands over what it has and leaves the set of active ones. */
function finish(i: u32, d: u32): void {
  if (load<u32>(d, REC_STATE) != REC_RUNNING) return;
  store<u32>(d, REC_FINISHED, REC_STATE);
  const ring = load<u32>(d, REC_RING);
  const hasBatch = load<u32>(d, REC_BASE) != 0;
  if (hasBatch) {
    const header = batchHeader(d, load<u64>(d, REC_ORDINAL));
    if (load<u32>(d, REC_ROW) != 0 || load<u64>(header, BATCH_GAP + GAP_COUNT) != 0) {
      complete(i, d);
    } else {
      atomic.store<u32>(header, BATCH_FREE, BATCH_STATE);
      store<u32>(d, 0, REC_LIMIT);
      store<u32>(d, 0, REC_BASE);
    }
  }
  publish(d);
  memory.copy(ring + RING_TAIL_GAP, d + REC_GAP_FIRST, 32);
  atomic.store<u32>(TRACE_ACTIVE, load<u32>(TRACE_ACTIVE) & ~(<u32>1 << i));
  summarize();
  atomic.store<u32>(ring, REC_FINISHED, RING_STATE);
  trace_notify(i, NOTIFY_BATCH);
}

/** What to do when REC_ROW has reached REC_LIMIT: finish, hand over, or look ahead for a free batch. */
function advance(i: u32, d: u32): void {
  const row = load<u32>(d, REC_ROW);
  if (selected(d) >= load<u64>(d, REC_STOP_AT)) {
    finish(i, d);
    return;
  }
  const rows = load<u32>(d, REC_ROWS);
  if (row >= rows) {
    complete(i, d);
    take(d);
    return;
  }
  // a blocking recorder came to its reserve
  if (isFree(d, load<u64>(d, REC_ORDINAL) + 1) || isClosed(d)) arm(d, rows);
  else atomic.or<u32>(EXIT_REQUEST, EXIT_RING);
}

/** Counts a record that has no row. */
function drop(i: u32, d: u32): void {
  const seq = load<u64>(d, REC_SEQ);
  const now = icountNow();
  const count = load<u64>(d, REC_GAP_COUNT);
  if (count == 0) {
    store<u64>(d, seq, REC_GAP_FIRST);
    store<u64>(d, now, REC_GAP_ICOUNT);
  }
  store<u64>(d, count + 1, REC_GAP_COUNT);
  store<u64>(d, now, REC_GAP_LAST);
  store<u64>(d, load<u64>(d, REC_DROPPED) + 1, REC_DROPPED);
  store<u64>(d, seq + 1, REC_SEQ);
  if (seq + 1 >= load<u64>(d, REC_STOP_AT)) finish(i, d);
}

/** Makes sure there is a row to write to, or counts the record as dropped and returns false. */
function room(i: u32, d: u32): bool {
  if (load<u32>(d, REC_BASE) != 0) {
    advance(i, d);
    if (load<u32>(d, REC_STATE) != REC_RUNNING) return false;
  }
  if (load<u32>(d, REC_BASE) != 0) return true;
  if (take(d)) return true;
  if (load<u32>(d, REC_POLICY) == POLICY_BLOCK && !isClosed(d)) {
    // Only a burst inside one instruction gets here (DMA); the run loop cannot stop in the middle of it.
    atomic.or<u32>(EXIT_REQUEST, EXIT_RING);
    if (trace_notify(i, NOTIFY_FULL) && take(d)) return true;
  }
  drop(i, d);
  return false;
}

// ---------------------------------------------------------------------------------------------------
// filter

/** Whether [first, last] touches one of `count` inclusive ranges. */
@inline
function overlaps(ranges: u32, count: u32, first: u64, last: u64): bool {
  const end = ranges + (count << 4);
  while (ranges < end) {
    if (load<u64>(ranges) <= last && first <= load<u64>(ranges, 8)) return true;
    ranges += 16;
  }
  return false;
}

@inline
function hasBit(bitmap: u32, id: u32): bool {
  return ((load<u8>(bitmap + ((id & 0xffff) >>> 3)) >>> (id & 7)) & 1) != 0;
}

@inline
function lastByte(address: u64, size: u32): u64 {
  const last = address + <u64>size - 1;
  return last < address ? u64.MAX_VALUE : last;
}

@inline
function passes(d: u32, filter: u32, kind: u32, va: u64, size: u32, hw: u32, pc: u64): bool {
  if (filter & FILTER_IO) {
    const section = load<u32>(hw, HW_KIND - HWADDR);
    if (section == SECTION_RAM || section == SECTION_ROM) return false;
  }
  if (filter & FILTER_SIZE) {
    if (!((load<u64>(d, REC_SIZE_MASK) >>> (size & 63)) & 1)) return false;
  }
  if (filter & FILTER_HART) {
    if (!((load<u32>(d, REC_HART_MASK) >>> load<u32>(CURRENT_HART)) & 1)) return false;
  }
  if (filter & FILTER_PRIV) {
    if (!((load<u32>(d, REC_PRIV_MASK) >>> load<u32>(PRIV)) & 1)) return false;
  }
  if (filter & FILTER_VADDR) {
    if (kind >= <u32>KIND_DMA_READ) return false; // DMA has no virtual address
    if (!overlaps(d + REC_VADDR_RANGES, load<u32>(d, REC_VADDR_COUNT), va, lastByte(va, size))) return false;
  }
  if (filter & FILTER_PADDR) {
    const pa = load<u64>(hw, HW_PADDR - HWADDR);
    if (!overlaps(d + REC_PADDR_RANGES, load<u32>(d, REC_PADDR_COUNT), pa, lastByte(pa, size))) return false;
  }
  if (filter & FILTER_PC) {
    if (!overlaps(d + REC_PC_RANGES, load<u32>(d, REC_PC_COUNT), pc, pc)) return false;
  }
  if (filter & FILTER_REGION) {
    if (!hasBit(load<u32>(d, REC_REGION_BITMAP), load<u32>(hw, HW_REGION - HWADDR))) return false;
  }
  if (filter & FILTER_DEVICE) {
    if (!hasBit(load<u32>(d, REC_DEVICE_BITMAP), load<u32>(hw, HW_DEVICE - HWADDR))) return false;
  }
  if (filter & FILTER_NTH) {
    const left = load<u32>(d, REC_NTH_LEFT);
    if (left != 0) {
      store<u32>(d, left - 1, REC_NTH_LEFT);
      return false;
    }
    store<u32>(d, load<u32>(d, REC_NTH) - 1, REC_NTH_LEFT);
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------
// append

@inline
function column(d: u32, c: u32): u32 {
  return load<u32>(d + 4 * c, REC_COL);
}

/** Writes row `row` of the batch in hand: one well-predicted test per column is cheaper than the stores it saves. */
@inline
function writeRow(d: u32, row: u32, kind: u32, va: u64, value: u64, size: u32, hw: u32, flags: u32, pc: u64): void {
  const columns = load<u32>(d, REC_COLUMNS);
  const b1 = load<u32>(d, REC_BASE) + row;
  const b2 = b1 + row;
  const b8 = b2 + row * 6;
  if (columns & (1 << COLUMN_ICOUNT)) store<u64>(b8 + column(d, COLUMN_ICOUNT), icountNow());
  if (columns & (1 << COLUMN_HART)) store<u8>(b1 + column(d, COLUMN_HART), load<u32>(CURRENT_HART));
  if (columns & (1 << COLUMN_PRIVILEGE)) store<u8>(b1 + column(d, COLUMN_PRIVILEGE), load<u32>(PRIV));
  if (columns & (1 << COLUMN_PC)) store<u64>(b8 + column(d, COLUMN_PC), pc);
  if (columns & (1 << COLUMN_VADDR)) store<u64>(b8 + column(d, COLUMN_VADDR), va);
  if (columns & (1 << COLUMN_PADDR)) store<u64>(b8 + column(d, COLUMN_PADDR), load<u64>(hw, HW_PADDR - HWADDR));
  if (columns & (1 << COLUMN_REGION)) store<u16>(b2 + column(d, COLUMN_REGION), load<u32>(hw, HW_REGION - HWADDR));
  if (columns & (1 << COLUMN_DEVICE)) store<u16>(b2 + column(d, COLUMN_DEVICE), load<u32>(hw, HW_DEVICE - HWADDR));
  if (columns & ((1 << COLUMN_REGISTER) | (1 << COLUMN_FIELD))) {
    // the names of the last device access mean nothing for memory
    const io = load<u32>(hw, HW_KIND - HWADDR) == SECTION_IO;
    if (columns & (1 << COLUMN_REGISTER)) store<u16>(b2 + column(d, COLUMN_REGISTER), io ? load<u32>(IO_REGISTER) : 0);
    if (columns & (1 << COLUMN_FIELD)) store<u16>(b2 + column(d, COLUMN_FIELD), io ? load<u32>(IO_FIELD) : 0);
  }
  if (columns & (1 << COLUMN_OFFSET)) store<u64>(b8 + column(d, COLUMN_OFFSET), load<u64>(hw, HW_OFFSET - HWADDR));
  if (columns & (1 << COLUMN_SIZE)) store<u8>(b1 + column(d, COLUMN_SIZE), size);
  if (columns & (1 << COLUMN_KIND)) store<u8>(b1 + column(d, COLUMN_KIND), kind);
  if (columns & (1 << COLUMN_DIRECTION)) store<u8>(b1 + column(d, COLUMN_DIRECTION), (WRITE_KINDS >>> kind) & 1);
  if (columns & (1 << COLUMN_VALUE)) store<u64>(b8 + column(d, COLUMN_VALUE), value);
  if (columns & (1 << COLUMN_FLAGS)) store<u16>(b2 + column(d, COLUMN_FLAGS), flags);
}

@inline
function append(i: u32, d: u32, kind: u32, va: u64, value: u64, size: u32, hw: u32, flags: u32, pc: u64): void {
  if (load<u32>(d, REC_ROW) >= load<u32>(d, REC_LIMIT)) {
    if (!room(i, d)) return;
  }
  const row = load<u32>(d, REC_ROW);
  writeRow(d, row, kind, va, value, size, hw, flags, pc);
  store<u32>(d, row + 1, REC_ROW);
  if (row + 1 >= load<u32>(d, REC_LIMIT)) advance(i, d);
}

/** record() for several recorders, filters, and batches that are full. */
function recordAll(kind: u32, va: u64, value: u64, size: u32, hw: u32, flags: u32, pc: u64): void {
  let active = load<u32>(TRACE_ACTIVE);
  while (active) {
    const i = <u32>ctz(active);
    active &= active - 1;
    const d = descriptor(i);
    if (!((load<u32>(d, REC_KINDS) >>> kind) & 1)) continue;
    const filter = load<u32>(d, REC_FILTER);
    if (filter) {
      if (!passes(d, filter, kind, va, size, hw, pc)) continue;
    }
    append(i, d, kind, va, value, size, hw, flags, pc);
  }
}

/**
 * Offers one access to every active recorder.
 * @param kind KIND_*
 * @param va virtual address of the access; for walks the address being translated; 0 for DMA
 * @param value bytes moved, zero-extended (the first 8 where size is larger)
 * @param size bytes, 1 to 64
 * @param hw address of a struct laid out as HWADDR: the hardware address as it was when the access happened
 * @param flags RECORD_*
 * @param pc of the instruction in flight
 */
export function record(kind: u32, va: u64, value: u64, size: u32, hw: u32, flags: u32, pc: u64): void {
  // the usual case without a loop: a single recorder, no filter, and a row that is not its batch's last
  const d = load<u32>(TRACE_SCRATCH, TRACE_SOLO_OFFSET);
  const row = load<u32>(d, REC_ROW) + 1;
  if (row < load<u32>(d, REC_LIMIT)) {
    if (!((load<u32>(d, REC_KINDS) >>> kind) & 1)) return;
    writeRow(d, row - 1, kind, va, value, size, hw, flags, pc);
    store<u32>(d, row, REC_ROW);
    return;
  }
  recordAll(kind, va, value, size, hw, flags, pc);
}

/**
 * Offers a run of memory moved at once (DMA) as records of 8 bytes, cut at multiples of 8 of the physical address.
 * Call it when the bytes are in place; `host` is where they lie in this memory, 0 when there is no value to show.
 */
export function record_block(
  kind: u32,
  paddr: u64,
  offset: u64,
  region: u32,
  device: u32,
  section: u32,
  host: u32,
  length: u32,
  flags: u32,
  pc: u64,
): void {
  if (!((load<u32>(TRACE_SCRATCH, TRACE_KINDS_OFFSET) >>> kind) & 1)) return;
  const hw = <u32>(TRACE_SCRATCH + TRACE_HW_OFFSET);
  store<u64>(hw, 0);
  store<u32>(hw, region, HW_REGION - HWADDR);
  store<u32>(hw, device, HW_DEVICE - HWADDR);
  store<u32>(hw, section, HW_KIND - HWADDR);
  while (length) {
    const reach: u32 = 8 - (<u32>paddr & 7);
    const size = length < reach ? length : reach;
    store<u64>(hw, paddr, HW_PADDR - HWADDR);
    store<u64>(hw, offset, HW_OFFSET - HWADDR);
    let value: u64 = 0;
    if (host) {
      for (let k: u32 = 0; k < size; k++) value |= <u64>load<u8>(host + k) << (<u64>k << 3);
      host += size;
    }
    record(kind, 0, value, size, hw, flags, pc);
    paddr += <u64>size;
    offset += <u64>size;
    length -= size;
  }
}

// ---------------------------------------------------------------------------------------------------
// control, called between run slices

/** Brings the words shared by all recorders up to date with the set of active ones. */
function summarize(): void {
  let active = load<u32>(TRACE_ACTIVE);
  const only = descriptor(<u32>ctz(active));
  const solo = active != 0 && (active & (active - 1)) == 0 && load<u32>(only, REC_FILTER) == 0;
  // the stand-in's REC_ROW and REC_LIMIT are 0: never a row to write
  store<u32>(TRACE_SCRATCH, solo ? only : TRACE_SCRATCH + TRACE_NOBODY_OFFSET, TRACE_SOLO_OFFSET);
  let kinds: u32 = 0;
  while (active) {
    kinds |= load<u32>(descriptor(<u32>ctz(active)), REC_KINDS);
    active &= active - 1;
  }
  store<u32>(TRACE_SCRATCH, kinds, TRACE_KINDS_OFFSET);
}

/** Union of the KIND_* bits that active recorders want: callers skip fetches and walks nobody asked for. */
export function trace_kinds(): u32 {
  return load<u32>(TRACE_SCRATCH, TRACE_KINDS_OFFSET);
}

/** Starts recorder `i`, whose descriptor and ring header the host has written, from sequence number 0. */
export function recorder_start(i: u32): void {
  if (i >= <u32>MAX_RECORDERS) return;
  const d = descriptor(i);
  const batches = load<u32>(d, REC_BATCHES);
  for (let n: u32 = 0; n < batches; n++) atomic.store<u32>(batchHeader(d, n), BATCH_FREE, BATCH_STATE);
  store<u64>(d, 0, REC_ORDINAL);
  store<u64>(d, 0, REC_SEQ);
  store<u32>(d, 0, REC_NTH_LEFT);
  store<u64>(d, 0, REC_DROPPED);
  memory.fill(d + REC_GAP_FIRST, 0, 32);
  take(d);
  store<u32>(d, REC_RUNNING, REC_STATE);
  publish(d);
  atomic.store<u32>(load<u32>(d, REC_RING), REC_RUNNING, RING_STATE);
  atomic.store<u32>(TRACE_ACTIVE, load<u32>(TRACE_ACTIVE) | (<u32>1 << i));
  summarize();
}

/** Ends recorder `i`: the rows it holds become readable, its counters stay. Does nothing if it has ended already. */
export function recorder_stop(i: u32): void {
  finish(i, descriptor(i));
}

/**
 * Hands over the rows gathered so far, so that a quiet stream is not kept waiting for a full batch.
 * Returns 1 when a batch was handed over. Does nothing while the next slot is taken: the reader is behind anyway.
 */
export function recorder_flush(i: u32): i32 {
  const d = descriptor(i);
  if (load<u32>(d, REC_STATE) != REC_RUNNING) return 0;
  if (load<u32>(d, REC_BASE) == 0) {
    // dropping: once a slot is free, the gap can be told without waiting for the next record
    if (load<u64>(d, REC_GAP_COUNT) == 0) {
      take(d);
      return 0;
    }
    if (!take(d)) return 0;
  }
  const n = load<u64>(d, REC_ORDINAL);
  if (load<u32>(d, REC_ROW) == 0 && load<u64>(batchHeader(d, n), BATCH_GAP + GAP_COUNT) == 0) return 0;
  if (!isFree(d, n + 1)) return 0;
  complete(i, d);
  take(d);
  return 1;
}

/** For generated code that filled a batch up to REC_LIMIT inline. */
export function recorder_advance(i: u32): void {
  const d = descriptor(i);
  if (load<u32>(d, REC_STATE) == REC_RUNNING && load<u32>(d, REC_ROW) >= load<u32>(d, REC_LIMIT) && load<u32>(d, REC_BASE) != 0) {
    advance(i, d);
  }
}

/** Bit set of blocking recorders that are in their reserve without a free batch: do not run before it is 0. */
export function recorders_blocked(): u32 {
  let active = load<u32>(TRACE_ACTIVE);
  let blocked: u32 = 0;
  while (active) {
    const i = <u32>ctz(active);
    active &= active - 1;
    const d = descriptor(i);
    if (load<u32>(d, REC_POLICY) != POLICY_BLOCK || isClosed(d)) continue;
    const base = load<u32>(d, REC_BASE);
    const n = load<u64>(d, REC_ORDINAL);
    if (base == 0 ? !isFree(d, n) : load<u32>(d, REC_ROW) >= load<u32>(d, REC_LIMIT) && !isFree(d, n + 1)) {
      blocked |= <u32>1 << i;
    }
  }
  return blocked;
}
