// Random page tables and PMP entries: Emuscope and QEMU must allow, refuse and mark the same.
// EMUSCOPE_SEED=<number> or =random chooses others.

import assert from "node:assert/strict";
import test from "node:test";

import { differences, explain } from "./compare.js";
import { runOnEmuscope } from "./emuscope.js";
import { seedOf } from "./harness.js";
import { buildImage, readResult, type Test } from "./image.js";
import { protectionTest, translationAreas, translationTest } from "./mmu.js";
import { qemuVersion, runOnQemu } from "./qemu.js";

const SEED = seedOf(20211203);
const noQemu = qemuVersion() === undefined ? "no qemu-system-riscv64 here" : false;

async function compareWithQemu(seed: number, tests: readonly Test[]): Promise<void> {
  const areas = translationAreas(seed);
  const image = buildImage(tests, areas);
  const [emuscope, qemu] = await Promise.all([runOnEmuscope(image), runOnQemu(image)]);
  const results = (all: readonly Uint8Array[], index: number) => readResult(all[0] ?? new Uint8Array(), index);
  tests.forEach((one, index) => {
    const lines = differences("emuscope", results(emuscope, index), "qemu", results(qemu, index));
    assert.equal(lines.length, 0, explain(one, image.entry[index] ?? 0, lines));
  });
  // accessed and dirty bits, and what the stores left in the pages
  areas.forEach((area, n) => {
    const left = Buffer.from(emuscope[n + 1] ?? []);
    const right = Buffer.from(qemu[n + 1] ?? []);
    for (let at = 0; at < area.bytes.length; at += 8) {
      const where = `seed ${seed}: 0x${(area.address + at).toString(16)}`;
      assert.equal(left.readBigUInt64LE(at).toString(16), right.readBigUInt64LE(at).toString(16), where);
    }
  });
}

test("random page tables translate, fault and get marked as on QEMU: Sv39, Sv48, Sv57", { skip: noQemu }, async () => {
  console.log(`page tables: EMUSCOPE_SEED=${SEED}`);
  for (let seed = SEED; seed < SEED + 4; seed++)
    await compareWithQemu(
      seed,
      Array.from({ length: 2500 }, (_, index) => translationTest(seed, index)),
    );
});

test("random PMP entries, also such as end inside a page, protect as on QEMU", { skip: noQemu }, async () => {
  console.log(`PMP entries: EMUSCOPE_SEED=${SEED}`);
  for (let seed = SEED; seed < SEED + 2; seed++)
    await compareWithQemu(
      seed,
      Array.from({ length: 2500 }, (_, index) => protectionTest(seed, index)),
    );
});
