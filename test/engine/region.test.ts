// Which code a region takes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findRegion, type Region } from "../../src/engine/jit/region.js";
import { encode, make } from "../differential/encode.js";

const word = (name: string, operands: Record<string, number>): number => encode(make(name, operands));
const LOOP = {
  0: word("beq", { rs1: 10, rs2: 11, imm: 0x40 }), //  seldom
  4: word("jal", { rd: 1, imm: 0x7c }), //             a short function at 0x80
  8: word("bne", { rs1: 10, imm: -8 }),
  12: word("jal", { rd: 0, imm: 0x34 }), //          to 0x40
  64: word("addi", { rd: 10, rs1: 10, imm: 1 }),
  68: word("jal", { rd: 0, imm: -0x44 }),
  128: word("beq", { rs1: 12, imm: 8 }),
  132: word("addi", { rd: 12, rs1: 12, imm: 1 }),
  136: word("jalr", { rd: 0, rs1: 1, imm: 0 }),
};

function find(ran: (place: number) => boolean): Region {
  const view = new DataView(new ArrayBuffer(4096));
  for (const [at, bits] of Object.entries(LOOP)) view.setUint32(Number(at), bits, true);
  const code = { bytes: (n: number) => (n === 0 ? view : undefined), distance: () => 0, ran };
  const region = findRegion(code, 0, false);
  assert.ok(region);
  return region;
}
const places = (region: Region): number[] => [...region.blocks.keys()].sort((a, b) => a - b);

test("everything that is reached and has run, calls of short functions included", () => {
  assert.deepEqual(places(find(() => true)), [0, 4, 8, 0x0c, 0x40, 0x80, 0x84, 0x88]);
});

test("what has not run is left: branches and calls to it leave the region", () => {
  const region = find((place) => place < 0x0c);
  assert.deepEqual(places(region), [0, 4, 8]);
  assert.equal(region.size, 3);
  assert.deepEqual(region.blocks.get(0)?.terminator, { kind: "branch", taken: 0x40, next: 4 });
  assert.deepEqual(region.blocks.get(4)?.terminator, { kind: "exit", target: 0x80 });
  const without = find((place) => place !== 0x84);
  assert.deepEqual(places(without), [0, 4, 8, 0x0c, 0x40, 0x80, 0x88]);
});

test("of an entry that has not run nothing is known: everything that is reached", () => {
  assert.deepEqual(places(find((place) => place === 0x40)), [0, 4, 8, 0x0c, 0x40, 0x80, 0x84, 0x88]);
});
