// The state harts start in (3.4).
import {
  BREAK_PC,
  CURRENT_HART,
  EXIT_REQUEST,
  FS_OFF,
  HART_COUNT,
  HART_SIZE,
  HARTID,
  IDLE_NS,
  LEFT,
  MENVCFG,
  MSTATUS,
  MTIMECMP,
  NEXT_EVENT,
  PAGE_VA,
  PC,
  PRIV,
  QUANTUM,
  QUANTUM_LEFT,
  RESCHEDULE,
  SLICE_END,
  SLICE_LENGTH,
  STATE,
  STIMECMP,
  TIME_OFFSET,
  X,
} from "../layout";
import { forget_sections } from "../softmmu/physical";
import { init_slots } from "../softmmu/slots";
import { init_tlb } from "../softmmu/flush";
import { exchange_hart, hart_address } from "./harts";
import { ENVCFG_ADUE, ENVCFG_PBMTE, PRIV_M, STATUS_SXL_64, STATUS_UXL_64 } from "./privileged-constants";
import { refresh_context } from "./status";

const DEFAULT_QUANTUM: u32 = 10000;
const NONE: u64 = 0xffffffffffffffff;

/**
 * Makes a machine of `nharts` harts: to be called once TLB_ARENA, SLOT_ARENA, SLOT_PAGES, SLOT_MAP and the flat view are
 * in place. Counts and time start at 0; every hart is reset to pc 0.
 */
export function init(nharts: i32): void {
  store<i32>(HART_COUNT, nharts);
  store<i32>(CURRENT_HART, 0);
  store<u32>(LEFT, 0);
  store<u32>(SLICE_LENGTH, 0);
  store<u64>(SLICE_END, 0);
  store<u64>(IDLE_NS, 0);
  store<u64>(TIME_OFFSET, 0);
  store<u64>(NEXT_EVENT, NONE);
  store<u64>(BREAK_PC, NONE);
  store<u32>(EXIT_REQUEST, 0);
  if (!load<u32>(QUANTUM)) store<u32>(QUANTUM, DEFAULT_QUANTUM);
  store<u32>(QUANTUM_LEFT, load<u32>(QUANTUM));
  forget_sections();
  init_slots();
  for (let h = 0; h < nharts; h++) reset_hart(h, 0, 0, 0, 0);
}

/**
 * Resets hart `h` to M-mode at `pc` with a0, a1, a2 as given; all else as at power-on. Its TLBs start empty. With hart 0
 * the turns start over, so that a machine that was reset runs like a new one.
 */
export function reset_hart(h: i32, pc: u64, a0: u64, a1: u64, a2: u64): void {
  if (h == 0) {
    exchange_hart(0);
    store<u32>(QUANTUM_LEFT, load<u32>(QUANTUM));
  }
  const hart = hart_address(h);
  memory.fill(hart, 0, HART_SIZE);
  set(hart, PC, pc);
  set(hart, X + 80, a0);
  set(hart, X + 88, a1);
  set(hart, X + 96, a2);
  store<u32>(hart + (PRIV - STATE), PRIV_M);
  store<i32>(hart + (HARTID - STATE), h);
  store<u32>(hart + (FS_OFF - STATE), 1);
  set(hart, MSTATUS, STATUS_UXL_64 | STATUS_SXL_64);
  // the specification leaves these open; a guest without firmware finds both extensions on
  set(hart, MENVCFG, ENVCFG_ADUE | ENVCFG_PBMTE);
  set(hart, MTIMECMP, NONE);
  set(hart, STIMECMP, NONE);
  set(hart, PAGE_VA, NONE);
  init_tlb(h);
  const current = load<i32>(CURRENT_HART);
  exchange_hart(h);
  refresh_context();
  exchange_hart(current);
  store<u32>(RESCHEDULE, 1);
}

function set(hart: i32, at: i32, value: u64): void {
  store<u64>(hart + (at - STATE), value);
}
