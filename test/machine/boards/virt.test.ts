import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { Bus } from "../../../src/bus/bus.js";
import { NameTables } from "../../../src/devices/names.js";
import { type BoardContext, BoardError, type BuiltBoard } from "../../../src/machine/boards/board.js";
import { virt } from "../../../src/machine/boards/virt.js";
import type { MachineDescription } from "../../../src/machine/description.js";
import { readFdt } from "../../../src/machine/fdt.js";
import { FakeConsole, FakeDma } from "../../devices/virtio/harness.js";
import { makeElf } from "../../image/helpers.js";

const MIB = 1 << 20;

interface Built {
  board: BuiltBoard;
  bus: Bus;
  consoles: Map<string, FakeConsole>;
  interrupts: Map<string, boolean>;
}

function build(description: Partial<MachineDescription> = {}): Built {
  const memory = new WebAssembly.Memory({ initial: 2048, maximum: 2048, shared: true });
  let next = 65536;
  const allocate = (size: number): number => {
    const at = next;
    next += Math.ceil(size / 4096) * 4096;
    return at;
  };
  const log = { guestError: () => {} };
  const bus = new Bus({ memory, allocate, log });
  const consoles = new Map<string, FakeConsole>();
  const interrupts = new Map<string, boolean>();
  const harts = description.harts ?? 1;
  const context: BoardContext = {
    bus,
    clock: { now: () => 0, schedule: () => ({ cancel: () => {} }) },
    harts: {
      count: harts,
      setInterrupt: (hart, bit, level) => void interrupts.set(`${hart}.${bit}`, level),
      getMtimecmp: () => 0n,
      setMtimecmp: () => {},
      getMtime: () => 0n,
      setMtime: () => {},
    },
    dma: new FakeDma(),
    control: { halt: () => {} },
    names: new NameTables(),
    log,
    allocate,
    console: (name) => {
      const port = consoles.get(name) ?? new FakeConsole();
      consoles.set(name, port);
      return port;
    },
  };
  const board = virt.build(context, { board: "virt", harts, ram: 16 * MIB, ...description });
  return { board, bus, consoles, interrupts };
}

function read32(bus: Bus, paddr: number): number {
  const section = bus.find(paddr);
  assert.ok(section, paddr.toString(16));
  assert.equal(bus.dispatchRead(section.region.id, section.offset + paddr - section.start, 4), 0);
  return bus.value.lo;
}

function write32(bus: Bus, paddr: number, value: number): void {
  const section = bus.find(paddr);
  assert.ok(section, paddr.toString(16));
  assert.equal(bus.dispatchWrite(section.region.id, section.offset + paddr - section.start, 4, value, 0), 0);
}

