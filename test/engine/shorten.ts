// Makes a program on which tiers differ easier to read: instructions that do not matter become nops of their length.
import { disassemble } from "../../src/isa/disassemble.js";
import type { Placed } from "./assembler.js";
import { compare, type Image, type Tier } from "./machines.js";
import { imageOf } from "./platform.js";
import type { Program } from "./programs.js";

const ROUNDS = 400;

function without(program: Program, gone: ReadonlySet<Placed>): Image {
  const { guest, code, image } = program;
  const bytes = guest.code.slice();
  const view = new DataView(bytes.buffer);
  for (const { address, length } of gone) {
    const at = address - code.start;
    if (length === 2) view.setUint16(at, 1, true);
    else view.setUint32(at, 0x13, true);
  }
  const start = image.parts[0];
  // the start-up code holds random registers: keep it
  const parts = imageOf({ ...guest, code: bytes }).parts.slice(1);
  return { parts: start ? [start, ...parts] : parts };
}

/** Text of what is left of the program. */
export async function shorten(program: Program, tier: Tier, count: number): Promise<string> {
  const gone = new Set<Placed>();
  let size = Math.ceil(program.code.listing.length / 4);
  let rounds = 0;
  while (size >= 1 && rounds < ROUNDS) {
    let progress = false;
    const left = program.code.listing.filter((placed) => !gone.has(placed));
    for (let at = 0; at < left.length && rounds < ROUNDS; at += size) {
      const tried = new Set([...gone, ...left.slice(at, at + size)]);
      rounds++;
      if ((await compare(without(program, tried), tier, count)).length === 0) continue;
      for (const placed of left.slice(at, at + size)) gone.add(placed);
      progress = true;
    }
    if (size === 1 && !progress) break;
    if (size > 1) size = Math.ceil(size / 2);
    else if (!progress) break;
  }
  const bytes = program.guest.code;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return program.code.listing
    .filter((placed) => !gone.has(placed))
    .map((placed) => {
      const at = placed.address - program.code.start;
      const bits = placed.length === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
      return `  ${placed.address.toString(16)}: ${bits.toString(16).padStart(placed.length * 2, "0")}  ${disassemble(bits, BigInt(placed.address)).text}`;
    })
    .join("\n");
}
