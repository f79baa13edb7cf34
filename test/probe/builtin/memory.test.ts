// mem, hotpages, hwprofile: every access is counted where it really went.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hotpages } from "../../../src/probe/builtin/hotpages.js";
import { hwprofile } from "../../../src/probe/builtin/hwprofile.js";
import { mem } from "../../../src/probe/builtin/mem.js";
import { PageCounts } from "../../../src/probe/builtin/page-counts.js";
import { PluginOptionError } from "../../../src/probe/plugin.js";
import { FakeHost } from "../fake-host.js";

const LD = 0x0005b503; // ld a0, 0(a1)
const SW = 0x00a5a423; // sw a0, 8(a1)
const LBU = 0x0005c503; // lbu a0, 0(a1)
const AMO = 0x00c5b52f; // amoadd.d a0, a2, (a1)
const UART = 0x10000000;

/** Four reads and four writes of memory, two reads and a write of the UART, on two harts. */
function runSome(host: FakeHost): void {
  const block = host.block(0x80000000, [LD, SW, AMO, LBU]);
  const amo = [
    { vaddr: 0x2000, paddr: 0x80002000, value: 5 },
    { vaddr: 0x2000, paddr: 0x80002000, value: 7, write: true },
  ];
  for (const hart of [0, 1]) {
    host.run(block, {
      hart,
      accesses: {
        0: [{ vaddr: 0x1000, paddr: 0x80001000, value: 0x1122334455667788n }],
        1: [{ vaddr: 0x1008, paddr: 0x80001008, size: 4, value: 0xaabbccdd }],
        2: amo,
        3: [{ vaddr: UART + 5, size: 1, value: 0x60 }],
      },
    });
  }
  host.run(host.block(0x80000100, [SW]), { accesses: { 0: [{ vaddr: UART, size: 1, value: 0x41 }] } });
}

test("mem counts reads and writes, without a callback", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(mem, { inline: "on" });
  runSome(host);
  assert.deepEqual(host.results(), { reads: 6, writes: 5 });
  assert.equal(host.report(), "mem accesses: 11\n");
  assert.equal(host.calls, 0);
});

test("mem counts accesses to devices by themselves", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(mem, { haddr: true, callback: true });
  runSome(host);
  assert.deepEqual(host.results(), { reads: 6, writes: 5, io: { reads: 2, writes: 1 } });
  assert.equal(host.report(), "mem accesses: 8\nio accesses: 3\n");
  assert.equal(host.calls, 0);
});

test("mem tracks one direction only", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(mem, { track: "w" });
  runSome(host);
  assert.deepEqual(host.results(), { reads: 0, writes: 5 });
  assert.throws(() => new FakeHost().attach(mem, { inline: true, callback: true }), PluginOptionError);
});

test("mem writes a line for each access, with its hardware address, up to a limit", () => {
  const host = new FakeHost({ harts: 2 });
  host.symbols.push({ name: "copy", start: 0x80000004, size: 4 });
  host.attach(mem, { "print-accesses": true, lines: 6 });
  runSome(host);
  assert.deepEqual(host.results().log, { lines: 6, dropped: 5 });
  assert.equal(
    host.text,
    [
      "insn_vaddr,insn_symbol,mem_vaddr,mem_hwaddr,access_size,access_type,mem_value",
      "0x80000000,,0x1000,0x80001000,64,load,0x1122334455667788",
      "0x80000004,copy,0x1008,0x80001008,32,store,0xaabbccdd",
      "0x80000008,,0x2000,0x80002000,64,load,0x0000000000000005",
      "0x80000008,,0x2000,0x80002000,64,store,0x0000000000000007",
      "0x8000000c,,0x10000005,0x10000005,8,load,0x60",
      "0x80000000,,0x1000,0x80001000,64,load,0x1122334455667788",
      "",
    ].join("\n"),
  );
  // nothing is appended any more
  runSome(host);
  assert.deepEqual(host.results().log, { lines: 6, dropped: 16 });
  assert.equal(host.calls, 0);
});

