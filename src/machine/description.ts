// What a client says to make a machine, already validated and with images resolved to bytes.

/** 64-bit numbers are bigint here; the wire form (hex strings) is the operations' business. */
export interface MachineDescription {
  board: "virt" | "remap";
  harts: number; //        1..8
  /** Guest RAM in bytes, multiple of 4096. */
  ram: number;
  /** Firmware (`-bios`): fw_dynamic/fw_jump raw or ELF; absent: none (kernel is entered in M-mode at its entry). */
  firmware?: ImageBytes;
  kernel?: ImageBytes;
  initrd?: ImageBytes;
  /** Device tree blob that replaces the generated one. */
  dtb?: ImageBytes;
  cmdline?: string;
  /** Extra images loaded before reset: raw at an address, ELF at its own addresses, hex, srec. */
  load?: (ImageBytes & { address?: number })[];
  /** CFI flash contents, bank 0 and 1. */
  flash?: ImageBytes[];
  /** virtio-mmio devices, slot 0..7. */
  virtio?: VirtioSlot[];
  /** Seed of the entropy device. */
  seed?: number;
  /** Wall-clock time the RTC starts at, ms since 1970; fixed unless given, so runs repeat. */
  rtcEpochMs?: number;
  /** Instructions each hart runs before the next one's turn. */
  quantum?: number;
  /** Bytes of address space set aside for trace rings. */
  traceArena?: number;
  /** How guest code is executed; results are the same either way. */
  engine?: Partial<EngineSettings>;
  /** What idle time costs: `skip` jumps to the next timer, `realtime` sleeps it, `auto` skips until the guest is mostly idle. */
  idle?: "auto" | "skip" | "realtime";
}

export interface EngineSettings {
  /** Whether hot code is compiled. */
  jit: boolean;
  /** Jumps to a place before it is compiled; 1 compiles at once. At most 65535. */
  hotThreshold: number;
  /** Hot places compiled into one module; with 1 and a threshold of 1 everything that is jumped to runs compiled. */
  batch: number;
}
export const ENGINE_DEFAULTS: EngineSettings = { jit: true, hotThreshold: 2000, batch: 8 };

export interface ImageBytes {
  bytes: Uint8Array;
  /** Name for messages (file name or digest). */
  name: string;
  /** Given kind; detected when absent. */
  kind?: ImageKind;
}

export type StopReasonName = string;

export type ImageKind = "elf" | "linux" | "raw" | "ihex" | "srec";

export type VirtioSlot =
  | { type: "block"; image: ImageBytes; readOnly: boolean }
  | { type: "entropy" }
  | { type: "console" };
