// The decoder and the rows it is made from: every encoding means one thing, and reserved ones mean nothing.
import assert from "node:assert/strict";
import test from "node:test";
import { COMPRESSIBLE } from "../../src/isa/compressed.js";
import { decode, isLong } from "../../src/isa/decode.js";
import { disassemble } from "../../src/isa/disassemble.js";
import { ILLEGAL, INSTRUCTIONS } from "../../src/isa/instructions.js";
import { compress } from "../differential/compress.js";
import { encode, make, OPCODES } from "../differential/encode.js";
import { Random } from "../differential/random.js";

const ROWS = INSTRUCTIONS.filter((row) => row !== ILLEGAL);
const hex = (word: number): string => (word >>> 0).toString(16);

test("rows differ in name, and no encoding belongs to two of them", () => {
  assert.equal(new Set(INSTRUCTIONS.map((row) => row.name)).size, INSTRUCTIONS.length);
  for (const [n, a] of ROWS.entries()) {
    assert.equal(a.match & ~a.mask, 0, a.name);
    assert.equal(a.match & a.mask & 3, 3, `${a.name} is a 32-bit encoding`);
    for (const b of ROWS.slice(n + 1)) {
      assert.notEqual((a.match ^ b.match) & a.mask & b.mask, 0, `${a.name} and ${b.name} overlap`);
    }
  }
});

test("the instructions that a halfword can stand for are those listed", () => {
  const found = new Set<string>();
  for (let h = 0; h < 0x10000; h++) if (!isLong(h)) found.add(decode(h).instruction.name);
  assert.deepEqual([...found].sort(), [...COMPRESSIBLE].sort());
});

test("every row decodes to itself, whatever its operands", () => {
  const random = new Random(1);
  for (const row of ROWS) {
    for (let n = 0; n < 200; n++) {
      const word = (random.u32() & ~row.mask) | row.match;
      const rounding = (word >>> 12) & 7;
      const reserved = row.format === "rm" && (rounding === 5 || rounding === 6);
      const d = decode(word);
      assert.equal(d.instruction.name, reserved ? "illegal" : row.name, hex(word));
      assert.equal(d.bits, word);
      assert.equal(d.length, 4);
      if (reserved) continue;
      assert.deepEqual(
        [d.rd, d.rs1, d.rs2, d.rs3],
        [7, 15, 20, 27].map((at) => (word >>> at) & 31),
      );
    }
  }
});

test("random words belong to the one row that matches, or to none", () => {
  const random = new Random(2);
  for (let n = 0; n < 100_000; n++) {
    const word = random.u32() | 3;
    const matching = ROWS.filter((row) => (word & row.mask) === row.match);
    const d = decode(word);
    if (matching.length === 0) assert.equal(d.instruction, ILLEGAL, hex(word));
    else if (d.instruction !== ILLEGAL) assert.equal(d.instruction, matching[0], hex(word));
    else assert.ok(matching[0]?.format === "rm" && [5, 6].includes((word >>> 12) & 7), hex(word));
    assert.ok(disassemble(word, 0x8000_0000n).text.length > 0);
  }
});

test("what another encoder writes, the decoder reads", () => {
  const random = new Random(3);
  for (const op of OPCODES) {
    for (let n = 0; n < 100; n++) {
      const imm = immediate(op.form, op.name, random);
      const fields = {
        rd: random.below(32),
        rs1: random.below(32),
        rs2: random.below(32),
        rs3: random.below(32),
        imm,
        rm: random.below(5),
      };
      const word = encode(make(op, fields)) | 0;
      const d = decode(word);
      assert.equal(d.instruction.name, op.name, hex(word));
      if (["rri", "rrs", "load", "store", "fload", "fstore", "branch", "jal", "jalr"].includes(op.form))
        assert.equal(d.imm, imm, `${op.name} ${hex(word)}`);
      if (op.form === "ru") assert.equal(d.imm >>> 12, imm);
      if (["fffr", "ffr", "ffff", "xfr", "fxr"].includes(op.form)) assert.equal(d.rm, fields.rm);
    }
  }
});

