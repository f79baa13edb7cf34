// Code that changes while it runs: by its own stores, by another mapping, by copying, by DMA and from outside. Stores are
// visible to the very next instruction, with and without fence.i, whatever has been compiled.
import assert from "node:assert/strict";
import test from "node:test";
import { encode, make } from "../differential/encode.js";
import { times } from "../thorough.js";
import { Assembler, type Label } from "./assembler.js";
import {
  assertEndsAlike,
  boot,
  compare,
  differences,
  EAGER,
  type Image,
  INTERPRETER,
  runTo,
  type Settings,
  TIERS,
} from "./machines.js";
import { START } from "./platform.js";
import { twoAddresses } from "./two-addresses.js";

const [A0, A1, A2, T0, T1, T2, S0, S1] = [10, 11, 12, 5, 6, 7, 8, 9];
const FINISHER = 0x10_0000;

function powerOff(a: Assembler): void {
  a.li(T0, FINISHER);
  a.li(T1, 0x5555);
  a.op("sw", { rs1: T0, rs2: T1 });
}

function image(write: (a: Assembler) => void, more: Image["parts"] = []): Image {
  const a = new Assembler();
  write(a);
  powerOff(a);
  return { parts: [{ address: START, bytes: a.assemble(START).bytes }, ...more] };
}

/** The guest ends by itself, with `a0` as told, and alike in all tiers. */
const check = (guest: Image, a0: bigint, settings: Settings = {}): Promise<void> =>
  assertEndsAlike(guest, a0, 3000, settings);

const addi = (rd: number, imm: number): number => encode(make("addi", { rd, rs1: rd, imm }));
const caddi = (rd: number, imm: number): number => 0x0001 | (rd << 7) | ((imm & 31) << 2);

