import assert from "node:assert/strict";
import { test } from "node:test";
import { drcov } from "../../../src/probe/builtin/drcov.js";
import { FakeHost } from "../fake-host.js";
import { BEQZ, C_NOP, C_RET, NOP } from "./words.js";

/** Reads a file as Lighthouse does: header lines, then entries of start, size and module. */
function parse(bytes: Uint8Array) {
  const lines: string[] = [];
  let at = 0;
  while (!lines.at(-1)?.startsWith("BB Table:")) {
    const end = bytes.indexOf(10, at);
    lines.push(Buffer.from(bytes.subarray(at, end)).toString());
    at = end + 1;
  }
  const count = Number(/^BB Table: (\d+) bbs$/.exec(lines.at(-1) as string)?.[1]);
  assert.equal(bytes.length - at, 8 * count);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const blocks = Array.from({ length: count }, (_, i) => ({
    start: view.getUint32(8 * i, true),
    size: view.getUint16(8 * i + 4, true),
    module: view.getUint16(8 * i + 6, true),
  }));
  return { lines: lines.slice(0, -1), blocks };
}

for (const counters of [1 << 20, 0]) {
  test(`lists the blocks that ran, once each (${counters ? "flags" : "no memory for flags"})`, () => {
    const host = new FakeHost({ harts: 2, counters });
    host.attach(drcov, { module: "/k/vmlinux:0xffffffff80000000" });
    const low = host.block(0x80000010, [NOP, C_NOP, BEQZ]);
    const high = host.block(0xffffffff80000100n, [C_RET], { paddr: 0x80200100 });
    host.run(low, { hart: 1 });
    host.run(low);
    host.run(high);
    host.flush();
    host.run(low);
    const results = host.results();
    assert.equal(host.calls, 0);
    const { lines, blocks } = parse(host.files.get("file.drcov.trace") as Uint8Array);
    assert.deepEqual(lines, [
      "DRCOV VERSION: 2",
      "DRCOV FLAVOR: drcov-64",
      "Module Table: version 2, count 2",
      "Columns: id, base, end, entry, path",
      "0, 0xffffffff80000000, 0xffffffffffffffff, 0x0, /k/vmlinux",
      "1, 0x0, 0xffffffff, 0x0, memory",
    ]);
    assert.deepEqual(blocks, [
      { start: 0x100, size: 2, module: 0 },
      { start: 0x80000010, size: 10, module: 1 },
    ]);
    assert.deepEqual([results.translated, results.blocks, results.instructions, results.bytes], [2, 2, 4, 12]);
  });
}

test("modules are refused when they make no sense", () => {
  for (const module of ["x", "x:80000000", "x:0x10:0x10", "x:0x0:0x100000001"])
    assert.throws(() => new FakeHost().attach(drcov, { module }), /module: expected path:base/, module);
});
