import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { FIELD_NAME_LIMIT, NameTables } from "../../src/devices/names.js";
import {
  describeRegisters,
  RegisterFile,
  type RegisterHooks,
  type RegisterSpec,
  UNKNOWN_LOG_LIMIT,
} from "../../src/devices/registers.js";

function file(table: readonly RegisterSpec[], hooks: Record<string, RegisterHooks> = {}, bank?: () => string) {
  const names = new NameTables();
  const errors: string[] = [];
  const keys = new Set<string>();
  const registers = new RegisterFile({
    device: "dev",
    table,
    hooks,
    names,
    log: {
      guestError: (_device, key, message) => {
        if (!keys.has(key)) errors.push(message);
        keys.add(key);
      },
    },
    ...(bank ? { bank } : {}),
  });
  return {
    registers,
    names,
    errors,
    register: () => names.name(registers.lastRegister),
    field: () => names.field.name(registers.lastField),
  };
}

const CONTROL: RegisterSpec = {
  name: "CTRL",
  offset: 4,
  width: 32,
  reset: 0x80,
  fields: {
    MODE: { bits: [3, 0] },
    READY: { bits: 7, access: "ro" },
    EVENT: { bits: 8, access: "w1c" },
    SET: { bits: 9, access: "w1s" },
    KICK: { bits: 31, access: "wo" },
  },
};

test("fields follow their access rules", () => {
  const writes: number[] = [];
  const { registers } = file([CONTROL], { CTRL: { write: (value) => void writes.push(value) } });
  assert.equal(registers.read(4, 4), 0x80, "reset value");
  registers.write(4, 4, 0xffffffff);
  assert.equal(registers.read(4, 4), 0x28f, "only declared, readable fields changed; w1c of a 0 stays 0");
  registers.write(4, 4, 0);
  assert.equal(registers.read(4, 4), 0x280, "w1s keeps, rw clears, ro stays");
  registers.set("CTRL", 0x100);
  registers.write(4, 4, 0x100);
  assert.equal(registers.get("CTRL"), 0);
  assert.deepEqual(writes, [0x8000028f, 0x280, 0], "hooks see wo bits, storage does not");
  assert.equal(registers.field("CTRL", "MODE"), 0);
});

test("the trace names of a write are the fields that change, of a read those that are not zero", () => {
  const { registers, register, field } = file([CONTROL]);
  registers.write(4, 4, 3);
  assert.deepEqual([register(), field()], ["dev.CTRL", "dev.CTRL.MODE"]);
  registers.write(4, 4, 3);
  assert.deepEqual([register(), field()], ["dev.CTRL", ""]);
  registers.read(4, 4);
  assert.equal(field(), "dev.CTRL.READY|MODE");
  registers.write(4, 4, 0x80000003);
  assert.equal(field(), "dev.CTRL.KICK");
});

test("an unknown register is traced as such, logged once and reads 0", () => {
  const { registers, errors } = file([CONTROL]);
  registers.read(4, 4);
  for (let i = 0; i < 3; i++) assert.equal(registers.read(0x10, 1), 0);
  assert.equal(registers.lastRegister, 0);
  assert.equal(registers.lastField, 0);
  registers.write(0x10, 1, 5);
  assert.deepEqual(errors, ["dev: read of unknown register at offset 0x10"]);
});

test("a guest that probes a whole region logs a limited number of lines", () => {
  const { registers, errors } = file([CONTROL]);
  for (let offset = 0x100; offset < 0x10000; offset += 4) registers.read(offset, 4);
  assert.equal(errors.length, UNKNOWN_LOG_LIMIT);
  assert.match(errors.at(-1) ?? "", /further ones are not logged/);
});

test("banked registers, and a read-only beside a write-only one", () => {
  let bank = "a";
  const sent: number[] = [];
  const { registers, register } = file(
    [
      { name: "IN", offset: 0, width: 8, access: "ro", bank: "a", reset: 0x11 },
      { name: "OUT", offset: 0, width: 8, access: "wo", bank: "a" },
      { name: "DIV", offset: 0, width: 8, bank: "b", reset: 0x22 },
    ],
    { OUT: { write: (value) => void sent.push(value) } },
    () => bank,
  );
  assert.equal(registers.read(0, 1), 0x11);
  assert.equal(register(), "dev.IN");
  registers.write(0, 1, 0x33);
  assert.equal(register(), "dev.OUT");
  assert.deepEqual(sent, [0x33]);
  bank = "b";
  assert.equal(registers.read(0, 1), 0x22);
  registers.write(0, 1, 0x44);
  assert.equal(register(), "dev.DIV");
  bank = "c";
  assert.equal(registers.read(0, 1), 0);
  assert.equal(registers.lastRegister, 0);
  assert.deepEqual(
    registers.dump().map(({ name, value }) => [name, value]),
    [
      ["IN", "0x11"],
      ["OUT", "0x0"],
      ["DIV", "0x44"],
    ],
  );
});

test("arrays are named by index, in several dimensions and with a first index", () => {
  const seen: number[][] = [];
  const { registers, register } = file(
    [
      { name: "priority", offset: 4, width: 32, array: [{ count: 3, stride: 4, first: 1 }] },
      {
        name: "context[].enable",
        offset: 0x100,
        width: 32,
        array: [
          { count: 2, stride: 0x80 },
          { count: 2, stride: 4 },
        ],
      },
    ],
    { "context[].enable": { write: (_value, _written, ...index) => void seen.push(index) } },
  );
  registers.write(0xc, 4, 7);
  assert.equal(register(), "dev.priority[3]");
  registers.write(0x184, 4, 7);
  assert.equal(register(), "dev.context[1].enable[1]");
  assert.deepEqual(seen, [[1, 1]]);
  assert.equal(registers.get("context[1].enable[1]"), 7);
  assert.equal(registers.nameAt(0x101), "context[0].enable[0]");
});