for (const fence of [false, true]) {
  const withFence = fence ? "with fence.i" : "without fence.i";

  test(`a loop that rewrites its own body at every turn, ${withFence}`, async () => {
    // adds 1, 2, 3, ... by an instruction whose immediate is counted up
    const guest = image((a) => {
      const target = a.label();
      const top = a.label();
      a.li(A0, 0);
      a.li(S0, 100);
      a.la(S1, target);
      a.li(T2, 1 << 20);
      a.place(top);
      if (fence) a.op("fence.i");
      a.place(target);
      a.word(addi(A0, 1));
      a.op("lw", { rd: T0, rs1: S1 });
      a.op("add", { rd: T0, rs1: T0, rs2: T2 });
      a.op("sw", { rs1: S1, rs2: T0 });
      a.op("addi", { rd: S0, rs1: S0, imm: -1 });
      a.to("bne", top, { rs1: S0 });
    });
    await check(guest, 5050n);
  });

  for (const last of [2, 4]) {
    test(`the last instruction of compiled code, of ${last} bytes, is rewritten from elsewhere, ${withFence}`, async () => {
      // the function ends in a system instruction, which is not compiled
      for (const part of last === 4 ? [4, 2, 1] : [2, 1]) {
        const guest = image((a) => {
          const f = a.label();
          const target = a.label();
          const top = a.label();
          const over = a.label();
          const [first, second] = last === 4 ? [addi(A0, 1), addi(A0, 0x101)] : [caddi(A0, 1), caddi(A0, 9)];
          a.li(A0, 0);
          a.li(S0, 60);
          a.la(S1, target);
          a.place(top);
          a.to("jal", f, { rd: 1 });
          a.to("jal", f, { rd: 1 });
          // now the one, now the other
          a.op("andi", { rd: T0, rs1: S0, imm: 1 });
          a.li(T1, first);
          a.to("beq", over, { rs1: T0 });
          a.li(T1, second);
          a.place(over);
          const from = last - part;
          if (from > 0) a.op("srli", { rd: T1, rs1: T1, imm: 8 * from });
          a.op(part === 4 ? "sw" : part === 2 ? "sh" : "sb", { rs1: S1, rs2: T1, imm: from });
          if (fence) a.op("fence.i");
          a.op("addi", { rd: S0, rs1: S0, imm: -1 });
          a.to("bne", top, { rs1: S0 });
          const end = a.label();
          a.jump(end);
          a.place(f);
          a.op("xori", { rd: A1, rs1: A1, imm: 1 });
          const inner = a.here();
          a.op("addi", { rd: A2, rs1: A2, imm: 1 });
          a.op("andi", { rd: T0, rs1: A2, imm: 3 });
          a.to("bne", inner, { rs1: T0 });
          a.place(target);
          a.word(first);
          a.csrr(T0, 0x340); // mscratch
          a.ret();
          a.place(end);
        });
        // a byte that is the same in both changes nothing
        const steps = last === 4 ? [1n, 0x101n] : [1n, part === 2 ? 9n : 1n];
        let sum = 0n;
        let now = steps[0] ?? 0n;
        for (let n = 60; n > 0; n--) {
          sum += 2n * now;
          now = steps[n & 1] ?? 0n;
        }
        await check(guest, sum);
      }
    });
  }

  test(`a function copied from page to page and called there, ${withFence}`, async () => {
    const guest = image((a) => {
      const source = a.label();
      const end = a.label();
      const copy = a.label();
      const top = a.label();
      a.li(A0, 0);
      a.li(S0, 40);
      a.place(top);
      a.la(T0, source);
      // to one of four places: in this page, over a page end, in other pages
      a.op("andi", { rd: T1, rs1: S0, imm: 3 });
      a.op("slli", { rd: T2, rs1: T1, imm: 12 });
      a.op("slli", { rd: T1, rs1: T1, imm: 1 });
      a.op("sub", { rd: T2, rs1: T2, rs2: T1 });
      a.li(T1, START + 0xff8);
      a.op("add", { rd: S1, rs1: T1, rs2: T2 });
      a.op("addi", { rd: T1, rs1: S1 });
      a.li(A1, 10);
      a.place(copy);
      a.op("lhu", { rd: T2, rs1: T0 });
      a.op("sh", { rs1: T1, rs2: T2 });
      a.op("addi", { rd: T0, rs1: T0, imm: 2 });
      a.op("addi", { rd: T1, rs1: T1, imm: 2 });
      a.op("addi", { rd: A1, rs1: A1, imm: -1 });
      a.to("bne", copy, { rs1: A1 });
      // the copy's constant is the count
      a.op("slli", { rd: T0, rs1: S0, imm: 20 });
      a.op("lwu", { rd: T1, rs1: S1 });
      a.op("add", { rd: T1, rs1: T1, rs2: T0 });
      a.op("sw", { rs1: S1, rs2: T1 });
      if (fence) a.op("fence.i");
      for (let n = 0; n < 3; n++) a.op("jalr", { rd: 1, rs1: S1 });
      a.op("addi", { rd: S0, rs1: S0, imm: -1 });
      a.to("bne", top, { rs1: S0 });
      a.jump(end);
      a.place(source);
      a.word(addi(A0, 0));
      a.op("addi", { rd: A2, imm: 5 });
      const loop = a.here();
      a.op("addi", { rd: A2, rs1: A2, imm: -1 });
      a.to("bne", loop, { rs1: A2 });
      a.ret();
      a.place(end);
    });
    await check(guest, BigInt((40 * 41) / 2) * 3n);
  });
}

test("code under two addresses: changed by one, run by both", async () => {
  const { guest, a0: want, end } = twoAddresses();
  const early = await atCount(guest, 2700);
  for (const tier of [INTERPRETER, ...TIERS]) {
    const machine = await boot(guest, tier);
    runTo(machine, 2700, tier.chunk);
    assert.equal(machine.instructionCount(), 2700);
    assert.deepEqual(differences(machine, early), []);
    const reference = await boot(guest, tier);
    // runs on into the trap, which starts the loop again: look at a0 when it ends for the first time
    reference.setBreakpoint(BigInt(end));
    const { reason } = reference.run(1_000_000);
    assert.equal(reason, "breakpoint");
    assert.equal(new DataView(reference.memory.buffer).getBigUint64(0x1000 + 8 * A0, true), want, tier.name);
  }
});
async function atCount(guest: Image, count: number) {
  const machine = await boot(guest, INTERPRETER);
  runTo(machine, count, 1e6);
  return machine;
}

