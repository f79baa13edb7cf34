// fflags, frm, fcsr (unprivileged 20.2). Illegal while mstatus.FS is Off; writing makes FS Dirty.
import { FFLAGS, FRM, FS_OFF } from "../layout";
import { deny } from "./csr-denied";
import { fp_dirty } from "./status";

const CSR_FFLAGS: i32 = 1;
const CSR_FRM: i32 = 2;
const CSR_FCSR: i32 = 3;

export function read_float(csr: i32): u64 {
  if (csr < CSR_FFLAGS || csr > CSR_FCSR || load<u32>(FS_OFF)) return deny();
  const flags = <u64>load<u32>(FFLAGS);
  const frm = <u64>load<u32>(FRM);
  return csr == CSR_FFLAGS ? flags : csr == CSR_FRM ? frm : flags | (frm << 5);
}

export function write_float(csr: i32, value: u64): void {
  if (csr != CSR_FRM) store<u32>(FFLAGS, <u32>value & 31);
  if (csr == CSR_FRM) store<u32>(FRM, <u32>value & 7);
  if (csr == CSR_FCSR) store<u32>(FRM, <u32>(value >> 5) & 7);
  if (!load<u32>(FS_OFF)) fp_dirty(); // off: written by a tool
}