test("64-bit registers take halves and whole values", () => {
  let computed = 0x1122334455667788n;
  const { registers } = file(
    [
      { name: "PLAIN", offset: 0, width: 64 },
      { name: "LIVE", offset: 8, width: 64 },
    ],
    {
      LIVE: {
        read: () => computed,
        write64: (value) => {
          computed = value;
        },
      },
    },
  );
  registers.write64(0, 0xfedcba9876543210n);
  assert.equal(registers.read64(0), 0xfedcba9876543210n);
  assert.equal(registers.read(4, 4), 0xfedcba98);
  registers.write(12, 4, 0xaabbccdd);
  assert.equal(computed, 0xaabbccdd55667788n, "the other half is the present value");
  assert.equal(registers.read(8, 4), 0x55667788);
  registers.write(9, 1, 0);
  assert.equal(computed, 0xaabbccdd55660088n);
});

test("peeking has no side effects, and read idempotence is told per offset", () => {
  let count = 0;
  const { registers } = file(
    [
      { name: "POP", offset: 0, width: 8, readSideEffect: true },
      { name: "PLAIN", offset: 1, width: 8, reset: 9 },
    ],
    { POP: { read: () => ++count, peek: () => count } },
  );
  assert.equal(registers.peek(0, 2), 0x0900);
  assert.equal(count, 0);
  assert.deepEqual(
    [registers.isReadIdempotent(0, 1), registers.isReadIdempotent(1, 1), registers.isReadIdempotent(0, 2)],
    [false, true, false],
  );
  assert.equal(registers.read(0, 2), 0x0901);
  assert.equal(registers.dump()[0]?.value, "0x1");
  assert.equal(count, 1);
  assert.equal(registers.reads, 1, "looking does not count");
});

test("the access log is what the guest did", () => {
  const { registers } = file([{ name: "A", offset: 0, width: 64 }]);
  const log = registers.recordAccesses();
  registers.write64(0, 0x8877665544332211n);
  registers.read(2, 2);
  registers.write(7, 1, 5);
  assert.deepEqual(log, [
    { direction: "write", offset: 0, size: 8, value: 0x8877665544332211n },
    { direction: "read", offset: 2, size: 2, value: 0x4433n },
    { direction: "write", offset: 7, size: 1, value: 5n },
  ]);
  assert.deepEqual([registers.reads, registers.writes], [1, 2]);
});

test("plain registers of any width behave as the bytes they cover, at any size and alignment", () => {
  const width = fc.constantFrom<8 | 16 | 32 | 64>(8, 16, 32, 64);
  const access = fc.record({
    offset: fc.nat(40),
    size: fc.constantFrom<1 | 2 | 4 | 8>(1, 2, 4, 8),
    value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    write: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(fc.record({ width, gap: fc.nat(2) }), { minLength: 1, maxLength: 8 }),
      fc.array(access, { maxLength: 30 }),
      (widths, accesses) => {
        let at = 0;
        const table: RegisterSpec[] = widths.map(({ width: bits, gap }, i) => {
          const offset = at + gap;
          at = offset + bits / 8;
          return { name: `R${i}`, offset, width: bits };
        });
        const covered = (byte: number): boolean =>
          table.some((spec) => byte >= spec.offset && byte < spec.offset + spec.width / 8);
        const bytes = new Uint8Array(64);
        const { registers } = file(table);
        for (const { offset, size, value, write } of accesses) {
          if (write) {
            const cut = BigInt.asUintN(size * 8, value);
            if (size === 8) registers.write64(offset, cut);
            else registers.write(offset, size, Number(cut));
            for (let i = 0; i < size; i++)
              if (covered(offset + i)) bytes[offset + i] = Number((value >> BigInt(8 * i)) & 0xffn);
          } else {
            let want = 0n;
            for (let i = size - 1; i >= 0; i--) want = (want << 8n) | BigInt(bytes[offset + i] as number);
            assert.equal(size === 8 ? registers.read64(offset) : BigInt(registers.read(offset, size)), want);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a table with overlapping registers or fields is refused", () => {
  assert.throws(
    () =>
      file([
        { name: "A", offset: 0, width: 32 },
        { name: "B", offset: 2, width: 8 },
      ]),
    /overlap/,
  );
  assert.throws(
    () => file([{ name: "A", offset: 0, width: 8, fields: { X: { bits: [3, 0] }, Y: { bits: 3 } } }]),
    /overlap/,
  );
  assert.throws(() => file([{ name: "A", offset: 0, width: 8, fields: { X: { bits: 8 } } }]), /fit/);
  assert.throws(() => file([{ name: "A", offset: 0, width: 8 }], { B: {} }), /unknown register B/);
});

test("field names run out without harm", () => {
  const fields = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`F${i}`, { bits: i }]));
  const { registers, names } = file([{ name: "R", offset: 0, width: 32, fields }]);
  for (let value = 1; value < 1 << 14; value++) {
    registers.set("R", value);
    registers.read(0, 4);
  }
  assert.equal(names.field.size, FIELD_NAME_LIMIT);
  assert.equal(registers.lastField, 0);
});

test("the documentation lists registers and fields", () => {
  const text = describeRegisters([
    CONTROL,
    { name: "priority", offset: 0x10, width: 32, array: [{ count: 3, stride: 4, first: 1 }], readSideEffect: true },
  ]);
  assert.match(text, /\| 0x4 \| CTRL \| 32 \| rw \| 0x80 \|/);
  assert.match(text, /\.MODE \| 3:0 \| rw/);
  assert.match(text, /\[1\.\.3\] every 0x4; reading has side effects/);
});
