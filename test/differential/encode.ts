// Encoder of RV64 IMAFDC, Zba, Zbb, Zbs, Zicond and Zicbom/Zicboz for generated test programs.
// It is a second opinion on purpose: written from the manual's opcode tables (Unprivileged ISA 20240411,
// "RV32/64G Instruction Set Listings" and "RVC"), and shares nothing with src/isa.

export type Extension = "i" | "m" | "a" | "f" | "d" | "zba" | "zbb" | "zbs" | "zicond" | "zicboz" | "zicsr" | "c";

/**
 * Operand forms. Letters: x and f for register files.
 * `rrr` x,x,x · `rri` x,x,imm12 · `rrs` x,x,shamt · `rr` x,x · `ru` x,imm20 · `load`/`store` and `fload`/`fstore`
 * · `branch` · `jal` · `jalr` · `amo`, `lr`, `sc` · `fff` f,f,f · `fffr` with rounding mode · `ffr` f,f with rounding mode
 * · `ffff` fused, with rounding mode · `xff` x,f,f · `xf` x,f · `xfr` x,f with rounding mode · `fx` f,x · `fxr` f,x with rounding mode
 * · `csr`, `csri` · `cbo` (address) · `none`.
 */
export type Form =
  | "rrr"
  | "rri"
  | "rrs"
  | "rr"
  | "ru"
  | "load"
  | "store"
  | "fload"
  | "fstore"
  | "branch"
  | "jal"
  | "jalr"
  | "amo"
  | "lr"
  | "sc"
  | "fff"
  | "fffr"
  | "ffr"
  | "ffff"
  | "xff"
  | "xf"
  | "xfr"
  | "fx"
  | "fxr"
  | "csr"
  | "csri"
  | "cbo"
  | "none";

/** One instruction of the base (32-bit) encoding. */
export interface Opcode {
  readonly name: string;
  readonly ext: Extension;
  readonly form: Form;
  /** The instruction word with every operand field zero. */
  readonly bits: number;
  /** Bytes a memory access touches; 0 for others. */
  readonly bytes: number;
}

/** An instruction with its operands; fields that a form has no use for are 0. */
export interface Instruction {
  readonly op: Opcode;
  readonly rd: number;
  readonly rs1: number;
  readonly rs2: number;
  readonly rs3: number;
  /** Sign-extended immediate, shift amount, CSR number, or the byte distance of a jump. */
  readonly imm: number;
  /** Rounding mode field, 0..7. */
  readonly rm: number;
  /** Acquire and release bits of atomics. */
  readonly aqrl: number;
  /** The 16-bit encoding to use, when the instruction is written compressed. */
  readonly compressed?: number;
}

const opcodes: Opcode[] = [];

function row(ext: Extension, form: Form, name: string, bits: number, bytes = 0): void {
  opcodes.push({ name, ext, form, bits: bits >>> 0, bytes });
}

/** funct7, funct3 and major opcode. */
const r = (funct7: number, funct3: number, opcode: number): number => (funct7 << 25) | (funct3 << 12) | opcode;
/** A whole 12-bit field in the place of an immediate. */
const i = (imm12: number, funct3: number, opcode: number): number => (imm12 << 20) | (funct3 << 12) | opcode;

// RV64I
for (const [name, f3] of [
  ["addi", 0],
  ["slti", 2],
  ["sltiu", 3],
  ["xori", 4],
  ["ori", 6],
  ["andi", 7],
] as const)
  row("i", "rri", name, r(0, f3, 0x13));
row("i", "rri", "addiw", r(0, 0, 0x1b));
row("i", "rrs", "slli", i(0x000, 1, 0x13));
row("i", "rrs", "srli", i(0x000, 5, 0x13));
row("i", "rrs", "srai", i(0x400, 5, 0x13));
row("i", "rrs", "slliw", i(0x000, 1, 0x1b));
row("i", "rrs", "srliw", i(0x000, 5, 0x1b));
row("i", "rrs", "sraiw", i(0x400, 5, 0x1b));
// biome-ignore format: a table
for (const [name, f7, f3] of [
  ["add", 0, 0], ["sub", 0x20, 0], ["sll", 0, 1], ["slt", 0, 2], ["sltu", 0, 3],
  ["xor", 0, 4], ["srl", 0, 5], ["sra", 0x20, 5], ["or", 0, 6], ["and", 0, 7],
] as const)
  row("i", "rrr", name, r(f7, f3, 0x33));
