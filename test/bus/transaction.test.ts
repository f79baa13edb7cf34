import assert from "node:assert/strict";
import test from "node:test";
import type { Bus, MemoryRegion } from "../../src/bus/bus.js";
import { CoreLink } from "../../src/bus/core-link.js";
import { IO_OK } from "../../src/bus/region.js";
import {
  IO_FIELD,
  IO_REGISTER,
  IO_VALUE,
  SECTION_COUNT,
  SECTION_DEVICE,
  SECTION_END,
  SECTION_HOST,
  SECTION_IO,
  SECTION_KIND,
  SECTION_OFFSET,
  SECTION_RAM,
  SECTION_REGION,
  SECTION_SIZE,
  SECTION_START,
  SECTIONS,
  TOPOLOGY_GENERATION,
} from "../../src/core/layout.js";
import { NameTables } from "../../src/devices/names.js";
import { makeBus, nullIo } from "./helper.js";

test("nested transactions commit once, at the outermost end", () => {
  const { bus } = makeBus();
  const commits: number[] = [];
  bus.onCommit((sections) => commits.push(sections.length));
  bus.transaction(() => {
    bus.add(bus.root, 0, bus.createIo("a", 0x100, nullIo()));
    bus.transaction(() => {
      bus.add(bus.root, 0x1000, bus.createIo("b", 0x100, nullIo()));
    });
    assert.equal(bus.sections.length, 0, "nothing shows before the end");
    bus.add(bus.root, 0x2000, bus.createIo("c", 0x100, nullIo()));
  });
  assert.deepEqual(commits, [3]);
});

test("changes outside of a transaction commit at once, and without a difference there is no commit", () => {
  const { bus } = makeBus();
  let commits = 0;
  bus.onCommit(() => commits++);
  const a = bus.createIo("a", 0x100, nullIo());
  bus.add(bus.root, 0, a);
  assert.equal(commits, 1);
  bus.setEnabled(a, true);
  bus.transaction(() => {
    bus.setEnabled(a, false);
    bus.setEnabled(a, true);
  });
  assert.equal(commits, 1);
  bus.setEnabled(a, false);
  assert.equal(commits, 2);
  assert.equal(bus.sections.length, 0);
});

test("a transaction that throws commits what it did", () => {
  const { bus } = makeBus();
  assert.throws(() =>
    bus.transaction(() => {
      bus.add(bus.root, 0, bus.createIo("a", 0x100, nullIo()));
      throw new Error("later");
    }),
  );
  assert.equal(bus.sections.length, 1);
});

test("a flat view once handed out never changes", () => {
  const { bus } = makeBus();
  const a = bus.createRam("a", 0x100);
  bus.add(bus.root, 0, a);
  const before = bus.sections;
  const section = bus.find(0x10);
  bus.setOffset(a, 0x1000);
  assert.equal(before[0]?.start, 0);
  assert.equal(section?.start, 0);
  assert.equal(bus.find(0x10), undefined);
});

/** A device that swaps itself for RAM inside its own handlers. */
function swapper(bus: Bus): { device: MemoryRegion; ram: MemoryRegion; log: string[] } {
  const log: string[] = [];
  const swap = (): void => {
    log.push(`find before: ${bus.find(0x1000)?.region.name}`);
    bus.setEnabled(device, false);
    log.push(`find after: ${bus.find(0x1000)?.region.name}`);
  };
  const device: MemoryRegion = bus.createIo(
    "device",
    0x1000,
    {
      read(offset, size) {
        log.push(`read ${offset} ${size}`);
        swap();
        return 0x5a;
      },
      write(offset, size, value) {
        log.push(`write ${offset} ${size} ${value}`);
        if (value === 1) swap();
      },
    },
    { valid: { min: 1, max: 8, unaligned: false }, impl: { min: 1, max: 4, unaligned: false }, endianness: "little" },
  );
  const ram = bus.createRam("ram", 0x1000);
  bus.add(bus.root, 0x1000, ram);
  bus.add(bus.root, 0x1000, device, 1);
  return { device, ram, log };
}

test("a device that unmaps itself in a read still answers that read", () => {
  const { bus } = makeBus();
  const { device, log } = swapper(bus);
  assert.equal(bus.dispatchRead(device.id, 4, 4), IO_OK);
  assert.equal(bus.value.lo, 0x5a);
  assert.deepEqual(log, ["read 4 4", "find before: device", "find after: ram"]);
});

