// A fake machine around one virtio slot, and a driver that sets it up the way drivers do.
import { Bus } from "../../../src/bus/bus.js";
import type { ConsolePort, DeviceContext, Dma } from "../../../src/devices/device.js";
import { InternedNames } from "../../../src/devices/names.js";
import { type VirtioBackend, VirtioMmio } from "../../../src/devices/virtio-mmio.js";

export const MEMORY_BASE = 0x80000000;
const MEMORY_SIZE = 1 << 20;

class DmaError extends Error {
  override name = "DmaError";
}

/** One megabyte of guest memory at MEMORY_BASE; everything else refuses. */
export class FakeDma implements Dma {
  readonly bytes = new Uint8Array(MEMORY_SIZE);
  readonly view = new DataView(this.bytes.buffer);
  /** Transfers so far, to see that work is bounded. */
  transfers = 0;

  at(paddr: number, length: number): number {
    this.transfers++;
    const offset = paddr - MEMORY_BASE;
    if (offset < 0 || offset + length > MEMORY_SIZE) throw new DmaError(`DMA to 0x${paddr.toString(16)}`);
    return offset;
  }
  read(paddr: number, length: number): Uint8Array {
    const at = this.at(paddr, length);
    return this.bytes.slice(at, at + length);
  }
  write(paddr: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at(paddr, bytes.length));
  }
  readU16(paddr: number): number {
    return this.view.getUint16(this.at(paddr, 2), true);
  }
  readU32(paddr: number): number {
    return this.view.getUint32(this.at(paddr, 4), true);
  }
  readU64(paddr: number): bigint {
    return this.view.getBigUint64(this.at(paddr, 8), true);
  }
  writeU16(paddr: number, value: number): void {
    this.view.setUint16(this.at(paddr, 2), value, true);
  }
  writeU32(paddr: number, value: number): void {
    this.view.setUint32(this.at(paddr, 4), value, true);
  }
  writeU64(paddr: number, value: bigint): void {
    this.view.setBigUint64(this.at(paddr, 8), value, true);
  }
}

export class FakeConsole implements ConsolePort {
  sent: number[] = [];
  #queue: number[] = [];
  #callback: () => void = () => {};
  output(byte: number): void {
    this.sent.push(byte);
  }
  input(): number | undefined {
    return this.#queue.shift();
  }
  onInput(callback: () => void): void {
    this.#callback = callback;
  }
  type(text: string): void {
    this.#queue.push(...Buffer.from(text));
    this.#callback();
  }
  get text(): string {
    return Buffer.from(this.sent).toString();
  }
}

export interface FakeContext extends DeviceContext {
  readonly errors: string[];
}

export function fakeContext(dma: Dma): FakeContext {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const errors: string[] = [];
  const log = { guestError: (_device: string, _key: string, message: string) => void errors.push(message) };
  const refuse = (): never => {
    throw new Error("not in this test");
  };
  return {
    bus: new Bus({ memory, allocate: refuse, log }),
    clock: { now: () => 0, schedule: refuse },
    harts: {
      count: 1,
      setInterrupt: refuse,
      getMtimecmp: refuse,
      setMtimecmp: refuse,
      getMtime: refuse,
      setMtime: refuse,
    },
    dma,
    control: { halt: refuse },
    names: new InternedNames(),
    log,
    errors,
  };
}

/** Register offsets, written out again from the specification's table 4.1. */
export const R = {
  Magic: 0x00,
  Version: 0x04,
  DeviceID: 0x08,
  VendorID: 0x0c,
  DeviceFeatures: 0x10,
  DeviceFeaturesSel: 0x14,
  DriverFeatures: 0x20,
  DriverFeaturesSel: 0x24,
  QueueSel: 0x30,
  QueueNumMax: 0x34,
  QueueNum: 0x38,
  QueueReady: 0x44,
  QueueNotify: 0x50,
  InterruptStatus: 0x60,
  InterruptACK: 0x64,
  Status: 0x70,
  QueueDescLow: 0x80,
  QueueDescHigh: 0x84,
  QueueDriverLow: 0x90,
  QueueDriverHigh: 0x94,
  QueueDeviceLow: 0xa0,
  QueueDeviceHigh: 0xa4,
  ConfigGeneration: 0xfc,
  Config: 0x100,
} as const;

export interface Descriptor {
  paddr: number;
  length: number;
  flags: number;
  next?: number;
}

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

/** Where a queue's parts lie, 16 KiB apart by queue. */
export interface QueuePlaces {
  size: number;
  descriptors: number;
  available: number;
  used: number;
}

