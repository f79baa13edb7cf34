// What happens to harts and translation, told to the host when a plugin listens.
import { PROBE_EVENTS } from "../layout";
import { probe_event } from "../env";

// @ts-ignore: decorator
@inline
export function listens(event: u32): bool {
  return ((load<u32>(PROBE_EVENTS) >> event) & 1) != 0;
}

/** `event` is EVENT_*; its arguments are listed there. */
// @ts-ignore: decorator
@inline
export function tell(event: u32, a: u64, b: u64, c: u32, d: u32): void {
  if (listens(event)) probe_event(event, a, b, c, d);
}
