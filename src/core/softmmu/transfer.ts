// Moving the bytes of one captured part of an access: RAM, ROM or device. Works from the HWADDR struct's values
// alone; the TLB may be another one by the time a device returns.
import {
  HW_FLAGS,
  HW_HOST,
  HW_KIND,
  HW_OFFSET,
  HW_PADDR,
  HW_REGION,
  HW_SIZE,
  HWADDR,
  IO_FIELD,
  IO_REGISTER,
  IO_VALUE,
  SECTION_IO,
  SECTION_RAM,
  STAT_IO_READ,
  STAT_IO_WRITE,
  TLB_FLAG_CODE,
  TLB_FLAG_MMIO,
} from "../layout";
import { io_read, io_write } from "../env";
import { count } from "../stats";
import { code_written } from "./slots";

/** Set by the functions below: the device refused. */
export let refused: bool = false;
/** IO_REGISTER and IO_FIELD as the first device piece left them, 0 for memory: a second part overwrites the shared words. */
export let part_register: u32 = 0;
export let part_field: u32 = 0;

/** Zero-extended value of `n` (1..8) bytes in memory, little endian. */
export function load_bytes(host: i32, n: i32): u64 {
  if (n == 8) return load<u64>(host);
  if (n == 4) return <u64>load<u32>(host);
  if (n == 2) return <u64>load<u16>(host);
  if (n == 1) return <u64>load<u8>(host);
  let value: u64 = 0;
  for (let i = 0; i < n; i++) value |= <u64>load<u8>(host + i) << (<u64>i << 3);
  return value;
}

export function store_bytes(host: i32, n: i32, value: u64): void {
  if (n == 8) store<u64>(host, value);
  else if (n == 4) store<u32>(host, <u32>value);
  else if (n == 2) store<u16>(host, <u16>value);
  else if (n == 1) store<u8>(host, <u8>value);
  else for (let i = 0; i < n; i++) store<u8>(host + i, <u8>(value >> (<u64>i << 3)));
}

/** Bytes of the next device access: a whole power of two as it is, the rest in naturally aligned pieces. */
function piece(offset: u64, n: i32, whole: bool): i32 {
  if (whole) return n;
  let size = n >= 4 ? 4 : n >= 2 ? 2 : 1;
  while (offset & <u64>(size - 1)) size >>= 1;
  return size;
}

/** Reads the part `hw` describes. Sets `refused`. */
export function read_part(hw: i32): u64 {
  refused = false;
  part_register = 0;
  part_field = 0;
  const n = load<i32>(hw + (HW_SIZE - HWADDR));
  if (load<u32>(hw + (HW_KIND - HWADDR)) != SECTION_IO) return load_bytes(load<i32>(hw + (HW_HOST - HWADDR)), n);
  const region = load<i32>(hw + (HW_REGION - HWADDR));
  const offset = load<u64>(hw + (HW_OFFSET - HWADDR));
  const whole = !(n & (n - 1));
  let value: u64 = 0;
  let register: u32 = 0;
  let field: u32 = 0;
  let failed = false;
  for (let done = 0; done < n && !failed; ) {
    const size = piece(offset + <u64>done, n - done, whole);
    count(STAT_IO_READ);
    store<u64>(IO_VALUE, 0);
    store<u32>(IO_REGISTER, 0);
    store<u32>(IO_FIELD, 0);
    failed = io_read(region, <f64>(offset + <u64>done), size) != 0;
    const bits = size == 8 ? load<u64>(IO_VALUE) : load<u64>(IO_VALUE) & ((<u64>1 << (<u64>size << 3)) - 1);
    value |= bits << (<u64>done << 3);
    if (!done) {
      register = load<u32>(IO_REGISTER);
      field = load<u32>(IO_FIELD);
    }
    done += size;
  }
  // only now: the handler may have come back into this module
  refused = failed;
  part_register = register;
  part_field = field;
  return value;
}

/** Writes the part `hw` describes; ROM drops it. Sets `refused`. */
export function write_part(hw: i32, value: u64): void {
  refused = false;
  part_register = 0;
  part_field = 0;
  const n = load<i32>(hw + (HW_SIZE - HWADDR));
  const kind = load<u32>(hw + (HW_KIND - HWADDR));
  if (kind != SECTION_IO) {
    if (kind != SECTION_RAM) return;
    store_bytes(load<i32>(hw + (HW_HOST - HWADDR)), n, value);
    if (load<u32>(hw + (HW_FLAGS - HWADDR)) & CODE_OR_SPLIT) code_written(load<u64>(hw + (HW_PADDR - HWADDR)), n);
    return;
  }
  const region = load<i32>(hw + (HW_REGION - HWADDR));
  const offset = load<u64>(hw + (HW_OFFSET - HWADDR));
  const whole = !(n & (n - 1));
  let register: u32 = 0;
  let field: u32 = 0;
  let failed = false;
  for (let done = 0; done < n && !failed; ) {
    const size = piece(offset + <u64>done, n - done, whole);
    count(STAT_IO_WRITE);
    const bits = value >> (<u64>done << 3);
    store<u64>(IO_VALUE, size == 8 ? bits : bits & ((<u64>1 << (<u64>size << 3)) - 1));
    store<u32>(IO_REGISTER, 0);
    store<u32>(IO_FIELD, 0);
    failed = io_write(region, <f64>(offset + <u64>done), size) != 0;
    if (!done) {
      register = load<u32>(IO_REGISTER);
      field = load<u32>(IO_FIELD);
    }
    done += size;
  }
  refused = failed;
  part_register = register;
  part_field = field;
}

// a page of several sections is flagged MMIO as a whole; its RAM may hold decoded code too
const CODE_OR_SPLIT: u32 = TLB_FLAG_CODE | TLB_FLAG_MMIO;
