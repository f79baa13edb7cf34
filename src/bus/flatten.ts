// From the memory tree to the flat view. A region covers what lies under it: children before their
// container's own contents, higher priority first, later addition first among equals; a container and an
// alias clip what they hold.
import type { MemoryRegion } from "./memory-region.js";
import type { Section } from "./region.js";

/** Sections sorted by start, not overlapping, neighbours of one region joined. Addresses are bytes from the root's start. */
export function flatten(root: MemoryRegion): Section[] {
  const view: Section[] = [];
  render(view, root, 0, 0, root.size);
  return join(view);
}

/** `base` is the address of the region's first byte (may be below 0 inside an alias); [low, high) what may be filled. */
function render(view: Section[], region: MemoryRegion, base: number, low: number, high: number): void {
  if (!region.enabled) return;
  const start = Math.max(base, low);
  const end = Math.min(base + region.size, high);
  if (start >= end) return;
  if (region.kind === "alias") {
    if (region.target) render(view, region.target, base - region.targetOffset, start, end);
    return;
  }
  for (const child of region.children) render(view, child.region, base + child.offset, start, end);
  if (region.kind !== "container") fill(view, region, base, start, end);
}

/** Puts the region into the gaps of [start, end). */
function fill(view: Section[], region: MemoryRegion, base: number, start: number, end: number): void {
  let i = firstEndingAfter(view, start);
  let at = start;
  while (at < end) {
    const next = view[i];
    const gapEnd = next ? Math.min(next.start, end) : end;
    if (at < gapEnd) {
      const offset = at - base;
      view.splice(i, 0, { start: at, end: gapEnd, region, offset, host: region.host && region.host + offset });
      i += 1;
    }
    if (!next || next.start >= end) return;
    at = next.end;
    i += 1;
  }
}

function firstEndingAfter(view: readonly Section[], address: number): number {
  let low = 0;
  let high = view.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((view[middle] as Section).end <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

function join(view: readonly Section[]): Section[] {
  const joined: Section[] = [];
  for (const section of view) {
    const last = joined[joined.length - 1];
    if (
      last &&
      last.end === section.start &&
      last.region === section.region &&
      last.offset + (last.end - last.start) === section.offset
    ) {
      joined[joined.length - 1] = { ...last, end: section.end };
    } else joined.push(section);
  }
  return joined;
}

/** Whether both views send every address to the same place. */
export function sameView(a: readonly Section[], b: readonly Section[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as Section;
    const y = b[i] as Section;
    if (x.start !== y.start || x.end !== y.end || x.region !== y.region || x.offset !== y.offset) return false;
  }
  return true;
}
