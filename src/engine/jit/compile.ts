// Several regions as one module. The bytes depend on the guest's code only (not on the session, the process or where
// things are in memory beyond the fixed layout), so that V8 compiles equal batches of equal guests once.
import { ModuleBuilder } from "../../wasm/module.js";
import { I32, I64, OP } from "../../wasm/opcodes.js";
import { importCore } from "../core-functions.js";
import type { Region } from "./region.js";
import { RegionEmitter } from "./region-emitter.js";

const HANDLER = { params: [I32, I32], results: [I32] } as const;

/**
 * Imports: `env.memory`, `env.table` (the interpreter's), the core's functions under `core`, `engine.goto` and
 * `engine.enter`. Exports the regions as `r0`, `r1`, … in order.
 */
export function compileRegions(regions: readonly Region[]): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importSharedMemory("env", "memory", 1, 65536);
  module.importTable("env", "table", 1);
  const imports = {
    goto: module.importFunction("engine", "goto", { params: [I64, I32], results: [I32] }),
    enter: module.importFunction("engine", "enter", HANDLER),
    core: importCore((name, type) => module.importFunction("core", name, type)),
    handlerType: module.type(HANDLER),
  };
  regions.forEach((region, i) => {
    const { index, body } = module.func(HANDLER);
    new RegionEmitter(body, region, imports).build();
    body.code.u8(OP.unreachable);
    module.exportFunction(`r${i}`, index);
  });
  return module.encode();
}
