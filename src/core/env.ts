// What the core asks of its host (TypeScript). Both device functions may re-map memory before they return.

/**
 * Reads `size` (1, 2, 4, 8) bytes of io region `region` at `offset`; value to IO_VALUE, names to IO_REGISTER
 * and IO_FIELD. Returns 0, or 1 when the region refuses the access.
 */
@external("env", "io_read")
export declare function io_read(region: i32, offset: f64, size: i32): i32;

/** Writes IO_VALUE. Otherwise as io_read. */
@external("env", "io_write")
export declare function io_write(region: i32, offset: f64, size: i32): i32;

/**
 * Compiled code of physical page `ppn` is stale in [offset, offset + size): called for pages whose
 * SLOT_PAGE_JIT is set. `ppn` -1: every page's.
 */
@external("env", "code_invalidate")
export declare function code_invalidate(ppn: i32, offset: i32, size: i32): void;

/** Record of the block that begins at decoded slot `slot` of the page being executed; plugins are asked about it. */
@external("env", "probe_translate")
export declare function probe_translate(slot: i32): i32;

/**
 * Code of the page with the decoded slots `slots` is about to be fetched at virtual page `page`, for the first time since it was
 * decoded or mapped there; asked while PROBE_PAGES is set. Sets the page's SLOT_PAGE_INTEREST; 1 when that is INTEREST_NONE.
 */
@external("env", "probe_page")
export declare function probe_page(slots: i32, page: u64): i32;

/** Something happened that a plugin listens for: EVENT_* and its arguments, as layout.ts lists them. */
@external("env", "probe_event")
export declare function probe_event(event: u32, a: u64, b: u64, c: u32, d: u32): void;
