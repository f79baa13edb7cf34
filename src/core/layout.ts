// The one map of a session's Wasm memory: where hart state, TLBs, the flat view and shared words live.
// Read by the core (AssemblyScript), the generated engine and the host side (TypeScript), so it holds
// plain integer constants only, and imports nothing. All values are byte offsets unless said otherwise.

// ---------------------------------------------------------------------------------------------------
// STATE: the hart that runs now, always at the same place, so generated code addresses it by constants.
// On a hart switch the core copies HART_SIZE bytes out to, and in from, HART_SAVE + hart * HART_SIZE.
export const STATE = 0x1000;
export const HART_SIZE = 0x1000;

export const X = STATE + 0x000; //            x0..x31, u64 each; x0 is always 0
export const X_SINK = STATE + 0x100; //       where writes to x0 go
export const PC = STATE + 0x108; //           u64
export const F = STATE + 0x110; //            f0..f31, u64 each, single precision NaN-boxed
export const FFLAGS = STATE + 0x210; //       u32: NV 16, DZ 8, OF 4, UF 2, NX 1
export const FRM = STATE + 0x214; //          u32: 0..4, 5..7 reserved (traps when used)
export const PRIV = STATE + 0x218; //         u32: 0 U, 1 S, 3 M
export const WFI = STATE + 0x21c; //          u32: 1 while the hart waits for an interrupt
export const HARTID = STATE + 0x220; //       u32
export const FS_OFF = STATE + 0x224; //       u32: 1 while mstatus.FS is Off (floating point traps)
export const RES_VALID = STATE + 0x228; //    u32: LR reservation held
export const RES_SIZE = STATE + 0x22c; //     u32: bytes reserved
export const RES_ADDR = STATE + 0x230; //     u64: reserved physical address

// CSRs, u64 each unless said otherwise
export const MSTATUS = STATE + 0x240;
export const MEDELEG = STATE + 0x248;
export const MIDELEG = STATE + 0x250;
export const MIE = STATE + 0x258;
export const MIP = STATE + 0x260; //          every pending bit as software reads it
export const MTVEC = STATE + 0x268;
export const MCOUNTEREN = STATE + 0x270;
export const MSCRATCH = STATE + 0x278;
export const MEPC = STATE + 0x280;
export const MCAUSE = STATE + 0x288;
export const MTVAL = STATE + 0x290;
export const MENVCFG = STATE + 0x298;
export const MCOUNTINHIBIT = STATE + 0x2a0;
export const STVEC = STATE + 0x2a8;
export const SCOUNTEREN = STATE + 0x2b0;
export const SSCRATCH = STATE + 0x2b8;
export const SEPC = STATE + 0x2c0;
export const SCAUSE = STATE + 0x2c8;
export const STVAL = STATE + 0x2d0;
export const SATP = STATE + 0x2d8;
export const SENVCFG = STATE + 0x2e0;
export const STIMECMP = STATE + 0x2e8;
export const MTIMECMP = STATE + 0x2f0; //     the CLINT's, kept here so the run loop sees deadlines
export const MINSTRET_BASE = STATE + 0x2f8; // minstret = SLOTS - TRAPS + base
export const MCYCLE_BASE = STATE + 0x300; //   mcycle = SLOTS + base
export const SLOTS = STATE + 0x308; //         u64: instruction slots this hart has used (retired + trapped), brought up to date at slice ends
export const TRAPS = STATE + 0x310; //         u64: slots that ended in a synchronous trap, so did not retire
export const PMPCFG = STATE + 0x318; //        16 bytes
export const PMPADDR = STATE + 0x328; //       16 * u64
export const SEIP_SW = STATE + 0x3a8; //       u32: the software-written half of SEIP
export const SEIP_HW = STATE + 0x3ac; //       u32: the interrupt controller's half
export const PMP_ACTIVE = STATE + 0x3b0; //   u32: 1 + number of the last PMP entry that is not OFF (derived from PMPCFG)
// 0x3b4..0x3ff free for the hart/ sources

