// virtio console with one port. Source: Virtual I/O Device (VIRTIO) 1.2, section 5.3.
import type { ConsolePort } from "./device.js";
import type { RegisterSpec } from "./registers.js";
import type { VirtioBackend, VirtioSlotPort } from "./virtio-mmio.js";
import { type Chain, readChain, writeChain } from "./virtqueue.js";

const F_SIZE = 1n << 0n;
const F_EMERG_WRITE = 1n << 2n;

const RECEIVE = 0;
const TRANSMIT = 1;
const QUEUE_SIZE = 64;
/** Bytes moved at once: bounds what a request's length makes us allocate. */
const PIECE = 4096;
/** Most bytes of one transmitted chain; a longer one is cut and logged. */
export const MAX_TRANSMIT = 1 << 20;

export const VIRTIO_CONSOLE_CONFIG: readonly RegisterSpec[] = [
  { name: "cols", offset: 0, width: 16, access: "ro", reset: 80 },
  { name: "rows", offset: 2, width: 16, access: "ro", reset: 25 },
  { name: "max_nr_ports", offset: 4, width: 32, access: "ro", reset: 1 },
  { name: "emerg_wr", offset: 8, width: 32, access: "wo", doc: "sends one byte without any set-up" },
];

export class VirtioConsole implements VirtioBackend {
  readonly type = "virtio-console";
  readonly deviceId = 3;
  readonly features = F_SIZE | F_EMERG_WRITE;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = VIRTIO_CONSOLE_CONFIG;
  readonly configHooks = {
    emerg_wr: { write: (_value: number, written: number) => this.#console.output(written & 0xff) },
  };

  readonly #console: ConsolePort;
  #port: VirtioSlotPort | undefined;
  #received = 0;
  #transmitted = 0;

  constructor(console: ConsolePort) {
    this.#console = console;
    console.onInput(() => {
      const port = this.#port;
      if (port?.live && port.queues[RECEIVE]?.ready) port.guard(() => this.#receive(port));
    });
  }

  attach(port: VirtioSlotPort): void {
    this.#port = port;
  }

  reset(): void {
    this.#received = 0;
    this.#transmitted = 0;
  }

  notify(index: number): void {
    const port = this.#port as VirtioSlotPort;
    if (index === RECEIVE) this.#receive(port);
    else if (index === TRANSMIT) this.#transmit(port);
  }

  /** Fills the driver's buffers with input as long as there is both. */
  #receive(port: VirtioSlotPort): void {
    const queue = port.queues[RECEIVE];
    if (queue === undefined) return;
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const bytes = this.#takeInput(Math.min(chain.writableLength, PIECE));
      if (bytes.length === 0 && chain.writableLength > 0) {
        queue.unpop();
        break;
      }
      writeChain(port.dma, chain, 0, bytes);
      this.#received += bytes.length;
      queue.push(chain, bytes.length);
    }
    port.signal(queue);
  }

  #takeInput(room: number): Uint8Array {
    const bytes: number[] = [];
    while (bytes.length < room) {
      const byte = this.#console.input();
      if (byte === undefined) break;
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  }

  #transmit(port: VirtioSlotPort): void {
    const queue = port.queues[TRANSMIT];
    if (queue === undefined) return;
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      this.#send(port, chain);
      queue.push(chain, 0);
    }
    port.signal(queue);
  }

  #send(port: VirtioSlotPort, chain: Chain): void {
    const length = Math.min(chain.readableLength, MAX_TRANSMIT);
    if (length < chain.readableLength)
      port.complain("long transmit", `${chain.readableLength} bytes sent at once, cut to ${length}`);
    for (let at = 0; at < length; at += PIECE) {
      for (const byte of readChain(port.dma, chain, at, Math.min(PIECE, length - at))) this.#console.output(byte);
    }
    this.#transmitted += length;
  }

  state(): Record<string, unknown> {
    return { received: this.#received, transmitted: this.#transmitted };
  }
}
