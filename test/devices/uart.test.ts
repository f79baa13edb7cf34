import assert from "node:assert/strict";
import test from "node:test";
import { Ns16550a } from "../../src/devices/uart-ns16550a.js";
import { bench, dumped, guest, TestConsole, TestIrq } from "./helper.js";

const BASE = 0x10000000;
const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const THR = RBR;
const FCR = IIR;

function uart() {
  const b = bench();
  const port = new TestConsole();
  const irq = new TestIrq();
  const device = new Ns16550a(b.context, { id: 5, name: "uart0", irq, port, clockHz: 3686400 });
  b.bus.add(b.bus.root, BASE, device.region);
  const { read, write } = guest(b.bus);
  const names = () => [b.names.name(b.bus.lastRegister), b.names.field.name(b.bus.lastField)];
  return {
    ...b,
    port,
    irq,
    device,
    names,
    in: (register: number) => Number(read(BASE + register, 1)),
    out: (register: number, value: number) => write(BASE + register, 1, value),
    read,
    write,
  };
}

test("a byte written goes out at once and the transmitter is always empty", () => {
  const u = uart();
  assert.equal(u.in(LSR), 0x60);
  u.out(THR, 0x41);
  assert.deepEqual(u.port.sent, [0x41]);
  assert.equal(u.in(LSR), 0x60);
});

test("names in traces follow the bank and the direction", () => {
  const u = uart();
  u.out(LCR, 0x83);
  assert.deepEqual(u.names(), ["uart0.LCR", "uart0.LCR.DLAB|WLS"]);
  u.out(0, 1);
  assert.equal(u.names()[0], "uart0.DLL");
  u.out(LCR, 0x03);
  assert.deepEqual(u.names(), ["uart0.LCR", "uart0.LCR.DLAB"]);
  u.out(0, 0x55);
  assert.equal(u.names()[0], "uart0.THR");
  u.in(0);
  assert.equal(u.names()[0], "uart0.RBR");
  u.in(LSR);
  assert.deepEqual(u.names(), ["uart0.LSR", "uart0.LSR.TEMT|THRE"]);
});

test("without FIFO one byte is held and the rest waits in the console", () => {
  const u = uart();
  u.out(IER, 1);
  u.port.type(1, 2, 3);
  assert.equal(u.port.waiting, 2);
  assert.equal(u.irq.level, true);
  assert.equal(u.in(IIR), 0x04);
  assert.equal(u.in(LSR) & 1, 1);
  assert.deepEqual([u.in(RBR), u.in(RBR), u.in(RBR)], [1, 2, 3]);
  assert.equal(u.irq.level, false);
  assert.equal(u.in(IIR), 0x01);
});

test("the FIFO interrupts at its trigger level, and below it after four character times", () => {
  const u = uart();
  u.out(LCR, 0x83);
  u.out(0, 2); // 115200 bit/s
  u.out(LCR, 0x03);
  u.out(FCR, 0x81); // trigger at 8
  u.out(IER, 1);
  u.port.type(1, 2, 3);
  assert.equal(u.irq.level, false);
  const character = Math.ceil((10 * 16 * 2 * 1e9) / 3686400);
  u.clock.advance(4 * character - 1);
  assert.equal(u.irq.level, false);
  u.clock.advance(1);
  assert.equal(u.irq.level, true);
  assert.equal(u.in(IIR), 0xcc);
  assert.equal(u.in(RBR), 1);
  assert.equal(u.irq.level, false, "reading restarts the timeout");
  u.port.type(4, 5, 6, 7, 8, 9);
  assert.equal(u.in(IIR), 0xc4, "eight bytes are there");
  while (u.in(LSR) & 1) u.in(RBR);
  assert.equal(u.irq.level, false);
  u.clock.advance(10 * character);
  assert.equal(u.irq.level, false, "an empty FIFO has no timeout");
  assert.equal(u.clock.pending, 0);
});

test("sixteen bytes fit, none is lost", () => {
  const u = uart();
  u.out(FCR, 1);
  u.port.type(...Array.from({ length: 40 }, (_, i) => i));
  assert.equal(u.port.waiting, 24);
  const got: number[] = [];
  while (u.in(LSR) & 1) got.push(u.in(RBR));
  assert.deepEqual(
    got,
    Array.from({ length: 40 }, (_, i) => i),
  );
});

