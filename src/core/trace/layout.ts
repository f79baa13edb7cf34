// Where a trace recorder keeps its words, and how its ring looks in shared memory.
// Read by the recorder (AssemblyScript), by generated code that appends rows inline, and by the host (TypeScript),
// so it holds plain integer constants only and imports nothing. docs/trace-format.md tells the same story in prose.
//
// A recorder is one subscription. Its DESCRIPTOR (RECORDERS + i * RECORDER_SIZE) belongs to the machine's thread; its
// RING is shared: the machine's thread fills batches, the host's thread reads and frees them.
//
// APPENDING INLINE (generated code). For a recorder whose tests were all decided at translation time
// (REC_FILTER has no FILTER_NTH, and the other bits are provably true or false for the access):
//
//   row  = i32.load(D + REC_ROW)                  D = RECORDERS + i * RECORDER_SIZE, a constant
//   if (row + k > i32.load(D + REC_LIMIT))        unsigned; k rows are about to be appended
//     call record() once per row instead          it completes the batch, stops or drops as the policy says
//   base = i32.load(D + REC_BASE)
//   for each chosen column c except seq:
//     store(base + REC_COL[c] + row * width(c))   REC_COL[c] is constant while the recorder lives
//   i32.store(D + REC_ROW, row + k)
//
// Nothing else is to be kept: sequence numbers, counters and the seq column follow from REC_ROW. Rows may be written
// in any order before REC_ROW moves. After an append that leaves REC_ROW == REC_LIMIT, recorder_advance(i) hands
// the batch over at once; without the call it is handed over at the next record(), flush or stop. REC_ROW, REC_BASE and
// REC_LIMIT may change in any call of record*(), recorder_*() and in whatever runs the host, so a copy in a local lives no
// longer than the next such call. REC_LIMIT is 0 while the recorder has no batch to write to, so the test
// above covers "dropping" and "stopped" too.

// --- descriptor -----------------------------------------------------------------------------------
export const REC_ROW = 0; //             u32: next row of the batch being filled
export const REC_LIMIT = 4; //           u32: rows below it may be written without asking
export const REC_BASE = 8; //            u32: address of the batch being filled, 0 for none
export const REC_COLUMNS = 12; //        u32: bit set of COLUMN_*
export const REC_KINDS = 16; //          u32: bit set of KIND_* wanted
export const REC_FILTER = 20; //         u32: FILTER_* tests to make besides the kind; 0 = none
export const REC_POLICY = 24; //         u32: POLICY_*
export const REC_ROWS = 28; //           u32: rows of a batch, a power of two
export const REC_SEQ = 32; //            u64: sequence number of row 0; the next record's is REC_SEQ + REC_ROW
export const REC_STOP_AT = 40; //        u64: the recorder finishes before this sequence number; all ones = never
export const REC_RING = 48; //           u32: address of the ring header
export const REC_DATA = 52; //           u32: address of batch slot 0
export const REC_BATCH_BYTES = 56; //    u32
export const REC_BATCHES = 60; //        u32
export const REC_COL = 64; //            u32[24]: offset of column c inside a batch
export const REC_NTH = 160; //           u32: keep every Nth match
export const REC_NTH_LEFT = 164; //      u32: matches to skip before the next kept one
export const REC_SIZE_MASK = 168; //     u64: bit (size & 63) for each size wanted
export const REC_HART_MASK = 176; //     u32: bit per hart
export const REC_PRIV_MASK = 180; //     u32: bit 0 U, 1 S, 3 M
export const REC_REGION_BITMAP = 184; // u32: address; bit id % 8 of byte id / 8
export const REC_DEVICE_BITMAP = 188; // u32
export const REC_VADDR_COUNT = 192; //   u32: ranges in REC_VADDR_RANGES
export const REC_PADDR_COUNT = 196; //   u32
export const REC_PC_COUNT = 200; //      u32
export const REC_STATE = 204; //         u32: REC_IDLE, REC_RUNNING, REC_FINISHED
export const REC_DROPPED = 208; //       u64: selected records that were not written
export const REC_GAP_FIRST = 216; //     u64: the gap since the last batch: first lost sequence number,
export const REC_GAP_COUNT = 224; //     u64: how many, 0 for no gap,
export const REC_GAP_ICOUNT = 232; //    u64: instruction count of the first lost record
export const REC_GAP_LAST = 240; //      u64: and of the last
export const REC_ORDINAL = 248; //       u64: number, from 0, of the batch being filled or wanted next; its slot is this % REC_BATCHES
export const REC_VADDR_RANGES = 256; //  {first u64, last u64}[8], both inclusive
export const REC_PADDR_RANGES = 384;
export const REC_PC_RANGES = 512;
export const REC_END = 640;
export const MAX_RANGES = 8;

export const REC_IDLE = 0;
export const REC_RUNNING = 1;
export const REC_FINISHED = 2; //        stopped, or its stop-after count was reached

