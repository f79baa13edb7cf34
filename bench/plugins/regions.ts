// The JavaScript counterpart of bench/qemu-plugin/regions.c: called at each access, asks where it went, counts by MiB.
import type { PluginDefinition } from "../../src/probe/plugin.js";

const SHIFT = 20;
const PAGE_BITS = 12;
const REGIONS = 4096;
const FINISHER = 0x100000 >>> SHIFT;

export const regions: PluginDefinition = {
  name: "regions",
  summary: "counts accesses by MiB of physical memory, called at each",
  options: {},
  results: {},
  install(host) {
    const counts = new Float64Array(2 * REGIONS);
    let io = 0;
    const count = (_hart: number, _tag: number, ppn: number, write: number, device: number): void => {
      const at = 2 * Math.min(ppn >>> (SHIFT - PAGE_BITS), REGIONS - 1) + write;
      counts[at] = (counts[at] as number) + 1;
      io += device;
    };
    const call = host.call(count, 0, { numbers: ["ppn", "write", "io"] });
    const reads = (region: number): number => counts[2 * region] as number;
    const writes = (region: number): number => counts[2 * region + 1] as number;
    return {
      translate(block) {
        for (const instruction of block.instructions) if (instruction.memory !== "none") instruction.onAccess(call);
      },
      results() {
        const used = Array.from({ length: REGIONS }, (_, region) => region).filter(
          (region) => region !== FINISHER && reads(region) + writes(region) > 0,
        );
        const list = used.map((region) => ` 0x${region.toString(16)}=${reads(region)}/${writes(region)}`);
        return { report: `io=${io - reads(FINISHER) - writes(FINISHER)} unresolved=0${list.join("")}` };
      },
    };
  },
};