// A trap raised by the access or instruction in flight, taken by the run loop before the next instruction.
export const TRAP_PENDING = STATE + 0x400; //  u32: 1 when CAUSE and TVAL below are to be taken
export const TRAP_CAUSE = STATE + 0x408; //    u64
export const TRAP_TVAL = STATE + 0x410; //     u64
// Interrupts may have become takeable, or translation or fetch context changed: generated code leaves after this instruction.
export const RESCHEDULE = STATE + 0x418; //    u32

// The hardware address of the last access (getHwaddr()): filled before a device sees the access.
export const HWADDR = STATE + 0x440;
export const HW_VADDR = HWADDR + 0; //         u64
export const HW_PADDR = HWADDR + 8; //         u64
export const HW_OFFSET = HWADDR + 16; //       u64: offset inside the memory region
export const HW_REGION = HWADDR + 24; //       u32: region id
export const HW_DEVICE = HWADDR + 28; //       u32: device id, 0 for none
export const HW_KIND = HWADDR + 32; //         u32: SECTION_* kind
export const HW_SIZE = HWADDR + 36; //         u32: bytes of this part
export const HW_HOST = HWADDR + 40; //         u32: host address for RAM and ROM
export const HW_FLAGS = HWADDR + 44; //        u32: flags of the TLB tag the access went through (TLB_FLAG_*)
export const HWADDR_SIZE = 48;
// second half of an access that crosses a page
export const HWADDR2 = HWADDR + HWADDR_SIZE;