test("all pieces of a split write go to the device the access started with", () => {
  const { bus } = makeBus();
  const { device, ram, log } = swapper(bus);
  assert.equal(bus.dispatchWrite(device.id, 8, 8, 1, 2), IO_OK);
  assert.deepEqual(log, ["write 8 4 1", "find before: device", "find after: ram", "write 12 4 2"]);
  assert.deepEqual([...bus.hostBytes(ram).subarray(8, 16)], [0, 0, 0, 0, 0, 0, 0, 0]);
});

test("inside a transaction a handler sees the old view until the end", () => {
  const { bus } = makeBus();
  const { device, log } = swapper(bus);
  bus.transaction(() => bus.dispatchRead(device.id, 0, 4));
  assert.deepEqual(log, ["read 0 4", "find before: device", "find after: device"]);
  assert.equal(bus.find(0x1000)?.region.name, "ram");
});

test("the core link writes the section table, bumps the generation, then tells the core", () => {
  const { bus, memory } = makeBus();
  const view = new DataView(memory.buffer);
  const names = new NameTables();
  bus.nameDevice(3, "uart0");
  const ram = bus.createRam("ram", 0x2000);
  bus.add(bus.root, 0x1_8000_0000, ram);
  const seen: number[] = [];
  const link = new CoreLink({
    bus,
    memory,
    names,
    topologyChanged: () => seen.push(view.getUint32(SECTION_COUNT, true)),
  });
  assert.equal(view.getUint32(SECTION_COUNT, true), 1, "the view there was is written at once");
  const generation = view.getUint32(TOPOLOGY_GENERATION, true);
  const handlers = {
    lastRegister: 0,
    lastField: 0,
    read() {
      this.lastRegister = 11;
      this.lastField = 12;
      return 0xfedcba98;
    },
    write: () => {},
    read64: () => 0x1122334455667788n,
    write64: (_offset: number, value: bigint) => void written.push(value),
  };
  const written: bigint[] = [];
  const uart = bus.createIo(
    "uart0.regs",
    0x100,
    handlers,
    { valid: { min: 1, max: 8, unaligned: false }, impl: { min: 1, max: 8, unaligned: false }, endianness: "little" },
    3,
  );
  const window = bus.createAlias("window", ram, 0x1000, 0x800);
  bus.transaction(() => {
    bus.add(bus.root, 0x1000_0000, uart);
    bus.add(bus.root, 0x2000_0000, window);
  });
  assert.deepEqual(seen, [3]);
  assert.equal(view.getUint32(TOPOLOGY_GENERATION, true), generation + 1);
  const section = (i: number) => {
    const at = SECTIONS + i * SECTION_SIZE;
    return {
      start: view.getBigUint64(at + SECTION_START, true),
      end: view.getBigUint64(at + SECTION_END, true),
      offset: view.getBigUint64(at + SECTION_OFFSET, true),
      host: view.getUint32(at + SECTION_HOST, true),
      region: view.getUint32(at + SECTION_REGION, true),
      kind: view.getUint32(at + SECTION_KIND, true),
      device: view.getUint32(at + SECTION_DEVICE, true),
    };
  };
  assert.deepEqual(section(0), {
    start: 0x1000_0000n,
    end: 0x1000_0100n,
    offset: 0n,
    host: 0,
    region: uart.id,
    kind: SECTION_IO,
    device: 3,
  });
  assert.deepEqual(section(1), {
    start: 0x2000_0000n,
    end: 0x2000_0800n,
    offset: 0x1000n,
    host: ram.host + 0x1000,
    region: ram.id,
    kind: SECTION_RAM,
    device: 0,
  });
  assert.equal(section(2).start, 0x1_8000_0000n);
  assert.equal(names.device.name(3), "uart0");
  assert.equal(names.region.name(ram.id), "ram");

  assert.equal(link.ioRead(uart.id, 0, 4), IO_OK);
  assert.equal(view.getBigUint64(IO_VALUE, true), 0xfedcba98n);
  assert.equal(view.getUint32(IO_REGISTER, true), 11);
  assert.equal(view.getUint32(IO_FIELD, true), 12);
  link.ioRead(uart.id, 8, 8);
  assert.equal(view.getBigUint64(IO_VALUE, true), 0x1122334455667788n);
  view.setBigUint64(IO_VALUE, 0xcafe_0000_0000_0001n, true);
  link.ioWrite(uart.id, 8, 8);
  assert.deepEqual(written, [0xcafe_0000_0000_0001n]);
});
