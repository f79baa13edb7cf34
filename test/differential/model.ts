// A second, slow model of the user-level instructions, written with BigInt from the manual's text. It runs a generated
// test by its operands (nothing is decoded) and says what it must leave behind. It stands beside QEMU as the judge
// of what QEMU 7.2 lacks, and judges QEMU and the generator for the rest.

import { encode, type Instruction, lengthOf } from "./encode.js";
import * as fp from "./float.js";
import { READ_ONLY_PAGE, type Result, SCRATCH_SIZE, scratchBase, type Test } from "./image.js";

const MASK = (1n << 64n) - 1n;
const BOX = 0xffff_ffff_0000_0000n;
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
const word = (value: bigint): bigint => BigInt.asIntN(32, value);
const low32 = (value: bigint): bigint => value & 0xffff_ffffn;

/** Causes of synchronous exceptions (Privileged ISA 20240411, table "mcause values"). */
const FETCH_ACCESS = 1;
const ILLEGAL = 2;
const LOAD_MISALIGNED = 4;
const LOAD_ACCESS = 5;
const STORE_MISALIGNED = 6;
const STORE_ACCESS = 7;
const ECALL = { U: 8, S: 9, M: 11 } as const;
const FETCH_PAGE = 12;
const LOAD_PAGE = 13;
const STORE_PAGE = 15;

/** How a program ends: thrown by whatever instruction raises the exception. */
class Trap extends Error {
  readonly exception: number;
  readonly value: bigint;

  constructor(exception: number, value: bigint) {
    super(`trap ${exception}`);
    this.exception = exception;
    this.value = value;
  }
}

/** The result fields the model knows; mstatus is not among them. */
export type Expected = Omit<Result, "mstatus" | "done">;

/** Runs a test whose first instruction lies at `entry`. */
export function runModel(test: Test, entry: number): Expected {
  return new Model(test, entry).run();
}

class Model {
  readonly #test: Test;
  readonly #x: bigint[];
  readonly #f: bigint[];
  readonly #memory: Uint8Array;
  readonly #code = new Map<bigint, Instruction>();
  readonly #end: bigint;
  #fcsr: number;
  #pc: bigint;
  #next = 0n;
  #reserved: { address: bigint; bytes: number } | undefined;

  constructor(test: Test, entry: number) {
    this.#test = test;
    this.#x = [...test.x];
    this.#f = [...test.f];
    this.#memory = test.scratch.slice();
    this.#fcsr = test.fcsr & 0xff;
    let pc = BigInt(entry);
    this.#pc = pc;
    for (const instruction of test.code) {
      this.#code.set(pc, instruction);
      pc += BigInt(lengthOf(instruction));
    }
    this.#end = pc;
  }

  run(): Expected {
    try {
      for (;;) this.#step();
    } catch (trap) {
      if (!(trap instanceof Trap)) throw trap;
      return {
        x: this.#x,
        f: this.#f,
        fcsr: this.#fcsr,
        scratch: this.#memory,
        mepc: this.#pc,
        mcause: BigInt(trap.exception),
        mtval: trap.value,
      };
    }
  }

  #step(): void {
    if (this.#pc === this.#end) throw new Trap(ECALL[this.#test.mode], 0n);
    const instruction = this.#code.get(this.#pc);
    // programs jump either to their own instructions or to an address that has no memory
    if (instruction === undefined) throw new Trap(this.#test.mode === "M" ? FETCH_ACCESS : FETCH_PAGE, this.#pc);
    this.#next = this.#pc + BigInt(lengthOf(instruction));
    this.#execute(instruction);
    this.#pc = this.#next;
  }

  #illegal(instruction: Instruction): never {
    throw new Trap(ILLEGAL, BigInt(encode(instruction)));
  }

