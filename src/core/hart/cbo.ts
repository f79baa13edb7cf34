// Cache-block instructions (Zicbom, Zicboz) on blocks of 64 bytes. Without caches only permissions and
// cbo.zero's stores are left.
import { HWADDR, KIND_STORE, MENVCFG, PRIV, SENVCFG, TRAP_CAUSE, TRAP_TVAL } from "../layout";
import { prepare, store_part } from "../softmmu/access";
import { refused } from "../softmmu/transfer";
import {
  ACCESS_LOAD,
  ACCESS_STORE,
  CAUSE_LOAD_ACCESS,
  CAUSE_LOAD_PAGE,
  CAUSE_STORE_ACCESS,
  CAUSE_STORE_PAGE,
  ENVCFG_CBCFE,
  ENVCFG_CBIE,
  ENVCFG_CBZE,
  PRIV_M,
  PRIV_U,
} from "./privileged-constants";
import { illegal, raise } from "./raise";

const BLOCK: u64 = 64;

function enabled(bits: u64): bool {
  const priv = load<u32>(PRIV);
  if (priv < PRIV_M && !(load<u64>(MENVCFG) & bits)) return false;
  return !(priv == PRIV_U && !(load<u64>(SENVCFG) & bits));
}

/** Stores 64 zero bytes over the block that holds `va`. Traps 2, 7, 15 (tval = `va`). */
export function cbo_zero(va: u64, insn: u32): void {
  if (!enabled(ENVCFG_CBZE)) {
    illegal(insn);
    return;
  }
  const block = va & ~(BLOCK - 1);
  for (let at: u64 = 0; at < BLOCK; at += 8) {
    if (!prepare(block + at, 8, ACCESS_STORE)) {
      // the effective address, not the block's
      store<u64>(TRAP_TVAL, va);
      return;
    }
    store_part(HWADDR, block + at, 0, KIND_STORE, 0);
    if (refused) {
      raise(CAUSE_STORE_ACCESS, va);
      return;
    }
  }
}

export function cbo_inval(va: u64, insn: u32): void {
  if (enabled(ENVCFG_CBIE)) probe(va);
  else illegal(insn);
}

export function cbo_clean(va: u64, insn: u32): void {
  if (enabled(ENVCFG_CBCFE)) probe(va);
  else illegal(insn);
}

export function cbo_flush(va: u64, insn: u32): void {
  cbo_clean(va, insn);
}

/** Allowed where a load or a store is; page tables and PMP have no store without load. A refusal counts as a store's. */
function probe(va: u64): void {
  if (prepare(va, 1, ACCESS_LOAD)) return;
  const cause = load<u64>(TRAP_CAUSE);
  if (cause == CAUSE_LOAD_PAGE) store<u64>(TRAP_CAUSE, CAUSE_STORE_PAGE);
  else if (cause == CAUSE_LOAD_ACCESS) store<u64>(TRAP_CAUSE, CAUSE_STORE_ACCESS);
}
