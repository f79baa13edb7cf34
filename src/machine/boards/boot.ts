// Where firmware, kernel, initrd and device tree go, and how harts find them: the rules of QEMU 7.2's RISC-V boot,
// so that images built for its `virt` board meet what they expect.
//
//   firmware   at its own addresses (ELF) or at the start of RAM
//   kernel     at its own addresses (ELF, HEX, S-record) or at the next 2 MiB boundary behind the firmware
//   initrd     min(RAM / 2, 128 MiB) above the kernel's entry; behind the kernel where that would lie inside it
//   dtb        2 MiB aligned, below min(end of RAM, 3 GiB) with 1 MiB of room for firmware that extends it
//   mrom       reset code, then struct fw_dynamic_info of OpenSBI (include/sbi/fw_dynamic.h)
//
// Without firmware the kernel is entered in M-mode. Every hart starts in the reset code with all registers zero and
// leaves it with a0 = hart id, a1 = device tree, a2 = fw_dynamic_info.
// Nothing is written here: the result is a plan, checked as a whole before the board applies it.

import { loadImage } from "../../image/detect.js";
import { gunzip, isGzip } from "../../image/gzip.js";
import { hex, ImageError, type ImageSymbol, type LoadedImage } from "../../image/image.js";
import type { ImageBytes, MachineDescription } from "../description.js";
import { type Fdt, FdtError, readFdt, writeFdt } from "../fdt.js";
import { BoardError } from "./board.js";

const MIB = 1 << 20;
/** Kernels are placed on this boundary, and so is the device tree. */
export const KERNEL_ALIGN = 2 * MIB;
/** The device tree stays below, since 32-bit DMA and early mappings have to reach it. */
export const FDT_CEILING = 3072 * MIB;
/** Room kept for a device tree that firmware extends in place. */
export const FDT_ROOM = MIB;
const INITRD_MAX_GAP = 128 * MIB;
const PAGE = 4096;
/** Below this, the device tree may leave its usual boundary where an image is in its way. */
const SMALL_RAM = 8 * MIB;

const FW_DYNAMIC_MAGIC = 0x4942534fn; // "OSBI"
const FW_DYNAMIC_VERSION = 2n;
const NEXT_MODE_S = 1n;

/** What a board tells about itself. */
export interface BootBoard {
  ram: { base: number; size: number };
  /** Where the reset code goes. */
  mrom: { start: number; size: number };
  /** Where code in a given flash image starts; absent without one. */
  flashStart?: number;
  /** The generated tree, without /chosen's image properties. */
  deviceTree(): Fdt;
  /** 32 bytes for /chosen/rng-seed. */
  rngSeed: Uint8Array;
}

/** Bytes for one place; what lies behind them up to memorySize is zero already. */
export interface BootPiece {
  /** What it is, for messages: `kernel "Image"`. */
  name: string;
  paddr: number;
  bytes: Uint8Array;
  memorySize: number;
}

export interface BootPlan {
  /** Contents of RAM by address, not overlapping. */
  pieces: BootPiece[];
  /** Reset code and fw_dynamic_info, for the mrom. */
  resetCode: Uint8Array;
  /** Where the reset code jumps. */
  start: number;
  /** Where harts begin. */
  resetVector: number;
  deviceTree: Uint8Array;
  deviceTreeAddress: number;
  /** Symbols by image, in the order firmware, kernel, load[]. */
  symbols: { image: string; symbols: ImageSymbol[] }[];
  /** What was left out, and why it is safe to. */
  notes: string[];
}

/**
 * Lays out everything the description asks for.
 * @throws BoardError that names the image and what is wrong with it; an ImageError or FdtError is its cause
 */
