import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import {
  Core,
  DEVICE_BASE,
  DEVICE_ID,
  DEVICE_REGION,
  DEVICE_SIZE,
  PageTable,
  PTE_A,
  PTE_R,
  PTE_RW,
  PTE_V,
  RAM_BASE,
  RAM_REGION,
  ROM_BASE,
} from "../core-harness.js";

const RAM = BigInt(RAM_BASE);
const DEVICE = BigInt(DEVICE_BASE);
const TABLES = RAM_BASE + 0x100000;
const VA = 0x40000000n;

/** S-mode; consecutive pages at VA map to the given physical pages. */
function pages(...to: (bigint | [bigint, bigint])[]): Core {
  const core = new Core();
  const table = new PageTable(core, 3, TABLES);
  to.forEach((pa, i) => {
    const [address, flags] = typeof pa === "bigint" ? [pa, PTE_RW] : pa;
    table.map(VA + BigInt(i << 12), address, flags);
  });
  table.use();
  return core;
}

test("every size loads zero-extended and stores its low bytes, at any alignment", () => {
  const core = new Core();
  for (const size of [1, 2, 4, 8]) {
    for (let offset = 0; offset < 8; offset++) {
      const at = RAM + BigInt(offset);
      core.setRam64(RAM_BASE, 0n);
      core.setRam64(RAM_BASE + 8, 0n);
      core.store(at, 0xf1f2f3f4f5f6f7f8n, size);
      const value = BigInt.asUintN(size * 8, 0xf1f2f3f4f5f6f7f8n);
      assert.equal(core.load(at, size), value);
      assert.equal(core.ram64(RAM_BASE) | (core.ram64(RAM_BASE + 8) << 64n), value << BigInt(8 * offset));
    }
  }
});

test("an access over two pages goes to both", () => {
  const core = pages(RAM + 0x5000n, RAM + 0x2000n);
  for (const size of [2, 4, 8]) {
    for (let before = 1; before < size; before++) {
      const at = VA + 0x1000n - BigInt(before);
      const value = BigInt.asUintN(size * 8, 0x1122334455667788n);
      core.store(at, value, size);
      assert.equal(core.load(at, size), value);
      assert.equal(
        core.load(VA + 0x1000n, size - before > 4 ? 8 : 4) & ((1n << BigInt(8 * (size - before))) - 1n),
        value >> BigInt(8 * before),
      );
      assert.equal(core.trap(), undefined);
      core.load(at, size);
      assert.deepEqual([core.hwaddr().pa, core.hwaddr().size], [RAM + 0x6000n - BigInt(before), before]);
      assert.deepEqual([core.hwaddr(L.HWADDR2).pa, core.hwaddr(L.HWADDR2).size], [RAM + 0x2000n, size - before]);
    }
  }
});

test("a fault on the second page leaves the first unwritten, and tval is the second page", () => {
  const core = pages(RAM + 0x5000n, [RAM + 0x2000n, PTE_V | PTE_R | PTE_A]);
  core.store(VA + 0xffcn, -1n, 8);
  assert.deepEqual(core.trap(), { cause: 15, tval: VA + 0x1000n });
  assert.equal(core.ram64(RAM_BASE + 0x5ff8), 0n);
  core.load(VA + 0x1ffcn, 8);
  assert.deepEqual(core.trap(), { cause: 13, tval: VA + 0x2000n });
});

test("a device sees whole accesses as they are, with the hardware address captured first", () => {
  const core = new Core();
  let seen: unknown;
  core.onWrite = () => {
    seen = core.hwaddr();
    return true;
  };
  core.store(DEVICE + 0x1014n, 0xaabbccddeen, 4);
  assert.deepEqual(core.io, [{ write: true, region: DEVICE_REGION, offset: 0x1014, size: 4, value: 0xbbccddeen }]);
  assert.deepEqual(seen, {
    va: DEVICE + 0x1014n,
    pa: DEVICE + 0x1014n,
    offset: 0x1014n,
    region: DEVICE_REGION,
    device: DEVICE_ID,
    kind: L.SECTION_IO,
    size: 4,
  });
  core.onRead = () => 0x1122334455667788n;
  assert.equal(core.load(DEVICE, 8), 0x1122334455667788n);
  assert.equal(core.load(DEVICE, 2), 0x7788n);
  assert.equal(core.load(DEVICE + 2n, 4), 0x55667788n, "misaligned is the bus's to judge");
  assert.equal(core.stat(L.STAT_IO_READ), 3);
});

