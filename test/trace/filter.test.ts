import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as C from "../../src/core/layout.js";
import type { SubscriptionSpec } from "../../src/session/protocol.js";
import { KIND_NAMES } from "../../src/trace/columns.js";
import { compileFilter, TraceSpecError } from "../../src/trace/filter.js";
import { type Access, NAMES, Random, RecorderHarness, randomAccess, spec } from "./recorder-harness.js";

const PRIVILEGES = ["U", "S", "", "M"];
const WRITES = ["store", "amo-write", "walk-write", "dma-write"];

/** What the documentation says a filter means, one access at a time. */
function matches({ filter, include }: SubscriptionSpec, access: Access): boolean {
  const kind = KIND_NAMES[access.kind] as string;
  if (filter.kind) {
    if (!filter.kind.includes(kind)) return false;
  } else {
    if (kind === "fetch" && !include.fetch) return false;
    if (kind.startsWith("walk") && !include.walk) return false;
    if (kind.startsWith("dma") && !include.dma) return false;
  }
  if (filter.direction && !filter.direction.includes(WRITES.includes(kind) ? "write" : "read")) return false;
  if (filter.size && !filter.size.includes(access.size)) return false;
  if (filter.hart && !filter.hart.includes(access.hart)) return false;
  if (filter.privilege && !(filter.privilege as string[]).includes(PRIVILEGES[access.privilege] as string))
    return false;
  if (filter.ioOnly && (access.section === C.SECTION_RAM || access.section === C.SECTION_ROM)) return false;
  const touches = (ranges: [bigint, bigint][], address: bigint, size: number): boolean => {
    const max = (1n << 64n) - 1n;
    const last = address + BigInt(size - 1) > max ? max : address + BigInt(size - 1);
    return ranges.some(([first, end]) => first <= last && address <= end);
  };
  if (filter.vaddr && (kind.startsWith("dma") || !touches(filter.vaddr, access.vaddr, access.size))) return false;
  if (filter.paddr && !touches(filter.paddr, access.paddr, access.size)) return false;
  if (filter.pc && !touches(filter.pc, access.pc, 1)) return false;
  if (filter.region && !filter.region.includes(NAMES.names("region")[access.region] as string)) return false;
  if (filter.device && !filter.device.includes(NAMES.names("device")[access.device] as string)) return false;
  return true;
}

const address = fc.oneof(
  fc.bigInt(0n, 0x440n),
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.constantFrom(0n, (1n << 64n) - 1n, 1n << 63n),
);
const ranges = fc.array(
  fc.tuple(address, address).map(([a, b]): [bigint, bigint] => (a < b ? [a, b] : [b, a])),
  { minLength: 1, maxLength: 8 },
);
const some = <T>(...items: T[]): fc.Arbitrary<T[]> => fc.subarray(items, { minLength: 1 });
const filters = fc.record(
  {
    vaddr: ranges,
    paddr: ranges,
    pc: ranges,
    device: some("uart0", "plic0", "bank0", "nobody"),
    region: some("ram", "rom", "uart0", "window", "later"),
    direction: some<"read" | "write">("read", "write"),
    kind: some<string>(...KIND_NAMES),
    size: some(1, 2, 3, 4, 5, 8, 16, 32, 64),
    hart: some(0, 1, 2, 3, 4, 5, 6, 7),
    privilege: some<"U" | "S" | "M">("U", "S", "M"),
    ioOnly: fc.boolean(),
  },
  { requiredKeys: [] },
);

test("any filter passes exactly what it says", async () => {
  const harness = await RecorderHarness.create(64);
  let index = 0;
  let selectedSome = 0;
  fc.assert(
    fc.property(
      filters,
      fc.record({ fetch: fc.boolean(), walk: fc.boolean(), dma: fc.boolean() }),
      fc.integer({ min: 1, max: 5 }),
      fc.nat(1e6),
      (filter, include, everyNth, seed) => {
        const subscription = spec({ filter, include, everyNth, fields: ["icount"], ringBatches: 2, batchRows: 1024 });
        try {
          compileFilter(subscription);
        } catch (error) {
          // kind and direction may exclude each other
          assert.match(String(error), /nothing can match/);
          return;
        }
        const { reader } = harness.attach(index, subscription);
        const random = new Random(seed);
        const want: bigint[] = [];
        let matched = 0;
        for (let n = 0; n < 400; n++) {
          const access = randomAccess(random, BigInt(n));
          harness.record(access);
          if (matches(subscription, access) && matched++ % everyNth === 0) want.push(access.icount);
        }
        assert.equal(harness.core.recorder_matched(index), BigInt(matched));
        harness.core.recorder_stop(index);
        assert.equal(harness.core.recorder_matched(index), BigInt(matched));
        const batch = reader.next();
        const bytes = batch?.columnBytes(0);
        const got = bytes ? [...new BigUint64Array(bytes.buffer, bytes.byteOffset, batch?.rows)] : [];
        assert.deepEqual(got, want);
        if (want.length > 0) selectedSome++;
        harness.reset();
        index = (index + 1) % C.MAX_RECORDERS;
      },
    ),
    { numRuns: 600 },
  );
  assert.ok(selectedSome > 100, `only ${selectedSome} filters let anything through`);
});

