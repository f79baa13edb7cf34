// The filter a plugin was attached with, where it could not be decided when the block was translated. See GUARD_* in layout.ts.
import {
  ACCESS_SIZE,
  ACCESS_VADDR,
  CURRENT_HART,
  GUARD_DEVICES,
  GUARD_HARTS,
  GUARD_PADDRS,
  GUARD_PRIVILEGES,
  GUARD_RANGES,
  GUARD_REGIONS,
  GUARD_VADDRS,
  HW_DEVICE,
  HW_PADDR,
  HW_REGION,
  HWADDR,
  PRIV,
  PROBE_ACCESS,
} from "../layout";
import { present_hwaddr } from "./accesses";

/** Whether the filter at `guard` lets the access pass, which HWADDR describes. */
export function passes(guard: i32, event: i32): bool {
  if (!runs(guard)) return false;
  let at = guard + GUARD_RANGES;
  const vaddrs = load<i32>(guard, GUARD_VADDRS);
  if (vaddrs && !inside(load<u64>(PROBE_ACCESS + event * ACCESS_SIZE, ACCESS_VADDR), at, vaddrs)) return false;
  at += vaddrs << 4;
  const paddrs = load<i32>(guard, GUARD_PADDRS);
  if (paddrs && !inside(load<u64>(present_hwaddr(), HW_PADDR - HWADDR), at, paddrs)) return false;
  at += paddrs << 4;
  const devices = load<i32>(guard, GUARD_DEVICES);
  if (devices && !among(load<u32>(present_hwaddr(), HW_DEVICE - HWADDR), at, devices)) return false;
  at += devices << 2;
  const regions = load<i32>(guard, GUARD_REGIONS);
  return !regions || among(load<u32>(present_hwaddr(), HW_REGION - HWADDR), at, regions);
}

/** The half of it that does not look at an access: who executes. */
export function runs(guard: i32): bool {
  return (
    ((load<u32>(guard, GUARD_HARTS) >> load<u32>(CURRENT_HART)) & 1) != 0 &&
    ((load<u32>(guard, GUARD_PRIVILEGES) >> load<u32>(PRIV)) & 1) != 0
  );
}

function inside(value: u64, at: i32, count: i32): bool {
  for (let i = 0; i < count; i++, at += 16) {
    if (value >= load<u64>(at) && value <= load<u64>(at, 8)) return true;
  }
  return false;
}

function among(id: u32, at: i32, count: i32): bool {
  for (let i = 0; i < count; i++) if (load<u32>(at + (i << 2)) == id) return true;
  return false;
}
