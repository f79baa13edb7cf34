// virtio over MMIO, version 2. Source: Virtual I/O Device (VIRTIO) 1.2, sections 2 (facilities), 3 (initialisation) and
// 4.2 (MMIO). One transport serves one slot; what is in it is a VirtioBackend, or nothing (DeviceID 0).
//
// Requests are served inside the access that notifies, so their interrupt is there before the next instruction.
// A driver that breaks the rings' rules meets DEVICE_NEEDS_RESET and a config interrupt, never an exception.
import type { MemoryRegion } from "../bus/bus.js";
import { accessRules } from "../bus/bus.js";
import type { Device, DeviceContext, DeviceState, Dma, IrqLine } from "./device.js";
import { RegisterFile, type RegisterHooks, type RegisterSpec } from "./registers.js";
import { Virtqueue, VirtqueueError } from "./virtqueue.js";

/** Bytes of a slot's registers; configuration space is the part from CONFIG on. */
export const SLOT_SIZE = 0x1000;
/** Offset of the configuration space. */
export const CONFIG = 0x100;

const MAGIC = 0x74726976; //  "virt"
const VENDOR = 0x53554d45; // "EMUS"

// Status bits (2.1)
const DRIVER_OK = 4;
const FEATURES_OK = 8;
const DEVICE_NEEDS_RESET = 64;

// InterruptStatus bits (4.2.2)
const USED_BUFFER = 1;
const CONFIG_CHANGE = 2;

/** Reserved feature bits that every device here offers (6). */
export const F_INDIRECT_DESC = 1n << 28n;
export const F_EVENT_IDX = 1n << 29n;
export const F_VERSION_1 = 1n << 32n;
const TRANSPORT_FEATURES = F_INDIRECT_DESC | F_EVENT_IDX | F_VERSION_1;

/** What a backend may do with its slot. */
export interface VirtioSlotPort {
  readonly dma: Dma;
  readonly queues: readonly Virtqueue[];
  /** Features both sides agreed on; 0 before FEATURES_OK. */
  readonly features: bigint;
  /** The driver finished its set-up and the device did not fail: queues may be used. */
  readonly live: boolean;
  /** Raises the interrupt for what was pushed to `queue`, if the driver wants one. */
  signal(queue: Virtqueue): void;
  /** Runs `work`, which may throw VirtqueueError or DmaError, outside of a guest access. */
  guard(work: () => void): void;
  /** A guest's mistake worth a line. */
  complain(key: string, message: string): void;
}

/** A device behind the transport. */
export interface VirtioBackend {
  /** Model, e.g. `virtio-blk`. */
  readonly type: string;
  /** Device type number (5). */
  readonly deviceId: number;
  /** Device-specific features offered, bits 0 to 23. */
  readonly features: bigint;
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** Configuration space; offsets from its start, names without prefix. */
  readonly config: readonly RegisterSpec[];
  readonly configHooks?: Readonly<Record<string, RegisterHooks>>;
  attach(port: VirtioSlotPort): void;
  /** The machine was reset. A reset by the driver only touches the transport and the queues. */
  reset(): void;
  /** The driver notified queue `index`, or went live. Throws VirtqueueError and DmaError where the rings are bad. */
  notify(index: number): void;
  /** For Device.state(). */
  state(): Record<string, unknown>;
}

const STATUS_FIELDS = {
  ACKNOWLEDGE: { bits: 0 },
  DRIVER: { bits: 1 },
  DRIVER_OK: { bits: 2 },
  FEATURES_OK: { bits: 3 },
  DEVICE_NEEDS_RESET: { bits: 6, access: "ro" },
  FAILED: { bits: 7 },
} as const;

