// Disassembly against GNU objdump's, after taking back the differences in taste.
import assert from "node:assert/strict";
import test from "node:test";
import { decode, isLong } from "../../src/isa/decode.js";
import { disassemble } from "../../src/isa/disassemble.js";
import { ILLEGAL, INSTRUCTIONS } from "../../src/isa/instructions.js";
import { Random } from "../differential/random.js";
import { objdump, objdumpMissing } from "./objdump.js";

// older binutils do not know these, or want reserved fields to be zero where the manual has them ignored
const UNKNOWN_THERE = new Set(["czero.eqz", "czero.nez", "fence", "fence.i", "fcvt.d.w", "fcvt.d.wu", "fcvt.d.s"]);

/** CSRs have names or numbers, as each side knows them, and accesses to some have names of their own. */
const ACCESS = /^(csrr[wsc]i?|[fr][rsd](csr|flags|rm|cycle|time|instret)i?) /;

const PSEUDO: Record<string, (o: string[]) => [string, string[]]> = {
  nop: () => ["addi", ["zero", "zero", "0"]],
  li: ([rd = "", imm = ""]) => ["addi", [rd, "zero", imm]],
  mv: ([rd = "", rs = ""]) => ["mv", [rd, rs]],
  "sext.w": ([rd = "", rs = ""]) => ["addiw", [rd, rs, "0"]],
  not: ([rd = "", rs = ""]) => ["xori", [rd, rs, "-1"]],
  neg: ([rd = "", rs = ""]) => ["sub", [rd, "zero", rs]],
  negw: ([rd = "", rs = ""]) => ["subw", [rd, "zero", rs]],
  seqz: ([rd = "", rs = ""]) => ["sltiu", [rd, rs, "1"]],
  snez: ([rd = "", rs = ""]) => ["sltu", [rd, "zero", rs]],
  sltz: ([rd = "", rs = ""]) => ["slt", [rd, rs, "zero"]],
  sgtz: ([rd = "", rs = ""]) => ["slt", [rd, "zero", rs]],
  "zext.w": ([rd = "", rs = ""]) => ["add.uw", [rd, rs, "zero"]],
  "zext.b": ([rd = "", rs = ""]) => ["andi", [rd, rs, "255"]],
  beqz: ([rs = "", to = ""]) => ["beq", [rs, "zero", to]],
  bnez: ([rs = "", to = ""]) => ["bne", [rs, "zero", to]],
  blez: ([rs = "", to = ""]) => ["bge", ["zero", rs, to]],
  bgez: ([rs = "", to = ""]) => ["bge", [rs, "zero", to]],
  bltz: ([rs = "", to = ""]) => ["blt", [rs, "zero", to]],
  bgtz: ([rs = "", to = ""]) => ["blt", ["zero", rs, to]],
  j: ([to = ""]) => ["jal", ["zero", to]],
  ret: () => ["jalr", ["zero", "0(ra)"]],
  jr: ([rs = ""]) => ["jalr", ["zero", rs]],
  csrr: ([rd = "", csr = ""]) => ["csrrs", [rd, csr, "zero"]],
  csrw: ([csr = "", rs = ""]) => ["csrrw", ["zero", csr, rs]],
  csrs: ([csr = "", rs = ""]) => ["csrrs", ["zero", csr, rs]],
  csrc: ([csr = "", rs = ""]) => ["csrrc", ["zero", csr, rs]],
};
for (const [name, op] of [
  ["fmv", "fsgnj"],
  ["fneg", "fsgnjn"],
  ["fabs", "fsgnjx"],
]) {
  for (const suffix of ["s", "d"])
    PSEUDO[`${name}.${suffix}`] = ([rd = "", rs = ""]) => [`${op}.${suffix}`, [rd, rs, rs]];
}