for (const [name, f7, f3] of [
  ["addw", 0, 0],
  ["subw", 0x20, 0],
  ["sllw", 0, 1],
  ["srlw", 0, 5],
  ["sraw", 0x20, 5],
] as const)
  row("i", "rrr", name, r(f7, f3, 0x3b));
row("i", "ru", "lui", 0x37);
row("i", "ru", "auipc", 0x17);
// biome-ignore format: a table
for (const [name, f3, bytes] of [
  ["lb", 0, 1], ["lh", 1, 2], ["lw", 2, 4], ["ld", 3, 8], ["lbu", 4, 1], ["lhu", 5, 2], ["lwu", 6, 4],
] as const)
  row("i", "load", name, r(0, f3, 0x03), bytes);
for (const [name, f3, bytes] of [
  ["sb", 0, 1],
  ["sh", 1, 2],
  ["sw", 2, 4],
  ["sd", 3, 8],
] as const)
  row("i", "store", name, r(0, f3, 0x23), bytes);
for (const [name, f3] of [
  ["beq", 0],
  ["bne", 1],
  ["blt", 4],
  ["bge", 5],
  ["bltu", 6],
  ["bgeu", 7],
] as const)
  row("i", "branch", name, r(0, f3, 0x63));
row("i", "jal", "jal", 0x6f);
row("i", "jalr", "jalr", 0x67);
row("i", "none", "fence", 0x0ff0000f);
row("i", "none", "fence.i", 0x0000100f);
row("i", "none", "ecall", 0x00000073);
row("i", "none", "ebreak", 0x00100073);

// M
// biome-ignore format: a table
for (const [name, f3] of [
  ["mul", 0], ["mulh", 1], ["mulhsu", 2], ["mulhu", 3], ["div", 4], ["divu", 5], ["rem", 6], ["remu", 7],
] as const)
  row("m", "rrr", name, r(1, f3, 0x33));
for (const [name, f3] of [
  ["mulw", 0],
  ["divw", 4],
  ["divuw", 5],
  ["remw", 6],
  ["remuw", 7],
] as const)
  row("m", "rrr", name, r(1, f3, 0x3b));

// A
// biome-ignore format: a table
for (const [suffix, f3, bytes] of [["w", 2, 4], ["d", 3, 8]] as const) {
  row("a", "lr", `lr.${suffix}`, r(0x02 << 2, f3, 0x2f), bytes);
  row("a", "sc", `sc.${suffix}`, r(0x03 << 2, f3, 0x2f), bytes);
  for (const [name, f5] of [
    ["amoswap", 0x01], ["amoadd", 0x00], ["amoxor", 0x04], ["amoand", 0x0c], ["amoor", 0x08],
    ["amomin", 0x10], ["amomax", 0x14], ["amominu", 0x18], ["amomaxu", 0x1c],
  ] as const)
    row("a", "amo", `${name}.${suffix}`, r(f5 << 2, f3, 0x2f), bytes);
}

// Zba
row("zba", "rrr", "add.uw", r(0x04, 0, 0x3b));
for (const [n, f3] of [
  [1, 2],
  [2, 4],
  [3, 6],
] as const) {
  row("zba", "rrr", `sh${n}add`, r(0x10, f3, 0x33));
  row("zba", "rrr", `sh${n}add.uw`, r(0x10, f3, 0x3b));
}
row("zba", "rrs", "slli.uw", i(0x080, 1, 0x1b));

