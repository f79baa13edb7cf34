// The devices every board has, at the places QEMU's `virt` has them, and how a boot plan gets into memory.
import type { MemoryRegion } from "../../bus/bus.js";
import { Clint } from "../../devices/clint.js";
import type { IrqLine } from "../../devices/device.js";
import { DeviceList } from "../../devices/device-list.js";
import { Plic } from "../../devices/plic.js";
import { GoldfishRtc } from "../../devices/rtc-goldfish.js";
import { TestFinisher } from "../../devices/test-finisher.js";
import { Ns16550a } from "../../devices/uart-ns16550a.js";
import type { MachineDescription } from "../description.js";
import { type BoardContext, BoardError, type HartStart, type InterruptWire } from "./board.js";
import type { BootPlan } from "./boot.js";
import { CLINT, DRAM, MROM, PLIC, RTC, TEST, UART0 } from "./virt-map.js";

/** 2026-01-01T00:00:00Z: a fixed start keeps runs alike. */
const DEFAULT_EPOCH_MS = 1_767_225_600_000;
/** For whatever must look random and repeat. */
export const DEFAULT_SEED = 1;
const PAGE = 4096;
const MAX_HARTS = 8;
/** Host addresses have 32 bits, and the session needs some of them itself. */
const MAX_RAM = 3 * 2 ** 30;

export interface Platform {
  readonly list: DeviceList;
  readonly ram: MemoryRegion;
  readonly mrom: MemoryRegion;
  readonly plic: Plic;
  readonly interrupts: InterruptWire[];
  /** The PLIC input for a device, noted in `interrupts`. */
  wire(device: string, source: number): IrqLine;
}

/** @throws BoardError on an impossible number of harts or amount of RAM */
export function checkDescription({ harts, ram }: MachineDescription): void {
  if (!(Number.isInteger(harts) && harts >= 1 && harts <= MAX_HARTS))
    throw new BoardError(`${harts} harts, the board has 1 to ${MAX_HARTS}`);
  if (!(Number.isInteger(ram) && ram >= PAGE && ram <= MAX_RAM && ram % PAGE === 0)) {
    throw new BoardError(`RAM of ${ram} bytes, expected a multiple of ${PAGE} up to ${MAX_RAM}`);
  }
}

/** Makes RAM, boot ROM, interrupt controllers, RTC, UART and test finisher and maps them. Call it inside a transaction. */
export function addPlatform(context: BoardContext, description: MachineDescription): Platform {
  const { bus } = context;
  const list = new DeviceList(bus);
  const interrupts: InterruptWire[] = [];

  const mrom = bus.createRom("mrom", MROM.size);
  const ram = bus.createRam("ram", description.ram);
  bus.add(bus.root, MROM.start, mrom);
  bus.add(bus.root, DRAM.start, ram);

  const clint = list.add("clint", (identity) => new Clint(context, identity));
  bus.add(bus.root, CLINT.start, clint.region);
  const plic = list.add("plic", (identity) => new Plic(context, identity));
  bus.add(bus.root, PLIC.start, plic.region);
  const wire = (device: string, source: number): IrqLine => {
    interrupts.push({ device, controller: plic.name, source });
    return plic.input(source);
  };

  const test = list.add("test", (identity) => new TestFinisher(context, identity));
  bus.add(bus.root, TEST.start, test.region);
  const epochMs = description.rtcEpochMs ?? DEFAULT_EPOCH_MS;
  const rtc = list.add(
    "rtc",
    (identity) => new GoldfishRtc(context, { ...identity, irq: wire("rtc", RTC.irq), epochMs }),
  );
  bus.add(bus.root, RTC.start, rtc.region);
  const uart = list.add("uart0", (identity) => {
    return new Ns16550a(context, {
      ...identity,
      irq: wire("uart0", UART0.irq),
      port: context.console("uart0"),
      clockHz: UART0.clock,
    });
  });
  bus.add(bus.root, UART0.start, uart.region);
  return { list, ram, mrom, plic, interrupts, wire };
}

/** Writes a boot plan into memory and says where the harts start. */
export function applyBootPlan(context: BoardContext, plan: BootPlan, mrom: MemoryRegion, harts: number): HartStart[] {
  for (const piece of plan.pieces) context.bus.writePhysical(piece.paddr, piece.bytes);
  context.bus.hostBytes(mrom).set(plan.resetCode);
  return Array.from({ length: harts }, () => ({ pc: BigInt(plan.resetVector), x: {} }));
}
