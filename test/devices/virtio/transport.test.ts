import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Prng } from "../../../src/devices/prng.js";
import { VirtioEntropy } from "../../../src/devices/virtio-rng.js";
import { INDIRECT, MEMORY_BASE, NEXT, R, Rig, WRITE } from "./harness.js";

const VERSION_1 = 1n << 32n;
const BUFFER = MEMORY_BASE + 0x40000;

describe("virtio-mmio transport", () => {
  it("identifies itself, and an empty slot by device id 0", () => {
    const rig = new Rig(new VirtioEntropy(1));
    assert.equal(rig.read(R.Magic), 0x74726976);
    assert.equal(rig.read(R.Version), 2);
    assert.equal(rig.read(R.DeviceID), 4);
    const empty = new Rig();
    assert.equal(empty.read(R.Magic), 0x74726976);
    assert.equal(empty.read(R.DeviceID), 0);
    assert.equal(empty.device.type, "virtio-empty");
    assert.equal(empty.read(R.QueueNumMax), 0);
  });

  it("accepts only offered features, and needs VERSION_1", () => {
    const rig = new Rig(new VirtioEntropy(1));
    assert.equal(rig.offered(), VERSION_1 | (1n << 28n) | (1n << 29n));
    assert.equal(rig.negotiate(VERSION_1), true);
    assert.equal(rig.negotiate(1n << 28n), false);
    assert.equal(rig.negotiate(VERSION_1 | 1n), false);
    assert.equal(rig.device.features, 0n);
    rig.write(R.DeviceFeaturesSel, 2);
    assert.equal(rig.read(R.DeviceFeatures), 0);
  });

  it("does not take feature changes after FEATURES_OK", () => {
    const rig = new Rig(new VirtioEntropy(1));
    rig.negotiate(VERSION_1);
    rig.write(R.DriverFeaturesSel, 0);
    rig.write(R.DriverFeatures, 1 << 28);
    assert.equal(rig.device.features, VERSION_1);
  });

  it("sets queues up one at a time, refuses bad sizes, and keeps a ready queue as it is", () => {
    const rig = new Rig(new VirtioEntropy(1));
    rig.negotiate(VERSION_1);
    assert.equal(rig.read(R.QueueNumMax), 8);
    for (const bad of [0, 3, 16]) rig.write(R.QueueNum, bad);
    assert.equal(rig.device.queues[0]?.size, 8);
    rig.write(R.QueueDescLow, 0xfffff000);
    rig.write(R.QueueDescHigh, 0x12);
    assert.equal(rig.device.queues[0]?.ring.descriptors, 0x12fffff000);
    rig.setUpQueue(0, 4);
    assert.equal(rig.read(R.QueueReady), 1);
    rig.write(R.QueueDescLow, 0);
    assert.equal(rig.device.queues[0]?.ring.descriptors, MEMORY_BASE);
    rig.write(R.QueueSel, 1);
    assert.equal(rig.read(R.QueueNumMax), 0);
    rig.write(R.QueueReady, 1);
    assert.match(rig.context.errors.at(-1) ?? "", /queue 1 does not exist/);
  });

  it("serves a request, raises the interrupt, and lowers it on acknowledge", () => {
    const rig = new Rig(new VirtioEntropy(7));
    const [queue] = rig.start(VERSION_1);
    assert.ok(queue);
    rig.offer(queue, [{ paddr: BUFFER, length: 16, write: true }]);
    assert.equal(rig.irq, false);
    rig.notify(0);
    assert.equal(rig.irq, true);
    assert.equal(rig.read(R.InterruptStatus), 1);
    assert.deepEqual(rig.used(queue), { index: 1, entries: [{ id: 0, length: 16 }] });
    assert.deepEqual(rig.dma.read(BUFFER, 16), new Prng(7).bytes(16));
    rig.write(R.InterruptACK, 1);
    assert.equal(rig.irq, false);
  });

  it("does not touch buffers before DRIVER_OK, and looks at the queues when it comes", () => {
    const rig = new Rig(new VirtioEntropy(1));
    rig.negotiate(VERSION_1);
    const queue = rig.setUpQueue(0);
    rig.offer(queue, [{ paddr: BUFFER, length: 4, write: true }]);
    rig.notify(0);
    assert.equal(rig.used(queue).index, 0);
    rig.write(R.Status, 15);
    assert.equal(rig.used(queue).index, 1);
  });

  it("keeps quiet where the driver asked for no interrupt", () => {
    const rig = new Rig(new VirtioEntropy(1));
    const [queue] = rig.start(VERSION_1);
    assert.ok(queue);
    rig.dma.writeU16(queue.available, 1);
    rig.offer(queue, [{ paddr: BUFFER, length: 4, write: true }]);
    rig.notify(0);
    assert.equal(rig.used(queue).index, 1);
    assert.equal(rig.irq, false);
  });

  it("interrupts at the used index the driver names, and says when to notify", () => {
    const rig = new Rig(new VirtioEntropy(1));
    const [queue] = rig.start();
    assert.ok(queue);
    const usedEvent = queue.available + 4 + 2 * queue.size;
    const availEvent = queue.used + 4 + 8 * queue.size;
    rig.dma.writeU16(usedEvent, 1); // not for the first, for the second
    rig.offer(queue, [{ paddr: BUFFER, length: 4, write: true }], 0);
    rig.notify(0);
    assert.equal(rig.irq, false);
    assert.equal(rig.dma.readU16(availEvent), 1);
    rig.offer(queue, [{ paddr: BUFFER, length: 4, write: true }], 1);
    rig.notify(0);
    assert.equal(rig.irq, true);
    assert.equal(rig.dma.readU16(availEvent), 2);
  });

  it("goes round the ring and past index 65535", () => {
    const rig = new Rig(new VirtioEntropy(1));
    const [queue] = rig.start(VERSION_1, 4);
    assert.ok(queue);
    for (let i = 0; i < 65600; i++) {
      rig.offer(queue, [{ paddr: BUFFER, length: 1, write: true }], i % 4);
      rig.notify(0);
    }
    assert.equal(rig.needsReset, false);
    assert.equal(rig.used(queue).index, 65600 & 0xffff);
  });

  it("forgets everything when the driver writes 0 to Status, but not the backend's sequence", () => {
    const rig = new Rig(new VirtioEntropy(7));
    let [queue] = rig.start(VERSION_1);
    assert.ok(queue);
    rig.offer(queue, [{ paddr: BUFFER, length: 16, write: true }]);
    rig.notify(0);
    rig.write(R.Status, 0);
    assert.deepEqual(
      [rig.read(R.Status), rig.read(R.InterruptStatus), rig.read(R.QueueReady), rig.irq],
      [0, 0, 0, false],
    );
    rig.dma.bytes.fill(0);
    [queue] = rig.start(VERSION_1);
    assert.ok(queue);
    rig.offer(queue, [{ paddr: BUFFER, length: 16, write: true }]);
    rig.notify(0);
    assert.deepEqual(rig.dma.read(BUFFER, 16), new Prng(7).bytes(32).slice(16));
    rig.device.reset();
    assert.equal((rig.device.state().inner as { bytesGiven: number }).bytesGiven, 0);
  });

  it("names registers for traces, and fields of Status", () => {
    const rig = new Rig(new VirtioEntropy(1));
    rig.write(R.Status, 1);
    assert.equal(rig.context.names.name(rig.device.registers.lastRegister), "virtio0.Status");
    assert.equal(rig.context.names.name(rig.device.registers.lastField), "virtio0.Status.ACKNOWLEDGE");
    rig.notify(0);
    assert.equal(rig.context.names.name(rig.device.registers.lastRegister), "virtio0.QueueNotify");
    const state = rig.device.state();
    assert.equal(state.registers.find((register) => register.name === "Status")?.fields.ACKNOWLEDGE, 1);
    JSON.stringify(state);
  });
});

