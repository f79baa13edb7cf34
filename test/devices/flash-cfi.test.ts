import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CfiFlash, ERASE_SIZE } from "../../src/devices/flash-cfi.js";
import { FakeDma, fakeContext } from "./virtio/harness.js";

const SIZE = 32 << 20;

function flash(content?: Uint8Array): CfiFlash {
  return new CfiFlash(fakeContext(new FakeDma()), {
    id: 1,
    name: "flash1",
    size: SIZE,
    ...(content === undefined ? {} : { content }),
  });
}

/** The query byte at word `n`, as a driver of a 32-bit bank reads it; both chips must agree. */
function query(device: CfiFlash, n: number): number {
  const value = device.read(n * 4, 4);
  assert.equal(value >>> 16, value & 0xffff);
  return value & 0xff;
}

describe("CFI flash", () => {
  it("reads as its contents and then as erased", () => {
    const device = flash(Uint8Array.of(1, 2, 3, 4, 5));
    assert.equal(device.read(0, 4), 0x04030201);
    assert.equal(device.read(4, 4), 0xffffff05);
    assert.equal(device.read(SIZE - 2, 2), 0xffff);
  });

  it("answers a query with the geometry of two chips, as U-Boot and Linux probe it", () => {
    const device = flash();
    device.write(0, 4, 0x00f000f0);
    device.write(0x55 * 4, 4, 0x00980098);
    assert.equal(String.fromCharCode(query(device, 0x10), query(device, 0x11), query(device, 0x12)), "QRY");
    assert.equal(query(device, 0x13), 1);
    assert.equal(2 ** query(device, 0x27) * 2, SIZE);
    const blocks = query(device, 0x2d) + query(device, 0x2e) * 256 + 1;
    const blockSize = (query(device, 0x2f) + query(device, 0x30) * 256) * 256 * 2;
    assert.deepEqual([blocks, blockSize], [SIZE / ERASE_SIZE, ERASE_SIZE]);
    assert.equal(device.read(0x10 * 4, 2), 0x51);
    assert.equal(device.read(0x10 * 4, 1), 0x51);
    assert.equal(device.read(0x10 * 4 + 1, 1), 0);
    device.write(0, 4, 0x00900090);
    assert.deepEqual([query(device, 0), query(device, 1)], [0x89, 0x18]);
    device.write(0, 4, 0x00ff00ff);
    assert.equal(device.read(0, 4), 0xffffffff);
  });

  it("erases, programs single words and buffers, and only clears bits when programming", () => {
    const device = flash(new Uint8Array(ERASE_SIZE * 2).fill(0x0f));
    const at = ERASE_SIZE;
    device.write(at, 4, 0x00200020);
    device.write(at, 4, 0x00d000d0);
    assert.equal(device.read(at, 4), 0x00800080);
    device.write(at, 4, 0x00ff00ff);
    assert.deepEqual(
      [device.read(at, 4), device.read(at - 4, 4), device.read(2 * at - 4, 4)],
      [0xffffffff, 0x0f0f0f0f, 0xffffffff],
    );
    for (const value of [0xfffffff0, 0x0fffffff]) {
      device.write(at + 8, 4, 0x00400040);
      device.write(at + 8, 4, value);
    }
    device.write(at + 16, 4, 0x00e800e8);
    device.write(at + 16, 4, 0x00010001);
    device.write(at + 16, 4, 0x11111111);
    device.write(at + 20, 4, 0x22222222);
    device.write(at + 16, 4, 0x00d000d0);
    assert.equal(device.read(at, 4) & 0x80, 0x80);
    device.write(at, 4, 0x00500050);
    device.write(at, 4, 0x00ff00ff);
    assert.deepEqual(
      [8, 16, 20, 24].map((offset) => device.read(at + offset, 4)),
      [0x0ffffff0, 0x11111111, 0x22222222, 0xffffffff],
    );
    assert.equal((device.state().inner as { changedBlocks: number }).changedBlocks, 1);
  });

  it("reports wrong sequences in its status, and logs unknown commands", () => {
    const context = fakeContext(new FakeDma());
    const device = new CfiFlash(context, { id: 1, name: "flash1", size: SIZE });
    device.write(0, 4, 0x00200020);
    device.write(0, 4, 0x00ff00ff);
    assert.equal(device.read(0, 1), 0xb0);
    device.write(0, 4, 0x00500050);
    device.write(0, 4, 0x00e800e8);
    device.write(0, 4, 0x0fff0fff);
    assert.equal(device.read(0, 1), 0x90);
    device.write(0, 4, 0x00500050);
    device.write(0, 4, 0x00700070);
    assert.equal(device.read(0, 1), 0x80);
    device.write(0, 4, 0x00aa00aa);
    assert.equal(device.read(0, 1), 0xff);
    assert.match(context.errors.join(), /unknown command 0xaa/);
  });
});
