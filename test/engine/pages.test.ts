// Loops and calls over several pages, which compiled code takes into one region: while the pages behind virtual addresses
// change under them, are shown at several addresses with other neighbours, and are written from each other.
import assert from "node:assert/strict";
import test from "node:test";
import type { Machine } from "../../src/machine/machine.js";
import { encode, make } from "../differential/encode.js";
import { Assembler } from "./assembler.js";
import { boot, differences, EAGER, type Image, INTERPRETER, runTo, TIERS } from "./machines.js";
import { enterSupervisor, leaf, PAGED, pageTables } from "./paged.js";
import { START } from "./platform.js";
import { probe } from "./probed.js";

const [RA, A0, A1, A2, A3, A4, T0, T1, T2, S0, S1] = [1, 10, 11, 12, 13, 14, 5, 6, 7, 8, 9];
const X = 0x1000;
const PAGE = 4096;
const TABLES = START + 0x8000;
/** Physical pages of code. */
const [FIRST, SECOND, OTHER] = [START + 0x4000, START + 0x6000, START + 0x5000];
/** Virtual: FIRST and behind it SECOND or OTHER; the same pages once more, where OTHER follows for good. */
const HERE = PAGED;
const THERE = PAGED + 0x4000;
const SFENCE = 0x1200_0073;

const addi = (rd: number, imm: number): number => encode(make("addi", { rd, rs1: rd, imm }));

/** S-mode under Sv39 with `main` at START, mapped where it lies, and a breakpoint where it ends. */
function guest(main: (a: Assembler) => void, pages: readonly [number, Assembler][]): { image: Image; end: bigint } {
  const a = new Assembler();
  const inside = a.label();
  enterSupervisor(a, TABLES, inside, T0);
  a.place(inside);
  main(a);
  const end = a.here();
  a.jump(end);
  const parts = [
    { address: START, bytes: a.assemble(START).bytes },
    { address: TABLES, bytes: pageTables(TABLES, [FIRST, SECOND, 0, 0, FIRST, OTHER]) },
    ...pages.map(([address, code]) => ({ address, bytes: code.assemble(address).bytes })),
  ];
  return { image: { parts }, end: BigInt(end.at) };
}

/** The guest gets to its end with `a0` as told, and alike in all tiers, on the way there as well. */
async function check({ image, end }: { image: Image; end: bigint }, a0: bigint): Promise<void> {
  const reference = await boot(image, INTERPRETER);
  reference.setBreakpoint(end);
  assert.equal(reference.run(2_000_000).reason, "breakpoint");
  const total = reference.instructionCount();
  assert.equal(new DataView(reference.memory.buffer).getBigUint64(X + 8 * A0, true), a0);
  for (const count of [3001, total]) {
    const want = await boot(image, INTERPRETER);
    runTo(want, count, 1e6);
    for (const tier of TIERS) {
      const machine = await boot(image, tier);
      runTo(machine, count, tier.chunk);
      assert.deepEqual(differences(want, machine), [], `${tier.name} after ${count}`);
    }
  }
  const [counted, compiled] = await Promise.all([INTERPRETER, EAGER].map((tier) => boot(image, tier)));
  const seen = [counted, compiled].map((machine) => {
    const { blocks, instructions, reads, writes } = probe(machine as Machine, "count");
    runTo(machine as Machine, total, 1e6);
    return [blocks(), instructions(), reads(), writes()];
  });
  assert.deepEqual(seen[1], seen[0], "counts of probes");
}

/** A loop of `turns` over the end of a page: in front of it 1 is added to a0, behind it `step`. */
function loopOverPages(turns: number, step: number): [Assembler, Assembler] {
  const first = new Assembler();
  first.pad(PAGE, 0xff0);
  first.op("addi", { rd: A1, imm: turns });
  first.op("addi", { rd: A0, rs1: A0, imm: 1 });
  first.op("xori", { rd: A2, rs1: A2, imm: 5 });
  first.op("add", { rd: A2, rs1: A2, rs2: A0 });
  const second = new Assembler();
  second.op("addi", { rd: A0, rs1: A0, imm: step });
  second.op("addi", { rd: A1, rs1: A1, imm: -1 });
  second.word(encode(make("bne", { rs1: A1, imm: -(0x8 + 0xc) })));
  second.ret();
  return [first, second];
}

