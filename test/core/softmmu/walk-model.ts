// Address translation said again, straight from the privileged specification (4.3.2, 3.7.1, Svnapot, Svpbmt, Svadu), in
// BigInt and without a TLB: what the softmmu must do on every access if guests flush as they have to.

export interface TranslationState {
  satp: bigint;
  /** 0 U, 1 S, 3 M: of the access itself, after MPRV. */
  priv: number;
  sum: boolean;
  mxr: boolean;
  adue: boolean;
  pbmte: boolean;
  pmpcfg: readonly number[];
  pmpaddr: readonly bigint[];
  /** Reads a page-table entry; undefined where there is no memory. */
  read(pa: bigint): bigint | undefined;
}

export type AccessKind = "load" | "store" | "fetch";
export type Outcome = { cause: number } | { pa: bigint; update?: { at: bigint; pte: bigint } };

const PAGE_FAULT = { fetch: 12, load: 13, store: 15 } as const;
const ACCESS_FAULT = { fetch: 1, load: 5, store: 7 } as const;
const PMP_BIT = { load: 1, store: 2, fetch: 4 } as const;

/** Whether PMP lets `size` bytes at `pa` be accessed at `priv`. */
export function pmpAllows(s: TranslationState, pa: bigint, size: number, kind: AccessKind, priv: number): boolean {
  for (let i = 0; i < 16; i++) {
    const cfg = s.pmpcfg[i] as number;
    const address = s.pmpaddr[i] as bigint;
    let low: bigint;
    let high: bigint; // exclusive
    switch ((cfg >> 3) & 3) {
      case 0:
        continue;
      case 1:
        low = i === 0 ? 0n : (s.pmpaddr[i - 1] as bigint) << 2n;
        high = address << 2n;
        break;
      case 2:
        low = address << 2n;
        high = low + 4n;
        break;
      default: {
        let ones = 0n;
        while ((address >> ones) & 1n) ones++;
        const bytes = 1n << (ones + 3n);
        low = ((address << 2n) / bytes) * bytes;
        high = low + bytes;
      }
    }
    const inside = [...Array(size).keys()].filter((n) => pa + BigInt(n) >= low && pa + BigInt(n) < high).length;
    if (inside === 0) continue;
    if (inside < size) return false;
    return (priv === 3 && !(cfg & 0x80)) || (cfg & PMP_BIT[kind]) !== 0;
  }
  return priv === 3;
}

/** Translates `size` bytes at `va`, all in one page. */
export function translate(s: TranslationState, va: bigint, size: number, kind: AccessKind): Outcome {
  const pageFault = { cause: PAGE_FAULT[kind] };
  const accessFault = { cause: ACCESS_FAULT[kind] };
  const mode = Number(s.satp >> 60n);
  if (s.priv === 3 || mode === 0) return pmpAllows(s, va, size, kind, s.priv) ? { pa: va } : accessFault;

  const levels = mode - 5;
  const bits = BigInt(12 + 9 * levels);
  if (BigInt.asUintN(64, BigInt.asIntN(Number(bits), va)) !== va) return pageFault;
  let a = (s.satp & 0xfffffffffffn) << 12n;
  for (let i = levels - 1; i >= 0; i--) {
    const at = a + ((va >> BigInt(12 + 9 * i)) & 0x1ffn) * 8n;
    if (!pmpAllows(s, at, 8, "load", 1)) return accessFault;
    const pte = s.read(at);
    if (pte === undefined) return accessFault;
    const bit = (n: number): boolean => ((pte >> BigInt(n)) & 1n) === 1n;
    const [v, r, w, x, u, , accessed, dirty] = [0, 1, 2, 3, 4, 5, 6, 7].map(bit);
    const pbmt = (pte >> 61n) & 3n;
    if (!v || (!r && w) || (pte >> 54n) & 0x7fn) return pageFault;
    let ppn = (pte >> 10n) & 0xfffffffffffn;
    if (!r && !x) {
      if (accessed || dirty || u || pbmt || bit(63)) return pageFault;
      a = ppn << 12n;
      continue;
    }
    if (pbmt === 3n || (pbmt && !s.pbmte)) return pageFault;
    if (s.priv === 0 ? !u : u && (!s.sum || kind === "fetch")) return pageFault;
    const readable = r || (s.mxr && x);
    if (kind === "load" ? !readable : kind === "store" ? !w : !x) return pageFault;
    let low = BigInt(12 + 9 * i);
    if (bit(63)) {
      if (i !== 0 || (ppn & 15n) !== 8n) return pageFault;
      low = 16n;
      ppn -= 8n;
    } else if (ppn & ((1n << BigInt(9 * i)) - 1n)) return pageFault;
    const pa = (ppn << 12n) | (va & ((1n << low) - 1n));
    const wanted = pte | 0x40n | (kind === "store" ? 0x80n : 0n);
    if (wanted !== pte && (!s.adue || !pmpAllows(s, at, 8, "store", 1))) return s.adue ? accessFault : pageFault;
    if (!pmpAllows(s, pa, size, kind, s.priv)) return accessFault;
    return wanted === pte ? { pa } : { pa, update: { at, pte: wanted } };
  }
  return pageFault;
}
