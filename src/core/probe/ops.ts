// Runs lists of ops from memory: what a probe does where code is interpreted. Compiled regions have the same ops inline
// (engine/jit/probe-emitter.ts). See OP_* in layout.ts.
import {
  ACCESS_BYTES,
  ACCESS_KIND,
  ACCESS_SIZE,
  ACCESS_VADDR,
  ACCESS_VALUE,
  BUFFER_CURSOR,
  BUFFER_DISPATCHER,
  BUFFER_END,
  BUFFER_FN,
  CURRENT_HART,
  ENTRY_SIZE,
  FIELD_PADDR,
  FIELD_VADDR,
  FIELD_VALUE,
  HW_PADDR,
  HWADDR,
  OP_ADD,
  OP_APPEND,
  OP_AT,
  OP_CALL_ACCESS,
  OP_CODE,
  OP_GUARD,
  OP_PHASE,
  OP_SIZE,
  OP_SLOT,
  OP_STORE,
  OP_STRIDE,
  OP_SYNCED,
  OP_VALUE,
  OP_WHEN,
  OP_WHEN_AT,
  OP_WHEN_STRIDE,
  OP_WHEN_VALUE,
  PHASE_ACCESS,
  PRESENT_ACCESS,
  PRESENT_PLACE,
  PROBE_ACCESS,
  PROBE_CURSOR,
  WHEN_EQ,
  WHEN_GE,
  WHEN_GT,
  WHEN_LE,
  WHEN_LT,
} from "../layout";
import { access_info, present_hwaddr } from "./accesses";
import { passes } from "./guard";
import { sync_in, sync_out } from "./mirror";

/** Runs the ops from `op` to the end of its list; `event` is the access they follow, if any. Whether a plugin was called. */
export function run_ops(op: i32, event: i32): bool {
  let called = false;
  const hart = load<i32>(CURRENT_HART);
  for (let code = load<u32>(op, OP_CODE); code; op += OP_SIZE, code = load<u32>(op, OP_CODE)) {
    // plain counting is by far the most frequent
    if (code == OP_ADD && !(load<u32>(op, OP_WHEN) | load<u32>(op, OP_GUARD))) {
      const counter = load<i32>(op, OP_AT) + hart * load<i32>(op, OP_STRIDE);
      store<u64>(counter, load<u64>(counter) + load<u64>(op, OP_VALUE));
    } else if (run_op(op, code, event)) called = true;
  }
  return called;
}

/** One op; whether it called a plugin. */
export function run_op(op: i32, code: u32, event: i32): bool {
  const hart = load<i32>(CURRENT_HART);
  if (!holds(op, hart)) return false;
  const guard = load<i32>(op, OP_GUARD);
  if (guard && !passes(guard, event)) return false;
  const at = load<i32>(op, OP_AT);
  if (code == OP_ADD) {
    const counter = at + hart * load<i32>(op, OP_STRIDE);
    store<u64>(counter, load<u64>(counter) + load<u64>(op, OP_VALUE));
    return false;
  }
  if (code == OP_STORE) {
    store<u64>(at + hart * load<i32>(op, OP_STRIDE), load<u64>(op, OP_VALUE));
    return false;
  }
  if (code == OP_APPEND) return append(op, at, hart, event);
  probe_call(op, event);
  return true;
}

function holds(op: i32, hart: i32): bool {
  const when = load<u32>(op, OP_WHEN);
  if (!when) return true;
  const have = load<u64>(load<i32>(op, OP_WHEN_AT) + hart * load<i32>(op, OP_WHEN_STRIDE));
  const want = load<u64>(op, OP_WHEN_VALUE);
  if (when == WHEN_EQ) return have == want;
  if (when == WHEN_LT) return have < want;
  if (when == WHEN_LE) return have <= want;
  if (when == WHEN_GT) return have > want;
  if (when == WHEN_GE) return have >= want;
  return have != want;
}

function append(op: i32, buffer: i32, hart: i32, event: i32): bool {
  const entry = load<i32>(buffer, BUFFER_CURSOR);
  const field = load<i32>(op, OP_STRIDE);
  store<u32>(entry, load<u32>(op, OP_VALUE));
  let what: u32 = hart;
  let value: u64 = 0;
  if (field) {
    const access = PROBE_ACCESS + event * ACCESS_SIZE;
    what |= (load<u32>(access, ACCESS_BYTES) << 8) | (load<u32>(access, ACCESS_KIND) << 16);
    if (field == FIELD_VADDR) value = load<u64>(access, ACCESS_VADDR);
    else if (field == FIELD_PADDR) value = load<u64>(present_hwaddr(), HW_PADDR - HWADDR);
    else if (field == FIELD_VALUE) value = load<u64>(access, ACCESS_VALUE);
  }
  store<u32>(entry, what, 4);
  store<u64>(entry, value, 8);
  store<i32>(buffer, entry + ENTRY_SIZE, BUFFER_CURSOR);
  return entry + ENTRY_SIZE >= load<i32>(buffer, BUFFER_END) && probe_full(op, buffer);
}

/** The buffer is full: the plugin drains it. Returns true, as a plugin was called. */
export function probe_full(op: i32, buffer: i32): bool {
  store<i32>(PROBE_CURSOR, op);
  call_indirect<void>(load<i32>(buffer, BUFFER_DISPATCHER), load<i32>(buffer, BUFFER_FN), load<i32>(CURRENT_HART), 0);
  store<i32>(PROBE_CURSOR, 0);
  return true;
}

/** Calls the plugin of a call op, whatever its conditions say. */
export function probe_call(op: i32, event: i32): void {
  const hart = load<i32>(CURRENT_HART);
  const synced = load<u8>(op, OP_SYNCED);
  const slot = load<i32>(op, OP_SLOT);
  store<i32>(PROBE_CURSOR, op);
  if (load<u8>(op, OP_PHASE) == PHASE_ACCESS) {
    store<i32>(PRESENT_ACCESS, PROBE_ACCESS + event * ACCESS_SIZE);
    store<i32>(PRESENT_PLACE, present_hwaddr());
  }
  if (synced) sync_out(slot);
  if (load<u32>(op, OP_CODE) == OP_CALL_ACCESS) {
    call_indirect<void>(
      load<i32>(op, OP_AT),
      load<i32>(op, OP_STRIDE),
      hart,
      access_info(event),
      load<u64>(PROBE_ACCESS + event * ACCESS_SIZE, ACCESS_VADDR),
      load<i32>(op, OP_VALUE),
    );
  } else call_indirect<void>(load<i32>(op, OP_AT), load<i32>(op, OP_STRIDE), hart, load<i32>(op, OP_VALUE));
  if (synced) sync_in(slot);
  store<i32>(PROBE_CURSOR, 0);
  store<u64>(PRESENT_ACCESS, 0);
}