test("memory changed from outside between runs, under a hot loop", async () => {
  const guest = image((a) => {
    const top = a.here();
    a.word(addi(A0, 1));
    a.op("addi", { rd: A1, rs1: A1, imm: 1 });
    a.jump(top);
  });
  for (const tier of TIERS) {
    const machines = [await boot(guest, tier), await boot(guest, INTERPRETER)];
    for (let n = 0; n < 50; n++) {
      for (const machine of machines) {
        runTo(machine, machine.instructionCount() + 100 + n, tier.chunk);
        const bytes = new Uint8Array(4);
        new DataView(bytes.buffer).setUint32(0, addi(A0, n), true);
        machine.bus.writePhysical(START, bytes);
        machine.core.memory_written(BigInt(START), 4);
      }
      const [left, right] = machines;
      if (left && right) assert.deepEqual(differences(left, right), []);
    }
  }
});

// virtio-mmio, version 2, slot 0; its request queue has 8 entries
const VIRTIO = 0x1000_1000;
const QUEUE = START + 0x1_0000; // descriptors, available ring at 0x400, used ring at 0x800, request at 0xc00
const PAGE_OF_CODE = START + 0x4000;

test("disk reads into pages that are executed", async () => {
  // sector n holds a function that adds n + 1
  const disk = new Uint8Array(16 * 512);
  for (let n = 0; n < 16; n++) {
    const f = new Assembler();
    f.op("addi", { rd: A2, imm: 3 });
    const loop = f.here();
    f.op("addi", { rd: A2, rs1: A2, imm: -1 });
    f.to("bne", loop, { rs1: A2 });
    f.word(addi(A0, n + 1));
    f.ret();
    disk.set(f.assemble(0).bytes, n * 512);
  }
  const queue = new Uint8Array(0x1000);
  const view = new DataView(queue.buffer);
  const descriptor = (n: number, address: number, length: number, flags: number): void => {
    view.setBigUint64(16 * n, BigInt(address), true);
    view.setUint32(16 * n + 8, length, true);
    view.setUint16(16 * n + 12, flags, true);
    view.setUint16(16 * n + 14, n + 1, true);
  };
  descriptor(0, QUEUE + 0xc00, 16, 1);
  descriptor(1, PAGE_OF_CODE, 512, 3);
  descriptor(2, QUEUE + 0xd00, 1, 2);
  const guest = image(
    (a) => {
      const register = (offset: number, value: number): void => {
        a.li(T0, VIRTIO + offset);
        a.li(T1, value);
        a.op("sw", { rs1: T0, rs2: T1 });
      };
      register(0x70, 0);
      register(0x70, 1);
      register(0x70, 3);
      register(0x24, 1);
      register(0x20, 1); // VIRTIO_F_VERSION_1
      register(0x70, 11);
      register(0x30, 0);
      register(0x38, 8);
      for (const [offset, at] of [
        [0x80, 0],
        [0x90, 0x400],
        [0xa0, 0x800],
      ] as const) {
        a.li(T0, VIRTIO + offset);
        a.li(T1, QUEUE + at);
        a.op("sw", { rs1: T0, rs2: T1 });
        a.op("sw", { rs1: T0, imm: 4 });
      }
      register(0x44, 1);
      register(0x70, 15);
      a.li(A0, 0);
      a.li(S0, 0);
      a.li(S1, QUEUE);
      const top = a.here();
      // sector and available index
      a.op("andi", { rd: T0, rs1: S0, imm: 15 });
      a.li(T1, QUEUE + 0xc00);
      a.op("sd", { rs1: T1, rs2: T0, imm: 8 });
      a.op("addi", { rd: S0, rs1: S0, imm: 1 });
      a.op("sh", { rs1: S1, rs2: S0, imm: 0x402 });
      a.li(T0, VIRTIO + 0x50);
      a.op("sw", { rs1: T0 });
      const wait = a.here();
      a.li(T1, QUEUE + 0x800);
      a.op("lhu", { rd: T1, rs1: T1, imm: 2 });
      a.to("bne", wait, { rs1: T1, rs2: S0 });
      a.li(T2, PAGE_OF_CODE);
      for (let n = 0; n < 3; n++) a.op("jalr", { rd: 1, rs1: T2 });
      a.li(T0, 64);
      a.to("bltu", top, { rs1: S0, rs2: T0 });
    },
    [{ address: QUEUE, bytes: queue }],
  );
  await check(guest, BigInt(4 * 3 * ((16 * 17) / 2)), {
    virtio: [{ type: "block", image: { bytes: disk, name: "disk" }, readOnly: true }],
  });
});