  #set(register: number, value: bigint): void {
    if (register !== 0) this.#x[register] = unsigned(value);
  }

  #execute(instruction: Instruction): void {
    const { op, rd, rs1, rs2, imm } = instruction;
    const a = this.#x[rs1] ?? 0n;
    const b = this.#x[rs2] ?? 0n;
    const constant = BigInt(imm);
    switch (op.form) {
      case "rrr":
        this.#set(rd, compute(op.name, a, b));
        return;
      case "rri":
        this.#set(rd, compute(op.name === "sltiu" ? "sltu" : op.name.replace("i", ""), a, unsigned(constant)));
        return;
      case "rrs":
        this.#set(rd, compute(SHIFTS[op.name] ?? op.name, a, constant));
        return;
      case "rr":
        this.#set(rd, unary(op.name, a));
        return;
      case "ru": {
        const upper = word(constant << 12n);
        this.#set(rd, op.name === "lui" ? upper : this.#pc + upper);
        return;
      }
      case "jal":
        this.#set(rd, this.#next);
        this.#next = this.#pc + constant;
        return;
      case "jalr": {
        const link = this.#next;
        this.#next = unsigned(a + constant) & ~1n;
        this.#set(rd, link);
        return;
      }
      case "branch":
        if (taken(op.name, a, b)) this.#next = this.#pc + constant;
        return;
      case "load":
        this.#set(rd, extend(op.name, this.#load(unsigned(a + constant), op.bytes)));
        return;
      case "store":
        this.#store(unsigned(a + constant), op.bytes, b);
        return;
      case "fload": {
        const value = this.#load(unsigned(a + constant), op.bytes);
        this.#f[rd] = op.bytes === 4 ? BOX | value : value;
        return;
      }
      case "fstore":
        this.#store(unsigned(a + constant), op.bytes, this.#f[rs2] ?? 0n);
        return;
      case "lr":
        if (a % BigInt(op.bytes) !== 0n) throw new Trap(LOAD_MISALIGNED, a);
        this.#set(rd, op.bytes === 4 ? word(this.#load(a, 4)) : this.#load(a, 8));
        this.#reserved = { address: a, bytes: op.bytes };
        return;
      case "sc": {
        if (a % BigInt(op.bytes) !== 0n) throw new Trap(STORE_MISALIGNED, a);
        const good = this.#reserved?.address === a && this.#reserved.bytes === op.bytes;
        if (good) this.#store(a, op.bytes, b);
        this.#reserved = undefined;
        this.#set(rd, good ? 0n : 1n);
        return;
      }
      case "amo": {
        if (a % BigInt(op.bytes) !== 0n) throw new Trap(STORE_MISALIGNED, a);
        this.#check(a, op.bytes, true);
        const before = this.#load(a, op.bytes);
        this.#store(a, op.bytes, atomic(op.name.slice(3, -2), op.bytes, before, b));
        this.#set(rd, op.bytes === 4 ? word(before) : before);
        return;
      }
      case "csr":
      case "csri":
        this.#csr(instruction, op.form === "csri" ? BigInt(rs1) : a);
        return;
      case "cbo": {
        const line = a & ~63n;
        this.#check(line, 64, true);
        for (let n = 0n; n < 64n; n += 8n) this.#store(line + n, 8, 0n);
        return;
      }
      case "none":
        if (op.name.startsWith("fence")) return;
        return this.#illegal(instruction);
      default:
        this.#floating(instruction, a);
    }
  }

  // ------------------------------------------------------------------------------------------------ memory

  /** Throws the trap of an access that is not allowed. Memory is what image.ts lays out. */
  #check(address: bigint, bytes: number, write: boolean): void {
    const paged = this.#test.mode !== "M";
    for (let n = 0; n < bytes; n++) {
      const at = unsigned(address + BigInt(n));
      const page = Number(at >> 12n);
      const base = scratchBase(this.#test.mode) >>> 12;
      const mapped = page === base || page === base + 1;
      if (mapped || (paged && !write && page === READ_ONLY_PAGE >>> 12)) continue;
      const cause = paged ? (write ? STORE_PAGE : LOAD_PAGE) : write ? STORE_ACCESS : LOAD_ACCESS;
      throw new Trap(cause, at); // the first byte that faults: the start, or the start of the next page
    }
  }

  #load(address: bigint, bytes: number): bigint {
    this.#check(address, bytes, false);
    let value = 0n;
    for (let n = 0; n < bytes; n++) {
      const offset = Number(address) + n - scratchBase(this.#test.mode);
      if (offset >= 0 && offset < SCRATCH_SIZE) value |= BigInt(this.#memory[offset] ?? 0) << BigInt(8 * n);
    }
    return value;
  }

  #store(address: bigint, bytes: number, value: bigint): void {
    this.#check(address, bytes, true);
    for (let n = 0; n < bytes; n++) {
      const offset = Number(address) + n - scratchBase(this.#test.mode);
      if (offset >= 0 && offset < SCRATCH_SIZE) this.#memory[offset] = Number((value >> BigInt(8 * n)) & 0xffn);
    }
  }

  // ---------------------------------------------------------------------------------------- CSRs and floating point

  #csr(instruction: Instruction, source: bigint): void {
    const { op, rd, rs1, imm } = instruction;
    const shift = imm === 2 ? 5 : 0;
    const mask = imm === 1 ? 0x1f : imm === 2 ? 7 : 0xff;
    if (imm < 1 || imm > 3) this.#illegal(instruction); // others come only where they must trap
    const old = (this.#fcsr >> shift) & mask;
    const bits = Number(source & 0xffn) & mask;
    const kind = op.name.slice(4, 5);
    let value = bits;
    if (kind === "s") value = old | bits;
    if (kind === "c") value = old & ~bits;
    if (kind === "w" || rs1 !== 0) this.#fcsr = (this.#fcsr & ~(mask << shift)) | (value << shift);
    this.#set(rd, BigInt(old));
  }

  /** An operand as the format sees it: a single that is not boxed is the canonical NaN. */
  #operand(register: number, f: fp.Format): bigint {
    const value = this.#f[register] ?? 0n;
    if (f === fp.DOUBLE) return value;
    return (value & BOX) === BOX ? low32(value) : fp.canonicalNan(f);
  }

  #result(register: number, outcome: fp.Outcome, f: fp.Format): void {
    this.#fcsr |= outcome.flags;
    this.#f[register] = f === fp.DOUBLE ? outcome.bits : BOX | outcome.bits;
  }

  #floating(instruction: Instruction, integerOperand: bigint): void {
    const { op, rd, rs1, rs2, rs3 } = instruction;
    const parts = op.name.split(".");
    const stem = parts[0] ?? "";
    const f = op.name.endsWith(".d") ? fp.DOUBLE : fp.SINGLE;
    const rounded = op.form.endsWith("r") || op.form === "ffff";
    const rm = !rounded ? 0 : instruction.rm === 7 ? this.#fcsr >> 5 : instruction.rm;
    if (rm > 4) this.#illegal(instruction);
    const a = this.#operand(rs1, f);
    const b = this.#operand(rs2, f);
    const sign = f === fp.DOUBLE ? 1n << 63n : 1n << 31n;
    // biome-ignore format: one line each
    switch (stem) {
      case "fadd": return this.#result(rd, fp.add(a, b, f, rm), f);
      case "fsub": return this.#result(rd, fp.add(a, isNan(b, f) ? b : b ^ sign, f, rm), f);
      case "fmul": return this.#result(rd, fp.mul(a, b, f, rm), f);
      case "fdiv": return this.#result(rd, fp.div(a, b, f, rm), f);
      case "fsqrt": return this.#result(rd, fp.sqrt(a, f, rm), f);
      case "fmadd":
      case "fmsub":
      case "fnmsub":
      case "fnmadd": {
        const c = this.#operand(rs3, f);
        const product = stem === "fnmsub" || stem === "fnmadd" ? sign : 0n;
        const addend = stem === "fmsub" || stem === "fnmadd" ? sign : 0n;
        return this.#result(rd, fp.fma(isNan(a, f) ? a : a ^ product, b, isNan(c, f) ? c : c ^ addend, f, rm), f);
      }
      case "fsgnj": return this.#result(rd, { bits: (a & ~sign) | (b & sign), flags: 0 }, f);
      case "fsgnjn": return this.#result(rd, { bits: (a & ~sign) | (~b & sign), flags: 0 }, f);
      case "fsgnjx": return this.#result(rd, { bits: a ^ (b & sign), flags: 0 }, f);
      case "fmin":
      case "fmax": return this.#result(rd, fp.extreme(stem, a, b, f), f);
      case "feq":
      case "flt":
      case "fle": {
        const outcome = fp.relation(stem, a, b, f);
        this.#fcsr |= outcome.flags;
        return this.#set(rd, outcome.bits);
      }
      case "fclass": return this.#set(rd, fp.classify(a, f));
      case "fmv": {
        const raw = this.#f[rs1] ?? 0n;
        if (parts[1] === "x") return this.#set(rd, parts[2] === "w" ? word(raw) : raw);
        this.#f[rd] = parts[1] === "w" ? BOX | low32(integerOperand) : integerOperand;
        return;
      }
      case "fcvt": return this.#convert(instruction, parts[1] ?? "", parts[2] ?? "", rm, integerOperand);
      default: throw new Error(`the model does not know ${op.name}`);
    }
  }

  #convert(instruction: Instruction, to: string, from: string, rm: number, integerOperand: bigint): void {
    const { rd, rs1 } = instruction;
    const formats: Record<string, fp.Format> = { s: fp.SINGLE, d: fp.DOUBLE };
    const source = formats[from];
    const target = formats[to];
    if (source !== undefined && target !== undefined)
      return this.#result(rd, fp.convert(this.#operand(rs1, source), source, target, rm), target);
    if (target !== undefined) {
      const value = {
        w: word(integerOperand),
        wu: low32(integerOperand),
        l: signed(integerOperand),
        lu: integerOperand,
      }[from];
      return this.#result(rd, fp.fromInteger(value ?? 0n, target, rm), target);
    }
    if (source === undefined) throw new Error("a conversion between integers");
    const [least, most] = RANGES[to] ?? [0n, 0n];
    const outcome = fp.toInteger(this.#operand(rs1, source), source, rm, least, most);
    this.#fcsr |= outcome.flags;
    this.#set(rd, to.startsWith("w") ? word(outcome.bits) : outcome.bits);
  }
}

