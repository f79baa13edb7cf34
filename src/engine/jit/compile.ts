// Several regions as one module. The bytes depend on the guest's code only (not on the session, the process or where
// things are in memory beyond the fixed layout), so that V8 compiles equal batches of equal guests once.
import { Bytes } from "../../wasm/bytes.js";
import { FunctionBody, type FunctionType, ModuleBuilder } from "../../wasm/module.js";
import { I32, I64, OP } from "../../wasm/opcodes.js";
import { CORE_FUNCTIONS } from "../core-functions.js";
import type { Region } from "./region.js";
import { RegionEmitter, type RegionImports } from "./region-emitter.js";
import type { TracePlan } from "./trace-plan.js";

const HANDLER = { params: [I32, I32], results: [I32] } as const;
// dispatchers of plugins, see engine/probe-ops.ts
const EXEC: FunctionType = { params: [I32, I32, I32], results: [] };
const ACCESS: FunctionType = { params: [I32, I32, I32, I64, I32], results: [] };

// Batches are made one after another, each region's code in the buffer of the same place in the batch before.
const buffers: Bytes[] = [];
function bufferFor(place: number): Bytes {
  let buffer = buffers[place];
  if (!buffer) {
    buffer = new Bytes(1 << 13);
    buffers[place] = buffer;
  }
  return buffer;
}

/**
 * Imports: `env.memory`, and under `core` the core functions that are called, in order of first use: each import costs V8
 * some 20 us; `env.apart(slot)`; with probes `env.stale(slot)` and the dispatchers under `plugin`, by table index. No table: every instance would get its own copy. Exports the regions as `r0`, `r1`, … in order.
 */
export function compileRegions(
  regions: readonly Region[],
  plan: TracePlan | undefined,
  harts: number,
): Uint8Array<ArrayBuffer> {
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
  const others = new Map<string, number>();
  const imported = (from: string, name: string, type: FunctionType): number => {
    const key = `${from}.${name}`;
    const index = others.get(key) ?? module.importFunction(from, name, type);
    others.set(key, index);
    return index;
  };
  const imports: RegionImports = {
    core,
    dispatcher: (index, signature) => imported("plugin", String(index), signature === "exec" ? EXEC : ACCESS),
    entry: (name, params) => imported("plugin", name, { params: [...params], results: [] }),
    env: (name) => imported("env", name, { params: [I32], results: [] }),
  };
  const bodies = regions.map((region, i) => {
    const body = new FunctionBody(HANDLER, bufferFor(i));
    new RegionEmitter(body, region, imports, plan, harts).build();
    body.code.u8(OP.unreachable);
    return body;
  });
  bodies.forEach((body, i) => module.exportFunction(`r${i}`, module.add(body)));
  return module.encode();
}
