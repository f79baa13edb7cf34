// Which translated block runs, and its probes before instructions. A block begins where control arrives and nothing is left
// of the block before it; the host translates it the first time. Records stay valid until all are dropped.
import {
  BLOCK_COUNT,
  BLOCK_INSTRUCTIONS,
  BLOCK_NEXT,
  BLOCK_OPS,
  BLOCK_SUM,
  BLOCK_PAGE,
  BLOCK_SLOT,
  CURRENT_HART,
  EXIT_REQUEST,
  INSTRUCTION_EXEC,
  INSTRUCTION_SIZE,
  OP_AT,
  OP_CODE,
  OP_SIZE,
  OP_STRIDE,
  OP_VALUE,
  PAGE_VA,
  PC,
  PROBE_BATCH,
  PROBE_BLOCK,
  PROBE_COUNT,
  PROBE_DONE,
  PROBE_EVENTS,
  PROBE_LEFT,
  PROBE_TABLE,
  PROBE_TABLE_ENTRIES,
} from "../layout";
import { probe_translate } from "../env";
import { run_ops } from "./ops";
import { in_quiet_page, no_block } from "./pages";

/** Where the record of a block hangs in the hash table. */
export function probe_hash(slot: i32, page: u64): i32 {
  const h = (<u32>slot >> 4) ^ (<u32>(page >> 12) * 0x9e3779b1) >> 8;
  return load<i32>(PROBE_TABLE) + ((h & (PROBE_TABLE_ENTRIES - 1)) << 2);
}

/** Record of the block that begins at `slot` as mapped at virtual page `page`; 0 when it has none. */
export function probe_find(slot: i32, page: u64): i32 {
  let record = load<i32>(probe_hash(slot, page));
  while (record) {
    if (load<i32>(record, BLOCK_SLOT) == slot && load<u64>(record, BLOCK_PAGE) == page) return record;
    record = load<i32>(record, BLOCK_NEXT);
  }
  return 0;
}

/** Control goes elsewhere than to the next instruction of the block: a trap, or the hart's state was written. */
export function leave_block(): void {
  store<u32>(PROBE_LEFT, 0);
  store<u32>(PROBE_DONE, 0);
  store<u32>(PROBE_COUNT, 0);
}

/**
 * Where the block under way was accounted for at its beginning: as if it had not been. Before anybody looks at counters, and before
 * the block is left in its middle.
 */
export function probe_settle(): void {
  const left = load<i32>(PROBE_LEFT);
  if (left >= 0) return;
  const record = load<i32>(PROBE_BATCH);
  store<i32>(PROBE_BLOCK, record);
  store<i32>(PROBE_LEFT, -left);
  const hart = load<i32>(CURRENT_HART);
  const end = record + BLOCK_INSTRUCTIONS + load<i32>(record, BLOCK_COUNT) * INSTRUCTION_SIZE;
  for (let at = end + left * INSTRUCTION_SIZE; at < end; at += INSTRUCTION_SIZE) {
    let op = load<i32>(at, INSTRUCTION_EXEC);
    if (!op) continue;
    for (; load<u32>(op, OP_CODE); op += OP_SIZE) {
      const counter = load<i32>(op, OP_AT) + hart * load<i32>(op, OP_STRIDE);
      store<u64>(counter, load<u64>(counter) - load<u64>(op, OP_VALUE));
    }
  }
}

/**
 * Runs the probes before the instruction at `slot`, those of the block first where it begins one. 1: something asked the
 * machine to stop before the instruction; its probes will not run again. Not for an instruction that is accounted for.
 */
export function probe_exec(slot: i32, pc: u64): i32 {
  if (in_quiet_page()) {
    no_block();
    return 0;
  }
  if (load<u32>(PROBE_DONE)) {
    if (load<u32>(EXIT_REQUEST)) return 1;
    store<u32>(PROBE_DONE, 0);
    return 0;
  }
  store<u64>(PC, pc);
  store<u32>(PROBE_COUNT, 0);
  let left = load<i32>(PROBE_LEFT);
  let record = load<i32>(PROBE_BLOCK);
  let called = false;
  if (!left) {
    const page = load<u64>(PAGE_VA);
    record = probe_find(slot, page);
    if (!record) record = probe_translate(slot);
    left = load<i32>(record, BLOCK_COUNT);
    store<i32>(PROBE_BLOCK, record);
    store<i32>(PROBE_LEFT, left - 1);
    const ops = load<i32>(record, BLOCK_OPS);
    if (ops && run_ops(ops, 0)) called = true;
    const sum = load<i32>(record, BLOCK_SUM);
    if (sum && !(called && load<u32>(EXIT_REQUEST)) && !load<u32>(PROBE_EVENTS)) {
      run_ops(sum, 0);
      store<i32>(PROBE_BATCH, record);
      store<i32>(PROBE_BLOCK, 0);
      store<i32>(PROBE_LEFT, 1 - left);
      return 0;
    }
  } else store<i32>(PROBE_LEFT, left - 1);
  const index = load<i32>(record, BLOCK_COUNT) - left;
  const exec = load<i32>(record + BLOCK_INSTRUCTIONS + index * INSTRUCTION_SIZE, INSTRUCTION_EXEC);
  if (exec && run_ops(exec, 0)) called = true;
  if (!called || !load<u32>(EXIT_REQUEST)) return 0;
  store<u32>(PROBE_DONE, 1);
  return 1;
}