// ---------------------------------------------------------------------------------------------------
// softmmu. MMU indexes: 0 U, 1 S, 2 S with SUM, 3 M (no translation).
export const MMU_INDEXES = 4;
export const TLB_MIN_BITS = 9;
export const TLB_DEFAULT_BITS = 9;
export const TLB_MAX_BITS = 14;
export const TLB_ENTRY_BITS = 5; //            32-byte entries
export const TLB_ENTRY_SIZE = 32;
// entry
export const TLB_READ = 0; //                  u64 tag: page vaddr | flags; all ones = empty
export const TLB_WRITE = 8;
export const TLB_CODE = 16;
export const TLB_ADDEND = 24; //               i32: host address = wrap(vaddr) + addend
export const TLB_PPN = 28; //                  u32: physical page number
// flags in bits 3 to 11 of a tag; any set flag makes the inlined check fail. Bits 0 to 2 stay clear: atomics compare them too,
// so that a misaligned one finds no tag like it
export const TLB_FLAG_INVALID = 8; //          translate again at every access (PMP boundary in the page)
export const TLB_FLAG_MMIO = 16;
export const TLB_FLAG_CODE = 32; //             page holds decoded code: stores must invalidate it
export const TLB_FLAG_TRACED = 64;
export const TLB_FLAG_WATCHED = 128;
export const TLB_FLAG_DISCARD = 256; //         ROM: writes are dropped
// the cold half of entry i of a table lies TLB_FULL_DELTA bytes above its hot half
export const TLB_FULL_DELTA = 0x80000; //      (1 << TLB_MAX_BITS) * 32
export const FULL_OFFSET = 0; //               u64: offset of the page inside its region
export const FULL_REGION = 8; //               u32
export const FULL_SLOTS = 12; //               u32: decoded slots of the physical page, 0 when none
export const FULL_DEVICE = 16; //              u32
export const FULL_ASID = 20; //                u16
export const FULL_GLOBAL = 22; //              u8
export const FULL_PAGE_BITS = 23; //           u8: log2 of the mapping's page size
export const FULL_PROT = 24; //                u8: R 1, W 2, X 4
export const FULL_KIND = 25; //                u8: SECTION_*
export const FULL_SECTION = 28; //             u32: index in the flat view, or -1 where the page spans several
export const TLB_TABLE_SIZE = 0x100000; //     address space of one (hart, MMU index) table, both halves
// descriptors: one per MMU index inside STATE
export const TLB_DESC = STATE + 0x500;
export const TLB_DESC_SIZE = 0x40;
export const DESC_MASK = 0; //                 u32: (entries - 1) << TLB_ENTRY_BITS
export const DESC_BASE = 4; //                 u32: address of the hot half
export const DESC_USED = 8; //                 u32: entries in use, without victims
export const DESC_WINDOW_MAX = 12; //          u32: most entries in use at a flush of the present window
export const DESC_WINDOW_BEGIN = 16; //        u64: virtual ns
export const DESC_LARGE_COUNT = 24; //         u32: large-page regions in use
export const DESC_VICTIM_NEXT = 40; //         u32: victim to be replaced next
export const DESC_GLOBALS = 44; //             u32: entries in use that are global mappings
export const DESC_DIRTY = 48; //               u32: 1 when anything was put in since the last flush
// descriptors of the current data and fetch MMU index, copied here whenever privilege, MPRV or SUM change
export const DATA_MASK = STATE + 0x600;
export const DATA_BASE = STATE + 0x604;
export const FETCH_MASK = STATE + 0x608;
export const FETCH_BASE = STATE + 0x60c;
export const DATA_INDEX = STATE + 0x610; //    u32
export const FETCH_INDEX = STATE + 0x614; //   u32
export const DATA_PRIV = STATE + 0x618; //     u32: privilege data accesses are made with (MPRV)
// PMP ranges, derived from PMPCFG and PMPADDR: 16 * (u64 first, u64 last byte); first > last for an empty one
export const PMP_RANGES = STATE + 0x800;
// Large-page regions: up to 4 for each MMU index, which together cover every large page put in since the last flush:
// LARGE_REGIONS + index * LARGE_INDEX_SIZE + n * 16: u64 address, u64 mask (a page is inside when (page ^ address) & mask is 0)
export const LARGE_REGIONS = STATE + 0x900;
export const LARGE_REGION_COUNT = 4;
export const LARGE_INDEX_SIZE = 64;
// Victim entries: 64 bytes each (hot half, then cold half), not copied at a hart switch:
// VICTIM + hart * VICTIM_HART_SIZE + index * VICTIM_INDEX_SIZE + n * VICTIM_SIZE, up to 0x10000
export const VICTIM = 0xc000;
export const VICTIM_ENTRIES = 8;
export const VICTIM_SIZE = 64;
export const VICTIM_COLD = 32; //              of the cold half inside a victim entry
export const VICTIM_INDEX_SIZE = 512;
export const VICTIM_HART_SIZE = 2048;

// fetch context of the interpreter: which page the decoded slots in use stand for
export const PAGE_VA = STATE + 0xf00; //       u64: virtual address of the page being executed
export const PAGE_SLOTS = STATE + 0xf08; //    u32: address of its decoded slots
export const LEFT = STATE + 0xf0c; //          i32: instructions left in the slice, incl. the current one; stored before slow calls

// the block whose probes run (core/probe/)
export const PROBE_BLOCK = STATE + 0xa00; //    u32: record of the block being executed
export const PROBE_LEFT = STATE + 0xa04; //     i32: its instructions whose probes are still to run; 0: the next instruction begins a block;
//                                             below 0: so many that were accounted for when the block PROBE_BATCH was entered
export const PROBE_DONE = STATE + 0xa08; //     u32: 1 when the next instruction's probes have run already
export const PROBE_COUNT = STATE + 0xa0c; //    u32: accesses of the instruction in flight, 0..2
export const PROBE_BATCH = STATE + 0xaf0; //    u32
export const PROBE_ACCESS = STATE + 0xa10; //   struct of each access, then of the parts of one that crosses a page
export const ACCESS_PARTS = 2; //               number of the first part's
export const ACCESS_SIZE = 32;
export const ACCESS_VADDR = 0; //               u64
export const ACCESS_VALUE = 8; //               u64, zero-extended
export const ACCESS_KIND = 16; //               u32: KIND_*
export const ACCESS_BYTES = 20; //              u32
export const ACCESS_SPLIT = 24; //              u32: bytes of the first part where it crosses a page (HWADDR2 is the second), else 0

