// Disassembly in QEMU's style against QEMU's own: every compressed encoding, and random operands for every instruction.
// QEMU shows plugins an instruction when it translates it, whether it runs or not. So each word stands behind a load that
// traps, and the handler goes on to the next word.
import assert from "node:assert/strict";
import { test } from "node:test";
import { INSTRUCTIONS } from "../../src/isa/instructions.js";
import { CSRS } from "../../src/isa/registers.js";
import { qemuDisassembly } from "../../src/probe/qemu-disassembly.js";
import { disassemblyMistake } from "./qemu-mistakes.js";
import { missing, observe } from "./qemu-observe.js";
import { Random } from "./random.js";

const BASE = 0x80000000;
const FIRST = 0x1000;
const STRIDE = 16;

/** A program that has QEMU translate each word, at BASE + FIRST + i * STRIDE + 4. */
function program(words: readonly number[]): Uint8Array {
  const image = new Uint8Array(FIRST + (words.length + 1) * STRIDE);
  const view = new DataView(image.buffer);
  const code = (at: number, ...instructions: number[]) =>
    instructions.forEach((word, i) => view.setUint32(at + 4 * i, word, true));
  code(
    0,
    0x00000297, // auipc t0, 0
    0x02028293, // addi t0, t0, 32: the handler
    0x30529073, // csrw mtvec, t0
    0x00001437, // lui s0, 1
    0xfe028293, // addi t0, t0, -32
    0x00540433, // add s0, s0, t0
    0x00040067, // jr s0
    0x00000013,
    0x01040413, // handler: addi s0, s0, 16
    0x00040067, // jr s0
  );
  words.forEach((word, i) => {
    const at = FIRST + i * STRIDE;
    code(at, 0x00002003); // lw zero, 0(zero): traps
    view.setUint32(at + 4, word, true);
    code(at + 8, 0x0000006f);
  });
  // power-off through the test finisher
  code(FIRST + words.length * STRIDE, 0x001002b7, 0x00005337, 0x55530313, 0x0062a023);
  return image;
}

/** @returns what QEMU writes of each word */
async function qemuTexts(words: readonly number[]): Promise<string[]> {
  const { lines } = await observe({ image: program(words), args: ["disas=on"] });
  const texts = new Map<number, string>();
  for (const line of lines) {
    const [, vaddr, text] = /^(\w+) \w+ (.*)$/.exec(line) ?? [];
    texts.set(Number.parseInt(vaddr as string, 16), text as string);
  }
  return words.map((_, i) => texts.get(BASE + FIRST + i * STRIDE + 4) ?? "not translated");
}

async function differences(words: readonly number[]): Promise<string[]> {
  const wanted = await qemuTexts(words);
  return words.flatMap((word, i) => {
    const own = qemuDisassembly(word, BigInt(BASE + FIRST + i * STRIDE + 4));
    return own === wanted[i] ? [] : [`${wanted[i]}\n${own}`];
  });
}

test("every compressed encoding", { skip: missing() }, async () => {
  const words = Array.from({ length: 0x10000 }, (_, i) => i).filter(
    (word) => (word & 3) !== 3 && !disassemblyMistake(word),
  );
  assert.ok(words.length > 40000);
  assert.deepEqual((await differences(words)).slice(0, 20), []);
});

test("every instruction, with random operands", { skip: missing() }, async () => {
  const random = new Random(7);
  const csrs = Object.values(CSRS);
  const words: number[] = [];
  for (const { mask, match, name } of INSTRUCTIONS) {
    for (let n = 0; n < 150; n++) {
      let word = random.u32();
      // fields that other spellings go by
      if (n % 5 === 1) word &= ~(31 << 7);
      if (n % 5 === 2) word &= ~(31 << 15);
      if (n % 5 === 3) word = (word & ~(31 << 20)) | (((word >> 15) & 31) << 20);
      if (n % 10 === 4) word &= 0xfffff;
      if (n % 10 === 9) word |= 0xfff00000;
      if (name.startsWith("csr")) word = (word & 0xfffff) | ((csrs[random.u32() % csrs.length] as number) << 20);
      word = ((word & ~mask) | match) >>> 0;
      if (!disassemblyMistake(word)) words.push(word);
    }
  }
  assert.ok(words.length > 20000);
  assert.deepEqual((await differences(words)).slice(0, 20), []);
});
