// A split virtqueue, seen from the device. Source: Virtual I/O Device (VIRTIO) 1.2, section 2.7.
// Invariant: whatever the driver put into its rings, a call ends: a chain has at most MAX_CHAIN descriptors, the
// available ring is never more than its size ahead, and anything else throws VirtqueueError, which the transport
// turns into DEVICE_NEEDS_RESET.
import type { Dma } from "./device.js";

/** Largest queue a device offers, descriptors. */
export const QUEUE_SIZE_MAX = 1024;
/** Longest descriptor chain taken, indirect ones included. */
export const MAX_CHAIN = 1024;

const DESCRIPTOR_SIZE = 16;
const DESC_F_NEXT = 1;
const DESC_F_WRITE = 2;
const DESC_F_INDIRECT = 4;
const AVAIL_F_NO_INTERRUPT = 1;

/** The driver broke the ring's rules; the device stops until it is reset. */
export class VirtqueueError extends Error {
  override name = "VirtqueueError";
}

/** A piece of guest memory. */
export interface Buffer {
  paddr: number;
  /** Bytes. */
  length: number;
}

/** One request: what the driver wrote for the device, and the room it left for the answer. */
export interface Chain {
  /** Index of the first descriptor, which names the chain in the used ring. */
  head: number;
  readable: Buffer[];
  readableLength: number;
  writable: Buffer[];
  writableLength: number;
}

/** Where the three parts of the ring lie (guest physical), as the driver set it up. */
export interface RingAddresses {
  descriptors: number;
  available: number;
  used: number;
}

export class Virtqueue {
  readonly #dma: Dma;
  readonly maxSize: number;
  size: number;
  ready = false;
  readonly ring: RingAddresses = { descriptors: 0, available: 0, used: 0 };
  /** Set from the negotiated features before the queue is used. */
  eventIndex = false;
  indirect = false;
  #nextAvailable = 0;
  #nextUsed = 0;
  #signalled = 0;

  constructor(dma: Dma, maxSize: number) {
    this.#dma = dma;
    this.maxSize = maxSize;
    this.size = maxSize;
  }

  reset(): void {
    this.size = this.maxSize;
    this.ready = false;
    Object.assign(this.ring, { descriptors: 0, available: 0, used: 0 });
    this.eventIndex = false;
    this.indirect = false;
    this.restart();
  }

  /** Forgets the ring positions: the driver makes the queue ready anew. */
  restart(): void {
    this.#nextAvailable = 0;
    this.#nextUsed = 0;
    this.#signalled = 0;
  }

