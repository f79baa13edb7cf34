// The machine's 64-bit event counters (STAT_* of layout.ts).
import { FLUSH_STATS } from "./layout";

// @ts-ignore: decorator
@inline
export function count(stat: i32): void {
  const at = FLUSH_STATS + (stat << 3);
  store<u64>(at, load<u64>(at) + 1);
}
