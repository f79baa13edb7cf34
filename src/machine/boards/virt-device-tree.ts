// Device tree of board `virt`. Nodes, compatible strings and wiring as guests of QEMU's `virt` know them; buses in
// address order, so that virtio slot 0 is probed first. Bindings: Linux Documentation/devicetree/bindings.
import { type Fdt, FdtNode, Phandles } from "../fdt.js";
import { CACHE_BLOCK, CLINT, DRAM, FLASH, PLIC, RTC, TEST, TIMEBASE, UART0, VIRTIO } from "./virt-map.js";

/** Extensions the harts have, in the order of the ISA string. */
export const ISA_BASE = "rv64i";
export const ISA_SINGLE_LETTER = ["i", "m", "a", "f", "d", "c"] as const;
export const ISA_MULTI_LETTER = [
  "zicbom",
  "zicboz",
  "zicntr",
  "zicond",
  "zicsr",
  "zifencei",
  "zba",
  "zbb",
  "zbs",
  "sstc",
  "svadu",
  "svinval",
  "svnapot",
  "svpbmt",
] as const;

export interface VirtTreeOptions {
  harts: number;
  /** Bytes of main memory. */
  ram: number;
}

const IRQ_M_SOFT = 3;
const IRQ_M_TIMER = 7;
const IRQ_S_EXTERNAL = 9;
const IRQ_M_EXTERNAL = 11;

/** The tree without what depends on the images (see applyChosen in boot.ts). */
export function virtDeviceTree(options: VirtTreeOptions): Fdt {
  const phandles = new Phandles();
  const root = new FdtNode();
  root
    .u32("#address-cells", 2)
    .u32("#size-cells", 2)
    .string("compatible", "riscv-virtio")
    .string("model", "riscv-virtio,emuscope");

  root.add("chosen").string("stdout-path", `/soc/serial@${UART0.start.toString(16)}`);
  root
    .add(`memory@${DRAM.start.toString(16)}`)
    .string("device_type", "memory")
    .u64("reg", DRAM.start, options.ram);
  const controllers = addCpus(root, options.harts, phandles);
  const flash = root.add(`flash@${FLASH.start.toString(16)}`).string("compatible", "cfi-flash");
  flash.u64(
    "reg",
    ...Array.from({ length: FLASH.banks }, (_, bank) => [FLASH.start + bank * FLASH.bankSize, FLASH.bankSize]).flat(),
  );
  flash.u32("bank-width", 4);

  const soc = root
    .add("soc")
    .u32("#address-cells", 2)
    .u32("#size-cells", 2)
    .string("compatible", "simple-bus")
    .flag("ranges");
  const device = (name: string, place: { start: number; size: number }, ...compatible: string[]): FdtNode =>
    soc
      .add(`${name}@${place.start.toString(16)}`)
      .string("compatible", ...compatible)
      .u64("reg", place.start, place.size);

  const test = device("test", TEST, "sifive,test1", "sifive,test0", "syscon");
  const rtc = device("rtc", RTC, "google,goldfish-rtc");
  const wires = (...causes: number[]): number[] =>
    controllers.flatMap((controller) => causes.flatMap((cause) => [phandles.of(controller), cause]));
  device("clint", CLINT, "sifive,clint0", "riscv,clint0").u32("interrupts-extended", ...wires(IRQ_M_SOFT, IRQ_M_TIMER));
  const plic = device("plic", PLIC, "sifive,plic-1.0.0", "riscv,plic0")
    .u32("interrupts-extended", ...wires(IRQ_M_EXTERNAL, IRQ_S_EXTERNAL))
    .u32("riscv,ndev", PLIC.sources - 1)
    .flag("interrupt-controller")
    .u32("#interrupt-cells", 1)
    .u32("#address-cells", 0);
  const interrupt = (node: FdtNode, source: number): FdtNode =>
    node.u32("interrupt-parent", phandles.of(plic)).u32("interrupts", source);
  interrupt(rtc, RTC.irq);
  interrupt(device("serial", UART0, "ns16550a"), UART0.irq).u32("clock-frequency", UART0.clock);
  for (let slot = 0; slot < VIRTIO.slots; slot++) {
    interrupt(
      device("virtio_mmio", { start: VIRTIO.start + slot * VIRTIO.stride, size: VIRTIO.size }, "virtio,mmio"),
      VIRTIO.firstIrq + slot,
    );
  }

  const syscon = (name: string, value: number): void => {
    root
      .add(name)
      .string("compatible", `syscon-${name}`)
      .u32("regmap", phandles.of(test))
      .u32("offset", 0)
      .u32("value", value);
  };
  syscon("poweroff", 0x5555);
  syscon("reboot", 0x7777);
  return { root, bootCpu: 0, reservations: [] };
}

/** Adds /cpus; returns the harts' interrupt controllers. */
function addCpus(root: FdtNode, harts: number, phandles: Phandles): FdtNode[] {
  const cpus = root.add("cpus").u32("#address-cells", 1).u32("#size-cells", 0).u32("timebase-frequency", TIMEBASE);
  const controllers: FdtNode[] = [];
  const nodes: FdtNode[] = [];
  for (let hart = 0; hart < harts; hart++) {
    const cpu = cpus
      .add(`cpu@${hart.toString(16)}`)
      .string("device_type", "cpu")
      .u32("reg", hart)
      .string("status", "okay")
      .string("compatible", "riscv")
      .string("riscv,isa", `rv64${ISA_SINGLE_LETTER.join("")}_${ISA_MULTI_LETTER.join("_")}`)
      .string("riscv,isa-base", ISA_BASE)
      .string("riscv,isa-extensions", ...ISA_SINGLE_LETTER, ...ISA_MULTI_LETTER)
      .string("mmu-type", "riscv,sv57")
      .u32("riscv,cbom-block-size", CACHE_BLOCK)
      .u32("riscv,cboz-block-size", CACHE_BLOCK);
    nodes.push(cpu);
    controllers.push(
      cpu
        .add("interrupt-controller")
        .string("compatible", "riscv,cpu-intc")
        .u32("#interrupt-cells", 1)
        .u32("#address-cells", 0)
        .flag("interrupt-controller"),
    );
  }
  const cluster = cpus.add("cpu-map").add("cluster0");
  nodes.forEach((cpu, hart) => cluster.add(`core${hart}`).u32("cpu", phandles.of(cpu)));
  return controllers;
}
