// Where large pages lie. The TLB holds 4 KiB entries, so a flush of one address must find all entries of a large
// mapping around it: each index remembers up to four aligned power-of-two regions that cover every large page
// put in since its last flush, and a page flush inside one of them flushes the index. One region would do, but kernels
// map their image, all of memory and more with large pages, and one region over all those holds everything: in a
// boot of Linux 40,000 of 92,000 page flushes hit it.
import {
  DESC_LARGE_COUNT,
  LARGE_INDEX_SIZE,
  LARGE_REGION_COUNT,
  LARGE_REGIONS,
  TLB_DESC,
  TLB_DESC_SIZE,
} from "../layout";

/** First region of the index that `desc` describes, in the same hart's state. */
function regions(desc: i32): i32 {
  const state = (desc - TLB_DESC) & ~0xfff;
  const index = ((desc - TLB_DESC) & 0xfff) / TLB_DESC_SIZE;
  return LARGE_REGIONS + state + index * LARGE_INDEX_SIZE;
}

/** Whether a large page may cover `va`. */
export function in_large_page(desc: i32, va: u64): bool {
  const n = load<i32>(desc + DESC_LARGE_COUNT);
  if (!n) return false;
  const first = regions(desc);
  for (let i = 0; i < n; i++) {
    const region = first + (i << 4);
    if (!((load<u64>(region) ^ va) & load<u64>(region, 8))) return true;
  }
  return false;
}

/** Notes a mapping of 2^`bits` bytes around `va`. */
export function add_large_page(desc: i32, va: u64, bits: i32): void {
  let mask = ~((<u64>1 << bits) - 1);
  let address = va & mask;
  const first = regions(desc);
  let n = load<i32>(desc + DESC_LARGE_COUNT);
  for (let i = 0; i < n; i++) {
    const region = first + (i << 4);
    const old = load<u64>(region, 8);
    // inside, if the region is not smaller than the page
    if (old <= mask && !((load<u64>(region) ^ va) & old)) return;
  }
  if (n == LARGE_REGION_COUNT) {
    // joins the two of the five that are nearest
    let best: u64 = 0;
    let left = 0;
    let right = n;
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j <= n; j++) {
        const other = j == n ? address : load<u64>(first + (j << 4));
        const otherMask = j == n ? mask : load<u64>(first + (j << 4), 8);
        const joined = join(load<u64>(first + (i << 4)), load<u64>(first + (i << 4), 8), other, otherMask);
        if (joined > best || (i | j) == 1) {
          best = joined;
          left = i;
          right = j;
        }
      }
    }
    store<u64>(first + (left << 4), load<u64>(first + (left << 4)) & best);
    store<u64>(first + (left << 4), best, 8);
    if (right == n) return;
    n = right;
  } else {
    store<i32>(desc + DESC_LARGE_COUNT, n + 1);
  }
  store<u64>(first + (n << 4), address);
  store<u64>(first + (n << 4), mask, 8);
}

/** Mask of the smallest region that holds both; a greater mask is a smaller region. */
function join(a: u64, aMask: u64, b: u64, bMask: u64): u64 {
  let mask = aMask & bMask;
  while ((a ^ b) & mask) mask <<= 1;
  return mask;
}