/** Registers of the transport (4.2.2, table 4.1). */
export const VIRTIO_MMIO_REGISTERS: readonly RegisterSpec[] = [
  { name: "MagicValue", offset: 0x000, width: 32, access: "ro", reset: MAGIC },
  { name: "Version", offset: 0x004, width: 32, access: "ro", reset: 2 },
  { name: "DeviceID", offset: 0x008, width: 32, access: "ro", doc: "0 in an empty slot" },
  { name: "VendorID", offset: 0x00c, width: 32, access: "ro", reset: VENDOR },
  { name: "DeviceFeatures", offset: 0x010, width: 32, access: "ro", doc: "the word DeviceFeaturesSel chose" },
  { name: "DeviceFeaturesSel", offset: 0x014, width: 32, access: "wo" },
  { name: "DriverFeatures", offset: 0x020, width: 32, access: "wo" },
  { name: "DriverFeaturesSel", offset: 0x024, width: 32, access: "wo" },
  { name: "QueueSel", offset: 0x030, width: 32, access: "wo" },
  { name: "QueueNumMax", offset: 0x034, width: 32, access: "ro", doc: "0 where the queue does not exist" },
  { name: "QueueNum", offset: 0x038, width: 32, access: "wo" },
  { name: "QueueReady", offset: 0x044, width: 32 },
  { name: "QueueNotify", offset: 0x050, width: 32, access: "wo" },
  {
    name: "InterruptStatus",
    offset: 0x060,
    width: 32,
    access: "ro",
    fields: { USED_BUFFER: { bits: 0 }, CONFIG_CHANGE: { bits: 1 } },
  },
  {
    name: "InterruptACK",
    offset: 0x064,
    width: 32,
    access: "wo",
    fields: { USED_BUFFER: { bits: 0 }, CONFIG_CHANGE: { bits: 1 } },
  },
  { name: "Status", offset: 0x070, width: 32, fields: STATUS_FIELDS, doc: "writing 0 resets the device" },
  { name: "QueueDescLow", offset: 0x080, width: 32, access: "wo" },
  { name: "QueueDescHigh", offset: 0x084, width: 32, access: "wo" },
  { name: "QueueDriverLow", offset: 0x090, width: 32, access: "wo" },
  { name: "QueueDriverHigh", offset: 0x094, width: 32, access: "wo" },
  { name: "QueueDeviceLow", offset: 0x0a0, width: 32, access: "wo" },
  { name: "QueueDeviceHigh", offset: 0x0a4, width: 32, access: "wo" },
  { name: "SHMSel", offset: 0x0ac, width: 32, access: "wo" },
  { name: "SHMLenLow", offset: 0x0b0, width: 32, access: "ro", reset: 0xffffffff, doc: "all ones: no such region" },
  { name: "SHMLenHigh", offset: 0x0b4, width: 32, access: "ro", reset: 0xffffffff },
  { name: "SHMBaseLow", offset: 0x0b8, width: 32, access: "ro", reset: 0xffffffff },
  { name: "SHMBaseHigh", offset: 0x0bc, width: 32, access: "ro", reset: 0xffffffff },
  { name: "ConfigGeneration", offset: 0x0fc, width: 32, access: "ro" },
];

export interface VirtioMmioOptions {
  /** Device id and instance name, e.g. `virtio0`. */
  id: number;
  name: string;
  irq: IrqLine;
  /** Absent: an empty slot. */
  backend?: VirtioBackend | undefined;
}

export class VirtioMmio implements Device, VirtioSlotPort {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  /** The slot's registers; the board maps them. */
  readonly region: MemoryRegion;
  readonly registers: RegisterFile;
  readonly dma: Dma;
  readonly queues: readonly Virtqueue[];

  readonly #context: DeviceContext;
  readonly #irq: IrqLine;
  readonly #backend: VirtioBackend | undefined;
  readonly #offered: bigint;
  #driverFeatures = 0n;
  #features = 0n;
  #deviceFeaturesSel = 0;
  #driverFeaturesSel = 0;
  #queueSel = 0;
  #status = 0;
  #interruptStatus = 0;
  #configGeneration = 0;
  #failure: string | undefined;