// Zbb
row("zbb", "rrr", "andn", r(0x20, 7, 0x33));
row("zbb", "rrr", "orn", r(0x20, 6, 0x33));
row("zbb", "rrr", "xnor", r(0x20, 4, 0x33));
for (const [name, rs2] of [
  ["clz", 0],
  ["ctz", 1],
  ["cpop", 2],
  ["sext.b", 4],
  ["sext.h", 5],
] as const)
  row("zbb", "rr", name, i(0x600 | rs2, 1, 0x13));
for (const [name, rs2] of [
  ["clzw", 0],
  ["ctzw", 1],
  ["cpopw", 2],
] as const)
  row("zbb", "rr", name, i(0x600 | rs2, 1, 0x1b));
for (const [name, f3] of [
  ["min", 4],
  ["minu", 5],
  ["max", 6],
  ["maxu", 7],
] as const)
  row("zbb", "rrr", name, r(0x05, f3, 0x33));
row("zbb", "rr", "zext.h", r(0x04, 4, 0x3b));
row("zbb", "rrr", "rol", r(0x30, 1, 0x33));
row("zbb", "rrr", "ror", r(0x30, 5, 0x33));
row("zbb", "rrr", "rolw", r(0x30, 1, 0x3b));
row("zbb", "rrr", "rorw", r(0x30, 5, 0x3b));
row("zbb", "rrs", "rori", i(0x600, 5, 0x13));
row("zbb", "rrs", "roriw", i(0x600, 5, 0x1b));
row("zbb", "rr", "orc.b", i(0x287, 5, 0x13));
row("zbb", "rr", "rev8", i(0x6b8, 5, 0x13));

// Zbs
for (const [name, f6, f3] of [
  ["bclr", 0x12, 1],
  ["bext", 0x12, 5],
  ["binv", 0x1a, 1],
  ["bset", 0x0a, 1],
] as const) {
  row("zbs", "rrr", name, r(f6 << 1, f3, 0x33));
  row("zbs", "rrs", `${name}i`, r(f6 << 1, f3, 0x13));
}

// Zicond, Zicboz
row("zicond", "rrr", "czero.eqz", r(0x07, 5, 0x33));
row("zicond", "rrr", "czero.nez", r(0x07, 7, 0x33));
row("zicboz", "cbo", "cbo.zero", i(4, 2, 0x0f), 64);

// Zicsr
for (const [name, f3] of [
  ["csrrw", 1],
  ["csrrs", 2],
  ["csrrc", 3],
] as const) {
  row("zicsr", "csr", name, r(0, f3, 0x73));
  row("zicsr", "csri", `${name}i`, r(0, f3 + 4, 0x73));
}

// F and D
for (const [ext, suffix, fmt, f3, bytes] of [
  ["f", "s", 0, 2, 4],
  ["d", "d", 1, 3, 8],
] as const) {
  const x = suffix === "s" ? "w" : "d";
  row(ext, "fload", suffix === "s" ? "flw" : "fld", r(0, f3, 0x07), bytes);
  row(ext, "fstore", suffix === "s" ? "fsw" : "fsd", r(0, f3, 0x27), bytes);
  for (const [name, opcode] of [
    ["fmadd", 0x43],
    ["fmsub", 0x47],
    ["fnmsub", 0x4b],
    ["fnmadd", 0x4f],
  ] as const)
    row(ext, "ffff", `${name}.${suffix}`, (fmt << 25) | opcode);
  for (const [name, f5] of [
    ["fadd", 0],
    ["fsub", 1],
    ["fmul", 2],
    ["fdiv", 3],
  ] as const)
    row(ext, "fffr", `${name}.${suffix}`, r((f5 << 2) | fmt, 0, 0x53));
  row(ext, "ffr", `fsqrt.${suffix}`, r((0x0b << 2) | fmt, 0, 0x53));
  for (const [name, rm] of [
    ["fsgnj", 0],
    ["fsgnjn", 1],
    ["fsgnjx", 2],
  ] as const)
    row(ext, "fff", `${name}.${suffix}`, r((0x04 << 2) | fmt, rm, 0x53));
  for (const [name, rm] of [
    ["fmin", 0],
    ["fmax", 1],
  ] as const)
    row(ext, "fff", `${name}.${suffix}`, r((0x05 << 2) | fmt, rm, 0x53));
  for (const [name, rm] of [
    ["fle", 0],
    ["flt", 1],
    ["feq", 2],
  ] as const)
    row(ext, "xff", `${name}.${suffix}`, r((0x14 << 2) | fmt, rm, 0x53));
  for (const [to, rs2] of [
    ["w", 0],
    ["wu", 1],
    ["l", 2],
    ["lu", 3],
  ] as const) {
    row(ext, "xfr", `fcvt.${to}.${suffix}`, r((0x18 << 2) | fmt, 0, 0x53) | (rs2 << 20));
    row(ext, "fxr", `fcvt.${suffix}.${to}`, r((0x1a << 2) | fmt, 0, 0x53) | (rs2 << 20));
  }
  row(ext, "xf", `fmv.x.${x}`, r((0x1c << 2) | fmt, 0, 0x53));
  row(ext, "xf", `fclass.${suffix}`, r((0x1c << 2) | fmt, 1, 0x53));
  row(ext, "fx", `fmv.${x}.x`, r((0x1e << 2) | fmt, 0, 0x53));
}
row("d", "ffr", "fcvt.s.d", r(0x08 << 2, 0, 0x53) | (1 << 20));
row("d", "ffr", "fcvt.d.s", r((0x08 << 2) | 1, 0, 0x53));

