// Random programs with loops: nested and counted ones, loops left from the middle and entered in the middle, calls and
// returns, jump tables, code and data over page ends, atomics and floating point in loops, traps and timer interrupts whose
// handlers return, and programs that rewrite themselves. They never end; what matters is the state after so many instructions.
import { OPCODES, type Opcode } from "../differential/encode.js";
import { Random } from "../differential/random.js";
import { floating, integer } from "../differential/values.js";
import { type Assembled, Assembler, Label } from "./assembler.js";
import type { Image } from "./machines.js";
import { CODE_PAGES, CSR, DATA_PAGES, type Guest, imageOf, type Mode, placeOf } from "./platform.js";

const PAGE = 4096;
const form = (...forms: string[]): readonly Opcode[] => OPCODES.filter((op) => forms.includes(op.form));
const INTEGER = form("rrr", "rri", "rrs", "rr", "ru");
const MEMORY = form("load", "store", "fload", "fstore");
const FLOAT = form("fff", "fffr", "ffr", "ffff", "xff", "xf", "xfr", "fx", "fxr");
const PRODUCTS = FLOAT.filter((op) => /^f(mul|div|add)\./.test(op.name));
const BRANCH = form("branch");
const AMO = form("amo");

// registers with a purpose; 28..31 are as any other
const RA = 1;
const SP = 2;
const DATA_1 = 3; // end of data page 0, so that accesses cross into page 1
const DATA_2 = 4; // any place in the data
const ADDRESS = 5;
const VALUE = 6;
const COUNTERS = [20, 21, 22];
const FREE = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 23, 24, 25, 26, 27, 28, 29, 30, 31];

export interface ProgramOptions {
  readonly mode?: Mode;
  /** Whether programs rewrite themselves. */
  readonly rewrite?: boolean;
  readonly float?: boolean;
  readonly traps?: boolean;
  readonly timers?: boolean;
}

export interface Program {
  readonly name: string;
  readonly guest: Guest;
  readonly image: Image;
  readonly code: Assembled;
}

class Generator {
  readonly #random: Random;
  readonly #a: Assembler;
  readonly #options: ProgramOptions;
  readonly #functions: Label[];
  readonly #patches: { at: Label; kinds: 2 | 4 }[] = [];
  readonly #weights: readonly number[];
  #depth = 0;

