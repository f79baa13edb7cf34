// Several regions as one module. The bytes depend on the guest's code only (not on the session, the process or where
// things are in memory beyond the fixed layout), so that V8 compiles equal batches of equal guests once.
import { FunctionBody, type FunctionType, ModuleBuilder } from "../../wasm/module.js";
import { I32, OP } from "../../wasm/opcodes.js";
import { CORE_FUNCTIONS } from "../core-functions.js";
import type { Region } from "./region.js";
import { RegionEmitter } from "./region-emitter.js";
import type { TracePlan } from "./trace-plan.js";

const HANDLER = { params: [I32, I32], results: [I32] } as const;

/**
 * Imports: `env.memory`, and under `core` the core functions that are called, in order of first use: each import costs V8
 * some 20 us. No table: every instance would get its own copy. Exports the regions as `r0`, `r1`, … in order.
 */
export function compileRegions(regions: readonly Region[], plan: TracePlan | undefined): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importSharedMemory("env", "memory", 1, 65536);
  const used = new Map<string, number>();
  const core = {
    get: (name: string): number | undefined => {
      const type = CORE_FUNCTIONS[name];
      if (type && !used.has(name)) used.set(name, module.importFunction("core", name, type as FunctionType));
      return used.get(name);
    },
  };
  const bodies = regions.map((region) => {
    const body = new FunctionBody(HANDLER);
    new RegionEmitter(body, region, { core }, plan).build();
    body.code.u8(OP.unreachable);
    return body;
  });
  bodies.forEach((body, i) => module.exportFunction(`r${i}`, module.add(body)));
  return module.encode();
}
