import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { describeImage, detectKind, loadImage } from "../../src/image/detect.js";
import { ImageError } from "../../src/image/image.js";
import { readLinuxHeader } from "../../src/image/linux.js";
import { ascii, ihex, makeElf, makeLinux, srec } from "./helpers.js";

/** Asserts that loading fails with an ImageError at `offset` whose reason matches. */
function refuses(bytes: Uint8Array, offset: number, reason: RegExp): void {
  assert.throws(
    () => loadImage(bytes),
    (error: unknown) => {
      assert.ok(error instanceof ImageError, String(error));
      assert.match(error.reason, reason);
      assert.equal(error.offset, offset, error.message);
      return true;
    },
  );
}

function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

describe("ELF", () => {
  for (const bits of [32, 64] as const) {
    it(`loads the segments, entry and symbols of an ELF${bits}`, () => {
      const image = loadImage(
        makeElf({
          bits,
          entry: 0x80000004n,
          segments: [
            { vaddr: 0x80000000n, paddr: 0x80000000n, data: Uint8Array.of(1, 2, 3, 4), memorySize: 4, flags: 5 },
            { vaddr: 0x80001000n, paddr: 0x80001000n, data: Uint8Array.of(9), memorySize: 0x100, flags: 6 },
            { type: 4, vaddr: 0n, paddr: 0n, data: Uint8Array.of(7, 7) },
          ],
          symbols: [
            { name: "_start", value: 0x80000000n, size: 12, info: 0x12 },
            { name: "table", value: 0x80001000n, size: 64, info: 0x11 },
            { name: "_end", value: 0x80002000n, info: 0x10 },
            { name: "file.c", value: 0n, info: 4 },
            { name: "$x", value: 0x80000000n, info: 0 },
            { name: "elsewhere", value: 0n, info: 0x12, shndx: 0 },
          ],
        }),
      );
      assert.equal(image.kind, "elf");
      assert.equal(image.entry, 0x80000004);
      assert.deepEqual(
        image.segments.map((s) => [s.paddr, [...s.bytes], s.memorySize, s.flags]),
        [
          [0x80000000, [1, 2, 3, 4], 4, 5],
          [0x80001000, [9], 0x100, 6],
        ],
      );
      assert.deepEqual(image.symbols, [
        { name: "_start", address: 0x80000000n, size: 12, kind: "function" },
        { name: "table", address: 0x80001000n, size: 64, kind: "object" },
        { name: "_end", address: 0x80002000n, size: 0, kind: "none" },
      ]);
    });
  }

  it("moves an entry in a higher-half segment to its physical address", () => {
    const image = loadImage(
      makeElf({
        entry: 0xffffffff80000010n,
        segments: [{ vaddr: 0xffffffff80000000n, paddr: 0x80200000n, data: new Uint8Array(32) }],
      }),
    );
    assert.equal(image.entry, 0x80200010);
  });

  it("places a position-independent file linked at 0 at the given address", () => {
    const bytes = makeElf({
      type: 3,
      entry: 0x20n,
      segments: [{ vaddr: 0n, paddr: 0n, data: new Uint8Array(64) }],
      symbols: [{ name: "f", value: 0x20n, info: 2 }],
    });
    const image = loadImage(bytes, { address: 0x80000000 });
    assert.equal(image.entry, 0x80000020);
    assert.equal(image.segments[0]?.paddr, 0x80000000);
    assert.equal(image.symbols[0]?.address, 0x80000020n);
  });

  it("names the field that is wrong and where it lies", () => {
    const good = makeElf();
    refuses(patched(good, 4, 3), 4, /class is 3/);
    refuses(patched(good, 5, 2), 5, /data is 2, expected 1/);
    refuses(patched(good, 16, 1), 16, /e_type is 1/);
    refuses(patched(good, 18, 62), 18, /e_machine is 62, expected 243/);
    refuses(patched(good, 56, 0), 56, /e_phnum is 0/);
    refuses(patched(good, 56, 0xff, 0x7f), 32, /program header table covers bytes/);
    refuses(patched(good, 54, 1), 54, /e_phentsize is 1, expected 56/);
    refuses(good.subarray(0, 20), 20, /e_phnum ends at 58/);
    refuses(patched(good, 64 + 32, 255, 255), 64 + 40, /p_memsz is 0x10, expected at least p_filesz/);
    refuses(
      patched(good, 64 + 40, 0, 0, 0, 0, 0, 0, 0, 1),
      64 + 40,
      /p_memsz is 0x100000000000000, expected below 2\^53/,
    );
    refuses(patched(good, 64 + 8, 0xff), 64 + 8, /covers bytes/);
    refuses(patched(good, 64, 4), 32, /nothing to load/);
  });

  it("refuses a symbol table that points outside of the file", () => {
    const good = makeElf({ symbols: [{ name: "f", value: 1n, info: 2 }] });
    const sections = Number(new DataView(good.buffer).getBigUint64(40, true));
    refuses(patched(good, sections + 64 + 32, 0xff, 0xff), sections + 64 + 24, /symtab/);
    refuses(patched(good, sections + 64 + 40, 9), sections + 64 + 40, /sh_link is 9/);
    const entry = Number(new DataView(good.buffer).getBigUint64(sections + 64 + 24, true)) + 24;
    refuses(patched(good, entry, 0xff), entry, /symbol 1 st_name is 255, expected below the string table's size 3/);
    refuses(patched(good, sections + 64 + 56, 9), sections + 64 + 56, /sh_entsize is 9, expected 24/);
    refuses(patched(good, sections + 128 + 4, 1), sections + 128 + 4, /sh_type is 1, expected 3/);
  });
});

describe("Linux Image", () => {
  it("takes its memory size from the header and its place from the caller", () => {
    const bytes = makeLinux();
    assert.deepEqual(readLinuxHeader(bytes), { textOffset: 0x200000, imageSize: 0x3000, flags: 0n });
    const image = loadImage(bytes, { address: 0x80200000 });
    assert.equal(image.kind, "linux");
    assert.equal(image.entry, 0x80200000);
    assert.equal(image.segments[0]?.memorySize, 0x3000);
    assert.equal(image.segments[0]?.bytes.length, 0x1000);
  });

  it("refuses a big endian kernel, a size past 2^53 and, when the kind is given, a wrong magic", () => {
    refuses(makeLinux({ flags: 1 }), 24, /big endian/);
    refuses(patched(makeLinux(), 16 + 7, 0xff), 16, /image_size is 0xff00000000003000/);
    assert.throws(() => loadImage(makeLinux({ magic2: 1 }), { kind: "linux" }), /offset 56 .*magic2 is 0x1/);
  });
});

describe("Intel HEX", () => {
  it("loads every record type and joins neighbouring records", () => {
    const text = [
      ihex(4, 0, [0x80, 0x00]),
      ihex(0, 0x10, [5, 6]),
      ihex(0, 0x00, [1, 2, 3]),
      ihex(0, 0x03, [4]),
      ihex(5, 0, [0x80, 0, 0, 0x10]),
      ihex(2, 0, [0x12, 0x34]),
      ihex(0, 0x0001, [7]),
      ihex(1, 0, []),
    ].join("");
    const image = loadImage(ascii(text));
    assert.equal(image.kind, "ihex");
    assert.equal(image.entry, 0x80000010);
    assert.deepEqual(
      image.segments.map((s) => [s.paddr, [...s.bytes]]),
      [
        [0x12341, [7]],
        [0x80000000, [1, 2, 3, 4]],
        [0x80000010, [5, 6]],
      ],
    );
  });

  it("takes CS:IP as a start, CRLF, lower case and blank lines", () => {
    const text = `\r\n${(ihex(0, 0, [0xab]) + ihex(3, 0, [0x10, 0x00, 0x00, 0x04]) + ihex(1, 0, [])).toLowerCase().replaceAll("\n", "\r\n\r\n")}`;
    assert.equal(loadImage(ascii(text)).entry, 0x10004);
  });

  it("wraps a record at 64 KiB under a segment base and at 4 GiB under a linear one", () => {
    const segment = loadImage(ascii(ihex(2, 0, [0x10, 0]) + ihex(0, 0xffff, [1, 2]) + ihex(1, 0, [])));
    assert.deepEqual(
      segment.segments.map((s) => s.paddr),
      [0x10000, 0x1ffff],
    );
    const linear = loadImage(ascii(ihex(4, 0, [0xff, 0xff]) + ihex(0, 0xffff, [1, 2]) + ihex(1, 0, [])));
    assert.deepEqual(
      linear.segments.map((s) => s.paddr),
      [0, 0xffffffff],
    );
  });

  it("says where a record is wrong", () => {
    const first = ihex(0, 0, [1, 2]);
    refuses(ascii(`${first}:00000001FE\n`), first.length + 9, /checksum is 0xfe, expected 0xff/);
    refuses(ascii(`${first}:0000000600\n`), first.length + 7, /record type is 6/);
    refuses(ascii(`${first}:0100000400FB\n`), first.length + 1, /length is 1, expected 2 for type 4/);
    refuses(ascii(`${first}:0200zz\n`), first.length + 5, /"z" is not a hexadecimal digit/);
    refuses(ascii(first), first.length, /without an end-of-file record/);
    refuses(ascii(`${first}${ihex(1, 0, [])}:`), first.length + 12, /content after the end-of-file/);
    refuses(ascii(`:0000000`), 8, /the file ends inside the record/);
    refuses(ascii(`${first.trimEnd()}00\n`), first.length - 1, /longer than its length byte/);
    refuses(ascii(ihex(1, 0, [])), 0, /no data record/);
    refuses(ascii(first + ihex(0, 1, [1]) + ihex(1, 0, [])), first.length, /address 0x1 is filled by two records/);
  });
});

describe("S-records", () => {
  it("loads S1, S2 and S3 data, the count and the start address", () => {
    const text =
      srec(0, 0, [0x48, 0x44, 0x52]) +
      srec(1, 0x1000, [1]) +
      srec(2, 0x123456, [2]) +
      srec(3, 0x80000000, [3, 4]) +
      srec(5, 3) +
      srec(7, 0x80000000);
    const image = loadImage(ascii(text));
    assert.equal(image.kind, "srec");
    assert.equal(image.entry, 0x80000000);
    assert.deepEqual(
      image.segments.map((s) => [s.paddr, [...s.bytes]]),
      [
        [0x1000, [1]],
        [0x123456, [2]],
        [0x80000000, [3, 4]],
      ],
    );
  });

  it("takes S6, S8 and S9, and a start of 0 outside of the data as none", () => {
    assert.equal(loadImage(ascii(srec(2, 0x10, [1]) + srec(6, 1) + srec(8, 0x10))).entry, 0x10);
    assert.equal(loadImage(ascii(srec(1, 0x10, [1]) + srec(9, 0))).entry, undefined);
    assert.equal(loadImage(ascii(srec(1, 0, [1]) + srec(9, 0))).entry, 0);
  });

  it("says where a record is wrong", () => {
    const first = srec(1, 0, [1, 2]);
    refuses(ascii(`${first}S10400000AF2\n`), first.length + 10, /checksum is 0xf2, expected 0xf1/);
    refuses(ascii(`${first}S4030000FC\n`), first.length + 1, /record type is "4"/);
    refuses(ascii(`${first}S30400000000\n`), first.length + 2, /byte count is 4, expected at least 5/);
    refuses(ascii(first + srec(5, 2)), first.length + 4, /counts 2 data records, the file has 1/);
    refuses(ascii(first), first.length, /without a termination record/);
    refuses(ascii(first + srec(9, 0) + first), first.length + 11, /content after the termination/);
    refuses(ascii(`${first}S905000000FA\n`), first.length + 2, /byte count is 5, expected 3/);
  });
});

describe("kinds and compression", () => {
  const samples = {
    elf: makeElf(),
    linux: makeLinux(),
    ihex: ascii(ihex(0, 0, [1]) + ihex(1, 0, [])),
    srec: ascii(srec(1, 0, [1]) + srec(9, 0)),
    raw: Uint8Array.of(1, 2, 3),
  };
  for (const [kind, bytes] of Object.entries(samples)) {
    it(`detects ${kind}, plain and gzip`, () => {
      assert.equal(detectKind(bytes), kind);
      const packed = new Uint8Array(gzipSync(bytes));
      assert.deepEqual(describeImage(packed), { kind, gzip: true, size: bytes.length });
      assert.deepEqual(loadImage(packed, { address: 0x1000 }), loadImage(bytes, { address: 0x1000 }));
    });
  }

  it("lets the caller decide the kind", () => {
    const image = loadImage(samples.elf, { kind: "raw", address: 0x80000000 });
    assert.equal(image.kind, "raw");
    assert.equal(image.segments[0]?.bytes.length, samples.elf.length);
    assert.throws(() => loadImage(samples.raw, { kind: "elf" }), ImageError);
  });

  it("bounds what gzip may expand to, and reports damage", () => {
    const packed = new Uint8Array(gzipSync(new Uint8Array(1 << 20)));
    assert.throws(() => loadImage(packed, { limit: 1000 }), /larger than the limit of 1000 bytes/);
    assert.throws(() => loadImage(packed.subarray(0, packed.length - 20)), /ends inside the compressed data/);
    assert.throws(() => loadImage(patched(packed, 20, 0xff, 0xff, 0xff)), ImageError);
    assert.throws(() => loadImage(new Uint8Array()), /offset 0 .*empty/);
  });
});