export const POLICY_DROP = 0;
export const POLICY_BLOCK = 1;

export const FILTER_SIZE = 1;
export const FILTER_HART = 2;
export const FILTER_PRIV = 4;
export const FILTER_VADDR = 8;
export const FILTER_PADDR = 16;
export const FILTER_PC = 32;
export const FILTER_REGION = 64;
export const FILTER_DEVICE = 128;
export const FILTER_IO = 256; //         SECTION_IO and unassigned addresses only
export const FILTER_NTH = 512;

// Rows a blocking recorder keeps back in its last batch: more than one instruction's records can be.
export const RESERVE_ROWS = 64;

// word shared by all recorders: union of the KIND_* bits active recorders want, so that callers skip fetches and walks
export const TRACE_KINDS_OFFSET = 0; //  in TRACE_SCRATCH
export const TRACE_SOLO_OFFSET = 4; //   in TRACE_SCRATCH: u32, descriptor of the only active recorder if it has no filter, else the stand-in's
export const TRACE_HW_OFFSET = 64; //    in TRACE_SCRATCH: a struct as at HWADDR, used by record_block
export const TRACE_NOBODY_OFFSET = 128; // in TRACE_SCRATCH: REC_ROW and REC_LIMIT of a descriptor that never has room, both 0

// --- columns --------------------------------------------------------------------------------------
export const COLUMN_SEQ = 0;
export const COLUMN_ICOUNT = 1;
export const COLUMN_HART = 2;
export const COLUMN_PRIVILEGE = 3;
export const COLUMN_PC = 4;
export const COLUMN_VADDR = 5;
export const COLUMN_PADDR = 6;
export const COLUMN_REGION = 7;
export const COLUMN_DEVICE = 8;
export const COLUMN_REGISTER = 9;
export const COLUMN_FIELD = 10;
export const COLUMN_OFFSET = 11;
export const COLUMN_SIZE = 12;
export const COLUMN_KIND = 13;
export const COLUMN_DIRECTION = 14; //   0 read, 1 write
export const COLUMN_VALUE = 15;
export const COLUMN_FLAGS = 16;
export const COLUMN_COUNT = 17;
// bit k set where KIND k writes memory: store, amo-write, walk-write, dma-write
export const WRITE_KINDS = 0x14a;

// --- ring -----------------------------------------------------------------------------------------
// header, RING_HEADER_SIZE bytes
export const RING_MAGIC = 0; //          u32: RING_MAGIC_VALUE
export const RING_VERSION = 4; //        u32: RING_VERSION_VALUE
export const RING_BATCHES = 8; //        u32
export const RING_ROWS = 12; //          u32: rows of a batch
export const RING_BATCH_BYTES = 16; //   u32: distance between batches
export const RING_COLUMNS = 20; //       u32: bit set of COLUMN_*
export const RING_DATA = 24; //          u32: offset of batch slot 0 from the header
export const RING_STATE = 28; //         u32: as REC_STATE, published with the last batch
export const RING_CLOSED = 32; //        u32: set by the host when nobody will free batches any more: never block
export const RING_MATCHED = 64; //       u64: counters as of the last batch handed over
export const RING_WRITTEN = 72; //       u64
export const RING_DROPPED = 80; //       u64
export const RING_COMPLETED = 88; //     u64: batches handed over so far
export const RING_TAIL_GAP = 96; //      {first, count, icount, last}: u64[4], the gap behind the last batch of a finished recorder
export const RING_HEADER_SIZE = 128;
// batch headers follow the ring header, one per slot
export const BATCH_HEADER_SIZE = 64;
export const BATCH_STATE = 0; //         u32, atomic: BATCH_FREE, BATCH_FILLING, BATCH_FULL
export const BATCH_ROWS = 4; //          u32: rows in use (may be 0 when the batch only carries a gap)
export const BATCH_SEQ = 8; //           u64: sequence number of row 0
export const BATCH_GAP = 16; //          {first, count, icount, last}: u64[4], records lost right before this batch; count 0 = none
export const BATCH_ORDINAL = 48; //      u64: number of the batch, from 0
export const GAP_FIRST = 0;
export const GAP_COUNT = 8;
export const GAP_ICOUNT = 16;
export const GAP_LAST = 24;

export const BATCH_FREE = 0; //          core may take it
export const BATCH_FILLING = 1;
export const BATCH_FULL = 2; //          host may read it, and then stores BATCH_FREE
// behind the batch headers: region bitmap, device bitmap (BITMAP_BYTES each), then the batches
export const BITMAP_BYTES = 8192; //     65536 ids

export const RING_MAGIC_VALUE = 0x52544d45; // "EMTR"
export const RING_VERSION_VALUE = 1;

// second argument of env.trace_notify(recorder, event)
export const NOTIFY_BATCH = 0; //        a batch was handed over, or the recorder finished
export const NOTIFY_FULL = 1; //         a blocking recorder is out of rows inside an instruction: wait for a free batch and return 1, or return 0 to drop