  /** Positions, for dumps. */
  positions(): { available: number; used: number } {
    return { available: this.#nextAvailable, used: this.#nextUsed };
  }

  /** How many chains wait. @throws VirtqueueError, DmaError */
  pending(): number {
    if (!this.ready) return 0;
    const available = this.#dma.readU16(this.ring.available + 2);
    const count = (available - this.#nextAvailable) & 0xffff;
    if (count > this.size)
      throw new VirtqueueError(`available index ${available} is ${count} ahead, the queue has ${this.size} entries`);
    return count;
  }

  /**
   * Takes the next chain, or undefined when none waits.
   * @throws VirtqueueError, DmaError
   */
  pop(): Chain | undefined {
    if (this.pending() === 0) {
      // Tell the driver at which entry to notify next (2.7.10); nothing runs in between, so no second look is needed
      if (this.ready && this.eventIndex) this.#dma.writeU16(this.ring.used + 4 + 8 * this.size, this.#nextAvailable);
      return undefined;
    }
    const head = this.#dma.readU16(this.ring.available + 4 + 2 * (this.#nextAvailable % this.size));
    const chain = this.#walk(head);
    this.#nextAvailable = (this.#nextAvailable + 1) & 0xffff;
    return chain;
  }

  /** Puts back the chain popped last: the device cannot serve it yet. */
  unpop(): void {
    this.#nextAvailable = (this.#nextAvailable - 1) & 0xffff;
  }

  #walk(head: number): Chain {
    const chain: Chain = { head, readable: [], readableLength: 0, writable: [], writableLength: 0 };
    let table = this.ring.descriptors;
    let entries = this.size;
    let inIndirect = false;
    let index = head;
    for (let count = 0; ; count++) {
      if (index >= entries) throw new VirtqueueError(`descriptor ${index} is outside of a table of ${entries}`);
      if (count >= MAX_CHAIN || count >= entries)
        throw new VirtqueueError(`the chain at descriptor ${head} is longer than its table, so it has a loop`);
      const at = table + index * DESCRIPTOR_SIZE;
      const address = this.#dma.readU64(at);
      const length = this.#dma.readU32(at + 8);
      const flags = this.#dma.readU16(at + 12);
      const next = this.#dma.readU16(at + 14);
      if (address > BigInt(Number.MAX_SAFE_INTEGER))
        throw new VirtqueueError(`descriptor ${index} has address 0x${address.toString(16)}`);
      const paddr = Number(address);

      if ((flags & DESC_F_INDIRECT) !== 0) {
        // 2.7.5.3.1: one level, alone or last in the chain, a whole number of descriptors
        if (!this.indirect || inIndirect)
          throw new VirtqueueError(
            `descriptor ${index} is indirect${inIndirect ? " inside an indirect table" : ", which was not negotiated"}`,
          );
        if ((flags & DESC_F_NEXT) !== 0) throw new VirtqueueError(`indirect descriptor ${index} has a next one`);
        if (length === 0 || length % DESCRIPTOR_SIZE !== 0)
          throw new VirtqueueError(
            `indirect descriptor ${index} has ${length} bytes, expected a multiple of ${DESCRIPTOR_SIZE}`,
          );
        inIndirect = true;
        table = paddr;
        entries = length / DESCRIPTOR_SIZE;
        index = 0;
        count = -1;
        continue;
      }
      if ((flags & DESC_F_WRITE) !== 0) {
        chain.writable.push({ paddr, length });
        chain.writableLength += length;
      } else {
        if (chain.writable.length > 0)
          throw new VirtqueueError(`descriptor ${index} is readable, behind a writable one`);
        chain.readable.push({ paddr, length });
        chain.readableLength += length;
      }
      if ((flags & DESC_F_NEXT) === 0) return chain;
      index = next;
    }
  }

  /**
   * Gives a chain back to the driver.
   * @param written bytes put into its writable part
   */
  push(chain: Chain, written: number): void {
    const entry = this.ring.used + 4 + 8 * (this.#nextUsed % this.size);
    this.#dma.writeU32(entry, chain.head);
    this.#dma.writeU32(entry + 4, written);
    this.#nextUsed = (this.#nextUsed + 1) & 0xffff;
    this.#dma.writeU16(this.ring.used + 2, this.#nextUsed);
  }

  /** Whether the driver wants an interrupt for what was pushed since the last call (2.7.7, 2.7.10). */
  takeInterrupt(): boolean {
    const before = this.#signalled;
    const now = this.#nextUsed;
    this.#signalled = now;
    if (before === now) return false;
    if (!this.eventIndex) return (this.#dma.readU16(this.ring.available) & AVAIL_F_NO_INTERRUPT) === 0;
    const event = this.#dma.readU16(this.ring.available + 4 + 2 * this.size);
    return ((now - event - 1) & 0xffff) < ((now - before) & 0xffff);
  }
}

/**
 * Copies `length` bytes of a chain's readable part, from `offset` on.
 * @throws VirtqueueError where the part is shorter
 */
export function readChain(dma: Dma, chain: Chain, offset: number, length: number): Uint8Array {
  const pieces = cut(chain.readable, offset, length);
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return dma.read(only.paddr, only.length);
  const result = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    result.set(dma.read(piece.paddr, piece.length), at);
    at += piece.length;
  }
  return result;
}

/**
 * Stores bytes into a chain's writable part, from `offset` on.
 * @throws VirtqueueError where the part is shorter
 */
export function writeChain(dma: Dma, chain: Chain, offset: number, bytes: Uint8Array): void {
  let at = 0;
  for (const piece of cut(chain.writable, offset, bytes.length)) {
    dma.write(piece.paddr, bytes.subarray(at, at + piece.length));
    at += piece.length;
  }
}

/** The pieces of guest memory behind [offset, offset + length) of a list of buffers. */
function cut(buffers: readonly Buffer[], offset: number, length: number): Buffer[] {
  const pieces: Buffer[] = [];
  let skip = offset;
  let left = length;
  for (const buffer of buffers) {
    if (left === 0) break;
    if (skip >= buffer.length) {
      skip -= buffer.length;
      continue;
    }
    const take = Math.min(buffer.length - skip, left);
    pieces.push({ paddr: buffer.paddr + skip, length: take });
    left -= take;
    skip = 0;
  }
  if (left > 0) throw new VirtqueueError(`a chain's part is ${left} bytes shorter than its request needs`);
  return pieces;
}