function immediate(form: string, name: string, random: Random): number {
  // biome-ignore format: one line each
  switch (form) {
    case "rri": case "load": case "store": case "fload": case "fstore": case "jalr": return random.range(-2048, 2047);
    case "rrs": return random.below(name.endsWith("w") ? 32 : 64);
    case "ru": return random.below(2 ** 20);
    case "branch": return 2 * random.range(-2048, 2047);
    case "jal": return 2 * random.range(-(2 ** 19), 2 ** 19 - 1);
    case "csr": case "csri": return random.below(4096);
    default: return 0;
  }
}

/** Reserved and illegal halfwords of RV64DC, from the tables "Instruction listing for RVC" (unprivileged ISA 20240411). */
function isReserved(h: number): boolean {
  const bits = (high: number, low: number): number => (h >> low) & ((1 << (high - low + 1)) - 1);
  const [funct3, rd, rs2] = [bits(15, 13), bits(11, 7), bits(6, 2)];
  const noImmediate = bits(12, 12) === 0 && rs2 === 0;
  switch (`${h & 3} ${funct3}`) {
    case "0 0":
      return bits(12, 5) === 0; // c.addi4spn without an immediate; all zero among them
    case "0 4":
      return true;
    case "1 1":
      return rd === 0; // c.addiw
    case "1 3":
      return noImmediate; // c.lui and c.addi16sp
    case "1 4":
      return bits(11, 10) === 3 && bits(12, 12) === 1 && bits(6, 5) >= 2;
    case "2 2":
    case "2 3":
      return rd === 0; // c.lwsp, c.ldsp
    case "2 4":
      return bits(12, 12) === 0 && rs2 === 0 && rd === 0; // c.jr
    default:
      return false;
  }
}

test("of all halfwords, the reserved ones are illegal and the others are not", () => {
  for (let h = 0; h < 0x10000; h++) {
    if (isLong(h)) continue;
    const d = decode(h);
    assert.equal(d.instruction === ILLEGAL, isReserved(h), hex(h));
    assert.equal(d.length, 2);
    assert.equal(d.bits, h);
    assert.ok(disassemble(h, 0n).text.length > 0);
    // what follows in memory does not matter
    assert.equal(decode(h | 0xabcd_0000).instruction, d.instruction);
    assert.equal(decode(h | 0xabcd_0000).bits, h);
  }
});

test("the compressed encoder finds every halfword again", () => {
  let found = 0;
  for (let h = 0; h < 0x10000; h++) {
    if (isLong(h) || isReserved(h)) continue;
    const d = decode(h);
    const name = d.instruction.name;
    const imm = name === "lui" ? (d.imm >>> 12) & 0xfffff : d.imm;
    const back = compress(make(name, { rd: d.rd, rs1: d.rs1, rs2: d.rs2, imm }));
    // hints have no other spelling; other halfwords may have one more, which means the same
    const hint = d.rd === 0 && ["addi", "lui", "slli", "add"].includes(name);
    const shiftBy0 = ["slli", "srli", "srai"].includes(name) && imm === 0;
    if (back === undefined) {
      assert.ok(hint || shiftBy0 || (name === "addi" && imm === 0), `${hex(h)} ${disassemble(h, 0n).text}`);
      continue;
    }
    found++;
    const { bits: _a, ...meaning } = d;
    const { bits: _b, ...again } = decode(back);
    // register fields an instruction does not have are whatever its immediate put there
    assert.deepEqual(
      [again.instruction, again.rd, again.rs1, again.imm, again.length],
      [meaning.instruction, meaning.rd, meaning.rs1, meaning.imm, 2],
      hex(h),
    );
  }
  assert.ok(found > 45_000, `${found} found`);
});
