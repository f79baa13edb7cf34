// Where board `remap` has what board `virt` has not; register maps are atop remap.ts.

export const BANKS = [
  { start: 0x11000000, name: "bank0", comment: "bank controller: a write re-maps window0" },
  { start: 0x11001000, name: "bank1", comment: "read bank controller: a read re-maps window1" },
] as const;

export const LATCHES = [
  { start: 0x11002000, name: "latch0", comment: "data registers, also a target of window0" },
  { start: 0x11003000, name: "latch1", comment: "data registers, also a target of window1" },
] as const;

export const WINDOWS = [
  { start: 0x12000000, name: "window0", comment: "shows what bank0 selects" },
  { start: 0x12100000, name: "window1", comment: "shows what bank1 selects" },
] as const;
