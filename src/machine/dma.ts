// Bus-master access of devices: straight into RAM, with the core told what changed (decoded code) and what to record.
import type { Bus } from "../bus/bus.js";
import type { Section } from "../bus/region.js";
import {
  EVENT_DMA,
  HW_DEVICE,
  HW_HOST,
  HW_KIND,
  HW_OFFSET,
  HW_PADDR,
  HW_REGION,
  HW_SIZE,
  HW_VADDR,
  HWADDR,
  KIND_DMA_READ,
  KIND_DMA_WRITE,
  PROBE_EVENTS,
  SECTION_RAM,
  SECTION_ROM,
  TRACE_ACTIVE,
  TRACE_SCRATCH,
} from "../core/layout.js";
import type { Dma } from "../devices/device.js";
import type { Core } from "./core.js";

/** A device was told to read or write where no memory is. */
export class DmaError extends Error {
  override name = "DmaError";
  readonly paddr: number;
  constructor(paddr: number) {
    super(`DMA to physical address 0x${paddr.toString(16)}, where no memory answers`);
    this.paddr = paddr;
  }
}

/** Bytes one trace record of a DMA transfer stands for at most. */
const RECORD_BYTES = 8;

export class MachineDma implements Dma {
  readonly #bus: Bus;
  readonly #core: Core;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #tell: (paddr: number, value: bigint, kind: number) => void;

  /** @param tell of each piece moved while EVENT_DMA is listened for; TRACE_SCRATCH says where */
  constructor(
    bus: Bus,
    core: Core,
    memory: WebAssembly.Memory,
    tell: (paddr: number, value: bigint, kind: number) => void,
  ) {
    this.#tell = tell;
    this.#bus = bus;
    this.#core = core;
    this.#view = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
  }

  read(paddr: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    this.#pieces(paddr, length, false, (host, at, size) => out.set(this.#bytes.subarray(host, host + size), at));
    this.#record(KIND_DMA_READ, paddr, out);
    return out;
  }

  write(paddr: number, bytes: Uint8Array): void {
    this.#pieces(paddr, bytes.length, true, (host, at, size) => {
      this.#bytes.set(bytes.subarray(at, at + size), host);
      this.#core.memory_written(BigInt(paddr + at), size);
    });
    this.#record(KIND_DMA_WRITE, paddr, bytes);
  }

  /** Checks the whole range before the first byte moves. */
  #pieces(paddr: number, length: number, write: boolean, each: (host: number, at: number, size: number) => void): void {
    const found: [Section, number, number][] = [];
    for (let at = 0; at < length; ) {
      const section = this.#bus.find(paddr + at);
      if (!section?.host || (write && section.region.kind === "rom")) throw new DmaError(paddr + at);
      const size = Math.min(length - at, section.end - (paddr + at));
      found.push([section, at, size]);
      at += size;
    }
    for (const [section, at, size] of found) each(section.host + (paddr + at - section.start), at, size);
  }

  #record(kind: number, paddr: number, bytes: Uint8Array): void {
    const v = this.#view;
    const recorded = v.getUint32(TRACE_ACTIVE, true) !== 0;
    const told = (v.getUint32(PROBE_EVENTS, true) >>> EVENT_DMA) & 1;
    if (!recorded && !told) return;
    const at = (field: number): number => TRACE_SCRATCH + (field - HWADDR);
    for (let done = 0; done < bytes.length; ) {
      const address = paddr + done;
      // natural pieces: an aligned power of two, as a bus would move them
      let size = RECORD_BYTES;
      while (size > bytes.length - done || address % size !== 0) size >>= 1;
      const section = this.#bus.find(address);
      let value = 0n;
      for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[done + i] as number);
      v.setBigUint64(at(HW_VADDR), BigInt(address), true);
      v.setBigUint64(at(HW_PADDR), BigInt(address), true);
      v.setBigUint64(at(HW_OFFSET), BigInt(section ? section.offset + address - section.start : 0), true);
      v.setUint32(at(HW_REGION), section?.region.id ?? 0, true);
      v.setUint32(at(HW_DEVICE), section?.region.device ?? 0, true);
      v.setUint32(at(HW_KIND), section?.region.kind === "rom" ? SECTION_ROM : SECTION_RAM, true);
      v.setUint32(at(HW_SIZE), size, true);
      v.setUint32(at(HW_HOST), section ? section.host + address - section.start : 0, true);
      if (recorded) this.#core.record(kind, BigInt(address), value, size, TRACE_SCRATCH, 0, 0n);
      if (told) this.#tell(address, value, kind);
      done += size;
    }
  }

  #small(paddr: number, size: number): DataView {
    const bytes = this.read(paddr, size);
    return new DataView(bytes.buffer, bytes.byteOffset, size);
  }
  readU16(paddr: number): number {
    return this.#small(paddr, 2).getUint16(0, true);
  }
  readU32(paddr: number): number {
    return this.#small(paddr, 4).getUint32(0, true);
  }
  readU64(paddr: number): bigint {
    return this.#small(paddr, 8).getBigUint64(0, true);
  }
  #put(paddr: number, size: number, fill: (view: DataView) => void): void {
    const bytes = new Uint8Array(size);
    fill(new DataView(bytes.buffer));
    this.write(paddr, bytes);
  }
  writeU16(paddr: number, value: number): void {
    this.#put(paddr, 2, (v) => v.setUint16(0, value, true));
  }
  writeU32(paddr: number, value: number): void {
    this.#put(paddr, 4, (v) => v.setUint32(0, value, true));
  }
  writeU64(paddr: number, value: bigint): void {
    this.#put(paddr, 8, (v) => v.setBigUint64(0, value, true));
  }
}