export const PAGE_VALID = STATE + 0xf10; //    u32: the two above still hold at a slice's start: no flush, trap, return or hart switch since

// ---------------------------------------------------------------------------------------------------
// GLOBAL: one per machine
export const GLOBAL = 0x2000;
export const HART_COUNT = GLOBAL + 0x00; //    u32
export const CURRENT_HART = GLOBAL + 0x04; //  u32
export const SLICE_END = GLOBAL + 0x08; //     u64: machine instruction count when LEFT reaches 0; count now = SLICE_END - LEFT
export const IDLE_NS = GLOBAL + 0x10; //       u64: virtual ns skipped while all harts waited; virtual ns = count + IDLE_NS
export const NEXT_EVENT = GLOBAL + 0x18; //    u64: virtual ns of the next device event on the host side
export const EXIT_REQUEST = GLOBAL + 0x20; //  u32: EXIT_* bits; non-zero makes run() return after the current instruction
export const IO_VALUE = GLOBAL + 0x28; //      u64: value of the device access in flight (little endian)
export const IO_REGISTER = GLOBAL + 0x30; //   u32: register name id of the device access in flight, 0 unknown
export const IO_FIELD = GLOBAL + 0x34; //      u32: field name id, 0 none
export const SECTION_COUNT = GLOBAL + 0x38; // u32
export const TOPOLOGY_GENERATION = GLOBAL + 0x3c; // u32: bumped at each new flat view
export const TIME_OFFSET = GLOBAL + 0x40; //   u64: added to mtime (writes to the CLINT's mtime)
export const RAM_LIMIT = GLOBAL + 0x48; //     u32: end of allocated memory
export const TRACE_ACTIVE = GLOBAL + 0x4c; //  u32: bit set of active recorders
export const TLB_ARENA = GLOBAL + 0x50; //     u32: tables of hart h, index i at arena + (h * MMU_INDEXES + i) * TLB_TABLE_SIZE
export const SLOT_ARENA = GLOBAL + 0x54; //    u32: decoded-slot pages
export const SLOT_PAGES = GLOBAL + 0x58; //    u32: how many fit
export const SLOT_USED = GLOBAL + 0x5c; //     u32
export const SLOT_MAP = GLOBAL + 0x60; //      u32: hash map physical page -> slots
export const BREAK_PC = GLOBAL + 0x68; //      u64: run() stops before this pc; all ones = none
export const QUANTUM = GLOBAL + 0x70; //       u32: instructions a hart runs before the next one's turn
export const QUANTUM_LEFT = GLOBAL + 0x74; //  u32
export const EXIT_CODE = GLOBAL + 0x78; //     u32: test finisher's code
export const SLICE_LENGTH = GLOBAL + 0x80; //  u32: instructions of the slice under way; slots of the hart now = SLOTS + SLICE_LENGTH - LEFT
export const SLOT_FREE = GLOBAL + 0x84; //     u32: list of slot pages given back, linked through SLOT_PAGE_NEXT
export const AMO_SCRATCH = GLOBAL + 0x90; //   16 bytes: stands in for ROM in atomics, whose write is dropped
export const WALK_HWADDR = GLOBAL + 0xa0; //   HWADDR struct of the page-table entry being recorded
export const HOT_THRESHOLD = GLOBAL + 0x88; // u32: jumps to a slot before the engine is told of it
// how a compiled region left; the trampoline that called it goes on from there
export const RESUME = GLOBAL + 0xd0; //        u32: RESUME_*, 0 when it was no region that returned
export const RESUME_AT = GLOBAL + 0xd4; //     u32: slot of the page; for RESUME_HANDLER with handler and count above it
export const RESUME_PC = GLOBAL + 0xd8; //     u64
export const COMPILED_SLOTS = GLOBAL + 0xe0; // u64: instruction slots used by compiled regions
export const RESUME_SLOT = 1; //               at another slot of the page
export const RESUME_HANDLER = 2; //            the interpreter's own handler of one instruction
export const RESUME_GOTO = -0x80000000; //     at a virtual address: instead of RESUME, this bit is set in the instructions left
export const PROBE_ON = GLOBAL + 0xe8; //      u32: 1 while blocks run with probes
export const PROBE_PAGES = GLOBAL + 0xec; //   u32: 1 while the host is asked about pages that are fetched from (env.probe_page)
export const PROBE_TABLE = GLOBAL + 0xf4; //   u32: hash table of block records, PROBE_TABLE_ENTRIES u32
export const PROBE_EVENTS = GLOBAL + 0xf8; //  u32: bit set of EVENT_* the host wants to hear of
export const PROBE_SLOTS = GLOBAL + 0xfc; //   u32: PROBE_SLOT_SIZE bytes for each plugin slot
export const FLUSH_STATS = GLOBAL + 0x100; //  counters, u64 each; softmmu/ lays out (see STAT_*)
export const PROBE_HWADDR = GLOBAL + 0x1c4; //  u32: where the access went whose probes run, 0: HWADDR
// what a callback is about: 16 bytes that compiled code writes at once
export const PRESENT_ACCESS = GLOBAL + 0x1d0; // u32: struct of the access whose callback runs, 0 while none does
export const PRESENT_PLACE = GLOBAL + 0x1d4; // u32: HWADDR struct that says where it went, 0 while none does
export const PROBE_CURSOR = GLOBAL + 0x1d8; //  u32: op whose plugin is being called, 0 when none is
export const PROBE_EVENT = GLOBAL + 0x1dc; //   u32: number of the access whose probes run
export const EVENT_HWADDR = GLOBAL + 0x1c0; //  u32: HWADDR struct of the walk or DMA access being told of, 0 outside
export const EVENT_VALUE = GLOBAL + 0x1c8; //   u64: its value
// 64-bit counters at FLUSH_STATS + 8 * STAT_*, summed over harts
export const STAT_SLOW_HIT = 0; //             hits found on the slow path (flagged entries)
export const STAT_MISS = 1;
export const STAT_VICTIM_HIT = 2;
export const STAT_FILL = 3;
export const STAT_WALK = 4;
export const STAT_WALK_READ = 5; //            page-table entries read
export const STAT_FLUSH_ALL = 6;
export const STAT_FLUSH_INDEX = 7; //          one MMU index
export const STAT_FLUSH_PAGE = 8;
export const STAT_FLUSH_ASID = 9;
export const STAT_FLUSH_ELIDED = 10;
export const STAT_LARGE_FLUSH = 11; //         page flushes that hit the large-page region
export const STAT_GROW = 12;
export const STAT_SHRINK = 13;
export const STAT_TOPOLOGY_FLUSH = 14;
export const STAT_CODE_INVALIDATE = 15;
export const STAT_EXCEPTIONS = 16;
export const STAT_INTERRUPTS = 17;
export const STAT_IO_READ = 18;
export const STAT_IO_WRITE = 19;
export const STAT_COUNT = 24;

