// The built-in plugins against a QEMU plugin that counts and logs the same: equal counts of blocks, instructions, accesses,
// pages, devices and encodings, and equal lines, instruction by instruction, over the bare-metal programs and thousands of
// random ones with traps and address translation; interpreted and compiled.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decode } from "../../src/isa/decode.js";
import { ILLEGAL } from "../../src/isa/instructions.js";
import type { EngineSettings } from "../../src/machine/description.js";
import { withVariable } from "../guest/elf-symbols.js";
import { observeHere } from "./emuscope-observe.js";
import { encode } from "./encode.js";
import { DEFAULTS, generate } from "./generate.js";
import { buildImage, type Test } from "./image.js";
import { CPU } from "./qemu.js";
import { disassemblyMistake } from "./qemu-mistakes.js";
import { missing, observe } from "./qemu-observe.js";

const LINES = 400_000;
const POWER_OFF = "0x100000";
const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  compiled: {},
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};

interface Counts {
  blocks: [entered: number, instructions: number];
  instructions: number;
  memory: [reads: number, writes: number];
  io: [reads: number, writes: number];
  /** By address and number of instructions. */
  block: Record<string, number>;
  page: Record<string, [reads: number, writes: number]>;
  opcode: Record<string, number>;
  log: string[];
}

/** QEMU's memory region of the UART has no name. */
const ownNames = (line: string): string => line.replace(/(, 0x100000\w\w), anon\w+/, "$1, uart0");

/** A line without the disassembly where QEMU's is wrong. */
function comparable(line: string): string {
  const bits = Number(/^\d+, 0x\w+, (0x\w+)/.exec(line)?.[1]);
  return disassemblyMistake(bits) ? line.replace(/".*"/, "") : line;
}

/** What QEMU saw. */
async function qemuCounts(image: Uint8Array): Promise<Counts & { console: string }> {
  const args = ["counts=on", `log=${LINES}`];
  const { lines, console } = await observe({ image, cpu: CPU, args, timeoutMs: 300_000 });
  const counts: Counts = {
    blocks: [0, 0],
    instructions: 0,
    memory: [0, 0],
    io: [0, 0],
    block: {},
    page: {},
    opcode: {},
    log: [],
  };
  for (const line of lines) {
    const [what, ...words] = line.split(" ") as [string, ...string[]];
    const pair = (at: number): [number, number] => [Number(words[at]), Number(words[at + 1])];
    if (/^\d+,$/.test(what)) counts.log.push(ownNames(line));
    else if (what === "blocks" || what === "memory" || what === "io") counts[what] = pair(0);
    else if (what === "instructions") counts.instructions = Number(words[0]);
    else if (what === "block") {
      if (words[2] !== "0") counts.block[`${words[0]} ${words[1]}`] = Number(words[2]);
    } else if (what === "page") counts.page[words[0] as string] = pair(1);
    else if (what === "opcode") counts.opcode[words[0] as string] = Number(words[1]);
  }
  return { ...counts, console };
}