test("pages that are data by turns: compiled again, or left alone, but never stale", async () => {
  // 200 stores into the page of a function between calls: its slots are given up and come back
  const guest = image((a) => {
    const f = a.label();
    const top = a.label();
    const fill = a.label();
    const end = a.label();
    a.li(A0, 0);
    a.li(S0, 30);
    a.place(top);
    a.la(S1, f);
    for (let n = 0; n < 2; n++) a.op("jalr", { rd: 1, rs1: S1 });
    a.li(T0, 200);
    a.place(fill);
    a.op("slli", { rd: T1, rs1: T0, imm: 3 });
    a.op("add", { rd: T1, rs1: T1, rs2: S1 });
    a.op("sd", { rs1: T1, rs2: T0, imm: 1024 });
    a.op("addi", { rd: T0, rs1: T0, imm: -1 });
    a.to("bne", fill, { rs1: T0 });
    // and one more into the function, while nobody may know of it
    a.op("slli", { rd: T1, rs1: S0, imm: 20 });
    a.li(T2, addi(A0, 0));
    a.op("add", { rd: T1, rs1: T1, rs2: T2 });
    a.op("sw", { rs1: S1, rs2: T1 });
    a.op("addi", { rd: S0, rs1: S0, imm: -1 });
    a.to("bne", top, { rs1: S0 });
    a.jump(end);
    a.pad(4096);
    a.place(f);
    a.word(addi(A0, 0));
    a.op("addi", { rd: A2, imm: 5 });
    const loop = a.here();
    a.op("addi", { rd: A2, rs1: A2, imm: -1 });
    a.to("bne", loop, { rs1: A2 });
    a.ret();
    a.pad(4096);
    a.place(end);
  });
  // turn n runs it with what turn n - 1 wrote
  let sum = 0n;
  for (let n = 29; n >= 1; n--) sum += 2n * BigInt(n + 1);
  await check(guest, sum);
});

test("pages dropped while their hot places wait to be compiled", async () => {
  // batches of 8: places queue up; their page is given up, its slots go to another page, streams switch the tier and back
  const guest = image((a) => {
    const functions = Array.from({ length: 12 }, (_, n) => ({ at: a.label(), n }));
    const top = a.label();
    const call = (to: Label): void => {
      a.la(T2, to);
      for (let n = 0; n < 5; n++) a.op("jalr", { rd: 1, rs1: T2 });
      // stores into its page, until it is taken for data
      const fill = a.label();
      a.li(T0, 100);
      a.place(fill);
      a.op("sd", { rs1: T2, rs2: T0, imm: 1024 });
      a.op("addi", { rd: T0, rs1: T0, imm: -1 });
      a.to("bne", fill, { rs1: T0 });
      a.op("lw", { rd: T0, rs1: T2 });
      a.li(T1, 1 << 20);
      a.op("xor", { rd: T0, rs1: T0, rs2: T1 });
      a.op("sw", { rs1: T2, rs2: T0 });
    };
    a.place(top);
    for (const { at } of functions) call(at);
    a.jump(top);
    for (const { at, n } of functions) {
      a.pad(4096);
      a.place(at);
      a.word(addi(A0, 2 * n));
      a.op("addi", { rd: A1, rs1: A1, imm: 1 });
      a.ret();
    }
  });
  const waiting = { name: "waiting", engine: { jit: true, hotThreshold: 4, batch: 8 }, chunk: 977 };
  const left = await boot(guest, waiting);
  const right = await boot(guest, INTERPRETER);
  for (let n = 0; n < times(24, 60); n++) {
    left.observe(n % 3 === 1 ? "fetch" : "plain");
    for (const machine of [left, right]) runTo(machine, 1000 * (n + 1), waiting.chunk);
    assert.deepEqual(differences(left, right), [], `after ${n}`);
  }
  assert.deepEqual(await compare(guest, EAGER, 60_000), []);
});
