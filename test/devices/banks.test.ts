import assert from "node:assert/strict";
import test from "node:test";
import { BankController } from "../../src/devices/bank-controller.js";
import { Latch } from "../../src/devices/latch.js";
import { ReadBankController } from "../../src/devices/read-bank-controller.js";
import { bench, guest } from "./helper.js";

const BANK0 = 0x11000000;
const BANK1 = 0x11001000;
const LATCH = 0x11002000;
const WINDOW0 = 0x12000000;
const WINDOW1 = 0x12100000;

function banks() {
  const b = bench(1, 80);
  const latch = new Latch(b.context, { id: 1, name: "latch0" });
  const bank0 = new BankController(b.context, {
    id: 2,
    name: "bank0",
    window: "window0",
    target: latch.region,
    romTag: 0xb0000000,
  });
  const bank1 = new ReadBankController(b.context, {
    id: 3,
    name: "bank1",
    window: "window1",
    target: latch.region,
    romTag: 0xb1000000,
  });
  b.bus.transaction(() => {
    b.bus.add(b.bus.root, BANK0, bank0.region);
    b.bus.add(b.bus.root, BANK1, bank1.region);
    b.bus.add(b.bus.root, LATCH, latch.region);
    b.bus.add(b.bus.root, WINDOW0, bank0.window.region);
    b.bus.add(b.bus.root, WINDOW1, bank1.window.region);
  });
  const at = (paddr: number) => b.bus.find(paddr)?.region.name;
  return { ...b, latch, bank0, bank1, at, ...guest(b.bus) };
}

test("each value of BANK shows another target in the window", () => {
  const { read, write, at } = banks();
  for (let bank = 0; bank < 4; bank++) {
    write(BANK0, 4, bank);
    assert.equal(at(WINDOW0), `bank0.ram${bank}`);
    write(WINDOW0 + 8, 8, BigInt(bank) + 100n);
  }
  for (let bank = 0; bank < 4; bank++) {
    write(BANK0, 4, bank);
    assert.equal(read(WINDOW0 + 8, 8), BigInt(bank) + 100n, "banks keep what they hold");
    assert.equal(read(BANK0 + 4, 4), BigInt(bank));
  }
  write(BANK0, 4, 4);
  for (let page = 0; page < 16; page++) assert.equal(at(WINDOW0 + page * 0x1000 + 0xfff), "latch0");
  write(WINDOW0 + 0x3010, 4, 77);
  assert.equal(read(LATCH + 0x10, 4), 77n);
  write(BANK0, 4, 5);
  assert.deepEqual(
    [at(WINDOW0 + 0xfff), at(WINDOW0 + 0x1000), at(WINDOW0 + 0x2000)],
    ["bank0.ram0", "latch0", "bank0.ram0"],
  );
  assert.equal(read(BANK0 + 4, 4), 0x205n);
  write(BANK0, 4, 6);
  assert.equal(read(WINDOW0 + 0x1234, 4), 0xb0001234n);
  write(WINDOW0 + 0x1234, 4, 0);
  assert.equal(read(WINDOW0 + 0x1234, 4), 0xb0001234n);
  write(BANK0, 4, 7);
  assert.throws(() => read(WINDOW0, 4), /fault/);
  assert.equal(read(BANK0 + 4, 4), 0x407n);
});

test("a write that covers part of BANK, or crosses into it, selects once", () => {
  const { read, write, at } = banks();
  write(BANK0, 1, 2);
  assert.equal(at(WINDOW0), "bank0.ram2");
  write(BANK0 + 2, 2, 0);
  assert.equal(at(WINDOW0), "bank0.ram2", "bytes not covered stay");
  const switches = read(BANK0 + 0xc, 4);
  write(BANK0, 8, 3n);
  assert.equal(read(BANK0 + 0xc, 4), switches + 1n);
  write(BANK0 + 0xfff, 1, 1);
  assert.equal(at(WINDOW0), "bank0.ram1");
});

