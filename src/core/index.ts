// The core: what has to be fast and 64 bits wide. All addresses are byte offsets in the one memory (layout.ts).
//
// Imports: env.memory, env.table (slot ENTER_TABLE_INDEX = enter(ip: i32, left: i32) -> left: i32),
//   env.io_read(region: i32, offset: f64, size: i32): i32        0 ok, 1 refused; value in IO_VALUE
//   env.io_write(region: i32, offset: f64, size: i32): i32
//   env.code_invalidate(ppn: i32, offset: i32, size: i32)        ppn -1: all pages
//
// For generated code. LEFT is stored before every call; afterwards TRAP_PENDING (the instruction has no effect, leave with
// `left` as it is), then RESCHEDULE and EXIT_REQUEST (leave after this instruction) are checked.
//   slow_load(va: u64, size: i32, pc: u64): u64                  zero-extended
//   slow_store(va: u64, value: u64, size: i32, pc: u64)
//   amo_prepare(va: u64, size: i32, pc: u64): i32                host address; 0: trap, or a device, then
//   amo_io_read(): u64, amo_io_write(value: u64)
//   trace_amo(old: u64, value: u64)                              records an AMO done on a host address
//   load_reserved(va: u64, size: i32, pc: u64): u64              zero-extended
//   store_conditional(va: u64, value: u64, size: i32, pc: u64): i32   0 stored, 1 failed
//   lookup_code(va: u64): i32                                    slots of the page; 0: store va as PC and leave
//   fetch16(va: u64): i32                                        halfword, or -1 with a trap pending
//   csr_access(csr: i32, op: i32, src: u64, write: i32, read: i32, insn: u32): u64
//   mret(insn: u32), sret(insn: u32)                             set PC
//   wfi(insn: u32), sfence_inval(insn: u32), fence_i(), ecall(), ebreak(pc: u64), illegal(insn: u32)
//   sfence_vma(va: u64, asid: u64, has_va: i32, has_asid: i32, insn: u32)
//   cbo_zero, cbo_inval, cbo_clean, cbo_flush(va: u64, insn: u32)
//   fp_dirty()                                                   mstatus.FS becomes Dirty
//   trace_fast(kind: u32, va: u64, value: u64, size: u32, entry: i32, pc: u64)
//   trace_fetch_slot(va: u64, size: u32)                         instruction of the page being executed
//   probe_exec(slot: i32, pc: u64): i32                          probes before the instruction; 1: stop before it
//   probe_accesses()                                             probes on the accesses of the completed instruction
//   probe_call(op: i32, access: i32), probe_full(op: i32, buffer: i32), probe_passes(guard: i32, access: i32): i32
//
// For the host:
//   init(nharts: i32), reset_hart(h: i32, pc: u64, a0: u64, a1: u64, a2: u64), run(budget: i32): i32
//   hart_address(h: i32): i32, skip_idle(ns: u64), next_deadline(): u64, virtual_ns(): u64, instruction_count(): u64
//   set_irq(h: i32, bit: i32, level: i32), get_mtimecmp(h: i32): u64, set_mtimecmp(h: i32, value: u64)
//   get_mtime(): u64, set_mtime(value: u64)
//   topology_changed(), flush_all(h: i32), flush_page(va: u64, keep_global: bool), flush_asid(asid: u32)
//   code_written(paddr: u64, size: i32), memory_written(paddr: u64, size: i32)
//   host_address(pa: u64, size: i32): i32                        RAM or ROM without side effects, else 0
//   translate_debug(h: i32, va: u64, access: i32, priv: i32): u64     0 or cause; rest at DEBUG_WALK
//   peek_csr(csr: i32): u64, poke_csr(csr: i32, value: u64), csr_exists(): i32     current hart
//   update_pmp_ranges(), refresh_context()                       after state was written from outside
export { init, reset_hart } from "./hart/reset";
export { exchange_hart, hart_address } from "./hart/harts";
export { get_mtime, set_mtime, skip_idle, virtual_ns, instruction_count } from "./hart/clock";
export { get_mtimecmp, next_deadline, set_irq, set_mtimecmp, update_timers } from "./hart/interrupts";
export { csr_access, csr_exists, peek_csr, poke_csr } from "./hart/csr";
export { ebreak, ecall, fence_i, mret, sfence_inval, sfence_vma, sret, wfi } from "./hart/privileged";
export { cbo_clean, cbo_flush, cbo_inval, cbo_zero } from "./hart/cbo";
export { fp_dirty, refresh_context } from "./hart/status";
export { illegal } from "./hart/raise";
export { take_interrupt, take_trap } from "./hart/trap";
export { slow_load, slow_store } from "./softmmu/access";
export {
  amo_io_read,
  amo_io_write,
  amo_prepare,
  load_reserved,
  memory_written,
  store_conditional,
} from "./softmmu/atomic";
export { fetch16, lookup_code } from "./softmmu/fetch";
export { code_written } from "./softmmu/slots";
export { flush_all, flush_asid, flush_page, topology_changed } from "./softmmu/flush";
export { host_address } from "./softmmu/physical";
export { translate_debug } from "./softmmu/debug";
export { update_pmp_ranges } from "./softmmu/pmp";
export { trace_amo, trace_fast, trace_fetch_slot } from "./softmmu/trace-hook";
export { run } from "./run";
export { leave_block, probe_exec, probe_find, probe_hash, probe_settle } from "./probe/blocks";
export { probe_pages_changed } from "./probe/pages";
export { probe_call, probe_full } from "./probe/ops";
export { passes as probe_passes, runs as probe_runs } from "./probe/guard";
export { probe_recover, probe_resume } from "./probe/recover";
export { sync_in as probe_sync_in, sync_out as probe_sync_out } from "./probe/mirror";
export {
  probe_accesses,
  probe_device,
  probe_hwaddr,
  probe_is_io,
  probe_offset,
  probe_paddr,
  probe_region,
  probe_second_offset,
  probe_second_paddr,
  probe_second_region,
  probe_split,
  probe_value,
} from "./probe/accesses";
export { mulh, mulhsu, mulhu } from "./math";
export * from "./fpu/index";
export * from "./trace/recorder";