const RANGES: Record<string, [bigint, bigint]> = {
  w: [-(1n << 31n), (1n << 31n) - 1n],
  wu: [0n, (1n << 32n) - 1n],
  l: [-(1n << 63n), (1n << 63n) - 1n],
  lu: [0n, MASK],
};

function isNan(bits: bigint, f: fp.Format): boolean {
  return (fp.classify(bits, f) & 0x300n) !== 0n;
}

/** Register forms that shifts by a constant stand for. */
const SHIFTS: Record<string, string> = {
  slli: "sll",
  srli: "srl",
  srai: "sra",
  slliw: "sllw",
  srliw: "srlw",
  sraiw: "sraw",
  rori: "ror",
  roriw: "rorw",
  bclri: "bclr",
  bexti: "bext",
  binvi: "binv",
  bseti: "bset",
};

function taken(name: string, a: bigint, b: bigint): boolean {
  // biome-ignore format: one line each
  switch (name) {
    case "beq": return a === b;
    case "bne": return a !== b;
    case "blt": return signed(a) < signed(b);
    case "bge": return signed(a) >= signed(b);
    case "bltu": return a < b;
    default: return a >= b;
  }
}

function extend(name: string, value: bigint): bigint {
  // biome-ignore format: one line each
  switch (name) {
    case "lb": return BigInt.asIntN(8, value);
    case "lh": return BigInt.asIntN(16, value);
    case "lw": return word(value);
    default: return value;
  }
}

