// All built-in plugins, in the order lists show them. Adding one is a file beside this one and a line here.
import type { PluginDefinition } from "../plugin.js";
import { bb } from "./bb.js";
import { bbv } from "./bbv.js";
import { cache } from "./cache/cache.js";
import { cflow } from "./cflow.js";
import { discons } from "./discons.js";
import { drcov } from "./drcov.js";
import { execlog } from "./execlog.js";
import { hotblocks } from "./hotblocks.js";
import { hotpages } from "./hotpages.js";
import { howvec } from "./howvec.js";
import { hwprofile } from "./hwprofile.js";
import { insn } from "./insn.js";
import { ips } from "./ips.js";
import { lockstep } from "./lockstep.js";
import { mem } from "./mem.js";
import { stoptrigger } from "./stoptrigger.js";
import { traps } from "./traps.js";
import { uftrace } from "./uftrace/uftrace.js";

export const BUILTIN_PLUGINS: readonly PluginDefinition[] = [
  bb,
  insn,
  mem,
  hotblocks,
  hotpages,
  howvec,
  hwprofile,
  execlog,
  traps,
  discons,
  bbv,
  cache,
  cflow,
  drcov,
  ips,
  lockstep,
  stoptrigger,
  uftrace,
];

/** By name. */
export const BUILTIN_BY_NAME: ReadonlyMap<string, PluginDefinition> = new Map(
  BUILTIN_PLUGINS.map((plugin) => [plugin.name, plugin]),
);
