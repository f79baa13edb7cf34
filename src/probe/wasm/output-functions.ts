// Text, results and files a Wasm plugin gives, and the filter it asks for when it is installed.
import type { EngineHost } from "./engine-host.js";
import type { HostFunctions } from "./host-functions.js";
import type { WasmPlugin } from "./instance.js";
import { PluginMisuse } from "./report.js";

const RANGES = ["pc", "vaddr", "paddr"] as const;
const MAX_NAME = 256;

export function outputFunctions(plugin: WasmPlugin): HostFunctions {
  const { host } = plugin;
  const filter = (name: string, more: Parameters<EngineHost["addFilter"]>[0]): void => {
    if (!plugin.installing) throw new PluginMisuse(`${name} can be called during install only`);
    host.addFilter(more);
  };
  const bounded = (name: string, length: number): void => {
    if (length >>> 0 > plugin.limits.resultBytes) {
      throw new PluginMisuse(`${name}: ${length >>> 0} bytes are more than the ${plugin.limits.resultBytes} allowed`);
    }
  };
  return {
    outs: (text: number, length: number) => host.output(plugin.memory.text(text, length)),
    emu_result: (json: number, length: number) => {
      bounded("emu_result", length);
      const text = plugin.memory.text(json, length);
      try {
        plugin.setResult(JSON.parse(text));
      } catch (error) {
        throw new PluginMisuse(`emu_result: not JSON: ${(error as Error).message}`);
      }
    },
    emu_file: (name: number, nameLength: number, bytes: number, length: number) => {
      bounded("emu_file", length);
      const text = plugin.memory.text(name, Math.min(nameLength >>> 0, MAX_NAME));
      host.file(text, plugin.memory.bytes(bytes, length));
    },
    emu_filter_range: (of: number, first: bigint, last: bigint) => {
      const what = RANGES[of];
      if (what === undefined) throw new PluginMisuse(`emu_filter_range: ${of} is no kind of address`);
      filter("emu_filter_range", { [what]: [[BigInt.asUintN(64, first), BigInt.asUintN(64, last)]] });
    },
    emu_filter_region: (name: number, length: number) =>
      filter("emu_filter_region", { region: [plugin.memory.text(name, Math.min(length >>> 0, MAX_NAME))] }),
    emu_filter_device: (name: number, length: number) =>
      filter("emu_filter_device", { device: [plugin.memory.text(name, Math.min(length >>> 0, MAX_NAME))] }),
    emu_filter_io: (io: number) => filter("emu_filter_io", { io: io !== 0 }),
  };
}