// exit reasons: bits of EXIT_REQUEST, and what run() returns
export const EXIT_NONE = 0; //                 budget used up
export const EXIT_PAUSE = 1; //                asked to stop (control message, breakpoint of a tool)
export const EXIT_EVENT = 2; //                NEXT_EVENT is due
export const EXIT_IDLE = 4; //                 every hart waits for an interrupt
export const EXIT_HALT = 8; //                 power-off, reboot or exit code from a device
export const EXIT_RING = 16; //                a blocking recorder has no free batch
export const EXIT_BREAK = 32; //               BREAK_PC reached
export const EXIT_SLICE = 64; //               deadlines changed: recompute the slice (internal to the core)
export const EXIT_PROBE = 128; //              the host has something to do for a plugin
export const EXIT_COMPILED = 256; //           regions made in another thread wait to be taken

// ---------------------------------------------------------------------------------------------------
export const HART_SAVE = 0x4000; //            8 * HART_SIZE
export const MAX_HARTS = 8;

// FLAT VIEW: sections sorted by start, not overlapping
export const SECTIONS = 0x10000;
export const SECTION_SIZE = 48;
export const MAX_SECTIONS = 1024;
export const SECTION_START = 0; //             u64 first physical address
export const SECTION_END = 8; //               u64 one past the last
export const SECTION_OFFSET = 16; //           u64 offset in the region of the first byte
export const SECTION_HOST = 24; //             u32 host address of the first byte (RAM, ROM)
export const SECTION_REGION = 28; //           u32 region id
export const SECTION_KIND = 32; //             u32 SECTION_RAM...
export const SECTION_DEVICE = 36; //           u32 device id, 0 none
export const SECTION_UNASSIGNED = 0; //        also: region id 0 is "unassigned"
export const SECTION_RAM = 1;
export const SECTION_ROM = 2; //               reads like RAM, writes discarded
export const SECTION_IO = 3;