/** One spelling for all ways to write an instruction. */
function plain(text: string): string {
  const [mnemonic = "", rest = ""] = text
    .replace(/\s*[#<].*$/, "")
    .trim()
    .split(/\s+(.*)/s);
  let name = mnemonic.replace(/\.(aq|rl|aqrl)$/, "");
  let operands = rest === "" ? [] : rest.split(/,\s*/).map((o) => (/^0x[0-9a-f]+$/.test(o) ? BigInt(o).toString() : o));
  if (/^\.(half|word|2byte|4byte)$/.test(name) || name === "unimp") return "illegal";
  const expanded = PSEUDO[name]?.(operands);
  if (expanded) [name, operands] = expanded;
  // moves: by add or addi, which look alike
  if ((name === "add" && operands[1] === "zero") || name === "mv")
    [name, operands] = ["mv", [operands[0] ?? "", operands.at(-1) ?? ""]];
  if (name === "jal" && operands.length === 1) operands = ["ra", ...operands];
  if (name === "jalr") {
    if (operands.length === 1) operands = ["ra", ...operands];
    operands = operands.map((o, n) => (n === 1 && !o.includes("(") ? `0(${o})` : o));
  }
  // adding a constant is written add as well as addi
  const last = operands.at(-1) ?? "";
  if (/^-?\d+$/.test(last) && /^(add|and|or|xor|sll|srl|sra|ror|bset|bclr|binv|bext|csrr[wsc])w?$/.test(name)) {
    name = name.endsWith("w") && name !== "csrrw" ? `${name.slice(0, -1)}iw` : `${name}i`;
  }
  if (name === "addi" && last === "0" && operands[1] !== "zero") [name, operands] = ["mv", operands.slice(0, 2)];
  if (name.endsWith(".vma") && operands.length === 1) operands = [...operands, "zero"];
  if (name.endsWith(".vma") && operands.length === 0) operands = ["zero", "zero"];
  if (/^fcvt\.d\.(w|wu|s)$/.test(name) || operands.at(-1) === "dyn")
    operands = operands.filter((o) => o !== "rne" && o !== "dyn");
  return [name, ...operands].join(" ");
}

function compareAll(words: readonly number[]): void {
  const texts = objdump(words);
  let pc = 0;
  const wrong: string[] = [];
  words.forEach((word, n) => {
    const { text, length } = disassemble(word, BigInt(pc));
    pc += length;
    const theirs = texts[n] ?? "";
    const name = text.split(" ")[0] ?? "";
    if (UNKNOWN_THERE.has(name) && theirs.startsWith(".")) return;
    // hints are spelled c.… there: they write x0, or shift by 0
    if (theirs.startsWith("c.")) {
      const d = decode(word);
      assert.ok(
        d.rd === 0 || (/^s(ll|rl|ra)i$/.test(d.instruction.name) && d.imm === 0),
        `${word.toString(16)}: ${text} | ${theirs}`,
      );
      return;
    }
    // reserved rounding modes are shown there, and make an instruction illegal
    if (theirs.endsWith("unknown")) return void (name.startsWith(".") || wrong.push(`${word.toString(16)}: ${text}`));
    // addresses are without 0x there
    const ours = plain(text.replace(/0x([0-9a-f]+)$/, (all, digits) => (/^[bj]/.test(name) ? digits : all)));
    const other = plain(theirs);
    if (ours !== other && !(ACCESS.test(ours) && ACCESS.test(other)))
      wrong.push(`${word.toString(16)}: ${ours} | ${other}`);
  });
  assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} of ${words.length}`);
}

test("every row with random operands reads as objdump has it", { skip: objdumpMissing }, () => {
  const random = new Random(11);
  const rows = INSTRUCTIONS.filter((row) => row !== ILLEGAL);
  compareAll(rows.flatMap((row) => Array.from({ length: 60 }, () => ((random.u32() & ~row.mask) | row.match) >>> 0)));
});

test("random words are legal to both or to neither", { skip: objdumpMissing }, () => {
  const random = new Random(12);
  // 32-bit encodings: those of longer instructions have more low bits set
  compareAll(
    Array.from({ length: 12_000 }, () => (random.u32() | 3) >>> 0).filter(
      (word) => (word & 0x1f) !== 0x1f && !isExtra(word),
    ),
  );
});

/** Encodings of extensions objdump knows besides. */
function isExtra(word: number): boolean {
  const opcode = word & 0x7f;
  const funct3 = (word >>> 12) & 7;
  // vector loads and stores and arithmetic, half and quad precision
  if (opcode === 0x57 || ((opcode === 0x07 || opcode === 0x27) && ![2, 3].includes(funct3))) return true;
  if ([0x43, 0x47, 0x4b, 0x4f, 0x53].includes(opcode) && ((word >>> 25) & 3) >= 2) return true;
  return false;
}

test("every halfword reads as objdump has it", { skip: objdumpMissing }, () => {
  const halfwords = Array.from({ length: 0x10000 }, (_, h) => h).filter((h) => !isLong(h));
  // c.addi16sp by 0 is reserved and shown there as if it were not
  compareAll(halfwords.filter((h) => h !== 0x6101));
});
