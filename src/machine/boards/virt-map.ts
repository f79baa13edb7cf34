// Address map and interrupt numbers of board `virt`, equal to QEMU's `virt` address for address, as far as
// the devices exist here (no PCIe, no fw_cfg, no IMSIC). One list, used by the board, its device tree and tools.
import type { AddressMapEntry } from "./board.js";

export const MROM = { start: 0x1000, size: 0xf000 };
export const TEST = { start: 0x100000, size: 0x1000 };
export const RTC = { start: 0x101000, size: 0x1000, irq: 11 };
export const CLINT = { start: 0x2000000, size: 0x10000 };
export const PLIC = { start: 0xc000000, size: 0x600000, sources: 96 };
export const UART0 = { start: 0x10000000, size: 0x100, irq: 10, clock: 3686400 };
export const VIRTIO = { start: 0x10001000, stride: 0x1000, size: 0x1000, slots: 8, firstIrq: 1 };
export const FLASH = { start: 0x20000000, bankSize: 0x2000000, banks: 2 };
export const DRAM = { start: 0x80000000 };

/** mtime and stimecmp ticks per second. */
export const TIMEBASE = 10_000_000;
/** Bytes a cache-block instruction (Zicbom, Zicboz) works on. */
export const CACHE_BLOCK = 64;

/** The map as people read it. @param ram bytes of main memory */
export function addressMap(ram: number): AddressMapEntry[] {
  const entries: AddressMapEntry[] = [
    { ...MROM, name: "mrom", comment: "reset code and fw_dynamic information" },
    { ...TEST, name: "test", comment: "power-off, reboot, exit code" },
    { start: RTC.start, size: RTC.size, name: "rtc", comment: "Goldfish real-time clock" },
    { ...CLINT, name: "clint", comment: "software interrupts and machine timer" },
    { start: PLIC.start, size: PLIC.size, name: "plic", comment: "interrupt controller, M and S context per hart" },
    { start: UART0.start, size: UART0.size, name: "uart0", comment: "NS16550A console" },
  ];
  for (let slot = 0; slot < VIRTIO.slots; slot++) {
    entries.push({
      start: VIRTIO.start + slot * VIRTIO.stride,
      size: VIRTIO.size,
      name: `virtio${slot}`,
      comment: `virtio-mmio slot ${slot}`,
    });
  }
  for (let bank = 0; bank < FLASH.banks; bank++) {
    entries.push({
      start: FLASH.start + bank * FLASH.bankSize,
      size: FLASH.bankSize,
      name: `flash${bank}`,
      comment: `CFI flash bank ${bank}`,
    });
  }
  entries.push({ start: DRAM.start, size: ram, name: "ram", comment: "main memory" });
  return entries;
}
