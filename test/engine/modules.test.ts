// What compiled modules are: valid, bounded in size, and a function of the guest's code alone.
import assert from "node:assert/strict";
import test from "node:test";
import { generateInterpreter } from "../../src/engine/interpreter.js";
import { VARIANTS } from "../../src/machine/core.js";
import { Assembler } from "./assembler.js";
import { boot, compare, EAGER, type Image, runTo, type Tier } from "./machines.js";
import { START } from "./platform.js";
import { generateProgram } from "./programs.js";

/** Bytes of the modules made while `run` runs. */
async function modulesOf(run: () => Promise<void>): Promise<Uint8Array<ArrayBuffer>[]> {
  const made: Uint8Array<ArrayBuffer>[] = [];
  const Module = WebAssembly.Module;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      made.push((bytes as Uint8Array<ArrayBuffer>).slice());
    }
  };
  try {
    await run();
  } finally {
    WebAssembly.Module = Module;
  }
  return made;
}

async function modulesOfImage(image: Image, tier: Tier = EAGER, count = 60_000): Promise<Uint8Array<ArrayBuffer>[]> {
  const machine = await boot(image, tier);
  return modulesOf(async () => void runTo(machine, count, tier.chunk));
}

test("interpreter modules validate and come out the same twice", () => {
  for (const variant of Object.values(VARIANTS)) {
    const bytes = generateInterpreter(variant);
    assert.ok(WebAssembly.validate(bytes));
    assert.deepEqual(Buffer.from(generateInterpreter(variant)), Buffer.from(bytes));
  }
});

test("modules of compiled regions validate, and are the same in every session of a guest", async () => {
  for (const tier of [EAGER, { name: "default", engine: { hotThreshold: 5 }, chunk: 1e6 }]) {
    for (let index = 0; index < 4; index++) {
      const { image } = generateProgram(90, index, { rewrite: index % 2 === 0 });
      const first = await modulesOfImage(image, tier);
      // another session in between, of another guest
      await modulesOfImage(generateProgram(91, index).image, tier, 5000);
      const second = await modulesOfImage(image, tier);
      assert.ok(first.length > 0);
      assert.equal(second.length, first.length);
      first.forEach((bytes, n) => {
        assert.ok(WebAssembly.validate(bytes));
        assert.deepEqual(Buffer.from(second[n] ?? []), Buffer.from(bytes));
      });
    }
  }
});

test("equal code at other physical addresses makes equal modules", async () => {
  const at = async (address: number): Promise<Uint8Array[]> => {
    const start = new Assembler();
    start.li(5, address);
    start.op("jalr", { rs1: 5 });
    const a = new Assembler();
    const top = a.here();
    a.op("auipc", { rd: 10 });
    a.op("ld", { rd: 11, rs1: 10 });
    a.op("add", { rd: 12, rs1: 12, rs2: 11 });
    a.jump(top);
    const parts = [start.assemble(START), a.assemble(address)].map((code) => ({
      address: code.start,
      bytes: code.bytes,
    }));
    return modulesOfImage({ parts }, EAGER, 1000);
  };
  const [here, there] = [await at(START + 0x3100), await at(START + 0x7100)];
  assert.deepEqual(here.at(-1), there.at(-1));
});

/** A loop of `count` times what `body` emits. */
function repeated(count: number, body: (a: Assembler, n: number) => void): Image {
  const a = new Assembler();
  const top = a.here();
  for (let n = 0; n < count; n++) body(a, n);
  a.jump(top);
  const { bytes } = a.assemble(START);
  return { parts: [{ address: START, bytes }] };
}

// control flow that a careless structure would emit again and again
const SHAPES: Record<string, Image> = {
  "branches to the next instruction": repeated(300, (a) => a.op("beq", { rs1: 5, rs2: 6, imm: 4 })),
  "short branches to the next instruction": repeated(400, (a) => a.word(0xc009)),
  diamonds: repeated(120, (a) => {
    a.op("beq", { rs1: 5, rs2: 6, imm: 8 });
    a.op("addi", { rd: 7, rs1: 7, imm: 1 });
  }),
  "ladders of exits": repeated(180, (a, n) => {
    a.op("addi", { rd: 5, rs1: 5, imm: 1 });
    a.op("bgeu", { rs1: 0, rs2: 5, imm: 4 * (400 - 2 * n) });
  }),
  "branches into the middle of loops": repeated(90, (a) => {
    const top = a.label();
    const middle = a.label();
    a.to("beq", middle, { rs1: 5 });
    a.place(top);
    a.op("addi", { rd: 5, rs1: 5, imm: 1 });
    a.place(middle);
    a.op("andi", { rd: 6, rs1: 5, imm: 3 });
    a.to("bne", top, { rs1: 6 });
  }),
  "jumps to the middle of instructions": repeated(100, (a) => {
    a.op("jal", { imm: 6 });
    a.word(0x0285_0513); // its upper half is c.addi x10, 1
  }),
  "calls of one function": (() => {
    const a = new Assembler();
    const f = a.label();
    const top = a.here();
    for (let n = 0; n < 200; n++) a.to("jal", f, { rd: 1 });
    a.jump(top);
    a.place(f);
    a.op("addi", { rd: 10, rs1: 10, imm: 1 });
    a.ret();
    return { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
  })(),
  "functions that call functions": (() => {
    const a = new Assembler();
    const functions = Array.from({ length: 30 }, () => a.label());
    const top = a.here();
    a.to("jal", functions[0] ?? top, { rd: 1 });
    a.jump(top);
    functions.forEach((label, n) => {
      a.place(label);
      a.op("addi", { rd: 10 + (n % 8), rs1: 1, imm: 1 });
      const next = functions[n + 1];
      if (next) for (let m = 0; m < 3; m++) a.to("jal", next, { rd: 1 });
      a.op("addi", { rd: 11, rs1: 11, imm: 1 });
      a.op("andi", { rd: 12, rs1: 11, imm: 7 });
      a.to("beq", top, { rs1: 12 });
      a.ret();
    });
    return { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
  })(),
};

/** A page has 2048 halfwords; what is made of a region of 400 instructions is far below this. */
const MOST_BYTES = 200_000;

for (const [name, image] of Object.entries(SHAPES)) {
  test(`${name}: compiled in bounded size, and right`, async () => {
    const modules = await modulesOfImage(image, EAGER, 3000);
    assert.ok(modules.length > 0);
    for (const bytes of modules) assert.ok(bytes.length < MOST_BYTES, `${bytes.length} bytes`);
    for (const count of [100, 2999, 20_001]) assert.deepEqual(await compare(image, EAGER, count), []);
  });
}
