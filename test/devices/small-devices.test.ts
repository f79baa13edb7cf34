import assert from "node:assert/strict";
import test from "node:test";
import { Clint } from "../../src/devices/clint.js";
import { GoldfishRtc } from "../../src/devices/rtc-goldfish.js";
import { TestFinisher } from "../../src/devices/test-finisher.js";
import { bench, dumped, guest, TestIrq } from "./helper.js";

// ---- CLINT ----

function clint() {
  const b = bench(2);
  const device = new Clint(b.context, { id: 1, name: "clint" });
  b.bus.add(b.bus.root, 0x2000000, device.region);
  device.reset();
  return { ...b, device, ...guest(b.bus) };
}

test("msip raises and lowers the software interrupt of its hart", () => {
  const c = clint();
  c.write(0x2000004, 4, 0xffffffff);
  assert.deepEqual([...c.harts.high], ["1.3"]);
  assert.equal(c.read(0x2000004, 4), 1n);
  assert.equal(c.names.name(c.bus.lastRegister), "clint.msip[1]");
  c.write(0x2000004, 4, 0);
  assert.deepEqual([...c.harts.high], []);
});

test("mtimecmp and mtime are read and written whole or in halves", () => {
  const c = clint();
  assert.equal(c.harts.mtimecmp[1], 0xffff_ffff_ffff_ffffn, "none fires after reset");
  c.write(0x2004008, 8, 0x1_0000_0002n);
  assert.equal(c.harts.mtimecmp[1], 0x1_0000_0002n);
  c.write(0x200400c, 4, 7);
  assert.equal(c.harts.mtimecmp[1], 0x7_0000_0002n);
  assert.equal(c.read(0x2004008, 4), 2n);
  c.harts.mtime = 0x1234_5678_9abc_def0n;
  assert.equal(c.read(0x200bff8, 8), 0x1234_5678_9abc_def0n);
  assert.equal(c.read(0x200bffc, 4), 0x1234_5678n);
  assert.equal(dumped(c.device, "mtime"), 0x1234_5678_9abc_def0n);
  c.write(0x200bff8, 8, 5n);
  assert.equal(c.harts.mtime, 5n);
});

test("registers of harts that are not there are unknown", () => {
  const c = clint();
  c.write(0x2000008, 4, 1);
  assert.deepEqual([...c.harts.high], []);
  assert.match(c.log[0] ?? "", /clint: write of unknown register at offset 0x8/);
  assert.throws(() => c.read(0x2000000, 1), /fault/);
});

// ---- RTC ----

const EPOCH_MS = 1_700_000_000_000;

function rtc() {
  const b = bench();
  const irq = new TestIrq();
  const device = new GoldfishRtc(b.context, { id: 3, name: "rtc", irq, epochMs: EPOCH_MS });
  b.bus.add(b.bus.root, 0x101000, device.region);
  const { read, write } = guest(b.bus);
  const time = () => {
    const low = read(0x101000, 4);
    return (read(0x101004, 4) << 32n) | low;
  };
  const alarm = (at: bigint) => {
    write(0x10100c, 4, at >> 32n);
    write(0x101008, 4, at & 0xffffffffn);
  };
  return { ...b, irq, device, time, alarm, read, write };
}

test("the clock shows the epoch plus virtual time, its high half latched with the low one", () => {
  const r = rtc();
  const epoch = BigInt(EPOCH_MS) * 1_000_000n;
  assert.equal(r.time(), epoch);
  r.clock.advance(5_000_000_000);
  assert.equal(r.time(), epoch + 5_000_000_000n);
  const high = r.read(0x101004, 4);
  r.clock.advance(10_000_000_000);
  assert.equal(r.read(0x101004, 4), high, "still the latched half");
});

test("setting the clock moves it", () => {
  const r = rtc();
  r.write(0x101004, 4, 0x10);
  r.write(0x101000, 4, 0x20);
  assert.equal(r.time(), 0x10_0000_0020n);
  r.clock.advance(7);
  assert.equal(r.time(), 0x10_0000_0027n);
});

test("the alarm interrupts at its time, until cleared", () => {
  const r = rtc();
  r.write(0x101010, 4, 1);
  const at = r.time() + 1000n;
  r.alarm(at);
  assert.equal(r.read(0x101018, 4), 1n);
  r.clock.advance(999);
  assert.equal(r.irq.level, false);
  r.clock.advance(1);
  assert.equal(r.irq.level, true);
  assert.equal(r.read(0x101018, 4), 0n);
  r.write(0x10101c, 4, 1);
  assert.equal(r.irq.level, false);
  assert.equal(r.read(0x101008, 4), at & 0xffffffffn);
});

test("an alarm in the past interrupts at once, a cleared one never, a masked one when unmasked", () => {
  const r = rtc();
  r.alarm(r.time() - 1n);
  assert.equal(r.irq.level, false, "masked");
  r.write(0x101010, 4, 1);
  assert.equal(r.irq.level, true);
  r.write(0x10101c, 4, 1);
  r.alarm(r.time() + 100n);
  r.write(0x101014, 4, 1);
  assert.equal(r.read(0x101018, 4), 0n);
  r.clock.advance(1000);
  assert.equal(r.irq.level, false);
  assert.equal(r.clock.pending, 0);
});

// ---- test finisher ----

function finisher() {
  const b = bench();
  const device = new TestFinisher(b.context, { id: 4, name: "test" });
  b.bus.add(b.bus.root, 0x100000, device.region);
  return { ...b, device, ...guest(b.bus) };
}

test("the finisher powers off, exits with a code and reboots", () => {
  const f = finisher();
  f.write(0x100000, 4, 0x5555);
  f.write(0x100000, 4, 0x2a_3333);
  f.write(0x100000, 4, 0x7777);
  f.write(0x100000, 2, 0x5555);
  assert.deepEqual(f.halts, [
    ["poweroff", 0],
    ["exit", 42],
    ["reboot", 0],
    ["poweroff", 0],
  ]);
  assert.equal(f.read(0x100000, 4), 0n);
});

test("another value is a guest error and does nothing", () => {
  const f = finisher();
  f.write(0x100000, 4, 0x1234);
  assert.deepEqual(f.halts, []);
  assert.match(f.log[0] ?? "", /unknown status 0x1234/);
});
