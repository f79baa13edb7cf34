import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BlockStore, CHUNK_SIZE } from "../../../src/devices/block-store.js";
import { Prng } from "../../../src/devices/prng.js";
import { VirtioBlock } from "../../../src/devices/virtio-blk.js";
import { VirtioConsole } from "../../../src/devices/virtio-console.js";
import { VirtioEntropy } from "../../../src/devices/virtio-rng.js";
import { FakeConsole, MEMORY_BASE, R, Rig } from "./harness.js";

const HEADER = MEMORY_BASE + 0x40000;
const STATUS = MEMORY_BASE + 0x41000;
const DATA = MEMORY_BASE + 0x50000;

function pattern(length: number, seed = 1): Uint8Array {
  return new Prng(seed).bytes(length);
}

/** A started block device, and one request at a time. */
class Disk {
  readonly store: BlockStore;
  readonly rig: Rig;
  readonly #queue;
  #next = 0;

  constructor(image: Uint8Array, readOnly = false, limit?: number) {
    this.store = new BlockStore(image, readOnly, limit);
    this.rig = new Rig(new VirtioBlock(this.store, "virtio0"));
    this.#queue = this.rig.start()[0];
  }

  /** Returns the status byte and the used length. */
  request(
    type: number,
    sector: number | bigint,
    data: { paddr: number; length: number; write?: boolean }[],
  ): [number, number] {
    const { rig } = this;
    const queue = this.#queue;
    assert.ok(queue);
    rig.dma.writeU32(HEADER, type);
    rig.dma.writeU32(HEADER + 4, 0);
    rig.dma.writeU64(HEADER + 8, BigInt(sector));
    rig.dma.write(STATUS, Uint8Array.of(0xee));
    rig.offer(queue, [{ paddr: HEADER, length: 16 }, ...data, { paddr: STATUS, length: 1, write: true }], 0);
    rig.notify(0);
    const at = queue.used + 4 + 8 * (this.#next++ % queue.size);
    return [rig.dma.read(STATUS, 1)[0] as number, rig.dma.readU32(at + 4)];
  }
}

describe("virtio-blk", () => {
  it("shows its size and limits in configuration space, in any access size", () => {
    const disk = new Disk(new Uint8Array(512 * 0x12345 - 100));
    assert.equal(disk.rig.read(R.Config), 0x12345);
    assert.equal(disk.rig.read(R.Config + 4), 0);
    assert.equal(disk.rig.read(R.Config + 1, 1), 0x23);
    assert.equal(disk.rig.read(R.Config + 20), 512);
    assert.equal(disk.rig.read(R.Config + 34, 2), 1);
    assert.equal(disk.rig.context.names.name(disk.rig.device.registers.lastRegister), "virtio0.Config.num_queues");
  });

  it("reads across descriptors, and zeros behind the image's end", () => {
    const image = pattern(1000);
    const disk = new Disk(image);
    assert.deepEqual(
      disk.request(0, 0, [
        { paddr: DATA, length: 100, write: true },
        { paddr: DATA + 0x1000, length: 924, write: true },
      ]),
      [0, 1025],
    );
    assert.deepEqual(disk.rig.dma.read(DATA, 100), image.slice(0, 100));
    assert.deepEqual(
      disk.rig.dma.read(DATA + 0x1000, 924),
      new Uint8Array([...image.slice(100), ...new Uint8Array(24)]),
    );
  });

  it("writes into the overlay and leaves the image alone", () => {
    const image = pattern(4 * CHUNK_SIZE);
    const before = image.slice();
    const disk = new Disk(image);
    const data = pattern(2048, 9);
    disk.rig.dma.write(DATA, data);
    const sector = CHUNK_SIZE / 512 - 2; // half in chunk 0, half in chunk 1
    assert.deepEqual(disk.request(1, sector, [{ paddr: DATA, length: 2048 }]), [0, 1]);
    assert.deepEqual(image, before);
    assert.equal(disk.store.overlayBytes, 2 * CHUNK_SIZE);
    disk.request(0, sector - 1, [{ paddr: DATA + 0x1000, length: 3072, write: true }]);
    const expected = before.slice((sector - 1) * 512, (sector + 5) * 512);
    expected.set(data, 512);
    assert.deepEqual(disk.rig.dma.read(DATA + 0x1000, 3072), expected);
    // a machine reset keeps the disk
    disk.rig.device.reset();
    assert.deepEqual(disk.store.read(sector * 512, 2048), data);
  });

  it("answers flush and get-id, and refuses what it does not know", () => {
    const disk = new Disk(new Uint8Array(512));
    assert.deepEqual(disk.request(4, 0, []), [0, 1]);
    assert.deepEqual(disk.request(8, 0, [{ paddr: DATA, length: 20, write: true }]), [0, 21]);
    assert.equal(Buffer.from(disk.rig.dma.read(DATA, 20)).toString().replaceAll("\0", ""), "virtio0");
    assert.deepEqual(disk.request(99, 0, []), [2, 1]);
  });

  it("fails requests outside of the disk or of odd length, and goes on", () => {
    const disk = new Disk(new Uint8Array(1024));
    assert.equal(disk.request(0, 2, [{ paddr: DATA, length: 512, write: true }])[0], 1);
    assert.equal(disk.request(0, 1, [{ paddr: DATA, length: 1024, write: true }])[0], 1);
    assert.equal(disk.request(0, 2n ** 64n - 1n, [{ paddr: DATA, length: 512, write: true }])[0], 1);
    assert.equal(disk.request(0, 0, [{ paddr: DATA, length: 100, write: true }])[0], 1);
    assert.equal(disk.request(0, 0, [{ paddr: DATA, length: 0xfffffe00, write: true }])[0], 1);
    assert.equal(disk.request(1, 2, [{ paddr: DATA, length: 512 }])[0], 1);
    assert.equal(disk.request(0, 0, [{ paddr: DATA, length: 512, write: true }])[0], 0);
    assert.equal((disk.rig.device.state().inner as { errors: number }).errors, 6);
  });

  it("refuses writes when read-only, and says so in its features", () => {
    const disk = new Disk(new Uint8Array(1024), true);
    assert.equal((disk.rig.offered() >> 5n) & 1n, 1n);
    assert.equal(disk.request(1, 0, [{ paddr: DATA, length: 512 }])[0], 1);
    assert.equal(new Disk(new Uint8Array(1024)).rig.offered() & (1n << 5n), 0n);
  });

  it("discards and zeroes ranges", () => {
    const disk = new Disk(pattern(8 * 512));
    for (const [type, sector] of [
      [11, 1],
      [13, 4],
    ] as const) {
      disk.rig.dma.writeU64(DATA, BigInt(sector));
      disk.rig.dma.writeU32(DATA + 8, 2);
      disk.rig.dma.writeU32(DATA + 12, 0);
      assert.deepEqual(disk.request(type, 0, [{ paddr: DATA, length: 16 }]), [0, 1]);
      assert.deepEqual(disk.store.read(sector * 512, 1024), new Uint8Array(1024));
    }
    assert.deepEqual(disk.store.read(3 * 512, 512), pattern(8 * 512).slice(3 * 512, 4 * 512));
    disk.rig.dma.writeU64(DATA, 7n);
    assert.equal(disk.request(11, 0, [{ paddr: DATA, length: 16 }])[0], 1);
  });

  it("fails a write past the overlay's budget", () => {
    const disk = new Disk(new Uint8Array(4 * CHUNK_SIZE), false, CHUNK_SIZE);
    assert.equal(disk.request(1, 0, [{ paddr: DATA, length: 512 }])[0], 0);
    assert.equal(disk.request(1, CHUNK_SIZE / 512, [{ paddr: DATA, length: 512 }])[0], 1);
    assert.equal(disk.request(1, 1, [{ paddr: DATA, length: 512 }])[0], 0);
    assert.match(disk.rig.context.errors.at(-1) ?? "", /budget/);
  });

  it("stops at a chain that is no request", () => {
    const disk = new Disk(new Uint8Array(512));
    const rig = disk.rig;
    const [queue] = rig.start();
    assert.ok(queue);
    rig.dma.writeU16(queue.available + 2, 0);
    rig.offer(queue, [{ paddr: HEADER, length: 8 }]);
    rig.notify(0);
    assert.equal(rig.needsReset, true);
    assert.match(rig.context.errors.at(-1) ?? "", /header 16/);
  });
});

describe("virtio-rng", () => {
  it("gives the same bytes for the same seed, and bounds a huge request", () => {
    const outputs = [3, 3, 4].map((seed) => {
      const rig = new Rig(new VirtioEntropy(seed));
      const [queue] = rig.start();
      assert.ok(queue);
      rig.offer(queue, [{ paddr: DATA, length: 0xffffffff, write: true }]);
      rig.notify(0);
      assert.deepEqual(rig.used(queue).entries, [{ id: 0, length: 65536 }]);
      return Buffer.from(rig.dma.read(DATA, 65536)).toString("hex");
    });
    assert.equal(outputs[0], outputs[1]);
    assert.notEqual(outputs[0], outputs[2]);
  });

  it("looks random", () => {
    const counts = new Array<number>(256).fill(0);
    for (const byte of new Prng(5).bytes(256 * 1000)) counts[byte] = (counts[byte] as number) + 1;
    assert.ok(
      Math.min(...counts) > 850 && Math.max(...counts) < 1150,
      `${Math.min(...counts)}..${Math.max(...counts)}`,
    );
  });
});

describe("virtio-console", () => {
  it("transmits, with and without set-up", () => {
    const port = new FakeConsole();
    const rig = new Rig(new VirtioConsole(port));
    rig.write(R.Config + 8, 0x21);
    const queue = rig.start()[1];
    assert.ok(queue);
    rig.dma.write(DATA, Buffer.from("hello"));
    rig.offer(queue, [
      { paddr: DATA, length: 2 },
      { paddr: DATA + 2, length: 3 },
    ]);
    rig.notify(1);
    assert.equal(port.text, "!hello");
    assert.equal(rig.irq, true);
  });

  it("receives into waiting buffers, keeps what has no room, and interrupts once per batch", () => {
    const port = new FakeConsole();
    const rig = new Rig(new VirtioConsole(port));
    port.type("early ");
    const queue = rig.start(1n << 32n)[0];
    assert.ok(queue);
    rig.offer(queue, [{ paddr: DATA, length: 4, write: true }], 0);
    rig.notify(0);
    assert.deepEqual(rig.used(queue).entries, [{ id: 0, length: 4 }]);
    rig.write(R.InterruptACK, 1);
    rig.offer(queue, [{ paddr: DATA + 4, length: 64, write: true }], 1);
    rig.offer(queue, [{ paddr: DATA + 80, length: 64, write: true }], 2);
    rig.notify(0);
    assert.deepEqual(rig.used(queue).entries.at(-1), { id: 1, length: 2 });
    assert.equal(rig.irq, true);
    rig.write(R.InterruptACK, 1);
    port.type("late");
    assert.equal(rig.irq, true);
    assert.deepEqual(rig.used(queue).entries.at(-1), { id: 2, length: 4 });
    assert.equal(
      Buffer.from(rig.dma.read(DATA, 6)).toString() + Buffer.from(rig.dma.read(DATA + 80, 4)).toString(),
      "early late",
    );
  });

  it("stops at a bad receive ring also when the input comes from outside", () => {
    const port = new FakeConsole();
    const rig = new Rig(new VirtioConsole(port));
    const queue = rig.start()[0];
    assert.ok(queue);
    rig.dma.writeU16(queue.available + 2, 77);
    port.type("x");
    assert.equal(rig.needsReset, true);
  });
});
