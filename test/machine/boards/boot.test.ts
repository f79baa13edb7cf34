import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { BoardError } from "../../../src/machine/boards/board.js";
import { type BootPlan, planBoot } from "../../../src/machine/boards/boot.js";
import { virtDeviceTree } from "../../../src/machine/boards/virt-device-tree.js";
import type { MachineDescription } from "../../../src/machine/description.js";
import { FdtNode, readFdt, writeFdt } from "../../../src/machine/fdt.js";
import { ascii, ihex, makeElf, makeLinux } from "../../image/helpers.js";
import { guestImage, skipWithoutGuests } from "../guests.js";

const MIB = 1 << 20;
const BASE = 0x80000000;

function plan(description: Partial<MachineDescription>, flashStart?: number): BootPlan {
  const ram = description.ram ?? 128 * MIB;
  return planBoot(
    {
      ram: { base: BASE, size: ram },
      mrom: { start: 0x1000, size: 0xf000 },
      ...(flashStart === undefined ? {} : { flashStart }),
      deviceTree: () => virtDeviceTree({ harts: 1, ram }),
      rngSeed: new Uint8Array(32).fill(5),
    },
    { board: "virt", harts: 1, ram, ...description },
  );
}

function image(name: string, bytes: Uint8Array): { name: string; bytes: Uint8Array } {
  return { name, bytes };
}

function places(result: BootPlan): Record<string, [number, number]> {
  return Object.fromEntries(result.pieces.map((piece) => [piece.name, [piece.paddr, piece.memorySize]]));
}

/** The data words behind the six instructions: start, dtb, then fw_dynamic_info. */
function resetData(result: BootPlan): bigint[] {
  const view = new DataView(result.resetCode.buffer, 24);
  return Array.from({ length: view.byteLength / 8 }, (_, i) => view.getBigUint64(i * 8, true));
}

const firmware = image("fw.bin", new Uint8Array(0x42c40).fill(1));

