// Instructions as QEMU writes them in plugins' logs: up to 8.2 the bits, then columns for mnemonic, operands and target.
// Its spellings differ from other assemblers' (`bgt` for every `blt`, the rounding mode in front, no `li`), so they have a
// table of their own. test/differential/disassembly.test.ts holds this against QEMU, and lists where QEMU is wrong and this
// is not. What its disassembler does not know is written in the same style.
import { type Decoded, decode } from "../isa/decode.js";
import { noSuchOperand, plainOperand } from "../isa/operands.js";
import { csrName, F_NAMES, X_NAMES } from "../isa/registers.js";

const ROUNDING = ["rne", "rtz", "rdn", "rup", "rmm", "inv", "inv", "dyn"];
const BITS_COLUMNS = 18;
const MNEMONIC_COLUMNS = 24;
const OPERAND_COLUMNS = 24;

interface Form {
  name: string;
  operands: string;
  /** Distance of the target from the instruction, which comes as a comment. */
  offset?: number;
}

/** The QEMU whose way of writing is meant: 10.0 leaves the bits away and shows what lui and auipc have in their upper 20 bits. */
export type QemuVersion = "7.2" | "10.0";

/** One instruction, in the low bits of `word`, at address `pc`. */
export function qemuDisassembly(word: number, pc: bigint, version: QemuVersion = "7.2"): string {
  const d = decode(word);
  const { name, operands, offset } = form(d, version);
  const text = (version === "7.2" ? bits(d) : "") + name.padEnd(MNEMONIC_COLUMNS);
  if (offset === undefined) return text + operands;
  const target = BigInt.asUintN(64, pc + BigInt(offset)).toString(16);
  return `${text}${operands.padEnd(OPERAND_COLUMNS)}# 0x${target}`;
}

function bits(d: Decoded): string {
  const digits = (d.bits >>> 0).toString(16).padStart(2 * d.length, "0");
  return digits.padEnd(BITS_COLUMNS);
}

function form(d: Decoded, version: QemuVersion): Form {
  const { name } = d.instruction;
  const found = SPELLINGS[name]?.(d) ?? { name, ...generic(d) };
  if (version === "7.2" || !/^(lui|auipc)$/.test(name)) return found;
  return { ...found, operands: `${x(d.rd)},${d.imm >> 12}` };
}

const x = (n: number): string => X_NAMES[n] as string;
const f = (n: number): string => F_NAMES[n] as string;
const csr = (d: Decoded): string => {
  const name = csrName((d.imm >>> 20) & 0xfff);
  return name.startsWith("0x") ? `0x${name.slice(2).padStart(3, "0")}` : name;
};

/** Operands in the order of Emuscope's assembly form. */
function generic(d: Decoded): Omit<Form, "name"> {
  const { assembly, format } = d.instruction;
  let offset: number | undefined;
  const operands = assembly
    .split(", ")
    .filter((operand) => operand !== "" && operand !== "rm")
    .map((operand) => {
      switch (operand) {
        case "imm20":
          return String(d.imm);
        case "target":
          offset = d.imm;
          return String(d.imm);
        case "csr":
          return csr(d);
        default:
          return plainOperand(operand, d) ?? noSuchOperand(operand);
      }
    });
  if (format === "rm") operands.unshift(ROUNDING[d.rm] as string);
  return { operands: operands.join(","), ...(offset === undefined ? {} : { offset }) };
}

type Spelling = (d: Decoded) => Form | undefined;

/** Predecessor or successor set of a fence. */
const fenceSet = (set: number): string => [..."iorw"].filter((_, i) => set & (8 >> i)).join("");
const unary = (name: string, rd: number, rs: number): Form => ({ name, operands: `${x(rd)},${x(rs)}` });
const against0 = (name: string, rs: number, offset: number): Form => ({
  name,
  operands: `${x(rs)},${offset}`,
  offset,
});
/** `less` and `greater or equal` come with their sides changed. */
const changed = (name: string, d: Decoded): Form => ({
  name,
  operands: `${x(d.rs2)},${x(d.rs1)},${d.imm}`,
  offset: d.imm,
});
const atomic: Spelling = (d) => {
  const order = (d.bits & (1 << 26) ? ".aq" : "") + (d.bits & (1 << 25) ? ".rl" : "");
  return { name: d.instruction.name + order, ...generic(d) };
};
/** Sign injection from the register itself has names of its own. */
const sign =
  (name: string): Spelling =>
  (d) =>
    d.rs1 === d.rs2 ? { name, operands: `${f(d.rd)},${f(d.rs1)}` } : undefined;
const renamed =
  (name: string): Spelling =>
  (d) => ({ name, ...generic(d) });