export function planBoot(board: BootBoard, description: MachineDescription): BootPlan {
  const layout = new BootLayout(board);
  const { ram } = board;
  const symbols: BootPlan["symbols"] = [];
  const load = (role: string, image: ImageBytes, address: number): LoadedImage => {
    const loaded = parse(role, image, address);
    layout.addImage(label(role, image), loaded);
    if (loaded.symbols.length > 0) symbols.push({ image: image.name, symbols: loaded.symbols });
    return loaded;
  };

  let firmwareEnd = ram.base;
  let firmwareEntry: number | undefined;
  if (description.firmware !== undefined) {
    const firmware = load("firmware", description.firmware, ram.base);
    firmwareEntry = firmware.entry ?? ram.base;
    firmwareEnd = Math.max(
      ram.base,
      ...firmware.segments.filter((s) => layout.inRam(s.paddr)).map((s) => s.paddr + s.memorySize),
    );
  }

  const kernelPlace = alignUp(firmwareEnd, KERNEL_ALIGN);
  let kernelEntry: number | undefined;
  let kernelEnd = kernelPlace;
  if (description.kernel !== undefined) {
    const kernel = load("kernel", description.kernel, kernelPlace);
    kernelEntry = kernel.entry;
    if (kernelEntry === undefined) throw new BoardError(`${label("kernel", description.kernel)} names no entry point`);
    kernelEnd = Math.max(...kernel.segments.map((s) => s.paddr + s.memorySize));
  }

  let loadEntry: number | undefined;
  for (const extra of description.load ?? []) {
    const loaded = load("image", extra, extra.address ?? Number.NaN);
    loadEntry ??= loaded.entry;
  }

  let initrd: { start: number; end: number } | undefined;
  if (description.initrd !== undefined) {
    const { bytes } = description.initrd;
    const from = kernelEntry !== undefined && layout.inRam(kernelEntry) ? kernelEntry : kernelPlace;
    // `from` may be unaligned (an ELF's entry), guests map the initrd by pages
    let start = from + Math.min(ram.size / 2, INITRD_MAX_GAP);
    if (start < kernelEnd && layout.inRam(kernelEnd - 1)) start = kernelEnd;
    start = alignUp(start, PAGE);
    layout.add({ name: label("initrd", description.initrd), paddr: start, bytes, memorySize: bytes.length });
    initrd = { start, end: start + bytes.length };
  }

  const tree = description.dtb === undefined ? board.deviceTree() : parseTree(description.dtb);
  applyChosen(tree, {
    rngSeed: description.dtb === undefined ? board.rngSeed : undefined,
    cmdline: description.cmdline,
    initrd,
  });
  const deviceTree = writeFdt(tree);
  const deviceTreeAddress = layout.placeTree(deviceTree);
  layout.check();

  // As QEMU: with firmware, flash takes the kernel's part as the next stage; without, it is where harts start
  const next = kernelEntry ?? board.flashStart;
  const start = firmwareEntry ?? kernelEntry ?? loadEntry ?? board.flashStart ?? ram.base;
  return {
    pieces: layout.pieces,
    resetCode: resetCode(start, deviceTreeAddress, next ?? 0, board.mrom.size),
    start,
    resetVector: board.mrom.start,
    deviceTree,
    deviceTreeAddress,
    symbols,
    notes: layout.notes,
  };
}

/** Sets what /chosen says about this boot; absent values leave the tree's own. */
export function applyChosen(
  tree: Fdt,
  values: {
    cmdline?: string | undefined;
    initrd?: { start: number; end: number } | undefined;
    rngSeed?: Uint8Array | undefined;
  },
): void {
  const chosen = tree.root.ensure("chosen");
  if (values.cmdline !== undefined && values.cmdline !== "") chosen.string("bootargs", values.cmdline);
  if (values.initrd !== undefined) {
    chosen.u64("linux,initrd-start", values.initrd.start).u64("linux,initrd-end", values.initrd.end);
  }
  if (values.rngSeed !== undefined) chosen.bytes("rng-seed", values.rngSeed);
}

/**
 * The first instructions, position independent, and their data. Little endian words:
 * six instructions, start address, device tree address, fw_dynamic_info (six words of 64 bits).
 */
export function resetCode(start: number, deviceTree: number, next: number, room: number): Uint8Array {
  const code = [
    0x00000297, // auipc t0, 0
    0x02828613, // addi  a2, t0, 40      fw_dynamic_info
    0xf1402573, // csrr  a0, mhartid
    0x0202b583, // ld    a1, 32(t0)      device tree
    0x0182b283, // ld    t0, 24(t0)      start
    0x00028067, // jr    t0
  ];
  const data = [
    BigInt(start),
    BigInt(deviceTree),
    FW_DYNAMIC_MAGIC,
    FW_DYNAMIC_VERSION,
    BigInt(next),
    NEXT_MODE_S,
    0n /* options */,
    0n /* boot hart */,
  ];
  const view = new DataView(new ArrayBuffer(code.length * 4 + data.length * 8));
  code.forEach((word, i) => view.setUint32(i * 4, word, true));
  data.forEach((value, i) => view.setBigUint64(code.length * 4 + i * 8, value, true));
  if (view.byteLength > room) throw new BoardError(`the reset code has ${view.byteLength} bytes, the mrom ${room}`);
  return new Uint8Array(view.buffer);
}

