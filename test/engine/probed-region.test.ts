// What regions with probes are made of: whole translation blocks, of several pages where they are at hand.
import assert from "node:assert/strict";
import test from "node:test";
import { blockAt } from "../../src/engine/block.js";
import { type CodePages, findProbedRegion, inPage, pageOf, type Region } from "../../src/engine/jit/region.js";
import type { ProbedBlock } from "../../src/engine/probe-ops.js";
import { encode, make } from "../differential/encode.js";

const PAGE = 4096;
const VIRTUAL = 0x4000_0000n;
const word = (name: string, operands: Record<string, number>): number => encode(make(name, operands));

/** Two pages with the given words at their places, nops elsewhere. */
function codeOf(words: Record<number, number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * PAGE));
  for (let at = 0; at < view.byteLength; at += 4) view.setUint32(at, words[at] ?? 0x13, true);
  return new Uint8Array(view.buffer);
}

function find(bytes: Uint8Array, entry: number, pages: number): Region | undefined {
  const code: CodePages = {
    bytes: (n) => (n >= 0 && n < pages ? new DataView(bytes.buffer, n * PAGE, PAGE) : undefined),
    distance: (n) => n * 0x10000,
    ran: () => true,
  };
  const straddling = (place: number): number | undefined => (inPage(place) === 0xffe ? 0x13 : undefined);
  const probed = (place: number): ProbedBlock => ({
    record: 0,
    block: [],
    exec: [],
    access: [],
    instructions: blockAt(code.bytes(pageOf(place)) as DataView, inPage(place), straddling(place)),
  });
  return findProbedRegion(code, entry, VIRTUAL, probed);
}

const places = (region: Region | undefined): number[] => [...(region?.blocks.keys() ?? [])].sort((a, b) => a - b);

test("a region with probes goes on in the page behind, where that is at hand", () => {
  const bytes = codeOf({ 4104: word("bne", { rs1: 11, imm: -0x18 }), 4108: 0x8067 });
  const region = find(bytes, 0xff0, 2);
  assert.deepEqual(places(region), [0xff0, 0x1000, 0x100c]);
  assert.deepEqual(region?.blocks.get(0xff0)?.terminator, { kind: "jump", target: 0x1000 });
  assert.deepEqual(region?.blocks.get(0x1000)?.terminator, { kind: "branch", taken: 0xff0, next: 0x100c });
  assert.equal(region?.page, VIRTUAL);
  const alone = find(bytes, 0xff0, 1);
  assert.deepEqual(places(alone), [0xff0]);
  assert.deepEqual(alone?.blocks.get(0xff0)?.terminator, { kind: "exit", target: 0x1000 });
});

test("short functions of other pages belong to it, called directly or by auipc", () => {
  const direct = codeOf({ 0: word("jal", { rd: 1, imm: 0x1080 }), 4: 0x8067, 4224: 0x8067 });
  assert.deepEqual(places(find(direct, 0, 2)), [0, 4, 0x1080]);
  const far = codeOf({
    0: word("auipc", { rd: 1, imm: 1 }),
    4: word("jalr", { rd: 1, rs1: 1, imm: 0x7c }),
    8: 0x8067,
    4220: 0x8067,
  });
  const region = find(far, 0, 2);
  assert.deepEqual(places(region), [0, 8, 0x107c]);
  assert.deepEqual(region?.blocks.get(0x107c)?.terminator, { kind: "computed", likely: [8] });
  assert.deepEqual(region?.blocks.get(0)?.terminator, { kind: "jump", target: 0x107c });
  assert.deepEqual(places(find(far, 0, 1)), [0]);
});

test("what straddles pages, or may change more than registers, is the interpreter's", () => {
  const straddling = codeOf({ 4104: 0x8067 });
  const view = new DataView(straddling.buffer);
  view.setUint16(0xffc, 1, true); // c.nop
  view.setUint32(0xffe, 0x13, true);
  const region = find(straddling, 0xff0, 2);
  assert.deepEqual(places(region), [0xff0, 0xffe]);
  assert.deepEqual(region?.blocks.get(0xffe)?.terminator, { kind: "interpret" });
  const system = find(codeOf({ 8: 0x73 }), 0, 2);
  assert.deepEqual(system?.blocks.get(0)?.terminator, { kind: "interpret" });
  assert.equal(system?.blocks.get(0)?.end, 8);
});