/** A slot, its interrupt line and a driver. */
export class Rig {
  readonly dma = new FakeDma();
  readonly context = fakeContext(this.dma);
  readonly device: VirtioMmio;
  irq = false;

  constructor(backend?: VirtioBackend) {
    this.device = new VirtioMmio(this.context, {
      id: 1,
      name: "virtio0",
      irq: { set: (level) => void (this.irq = level) },
      backend,
    });
  }

  read(offset: number, size: 1 | 2 | 4 = 4): number {
    return this.device.registers.read(offset, size);
  }

  write(offset: number, value: number): void {
    this.device.registers.write(offset, 4, value);
  }

  offered(): bigint {
    this.write(R.DeviceFeaturesSel, 0);
    const low = this.read(R.DeviceFeatures);
    this.write(R.DeviceFeaturesSel, 1);
    return (BigInt(this.read(R.DeviceFeatures)) << 32n) | BigInt(low);
  }

  /** Steps 1 to 6 of 3.1.1; returns whether FEATURES_OK stayed set. */
  negotiate(features: bigint): boolean {
    this.write(R.Status, 0);
    this.write(R.Status, 1);
    this.write(R.Status, 3);
    this.write(R.DriverFeaturesSel, 0);
    this.write(R.DriverFeatures, Number(features & 0xffffffffn));
    this.write(R.DriverFeaturesSel, 1);
    this.write(R.DriverFeatures, Number(features >> 32n));
    this.write(R.Status, 11);
    return (this.read(R.Status) & 8) !== 0;
  }

  setUpQueue(index: number, size = 8): QueuePlaces {
    const base = MEMORY_BASE + index * 0x4000;
    const places = { size, descriptors: base, available: base + 0x1000, used: base + 0x2000 };
    this.write(R.QueueSel, index);
    this.write(R.QueueNum, size);
    this.write(R.QueueDescLow, places.descriptors);
    this.write(R.QueueDescHigh, 0);
    this.write(R.QueueDriverLow, places.available);
    this.write(R.QueueDriverHigh, 0);
    this.write(R.QueueDeviceLow, places.used);
    this.write(R.QueueDeviceHigh, 0);
    this.write(R.QueueReady, 1);
    return places;
  }

  /** Everything up to DRIVER_OK, with every queue. */
  start(features: bigint = this.offered(), size = 8): QueuePlaces[] {
    if (!this.negotiate(features)) throw new Error("features refused");
    const queues = this.device.queues.map((_queue, index) => this.setUpQueue(index, size));
    this.write(R.Status, 15);
    return queues;
  }

  setDescriptor(table: number, index: number, descriptor: Descriptor): void {
    const at = table + 16 * index;
    this.dma.writeU64(at, BigInt(descriptor.paddr));
    this.dma.writeU32(at + 8, descriptor.length);
    this.dma.writeU16(at + 12, descriptor.flags);
    this.dma.writeU16(at + 14, descriptor.next ?? 0);
  }

  /** Writes a chain to descriptors first.. and makes it available, without notifying. */
  offer(queue: QueuePlaces, buffers: { paddr: number; length: number; write?: boolean }[], first = 0): void {
    buffers.forEach(({ paddr, length, write }, i) => {
      const last = i === buffers.length - 1;
      this.setDescriptor(queue.descriptors, first + i, {
        paddr,
        length,
        flags: (write ? WRITE : 0) | (last ? 0 : NEXT),
        next: last ? 0 : first + i + 1,
      });
    });
    this.makeAvailable(queue, first);
  }

  makeAvailable(queue: QueuePlaces, head: number): void {
    const index = this.dma.readU16(queue.available + 2);
    this.dma.writeU16(queue.available + 4 + 2 * (index % queue.size), head);
    this.dma.writeU16(queue.available + 2, (index + 1) & 0xffff);
  }

  notify(index: number): void {
    this.write(R.QueueNotify, index);
  }

  used(queue: QueuePlaces): { index: number; entries: { id: number; length: number }[] } {
    const index = this.dma.readU16(queue.used + 2);
    const entries = Array.from({ length: Math.min(index, queue.size) }, (_, i) => ({
      id: this.dma.readU32(queue.used + 4 + 8 * i),
      length: this.dma.readU32(queue.used + 8 + 8 * i),
    }));
    return { index, entries };
  }

  get needsReset(): boolean {
    return (this.read(R.Status) & 64) !== 0;
  }
}
