// Modules to upload in tests: the smallest WebAssembly plugin, and JavaScript ones.
import wabt from "wabt";

const { parseWat } = await wabt();

export function wasm(text: string): Buffer {
  return Buffer.from(parseWat("plugin.wat", text).toBinary({}).buffer);
}

/** A plugin that does nothing. `extra`: more of the module. */
export const emptyPlugin = (extra = "", version = 6): Buffer =>
  wasm(`(module ${extra}
    (memory (export "memory") 1)
    (global (export "emuscope_plugin_version") i32 (i32.const ${version}))
    (func (export "emu_alloc") (param i32) (result i32) i32.const 1024)
    (func (export "qemu_plugin_install") (param i64 i32 i32 i32) (result i32) i32.const 0))`);

/** Counts its snapshots, up from what it is given. */
export const counterSource = `
export default {
  name: "counter",
  summary: "counts",
  options: { from: { type: "integer", description: "first number", default: 0 } },
  results: { type: "object", properties: { n: { type: "integer" } } },
  install(host, { from }) {
    let n = from;
    return { results: () => ({ n: n++, big: 0xFFFFFFFFFFFFFFFFn, harts: host.harts }) };
  },
};
`;