/** Every instruction known here, base encodings only. */
export const OPCODES: readonly Opcode[] = opcodes;

const byName = new Map(opcodes.map((op) => [op.name, op]));

/** Throws when no such instruction is in the tables. */
export function opcode(name: string): Opcode {
  const op = byName.get(name);
  if (op === undefined) throw new Error(`no instruction ${name}`);
  return op;
}

/** Makes an instruction; operands left out are 0. */
export function make(op: Opcode | string, fields: Partial<Omit<Instruction, "op">> = {}): Instruction {
  const resolved = typeof op === "string" ? opcode(op) : op;
  return { rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, rm: 0, aqrl: 0, ...fields, op: resolved };
}

/** Bytes the instruction takes in memory: 2 or 4. */
export function lengthOf(instruction: Instruction): 2 | 4 {
  return instruction.compressed === undefined ? 4 : 2;
}

/** The 32-bit word, or the 16-bit one of a compressed instruction. */
export function encode(instruction: Instruction): number {
  if (instruction.compressed !== undefined) return instruction.compressed;
  const { op, rd, rs1, rs2, rs3, imm, rm, aqrl } = instruction;
  const a = rd << 7;
  const b = rs1 << 15;
  const c = rs2 << 20;
  switch (op.form) {
    case "rrr":
    case "fff":
    case "xff":
      return (op.bits | a | b | c) >>> 0;
    case "rri":
    case "load":
    case "fload":
    case "jalr":
      return (op.bits | a | b | ((imm & 0xfff) << 20)) >>> 0;
    case "rrs":
    case "csr":
    case "csri":
      return (op.bits | a | b | (imm << 20)) >>> 0;
    case "rr":
    case "xf":
    case "fx":
      return (op.bits | a | b) >>> 0;
    case "ru":
      return (op.bits | a | (imm << 12)) >>> 0;
    case "store":
    case "fstore":
      return (op.bits | b | c | (((imm >> 5) & 0x7f) << 25) | ((imm & 0x1f) << 7)) >>> 0;
    case "branch":
      return (
        (op.bits |
          b |
          c |
          (((imm >> 12) & 1) << 31) |
          (((imm >> 5) & 0x3f) << 25) |
          (((imm >> 1) & 0xf) << 8) |
          (((imm >> 11) & 1) << 7)) >>>
        0
      );
    case "jal":
      return (
        (op.bits |
          a |
          (((imm >> 20) & 1) << 31) |
          (((imm >> 1) & 0x3ff) << 21) |
          (((imm >> 11) & 1) << 20) |
          (((imm >> 12) & 0xff) << 12)) >>>
        0
      );
    case "amo":
    case "sc":
      return (op.bits | a | b | c | (aqrl << 25)) >>> 0;
    case "lr":
      return (op.bits | a | b | (aqrl << 25)) >>> 0;
    case "fffr":
      return (op.bits | a | b | c | (rm << 12)) >>> 0;
    case "ffr":
    case "xfr":
    case "fxr":
      return (op.bits | a | b | (rm << 12)) >>> 0;
    case "ffff":
      return (op.bits | a | b | c | (rs3 << 27) | (rm << 12)) >>> 0;
    case "cbo":
      return (op.bits | b) >>> 0;
    case "none":
      return op.bits;
  }
}