test("mem's summary tells regions whose reads are what was written", () => {
  const host = new FakeHost();
  host.attach(mem, { "region-summary": true });
  const store = host.block(0x80000000, [SW]);
  const load = host.block(0x80000010, [LD]);
  const put = (vaddr: number, value: bigint, size: 4 | 8 = 8) =>
    host.run(store, { accesses: { 0: [{ vaddr, value, size }] } });
  const get = (vaddr: number, value: bigint, size: 1 | 8 = 8) =>
    host.run(load, { accesses: { 0: [{ vaddr, value, size }] } });
  put(0x80010000, 0x1122334455667788n);
  get(0x80010000, 0x1122334455667788n);
  get(0x80010003, 0x55n, 1);
  get(0x80012000, 0n);
  // across two regions: bytes go to both
  put(0x80017ffc, 0x0807060504030201n);
  get(0x80018000, 0x08070605n);
  put(0x80020000, 1n);
  get(0x80020000, 2n);
  get(0x80020000, 3n);
  assert.deepEqual(host.results().regions, [
    { vaddr: 0x80010000n, reads: 3, writes: 0 + 1, seenAll: true },
    { vaddr: 0x80014000n, reads: 0, writes: 1, seenAll: true },
    { vaddr: 0x80018000n, reads: 1, writes: 0, seenAll: true },
    { vaddr: 0x80020000n, reads: 2, writes: 1, seenAll: false },
  ]);
  assert.equal(host.text, "Warning: 0x0000000080020000:0 read an un-instrumented value\n");
  assert.ok(
    host.report().startsWith("mem accesses: 9\nRegion Base, Reads, Writes, Seen all\n0x0000000080010000, 3, 1, true\n"),
  );
  assert.equal(host.calls, 0);
});

test("hotpages lists physical pages", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(hotpages);
  runSome(host);
  const { pages, ...totals } = host.results();
  assert.deepEqual(totals, { pageSize: 4096, total: 3, reads: 6, writes: 5 });
  assert.deepEqual(pages, [
    { paddr: 0x80001000n, reads: 2, writes: 2, readers: [0, 1], writers: [0, 1] },
    { paddr: 0x80002000n, reads: 2, writes: 2, readers: [0, 1], writers: [0, 1] },
    { paddr: 0x10000000n, reads: 2, writes: 1, readers: [0, 1], writers: [0] },
  ]);
  assert.equal(
    host.report(),
    [
      "Addr, RCPUs, Reads, WCPUs, Writes",
      "0x0000000080001000, 0x0003, 2, 0x0003, 2",
      "0x0000000080002000, 0x0003, 2, 0x0003, 2",
      "0x0000000010000000, 0x0003, 2, 0x0001, 1",
      "",
    ].join("\n"),
  );
  assert.equal(host.calls, 0);
});

test("hotpages: devices only, other page sizes, other orders", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(hotpages, { io: true });
  runSome(host);
  assert.deepEqual(
    host.results().pages.map((page: any) => page.paddr),
    [0x10000000n],
  );
  const large = new FakeHost({ harts: 2 });
  large.attach(hotpages, { pagesize: "16k", sortby: "address", limit: 1 });
  runSome(large);
  assert.equal(large.results().total, 2);
  assert.deepEqual(large.results().pages, [
    { paddr: 0x80000000n, reads: 4, writes: 4, readers: [0, 1], writers: [0, 1] },
  ]);
  assert.throws(() => new FakeHost().attach(hotpages, { pagesize: 5000 }), PluginOptionError);
});

