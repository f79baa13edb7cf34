import assert from "node:assert/strict";
import test from "node:test";
import { Plic } from "../../src/devices/plic.js";
import { bench, dumped, guest } from "./helper.js";

const BASE = 0xc000000;
const priority = (source: number): number => BASE + 4 * source;
const enable = (context: number, word = 0): number => BASE + 0x2000 + 0x80 * context + 4 * word;
const threshold = (context: number): number => BASE + 0x200000 + 0x1000 * context;
const claim = (context: number): number => threshold(context) + 4;

function plic() {
  const b = bench(2);
  const device = new Plic(b.context, { id: 2, name: "plic" });
  b.bus.add(b.bus.root, BASE, device.region);
  const { read, write } = guest(b.bus);
  return {
    ...b,
    device,
    read: (paddr: number) => Number(read(paddr, 4)),
    write: (paddr: number, value: number) => write(paddr, 4, value),
    lines: () => [...b.harts.high].sort(),
  };
}

test("a source interrupts the contexts it is enabled for, above their thresholds", () => {
  const p = plic();
  p.write(priority(10), 2);
  p.write(enable(1), 1 << 10);
  p.write(enable(2), 1 << 10);
  p.write(threshold(2), 2);
  p.device.input(10).set(true);
  assert.deepEqual(p.lines(), ["0.9"], "S-mode of hart 0; M-mode of hart 1 is masked");
  p.write(threshold(2), 1);
  assert.deepEqual(p.lines(), ["0.9", "1.11"]);
  assert.equal(p.read(BASE + 0x1000), 1 << 10);
});

test("claim gives the highest priority, the lowest number among equals, and 0 when there is none", () => {
  const p = plic();
  for (const [source, value] of [
    [3, 1],
    [40, 5],
    [20, 5],
    [95, 7],
  ] as const) {
    p.write(priority(source), value);
    p.device.input(source).set(true);
  }
  p.write(enable(0, 0), 0xffffffff);
  p.write(enable(0, 1), 0xffffffff);
  assert.equal(p.read(claim(0)), 20);
  assert.equal(p.read(claim(0)), 40);
  assert.equal(p.read(claim(0)), 3);
  assert.equal(p.read(claim(0)), 0);
  assert.deepEqual(p.lines(), []);
  p.write(enable(0, 2), 0x80000000);
  assert.equal(p.read(claim(0)), 95);
});

test("a level that stays high interrupts again after completion, and not before", () => {
  const p = plic();
  p.write(priority(1), 1);
  p.write(enable(0), 2);
  const line = p.device.input(1);
  line.set(true);
  assert.equal(p.read(claim(0)), 1);
  line.set(false);
  line.set(true);
  assert.deepEqual(p.lines(), [], "the gateway is shut");
  assert.equal(p.read(claim(0)), 0);
  p.write(claim(0), 1);
  assert.deepEqual(p.lines(), ["0.11"]);
  assert.equal(p.read(claim(0)), 1);
  line.set(false);
  p.write(claim(0), 1);
  assert.deepEqual(p.lines(), []);
});

test("a request stays pending when the level falls before the claim", () => {
  const p = plic();
  p.write(priority(1), 1);
  p.write(enable(0), 2);
  p.device.input(1).set(true);
  p.device.input(1).set(false);
  assert.equal(p.read(claim(0)), 1);
});

test("completing a source that is not enabled for the context is ignored", () => {
  const p = plic();
  p.write(priority(1), 1);
  p.write(enable(0), 2);
  p.device.input(1).set(true);
  assert.equal(p.read(claim(0)), 1);
  p.write(claim(1), 1);
  assert.deepEqual(p.lines(), []);
  p.write(claim(0), 77);
  p.write(claim(0), 0xffffffff);
  p.write(claim(0), 1);
  assert.deepEqual(p.lines(), ["0.11"]);
});

test("priorities and thresholds have three bits, source 0 does not exist, pending is read-only", () => {
  const p = plic();
  p.write(priority(5), 0xff);
  p.write(threshold(0), 0xff);
  p.write(enable(0), 0xffffffff);
  p.write(BASE + 0x1000, 0xffffffff);
  assert.deepEqual(
    [p.read(priority(5)), p.read(threshold(0)), p.read(enable(0)) >>> 0, p.read(BASE + 0x1000)],
    [7, 7, 0xfffffffe, 0],
  );
  assert.throws(() => p.device.input(0), /no source 0/);
  assert.throws(() => p.device.input(96), /no source 96/);
});

test("the claim is not masked by the threshold, only the line is", () => {
  const p = plic();
  p.write(priority(4), 3);
  p.write(enable(0), 1 << 4);
  p.write(threshold(0), 7);
  p.device.input(4).set(true);
  assert.deepEqual(p.lines(), []);
  assert.equal(p.read(claim(0)), 4);
});

test("dumping and peeking claim nothing; names carry the indexes", () => {
  const p = plic();
  p.write(priority(10), 1);
  assert.equal(p.names.name(p.bus.lastRegister), "plic.priority[10]");
  p.write(enable(1), 1 << 10);
  p.device.input(10).set(true);
  assert.equal(dumped(p.device, "claim[1]"), 10n);
  assert.equal(p.bus.peekIo(claim(1), 4), 10);
  assert.deepEqual(p.device.state().inner["claimed"], []);
  assert.equal(p.read(claim(1)), 10);
  assert.deepEqual(p.device.state().inner["claimed"], [10]);
});

test("only 32-bit accesses are taken", () => {
  const p = plic();
  const { read } = guest(p.bus);
  assert.throws(() => read(priority(1), 1), /fault/);
  assert.throws(() => read(priority(2), 8), /fault/);
});
