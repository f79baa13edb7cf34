import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { type BoardContext, BoardError } from "../../../src/machine/boards/board.js";
import { remap } from "../../../src/machine/boards/remap.js";
import type { MachineDescription } from "../../../src/machine/description.js";
import { bench, guest, TestConsole } from "../../devices/helper.js";

const RAM = 1 << 20;

function board(more: Partial<MachineDescription> = {}) {
  const b = bench(more.harts ?? 1, 128);
  const port = new TestConsole();
  const context: BoardContext = { ...b.context, allocate: () => 0, console: () => port };
  const description: MachineDescription = { board: "remap", harts: 1, ram: RAM, ...more };
  return { ...b, port, built: remap.build(context, description), ...guest(b.bus) };
}

test("every line of the address map is answered by the region it names", () => {
  const { bus, built } = board();
  for (const entry of built.addressMap) {
    const names = [bus.find(entry.start)?.region.name, bus.find(entry.start + entry.size - 1)?.region.name];
    const want = entry.name.replace(/^window([01])$/, "bank$1.ram0");
    assert.deepEqual(names, [want, want]);
  }
  const covered = built.addressMap.reduce((sum, entry) => sum + entry.size, 0);
  assert.equal(
    bus.flatView().reduce((sum, entry) => sum + Number(entry.end - entry.start), 0),
    covered,
    "nothing else answers",
  );
});

test("ids are distinct, and the regions of a device carry its id", () => {
  const { bus, built } = board();
  assert.equal(new Set(built.devices.map((device) => device.id)).size, built.devices.length);
  for (const [start, name] of [
    [0x11000000, "bank0"],
    [0x11003000, "latch1"],
    [0x10000000, "uart0"],
  ] as const) {
    assert.equal(bus.deviceName(bus.find(start)!.region.device), name);
  }
  assert.equal(bus.find(0x12000000)!.region.device, 0, "RAM belongs to nobody");
});

test("each controller re-maps its own window with its own latch", () => {
  const { bus, write, read } = board();
  write(0x11000000, 4, 4);
  assert.equal(bus.find(0x12000000)?.region.name, "latch0");
  assert.equal(bus.find(0x12100000)?.region.name, "bank1.ram0");
  write(0x11001008, 4, 8);
  for (let i = 0; i < 4; i++) read(0x11001000, 4);
  assert.equal(bus.find(0x12100000)?.region.name, "latch1");
  read(0x11001000, 4);
  read(0x11001000, 4);
  assert.equal(read(0x12100010, 4), 0xb1000010n);
});

test("boot puts images in memory again, and every hart starts in the reset code", () => {
  const kernel = { name: "k", kind: "raw" as const, bytes: Uint8Array.of(0x13, 0, 0, 0) };
  const { built, bus } = board({ harts: 3, load: [{ ...kernel, address: 0x80000000 }] });
  for (let round = 0; round < 2; round++) {
    bus.writePhysical(0x80000000, new Uint8Array(4));
    const starts = built.boot();
    assert.deepEqual(
      starts.map((start) => start.pc),
      [0x1000n, 0x1000n, 0x1000n],
    );
    assert.equal(bus.readPhysical(0x80000000, 1)[0], 0x13);
    assert.notEqual(bus.readPhysical(0x1000, 1)[0], 0);
  }
});

test("what the board cannot do is refused before anything is mapped", () => {
  for (const more of [{ harts: 9 }, { harts: 0 }, { ram: 4095 }, { ram: 2 ** 32 }])
    assert.throws(() => board(more), BoardError);
  assert.throws(() => board({ virtio: [{ type: "entropy" }] }), /no virtio/);
  assert.throws(() => board({ flash: [{ name: "f", bytes: new Uint8Array(4) }] }), /no flash/);
});

test("the device tree is dtc-clean and names the controllers", (t) => {
  const { built } = board({ harts: 2 });
  const dtc = spawnSync("dtc", ["-I", "dtb", "-O", "dts"], { input: built.deviceTree() });
  if (dtc.error) return t.skip("dtc is not installed");
  assert.equal(dtc.status, 0);
  const text = dtc.stdout.toString();
  assert.match(text, /bank-controller@11000000/);
  assert.match(text, /latch@11003000/);
  assert.doesNotMatch(text, /virtio|flash/);
  assert.equal(dtc.stderr.toString(), "");
});