describe("board virt", () => {
  it("has QEMU's address map", () => {
    const { bus } = build();
    const view = bus
      .flatView()
      .map(({ start, end, region, kind }) => [`${start.toString(16)}-${end.toString(16)}`, region, kind]);
    assert.deepEqual(view, [
      ["1000-10000", "mrom", "rom"],
      ["100000-101000", "test", "io"],
      ["101000-102000", "rtc", "io"],
      ["2000000-2010000", "clint", "io"],
      ["c000000-c600000", "plic", "io"],
      ["10000000-10000100", "uart0", "io"],
      ...Array.from({ length: 8 }, (_, i) => [`1000${i + 1}000-1000${i + 2}000`, `virtio${i}`, "io"]),
      ["20000000-22000000", "flash0", "io"],
      ["22000000-24000000", "flash1", "io"],
      ["80000000-81000000", "ram", "ram"],
    ]);
  });

  it("agrees with itself: map, device tree, wires and devices", () => {
    const { board, bus } = build({ harts: 2 });
    const { root } = readFdt(board.deviceTree());
    for (const entry of board.addressMap) {
      const section = bus.find(entry.start);
      assert.equal(section?.region.name, entry.name);
      assert.equal(bus.find(entry.start + entry.size - 1)?.region.name, entry.name);
    }
    const places = root.child("soc")?.children.map((node) => node.cells("reg"));
    for (const name of ["test", "rtc", "clint", "plic", "uart0", "virtio0", "virtio7"]) {
      const entry = board.addressMap.find((candidate) => candidate.name === name);
      assert.ok(
        places?.some((cells) => cells?.[1] === entry?.start && cells?.[3] === entry?.size),
        name,
      );
    }
    assert.deepEqual(
      board.interrupts.map((wire) => `${wire.device}:${wire.source}`),
      ["rtc:11", "uart0:10", ...Array.from({ length: 8 }, (_, i) => `virtio${i}:${i + 1}`)],
    );
    assert.deepEqual(
      board.devices.map((device) => device.id),
      board.devices.map((_, i) => i + 1),
    );
  });

  it("starts every hart in the reset code, and boots again into cleared memory", () => {
    const kernel = {
      name: "k",
      bytes: makeElf({ segments: [{ vaddr: 0x80000000n, paddr: 0x80000000n, data: Uint8Array.of(1, 2, 3, 4) }] }),
    };
    const { board, bus } = build({ harts: 3, kernel });
    for (let round = 0; round < 2; round++) {
      const starts = board.boot();
      assert.deepEqual(
        starts,
        Array.from({ length: 3 }, () => ({ pc: 0x1000n, x: {} })),
      );
      assert.deepEqual([...bus.readPhysical(0x80000000, 4)], [1, 2, 3, 4]);
      assert.equal(Buffer.from(bus.readPhysical(0x1000, 4)).readUInt32LE(), 0x00000297);
      const dtb = Number(Buffer.from(bus.readPhysical(0x1020, 8)).readBigUInt64LE());
      assert.deepEqual(bus.readPhysical(dtb, board.deviceTree().length), board.deviceTree());
      for (const region of bus.regions)
        if (region?.kind === "ram" || region?.kind === "rom") bus.hostBytes(region).fill(0);
      for (const device of board.devices) device.reset();
    }
  });

  it("gives symbols where the images lie, position-independent ones included", () => {
    const bytes = makeElf({
      type: 3,
      entry: 0n,
      segments: [{ vaddr: 0n, paddr: 0n, data: new Uint8Array(64) }],
      symbols: [{ name: "_start", value: 0n, info: 2 }],
    });
    const { board } = build({ firmware: { name: "pie", bytes } });
    assert.deepEqual(board.symbols?.(), [
      { image: "pie", symbols: [{ name: "_start", address: 0x80000000n, size: 0, kind: "function" }] },
    ]);
  });

  it("fills virtio slots, unpacks a gzip disk, and names the consoles", () => {
    const disk = { name: "d", bytes: new Uint8Array(gzipSync(new Uint8Array(4096))) };
    const { board, bus, consoles } = build({
      virtio: [
        { type: "block", image: disk, readOnly: false },
        { type: "entropy" },
        { type: "console" },
        { type: "console" },
      ],
    });
    assert.deepEqual(
      Array.from({ length: 8 }, (_, i) => read32(bus, 0x10001008 + i * 0x1000)),
      [2, 4, 3, 3, 0, 0, 0, 0],
    );
    assert.equal(read32(bus, 0x10001100), 8);
    assert.deepEqual(board.consoles, ["uart0", "console0", "console1"]);
    write32(bus, 0x10004108, 0x41);
    assert.deepEqual(consoles.get("console1")?.sent, [0x41]);
  });

  it("carries a device's interrupt through the PLIC to M and S mode of a hart", () => {
    const { bus, interrupts } = build({ harts: 2, virtio: [{ type: "entropy" }] });
    write32(bus, 0xc000004, 1); // priority of source 1
    write32(bus, 0xc002000 + 3 * 0x80, 2); // context 3: S-mode of hart 1
    // a ring that is not memory: the device fails and raises its configuration interrupt
    const R = 0x10001000;
    for (const [offset, value] of [
      [0x70, 3],
      [0x24, 1],
      [0x20, 1],
      [0x70, 11],
      [0x30, 0],
      [0x44, 1],
      [0x70, 15],
    ] as const) {
      write32(bus, R + offset, value);
    }
    assert.equal(read32(bus, R + 0x60), 2);
    assert.equal(interrupts.get("1.9"), true);
    assert.notEqual(interrupts.get("0.9"), true);
    write32(bus, R + 0x64, 2);
    assert.equal(read32(bus, 0xc201004 + 2 * 0x1000), 1); // claim by context 3
    assert.equal(interrupts.get("1.9"), false);
  });

  it("runs from flash: contents of bank 0 are ROM, the rest is erased flash", () => {
    const { board, bus } = build({ flash: [{ name: "f", bytes: new Uint8Array(5000).fill(7) }] });
    board.boot();
    assert.deepEqual([...bus.readPhysical(0x20000000 + 4999, 2)], [7, 0xff]);
    assert.equal(bus.find(0x20001fff)?.region.kind, "rom");
    assert.equal(bus.find(0x20002000)?.region.name, "flash0");
    assert.equal(read32(bus, 0x20002000), 0xffffffff);
    assert.equal(Buffer.from(bus.readPhysical(0x1018, 8)).readBigUInt64LE(), 0x20000000n);
    const linked = build({
      flash: [
        {
          name: "f.elf",
          bytes: makeElf({ segments: [{ vaddr: 0x20000010n, paddr: 0x20000010n, data: Uint8Array.of(9) }] }),
        },
      ],
    });
    linked.board.boot();
    assert.equal(linked.bus.readPhysical(0x20000010, 1)[0], 9);
  });

  it("refuses what it cannot be, and builds nothing then", () => {
    const cases: [Partial<MachineDescription>, RegExp][] = [
      [{ harts: 9 }, /9 harts/],
      [{ ram: 4097 }, /RAM of 4097 bytes/],
      [{ ram: 4 * 2 ** 30 }, /RAM of 4294967296/],
      [{ virtio: Array.from({ length: 9 }, () => ({ type: "entropy" as const })) }, /9 virtio devices/],
      [{ flash: [1, 2, 3].map(() => ({ name: "f", bytes: Uint8Array.of(1) })) }, /3 flash images/],
      [
        { flash: [{ name: "f", bytes: new Uint8Array((32 << 20) + 1) }] },
        /flash0 "f" at 0x20000000 to 0x22000001 is outside of its bank/,
      ],
    ];
    for (const [description, message] of cases) {
      assert.throws(
        () => build(description),
        (error: unknown) => error instanceof BoardError && message.test(error.message),
        String(message),
      );
    }
  });
});