describe("boot layout", () => {
  it("puts firmware, kernel, initrd and device tree where QEMU 7.2 puts them", { skip: skipWithoutGuests }, () => {
    // addresses seen in `info roms` of qemu-system-riscv64 7.2 with the same files
    const seen: [number, string, number, number][] = [
      [512, "Image.gz", 0x88200000, 0x9fe00000],
      [3072, "Image.gz", 0x88200000, 0xbfe00000],
      [64, "u-boot-smode.bin", 0x82200000, 0x83e00000],
      [128, "u-boot-smode.bin", 0x84200000, 0x87e00000],
      [200, "u-boot-smode.bin", 0x86600000, 0x8c600000],
      [1024, "u-boot-smode.bin", 0x88200000, 0xbfe00000],
    ];
    for (const [mib, kernel, initrd, dtb] of seen) {
      const result = plan({
        ram: mib * MIB,
        firmware: guestImage("fw_dynamic.bin"),
        kernel: guestImage(kernel),
        initrd: guestImage("initrd.gz"),
      });
      const at = places(result);
      assert.deepEqual(
        [
          at['firmware "fw_dynamic.bin"']?.[0],
          at[`kernel "${kernel}"`]?.[0],
          at['initrd "initrd.gz"']?.[0],
          at["device tree"]?.[0],
        ],
        [0x80000000, 0x80200000, initrd, dtb],
        `${mib} MiB, ${kernel}`,
      );
    }
  });

  it("leaves the reset code that QEMU's mrom has, word for word", () => {
    // `xp/20wx 0x1000` in the monitor: 512 MiB, OpenSBI, a kernel at 0x80200000
    const result = plan({ ram: 512 * MIB, firmware, kernel: image("k", makeLinux()) });
    const words = new Uint32Array(result.resetCode.buffer);
    assert.deepEqual(
      [...words.slice(0, 10)],
      [0x00000297, 0x02828613, 0xf1402573, 0x0202b583, 0x0182b283, 0x00028067, 0x80000000, 0, 0x9fe00000, 0],
    );
    assert.deepEqual(resetData(result).slice(2), [0x4942534fn, 2n, 0x80200000n, 1n, 0n, 0n]);
    assert.equal(result.resetVector, 0x1000);
  });

  it("takes the unmodified fw_jump.elf, which is position independent", { skip: skipWithoutGuests }, () => {
    const result = plan({ firmware: guestImage("fw_jump.elf"), kernel: guestImage("u-boot-smode.bin") });
    assert.equal(result.start, BASE);
    assert.deepEqual(
      result.pieces.map((piece) => piece.paddr),
      [0x80000000, 0x80040000, 0x80200000, 0x87e00000],
    );
  });

  it("enters a kernel without firmware in M-mode at its entry", () => {
    const elf = makeElf({
      entry: 0x80001004n,
      segments: [{ vaddr: 0x80001000n, paddr: 0x80001000n, data: new Uint8Array(64) }],
    });
    assert.equal(plan({ kernel: image("k.elf", elf) }).start, 0x80001004);
    const raw = plan({ kernel: image("k.bin", new Uint8Array(64).fill(1)) });
    assert.equal(raw.start, BASE);
    assert.equal(plan({ kernel: image("k.gz", new Uint8Array(gzipSync(elf))) }).start, 0x80001004);
  });

  it("starts a machine that only has loaded images at the first entry, or in flash", () => {
    const elf = makeElf({ entry: 0x80000000n });
    const hex = ascii(ihex(4, 0, [0x80, 0x10]) + ihex(0, 0, [1]) + ihex(1, 0, []));
    assert.equal(plan({ load: [image("a.hex", hex), image("b.elf", elf)] }).start, BASE);
    assert.equal(plan({}, 0x20000000).start, 0x20000000);
    assert.equal(plan({}).start, BASE);
    const firmwareThenFlash = plan({ firmware }, 0x20000000);
    assert.equal(firmwareThenFlash.start, BASE);
    assert.equal(resetData(firmwareThenFlash)[4], 0x20000000n);
    assert.equal(
      plan({ load: [{ ...image("raw", Uint8Array.of(1)), address: 0x80400000 }] }).pieces[0]?.paddr,
      0x80400000,
    );
  });

  it("tells the kernel about command line, initrd and entropy, and packs the memory's size", () => {
    const result = plan({
      firmware,
      kernel: image("k", makeLinux()),
      initrd: image("i", new Uint8Array(5000)),
      cmdline: "console=ttyS0 quiet",
    });
    const chosen = readFdt(result.deviceTree).root.child("chosen");
    assert.equal(chosen?.text("bootargs"), "console=ttyS0 quiet");
    assert.deepEqual(chosen?.cells("linux,initrd-start"), [0, 0x84200000]);
    assert.deepEqual(chosen?.cells("linux,initrd-end"), [0, 0x84200000 + 5000]);
    assert.equal(chosen?.properties.get("rng-seed")?.length, 32);
  });

  it("moves the initrd behind a kernel that is larger than half of the RAM", () => {
    const kernel = image("k", makeLinux({ imageSize: 70 * MIB }));
    const at = places(plan({ firmware, kernel, initrd: image("i", new Uint8Array(4096)) }));
    assert.equal(at['initrd "i"']?.[0], 0x80200000 + 70 * MIB);
  });

  it("completes a device tree of the user's and keeps what it says", () => {
    const root = new FdtNode();
    root.string("compatible", "my,board");
    root.add("chosen").string("bootargs", "old").string("stdout-path", "/x");
    const dtb = image("my.dtb", writeFdt({ root, bootCpu: 1, reservations: [{ address: 1n, size: 2n }] }));
    const given = readFdt(plan({ dtb, cmdline: "new" }).deviceTree);
    assert.equal(given.root.text("compatible"), "my,board");
    assert.equal(given.root.child("chosen")?.text("bootargs"), "new");
    assert.equal(given.root.child("chosen")?.text("stdout-path"), "/x");
    assert.equal(given.root.child("chosen")?.properties.has("rng-seed"), false);
    assert.deepEqual(given.reservations, [{ address: 1n, size: 2n }]);
    assert.equal(readFdt(plan({ dtb }).deviceTree).root.child("chosen")?.text("bootargs"), "old");
  });

  it("works in small RAM, down to where nothing fits", () => {
    const kernel = image("k.bin", new Uint8Array(64).fill(1));
    const small = plan({ ram: MIB, kernel });
    assert.ok(small.deviceTreeAddress > BASE && small.deviceTreeAddress + 2 * small.deviceTree.length <= BASE + MIB);
    assert.throws(
      () => plan({ ram: 4096, kernel }),
      /device tree at 0x80000000 .* (overlaps|kernel "k.bin")|overlaps device tree/,
    );
  });

  it("leaves a read-only segment outside of RAM out, and says so", () => {
    const elf = makeElf({
      segments: [
        { vaddr: 0x10000n, paddr: 0x10000n, data: new Uint8Array(16), flags: 4 },
        { vaddr: 0x80000000n, paddr: 0x80000000n, data: new Uint8Array(16), flags: 5 },
      ],
    });
    const result = plan({ kernel: image("k.elf", elf) });
    assert.match(result.notes[0] ?? "", /read-only segment at 0x10000 to 0x10010/);
    assert.equal(result.start, BASE);
  });

  it("collects symbols by image", () => {
    const elf = makeElf({ symbols: [{ name: "main", value: 0x80000000n, size: 4, info: 2 }] });
    assert.deepEqual(plan({ kernel: image("k.elf", elf) }).symbols, [
      { image: "k.elf", symbols: [{ name: "main", address: 0x80000000n, size: 4, kind: "function" }] },
    ]);
  });
});

