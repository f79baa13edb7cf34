// virtio block device. Source: Virtual I/O Device (VIRTIO) 1.2, section 5.2.
// A request that the disk cannot serve gets an error status; a chain that is no request at all breaks the queue.
import { type BlockStore, SECTOR_SIZE } from "./block-store.js";
import type { RegisterSpec } from "./registers.js";
import type { VirtioBackend, VirtioSlotPort } from "./virtio-mmio.js";
import { type Chain, readChain, VirtqueueError, writeChain } from "./virtqueue.js";

// Features (5.2.3)
const F_SEG_MAX = 1n << 2n;
const F_RO = 1n << 5n;
const F_BLK_SIZE = 1n << 6n;
const F_FLUSH = 1n << 9n;
const F_DISCARD = 1n << 13n;
const F_WRITE_ZEROES = 1n << 14n;

// Request types and status (5.2.6)
const T_IN = 0;
const T_OUT = 1;
const T_FLUSH = 4;
const T_GET_ID = 8;
const T_DISCARD = 11;
const T_WRITE_ZEROES = 13;
const S_OK = 0;
const S_IOERR = 1;
const S_UNSUPP = 2;

const HEADER_SIZE = 16;
const ID_SIZE = 20;
const RANGE_SIZE = 16;
const QUEUE_SIZE = 256;
const SEG_MAX = QUEUE_SIZE - 2; // header and status take a descriptor each
/** Most bytes one request may move: what is copied at once is bounded, whatever the descriptors say. */
export const MAX_REQUEST = 64 << 20;
const MAX_RANGE_SECTORS = 32768; // 16 MiB per discard or write-zeroes range
const MAX_RANGES = 16;

/** Configuration space (5.2.4); 64-bit fields are read in halves as well. */
export const VIRTIO_BLK_CONFIG: readonly RegisterSpec[] = [
  { name: "capacity", offset: 0, width: 64, access: "ro", doc: "sectors of 512 bytes" },
  { name: "size_max", offset: 8, width: 32, access: "ro" },
  { name: "seg_max", offset: 12, width: 32, access: "ro", reset: SEG_MAX },
  { name: "cylinders", offset: 16, width: 16, access: "ro" },
  { name: "heads", offset: 18, width: 8, access: "ro" },
  { name: "sectors", offset: 19, width: 8, access: "ro" },
  { name: "blk_size", offset: 20, width: 32, access: "ro", reset: SECTOR_SIZE },
  { name: "physical_block_exp", offset: 24, width: 8, access: "ro" },
  { name: "alignment_offset", offset: 25, width: 8, access: "ro" },
  { name: "min_io_size", offset: 26, width: 16, access: "ro" },
  { name: "opt_io_size", offset: 28, width: 32, access: "ro" },
  { name: "writeback", offset: 32, width: 8, access: "ro" },
  { name: "num_queues", offset: 34, width: 16, access: "ro", reset: 1 },
  { name: "max_discard_sectors", offset: 36, width: 32, access: "ro", reset: MAX_RANGE_SECTORS },
  { name: "max_discard_seg", offset: 40, width: 32, access: "ro", reset: MAX_RANGES },
  { name: "discard_sector_alignment", offset: 44, width: 32, access: "ro", reset: 1 },
  { name: "max_write_zeroes_sectors", offset: 48, width: 32, access: "ro", reset: MAX_RANGE_SECTORS },
  { name: "max_write_zeroes_seg", offset: 52, width: 32, access: "ro", reset: MAX_RANGES },
  { name: "write_zeroes_may_unmap", offset: 56, width: 8, access: "ro", reset: 1 },
];

export class VirtioBlock implements VirtioBackend {
  readonly type = "virtio-blk";
  readonly deviceId = 2;
  readonly features: bigint;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = VIRTIO_BLK_CONFIG;
  readonly configHooks;

  readonly #store: BlockStore;
  readonly #serial: string;
  readonly #counts = { reads: 0, writes: 0, flushes: 0, errors: 0, bytesRead: 0, bytesWritten: 0 };
  #port: VirtioSlotPort | undefined;

  /** @param serial what GET_ID answers, at most 20 bytes of ASCII */
  constructor(store: BlockStore, serial: string) {
    this.#store = store;
    this.#serial = serial;
    this.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | (store.readOnly ? F_RO : F_DISCARD | F_WRITE_ZEROES);
    this.configHooks = { capacity: { read: () => BigInt(store.sectors) } };
  }

