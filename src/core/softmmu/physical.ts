// The flat view: from physical address to section.
import {
  SECTION_COUNT,
  SECTION_END,
  SECTION_HOST,
  SECTION_KIND,
  SECTION_RAM,
  SECTION_ROM,
  SECTION_SIZE,
  SECTION_START,
  SECTIONS,
} from "../layout";

// Start and end of the section found last, and its address; page walks hit it nearly always.
let last_start: u64 = 1;
let last_end: u64 = 0;
let last_section: i32 = 0;

/** To be called when the flat view changed. */
export function forget_sections(): void {
  last_start = 1;
  last_end = 0;
}

/** Address of the section that holds `pa`; 0 where nothing answers. */
export function section_of(pa: u64): i32 {
  if (pa >= last_start && pa < last_end) return last_section;
  let low = 0;
  let high = load<i32>(SECTION_COUNT);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u64>(SECTIONS + middle * SECTION_SIZE + SECTION_END) <= pa) low = middle + 1;
    else high = middle;
  }
  if (low == load<i32>(SECTION_COUNT)) return 0;
  const section = SECTIONS + low * SECTION_SIZE;
  const start = load<u64>(section + SECTION_START);
  if (pa < start || load<i32>(section + SECTION_KIND) == 0) return 0;
  last_start = start;
  last_end = load<u64>(section + SECTION_END);
  last_section = section;
  return section;
}

/** Whether reads of the section are plain memory. */
// @ts-ignore: decorator
@inline
export function is_memory(section: i32): bool {
  const kind = load<i32>(section + SECTION_KIND);
  return kind == SECTION_RAM || kind == SECTION_ROM;
}

/** Address in Wasm memory of `size` bytes of RAM or ROM at `pa`, 0 where they are not all that. No side effects. */
export function host_address(pa: u64, size: i32): i32 {
  const section = section_of(pa);
  if (!section || !is_memory(section)) return 0;
  if (pa + <u64>size > load<u64>(section + SECTION_END)) return 0;
  return load<i32>(section + SECTION_HOST) + <i32>(pa - load<u64>(section + SECTION_START));
}
