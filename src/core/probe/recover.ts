// A plugin's trap has unwound all of generated code. Its callbacks run between two instructions, with registers in hart state,
// so what is left to do is to close the slice's accounts and run the other probes of the instruction.
import {
  ACCESS_PARTS,
  BLOCK_COUNT,
  BLOCK_INSTRUCTIONS,
  BLOCK_PAGE,
  INSTRUCTION_ACCESS,
  INSTRUCTION_EXEC,
  INSTRUCTION_LENGTH,
  INSTRUCTION_OFFSET,
  INSTRUCTION_SIZE,
  LEFT,
  OP_BLOCK,
  OP_INDEX,
  OP_PHASE,
  OP_SIZE,
  PC,
  PHASE_ACCESS,
  PHASE_BLOCK,
  PRESENT_ACCESS,
  PROBE_BLOCK,
  PROBE_COUNT,
  PROBE_CURSOR,
  PROBE_DONE,
  PROBE_EVENT,
  PROBE_HWADDR,
  PROBE_LEFT,
  QUANTUM_LEFT,
  SLICE_END,
  SLICE_LENGTH,
  SLOTS,
} from "../layout";
import { run_accesses } from "./accesses";
import { run_ops } from "./ops";

/** Closes the slice that the op at PROBE_CURSOR broke off. Returns that op, for probe_resume(). */
export function probe_recover(): i32 {
  const op = load<i32>(PROBE_CURSOR);
  const record = load<i32>(op, OP_BLOCK);
  const index = <i32>load<u16>(op, OP_INDEX);
  const instruction = record + BLOCK_INSTRUCTIONS + index * INSTRUCTION_SIZE;
  const pc = load<u64>(record, BLOCK_PAGE) + <u64>load<u16>(instruction, INSTRUCTION_OFFSET);
  const after = load<u8>(op, OP_PHASE) == PHASE_ACCESS;
  const left = load<i32>(LEFT) - (after ? 1 : 0);
  store<u64>(PC, after ? pc + <u64>load<u8>(instruction, INSTRUCTION_LENGTH) : pc);
  store<i32>(PROBE_BLOCK, record);
  store<i32>(PROBE_LEFT, load<i32>(record, BLOCK_COUNT) - index - 1);
  store<u32>(PROBE_DONE, after ? 0 : 1);
  store<i32>(PROBE_CURSOR, 0);
  store<u64>(PRESENT_ACCESS, 0);
  const used = load<i32>(SLICE_LENGTH) - left;
  store<u64>(SLOTS, load<u64>(SLOTS) + <u64>used);
  store<i32>(QUANTUM_LEFT, load<i32>(QUANTUM_LEFT) - used);
  store<u64>(SLICE_END, load<u64>(SLICE_END) - <u64>left);
  store<i32>(LEFT, 0);
  store<i32>(SLICE_LENGTH, 0);
  return op;
}

/** Runs the probes behind `op` that belong to the same instruction. May be broken off again: then recover and resume again. */
export function probe_resume(op: i32): void {
  const instruction =
    load<i32>(op, OP_BLOCK) + BLOCK_INSTRUCTIONS + <i32>load<u16>(op, OP_INDEX) * INSTRUCTION_SIZE;
  const phase = load<u8>(op, OP_PHASE);
  if (phase == PHASE_ACCESS) {
    // a part belongs to the first access: only single ones are split
    const event = load<i32>(PROBE_EVENT);
    store<i32>(PROBE_HWADDR, 0);
    run_accesses(op + OP_SIZE, event < ACCESS_PARTS ? event : 0, load<i32>(instruction, INSTRUCTION_ACCESS));
    store<u32>(PROBE_COUNT, 0);
    return;
  }
  run_ops(op + OP_SIZE, 0);
  const exec = load<i32>(instruction, INSTRUCTION_EXEC);
  if (phase == PHASE_BLOCK && exec) run_ops(exec, 0);
}
