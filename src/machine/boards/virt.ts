// Board `virt`: QEMU's RISC-V board of that name, address for address.
//
//   0x0000_1000  mrom      0xf000       reset code, fw_dynamic information (ROM)
//   0x0010_0000  test      0x1000       SiFive test finisher: 0x5555 power off, 0x7777 reboot
//   0x0010_1000  rtc       0x1000       Goldfish RTC, PLIC source 11
//   0x0200_0000  clint    0x10000       msip 0x0, mtimecmp 0x4000, mtime 0xbff8 (10 MHz)
//   0x0c00_0000  plic    0x600000       contexts 2*hart (M), 2*hart+1 (S); sources 1..95
//   0x1000_0000  uart0      0x100       NS16550A, byte registers, PLIC source 10
//   0x1000_1000  virtio0   0x1000       virtio-mmio version 2, PLIC source 1; seven more behind, sources 2..8
//   0x2000_0000  flash0 0x2000000       ROM as far as it has contents, erased CFI flash behind
//   0x2200_0000  flash1 0x2000000       CFI flash
//   0x8000_0000  ram                    size from the description
//
// Numbers live in virt-map.ts, the device tree in virt-device-tree.ts, where images go in boot.ts.
import { BlockStore } from "../../devices/block-store.js";
import type { DeviceList } from "../../devices/device-list.js";
import { CfiFlash } from "../../devices/flash-cfi.js";
import { Prng } from "../../devices/prng.js";
import { VirtioBlock } from "../../devices/virtio-blk.js";
import { VirtioConsole } from "../../devices/virtio-console.js";
import { type VirtioBackend, VirtioMmio } from "../../devices/virtio-mmio.js";
import { VirtioEntropy } from "../../devices/virtio-rng.js";
import { loadImage } from "../../image/detect.js";
import { gunzip, isGzip } from "../../image/gzip.js";
import { hex, ImageError } from "../../image/image.js";
import type { ImageBytes, MachineDescription, VirtioSlot } from "../description.js";
import { type Board, type BoardContext, BoardError, type BuiltBoard, type HartStart } from "./board.js";
import { type BootBoard, type BootPlan, planBoot } from "./boot.js";
import { addPlatform, applyBootPlan, checkDescription, DEFAULT_SEED } from "./platform.js";
import { virtDeviceTree } from "./virt-device-tree.js";
import { addressMap, DRAM, FLASH, MROM, VIRTIO } from "./virt-map.js";

const PAGE = 4096;

export const virt: Board = { name: "virt", build };

function build(context: BoardContext, description: MachineDescription): BuiltBoard {
  checkDescription(description);
  checkSlots(description);
  const { bus } = context;
  const { harts } = description;
  const seed = description.seed ?? DEFAULT_SEED;
  const consoles = ["uart0"];
  const flash = (description.flash ?? []).map((image, bank) => flashContent(image, bank));

  // the boot is laid out before anything is built on it, so that a wrong image is the first thing said
  const bootBoard: BootBoard = {
    ram: { base: DRAM.start, size: description.ram },
    mrom: MROM,
    ...(flash[0] === undefined ? {} : { flashStart: FLASH.start }),
    deviceTree: () => virtDeviceTree({ harts, ram: description.ram }),
    rngSeed: new Prng(seed).bytes(32),
  };
  let plan: BootPlan | undefined = planBoot(bootBoard, description);
  const { deviceTree } = plan;

  return bus.transaction(() => {
    const { list, mrom, interrupts, wire } = addPlatform(context, description);
    for (let slot = 0; slot < VIRTIO.slots; slot++) {
      const name = `virtio${slot}`;
      const content = description.virtio?.[slot];
      const consoleName = `console${consoles.length - 1}`;
      if (content?.type === "console") consoles.push(consoleName);
      const backend =
        content && virtioBackend(content, { name, slot, seed, console: () => context.console(consoleName) });
      const device = list.add(
        name,
        (identity) => new VirtioMmio(context, { ...identity, irq: wire(name, VIRTIO.firstIrq + slot), backend }),
      );
      bus.add(bus.root, VIRTIO.start + slot * VIRTIO.stride, device.region);
    }
    const fillFlash = addFlash(context, list, flash);

    return {
      devices: list.devices,
      consoles,
      ram: bootBoard.ram,
      addressMap: addressMap(description.ram),
      interrupts,
      deviceTree: () => deviceTree,
      symbols: () => planBoot(bootBoard, description).symbols,
      boot(): HartStart[] {
        // The plan of a kernel is as large as the kernel: made again at each reset rather than kept
        const now = plan ?? planBoot(bootBoard, description);
        plan = undefined;
        fillFlash?.();
        return applyBootPlan(context, now, mrom, harts);
      },
    };
  });
}

