// Counters of plugins that keep them in their own memory: ops work on copies here, which go out before the plugin is
// called and come back after, so that each side always reads what the other wrote last.
import {
  MIRROR_COUNT,
  MIRROR_LIST,
  MIRROR_PEEK,
  MIRROR_POKE,
  PROBE_SLOT_SIZE,
  PROBE_SLOTS,
} from "../layout";

export function sync_out(slot: i32): void {
  const s = load<i32>(PROBE_SLOTS) + slot * PROBE_SLOT_SIZE;
  const poke = load<i32>(s, MIRROR_POKE);
  let pair = load<i32>(s, MIRROR_LIST);
  for (let n = load<i32>(s, MIRROR_COUNT); n > 0; n--, pair += 8) {
    call_indirect<void>(poke, load<i32>(pair, 4), load<u64>(load<i32>(pair)));
  }
}

export function sync_in(slot: i32): void {
  const s = load<i32>(PROBE_SLOTS) + slot * PROBE_SLOT_SIZE;
  const peek = load<i32>(s, MIRROR_PEEK);
  let pair = load<i32>(s, MIRROR_LIST);
  for (let n = load<i32>(s, MIRROR_COUNT); n > 0; n--, pair += 8) {
    store<u64>(load<i32>(pair), call_indirect<u64>(peek, load<i32>(pair, 4)));
  }
}
