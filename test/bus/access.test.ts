import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { accessRules, type Bus } from "../../src/bus/bus.js";
import { type AccessRules, type AccessSize, IO_FAULT, IO_OK, type IoHandlers } from "../../src/bus/region.js";
import { makeBus } from "./helper.js";

interface Seen {
  direction: "read" | "write";
  offset: number;
  size: number;
  value: bigint;
}

/** Bytes with a memory of how they were touched. Values as the device sees them, in its own byte order. */
function memoryDevice(bytes: Uint8Array, endianness: "little" | "big", seen: Seen[]): IoHandlers {
  const get = (offset: number, size: number): bigint => {
    let value = 0n;
    for (let i = 0; i < size; i++) {
      const byte = BigInt(bytes[offset + (endianness === "little" ? size - 1 - i : i)] ?? 0);
      value = (value << 8n) | byte;
    }
    return value;
  };
  const put = (offset: number, size: number, value: bigint): void => {
    for (let i = 0; i < size; i++) {
      bytes[offset + (endianness === "little" ? i : size - 1 - i)] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
  };
  const read = (offset: number, size: number): bigint => {
    const value = get(offset, size);
    seen.push({ direction: "read", offset, size, value });
    return value;
  };
  const write = (offset: number, size: number, value: bigint): void => {
    seen.push({ direction: "write", offset, size, value });
    put(offset, size, value);
  };
  return {
    read: (offset, size) => Number(read(offset, size)),
    write: (offset, size, value) => write(offset, size, BigInt(value)),
    read64: (offset) => read(offset, 8),
    write64: (offset, value) => write(offset, 8, value),
  };
}

function device(
  rules: AccessRules,
  fill?: Uint8Array,
): { bus: Bus; id: number; seen: Seen[]; bytes: Uint8Array; log: string[] } {
  const { bus, log } = makeBus();
  const seen: Seen[] = [];
  const bytes = fill ?? Uint8Array.from({ length: 0x40 }, (_, i) => 0x10 + i);
  const region = bus.createIo("dev", 0x40, memoryDevice(bytes, rules.endianness, seen), rules);
  bus.add(bus.root, 0, region);
  return { bus, id: region.id, seen, bytes, log };
}

const value = (bus: Bus): bigint => (BigInt(bus.value.hi) << 32n) | BigInt(bus.value.lo);
const pieces = (seen: Seen[]): [number, number][] => seen.map(({ offset, size }) => [offset, size]);

test("an access of an implemented size arrives as it is", () => {
  const { bus, id, seen } = device(accessRules({ max: 8 }, { max: 8 }));
  assert.equal(bus.dispatchRead(id, 8, 8), IO_OK);
  assert.equal(value(bus), 0x1f1e1d1c1b1a1918n);
  assert.equal(bus.dispatchWrite(id, 4, 4, 0x89abcdef, 0), IO_OK);
  assert.deepEqual(seen[1], { direction: "write", offset: 4, size: 4, value: 0x89abcdefn });
});

test("refused sizes and unaligned accesses fault without reaching the device, and are logged once each", () => {
  const { bus, id, seen, log } = device(accessRules({ min: 2, max: 4 }, { max: 4 }));
  for (let i = 0; i < 3; i++) {
    assert.equal(bus.dispatchRead(id, 0, 1), IO_FAULT);
    assert.equal(bus.dispatchRead(id, 0, 8), IO_FAULT);
    assert.equal(bus.dispatchWrite(id, 2, 4, 1, 0), IO_FAULT);
  }
  assert.equal(bus.dispatchRead(id, 0x3e, 4), IO_FAULT, "past the end");
  assert.equal(bus.dispatchRead(0, 0, 4), IO_FAULT, "unassigned");
  assert.deepEqual(seen, []);
  assert.equal(log.length, 3);
  assert.match(log[0]!, /dev: read at offset 0x0 refused: size 1/);
});

test("a wide access is cut into implemented sizes, lowest address first", () => {
  const { bus, id, seen } = device(accessRules({ max: 8 }, { max: 2 }));
  bus.dispatchRead(id, 0, 8);
  assert.equal(value(bus), 0x1716151413121110n);
  bus.dispatchWrite(id, 4, 4, 0x44332211, 0);
  assert.deepEqual(pieces(seen), [
    [0, 2],
    [2, 2],
    [4, 2],
    [6, 2],
    [4, 2],
    [6, 2],
  ]);
});

test("a narrow read takes its bytes from the full register", () => {
  const { bus, id, seen } = device(accessRules({}, { min: 4, max: 4 }));
  bus.dispatchRead(id, 5, 1);
  assert.equal(bus.value.lo, 0x15);
  bus.dispatchRead(id, 6, 2);
  assert.equal(bus.value.lo, 0x1716);
  assert.deepEqual(pieces(seen), [
    [4, 4],
    [4, 4],
  ]);
});

test("a narrow write arrives widened, its bytes in their lanes and zeros in the others", () => {
  const { bus, id, seen } = device(accessRules({}, { min: 4, max: 4 }));
  bus.dispatchWrite(id, 4, 1, 0xaa, 0);
  bus.dispatchWrite(id, 6, 2, 0xbbcc, 0);
  assert.deepEqual(seen, [
    { direction: "write", offset: 4, size: 4, value: 0xaan },
    { direction: "write", offset: 4, size: 4, value: 0xbbcc0000n },
  ]);
});

test("a big-endian device gets its bytes in its own order", () => {
  const { bus, id, seen } = device(accessRules({}, { min: 1, max: 4 }, "big"));
  bus.dispatchRead(id, 0, 4);
  assert.equal(bus.value.lo, 0x13121110, "the guest is little-endian");
  assert.equal(seen[0]!.value, 0x10111213n, "the device is not");
  bus.dispatchWrite(id, 0, 2, 0x1234, 0);
  assert.equal(seen[1]!.value, 0x3412n);
});

test("the names of the first piece stay for the record", () => {
  const { bus } = makeBus();
  const handlers: IoHandlers = {
    read(offset) {
      handlers.lastRegister = offset + 1;
      handlers.lastField = offset + 100;
      return 0;
    },
    write() {},
  };
  const region = bus.createIo("dev", 0x10, handlers, accessRules({}, { max: 1 }));
  bus.dispatchRead(region.id, 4, 4);
  assert.deepEqual([bus.lastRegister, bus.lastField], [5, 104]);
  bus.dispatchWrite(region.id, 4, 4, 0, 0);
  assert.deepEqual([bus.lastRegister, bus.lastField], [0, 0], "names never leak from an earlier access");
});

const size: fc.Arbitrary<AccessSize> = fc.constantFrom<AccessSize>(1, 2, 4, 8);

test("whatever the rules, a device of plain bytes reads and writes as bytes", () => {
  fc.assert(
    fc.property(
      size,
      size,
      fc.boolean(),
      fc.constantFrom<"little" | "big">("little", "big"),
      size,
      fc.nat(0x28),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      (a, b, unaligned, endianness, width, offset, written) => {
        const rules = accessRules(
          { max: 8, unaligned: true },
          { min: Math.min(a, b) as AccessSize, max: Math.max(a, b) as AccessSize, unaligned },
          endianness,
        );
        const { bus, id, seen } = device(rules);
        assert.equal(bus.dispatchRead(id, offset, width), IO_OK);
        let want = 0n;
        for (let i = width - 1; i >= 0; i--) want = (want << 8n) | BigInt(0x10 + offset + i);
        assert.equal(value(bus), want);
        for (const piece of seen) {
          assert.ok(piece.size >= rules.impl.min && piece.size <= rules.impl.max);
          if (!unaligned) assert.equal(piece.offset % piece.size, 0);
        }
        // widened writes put zeros in the other lanes, so only unwidened ones are compared as bytes
        if (width < rules.impl.min || (!unaligned && rules.impl.min > 1)) return;
        seen.length = 0;
        bus.dispatchWrite(id, offset, width, Number(written & 0xffffffffn), Number(written >> 32n));
        if (seen.some((piece) => piece.offset < offset || piece.offset + piece.size > offset + width)) return;
        bus.dispatchRead(id, offset, width);
        assert.equal(value(bus), BigInt.asUintN(8 * width, written));
      },
    ),
    { numRuns: 1000 },
  );
});