  constructor(random: Random, options: ProgramOptions) {
    this.#random = random;
    this.#options = options;
    const density = random.pick([0, 0.4, 0.9]);
    this.#a = new Assembler(() => random.chance(density));
    this.#functions = Array.from({ length: random.range(2, 6) }, () => new Label());
    this.#weights = random.pick([
      [8, 4, 2, 1, 3, 1, 1, 1],
      [3, 8, 2, 3, 3, 1, 1, 1],
      [3, 3, 8, 1, 3, 1, 1, 1],
      [4, 2, 1, 1, 5, 3, 2, 2],
    ]);
  }

  program(code: number): { code: Assembled; entry: number; escapes: number[] } {
    const a = this.#a;
    const random = this.#random;
    this.#functions.forEach((label, n) => {
      // near the end of a page, now and then
      if (random.chance(0.5)) a.pad(PAGE, PAGE - 2 * random.range(1, 40));
      a.pad(2);
      a.place(label);
      const leaf = n === this.#functions.length - 1;
      a.op("addi", { rd: SP, rs1: SP, imm: -16 });
      if (!leaf) a.op("sd", { rs1: SP, rs2: RA });
      this.#body(random.range(4, 14), n);
      if (!leaf) a.op("ld", { rd: RA, rs1: SP });
      a.op("addi", { rd: SP, rs1: SP, imm: 16 });
      a.ret();
    });
    const entry = a.here();
    const top = a.here();
    for (const label of this.#functions) {
      a.to("jal", label, { rd: RA });
      if (random.chance(0.3)) this.#unit(0);
    }
    // counters and pointers again, should anything wild have happened
    this.pointers(a);
    a.jump(top);
    const assembled = a.assemble(code);
    return {
      code: assembled,
      entry: entry.at,
      escapes: [entry.at, ...this.#functions.map((label) => label.at)].slice(0, 8),
    };
  }

  pointers(a: Assembler): void {
    const place = placeOf(this.#options.mode ?? "M");
    a.li(SP, place.stack);
    a.li(DATA_1, place.data + PAGE);
  }

  #free(): number {
    return this.#random.pick(FREE);
  }
  #source(): number {
    return this.#random.below(32);
  }

  #body(count: number, level: number): void {
    for (let n = 0; n < count; n++) this.#unit(level);
  }

  #unit(level: number): void {
    const random = this.#random;
    let roll = (random.u32() / 2 ** 32) * this.#weights.reduce((sum, weight) => sum + weight, 0);
    let kind = 0;
    while (kind < this.#weights.length - 1 && roll >= (this.#weights[kind] ?? 0)) roll -= this.#weights[kind++] ?? 0;
    // biome-ignore format: one line each
    switch (kind) {
      case 0: return this.#alu();
      case 1: return this.#memory();
      case 2: return this.#options.float === false ? this.#alu() : this.#floating();
      case 3: return this.#atomic();
      case 4: return this.#depth < COUNTERS.length && random.chance(0.8 - 0.25 * this.#depth) ? this.#loop(level) : this.#diamond(level);
      case 5: return this.#call(level);
      case 6: return this.#table(level);
      default: return this.#oddment();
    }
  }

  #alu(): void {
    const random = this.#random;
    const op = random.pick(INTEGER);
    let rd = random.chance(0.03) ? 0 : this.#free();
    let rs1 = this.#source();
    let rs2 = this.#source();
    let imm = random.pick([0, 1, -1, 2047, -2048, random.range(-2048, 2047), random.range(-32, 31)]);
    if (random.chance(0.5)) {
      rd = random.range(8, 15);
      rs1 = rd;
      rs2 = random.range(8, 15);
      imm = random.range(-32, 31);
    }
    if (op.form === "rrs") imm = random.below(op.name.endsWith("w") ? 32 : 64);
    if (op.form === "ru") imm = random.u32() & 0xfffff;
    this.#a.op(op.name, { rd, rs1, rs2, imm });
  }

  #memory(): void {
    const random = this.#random;
    const op = random.pick(MEMORY);
    const [rs1, imm] = random.pick([
      [DATA_1, -random.range(0, 16)],
      [DATA_1, random.range(-2048, 2047)],
      [DATA_2, 8 * random.range(-100, 100)],
      [SP, 8 * random.range(2, 30)],
      [DATA_1, 8 * random.range(0, 15)],
    ] as const);
    this.#a.op(op.name, { rd: op.form === "load" ? this.#free() : this.#source(), rs1, rs2: this.#source(), imm });
  }

  #floating(): void {
    const random = this.#random;
    if (random.chance(0.1)) {
      // fflags and frm; rounding modes that do not exist are rare, as everything traps until they are gone
      const csr = random.pick([CSR.fflags, CSR.frm, CSR.fcsr]);
      const value = csr === CSR.frm ? (random.chance(0.95) ? random.below(5) : 5) : random.below(32);
      this.#a.op(random.pick(["csrrwi", "csrrwi", "csrrsi", "csrrci"]), {
        rd: this.#free(),
        rs1: csr === CSR.fcsr ? 0 : value,
        imm: csr,
      });
      return;
    }
    // fresh operands, or everything would be infinite or NaN soon
    for (let n = random.below(3); n > 0; n--) {
      const [rs1, imm] = random.pick([
        [DATA_1, 8 * random.range(-250, 250)],
        [DATA_2, 8 * random.range(-100, 100)],
      ] as const);
      this.#a.op("fld", { rd: random.below(8), rs1, imm });
    }
    const op = random.chance(0.4) ? random.pick(PRODUCTS) : random.pick(FLOAT);
    const rounded = op.form.endsWith("r") || op.form === "ffff";
    this.#a.op(op.name, {
      rd: op.form.startsWith("x") ? this.#free() : random.below(32),
      rs1: op.form.startsWith("fx") ? this.#source() : random.below(8),
      rs2: random.below(8),
      rs3: random.below(8),
      rm: rounded ? (random.chance(0.7) ? 7 : random.below(5)) : 0,
    });
  }

  #atomic(): void {
    const a = this.#a;
    const random = this.#random;
    const op = random.pick(AMO);
    const misaligned = this.#options.traps !== false && random.chance(0.05) ? random.range(1, op.bytes - 1) : 0;
    a.op("addi", { rd: ADDRESS, rs1: DATA_1, imm: op.bytes * random.range(-60, 60) + misaligned });
    if (random.chance(0.7)) {
      a.op(op.name, { rd: this.#free(), rs1: ADDRESS, rs2: this.#source(), aqrl: random.below(4) });
      return;
    }
    const suffix = op.bytes === 4 ? "w" : "d";
    const retry = a.here();
    a.op(`lr.${suffix}`, { rd: VALUE, rs1: ADDRESS });
    if (random.chance(0.7)) a.op("addi", { rd: VALUE, rs1: VALUE, imm: random.range(-5, 5) });
    if (random.chance(0.1)) a.op("sd", { rs1: DATA_1, rs2: VALUE, imm: 8 * random.range(-20, 20) });
    const result = this.#free();
    a.op(`sc.${suffix}`, { rd: result, rs1: ADDRESS, rs2: VALUE });
    // again while it fails, unless it must fail for ever
    if (misaligned === 0 && random.chance(0.7)) a.to("bne", retry, { rs1: result });
  }

  #branch(to: Label): void {
    const random = this.#random;
    const kind = random.below(3);
    if (kind === 0) {
      // on a bit that changes
      const r = this.#free();
      this.#a.op("andi", { rd: VALUE, rs1: r, imm: 1 << random.below(4) });
      this.#a.to(random.pick(["beq", "bne"]), to, { rs1: VALUE });
    } else if (kind === 1) {
      this.#a.to(random.pick(["beq", "bne"]), to, { rs1: random.range(8, 15) });
    } else {
      this.#a.to(random.pick(BRANCH).name, to, { rs1: this.#source(), rs2: random.chance(0.2) ? 0 : this.#source() });
    }
  }

  #diamond(level: number): void {
    const a = this.#a;
    const random = this.#random;
    const otherwise = a.label();
    const end = a.label();
    this.#branch(otherwise);
    this.#inner(random.range(1, 3), level);
    if (random.chance(0.6)) a.jump(end);
    a.place(otherwise);
    this.#inner(random.range(0, 3), level);
    a.place(end);
  }

  #inner(count: number, level: number): void {
    for (let n = 0; n < count; n++)
      this.#random.chance(0.2) ? this.#unit(level) : this.#random.chance(0.5) ? this.#alu() : this.#memory();
  }

  /** A loop that ends by its counter, whatever else it does. */
  #loop(level: number): void {
    const a = this.#a;
    const random = this.#random;
    const counter = COUNTERS[this.#depth] ?? 0;
    const top = a.label();
    const middle = a.label();
    const next = a.label();
    const end = a.label();
    const irreducible = random.chance(0.25);
    a.op("addi", { rd: counter, imm: random.pick([1, 2, 3, 7, 20, 60]) });
    if (irreducible) this.#branch(middle);
    this.#depth++;
    const testFirst = random.chance(0.3);
    if (testFirst) {
      a.place(top);
      a.op("addi", { rd: counter, rs1: counter, imm: -1 });
      // the counter also stops loops entered in the middle
      a.to("bge", end, { rs1: 0, rs2: counter });
    } else a.place(top);
    this.#inner(random.range(1, 4), level);
    if (random.chance(0.3)) this.#branch(end);
    if (random.chance(0.3)) this.#branch(next);
    a.place(middle);
    this.#inner(random.range(0, 3), level);
    if (random.chance(0.4)) this.#unit(level);
    a.place(next);
    if (testFirst) a.jump(top);
    else {
      a.op("addi", { rd: counter, rs1: counter, imm: -1 });
      if (irreducible && random.chance(0.3)) {
        // two ways back
        a.to("bge", end, { rs1: 0, rs2: counter });
        this.#branch(middle);
        a.jump(top);
      } else a.to("blt", top, { rs1: 0, rs2: counter });
    }
    a.place(end);
    this.#depth--;
  }

  #call(level: number): void {
    const a = this.#a;
    const random = this.#random;
    const callee = this.#functions[random.range(level + 1, this.#functions.length - 1)];
    // within a loop the callee would use the same counters
    if (callee === undefined || level + 1 >= this.#functions.length || this.#depth > 1) return this.#alu();
    COUNTERS.forEach((r, n) =>
      this.#depth > n ? a.op("sd", { rs1: SP, rs2: r, imm: -8 * (n + 1) - 512 }) : undefined,
    );
    if (this.#depth > 0) a.op("addi", { rd: SP, rs1: SP, imm: -640 + 96 });
    if (random.chance(0.6)) a.to("jal", callee, { rd: RA });
    else {
      a.la(ADDRESS, callee);
      a.op("jalr", { rd: RA, rs1: ADDRESS, imm: random.chance(0.3) ? 1 : 0 });
    }
    if (this.#depth > 0) a.op("addi", { rd: SP, rs1: SP, imm: 640 - 96 });
    COUNTERS.forEach((r, n) => (this.#depth > n ? a.op("ld", { rd: r, rs1: SP, imm: -8 * (n + 1) - 512 }) : undefined));
  }

  /** A jump to one of four places, by an address table or computed. */
  #table(level: number): void {
    const a = this.#a;
    const random = this.#random;
    const cases = Array.from({ length: 4 }, () => a.label());
    const end = a.label();
    const table = a.label();
    a.la(ADDRESS, table);
    a.op("andi", { rd: VALUE, rs1: this.#free(), imm: 3 });
    a.op("slli", { rd: VALUE, rs1: VALUE, imm: 3 });
    a.op("add", { rd: ADDRESS, rs1: ADDRESS, rs2: VALUE });
    a.op("ld", { rd: ADDRESS, rs1: ADDRESS });
    a.op("jalr", { rd: random.chance(0.2) ? this.#free() : 0, rs1: ADDRESS });
    a.pad(8);
    a.place(table);
    for (const label of cases) a.address(label);
    for (const label of cases) {
      a.place(label);
      this.#inner(random.range(0, 2), level);
      if (random.chance(0.7)) a.jump(end);
    }
    a.place(end);
  }

  #oddment(): void {
    const a = this.#a;
    const random = this.#random;
    const roll = random.below(12);
    if (this.#options.rewrite && random.chance(0.6)) return this.#rewrite();
    if (this.#options.float !== false && random.chance(0.15)) return this.#floatState();
    if (roll < 4) {
      const status = this.#options.mode === "M" ? CSR.mstatus : CSR.sstatus; // of which FS matters
      a.csrr(this.#free(), random.pick([CSR.instret, CSR.cycle, CSR.time, status]));
      return;
    }
    if (roll < 6) return a.op(random.pick(["fence", "fence.i"]));
    if (this.#options.traps === false) return this.#alu();
    // biome-ignore format: one line each
    switch (roll) {
      case 6: return a.op("ecall");
      case 7: return a.op("ebreak");
      case 8: return a.word(random.pick([0xffffffff, 0x00000077, 0xfe007033, 0x12345073, 0x0000, 0x8002]));
      case 9: // read-only, unmapped, pages with A and D clear
        a.li(ADDRESS, placeOf(this.#options.mode ?? "M").data + random.range(2, 8) * PAGE - random.range(0, 9));
        return a.op(random.pick(MEMORY).name, { rd: this.#free(), rs1: ADDRESS, rs2: this.#source() });
      case 10: // to nowhere
        a.li(ADDRESS, random.pick([0, 0x6000_3000, 0x4fff_f000]));
        return a.op("jalr", { rd: RA, rs1: ADDRESS });
      default: // a privileged one, and atomics on what is not mapped
        if (random.chance(0.5)) return a.csrr(this.#free(), CSR.mepc);
        a.li(ADDRESS, placeOf(this.#options.mode ?? "M").data + 3 * PAGE + 64);
        return a.op(random.pick(AMO).name, { rd: this.#free(), rs1: ADDRESS, rs2: this.#source() });
    }
  }

  /** mstatus.FS from Dirty to Clean, or to Off and back after a while. */
  #floatState(): void {
    const a = this.#a;
    const csr = this.#options.mode === "M" ? CSR.mstatus : CSR.sstatus;
    const off = this.#random.chance(0.3);
    a.li(VALUE, off ? 0x6000 : 0x2000);
    a.op("csrrc", { rs1: VALUE, imm: csr });
    if (!off) return;
    this.#floating();
    a.li(VALUE, 0x6000);
    a.op("csrrs", { rs1: VALUE, imm: csr });
  }

  /** Instructions that programs put in each other's place. */
  #rewrite(): void {
    const a = this.#a;
    const random = this.#random;
    const known = this.#patches.length > 0 && random.chance(0.6) ? random.pick(this.#patches) : undefined;
    const target = known ?? { at: new Label(), kinds: random.pick([2, 4] as const) };
    const registers = FREE.filter((r) => r !== 7);
    const words = Array.from({ length: 4 }, () => {
      const rd = random.pick(registers);
      // c.addi and addi
      return target.kinds === 2
        ? 0x0001 | (rd << 7) | (random.range(1, 31) << 2)
        : 0x13 | (rd << 7) | (rd << 15) | (random.range(1, 2047) << 20);
    });
    const table = a.label();
    const over = a.label();
    a.jump(over);
    a.pad(8);
    a.place(table);
    for (const word of words) a.data(Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24));
    a.place(over);
    const index = this.#free();
    a.la(ADDRESS, table);
    a.op("andi", { rd: VALUE, rs1: index, imm: 3 });
    a.op("slli", { rd: VALUE, rs1: VALUE, imm: 2 });
    a.op("add", { rd: ADDRESS, rs1: ADDRESS, rs2: VALUE });
    a.op("lw", { rd: VALUE, rs1: ADDRESS });
    a.la(ADDRESS, target.at);
    if (random.chance(0.3)) {
      // by the other mapping of the page: only the offset in the code is known, so find it by page number
      const place = placeOf(this.#options.mode ?? "M");
      if (place.alias !== place.code) {
        a.li(7, place.code);
        a.op("sub", { rd: 7, rs1: ADDRESS, rs2: 7 });
        a.op("srli", { rd: ADDRESS, rs1: 7, imm: 12 }); // page n of the code is page (7 n + 3) % 32 there
        a.op("slli", { rd: 23, rs1: ADDRESS, imm: 3 });
        a.op("sub", { rd: ADDRESS, rs1: 23, rs2: ADDRESS });
        a.op("addi", { rd: ADDRESS, rs1: ADDRESS, imm: 3 });
        a.op("andi", { rd: ADDRESS, rs1: ADDRESS, imm: CODE_PAGES - 1 });
        a.op("slli", { rd: ADDRESS, rs1: ADDRESS, imm: 12 });
        a.op("slli", { rd: 7, rs1: 7, imm: 52 });
        a.op("srli", { rd: 7, rs1: 7, imm: 52 });
        a.op("add", { rd: ADDRESS, rs1: ADDRESS, rs2: 7 });
        a.li(7, place.alias);
        a.op("add", { rd: ADDRESS, rs1: ADDRESS, rs2: 7 });
      }
    }
    // whole, in halves (what runs in between is an instruction too), or a byte that is part of the immediate
    const way = target.kinds === 2 ? 0 : random.below(3);
    if (way === 0) a.op(target.kinds === 2 ? "sh" : "sw", { rs1: ADDRESS, rs2: VALUE });
    else if (way === 1) {
      a.op("sh", { rs1: ADDRESS, rs2: VALUE });
      a.op("srli", { rd: VALUE, rs1: VALUE, imm: 16 });
      a.op("sh", { rs1: ADDRESS, rs2: VALUE, imm: 2 });
    } else {
      a.op("srli", { rd: VALUE, rs1: VALUE, imm: 24 });
      a.op("sb", { rs1: ADDRESS, rs2: VALUE, imm: 3 });
    }
    if (random.chance(0.4)) a.op("fence.i");
    if (known) return;
    for (let n = random.below(3); n > 0; n--) this.#alu();
    if (random.chance(0.2)) {
      a.jump(target.at);
      a.pad(PAGE, PAGE - random.pick([2, 4, 6]));
    }
    a.place(target.at);
    a.word(words[0] ?? 1);
    // the last one that is compiled, now and then
    if (random.chance(0.4)) a.op("fence.i");
    this.#patches.push(target);
  }
}

/** Floating-point numbers whose products are about as small as normal ones get. */
function small(random: Random): bigint {
  const noise = random.u64();
  if (random.chance(0.5)) return (noise & 0x800f_ffff_ffff_ffffn) | (BigInt(random.range(508, 515)) << 52n);
  return 0xffff_ffff_0000_0000n | (noise & 0x807f_ffffn) | (BigInt(random.range(62, 66)) << 23n);
}

const MODES: readonly Mode[] = ["M", "M", "S", "SV39 S", "SV39 S", "SV39 U"];

/** Program number `index` of a run; depends on nothing but the arguments. */
export function generateProgram(seed: number, index: number, options: ProgramOptions = {}): Program {
  const random = new Random(seed * 1_000_003 + index);
  const mode = options.mode ?? random.pick(MODES);
  const place = placeOf(mode);
  const generator = new Generator(random, { ...options, mode });
  const { code, entry, escapes } = generator.program(place.code);
  const timers = options.timers !== false && random.chance(0.6);
  const data = new Uint8Array(DATA_PAGES * PAGE);
  const view = new DataView(data.buffer);
  for (let at = 0; at < data.length; at += 8)
    view.setBigUint64(
      at,
      random.chance(0.3) ? integer(random) : random.chance(0.5) ? floating(random) : small(random),
      true,
    );
  const guest: Guest = {
    mode,
    delegate: mode !== "M" && random.chance(0.6),
    timer: timers ? random.pick([1, 3, 15, 63]) : 0,
    supervisorTimer: timers && random.chance(0.5) ? random.pick([1, 7, 31]) : 0,
    code: code.bytes,
    entry,
    escapes,
    data,
    seed: random.u32(),
  };
  const image = imageOf(guest, (a) => {
    for (let n = 0; n < 32; n++) {
      a.li(5, BigInt.asIntN(64, floating(random)));
      a.op("fmv.d.x", { rd: n, rs1: 5 });
    }
    for (let n = 5; n < 32; n++) a.li(n, BigInt.asIntN(64, integer(random)));
    generator.pointers(a);
    a.li(DATA_2, place.data + random.pick([0, 1, 4, 5]) * PAGE + 1024 + random.below(16));
    a.op("csrrwi", { imm: CSR.fcsr });
  });
  return { name: `seed ${seed} program ${index} (${mode}${guest.delegate ? ", delegated" : ""})`, guest, image, code };
}
