// What a device is to the machine, and what the machine gives a device.
import type { Bus } from "../bus/bus.js";

/** Virtual time in nanoseconds: retired instruction slots plus skipped idle time. Never the host's clock. */
export interface Clock {
  now(): number;
  /** Calls back once when virtual time reaches `at` (at the next instruction boundary). */
  schedule(at: number, callback: () => void): TimerHandle;
}
export interface TimerHandle {
  cancel(): void;
}

/** An interrupt input of somebody else (PLIC source, hart line). Level triggered. */
export interface IrqLine {
  set(level: boolean): void;
}

/** Bits of mip a device may drive. */
export type HartInterrupt = 3 /* MSIP */ | 7 /* MTIP */ | 9 /* SEIP */ | 11 /* MEIP */ | 1 /* SSIP */;

/** The hart side of interrupt controllers and the CLINT. */
export interface HartPort {
  readonly count: number;
  setInterrupt(hart: number, bit: HartInterrupt, level: boolean): void;
  /** mtimecmp is kept with the hart so that the run loop stops exactly at the deadline. */
  getMtimecmp(hart: number): bigint;
  setMtimecmp(hart: number, value: bigint): void;
  /** mtime ticks (10 MHz). */
  getMtime(): bigint;
  setMtime(value: bigint): void;
}

/** Bus-master access by devices. Traced as DMA, and invalidates decoded code it overwrites. */
export interface Dma {
  /** Copies guest memory out. Throws DmaError where an address is not RAM or ROM. */
  read(paddr: number, length: number): Uint8Array;
  write(paddr: number, bytes: Uint8Array): void;
  readU16(paddr: number): number;
  readU32(paddr: number): number;
  readU64(paddr: number): bigint;
  writeU16(paddr: number, value: number): void;
  writeU32(paddr: number, value: number): void;
  writeU64(paddr: number, value: bigint): void;
}

/** One console: bytes out to whoever listens, bytes in queued until the device has room. */
export interface ConsolePort {
  /** The device transmits a byte. */
  output(byte: number): void;
  /** Next input byte or undefined; the device asks when it has room. */
  input(): number | undefined;
  /** Called by the machine when input arrived; the device then takes what it has room for. */
  onInput(callback: () => void): void;
}

/** How the machine ends or restarts on a device's request. */
export interface MachineControl {
  /** Power off with an exit code, or reboot; takes effect after the current instruction. */
  halt(reason: "poweroff" | "reboot" | "exit", code: number): void;
}

/** Interns names that trace records carry by number; 0 is reserved for "none". */
export interface NameTable {
  intern(name: string): number;
  name(id: number): string;
  /** Where field names are numbered apart from register names; absent: in this table. */
  readonly fields?: NameTable;
}

export interface DeviceLog {
  /** A guest's mistake worth a line once: unknown register, bad size. De-duplicated by `key`. */
  guestError(device: string, key: string, message: string): void;
}

/** Everything a device may use. */
export interface DeviceContext {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly harts: HartPort;
  readonly dma: Dma;
  readonly control: MachineControl;
  readonly names: NameTable;
  readonly log: DeviceLog;
}

/** A device instance, as the machine, dumps and traces see it. */
export interface Device {
  /** 1..65535, unique in the machine, set by the board builder. */
  readonly id: number;
  /** Instance name, e.g. `uart0`. */
  readonly name: string;
  /** Model, e.g. `ns16550a`. */
  readonly type: string;
  reset(): void;
  /** Registers with offset, width, value and fields, plus inner state worth seeing; JSON-safe. Never has side effects. */
  state(): DeviceState;
}

export interface DeviceState {
  registers: { name: string; offset: number; width: number; value: string; fields: Record<string, number> }[];
  inner: Record<string, unknown>;
}