  attach(port: VirtioSlotPort): void {
    this.#port = port;
  }

  /** The disk keeps what was written, as a real one does when the machine is reset. */
  reset(): void {
    Object.assign(this.#counts, { reads: 0, writes: 0, flushes: 0, errors: 0, bytesRead: 0, bytesWritten: 0 });
  }

  notify(index: number): void {
    const port = this.#port as VirtioSlotPort;
    const queue = port.queues[index];
    if (queue === undefined) return;
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const written = this.#serve(port, chain);
      queue.push(chain, written);
    }
    port.signal(queue);
  }

  /** Carries out one request; returns how many bytes were put into the chain, with the status byte. */
  #serve(port: VirtioSlotPort, chain: Chain): number {
    if (chain.readableLength < HEADER_SIZE)
      throw new VirtqueueError(`a block request has ${chain.readableLength} readable bytes, its header ${HEADER_SIZE}`);
    if (chain.writableLength < 1) throw new VirtqueueError("a block request has no room for its status");
    const header = readChain(port.dma, chain, 0, HEADER_SIZE);
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
    const type = view.getUint32(0, true);
    const sector = Number(view.getBigUint64(8, true)); // past 2^53 it is inexact, and outside of the disk anyway
    const { status, written } = this.#perform(port, chain, type, sector);
    if (status !== S_OK) this.#counts.errors++;
    writeChain(port.dma, chain, chain.writableLength - 1, Uint8Array.of(status));
    return written + 1;
  }

  #perform(port: VirtioSlotPort, chain: Chain, type: number, sector: number): { status: number; written: number } {
    const { dma } = port;
    const room = chain.writableLength - 1;
    const sent = chain.readableLength - HEADER_SIZE;
    const failed = { status: S_IOERR, written: 0 };
    switch (type) {
      case T_IN: {
        if (!this.#inside(sector, room)) return failed;
        writeChain(dma, chain, 0, this.#store.read(sector * SECTOR_SIZE, room));
        this.#counts.reads++;
        this.#counts.bytesRead += room;
        return { status: S_OK, written: room };
      }
      case T_OUT: {
        if (this.#store.readOnly || !this.#inside(sector, sent)) return failed;
        if (!this.#store.write(sector * SECTOR_SIZE, readChain(dma, chain, HEADER_SIZE, sent))) {
          port.complain("overlay full", `a write of ${sent} bytes does not fit in the overlay's budget`);
          return failed;
        }
        this.#counts.writes++;
        this.#counts.bytesWritten += sent;
        return { status: S_OK, written: 0 };
      }
      case T_FLUSH:
        this.#counts.flushes++;
        return { status: S_OK, written: 0 };
      case T_GET_ID: {
        const id = new Uint8Array(Math.min(ID_SIZE, room));
        id.set(Buffer.from(this.#serial, "latin1").subarray(0, id.length));
        writeChain(dma, chain, 0, id);
        return { status: S_OK, written: id.length };
      }
      case T_DISCARD:
      case T_WRITE_ZEROES:
        return { status: this.#ranges(port, chain, sent), written: 0 };
      default:
        return { status: S_UNSUPP, written: 0 };
    }
  }

  /** Ranges of a discard or write-zeroes request. Both store zeros: discarded sectors may read as anything (5.2.6.2). */
  #ranges(port: VirtioSlotPort, chain: Chain, sent: number): number {
    if (this.#store.readOnly || sent === 0 || sent % RANGE_SIZE !== 0 || sent / RANGE_SIZE > MAX_RANGES) return S_IOERR;
    const bytes = readChain(port.dma, chain, HEADER_SIZE, sent);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < sent; at += RANGE_SIZE) {
      const sector = Number(view.getBigUint64(at, true));
      const count = view.getUint32(at + 8, true);
      if (count > MAX_RANGE_SECTORS || !this.#inside(sector, count * SECTOR_SIZE)) return S_IOERR;
      if (!this.#store.zero(sector * SECTOR_SIZE, count * SECTOR_SIZE)) return S_IOERR;
    }
    return S_OK;
  }

  #inside(sector: number, length: number): boolean {
    return length % SECTOR_SIZE === 0 && length <= MAX_REQUEST && this.#store.contains(sector * SECTOR_SIZE, length);
  }

  state(): Record<string, unknown> {
    return {
      sectors: this.#store.sectors,
      readOnly: this.#store.readOnly,
      overlayBytes: this.#store.overlayBytes,
      serial: this.#serial,
      ...this.#counts,
    };
  }
}
