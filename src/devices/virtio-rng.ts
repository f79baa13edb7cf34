// virtio entropy device. Source: Virtual I/O Device (VIRTIO) 1.2, section 5.4.
// Seeded, so that runs repeat: the n-th byte a guest gets depends on the seed and on nothing else.
import { Prng } from "./prng.js";
import type { VirtioBackend, VirtioSlotPort } from "./virtio-mmio.js";
import { writeChain } from "./virtqueue.js";

const QUEUE_SIZE = 8;
/** Most bytes given for one request; the driver asks again. */
export const MAX_ENTROPY = 65536;

export class VirtioEntropy implements VirtioBackend {
  readonly type = "virtio-rng";
  readonly deviceId = 4;
  readonly features = 0n;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = [];

  readonly #seed: number;
  #random: Prng;
  #given = 0;
  #port: VirtioSlotPort | undefined;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Prng(seed);
  }

  attach(port: VirtioSlotPort): void {
    this.#port = port;
  }

  reset(): void {
    this.#random = new Prng(this.#seed);
    this.#given = 0;
  }

  notify(index: number): void {
    const port = this.#port as VirtioSlotPort;
    const queue = port.queues[index];
    if (queue === undefined) return;
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const length = Math.min(chain.writableLength, MAX_ENTROPY);
      writeChain(port.dma, chain, 0, this.#random.bytes(length));
      this.#given += length;
      queue.push(chain, length);
    }
    port.signal(queue);
  }

  state(): Record<string, unknown> {
    return { seed: this.#seed, bytesGiven: this.#given };
  }
}