test("ranges are inclusive at both ends, count every byte of an access, and reach the top of the address space", async () => {
  const harness = await RecorderHarness.create();
  const top = (1n << 64n) - 1n;
  const list: [bigint, bigint][] = [
    [0x100n, 0x107n],
    [0x200n, 0x200n],
    [top - 3n, top],
  ];
  const edges = list.flat().flatMap((edge) => [-8n, -4n, -1n, 0n, 1n].map((step) => BigInt.asUintN(64, edge + step)));
  for (const name of ["vaddr", "paddr", "pc"] as const) {
    const subscription = spec({ filter: { [name]: list }, fields: ["icount"] });
    const { reader } = harness.attach(0, subscription);
    const want: bigint[] = [];
    let icount = 0n;
    for (const edge of edges) {
      for (const size of [1, 2, 4, 8]) {
        const access = {
          ...randomAccess(new Random(1), icount++),
          kind: C.KIND_STORE,
          vaddr: 0x5000n,
          paddr: 0x5000n,
          pc: 0x5000n,
          size,
          [name]: edge,
        };
        harness.record(access);
        if (matches(subscription, access)) want.push(access.icount);
      }
    }
    harness.core.recorder_stop(0);
    const batch = reader.next();
    const bytes = batch?.columnBytes(0) as Uint8Array;
    assert.deepEqual([...new BigUint64Array(bytes.buffer, bytes.byteOffset, batch?.rows)], want);
    assert.ok(want.length > 20 && want.length < edges.length * 4);
  }
});

test("names that appear while recording are matched from then on", async () => {
  const harness = await RecorderHarness.create();
  const { recorder, reader } = harness.attach(
    0,
    spec({ filter: { device: ["late0", "uart0", "mistyped"] }, fields: ["seq", "icount"] }),
  );
  assert.deepEqual(recorder.unseenNames("device"), ["late0", "mistyped"]);
  const access = { ...randomAccess(new Random(1), 0n), device: 40_000 };
  harness.record({ ...access, icount: 1n });
  recorder.addName("device", 40_000, "late0");
  recorder.addName("device", 40_001, "other0");
  harness.record({ ...access, icount: 2n });
  harness.record({ ...access, device: 40_001, icount: 3n });
  harness.record({ ...access, device: 1, icount: 4n });
  harness.core.recorder_stop(0);
  const bytes = reader.next()?.columnBytes(1) as Uint8Array;
  assert.deepEqual([...new BigUint64Array(bytes.buffer, bytes.byteOffset, 2)], [2n, 4n]);
  assert.deepEqual(recorder.unseenNames("device"), ["mistyped"]);
});

test("kinds nobody asked for are announced as such", async () => {
  const harness = await RecorderHarness.create();
  assert.equal(harness.core.trace_kinds(), 0);
  harness.attach(3, spec({ include: { fetch: false, walk: false, dma: false } }));
  assert.equal(harness.core.trace_kinds(), 0b1111);
  harness.attach(31, spec({ filter: { kind: ["walk-read"] } }));
  assert.equal(harness.core.trace_kinds(), 0b101111);
  harness.core.recorder_stop(3);
  assert.equal(harness.core.trace_kinds(), 0b100000);
  harness.core.recorder_stop(31);
  assert.equal(harness.core.trace_kinds(), 0);
  assert.equal(harness.view.getUint32(C.TRACE_ACTIVE, true), 0);
});

test("a bad subscription is refused with every field that is wrong", () => {
  const bad = spec({
    fields: ["seq", "colour", "seq"],
    filter: {
      vaddr: [[2n, 1n]],
      paddr: Array.from({ length: 9 }, (): [bigint, bigint] => [0n, 1n]),
      pc: [[-1n, 5n]],
      device: [""],
      region: [],
      direction: ["sideways" as "read"],
      kind: ["jump"],
      size: [0, 65, 1.5],
      hart: [8],
      privilege: ["constructor" as "U"],
    },
    everyNth: 0,
    stopAfter: 0,
    slow: "spill" as "drop",
    batchRows: 1000,
    ringBatches: 1,
  });
  assert.throws(
    () => compileFilter(bad),
    (error) => {
      assert.ok(error instanceof TraceSpecError);
      assert.deepEqual(error.problems.map((problem) => problem.field).sort(), [
        "batchRows",
        "everyNth",
        "fields[1]",
        "fields[2]",
        "filter.device[0]",
        "filter.direction[0]",
        "filter.hart[0]",
        "filter.kind[0]",
        "filter.paddr",
        "filter.pc[0]",
        "filter.privilege[0]",
        "filter.region",
        "filter.size[0]",
        "filter.size[1]",
        "filter.size[2]",
        "filter.vaddr[0]",
        "ringBatches",
        "slow",
        "stopAfter",
      ]);
      return true;
    },
  );
  assert.throws(() => compileFilter(spec({ fields: [] })), /fields: name at least one/);
  assert.throws(() => compileFilter(spec({ filter: { kind: ["store"], direction: ["read"] } })), /nothing can match/);
  assert.throws(() => compileFilter(spec({ filter: { vaddr: [[0n, 1n << 64n]] } })), /64 bits/);
});