function atomic(name: string, bytes: number, before: bigint, source: bigint): bigint {
  const bits = 8 * bytes;
  const a = BigInt.asUintN(bits, before);
  const b = BigInt.asUintN(bits, source);
  const less = BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b);
  // biome-ignore format: one line each
  switch (name) {
    case "swap": return b;
    case "add": return a + b;
    case "xor": return a ^ b;
    case "and": return a & b;
    case "or": return a | b;
    case "min": return less ? a : b;
    case "max": return less ? b : a;
    case "minu": return a < b ? a : b;
    default: return a < b ? b : a;
  }
}

const rotateLeft = (value: bigint, by: bigint, bits: bigint): bigint => (value << by) | (value >> (bits - by));

/** Division that rounds towards zero, with the manual's results for a zero divisor and for overflow. */
function divide(a: bigint, b: bigint): bigint {
  return b === 0n ? -1n : a / b;
}
function remainder(a: bigint, b: bigint): bigint {
  return b === 0n ? a : a % b;
}

/** Two-operand integer instructions; operands are unsigned 64-bit, the result is cut to 64 bits by the caller. */
function compute(name: string, a: bigint, b: bigint): bigint {
  const by = b & 63n;
  const by32 = b & 31n;
  const sa = signed(a);
  const sb = signed(b);
  const wa = word(a);
  const wb = word(b);
  // biome-ignore format: one line each
  switch (name) {
    case "add": return a + b;
    case "sub": return a - b;
    case "sll": return a << by;
    case "slt": return sa < sb ? 1n : 0n;
    case "sltu": return a < b ? 1n : 0n;
    case "xor": return a ^ b;
    case "srl": return a >> by;
    case "sra": return sa >> by;
    case "or": return a | b;
    case "and": return a & b;
    case "addw": return word(a + b);
    case "subw": return word(a - b);
    case "sllw": return word(a << by32);
    case "srlw": return word(low32(a) >> by32);
    case "sraw": return wa >> by32;
    case "mul": return a * b;
    case "mulh": return (sa * sb) >> 64n;
    case "mulhsu": return (sa * b) >> 64n;
    case "mulhu": return (a * b) >> 64n;
    case "div": return divide(sa, sb);
    case "divu": return divide(a, b);
    case "rem": return remainder(sa, sb);
    case "remu": return remainder(a, b);
    case "mulw": return word(a * b);
    case "divw": return word(divide(wa, wb));
    case "divuw": return word(divide(low32(a), low32(b)));
    case "remw": return word(remainder(wa, wb));
    case "remuw": return word(remainder(low32(a), low32(b)));
    case "add.uw": return low32(a) + b;
    case "sh1add": return (a << 1n) + b;
    case "sh2add": return (a << 2n) + b;
    case "sh3add": return (a << 3n) + b;
    case "sh1add.uw": return (low32(a) << 1n) + b;
    case "sh2add.uw": return (low32(a) << 2n) + b;
    case "sh3add.uw": return (low32(a) << 3n) + b;
    case "slli.uw": return low32(a) << by;
    case "andn": return a & ~b;
    case "orn": return a | ~b;
    case "xnor": return ~(a ^ b);
    case "min": return sa < sb ? a : b;
    case "minu": return a < b ? a : b;
    case "max": return sa < sb ? b : a;
    case "maxu": return a < b ? b : a;
    case "rol": return rotateLeft(a, by, 64n);
    case "ror": return rotateLeft(a, (64n - by) & 63n, 64n);
    case "rolw": return word(rotateLeft(low32(a), by32, 32n));
    case "rorw": return word(rotateLeft(low32(a), (32n - by32) & 31n, 32n));
    case "bclr": return a & ~(1n << by);
    case "bext": return (a >> by) & 1n;
    case "binv": return a ^ (1n << by);
    case "bset": return a | (1n << by);
    case "czero.eqz": return b === 0n ? 0n : a;
    case "czero.nez": return b === 0n ? a : 0n;
    default: throw new Error(`the model does not know ${name}`);
  }
}

