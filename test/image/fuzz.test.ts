import assert from "node:assert/strict";
import { it } from "node:test";
import { gzipSync } from "node:zlib";
import { Prng } from "../../src/devices/prng.js";
import { loadImage } from "../../src/image/detect.js";
import { ImageError } from "../../src/image/image.js";
import { virtDeviceTree } from "../../src/machine/boards/virt-device-tree.js";
import { FdtError, fdtToDts, readFdt, writeFdt } from "../../src/machine/fdt.js";
import { ascii, ihex, makeElf, makeLinux, srec } from "./helpers.js";

const ROUNDS = 10_000;
const BUDGET_MS = 30_000;
const seed = Number(process.env.EMUSCOPE_SEED ?? 20261123);

const symbols = Array.from({ length: 20 }, (_, i) => ({
  name: `symbol_${i}`,
  value: BigInt(0x80000000 + 4 * i),
  size: 4,
  info: 0x10 | (i % 3),
}));
const segments = [
  { vaddr: 0x80000000n, paddr: 0x80000000n, data: new Uint8Array(300).fill(0x13), memorySize: 0x1000 },
  { vaddr: 0xffffffff80002000n, paddr: 0x80002000n, data: new Uint8Array(100), memorySize: 0x100000 },
];
const hexText =
  ihex(4, 0, [0x80, 0]) +
  Array.from({ length: 30 }, (_, i) => ihex(0, 16 * i, [...new Uint8Array(16).fill(i)])).join("") +
  ihex(5, 0, [0x80, 0, 0, 0]) +
  ihex(1, 0, []);
const srecText =
  srec(0, 0, [65]) +
  Array.from({ length: 30 }, (_, i) => srec(3, 0x80000000 + 16 * i, [...new Uint8Array(16).fill(i)])).join("") +
  srec(5, 30) +
  srec(7, 0x80000000);
const SAMPLES: [string, Uint8Array][] = [
  ["elf64", makeElf({ segments, symbols })],
  ["elf32", makeElf({ bits: 32, segments: segments.slice(0, 1), symbols })],
  ["linux", makeLinux({ size: 256 })],
  ["ihex", ascii(hexText)],
  ["srec", ascii(srecText)],
  ["gzip", new Uint8Array(gzipSync(makeElf({ segments, symbols })))],
];

/** Values that sit at the edges of the formats' fields. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

function mutate(bytes: Uint8Array, random: Prng): Uint8Array {
  let copy = bytes.slice();
  const changes = 1 + (random.next() % 6);
  for (let i = 0; i < changes; i++) {
    // half of the changes hit the header, where the lengths are
    const span = random.next() % 2 === 0 ? Math.min(copy.length, 160) : copy.length;
    if (span === 0) break;
    const at = random.next() % span;
    switch (random.next() % 5) {
      case 0:
        copy[at] = random.next();
        break;
      case 1:
        copy[at] = EDGES[random.next() % EDGES.length] as number;
        break;
      case 2:
        copy.fill(0xff, at, at + 1 + (random.next() % 8));
        break;
      case 3:
        copy = copy.slice(0, at);
        break;
      default:
        copy[at] = (copy[at] as number) ^ (1 << (random.next() % 8));
    }
  }
  return copy;
}

it(`gives an ImageError or a sound result for ${ROUNDS} mutated images (EMUSCOPE_SEED=${seed})`, () => {
  const random = new Prng(seed);
  const started = Date.now();
  const outcomes = { loaded: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const [name, sample] = SAMPLES[round % SAMPLES.length] as [string, Uint8Array];
    const bytes = mutate(sample, random);
    try {
      const image = loadImage(bytes, { address: 0x80200000, limit: 1 << 20 });
      for (const segment of image.segments) {
        assert.ok(Number.isSafeInteger(segment.paddr + segment.memorySize), name);
        assert.ok(
          segment.paddr >= 0 && segment.memorySize >= segment.bytes.length && segment.bytes.length <= 1 << 20,
          name,
        );
      }
      assert.ok(image.entry === undefined || Number.isSafeInteger(image.entry), name);
      outcomes.loaded++;
    } catch (error) {
      assert.ok(
        error instanceof ImageError,
        `round ${round}, ${name}: ${error instanceof Error ? error.stack : error}`,
      );
      assert.ok(
        Number.isSafeInteger(error.offset) && error.offset >= 0,
        `round ${round}, ${name}: offset ${error.offset}`,
      );
      outcomes.refused++;
    }
  }
  const elapsed = Date.now() - started;
  assert.ok(elapsed < BUDGET_MS, `took ${elapsed} ms`);
  // the mutations have to reach both outcomes to mean anything
  assert.ok(outcomes.loaded > 100 && outcomes.refused > 1000, JSON.stringify(outcomes));
});

it(`gives an FdtError or a tree for 2000 mutated device trees (EMUSCOPE_SEED=${seed})`, () => {
  const random = new Prng(seed + 1);
  const sample = writeFdt(virtDeviceTree({ harts: 2, ram: 1 << 27 }));
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    try {
      const tree = readFdt(mutate(sample, random));
      fdtToDts(tree);
      writeFdt(tree);
    } catch (error) {
      assert.ok(error instanceof FdtError, `round ${round}: ${error instanceof Error ? error.stack : error}`);
      refused++;
    }
  }
  assert.ok(refused > 100, String(refused));
});
