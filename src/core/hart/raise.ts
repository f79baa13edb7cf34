// Raising a synchronous exception: it waits in TRAP_* until the run loop takes it, and the instruction
// in flight has no effect.
import { TRAP_CAUSE, TRAP_PENDING, TRAP_TVAL } from "../layout";
import {
  ACCESS_FETCH,
  ACCESS_LOAD,
  CAUSE_FETCH_ACCESS,
  CAUSE_FETCH_PAGE,
  CAUSE_ILLEGAL,
  CAUSE_LOAD_ACCESS,
  CAUSE_LOAD_PAGE,
  CAUSE_STORE_ACCESS,
  CAUSE_STORE_PAGE,
} from "./privileged-constants";

export function raise(cause: u64, tval: u64): void {
  store<u32>(TRAP_PENDING, 1);
  store<u64>(TRAP_CAUSE, cause);
  store<u64>(TRAP_TVAL, tval);
}

/** Illegal instruction; tval is the instruction's bits (16 or 32). */
export function illegal(insn: u32): void {
  raise(CAUSE_ILLEGAL, <u64>insn);
}

export function access_fault(access: i32): u64 {
  return access == ACCESS_LOAD ? CAUSE_LOAD_ACCESS : access == ACCESS_FETCH ? CAUSE_FETCH_ACCESS : CAUSE_STORE_ACCESS;
}

export function page_fault(access: i32): u64 {
  return access == ACCESS_LOAD ? CAUSE_LOAD_PAGE : access == ACCESS_FETCH ? CAUSE_FETCH_PAGE : CAUSE_STORE_PAGE;
}