function unary(name: string, a: bigint): bigint {
  const bits = a.toString(2).padStart(64, "0");
  const bits32 = bits.slice(32);
  const leading = (text: string): bigint => BigInt(text.includes("1") ? text.indexOf("1") : text.length);
  const trailing = (text: string): bigint =>
    BigInt(text.includes("1") ? text.length - 1 - text.lastIndexOf("1") : text.length);
  const count = (text: string): bigint => BigInt(text.replaceAll("0", "").length);
  const bytes = Array.from({ length: 8 }, (_, n) => (a >> BigInt(8 * n)) & 0xffn);
  // biome-ignore format: one line each
  switch (name) {
    case "clz": return leading(bits);
    case "ctz": return trailing(bits);
    case "cpop": return count(bits);
    case "clzw": return leading(bits32);
    case "ctzw": return trailing(bits32);
    case "cpopw": return count(bits32);
    case "sext.b": return BigInt.asIntN(8, a);
    case "sext.h": return BigInt.asIntN(16, a);
    case "zext.h": return a & 0xffffn;
    case "orc.b": return bytes.reduce((sum, byte, n) => (byte === 0n ? sum : sum | (0xffn << BigInt(8 * n))), 0n);
    case "rev8": return bytes.reduce((sum, byte) => (sum << 8n) | byte, 0n);
    default: throw new Error(`the model does not know ${name}`);
  }
}