test("a device that refuses is an access fault", () => {
  const core = new Core();
  core.onRead = () => undefined;
  core.onWrite = () => false;
  core.load(DEVICE + 8n, 4);
  assert.deepEqual(core.trap(), { cause: 5, tval: DEVICE + 8n });
  core.store(DEVICE + 8n, 1n, 4);
  assert.deepEqual(core.trap(), { cause: 7, tval: DEVICE + 8n });
});

test("nothing at an address is an access fault", () => {
  const core = new Core();
  core.load(0x20000000n, 4);
  assert.deepEqual(core.trap(), { cause: 5, tval: 0x20000000n });
  core.store(0xffffffff00000000n, 4n, 4);
  assert.deepEqual(core.trap(), { cause: 7, tval: 0xffffffff00000000n });
  assert.equal(core.f.lookup_code(0x20000000n), 0);
  assert.deepEqual(core.trap(), { cause: 1, tval: 0x20000000n });
  assert.equal(core.f.lookup_code(DEVICE), 0);
  assert.deepEqual(core.trap(), { cause: 1, tval: DEVICE });
});

test("halves in a device are split into aligned pieces", () => {
  const core = pages(RAM + 0x5000n, DEVICE, RAM + 0x6000n);
  core.store(VA + 0xffdn, 0x0807060504030201n, 8); // 3 in RAM, 5 in the device
  assert.deepEqual(
    core.io.map(({ offset, size, value }) => [offset, size, value]),
    [
      [0, 4, 0x07060504n],
      [4, 1, 0x08n],
    ],
  );
  assert.equal(core.hwaddr().region, RAM_REGION);
  assert.equal(core.hwaddr(L.HWADDR2).region, DEVICE_REGION);
  core.io.length = 0;
  core.onRead = (_r, offset) => BigInt(offset & 0xff);
  core.setRam64(RAM_BASE + 0x6000, 0x77n);
  assert.equal(core.load(VA + 0x1ff9n, 8), 0x77_000000fc_00fa_f9n);
  assert.deepEqual(
    core.io.slice(0, 3).map(({ offset, size }) => [offset, size]),
    [
      [0xff9, 1],
      [0xffa, 2],
      [0xffc, 4],
    ],
  );
});

test("ROM reads, and drops writes", () => {
  const core = new Core();
  core.set64(core.romHost + 8, 0x55n);
  assert.equal(core.load(BigInt(ROM_BASE) + 8n), 0x55n);
  core.store(BigInt(ROM_BASE) + 8n, 1n);
  assert.equal(core.trap(), undefined);
  assert.equal(core.load(BigInt(ROM_BASE) + 8n), 0x55n);
});

test("a device that re-maps memory while it is written: the access goes where it started", () => {
  const core = pages(RAM + 0x5000n, DEVICE);
  core.onWrite = () => {
    // the device's page becomes RAM, and RAM moves
    core.setSections([
      { start: RAM_BASE, end: RAM_BASE + 0x300000, kind: L.SECTION_RAM, region: 9, host: core.ramHost + 0x1000 },
    ]);
    core.f.topology_changed();
    return true;
  };
  core.store(VA + 0xffcn, 0x0807060504030201n, 8);
  assert.equal(core.trap(), undefined);
  assert.equal(core.ram64(RAM_BASE + 0x5ff8) >> 32n, 0x04030201n, "first half in the old RAM");
  assert.deepEqual(core.hwaddr().region, RAM_REGION);
  assert.deepEqual(core.hwaddr(L.HWADDR2).region, DEVICE_REGION);
  assert.equal(core.hwaddr(L.HWADDR2).offset, 0n);
});

test("a page of several sections: each access finds its own", () => {
  const core = new Core();
  core.setSections([
    { start: DEVICE_BASE, end: DEVICE_BASE + 0x104, kind: L.SECTION_IO, region: 4 },
    {
      start: DEVICE_BASE + 0x104,
      end: DEVICE_BASE + 0x200,
      kind: L.SECTION_RAM,
      region: 5,
      host: core.ramHost,
      offset: 0x40,
    },
    { start: DEVICE_BASE + 0x300, end: DEVICE_BASE + 0x1000, kind: L.SECTION_IO, region: 6, offset: 0x10 },
  ]);
  core.f.topology_changed();
  core.load(DEVICE + 0x10n, 4);
  assert.equal(core.io.at(-1)?.region, 4);
  core.store(DEVICE + 0x110n, 77n, 4);
  assert.equal(core.get32(core.ramHost + 0xc), 77);
  assert.equal(core.hwaddr().offset, 0x4cn);
  core.load(DEVICE + 0x304n, 4);
  assert.deepEqual([core.io.at(-1)?.region, core.io.at(-1)?.offset], [6, 0x14]);
  core.load(DEVICE + 0x280n, 4);
  assert.equal(core.trap()?.cause, 5);
  // over the boundary of a device and RAM
  core.onRead = () => 0xddccbbaan;
  core.set32(core.ramHost, 0x44332211);
  assert.equal(core.load(DEVICE + 0x100n, 8), 0x44332211_ddccbbaan);
  core.load(DEVICE + 0x1fcn, 8);
  assert.deepEqual(core.trap(), { cause: 5, tval: DEVICE + 0x200n });
});

