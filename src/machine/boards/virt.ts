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
import { Clint } from "../../devices/clint.js";
import { DeviceList } from "../../devices/device-list.js";
import { CfiFlash } from "../../devices/flash-cfi.js";
import { Plic } from "../../devices/plic.js";
import { Prng } from "../../devices/prng.js";
import { GoldfishRtc } from "../../devices/rtc-goldfish.js";
import { TestFinisher } from "../../devices/test-finisher.js";
import { Ns16550a } from "../../devices/uart-ns16550a.js";
import { VirtioBlock } from "../../devices/virtio-blk.js";
import { VirtioConsole } from "../../devices/virtio-console.js";
import { type VirtioBackend, VirtioMmio } from "../../devices/virtio-mmio.js";
import { VirtioEntropy } from "../../devices/virtio-rng.js";
import { loadImage } from "../../image/detect.js";
import { gunzip, isGzip } from "../../image/gzip.js";
import { hex, ImageError } from "../../image/image.js";
import type { ImageBytes, MachineDescription, VirtioSlot } from "../description.js";
import { type Board, type BoardContext, BoardError, type BuiltBoard, type HartStart, type InterruptWire } from "./board.js";
import { type BootBoard, type BootPlan, planBoot } from "./boot.js";
import { virtDeviceTree } from "./virt-device-tree.js";
import { addressMap, CLINT, DRAM, FLASH, MROM, PLIC, RTC, TEST, UART0, VIRTIO } from "./virt-map.js";

const PAGE = 4096;
const MAX_HARTS = 8;
/** Main memory ends below 2^32 - 2^30 or so because one 32-bit Wasm memory holds it and everything else. */
const MAX_RAM = 3 * 2 ** 30;
/** 2026-01-01T00:00:00Z: a fixed start keeps runs alike. */
const DEFAULT_EPOCH_MS = 1_767_225_600_000;
const DEFAULT_SEED = 1;

export const virt: Board = { name: "virt", build };

function build(context: BoardContext, description: MachineDescription): BuiltBoard {
  check(description);
  const { bus } = context;
  const list = new DeviceList(bus);
  const interrupts: InterruptWire[] = [];
  const consoles = ["uart0"];
  const seed = description.seed ?? DEFAULT_SEED;
  const flash = (description.flash ?? []).map((image, bank) => flashContent(image, bank));

  const mrom = bus.createRom("mrom", MROM.size);
  const ram = bus.createRam("ram", description.ram);
  // the boot is laid out before anything is built on it, so that a wrong image is the first thing said
  const bootBoard: BootBoard = {
    ram: { base: DRAM.start, size: description.ram },
    mrom: MROM,
    ...(flash[0] === undefined ? {} : { flashStart: FLASH.start }),
    deviceTree: () => virtDeviceTree({ harts: description.harts, ram: description.ram }),
    rngSeed: new Prng(seed).bytes(32),
  };
  let plan: BootPlan | undefined = planBoot(bootBoard, description);
  const { deviceTree } = plan;

  return bus.transaction(() => {
    bus.add(bus.root, MROM.start, mrom);
    bus.add(bus.root, DRAM.start, ram);
    const test = list.add("test", (identity) => new TestFinisher(context, identity));
    bus.add(bus.root, TEST.start, test.region);
    const clint = list.add("clint", (identity) => new Clint(context, identity));
    bus.add(bus.root, CLINT.start, clint.region);
    const plic = list.add("plic", (identity) => new Plic(context, identity));
    bus.add(bus.root, PLIC.start, plic.region);
    const wire = (device: string, source: number): ReturnType<Plic["input"]> => {
      interrupts.push({ device, controller: "plic", source });
      return plic.input(source);
    };

    const rtc = list.add(
      "rtc",
      (identity) => new GoldfishRtc(context, { ...identity, irq: wire("rtc", RTC.irq), epochMs: description.rtcEpochMs ?? DEFAULT_EPOCH_MS }),
    );
    bus.add(bus.root, RTC.start, rtc.region);
    const uart = list.add(
      "uart0",
      (identity) => new Ns16550a(context, { ...identity, irq: wire("uart0", UART0.irq), port: context.console("uart0"), clockHz: UART0.clock }),
    );
    bus.add(bus.root, UART0.start, uart.region);

    for (let slot = 0; slot < VIRTIO.slots; slot++) {
      const name = `virtio${slot}`;
      const content = description.virtio?.[slot];
      const consoleName = `console${consoles.length - 1}`;
      if (content?.type === "console") consoles.push(consoleName);
      const backend = content && virtioBackend(content, { name, slot, seed, console: () => context.console(consoleName) });
      const device = list.add(name, (identity) => new VirtioMmio(context, { ...identity, irq: wire(name, VIRTIO.firstIrq + slot), backend }));
      bus.add(bus.root, VIRTIO.start + slot * VIRTIO.stride, device.region);
    }

    const bootRom = addFlash(context, list, flash);

    return {
      devices: list.devices,
      consoles,
      ram: bootBoard.ram,
      addressMap: addressMap(description.ram),
      interrupts,
      deviceTree: () => deviceTree,
      boot(): HartStart[] {
        // The plan of a kernel is as large as the kernel: made again at each reset rather than kept
        const now = plan ?? planBoot(bootBoard, description);
        plan = undefined;
        bus.hostBytes(mrom).set(now.resetCode);
        const memory = bus.hostBytes(ram);
        for (const piece of now.pieces) memory.set(piece.bytes, piece.paddr - DRAM.start);
        bootRom?.();
        const start: HartStart = { pc: BigInt(now.resetVector), x: {} };
        return Array.from({ length: description.harts }, () => start);
      },
    };
  });
}

