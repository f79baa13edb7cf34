// Hash map from physical page to its decoded slots: open addressing with linear probing, u32 pairs
// (page number + 1, slots), a power of two of at least twice as many as there are slot pages.
import { SLOT_MAP, SLOT_PAGES } from "../layout";

function mask(): i32 {
  const wanted = load<i32>(SLOT_PAGES) * 2;
  return (1 << (32 - clz<i32>(wanted - 1))) - 1;
}

// @ts-ignore: decorator
@inline
function home(ppn: u32): i32 {
  return <i32>((ppn * 0x9e3779b1) >> 12);
}

export function map_bytes(): i32 {
  return (mask() + 1) << 3;
}

/** Decoded slots of physical page `ppn`, 0 when it has none. */
export function slots_of(ppn: u32): i32 {
  const base = load<i32>(SLOT_MAP);
  const wrap = mask();
  let i = home(ppn) & wrap;
  while (true) {
    const key = load<u32>(base + (i << 3));
    if (key == ppn + 1) return load<i32>(base + (i << 3), 4);
    if (!key) return 0;
    i = (i + 1) & wrap;
  }
}

export function put_slots(ppn: u32, slots: i32): void {
  const base = load<i32>(SLOT_MAP);
  const wrap = mask();
  let i = home(ppn) & wrap;
  while (load<u32>(base + (i << 3))) i = (i + 1) & wrap;
  store<u32>(base + (i << 3), ppn + 1);
  store<i32>(base + (i << 3), slots, 4);
}

/** Takes the page out and closes the gap, so that probing needs no tombstones. */
export function remove_slots(ppn: u32): void {
  const base = load<i32>(SLOT_MAP);
  const wrap = mask();
  let gap = home(ppn) & wrap;
  while (load<u32>(base + (gap << 3)) != ppn + 1) {
    if (!load<u32>(base + (gap << 3))) return;
    gap = (gap + 1) & wrap;
  }
  let i = gap;
  while (true) {
    i = (i + 1) & wrap;
    const key = load<u32>(base + (i << 3));
    if (!key) break;
    // may this one move to the gap, i.e. is its home not between the gap and it?
    const from = home(key - 1) & wrap;
    if (((i - from) & wrap) >= ((i - gap) & wrap)) {
      store<u64>(base + (gap << 3), load<u64>(base + (i << 3)));
      gap = i;
    }
  }
  store<u64>(base + (gap << 3), 0);
}