test("an access over more than two sections is refused whole", () => {
  const core = new Core();
  const ram = { kind: L.SECTION_RAM, region: 5, host: core.ramHost };
  core.setSections([
    { ...ram, start: RAM_BASE, end: RAM_BASE + 0x102 },
    { start: RAM_BASE + 0x102, end: RAM_BASE + 0x104, kind: L.SECTION_IO, region: 4 },
    { ...ram, start: RAM_BASE + 0x104, end: RAM_BASE + 0x1000 },
  ]);
  core.f.topology_changed();
  core.store(RAM + 0x100n, -1n, 8);
  assert.deepEqual(core.trap(), { cause: 7, tval: RAM + 0x100n });
  core.load(RAM + 0x100n, 8);
  assert.equal(core.trap()?.cause, 5);
  assert.deepEqual([core.io.length, core.get32(core.ramHost)], [0, 0]);
});

test("an AMO gets a host address in RAM and a captured pair of accesses in a device", () => {
  const core = new Core();
  assert.equal(core.f.amo_prepare(RAM + 8n, 8, 0n), core.ramHost + 8);
  assert.equal(core.f.amo_prepare(RAM + 4n, 8, 0n), 0);
  assert.deepEqual(core.trap(), { cause: 6, tval: RAM + 4n });
  assert.equal(core.f.amo_prepare(DEVICE + 4n, 4, 0n), 0);
  assert.equal(core.trap(), undefined);
  core.onRead = () => {
    core.setSections([]);
    core.f.topology_changed();
    return 5n;
  };
  assert.equal(core.f.amo_io_read(), 5n);
  core.f.amo_io_write(6n);
  assert.deepEqual(
    core.io.map((a) => [a.write, a.region, a.offset, a.size]),
    [
      [false, DEVICE_REGION, 4, 4],
      [true, DEVICE_REGION, 4, 4],
    ],
  );
});

test("an AMO on ROM works on a copy, on a read-only page it faults as a store", () => {
  const core = new Core();
  core.set64(core.romHost, 3n);
  const at = core.f.amo_prepare(BigInt(ROM_BASE), 8, 0n);
  assert.equal(core.get64(at), 3n);
  core.set64(at, 4n);
  assert.equal(core.get64(core.romHost), 3n);
  const paged = pages([RAM, PTE_V | PTE_R | PTE_A]);
  assert.equal(paged.f.amo_prepare(VA, 4, 0n), 0);
  assert.deepEqual(paged.trap(), { cause: 15, tval: VA });
});

test("LR and SC pair by physical address and size, once", () => {
  const core = new Core();
  core.setRam64(RAM_BASE, 0xffffffff_80000001n);
  assert.equal(core.f.load_reserved(RAM, 4, 0n), 0x80000001n);
  assert.equal(core.f.store_conditional(RAM, 7n, 4, 0n), 0);
  assert.equal(core.load(RAM, 4), 7n);
  assert.equal(core.f.store_conditional(RAM, 8n, 4, 0n), 1, "used up");
  core.f.load_reserved(RAM, 8, 0n);
  assert.equal(core.f.store_conditional(RAM + 8n, 8n, 8, 0n), 1, "elsewhere");
  assert.equal(core.f.store_conditional(RAM, 8n, 8, 0n), 1, "lost by the failure");
  core.f.load_reserved(RAM, 8, 0n);
  core.f.memory_written(RAM + 4n, 4);
  assert.equal(core.f.store_conditional(RAM, 8n, 8, 0n), 1, "DMA in between");
  core.f.load_reserved(RAM + 2n, 4, 0n);
  assert.deepEqual(core.trap(), { cause: 4, tval: RAM + 2n });
  core.f.store_conditional(RAM + 2n, 0n, 4, 0n);
  assert.deepEqual(core.trap(), { cause: 6, tval: RAM + 2n });
});

test("device accesses cover the whole region", () => {
  const core = new Core();
  core.load(DEVICE + BigInt(DEVICE_SIZE - 1), 1);
  assert.equal(core.trap(), undefined);
  core.load(DEVICE + BigInt(DEVICE_SIZE - 1), 2);
  assert.deepEqual(core.trap(), { cause: 5, tval: DEVICE + BigInt(DEVICE_SIZE) });
  assert.equal(core.io.length, 1, "the first half must not have been read");
});