test("page counts are exact over 56 bits of address, for large and small pages", () => {
  for (const shift of [12, 4, 21]) {
    const counts = new PageCounts(shift);
    const expected = new Map<bigint, number>();
    const words = new Uint32Array(4 * 1000);
    let x = 12345;
    for (let round = 0; round < 20; round++) {
      for (let at = 0; at < words.length; at += 4) {
        x = (Math.imul(x, 1103515245) + 12345) >>> 0;
        words[at + 1] = x & 0x10000;
        words[at + 2] = (x & 0x3ff) << 22;
        words[at + 3] = x >>> 30 ? 0 : x >>> 8;
        const paddr = (BigInt(words[at + 3] as number) << 32n) | BigInt(words[at + 2] as number);
        const page = (paddr >> BigInt(shift)) << BigInt(shift);
        expected.set(page, (expected.get(page) ?? 0) + 1);
      }
      counts.count(words, 0, 1000);
    }
    const found = new Map(counts.entries().map(({ page, reads, writes }) => [page, reads + writes]));
    assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()));
  }
});

test("hwprofile names device and offset of every access to one, and calls for no other", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(hwprofile);
  runSome(host);
  assert.deepEqual(host.results(), {
    devices: [
      {
        device: "uart0",
        region: "uart",
        base: 0x10000000n,
        reads: 2,
        writes: 1,
        readers: [0, 1],
        writers: [0],
        offsets: [
          { offset: 0, reads: 0, writes: 1, readers: [], writers: [0] },
          { offset: 5, reads: 2, writes: 0, readers: [0, 1], writers: [] },
        ],
        beyond: 0,
      },
    ],
    dropped: 0,
  });
  assert.equal(host.calls, 3);
  assert.equal(host.report(), "Device, Address, RCPUs, Reads,  WCPUs, Writes\nuart0, 0x10000000, 3, 2, 1, 1\n");
});

test("hwprofile's text by offset, by source, and for one direction", () => {
  const run = (given: Record<string, unknown>) => {
    const host = new FakeHost({ harts: 2 });
    host.attach(hwprofile, given);
    runSome(host);
    return host.report();
  };
  assert.equal(run({ pattern: true }), "uart0 @ 0x10000000\n  off:00000000, 0, 0, 1, 1\n  off:00000005, 3, 2, 0, 0\n");
  assert.equal(run({ source: true, track: "read" }), "uart0 @ 0x10000000\n  pc:8000000c, 3, 2\n");
  assert.equal(run({ track: "write" }), "Device, Address,  WCPUs, Writes\nuart0, 0x10000000, 1, 1\n");
  assert.throws(() => run({ source: true, pattern: true }), PluginOptionError);
});

test("hwprofile looks at devices that match, and writes a line for each access", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(hwprofile, { match: ["uart0"], lines: 2 });
  runSome(host);
  host.run(host.block(0x80000200, [SW]), { accesses: { 0: [{ vaddr: 0x2000000, size: 4 }] } });
  assert.deepEqual(
    host.results().devices.map((d: any) => d.device),
    ["uart0"],
  );
  assert.equal(host.results().dropped, 1);
  assert.equal(
    host.text,
    [
      "hwprofile: match @ offset5, previous hits",
      "uart0, 0x10000000, 0, 0, 0, 0",
      "hwprofile: match @ offset5, previous hits",
      "uart0, 0x10000000, 1, 1, 0, 0",
      "",
    ].join("\n"),
  );
});

test("hwprofile counts both devices of an access across two pages", () => {
  const host = new FakeHost();
  host.attach(hwprofile);
  const second = { split: 1, paddr: 0x2000000n, offset: 0n, region: "clint" };
  const run = (vaddr: number) =>
    host.run(host.block(0x80000000, [SW]), { accesses: { 0: [{ vaddr, size: 4, second }] } });
  run(0x100fff);
  run(0x80000fff);
  assert.deepEqual(
    host.results().devices.map((d: any) => [d.device, d.writes, d.offsets.map((o: any) => o.offset)]),
    [
      ["clint0", 2, [0]],
      ["test0", 1, [0xfff]],
    ],
  );
});
