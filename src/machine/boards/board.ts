// What a board is to the machine: a recipe that turns a description into a bus, devices and start state.
// A board never runs anything; the machine calls build() once, then boot() after creation and at each reset.
import type { ConsolePort, Device, DeviceContext } from "../../devices/device.js";
import type { ImageSymbol } from "../../image/image.js";
import type { MachineDescription } from "../description.js";

/** What a board builder gets from the machine. */
export interface BoardContext extends DeviceContext {
  /** Reserves zeroed bytes of the session's Wasm memory, 4096-aligned; returns their host address. The bus uses it for RAM and ROM. */
  allocate(size: number): number;
  /** The console port by this name (`uart0`, `console0`); asking twice gives the same port. */
  console(name: string): ConsolePort;
}

/** Start state of one hart, which begins in M-mode. Registers not named here are zero. */
export interface HartStart {
  /** Reset vector. */
  pc: bigint;
  /** Integer registers by number, e.g. `{ 10: 0n, 11: 0x87e00000n }` for a0 and a1. */
  x: Readonly<Record<number, bigint>>;
}

/** One line of the address map, for people: printed by tools and the documentation. */
export interface AddressMapEntry {
  start: number;
  /** Bytes. */
  size: number;
  /** Region or device name, e.g. `uart0`. */
  name: string;
  comment: string;
}

/** One wire of the interrupt table. */
export interface InterruptWire {
  /** Device name. */
  device: string;
  /** Controller name, e.g. `plic`. */
  controller: string;
  /** Input number of the controller, e.g. PLIC source 10. */
  source: number;
}

/** A board put together for one session. */
export interface BuiltBoard {
  /** Every device with distinct ids 1..65535, in reset order. */
  devices: readonly Device[];
  /** Consoles by port name; the first is the one tools attach to by default. */
  consoles: readonly string[];
  /** Main memory. */
  ram: { base: number; size: number };
  addressMap: readonly AddressMapEntry[];
  interrupts: readonly InterruptWire[];
  /** The flattened device tree the guest gets (generated, or the description's own). */
  deviceTree(): Uint8Array;
  /** Symbols of every image, at the addresses the images were placed at. Parsed anew at each call. */
  symbols?(): { image: string; symbols: ImageSymbol[] }[];
  /**
   * Puts firmware, kernel, initrd, device tree and reset code into memory (again) and says where each hart starts;
   * index = hart. Called after creation and after each reset, when RAM has been cleared and devices have been reset.
   */
  boot(): HartStart[];
}

export interface Board {
  /** As in MachineDescription.board. */
  readonly name: MachineDescription["board"];
  /** Adds regions to `context.bus.root` in one transaction and makes the devices. Throws BoardError on an impossible description. */
  build(context: BoardContext, description: MachineDescription): BuiltBoard;
}

/** The description asks for what the board cannot do (too many harts, RAM past a limit, an image that does not fit). */
export class BoardError extends Error {
  override name = "BoardError";
}
