// CSR instructions: access checks (2.1), then the register's own file. csr-*.ts hold the registers by group; a read or
// write of one that does not exist, or that is not accessible just now, answers through `deny()`.
import { FS_OFF, PRIV } from "../layout";
import { read_counter, read_machine_counter, write_machine_counter } from "./csr-counters";
import { read_float, write_float } from "./csr-float";
import { csr_denied, allow } from "./csr-denied";
import { mip_for_update, read_machine, read_machine_info, write_machine } from "./csr-machine";
import { read_supervisor, sip_for_update, write_supervisor } from "./csr-supervisor";
import { illegal } from "./raise";

const CSR_SIP: i32 = 0x144;
const CSR_MIP: i32 = 0x344;

/** `op` of csr_access. */
export const CSR_WRITE: i32 = 1;
export const CSR_SET: i32 = 2;
export const CSR_CLEAR: i32 = 3;

/**
 * CSRRW (`op` 1), CSRRS (2), CSRRC (3) of `csr` with operand `src`. `write` 0: the instruction does not write (rs1
 * or uimm is 0 in set and clear). Returns the old value; illegal: trap 2 pending with tval = `insn`.
 */
export function csr_access(csr: i32, op: i32, src: u64, write: i32, read: i32, insn: u32): u64 {
  // bits 11:10 = 3: read-only; bits 9:8: lowest privilege
  if (<u32>((csr >> 8) & 3) > load<u32>(PRIV) || (write && csr >> 10 == 3)) {
    illegal(insn);
    return 0;
  }
  allow();
  const old = read_csr(csr);
  if (write && !csr_denied) {
    let base = old;
    // read-modify-write works on the software half of SEIP (3.1.9)
    if (csr == CSR_MIP) base = mip_for_update();
    else if (csr == CSR_SIP) base = sip_for_update();
    write_csr(csr, op == CSR_WRITE ? src : op == CSR_SET ? base | src : base & ~src);
  }
  if (csr_denied) {
    illegal(insn);
    return 0;
  }
  return old;
}

/** Value of `csr` at the hart's present privilege; sets `csr_denied` where there is none. No side effects. */
export function read_csr(csr: i32): u64 {
  const group = csr >> 8;
  if (group == 0x1) return read_supervisor(csr);
  if (group == 0x3) return read_machine(csr);
  if (group == 0xc) return read_counter(csr);
  if (group == 0x0) return read_float(csr);
  if (group == 0xb) return read_machine_counter(csr);
  return read_machine_info(csr);
}

function write_csr(csr: i32, value: u64): void {
  const group = csr >> 8;
  if (group == 0x1) write_supervisor(csr, value);
  else if (group == 0x3) write_machine(csr, value);
  else if (group == 0x0) write_float(csr, value);
  else write_machine_counter(csr, value);
}

/**
 * CSR as M-mode with the floating-point unit on sees it, for tools. `csr_exists()` tells whether the answer means
 * anything.
 */
export function peek_csr(csr: i32): u64 {
  const priv = load<u32>(PRIV);
  const off = load<u32>(FS_OFF);
  store<u32>(PRIV, 3);
  store<u32>(FS_OFF, 0);
  allow();
  const value = read_csr(csr);
  store<u32>(PRIV, priv);
  store<u32>(FS_OFF, off);
  return value;
}

/** 1 if the last peek_csr() or poke_csr() named a CSR of this hart. */
export function csr_exists(): i32 {
  return csr_denied ? 0 : 1;
}

/** Writes a CSR as M-mode would, WARL rules included, for tools. */
export function poke_csr(csr: i32, value: u64): void {
  const priv = load<u32>(PRIV);
  peek_csr(csr);
  store<u32>(PRIV, 3);
  if (!csr_denied && csr >> 10 != 3) write_csr(csr, value);
  store<u32>(PRIV, priv);
}