  constructor(context: DeviceContext, options: VirtioMmioOptions) {
    const { backend } = options;
    this.id = options.id;
    this.name = options.name;
    this.type = backend?.type ?? "virtio-empty";
    this.dma = context.dma;
    this.#context = context;
    this.#irq = options.irq;
    this.#backend = backend;
    this.#offered = backend === undefined ? 0n : backend.features | TRANSPORT_FEATURES;
    this.queues = (backend?.queueSizes ?? []).map((size) => new Virtqueue(context.dma, size));
    const config = (backend?.config ?? []).map((spec) => ({
      ...spec,
      name: `Config.${spec.name}`,
      offset: CONFIG + spec.offset,
    }));
    const configHooks = Object.fromEntries(
      Object.entries(backend?.configHooks ?? {}).map(([name, hooks]) => [`Config.${name}`, hooks]),
    );
    this.registers = new RegisterFile({
      device: options.name,
      table: [...VIRTIO_MMIO_REGISTERS, ...config],
      hooks: { ...this.#hooks(), ...configHooks },
      names: context.names,
      log: context.log,
    });
    this.region = context.bus.createIo(
      options.name,
      SLOT_SIZE,
      this.registers,
      accessRules({ min: 1, max: 8 }, { min: 1, max: 8 }),
      options.id,
    );
    backend?.attach(this);
    this.reset();
  }

  // ---- the port of the backend ----------------------------------------------------------------------

  get features(): bigint {
    return this.#features;
  }

  get live(): boolean {
    return (this.#status & (DRIVER_OK | DEVICE_NEEDS_RESET)) === DRIVER_OK;
  }

  signal(queue: Virtqueue): void {
    if (queue.takeInterrupt()) this.#raise(USED_BUFFER);
  }

  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof VirtqueueError) && (error as Error).name !== "DmaError") throw error;
      this.#fail((error as Error).message);
    }
  }

  complain(key: string, message: string): void {
    this.#context.log.guestError(this.name, key, `${this.name}: ${message}`);
  }

  #fail(reason: string): void {
    this.#failure = reason;
    this.#status |= DEVICE_NEEDS_RESET;
    this.complain(`failed ${reason}`, `stopped until reset: ${reason}`);
    // 2.1.2: tell a live driver by a configuration change
    if ((this.#status & DRIVER_OK) !== 0) this.#raise(CONFIG_CHANGE);
  }

  #raise(bits: number): void {
    this.#interruptStatus |= bits;
    this.#irq.set(true);
  }

  // ---- registers ------------------------------------------------------------------------------------

  #hooks(): Record<string, RegisterHooks> {
    const queueAddress = (part: "descriptors" | "available" | "used", high: boolean): RegisterHooks => ({
      write: (_value, written) => {
        const queue = this.#setUpQueue();
        if (queue === undefined) return;
        const old = queue.ring[part];
        const [low, top] = [old % 2 ** 32, Math.floor(old / 2 ** 32)];
        queue.ring[part] = high ? written * 2 ** 32 + low : top * 2 ** 32 + written;
      },
    });
    return {
      DeviceID: { read: () => this.#backend?.deviceId ?? 0 },
      DeviceFeatures: {
        read: () =>
          this.#deviceFeaturesSel < 2
            ? Number((this.#offered >> BigInt(32 * this.#deviceFeaturesSel)) & 0xffffffffn)
            : 0,
      },
      DeviceFeaturesSel: { write: (_value, written) => void (this.#deviceFeaturesSel = written) },
      DriverFeaturesSel: { write: (_value, written) => void (this.#driverFeaturesSel = written) },
      DriverFeatures: { write: (_value, written) => this.#writeDriverFeatures(written) },
      QueueSel: { write: (_value, written) => void (this.#queueSel = written) },
      QueueNumMax: { read: () => this.queues[this.#queueSel]?.maxSize ?? 0 },
      QueueNum: { write: (_value, written) => this.#writeQueueNum(written) },
      QueueReady: {
        read: () => Number(this.queues[this.#queueSel]?.ready ?? false),
        write: (_value, written) => this.#writeQueueReady(written),
      },
      QueueNotify: { write: (_value, written) => this.#notify(written) },
      InterruptStatus: { read: () => this.#interruptStatus },
      InterruptACK: {
        write: (_value, written) => {
          this.#interruptStatus &= ~written;
          this.#irq.set(this.#interruptStatus !== 0);
        },
      },
      Status: { read: () => this.#status, write: (value, written) => this.#writeStatus(value, written) },
      QueueDescLow: queueAddress("descriptors", false),
      QueueDescHigh: queueAddress("descriptors", true),
      QueueDriverLow: queueAddress("available", false),
      QueueDriverHigh: queueAddress("available", true),
      QueueDeviceLow: queueAddress("used", false),
      QueueDeviceHigh: queueAddress("used", true),
      ConfigGeneration: { read: () => this.#configGeneration },
    };
  }

  #writeDriverFeatures(word: number): void {
    if ((this.#status & FEATURES_OK) !== 0)
      return this.complain("features late", "DriverFeatures written after FEATURES_OK");
    if (this.#driverFeaturesSel > 1) return;
    const shift = BigInt(32 * this.#driverFeaturesSel);
    this.#driverFeatures = (this.#driverFeatures & ~(0xffffffffn << shift)) | (BigInt(word) << shift);
  }

  /** The selected queue, while the driver may still set it up. */
  #setUpQueue(): Virtqueue | undefined {
    const queue = this.queues[this.#queueSel];
    if (queue === undefined) this.complain(`no queue ${this.#queueSel}`, `queue ${this.#queueSel} does not exist`);
    else if (queue.ready)
      this.complain(`queue ${this.#queueSel} ready`, `queue ${this.#queueSel} changed while it is ready`);
    else return queue;
    return undefined;
  }

  #writeQueueNum(size: number): void {
    const queue = this.#setUpQueue();
    if (queue === undefined) return;
    // 2.7: a power of two
    if (size === 0 || size > queue.maxSize || (size & (size - 1)) !== 0) {
      return this.complain("queue size", `queue size ${size}, expected a power of two up to ${queue.maxSize}`);
    }
    queue.size = size;
  }

  #writeQueueReady(value: number): void {
    const queue = this.queues[this.#queueSel];
    if (queue === undefined)
      return this.complain(`no queue ${this.#queueSel}`, `queue ${this.#queueSel} does not exist`);
    const ready = (value & 1) !== 0;
    if (ready && !queue.ready) {
      queue.restart();
      queue.eventIndex = (this.#features & F_EVENT_IDX) !== 0n;
      queue.indirect = (this.#features & F_INDIRECT_DESC) !== 0n;
    }
    queue.ready = ready;
  }

  #writeStatus(value: number, written: number): void {
    if (written === 0) return this.#resetState();
    const before = this.#status;
    let status = (value & 0xff & ~DEVICE_NEEDS_RESET) | (before & DEVICE_NEEDS_RESET);
    if ((status & FEATURES_OK & ~before) !== 0) {
      const acceptable = (this.#driverFeatures & ~this.#offered) === 0n && (this.#driverFeatures & F_VERSION_1) !== 0n;
      if (acceptable) this.#features = this.#driverFeatures;
      else {
        status &= ~FEATURES_OK; // 3.1.1 step 6: the driver reads this back
        this.complain(
          "features",
          `features 0x${this.#driverFeatures.toString(16)} refused, 0x${this.#offered.toString(16)} are offered and VERSION_1 is needed`,
        );
      }
    }
    this.#status = status;
    if ((status & DRIVER_OK & ~before) !== 0) this.queues.forEach((_queue, index) => this.#notify(index));
  }

  #notify(index: number): void {
    const queue = this.queues[index];
    if (queue === undefined)
      return this.complain(`no queue ${index}`, `notification of queue ${index}, which does not exist`);
    if (this.live && queue.ready) this.guard(() => this.#backend?.notify(index));
  }

  // ---- device ---------------------------------------------------------------------------------------

  reset(): void {
    this.registers.reset();
    this.#resetState();
    this.#backend?.reset();
  }

  #resetState(): void {
    this.#driverFeatures = 0n;
    this.#features = 0n;
    this.#deviceFeaturesSel = 0;
    this.#driverFeaturesSel = 0;
    this.#queueSel = 0;
    this.#status = 0;
    this.#interruptStatus = 0;
    this.#failure = undefined;
    for (const queue of this.queues) queue.reset();
    this.#irq.set(false);
  }

  state(): DeviceState {
    return {
      registers: this.registers.dump(),
      inner: {
        offeredFeatures: `0x${this.#offered.toString(16)}`,
        driverFeatures: `0x${this.#driverFeatures.toString(16)}`,
        failure: this.#failure ?? null,
        queues: this.queues.map((queue) => ({
          size: queue.size,
          ready: queue.ready,
          descriptors: `0x${queue.ring.descriptors.toString(16)}`,
          available: `0x${queue.ring.available.toString(16)}`,
          used: `0x${queue.ring.used.toString(16)}`,
          nextAvailable: queue.positions().available,
          nextUsed: queue.positions().used,
        })),
        ...(this.#backend?.state() ?? {}),
      },
    };
  }
}