// Result of translate_debug(): what every level of the walk read
export const DEBUG_WALK = 0x1c000;
export const DEBUG_WALK_PADDR = DEBUG_WALK + 0; //  u64
export const DEBUG_WALK_CAUSE = DEBUG_WALK + 8; //  u32: 0 or the exception an access would raise
export const DEBUG_WALK_COUNT = DEBUG_WALK + 12; // u32: steps
export const DEBUG_WALK_PROT = DEBUG_WALK + 16; //  u32: R 1, W 2, X 4 after page table and PMP
export const DEBUG_WALK_PAGE_BITS = DEBUG_WALK + 20; // u32: log2 of the mapping's size
export const DEBUG_WALK_STEPS = DEBUG_WALK + 32; // 5 * (u64 address of the entry, u64 entry), root first

// TRACE: recorder descriptors and filters (trace/ lays out)
export const RECORDERS = 0x20000;
export const RECORDER_SIZE = 0x400;
export const MAX_RECORDERS = 32;
export const TRACE_SCRATCH = 0x28000;
// core's own static data and stack start here (asconfig.json memoryBase = 0x40000)
export const CORE_DATA = 0x40000;
// everything from here on is handed out by the host's allocator (TLB arena, slots, rings, RAM)
export const ARENA = 0xa0000;
// HOT: how often jumps went to a slot, u16 each, by slot address; several slots may share a counter
export const HOT_TABLE = 0x80000;
export const HOT_COUNTERS = 0x10000;

// ---------------------------------------------------------------------------------------------------
// access kinds (trace column `kind`, getHwaddr)
export const KIND_LOAD = 0;
export const KIND_STORE = 1;
export const KIND_AMO_READ = 2;
export const KIND_AMO_WRITE = 3;
export const KIND_FETCH = 4;
export const KIND_WALK_READ = 5;
export const KIND_WALK_WRITE = 6; //           A/D update
export const KIND_DMA_READ = 7;
export const KIND_DMA_WRITE = 8;
// record flags
export const RECORD_FAULT = 1; //              the bus refused the access (unassigned, bad size)
export const RECORD_SPLIT_FIRST = 2; //        first part of an access that crosses a page
export const RECORD_SPLIT_SECOND = 4;
export const RECORD_REMAPPED = 8; //           the memory tree changed while this access was in flight
export const RECORD_UNKNOWN_REGISTER = 16;
export const RECORD_DISCARDED = 32; //         write to ROM

