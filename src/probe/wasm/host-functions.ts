// The imports of a Wasm plugin that the host answers, by their names in imports.ts. Arguments come as Wasm gives them: i32
// signed, i64 as signed bigint.
import { blockFunctions } from "./block-functions.js";
import { eventFunctions } from "./event-functions.js";
import type { WasmPlugin } from "./instance.js";
import { machineFunctions } from "./machine-functions.js";
import { outputFunctions } from "./output-functions.js";

export type HostFunctions = Record<string, (...args: never[]) => unknown>;

export function makeImports(plugin: WasmPlugin): HostFunctions {
  return {
    ...eventFunctions(plugin),
    ...blockFunctions(plugin),
    ...machineFunctions(plugin),
    ...outputFunctions(plugin),
  };
}