describe("boot errors", () => {
  const cases: [string, Partial<MachineDescription>, RegExp][] = [
    [
      "an image past the end of RAM",
      { ram: 3 * MIB, firmware, kernel: image("k", makeLinux({ imageSize: 2 * MIB })) },
      /^kernel "k" at 0x80200000 to 0x80400000 does not fit: it passes the end of RAM \(0x80300000\) by 1048576 bytes$/,
    ],
    [
      "an image outside of RAM",
      { kernel: image("k.elf", makeElf({ segments: [{ vaddr: 0x1000n, paddr: 0x1000n, data: new Uint8Array(4) }] })) },
      /^kernel "k.elf" at 0x1000 to 0x1004 is outside of RAM \(0x80000000 to 0x88000000\)$/,
    ],
    [
      "images that overlap",
      { firmware, load: [{ ...image("extra", new Uint8Array(100)), address: BASE + 0x42c00 }] },
      /^firmware "fw.bin" at 0x80000000 to 0x80042c40 overlaps image "extra" at 0x80042c00 to 0x80042c64 by 64 bytes/,
    ],
    [
      "an initrd that reaches the device tree",
      { kernel: image("k", makeLinux()), initrd: image("i", new Uint8Array(63 * MIB)) },
      /^initrd "i" at 0x84000000 to 0x87f00000 overlaps device tree at 0x87e00000 to 0x[0-9a-f]+ by \d+ bytes/,
    ],
    [
      "a raw image without an address",
      { load: [image("r", Uint8Array.of(1))] },
      /image "r" is raw, which needs an address/,
    ],
    [
      "a malformed image",
      { kernel: { ...image("k", Uint8Array.of(1)), kind: "elf" } },
      /^kernel "k": offset 0 .*magic/,
    ],
    ["a malformed device tree", { dtb: image("d", Uint8Array.of(1)) }, /^dtb "d": device tree offset 1: /],
    ["an empty initrd", { initrd: image("i", new Uint8Array()) }, /initrd "i" is empty/],
    [
      "a kernel without entry",
      { kernel: image("k.hex", ascii(ihex(4, 0, [0x80, 0]) + ihex(0, 0, [1]) + ihex(1, 0, []))) },
      /names no entry point/,
    ],
  ];
  for (const [what, description, message] of cases) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => plan(description),
        (error: unknown) => {
          assert.ok(error instanceof BoardError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