// PROBES. Record of a translated block, found by slot address and virtual page:
export const BLOCK_NEXT = 0; //                u32: next record with the same hash
export const BLOCK_SLOT = 4; //                u32: address of the first instruction's decoded slot
export const BLOCK_PAGE = 8; //                u64: virtual page
export const BLOCK_COUNT = 16; //              u32: instructions
export const BLOCK_OPS = 20; //                u32: ops before the first instruction, 0 for none
export const BLOCK_SUM = 24; //                u32: ops that do at once what those before all its instructions do, if they only count; else 0
export const BLOCK_INSTRUCTIONS = 32; //       then for each instruction:
export const INSTRUCTION_SIZE = 16;
export const INSTRUCTION_EXEC = 0; //          u32: ops before it, 0 for none
export const INSTRUCTION_ACCESS = 4; //        u32: ops after each of its accesses
export const INSTRUCTION_OFFSET = 8; //        u16: from the virtual page
export const INSTRUCTION_LENGTH = 10; //       u8
export const INSTRUCTION_SIGNED = 11; //       u8: 1 for a load that sign-extends
export const PROBE_TABLE_ENTRIES = 0x10000;
// An op; a list of them ends with a code of 0.
export const OP_SIZE = 64;
export const OP_CODE = 0; //                   u32: OP_*
export const OP_ADD = 1;
export const OP_STORE = 2;
export const OP_APPEND = 3;
export const OP_CALL = 4; //                   dispatcher(fn, hart, tag)
export const OP_CALL_ACCESS = 5; //            dispatcher(fn, hart, info, vaddr, tag)
export const OP_WHEN = 4; //                   u32: WHEN_*, 0: always
export const WHEN_EQ = 1;
export const WHEN_NE = 2;
export const WHEN_LT = 3; //                   unsigned
export const WHEN_LE = 4;
export const WHEN_GT = 5;
export const WHEN_GE = 6;
export const OP_WHEN_AT = 8; //                u32: address of hart 0's counter
export const OP_WHEN_STRIDE = 12; //           u32
export const OP_WHEN_VALUE = 16; //            u64
export const OP_AT = 24; //                    u32: counter, buffer, or dispatcher
export const OP_STRIDE = 28; //                u32: of the counter; FIELD_* of a buffer; fn of a call
export const OP_VALUE = 32; //                 u64: of add and store; u32 tag of append and calls
export const OP_SLOT = 40; //                  u32: plugin slot
export const OP_GUARD = 44; //                 u32: filter to pass, 0: none
export const OP_BLOCK = 48; //                 u32: record it belongs to
export const OP_INDEX = 52; //                 u16: instruction of the block
export const OP_PHASE = 54; //                 u8: PHASE_*
export const OP_DIRECTION = 55; //             u8, on accesses: 1 reads, 2 writes, 4 devices only, 8 memory only
export const OP_SYNCED = 56; //                u8: the plugin's copies of counters are brought up to date around the call
export const PHASE_BLOCK = 1; //               before the block
export const PHASE_EXEC = 2; //                before an instruction
export const PHASE_ACCESS = 3; //              after an access
export const FIELD_NONE = 0;
export const FIELD_VADDR = 1;
export const FIELD_PADDR = 2;
export const FIELD_VALUE = 3;
// descriptor of a buffer, then its entries: u32 tag, u32 (hart | size << 8 | kind << 16), u64 field
export const BUFFER_CURSOR = 0; //             u32: address of the next entry
export const BUFFER_END = 4; //                u32
export const BUFFER_DISPATCHER = 8; //         u32: called with BUFFER_FN when the cursor reaches the end
export const BUFFER_FN = 12; //                u32
export const BUFFER_ENTRIES = 64;
export const ENTRY_SIZE = 16;
// filter of a probe: {first u64, last u64} ranges, both inclusive, virtual ones first
export const GUARD_HARTS = 0; //               u32: bit set
export const GUARD_PRIVILEGES = 4; //          u32: bit 0 U, 1 S, 3 M
export const GUARD_VADDRS = 8; //              u32: ranges
export const GUARD_PADDRS = 12; //             u32
export const GUARD_DEVICES = 16; //            u32: ids behind the ranges, 0: any
export const GUARD_REGIONS = 20; //            u32: ids behind those, 0: any
export const GUARD_RANGES = 32;
// a plugin slot
export const PROBE_SLOT_SIZE = 16;
export const MAX_PROBE_SLOTS = 256;
export const MIRROR_LIST = 0; //               u32: pairs (u32 counter in this memory, u32 address in the plugin's)
export const MIRROR_COUNT = 4; //              u32
export const MIRROR_PEEK = 8; //               u32: table index of (address) -> i64
export const MIRROR_POKE = 12; //              u32: table index of (address, i64)
// events, by bit in PROBE_EVENTS, and first argument of env.probe_event(kind, a: u64, b: u64, c: u32, d: u32)
export const EVENT_IDLE = 0;
export const EVENT_RESUME = 1;
export const EVENT_INTERRUPT = 2; //           from, to, cause
export const EVENT_EXCEPTION = 3; //           from, to, cause; tval in TRAP_TVAL
export const EVENT_TLB_FILL = 4; //            vaddr, paddr, page bits, MMU index
export const EVENT_TLB_FLUSH = 5; //           vaddr, 0, FLUSH_*, asid
export const EVENT_SATP = 6; //                old, new
export const EVENT_WALK = 7; //                vaddr, entry; kind; the place is in WALK_HWADDR
export const EVENT_DMA = 8;
export const EVENT_TOPOLOGY = 9;
export const FLUSH_SCOPE_ALL = 0;
export const FLUSH_SCOPE_INDEX = 1;
export const FLUSH_SCOPE_PAGE = 2;
export const FLUSH_SCOPE_ASID = 3;
export const FLUSH_SCOPE_TOPOLOGY = 4;

