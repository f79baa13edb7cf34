// Device tree of board `remap`: that of `virt` without what is missing here, and with the bank controllers and latches.

import type { Fdt } from "../fdt.js";
import { BANKS, LATCHES, WINDOWS } from "./remap-map.js";
import { type VirtTreeOptions, virtDeviceTree } from "./virt-device-tree.js";

const BLOCK_SIZE = 0x1000;
const WINDOW_SIZE = 0x10000;
const COMPATIBLE = ["emuscope,bank-controller", "emuscope,read-bank-controller"] as const;

export function remapDeviceTree(options: VirtTreeOptions): Fdt {
  const tree = virtDeviceTree(options);
  const { root } = tree;
  root.string("compatible", "emuscope,remap").string("model", "emuscope,remap");
  drop(root.children, "flash@");
  const soc = root.ensure("soc");
  drop(soc.children, "virtio_mmio@");
  BANKS.forEach((bank, i) => {
    const window = WINDOWS[i] as (typeof WINDOWS)[number];
    soc
      .add(`bank-controller@${bank.start.toString(16)}`)
      .string("compatible", COMPATIBLE[i] as string)
      .u64("reg", bank.start, BLOCK_SIZE, window.start, WINDOW_SIZE)
      .string("reg-names", "registers", "window");
  });
  for (const latch of LATCHES) {
    soc
      .add(`latch@${latch.start.toString(16)}`)
      .string("compatible", "emuscope,latch")
      .u64("reg", latch.start, BLOCK_SIZE);
  }
  return tree;
}

function drop(nodes: { name: string }[], prefix: string): void {
  for (let i = nodes.length - 1; i >= 0; i--) if (nodes[i]?.name.startsWith(prefix)) nodes.splice(i, 1);
}