describe("malformed rings", () => {
  /** Starts an entropy device, lets `damage` prepare the ring, notifies, and expects the device to stop. */
  function stops(
    what: string,
    reason: RegExp,
    damage: (rig: Rig, queue: ReturnType<Rig["start"]>[number]) => void,
  ): void {
    it(`stops at ${what}`, () => {
      const rig = new Rig(new VirtioEntropy(1));
      const [queue] = rig.start();
      assert.ok(queue);
      damage(rig, queue);
      const before = rig.dma.transfers;
      rig.notify(0);
      assert.equal(rig.needsReset, true);
      assert.match(rig.context.errors.at(-1) ?? "", reason);
      assert.ok(rig.dma.transfers - before < 20_000, `${rig.dma.transfers - before} transfers`);
      assert.equal(rig.read(R.InterruptStatus) & 2, 2, "configuration change interrupt");
      assert.equal(rig.irq, true);
      // nothing happens until the driver resets it
      rig.notify(0);
      assert.equal(rig.used(queue).index, 0);
      rig.write(R.Status, 15);
      assert.equal(rig.needsReset, true);
      rig.write(R.Status, 0);
      assert.equal(rig.needsReset, false);
    });
  }

  stops("a descriptor loop", /loop/, (rig, queue) => {
    rig.setDescriptor(queue.descriptors, 0, { paddr: BUFFER, length: 1, flags: WRITE | NEXT, next: 1 });
    rig.setDescriptor(queue.descriptors, 1, { paddr: BUFFER, length: 1, flags: WRITE | NEXT, next: 0 });
    rig.makeAvailable(queue, 0);
  });
  stops("a head outside of the table", /descriptor 8 is outside of a table of 8/, (rig, queue) =>
    rig.makeAvailable(queue, 8),
  );
  stops("a next outside of the table", /descriptor 99 is outside/, (rig, queue) => {
    rig.setDescriptor(queue.descriptors, 0, { paddr: BUFFER, length: 1, flags: WRITE | NEXT, next: 99 });
    rig.makeAvailable(queue, 0);
  });
  stops("an available index too far ahead", /is 9 ahead, the queue has 8 entries/, (rig, queue) =>
    rig.dma.writeU16(queue.available + 2, 9),
  );
  stops("a buffer outside of memory", /DMA to 0x1000/, (rig, queue) =>
    rig.offer(queue, [{ paddr: 0x1000, length: 4, write: true }]),
  );
  stops("an address past 2^53", /has address 0xffffffffffffffff/, (rig, queue) => {
    rig.offer(queue, [{ paddr: 0, length: 4, write: true }]);
    rig.dma.writeU64(queue.descriptors, 0xffffffffffffffffn);
  });
  stops("a readable descriptor behind a writable one", /readable, behind a writable one/, (rig, queue) =>
    rig.offer(queue, [
      { paddr: BUFFER, length: 1, write: true },
      { paddr: BUFFER, length: 1 },
    ]),
  );
  stops("an indirect table of odd size", /24 bytes, expected a multiple of 16/, (rig, queue) => {
    rig.setDescriptor(queue.descriptors, 0, { paddr: BUFFER, length: 24, flags: INDIRECT });
    rig.makeAvailable(queue, 0);
  });
  stops("an indirect descriptor with a next one", /indirect descriptor 0 has a next one/, (rig, queue) => {
    rig.setDescriptor(queue.descriptors, 0, { paddr: BUFFER, length: 16, flags: INDIRECT | NEXT, next: 1 });
    rig.makeAvailable(queue, 0);
  });
  stops("an indirect table inside another", /indirect inside an indirect table/, (rig, queue) => {
    rig.setDescriptor(queue.descriptors, 0, { paddr: BUFFER, length: 16, flags: INDIRECT });
    rig.setDescriptor(BUFFER, 0, { paddr: BUFFER, length: 16, flags: INDIRECT });
    rig.makeAvailable(queue, 0);
  });
  stops("a loop in an indirect table that says it is huge", /loop/, (rig, queue) => {
    rig.setDescriptor(queue.descriptors, 0, { paddr: BUFFER, length: 0xfffffff0, flags: INDIRECT });
    rig.setDescriptor(BUFFER, 0, { paddr: BUFFER + 64, length: 1, flags: WRITE | NEXT, next: 0 });
    rig.makeAvailable(queue, 0);
  });
  stops("rings outside of memory", /DMA to/, (rig) => {
    rig.write(R.QueueReady, 0);
    rig.write(R.QueueDriverLow, 0x1000);
    rig.write(R.QueueReady, 1);
  });

  it("follows an indirect table", () => {
    const rig = new Rig(new VirtioEntropy(7));
    const [queue] = rig.start();
    assert.ok(queue);
    const table = BUFFER + 0x1000;
    rig.setDescriptor(queue.descriptors, 3, { paddr: table, length: 32, flags: INDIRECT });
    rig.setDescriptor(table, 0, { paddr: BUFFER, length: 3, flags: WRITE | NEXT, next: 1 });
    rig.setDescriptor(table, 1, { paddr: BUFFER + 0x100, length: 5, flags: WRITE });
    rig.makeAvailable(queue, 3);
    rig.notify(0);
    const expected = new Prng(7).bytes(8);
    assert.deepEqual(rig.dma.read(BUFFER, 3), expected.slice(0, 3));
    assert.deepEqual(rig.dma.read(BUFFER + 0x100, 5), expected.slice(3));
    assert.deepEqual(rig.used(queue).entries, [{ id: 3, length: 8 }]);
  });

  it("refuses an indirect descriptor that was not negotiated", () => {
    const rig = new Rig(new VirtioEntropy(1));
    const [queue] = rig.start(VERSION_1);
    assert.ok(queue);
    rig.setDescriptor(queue.descriptors, 0, { paddr: BUFFER, length: 16, flags: INDIRECT });
    rig.makeAvailable(queue, 0);
    rig.notify(0);
    assert.equal(rig.needsReset, true);
  });

  it("survives random rings without throwing or running on", () => {
    const seed = Number(process.env.EMUSCOPE_SEED ?? 42);
    const random = new Prng(seed);
    for (let round = 0; round < 2000; round++) {
      const rig = new Rig(new VirtioEntropy(1));
      const [queue] = rig.start();
      assert.ok(queue);
      for (let i = 0; i < 8; i++) {
        const inside = random.next() % 4 !== 0;
        rig.setDescriptor(queue.descriptors, i, {
          paddr: inside ? MEMORY_BASE + (random.next() % 0x100000) : random.next(),
          length: random.next() % 3 === 0 ? random.next() : random.next() % 64,
          flags: random.next() % 8,
          next: random.next() % 10,
        });
        rig.dma.writeU16(queue.available + 4 + 2 * i, random.next() % 9);
      }
      rig.dma.writeU16(queue.available + 2, random.next() % 10);
      rig.notify(0);
      assert.ok(rig.dma.transfers < 100_000, `seed ${seed}, round ${round}`);
    }
  });
});
