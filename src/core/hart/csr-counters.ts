// cycle, time, instret and the hpm counters, which count nothing (3.1.10, 3.1.11; unprivileged Zicntr, Zihpm).
import { MCOUNTEREN, PRIV, SCOUNTEREN } from "../layout";
import { get_mtime } from "./clock";
import { read_mcycle, read_minstret, write_mcycle, write_minstret } from "./counters";
import { deny } from "./csr-denied";
import { PRIV_M, PRIV_U } from "./privileged-constants";

/** 0xc00..0xc1f, as mcounteren and scounteren allow. */
export function read_counter(csr: i32): u64 {
  const n = csr & 0xff;
  if (n > 31) return deny();
  const priv = load<u32>(PRIV);
  const bit = <u64>1 << n;
  if (priv < PRIV_M && !(load<u64>(MCOUNTEREN) & bit)) return deny();
  if (priv == PRIV_U && !(load<u64>(SCOUNTEREN) & bit)) return deny();
  return n == 0 ? read_mcycle() : n == 1 ? get_mtime() : n == 2 ? read_minstret() : 0;
}

/** 0xb00..0xb1f without 0xb01. */
export function read_machine_counter(csr: i32): u64 {
  const n = csr & 0xff;
  if (n > 31 || n == 1) return deny();
  return n == 0 ? read_mcycle() : n == 2 ? read_minstret() : 0;
}

export function write_machine_counter(csr: i32, value: u64): void {
  if (csr == 0xb00) write_mcycle(value);
  else if (csr == 0xb02) write_minstret(value);
}