for (const flush of ["the page", "everything"]) {
  test(`a loop over two pages, of which the second becomes another one; sfence.vma of ${flush}`, async () => {
    const [first, second] = loopOverPages(6, 0x10);
    const [, other] = loopOverPages(6, 0x100);
    const program = guest(
      (a) => {
        a.li(A0, 0);
        a.li(S0, 60);
        a.li(S1, TABLES + 2 * PAGE);
        const top = a.here();
        for (const at of [HERE, THERE, HERE]) {
          a.li(T2, at + 0xff0);
          a.op("jalr", { rd: RA, rs1: T2 });
        }
        // now the one, now the other, now the same again
        a.op("andi", { rd: T0, rs1: S0, imm: 2 });
        a.li(T1, leaf(SECOND));
        const over = a.label();
        a.to("beq", over, { rs1: T0 });
        a.li(T1, leaf(OTHER));
        a.place(over);
        a.op("sd", { rs1: S1, rs2: T1, imm: 8 });
        a.li(T0, HERE + PAGE);
        a.word(flush === "everything" ? SFENCE : SFENCE | (T0 << 15));
        a.op("addi", { rd: S0, rs1: S0, imm: -1 });
        a.to("bne", top, { rs1: S0 });
      },
      [
        [FIRST, first],
        [SECOND, second],
        [OTHER, other],
      ],
    );
    let [sum, step] = [0, 0x10];
    for (let n = 60; n > 0; n--) {
      sum += 6 * (2 * (1 + step) + 1 + 0x100);
      step = n & 2 ? 0x100 : 0x10;
    }
    await check(program, BigInt(sum));
  });
}

test("a loop over two pages that rewrites its part in the other one", async () => {
  const first = new Assembler();
  first.pad(PAGE, 0xff4);
  first.op("addi", { rd: A1, imm: 9 });
  first.word(addi(A0, 1));
  first.op("xor", { rd: A3, rs1: A3, rs2: A4 });
  const second = new Assembler();
  second.op("sw", { rs1: A2, rs2: A3 });
  second.op("addi", { rd: A1, rs1: A1, imm: -1 });
  second.word(encode(make("bne", { rs1: A1, imm: -(0x8 + 0x8) })));
  second.ret();
  const program = guest(
    (a) => {
      a.li(A0, 0);
      a.li(S0, 50);
      a.li(A2, FIRST + 0xff8);
      a.li(A3, addi(A0, 1) | 0);
      a.li(A4, addi(A0, 1) ^ addi(A0, 0x20));
      const top = a.here();
      a.li(T2, HERE + 0xff4);
      a.op("jalr", { rd: RA, rs1: T2 });
      a.op("addi", { rd: S0, rs1: S0, imm: -1 });
      a.to("bne", top, { rs1: S0 });
    },
    [
      [FIRST, first],
      [SECOND, second],
    ],
  );
  await check(program, BigInt(225 * (1 + 0x20)));
});

test("calls by auipc and jalr into other pages, also entered between the two", async () => {
  const first = new Assembler();
  // a2 is a place in SECOND where the auipc is passed over
  const again = first.here();
  first.op("addi", { rd: A0, rs1: A0, imm: 1 });
  first.op("auipc", { rd: RA, imm: 1 });
  const between = first.here();
  first.op("jalr", { rd: RA, rs1: RA, imm: 0x7c });
  first.op("addi", { rd: A1, rs1: A1, imm: -1 });
  const out = first.label();
  first.to("beq", out, { rs1: A1 });
  first.op("andi", { rd: T0, rs1: A1, imm: 1 });
  first.to("bne", again, { rs1: T0 });
  first.op("addi", { rd: RA, rs1: A2 });
  first.jump(between);
  first.place(out);
  first.op("addi", { rd: RA, rs1: S1 });
  first.ret();
  const second = new Assembler();
  second.pad(PAGE, 0x80);
  second.op("addi", { rd: A0, rs1: A0, imm: 0x10 });
  second.ret();
  second.pad(PAGE, 0x200);
  second.op("addi", { rd: A0, rs1: A0, imm: 0x100 });
  second.ret();
  const program = guest(
    (a) => {
      a.li(A0, 0);
      a.li(S0, 40);
      const top = a.here();
      a.li(A1, 20);
      a.li(A2, HERE + PAGE + 0x200 - 0x7c);
      a.li(T2, HERE);
      a.op("jalr", { rd: S1, rs1: T2 });
      a.op("addi", { rd: S0, rs1: S0, imm: -1 });
      a.to("bne", top, { rs1: S0 });
    },
    [
      [FIRST, first],
      [SECOND, second],
    ],
  );
  // of 20 turns, those that find an even count left behind them go on between the two
  let sum = 0;
  for (let left = 20, whole = true; left > 0; left--) {
    sum += whole ? 1 + 0x10 : 0x100;
    whole = ((left - 1) & 1) === 1;
  }
  await check(program, BigInt(40 * sum));
});
