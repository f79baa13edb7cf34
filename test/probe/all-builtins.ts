// All built-in plugins, each with arguments that have it do as much as it can, for guests that must not notice.
import type { PluginFilter } from "../../src/probe/manager-api.js";

export interface Attached {
  name: string;
  args: Record<string, unknown>;
  filter: PluginFilter;
}

const ARGUMENTS: Record<string, Record<string, unknown>> = {
  bb: { idle: true },
  insn: { match: ["ld", "csr"] },
  mem: { haddr: true, "region-summary": true, "print-accesses": true, lines: 100 },
  hotblocks: {},
  hotpages: {},
  howvec: {},
  hwprofile: { source: true },
  execlog: { lines: 100, reg: ["a*", "mstatus"] },
  traps: {},
  discons: { abort: false },
  bbv: { interval: 10_000 },
  cache: { dcachesize: 1024, icachesize: 1024, l2cachesize: 16384, evict: "rand" },
  cflow: { limit: 0 },
  drcov: {},
  ips: { throttle: false },
  lockstep: {},
  // stops the machine now and then; it goes on
  stoptrigger: { icount: ["3000", "10007:1"], addr: ["0x80000000"] },
  uftrace: {},
};
/** It is there to change virtual time, which guests do see: it is attached, and counts nothing. */
const FILTERS: Record<string, PluginFilter> = { ips: { pc: [[0n, 0n]] } };

export const ALL_BUILTINS: readonly Attached[] = Object.entries(ARGUMENTS).map(([name, args]) => ({
  name,
  args,
  filter: FILTERS[name] ?? {},
}));