const ROUNDING = ["rne", "rtz", "rdn", "rup", "rmm", "rm5", "rm6", "dyn"];

/** Text of an instruction for failure reports; numbers in place of labels. */
export function format(instruction: Instruction): string {
  const { op, rd, rs1, rs2, rs3, imm, rm } = instruction;
  const x = (n: number): string => `x${n}`;
  const f = (n: number): string => `f${n}`;
  const mode = ROUNDING[rm];
  const c = instruction.compressed === undefined ? "" : "c:";
  // biome-ignore format: one line each
  switch (op.form) {
    case "rrr": return `${c}${op.name} ${x(rd)}, ${x(rs1)}, ${x(rs2)}`;
    case "rri":
    case "rrs":
    case "jalr": return `${c}${op.name} ${x(rd)}, ${x(rs1)}, ${imm}`;
    case "rr": return `${c}${op.name} ${x(rd)}, ${x(rs1)}`;
    case "ru": return `${c}${op.name} ${x(rd)}, 0x${(imm & 0xfffff).toString(16)}`;
    case "load": return `${c}${op.name} ${x(rd)}, ${imm}(${x(rs1)})`;
    case "store": return `${c}${op.name} ${x(rs2)}, ${imm}(${x(rs1)})`;
    case "fload": return `${c}${op.name} ${f(rd)}, ${imm}(${x(rs1)})`;
    case "fstore": return `${c}${op.name} ${f(rs2)}, ${imm}(${x(rs1)})`;
    case "branch": return `${c}${op.name} ${x(rs1)}, ${x(rs2)}, .${imm < 0 ? "" : "+"}${imm}`;
    case "jal": return `${c}${op.name} ${x(rd)}, .${imm < 0 ? "" : "+"}${imm}`;
    case "amo":
    case "sc": return `${op.name} ${x(rd)}, ${x(rs2)}, (${x(rs1)})`;
    case "lr": return `${op.name} ${x(rd)}, (${x(rs1)})`;
    case "fff": return `${op.name} ${f(rd)}, ${f(rs1)}, ${f(rs2)}`;
    case "fffr": return `${op.name} ${f(rd)}, ${f(rs1)}, ${f(rs2)}, ${mode}`;
    case "ffr": return `${op.name} ${f(rd)}, ${f(rs1)}, ${mode}`;
    case "ffff": return `${op.name} ${f(rd)}, ${f(rs1)}, ${f(rs2)}, ${f(rs3)}, ${mode}`;
    case "xff": return `${op.name} ${x(rd)}, ${f(rs1)}, ${f(rs2)}`;
    case "xf": return `${op.name} ${x(rd)}, ${f(rs1)}`;
    case "xfr": return `${op.name} ${x(rd)}, ${f(rs1)}, ${mode}`;
    case "fx": return `${op.name} ${f(rd)}, ${x(rs1)}`;
    case "fxr": return `${op.name} ${f(rd)}, ${x(rs1)}, ${mode}`;
    case "csr": return `${op.name} ${x(rd)}, 0x${imm.toString(16)}, ${x(rs1)}`;
    case "csri": return `${op.name} ${x(rd)}, 0x${imm.toString(16)}, ${rs1}`;
    case "cbo": return `${op.name} (${x(rs1)})`;
    case "none": return `${c}${op.name}`;
  }
}
