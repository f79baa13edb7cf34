// Board `remap`: the demo machine whose memory map changes while the guest runs.
//
//   0x0000_1000  mrom         0xf000   reset code (ROM)
//   0x0010_0000  test         0x1000   SiFive test finisher: 0x5555 power off, 0x3333|code<<16 exit, 0x7777 reboot
//   0x0010_1000  rtc          0x1000   Goldfish RTC, PLIC source 11
//   0x0200_0000  clint       0x10000   msip 0x0, mtimecmp 0x4000, mtime 0xbff8 (10 MHz)
//   0x0c00_0000  plic       0x600000   contexts 2*hart (M), 2*hart+1 (S); sources 1..95
//   0x1000_0000  uart0         0x100   NS16550A, byte registers, PLIC source 10
//   0x1100_0000  bank0        0x1000   a register *write* re-maps window0
//   0x1100_1000  bank1        0x1000   a register *read* re-maps window1
//   0x1100_2000  latch0       0x1000   data registers; also a target of window0
//   0x1100_3000  latch1       0x1000   data registers; also a target of window1
//   0x1200_0000  window0     0x10000   shows the target that bank0 selects
//   0x1210_0000  window1     0x10000   shows the target that bank1 selects
//   0x8000_0000  ram                   size from the description
//
// Window targets (the same numbers for both controllers; each has its own RAM, ROM and latch):
//   0..3  RAM bank 0..3, 64 KiB each, cleared at reset
//   4     the latch, repeated in each of the window's 16 pages
//   5     mixed: even pages show RAM bank 0, odd pages the latch
//   6     ROM: the 32-bit word at offset n holds n | 0xb0000000 (bank0) or n | 0xb1000000 (bank1); writes are discarded
//   7     nothing: accesses fault
//
// bank0 registers (little endian; accesses of 1, 2, 4 and 8 bytes, aligned or not; a write that covers only
// part of a register keeps its other bytes; an access touches each register it covers once, unless the hart
// cuts a misaligned access into parts, of which each does):
//   0x000 BANK      rw 32  SELECT [7:0]: writing maps that target into window0; 8 and above are refused (STATUS.ERROR)
//   0x004 STATUS    rw 32  BANK [7:0] ro, KIND [11:8] ro (0 ram, 1 device, 2 mixed, 3 rom, 4 none), ERROR [31] w1c
//   0x008 COUNT     ro 32  number of targets (8)
//   0x00c SWITCHES  ro 32  selections that re-mapped the window since reset, wraps; choosing the present target counts too
//   0x010 WINDOW_BASE ro 64
//   0x018 WINDOW_SIZE ro 64
//   0x020 ROTATE    wo 32  any write goes on to the next target, modulo COUNT
//   0x028 READS     ro 32  accesses to this register block so far, including the present one
//   0x02c WRITES    ro 32
//   0xfff BANK_LAST rw 8   as BANK.SELECT, in the last byte of the page: for accesses that cross into the next page
//
// bank1 registers:
//   0x000 SWITCH    ro 32  reading returns the present target and then maps the next one, modulo LIMIT
//   0x004 CURRENT   ro 32  the present target, without effect
//   0x008 LIMIT     rw 32  how many targets the cycle has, 1..8; 5 at reset (four RAM banks and the latch)
//   0x00c SWITCHES  ro 32
//   0x010 WINDOW_BASE ro 64
//   0x018 WINDOW_SIZE ro 64
//   0x020 HOME      wo 32  any write maps target 0
//   0x024 COUNT     ro 32  number of targets (8)
//   0x028 READS     ro 32
//   0x02c WRITES    ro 32
//   0xfff SWITCH_LAST ro 8 as SWITCH, in the last byte of the page
//
// latch registers:
//   0x000 DATA[0..63] rw 64  at 8 * n, plain storage, 0 at reset
//   0x200 READS     ro 32  accesses so far (by whichever address), including the present one
//   0x204 WRITES    ro 32

import { BankController } from "../../devices/bank-controller.js";
import { WINDOW_SIZE } from "../../devices/bank-window.js";
import type { DeviceList } from "../../devices/device-list.js";
import { LATCH_SIZE, Latch } from "../../devices/latch.js";
import { Prng } from "../../devices/prng.js";
import { ReadBankController } from "../../devices/read-bank-controller.js";
import type { MachineDescription } from "../description.js";
import type { AddressMapEntry, Board, BoardContext, BuiltBoard } from "./board.js";
import { BoardError } from "./board.js";
import { planBoot } from "./boot.js";
import { addPlatform, applyBootPlan, checkDescription, DEFAULT_SEED } from "./platform.js";
import { remapDeviceTree } from "./remap-device-tree.js";
import { BANKS, LATCHES, WINDOWS } from "./remap-map.js";
import { DRAM, MROM, addressMap as virtMap } from "./virt-map.js";

const ROM_TAGS = [0xb000_0000, 0xb100_0000] as const;

export const remap: Board = { name: "remap", build };

function build(context: BoardContext, description: MachineDescription): BuiltBoard {
  if (description.virtio?.length) throw new BoardError("board remap has no virtio slots");
  if (description.flash?.length) throw new BoardError("board remap has no flash");
  const { bus } = context;
  const { harts } = description;
  checkDescription(description);
  const ram = { base: DRAM.start, size: description.ram };
  // before anything is built, so that a wrong image is the first thing said
  const plan = planBoot(
    {
      ram,
      mrom: MROM,
      deviceTree: () => remapDeviceTree({ harts, ram: ram.size }),
      rngSeed: new Prng(description.seed ?? DEFAULT_SEED).bytes(32),
    },
    description,
  );

  const { list, mrom, interrupts } = bus.transaction(() => {
    const platform = addPlatform(context, description);
    addBanks(context, platform.list);
    return platform;
  });
  for (const device of list.devices) device.reset();
  return {
    devices: list.devices,
    consoles: ["uart0"],
    ram,
    addressMap: addressMap(ram.size),
    interrupts,
    deviceTree: () => plan.deviceTree,
    boot: () => applyBootPlan(context, plan, mrom, harts),
  };
}

/** Latches and bank controllers with their windows. */
function addBanks(context: BoardContext, list: DeviceList): void {
  const { bus } = context;
  const latches = LATCHES.map((place) => {
    const latch = list.add(place.name, (identity) => new Latch(context, identity));
    bus.add(bus.root, place.start, latch.region);
    return latch;
  });
  BANKS.forEach((place, i) => {
    const Controller = i === 0 ? BankController : ReadBankController;
    const window = WINDOWS[i] as (typeof WINDOWS)[number];
    const options = { window: window.name, target: (latches[i] as Latch).region, romTag: ROM_TAGS[i] as number };
    const bank = list.add<BankController | ReadBankController>(
      place.name,
      (identity) => new Controller(context, { ...identity, ...options }),
    );
    bus.add(bus.root, place.start, bank.region);
    bus.add(bus.root, window.start, bank.window.region);
  });
}

/** The map as people read it. @param ram bytes of main memory */
function addressMap(ram: number): AddressMapEntry[] {
  const shared = new Set(["mrom", "test", "rtc", "clint", "plic", "uart0", "ram"]);
  return [
    ...virtMap(ram).filter((entry) => shared.has(entry.name)),
    ...BANKS.map((place) => ({ ...place, size: 0x1000 })),
    ...LATCHES.map((place) => ({ ...place, size: LATCH_SIZE })),
    ...WINDOWS.map((place) => ({ ...place, size: WINDOW_SIZE })),
  ].sort((a, b) => a.start - b.start);
}