/** What the built-in plugins found. */
async function ownCounts(image: Uint8Array, engine: Partial<EngineSettings>): Promise<Counts & { console: string }> {
  const { found, console, machine } = await observeHere({
    image,
    engine,
    plugins: {
      bb: {},
      insn: {},
      mem: { haddr: true },
      hotblocks: { limit: 0 },
      hotpages: { limit: 0 },
      howvec: { classes: "none", limit: 0 },
      hwprofile: {},
      execlog: { lines: LINES },
      traps: {},
      discons: {},
    },
  });
  const result = (name: string) => found[name]?.results;
  const { bb, insn, mem, hwprofile } = {
    bb: result("bb"),
    insn: result("insn"),
    mem: result("mem"),
    hwprofile: result("hwprofile"),
  };
  const sum = (of: any[], key: string): number => of.reduce((total, one) => total + one[key], 0);
  assert.equal(result("discons").mismatchCount, 0);
  assert.deepEqual([sum(hwprofile.devices, "reads"), sum(hwprofile.devices, "writes")], [mem.io.reads, mem.io.writes]);
  assert.ok(insn.instructions <= machine.instructionCount());
  const hex = (n: bigint | number): string => `0x${n.toString(16)}`;
  // the store that powers off is not among what QEMU's plugin sees
  const off = hwprofile.devices.find((d: any) => d.device === "test");
  assert.deepEqual([off.reads, off.writes], [0, 1]);
  const page = Object.fromEntries(result("hotpages").pages.map((p: any) => [hex(p.paddr), [p.reads, p.writes]]));
  assert.deepEqual(page[POWER_OFF], [0, 1]);
  delete page[POWER_OFF];
  const log = (found["execlog"]?.output ?? "").trimEnd().split("\n");
  log.push((log.pop() as string).replace(/, store, 0x00100000, test$/, ""));
  return {
    blocks: [bb.blocks, bb.instructions],
    instructions: insn.instructions,
    memory: [mem.reads, mem.writes - 1],
    io: [mem.io.reads, mem.io.writes - 1],
    block: Object.fromEntries(
      result("hotblocks")
        .blocks.filter((b: any) => b.executions > 0)
        .map((b: any) => [`${hex(b.pc)} ${b.instructions}`, b.executions]),
    ),
    page,
    opcode: Object.fromEntries(
      result("howvec")
        .individual.instructions.filter((i: any) => i.hits > 0)
        .map((i: any) => [hex(i.bits), i.hits]),
    ),
    log,
    console,
  };
}

function compare(own: Counts & { console: string }, qemu: Counts & { console: string }): void {
  assert.equal(own.console, qemu.console);
  const firstOther = own.log.findIndex(
    (line, i) => line !== qemu.log[i] && comparable(line) !== comparable(qemu.log[i] ?? ""),
  );
  if (firstOther >= 0) {
    const from = Math.max(0, firstOther - 3);
    assert.deepEqual(own.log.slice(from, firstOther + 2), qemu.log.slice(from, firstOther + 2), `line ${firstOther}`);
  }
  assert.equal(own.log.length, qemu.log.length);
  for (const what of ["instructions", "memory", "io", "page", "opcode", "blocks", "block"] as const) {
    assert.deepEqual(own[what], qemu[what], what);
  }
}

const program = (name: string, iterations: bigint): Uint8Array =>
  withVariable(readFileSync(new URL(`../../../guest/bare/${name}.elf`, import.meta.url)), "iterations", iterations);

for (const [name, iterations] of [
  ["integer", 2n],
  ["pointer", 2n],
  ["matrix", 2n],
  ["float", 2n],
  ["calls", 1n],
  ["strings", 2n],
  ["smc", 20n],
] as const) {
  test(`${name}: counts and lines as QEMU's`, { skip: missing() }, async (t) => {
    const image = program(name, iterations);
    const qemu = await qemuCounts(image);
    for (const [how, engine] of Object.entries(ENGINES)) {
      await t.test(how, async () => compare(await ownCounts(image, engine), qemu));
    }
  });
}

/** QEMU takes a reserved rounding mode for illegal when it executes it, so it does not end a block. */
const hasReservedRounding = ({ code }: Test): boolean =>
  code.some((instruction) => {
    const { instruction: decoded, bits, rm, length } = decode(encode(instruction));
    return decoded === ILLEGAL && length === 4 && (bits & 0x43) === 0x43 && (bits & 0x20) === 0 && rm > 4 && rm < 7;
  });

test("random programs with traps and translation: counts and lines as QEMU's", { skip: missing() }, async (t) => {
  const tests = Array.from({ length: 1000 }, (_, index) => generate(20240501, index, DEFAULTS));
  const { elf } = buildImage(tests.filter((one) => !hasReservedRounding(one)));
  const qemu = await qemuCounts(elf);
  for (const [how, engine] of Object.entries(ENGINES)) {
    await t.test(how, async () => compare(await ownCounts(elf, engine), qemu));
  }
});