function check(description: MachineDescription): void {
  const { harts, ram } = description;
  if (!(Number.isInteger(harts) && harts >= 1 && harts <= MAX_HARTS)) throw new BoardError(`${harts} harts, the board has 1 to ${MAX_HARTS}`);
  if (!(Number.isInteger(ram) && ram >= PAGE && ram <= MAX_RAM && ram % PAGE === 0)) {
    throw new BoardError(`RAM of ${ram} bytes, expected a multiple of ${PAGE} up to ${MAX_RAM}`);
  }
  const slots = description.virtio?.length ?? 0;
  if (slots > VIRTIO.slots) throw new BoardError(`${slots} virtio devices, the board has ${VIRTIO.slots} slots`);
  const banks = description.flash?.length ?? 0;
  if (banks > FLASH.banks) throw new BoardError(`${banks} flash images, the board has ${FLASH.banks} banks`);
}

function virtioBackend(content: VirtioSlot, options: { name: string; slot: number; seed: number; console: () => ReturnType<BoardContext["console"]> }): VirtioBackend {
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
  const { segments } = named(`flash${bank}`, image, () => loadImage(image.bytes, { address: start, ...(image.kind === undefined ? {} : { kind: image.kind }) }));
  let size = 0;
  for (const { paddr, memorySize } of segments) {
    if (paddr < start || paddr + memorySize > start + FLASH.bankSize) {
      throw new BoardError(`flash${bank} "${image.name}" at ${hex(paddr)} to ${hex(paddr + memorySize)} is outside of its bank (${hex(start)} to ${hex(start + FLASH.bankSize)})`);
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
function addFlash(context: BoardContext, list: DeviceList, contents: readonly (Uint8Array | undefined)[]): (() => void) | undefined {
  const { bus } = context;
  let fill: (() => void) | undefined;
  for (let bank = 0; bank < FLASH.banks; bank++) {
    const name = `flash${bank}`;
    const start = FLASH.start + bank * FLASH.bankSize;
    const content = contents[bank];
    const device = list.add(name, (identity) => new CfiFlash(context, { ...identity, size: FLASH.bankSize, ...(content === undefined ? {} : { content }) }));
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