const COUNTERS = new Map([
  ["cycle", "rdcycle"],
  ["time", "rdtime"],
  ["instret", "rdinstret"],
  ["fcsr", "frcsr"],
  ["frm", "frrm"],
  ["fflags", "frflags"],
]);

/** By mnemonic; one that gives undefined leaves the instruction as it is. */
const SPELLINGS: Record<string, Spelling> = {
  __proto__: null as never,
  illegal: () => ({ name: "illegal", operands: "" }),
  addi: (d) => {
    if (d.rd === 0 && d.rs1 === 0 && d.imm === 0) return { name: "nop", operands: "" };
    return d.imm === 0 ? unary("mv", d.rd, d.rs1) : undefined;
  },
  // only c.mv, which QEMU takes for an addi
  add: (d) => (d.length === 2 && (d.bits & 0x1000) === 0 ? unary("mv", d.rd, d.rs2) : undefined),
  addiw: (d) => (d.imm === 0 ? unary("sext.w", d.rd, d.rs1) : undefined),
  xori: (d) => (d.imm === -1 ? unary("not", d.rd, d.rs1) : undefined),
  sub: (d) => (d.rs1 === 0 ? unary("neg", d.rd, d.rs2) : undefined),
  subw: (d) => (d.rs1 === 0 ? unary("negw", d.rd, d.rs2) : undefined),
  sltiu: (d) => (d.imm === 1 ? unary("seqz", d.rd, d.rs1) : undefined),
  sltu: (d) => (d.rs1 === 0 ? unary("snez", d.rd, d.rs2) : undefined),
  slt: (d) => {
    if (d.rs2 === 0) return unary("sltz", d.rd, d.rs1);
    return d.rs1 === 0 ? unary("sgtz", d.rd, d.rs2) : undefined;
  },
  beq: (d) => (d.rs2 === 0 ? against0("beqz", d.rs1, d.imm) : undefined),
  bne: (d) => (d.rs2 === 0 ? against0("bnez", d.rs1, d.imm) : undefined),
  blt: (d) => {
    if (d.rs2 === 0) return against0("bltz", d.rs1, d.imm);
    return d.rs1 === 0 ? against0("bgtz", d.rs2, d.imm) : changed("bgt", d);
  },
  bge: (d) => {
    if (d.rs1 === 0) return against0("blez", d.rs2, d.imm);
    return d.rs2 === 0 ? against0("bgez", d.rs1, d.imm) : changed("ble", d);
  },
  bltu: (d) => changed("bgtu", d),
  bgeu: (d) => changed("bleu", d),
  jal: (d) => (d.rd === 0 ? { name: "j", operands: String(d.imm), offset: d.imm } : undefined),
  jalr: (d) => {
    if (d.rd === 0 && d.imm === 0) {
      return d.rs1 === 1 ? { name: "ret", operands: "" } : { name: "jr", operands: x(d.rs1) };
    }
    return { name: "jalr", operands: `${x(d.rd)},${x(d.rs1)},${d.imm}` };
  },
  auipc: (d) => ({ name: "auipc", operands: `${x(d.rd)},${d.imm}`, offset: d.imm }),
  fence: (d) => ({
    name: "fence",
    operands: `${fenceSet((d.bits >> 24) & 15)},${fenceSet((d.bits >> 20) & 15)}`,
  }),
  csrrs: (d) => {
    const read = d.rs1 === 0 ? COUNTERS.get(csr(d)) : undefined;
    return read === undefined ? undefined : { name: read, operands: x(d.rd) };
  },
  csrrw: (d) => (/^(fcsr|frm|fflags)$/.test(csr(d)) ? unary(`fs${csr(d).slice(1)}`, d.rd, d.rs1) : undefined),
  csrrwi: (d) =>
    /^(frm|fflags)$/.test(csr(d)) ? { name: `fs${csr(d).slice(1)}i`, operands: `${x(d.rd)},${d.rs1}` } : undefined,
  "fmv.x.w": renamed("fmv.x.s"),
  "fmv.w.x": renamed("fmv.s.x"),
};
for (const p of ["s", "d"]) {
  SPELLINGS[`fsgnj.${p}`] = sign(`fmv.${p}`);
  SPELLINGS[`fsgnjn.${p}`] = sign(`fneg.${p}`);
  SPELLINGS[`fsgnjx.${p}`] = sign(`fabs.${p}`);
}
for (const p of ["w", "d"]) {
  for (const op of ["lr", "sc", "amoswap", "amoadd", "amoxor", "amoand", "amoor"]) SPELLINGS[`${op}.${p}`] = atomic;
  for (const op of ["amomin", "amomax", "amominu", "amomaxu"]) SPELLINGS[`${op}.${p}`] = atomic;
}