test("a refused selection sets ERROR until it is cleared, ROTATE goes round", () => {
  const { read, write, at } = banks();
  write(BANK0, 4, 8);
  assert.equal(at(WINDOW0), "bank0.ram0");
  assert.equal(read(BANK0 + 4, 4), 0x80000000n);
  write(BANK0 + 4, 4, 0);
  assert.equal(read(BANK0 + 4, 4), 0x80000000n);
  write(BANK0 + 4, 4, 0x80000000);
  assert.equal(read(BANK0 + 4, 4), 0n);
  for (let i = 0; i < 9; i++) write(BANK0 + 0x20, 4, 0);
  assert.equal(at(WINDOW0), "bank0.ram1");
  assert.equal(read(BANK0 + 0x10, 8), BigInt(WINDOW0));
  assert.equal(read(BANK0 + 0x18, 8), 0x10000n);
});

test("reading SWITCH gives the present target and maps the next", () => {
  const { read, write, at } = banks();
  const seen: [bigint, string | undefined][] = [];
  for (let i = 0; i < 6; i++) seen.push([read(BANK1, 4), at(WINDOW1)]);
  assert.deepEqual(seen, [
    [0n, "bank1.ram1"],
    [1n, "bank1.ram2"],
    [2n, "bank1.ram3"],
    [3n, "latch0"],
    [4n, "bank1.ram0"],
    [0n, "bank1.ram1"],
  ]);
  assert.equal(read(BANK1 + 4, 4), 1n);
  assert.equal(at(WINDOW1), "bank1.ram1", "CURRENT has no effect");
  write(BANK1 + 8, 4, 2);
  write(BANK1 + 8, 4, 9);
  assert.equal(read(BANK1 + 8, 4), 2n);
  assert.equal(read(BANK1 + 0xfff, 1), 1n);
  assert.equal(at(WINDOW1), "bank1.ram0");
  write(BANK1, 4, 3);
  assert.equal(at(WINDOW1), "bank1.ram0", "SWITCH cannot be written");
  read(BANK1, 4);
  write(BANK1 + 0x20, 1, 0);
  assert.equal(at(WINDOW1), "bank1.ram0");
});

test("debuggers cannot switch banks by looking", () => {
  const { bus, bank1, at, read } = banks();
  read(BANK1, 4);
  assert.equal(bus.peekIo(BANK1, 4), 1);
  bank1.state();
  bus.memoryTree();
  assert.deepEqual([...bus.readPhysical(BANK1, 1, "peek")], [1]);
  assert.equal(at(WINDOW1), "bank1.ram1");
  assert.equal(bank1.registers.isReadIdempotent(0, 1), false);
  assert.equal(bank1.registers.isReadIdempotent(4, 4), true);
});

test("the latch counts its own accesses by whichever address they came", () => {
  const { write, read, latch } = banks();
  const log = latch.registers.recordAccesses();
  write(LATCH, 8, 1n);
  write(BANK0, 4, 4);
  write(WINDOW0 + 0x5008, 2, 0xabcd);
  assert.equal(read(WINDOW0 + 0x7200, 4), 1n, "READS counts itself");
  assert.equal(read(LATCH + 0x204, 4), 2n);
  assert.deepEqual(
    log.map(({ direction, offset, size, value }) => [direction, offset, size, value]),
    [
      ["write", 0, 8, 1n],
      ["write", 8, 2, 0xabcdn],
      ["read", 0x200, 4, 1n],
      ["read", 0x204, 4, 2n],
    ],
  );
  assert.deepEqual([latch.state().inner["reads"], latch.state().inner["writes"]], [2, 2]);
});

test("one re-map is one new flat view, seen from inside the access", () => {
  const { bus, write } = banks();
  const views: (string | undefined)[] = [];
  bus.onCommit(() => views.push(bus.find(WINDOW0)?.region.name));
  write(BANK0, 4, 4);
  write(BANK0, 4, 4);
  write(BANK0, 4, 0);
  assert.deepEqual(views, ["latch0", "bank0.ram0"], "choosing the present target changes nothing");
});

test("reset maps target 0 and clears the banks", () => {
  const { bus, bank0, write, at, read } = banks();
  write(WINDOW0, 4, 5);
  write(BANK0, 4, 6);
  bus.hostBytes(bus.regions.find((region) => region?.name === "bank0.rom")!).fill(0);
  bank0.reset();
  assert.equal(at(WINDOW0), "bank0.ram0");
  assert.equal(read(WINDOW0, 4), 0n);
  assert.equal(read(BANK0 + 0xc, 4), 0n);
  write(BANK0, 4, 6);
  assert.equal(read(WINDOW0 + 4, 4), 0xb0000004n);
});