// decoded slots of the interpreter: one 16-byte op per halfword of a physical page, and a guard op behind the last
export const SLOT_SIZE = 16;
export const SLOT_PAGE_SIZE = 0x8040; //       2048 ops + guards, multiple of 64
export const SLOT_GUARD = 0x8000; //           two guard ops, handler HANDLER_PAGE_END
export const SLOT_HANDLER = 0; //              u32 of an op: handler index
export const HANDLER_DECODE = 0; //            not decoded yet
export const HANDLER_PAGE_END = 1; //          runs off the page: go on at the next one
// header of a slot page, behind the guards
export const SLOT_PAGE_PPN = 0x8020; //        u32: physical page it stands for
export const SLOT_PAGE_JIT = 0x8024; //        u32: 0 or JIT_*, set by the engine; writes into the page then call env.code_invalidate
export const JIT_USED = 1; //                  code of the page is compiled, or asked for, or in a block with probes
export const JIT_NEVER = 2; //                 no code of it is to be compiled
export const SLOT_PAGE_WRITES = 0x8028; //     u32: stores into the page since it was decoded
export const SLOT_PAGE_NEXT = 0x802c; //       u32: link of the free list
export const SLOT_PAGE_HOST = 0x8030; //       u32: host address of the physical page
export const SLOT_PAGE_INTEREST = 0x8034; //    u32: INTEREST_*, of plugins in the page's code, wherever it is mapped
export const INTEREST_UNKNOWN = 0;
export const INTEREST_NONE = 1; //             at every address it has been fetched from: it runs without blocks and probes
export const INTEREST_SOME = 2;
// The last page of the slot arena serves pages that must be translated at every instruction, one op at a time.
// SLOT_MAP: pow2ceil(2 * SLOT_PAGES) * 8 bytes, (u32 ppn + 1, u32 slots), linear probing
// index in the imported table of the engine's enter(ip, left) -> left
export const ENTER_TABLE_INDEX = 0;