test("switching the transmitter interrupt on interrupts, reading IIR withdraws it", () => {
  const u = uart();
  u.out(IER, 2);
  assert.equal(u.irq.level, true);
  assert.equal(u.in(IIR), 0x02);
  assert.equal(u.irq.level, false);
  assert.equal(u.in(IIR), 0x01);
  u.out(IER, 2);
  assert.equal(u.irq.level, false, "it was on already");
  u.out(THR, 0x30);
  assert.equal(u.irq.level, true, "a transmitted byte leaves an empty transmitter");
  u.out(IER, 0);
  assert.equal(u.irq.level, false);
  u.out(IER, 2);
  assert.equal(u.irq.level, true);
});

test("received data comes before an empty transmitter, and reading IIR then withdraws nothing", () => {
  const u = uart();
  u.out(IER, 3);
  u.port.type(7);
  assert.equal(u.in(IIR), 0x04);
  u.in(RBR);
  assert.equal(u.in(IIR), 0x02);
  assert.equal(u.in(IIR), 0x01);
});

test("loopback: bytes come back, modem outputs come back as inputs, the line is cut off", () => {
  const u = uart();
  u.out(FCR, 1);
  u.out(MCR, 0x10 | 0x0a); // loop, OUT2, RTS, as Linux probes
  assert.equal(u.in(MSR) & 0xf0, 0x90);
  u.out(THR, 0x5a);
  assert.deepEqual(u.port.sent, []);
  assert.equal(u.in(RBR), 0x5a);
  u.port.type(1);
  assert.equal(u.in(LSR) & 1, 0);
  u.out(MCR, 0x03);
  assert.equal(u.in(RBR), 1, "what waited comes in when the line is back");
});

test("an overrun in loopback shows in LSR until read and interrupts first", () => {
  const u = uart();
  u.out(IER, 5);
  u.out(MCR, 0x10);
  u.out(THR, 1);
  u.out(THR, 2);
  assert.equal(u.in(IIR), 0x06);
  assert.equal(u.in(LSR), 0x63);
  assert.equal(u.in(LSR), 0x61);
  assert.equal(u.in(IIR), 0x04);
  assert.equal(u.in(RBR), 2);
});

test("modem changes interrupt until MSR is read", () => {
  const u = uart();
  u.out(IER, 8);
  u.out(MCR, 0x10);
  assert.equal(u.irq.level, true);
  assert.equal(u.in(IIR), 0x00);
  assert.equal(u.in(MSR), 0x0b, "CTS, DSR and DCD fell");
  assert.equal(u.irq.level, false);
  u.out(MCR, 0x14);
  assert.equal(u.in(MSR), 0x40);
  u.out(MCR, 0x10);
  assert.equal(u.in(MSR), 0x04, "ring counts when it ends");
});

test("toggling the FIFO or resetting it drops what was received", () => {
  const u = uart();
  u.out(FCR, 1);
  u.port.type(1, 2);
  u.out(FCR, 3);
  assert.equal(u.in(LSR) & 1, 0);
  u.port.type(3);
  u.out(FCR, 0);
  assert.equal(u.in(LSR) & 1, 0);
  assert.equal(u.in(IIR), 0x01);
});

test("debuggers see state without touching it", () => {
  const u = uart();
  u.out(FCR, 1);
  u.out(IER, 2);
  u.port.type(0x77);
  assert.equal(u.bus.peekIo(BASE + RBR, 1), 0x77);
  assert.equal(u.bus.peekIo(BASE + IIR, 1), 0xc2);
  assert.equal(dumped(u.device, "RBR"), 0x77n);
  assert.equal(u.in(IIR), 0xc2);
  assert.equal(u.in(RBR), 0x77);
  assert.deepEqual([...u.bus.readPhysical(BASE + SCR, 1, "peek")], [0]);
});

test("wide accesses concern one register, and the count is the guest's", () => {
  const u = uart();
  u.port.type(0x31);
  assert.equal(u.read(BASE + 4, 4), 0n);
  assert.equal(u.read(BASE, 8), 0x31n, "one byte, no neighbour touched");
  u.write(BASE, 4, 0x41424344);
  assert.deepEqual(u.port.sent, [0x44]);
  assert.deepEqual([u.device.state().inner["reads"], u.device.state().inner["writes"]], [2, 1]);
});

test("reset returns to the start", () => {
  const u = uart();
  u.out(IER, 2);
  u.out(LCR, 0x80);
  u.device.reset();
  assert.equal(u.irq.level, false);
  assert.equal(u.in(LCR), 0);
  assert.equal(u.in(IIR), 1);
  assert.equal(u.in(MSR), 0xb0);
});
