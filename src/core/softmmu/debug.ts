// Translation for tools: what an access would do, step by step, without doing it.
import {
  CURRENT_HART,
  DATA_INDEX,
  DEBUG_WALK_CAUSE,
  DEBUG_WALK_COUNT,
  DEBUG_WALK_PADDR,
  DEBUG_WALK_PAGE_BITS,
  DEBUG_WALK_PROT,
  FETCH_INDEX,
  MSTATUS,
} from "../layout";
import { exchange_hart } from "../hart/harts";
import { ACCESS_FETCH, PRIV_S, STATUS_SUM } from "../hart/privileged-constants";
import { page_bits, paddr, prot, translate } from "./translate";

/**
 * Translates `va` as hart `h` would for `access` (0 load, 1 store, 2 fetch) at privilege `priv` (-1: its own, with
 * MPRV for data). Returns 0 or the cause of the exception; DEBUG_WALK_* has the rest. Changes nothing.
 */
export function translate_debug(h: i32, va: u64, access: i32, priv: i32): u64 {
  const current = load<i32>(CURRENT_HART);
  exchange_hart(h);
  let index: u32;
  if (priv < 0) index = access == ACCESS_FETCH ? load<u32>(FETCH_INDEX) : load<u32>(DATA_INDEX);
  else index = priv == PRIV_S && load<u64>(MSTATUS) & STATUS_SUM && access != ACCESS_FETCH ? 2 : priv;
  store<u32>(DEBUG_WALK_COUNT, 0);
  const cause = translate(va, 1, access, index, true);
  store<u32>(DEBUG_WALK_CAUSE, <u32>cause);
  store<u64>(DEBUG_WALK_PADDR, cause ? 0 : paddr);
  store<u32>(DEBUG_WALK_PROT, cause ? 0 : prot);
  store<u32>(DEBUG_WALK_PAGE_BITS, cause ? 0 : page_bits);
  exchange_hart(current);
  return cause;
}
