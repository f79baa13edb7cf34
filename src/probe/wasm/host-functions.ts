// The imports of a Wasm plugin that the host answers, by their names in imports.ts. Arguments come as Wasm gives them: i32
// signed, i64 as signed bigint.
import { blockFunctions } from "./block-functions.js";
import { eventFunctions } from "./event-functions.js";
import { withHeadroom } from "./headroom.js";
import type { WasmPlugin } from "./instance.js";
import { machineFunctions } from "./machine-functions.js";
import { outputFunctions } from "./output-functions.js";

export type HostFunctions = Record<string, (...args: never[]) => unknown>;

/** Of the functions below, those that change what is not the plugin's own. Registrations for events all do. */
const CHANGES = [
  "write_register",
  "set_pc",
  "write_memory_vaddr",
  "write_memory_hwaddr",
  "request_time_control",
  "update_ns",
  "emu_stop",
  "emu_retranslate",
  "emu_file",
  "outs",
];

export function makeImports(plugin: WasmPlugin): HostFunctions {
  const events = eventFunctions(plugin);
  const functions = {
    ...events,
    ...blockFunctions(plugin),
    ...machineFunctions(plugin),
    ...outputFunctions(plugin),
  };
  for (const name of [...Object.keys(events), ...CHANGES]) {
    functions[name] = withHeadroom(functions[name] as HostFunctions[string]);
  }
  return functions;
}