function checkSlots(description: MachineDescription): void {
  const slots = description.virtio?.length ?? 0;
  if (slots > VIRTIO.slots) throw new BoardError(`${slots} virtio devices, the board has ${VIRTIO.slots} slots`);
  const banks = description.flash?.length ?? 0;
  if (banks > FLASH.banks) throw new BoardError(`${banks} flash images, the board has ${FLASH.banks} banks`);
}

function virtioBackend(
  content: VirtioSlot,
  options: { name: string; slot: number; seed: number; console: () => ReturnType<BoardContext["console"]> },
): VirtioBackend {
  switch (content.type) {
    case "block":
      return new VirtioBlock(new BlockStore(diskBytes(content.image), content.readOnly), options.name);
    case "entropy":
      return new VirtioEntropy(options.seed + 1 + options.slot);
    case "console":
      return new VirtioConsole(options.console());
  }
}

/** A disk's sectors: a gzip wrapper is taken off unless the kind is given as raw. */
function diskBytes(image: ImageBytes): Uint8Array {
  if (image.kind === "raw" || !isGzip(image.bytes)) return image.bytes;
  return named("disk", image, () => gunzip(image.bytes));
}

/** A bank's contents from its start on; an ELF or record file has to lie inside the bank. Empty is none. */
function flashContent(image: ImageBytes, bank: number): Uint8Array | undefined {
  if (image.bytes.length === 0) return undefined;
  const start = FLASH.start + bank * FLASH.bankSize;
  const { segments } = named(`flash${bank}`, image, () =>
    loadImage(image.bytes, { address: start, ...(image.kind === undefined ? {} : { kind: image.kind }) }),
  );
  let size = 0;
  for (const { paddr, memorySize } of segments) {
    if (paddr < start || paddr + memorySize > start + FLASH.bankSize) {
      throw new BoardError(
        `flash${bank} "${image.name}" at ${hex(paddr)} to ${hex(paddr + memorySize)} is outside of its bank (${hex(start)} to ${hex(start + FLASH.bankSize)})`,
      );
    }
    size = Math.max(size, paddr + memorySize - start);
  }
  const only = segments[0];
  if (segments.length === 1 && only?.paddr === start && only.bytes.length === size) return only.bytes;
  const content = new Uint8Array(size);
  for (const { paddr, bytes } of segments) content.set(bytes, paddr - start);
  return content;
}

/** Maps the banks. Bank 0 is where code runs from: what it holds is ROM on top of the device. Returns what fills that ROM again. */
function addFlash(
  context: BoardContext,
  list: DeviceList,
  contents: readonly (Uint8Array | undefined)[],
): (() => void) | undefined {
  const { bus } = context;
  let fill: (() => void) | undefined;
  for (let bank = 0; bank < FLASH.banks; bank++) {
    const name = `flash${bank}`;
    const start = FLASH.start + bank * FLASH.bankSize;
    const content = contents[bank];
    const device = list.add(
      name,
      (identity) =>
        new CfiFlash(context, { ...identity, size: FLASH.bankSize, ...(content === undefined ? {} : { content }) }),
    );
    bus.add(bus.root, start, device.region);
    if (bank === 0 && content !== undefined) {
      const rom = bus.createRom(`${name}.rom`, Math.ceil(content.length / PAGE) * PAGE, device.id);
      bus.add(bus.root, start, rom, 1);
      fill = () => {
        const bytes = bus.hostBytes(rom);
        bytes.set(content);
        bytes.fill(0xff, content.length);
      };
    }
  }
  return fill;
}

/** Runs a loader and names the image in its error. */
function named<T>(role: string, image: ImageBytes, load: () => T): T {
  try {
    return load();
  } catch (cause) {
    if (cause instanceof ImageError) throw new BoardError(`${role} "${image.name}": ${cause.message}`, { cause });
    throw cause;
  }
}