function label(role: string, image: ImageBytes): string {
  return `${role} "${image.name}"`;
}

function parse(role: string, image: ImageBytes, address: number): LoadedImage {
  try {
    const loaded = loadImage(image.bytes, { address, ...(image.kind === undefined ? {} : { kind: image.kind }) });
    if (Number.isNaN(loaded.segments[0]?.paddr))
      throw new BoardError(`${label(role, image)} is ${loaded.kind}, which needs an address`);
    return loaded;
  } catch (cause) {
    if (cause instanceof ImageError) throw new BoardError(`${label(role, image)}: ${cause.message}`, { cause });
    throw cause;
  }
}

function parseTree(image: ImageBytes): Fdt {
  try {
    return readFdt(isGzip(image.bytes) ? gunzip(image.bytes) : image.bytes);
  } catch (cause) {
    if (cause instanceof FdtError || cause instanceof ImageError)
      throw new BoardError(`${label("dtb", image)}: ${cause.message}`, { cause });
    throw cause;
  }
}

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function alignDown(value: number, to: number): number {
  return Math.floor(value / to) * to;
}

/** The pieces so far, and the memory they have to fit in. */
class BootLayout {
  readonly pieces: BootPiece[] = [];
  readonly notes: string[] = [];
  readonly #start: number;
  readonly #end: number;

  constructor(board: BootBoard) {
    this.#start = board.ram.base;
    this.#end = board.ram.base + board.ram.size;
  }

  inRam(address: number): boolean {
    return address >= this.#start && address < this.#end;
  }

  addImage(name: string, image: LoadedImage): void {
    for (const segment of image.segments) {
      const { paddr, bytes, memorySize, flags } = segment;
      // Linkers put ELF headers and notes into a read-only segment at a default address that boards do not have
      const readOnly = flags !== undefined && (flags & 3) === 0;
      if (readOnly && (paddr >= this.#end || paddr + memorySize <= this.#start)) {
        this.notes.push(`${name}: read-only segment at ${range(segment)} lies outside of RAM and was left out`);
        continue;
      }
      this.add({ name, paddr, bytes, memorySize });
    }
  }

  add(piece: BootPiece): void {
    if (piece.memorySize === 0) throw new BoardError(`${piece.name} is empty`);
    if (!this.inRam(piece.paddr)) {
      throw new BoardError(
        `${piece.name} at ${range(piece)} is outside of RAM (${hex(this.#start)} to ${hex(this.#end)})`,
      );
    }
    const over = piece.paddr + piece.memorySize - this.#end;
    if (over > 0)
      throw new BoardError(
        `${piece.name} at ${range(piece)} does not fit: it passes the end of RAM (${hex(this.#end)}) by ${over} bytes`,
      );
    this.pieces.push(piece);
  }

  /** Puts the device tree near the top of RAM; in small RAM, where images are in the way, as high as it goes. */
  placeTree(bytes: Uint8Array): number {
    const room = Math.max(FDT_ROOM, bytes.length);
    let paddr = alignDown(Math.min(this.#end, FDT_CEILING) - room, KERNEL_ALIGN);
    const free = (at: number): boolean =>
      at >= this.#start &&
      this.pieces.every((piece) => piece.paddr >= at + bytes.length || piece.paddr + piece.memorySize <= at);
    if (!free(paddr)) {
      // twice its size, so that firmware may still add to it
      const high = alignDown(this.#end - 2 * bytes.length, PAGE);
      if (this.#end - this.#start < SMALL_RAM && free(high)) paddr = high;
    }
    paddr = Math.max(paddr, this.#start);
    this.add({ name: "device tree", paddr, bytes, memorySize: bytes.length });
    return paddr;
  }

  /** Sorts by address. @throws BoardError where two pieces overlap */
  check(): void {
    this.pieces.sort((a, b) => a.paddr - b.paddr);
    for (let i = 1; i < this.pieces.length; i++) {
      const [low, high] = [this.pieces[i - 1] as BootPiece, this.pieces[i] as BootPiece];
      const over = low.paddr + low.memorySize - high.paddr;
      if (over > 0) {
        const bytes = Math.min(over, high.memorySize);
        throw new BoardError(
          `${low.name} at ${range(low)} overlaps ${high.name} at ${range(high)} by ${bytes} bytes; more RAM or another address helps`,
        );
      }
    }
  }
}

function range(piece: { paddr: number; memorySize: number }): string {
  return `${hex(piece.paddr)} to ${hex(piece.paddr + piece.memorySize)}`;
}
