// Code that no plugin is interested in: whole pages of it run without blocks and probes, as if no plugin were attached. Which
// pages these are, the host says when one is fetched from.
import {
  INTEREST_NONE,
  PAGE_SLOTS,
  PAGE_VA,
  PAGE_VALID,
  PROBE_BLOCK,
  PROBE_COUNT,
  PROBE_DONE,
  PROBE_LEFT,
  PROBE_PAGES,
  SLOT_PAGE_INTEREST,
} from "../layout";
import { probe_page } from "../env";
import { forget_interest } from "../softmmu/slots";

/** Whether the page being executed is one. */
// @ts-ignore: decorator
@inline
export function in_quiet_page(): bool {
  return load<u32>(load<i32>(PAGE_SLOTS), SLOT_PAGE_INTEREST) == INTEREST_NONE;
}

/** The executing hart is inside no block. */
// @ts-ignore: decorator
@inline
export function no_block(): void {
  store<u32>(PROBE_BLOCK, 0);
  store<u32>(PROBE_LEFT, 0);
  store<u32>(PROBE_DONE, 0);
  store<u32>(PROBE_COUNT, 0);
}

/** The host answers otherwise from now on. A hart that stands in a page keeps it: where slices end must not show. */
export function probe_pages_changed(): void {
  forget_interest();
  if (load<u32>(PROBE_PAGES) && load<u32>(PAGE_VALID) && probe_page(load<i32>(PAGE_SLOTS), load<u64>(PAGE_VA))) no_block();
}
