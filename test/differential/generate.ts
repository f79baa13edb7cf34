// Makes random test programs: straight code with forward branches and short counted loops, loads and stores into the
// scratch memory, atomics, floating point, compressed forms, and now and then something that traps.
//
// A program always ends. Registers that hold pointers or loop counters are written by nothing else, so every
// address stays in the scratch memory unless a trap is wanted.

import { compress } from "./compress.js";
import { type Extension, encode, format, type Instruction, lengthOf, make, OPCODES, type Opcode } from "./encode.js";
import { type Mode, READ_ONLY_PAGE, SCRATCH_SIZE, scratchBase, type Test, UNMAPPED_PAGE } from "./image.js";
import { Random } from "./random.js";
import { floating, integer } from "./values.js";

export interface GenerateOptions {
  readonly extensions: ReadonlySet<Extension>;
  /** Names of instructions to leave out. */
  readonly without: ReadonlySet<string>;
  /** Privileges to draw from. */
  readonly modes: readonly Mode[];
  /** Instructions wanted per program, roughly. */
  readonly length: number;
  /** How likely a program holds something that traps. */
  readonly traps: number;
  /** Longest run of a counted loop. */
  readonly loop: number;
}

/** What QEMU 7.2 has too. */
export const COMMON_EXTENSIONS: ReadonlySet<Extension> = new Set<Extension>([
  "i",
  "m",
  "a",
  "f",
  "d",
  "zba",
  "zbb",
  "zbs",
  "zicsr",
  "c",
]);

/** Everything generated programs can hold. */
export const ALL_EXTENSIONS: ReadonlySet<Extension> = new Set<Extension>([...COMMON_EXTENSIONS, "zicond", "zicboz"]);

/** Wrong in QEMU 7.2: ctzw counts on into the upper half when the lower one is zero. Left to the model. */
export const QEMU_WRONG: ReadonlySet<string> = new Set(["ctzw"]);

/** Programs for QEMU 7.2. */
export const DEFAULTS: GenerateOptions = {
  extensions: COMMON_EXTENSIONS,
  without: QEMU_WRONG,
  modes: ["M", "M", "S", "U"],
  length: 28,
  traps: 0.06,
  loop: 12,
};

/** A place in the code that a jump goes to. */
interface Label {
  at: number;
}

/** A piece of code before layout: an instruction, perhaps one whose immediate is a distance, or a label. */
type Piece =
  | { kind: "code"; instruction: Instruction; to?: Label; from?: Label; add?: number; wantShort: boolean }
  | { kind: "label"; label: Label };

type Unit = Piece[];

const FORMS_INTEGER = new Set(["rrr", "rri", "rrs", "rr", "ru"]);
const FORMS_FLOAT = new Set(["fff", "fffr", "ffr", "ffff", "xff", "xf", "xfr", "fx", "fxr"]);

/** Encodings that stand for nothing: reserved opcodes and functions, formats of extensions left out, a CSR that is not there. */
// biome-ignore format: a table
const ILLEGAL: readonly number[] = [
  0xffffffff, 0x00000077, 0x0000707f, 0xfe007033, 0x20007033, 0x2800202f, 0x0000402f, 0x04000053, 0x06000053, 0x12345073,
];

class Generator {
  readonly #random: Random;
  readonly #options: GenerateOptions;
  readonly #mode: Mode;
  /** Registers that hold constants during the whole program, and their values. */
  readonly #pointers = new Map<number, number>();
  readonly #reserved = new Set<number>();
  readonly #counters: number[] = [];
  readonly #integer: readonly Opcode[];
  readonly #float: readonly Opcode[];
  readonly #loads: readonly Opcode[];
  readonly #atomics: readonly Opcode[];
  readonly #cbo: readonly Opcode[];
  readonly #compressed: number;

  constructor(random: Random, options: GenerateOptions) {
    this.#random = random;
    this.#options = options;
    this.#mode = random.pick(options.modes);
    this.#compressed = options.extensions.has("c") ? random.pick([0, 0.5, 0.9]) : 0;
    const known = OPCODES.filter((op) => options.extensions.has(op.ext) && !options.without.has(op.name));
    this.#integer = known.filter((op) => FORMS_INTEGER.has(op.form));
    this.#float = known.filter((op) => FORMS_FLOAT.has(op.form));
    this.#loads = known.filter((op) => ["load", "store", "fload", "fstore"].includes(op.form));
    this.#atomics = known.filter((op) => op.form === "amo");
    this.#cbo = known.filter((op) => op.form === "cbo");

    const base = scratchBase(this.#mode);
    const point = (register: number, offset: number): void => {
      this.#pointers.set(register, base + offset);
      this.#reserved.add(register);
    };
    const odd = random.chance(0.15) ? random.below(8) : 0;
    // sp as a pointer serves the sp-relative forms; left free, it is a target of c.addi16sp
    if (random.chance(0.75)) point(2, 8 * random.below(3) + odd);
    point(random.range(8, 15), 8 * random.below(8) + (random.chance(0.15) ? random.below(8) : 0));
    point(this.#free(), random.below(SCRATCH_SIZE));
    for (let n = 0; n < 2; n++) {
      const counter = this.#free();
      this.#reserved.add(counter);
      this.#counters.push(counter);
    }
  }

  /** A register that nothing has a claim on; not x0. */
  #free(except = -1): number {
    for (;;) {
      const register = this.#random.range(1, 31);
      if (!this.#reserved.has(register) && register !== except) return register;
    }
  }

  /** Any register to write: mostly a free one, sometimes x0. */
  #target(): number {
    return this.#random.chance(0.03) ? 0 : this.#free();
  }

  #source(): number {
    return this.#random.below(32);
  }

  #rounding(): number {
    const random = this.#random;
    if (random.chance(0.45)) return 7;
    return random.chance(0.002) ? random.range(5, 6) : random.below(5);
  }

  #code(instruction: Instruction, extra: { to?: Label; from?: Label; add?: number } = {}): Piece {
    return { kind: "code", instruction, wantShort: this.#random.chance(this.#compressed), ...extra };
  }

  program(name: string): Test {
    const random = this.#random;
    const x = Array.from({ length: 32 }, (_, n) => (n === 0 ? 0n : integer(random)));
    for (const [register, value] of this.#pointers) x[register] = BigInt(value);
    const f = Array.from({ length: 32 }, () => floating(random));
    const scratch = new Uint8Array(SCRATCH_SIZE);
    const view = new DataView(scratch.buffer);
    for (let at = 0; at < SCRATCH_SIZE; at += 8) view.setBigUint64(at, integer(random), true);
    const frm = random.chance(0.01) ? random.range(5, 7) : random.below(5);
    const fcsr = (frm << 5) | (random.chance(0.5) ? 0 : random.below(32));

    const units = this.#units(random.range(Math.ceil(this.#options.length / 3), this.#options.length), 0);
    if (random.chance(this.#options.traps)) units.splice(random.below(units.length + 1), 0, this.#trap());
    return { name, mode: this.#mode, x, f, fcsr, scratch, code: layout(this.#branches(units, 0.15)) };
  }

  /** About `count` instructions; `depth` is how many loops lie around them. */
  #units(count: number, depth: number): Unit[] {
    const random = this.#random;
    // each program leans to one side, so that long chains of one kind come about
    const weights = random.pick([
      [10, 4, 2, 1, 1, 0.5],
      [4, 10, 1, 1, 1, 0.5],
      [2, 2, 12, 1, 1, 0.5],
      [3, 4, 4, 4, 1, 0.5],
      [5, 5, 5, 1, 1, 1],
    ]);
    const units: Unit[] = [];
    let made = 0;
    while (made < count) {
      let roll = (random.u32() / 2 ** 32) * weights.reduce((sum, weight) => sum + weight, 0);
      let kind = 0;
      while (kind < weights.length - 1 && roll >= (weights[kind] ?? 0)) roll -= weights[kind++] ?? 0;
      const unit = this.#unit(kind, depth);
      units.push(unit);
      made += unit.length;
    }
    return units;
  }

  #unit(kind: number, depth: number): Unit {
    // biome-ignore format: one line each
    switch (kind) {
      case 0: return [this.#alu()];
      case 1: return [this.#memory()];
      case 2: return this.#float.length > 0 ? [this.#floating()] : [this.#alu()];
      case 3: return this.#atomics.length > 0 ? this.#atomic() : [this.#memory()];
      case 4: return this.#oddments();
      default: return depth < this.#counters.length ? this.#loop(depth) : [this.#alu()];
    }
  }

  #alu(): Piece {
    const random = this.#random;
    const op = random.pick(this.#integer);
    let rd = this.#target();
    let rs1 = this.#source();
    let rs2 = this.#source();
    let imm = 0;
    // many compressed forms want rd = rs1, registers 8..15 and small immediates
    const friendly = random.chance(this.#compressed);
    if (friendly) {
      for (let tries = 0; tries < 4 && (rd < 8 || rd > 15); tries++) rd = this.#free();
      rs1 = random.chance(0.85) ? rd : random.pick([0, 2]);
      rs2 = random.chance(0.7) ? random.range(8, 15) : rs2;
    }
    switch (op.form) {
      case "rri":
        imm = friendly
          ? random.range(-32, 31)
          : random.pick([0, 1, -1, 2047, -2048, random.range(-2048, 2047), random.range(-2048, 2047)]);
        if (friendly && rs1 === 2) imm = 4 * random.range(-128, 255);
        if (friendly && op.name === "addi" && !this.#reserved.has(2) && random.chance(0.3)) {
          rd = 2;
          rs1 = 2;
          imm = 16 * random.range(-32, 31);
        }
        break;
      case "rrs":
        imm = random.below(op.name.endsWith("w") ? 32 : 64);
        break;
      case "ru":
        imm = friendly ? random.range(-32, 31) & 0xfffff : random.u32() & 0xfffff;
        break;
      default:
    }
    return this.#code(make(op, { rd, rs1, rs2, imm }));
  }

  /** A pointer register and the offset from it to `bytes` bytes in the scratch memory. */
  #address(bytes: number, friendly: boolean): { rs1: number; imm: number } {
    const random = this.#random;
    const base = scratchBase(this.#mode);
    const [rs1, value] = random.pick(friendly ? [...this.#pointers].slice(0, 2) : [...this.#pointers]);
    let offset: number;
    if (random.chance(0.12)) offset = SCRATCH_SIZE / 2 - random.below(bytes) - (random.chance(0.2) ? 1 : 0);
    else if (friendly || random.chance(0.6))
      offset =
        value -
        base +
        bytes * random.below(Math.floor((SCRATCH_SIZE - bytes - (value - base)) / bytes / (friendly ? 2 : 1)) + 1);
    else offset = random.below(SCRATCH_SIZE - bytes + 1);
    offset = Math.max(0, Math.min(SCRATCH_SIZE - bytes, offset));
    return { rs1, imm: base + offset - value };
  }

  #memory(): Piece {
    const random = this.#random;
    const op = random.pick(this.#loads);
    const friendly = random.chance(this.#compressed);
    const { rs1, imm } = this.#address(op.bytes, friendly);
    const data = friendly && rs1 !== 2 ? random.range(8, 15) : this.#source();
    // biome-ignore format: one line each
    switch (op.form) {
      case "load": return this.#code(make(op, { rd: this.#reserved.has(data) ? this.#target() : data, rs1, imm }));
      case "fload": return this.#code(make(op, { rd: data, rs1, imm }));
      default: return this.#code(make(op, { rs2: data, rs1, imm }));
    }
  }

  #floating(): Piece {
    const op = this.#random.pick(this.#float);
    const toInteger = op.form.startsWith("x");
    return this.#code(
      make(op, {
        rd: toInteger ? this.#target() : this.#source(),
        rs1: this.#source(),
        rs2: this.#source(),
        rs3: this.#source(),
        rm: op.form.endsWith("r") || op.form === "ffff" ? this.#rounding() : 0,
      }),
    );
  }

  /** An atomic on an aligned place, with its address made just before; or a pair of lr and sc, whole or broken. */
  #atomic(): Unit {
    const random = this.#random;
    const op = random.pick(this.#atomics);
    const bytes = op.bytes;
    const [pointer, value] = random.pick([...this.#pointers]);
    const base = scratchBase(this.#mode);
    const address = this.#free();
    const offset = bytes * random.below(SCRATCH_SIZE / bytes);
    const unit: Unit = [this.#code(make("addi", { rd: address, rs1: pointer, imm: base + offset - value }))];
    const suffix = bytes === 4 ? "w" : "d";
    const aqrl = random.below(4);
    if (random.chance(0.7)) {
      unit.push(this.#code(make(op, { rd: this.#target(), rs1: address, rs2: this.#source(), aqrl })));
      return unit;
    }
    const shape = random.below(10);
    if (shape > 0) unit.push(this.#code(make(`lr.${suffix}`, { rd: this.#free(address), rs1: address, aqrl })));
    for (let n = random.below(3); n > 0; n--) {
      const piece = this.#alu();
      if (piece.kind === "code" && piece.instruction.rd !== address) unit.push(piece);
    }
    if (shape === 1) {
      // another address than the reserved one: must fail
      const other = (offset + 64) % SCRATCH_SIZE;
      unit.push(this.#code(make("addi", { rd: address, rs1: pointer, imm: base + other - value })));
    }
    unit.push(this.#code(make(`sc.${suffix}`, { rd: this.#free(address), rs1: address, rs2: this.#source(), aqrl })));
    // the second one finds no reservation
    if (shape === 2)
      unit.push(this.#code(make(`sc.${suffix}`, { rd: this.#free(), rs1: address, rs2: this.#source(), aqrl })));
    return unit;
  }

  /** Things that come less often: floating-point CSRs, fences, indirect jumps, cache-block operations. */
  #oddments(): Unit {
    const random = this.#random;
    const roll = random.below(10);
    if (roll < 5 && this.#options.extensions.has("f")) {
      const op = random.pick(OPCODES.filter((candidate) => candidate.ext === "zicsr"));
      const csr = random.pick([1, 1, 2, 3]);
      const immediate = op.form === "csri";
      // a rounding mode that does not exist is fine to write, and makes later instructions trap: keep it rare
      const rs1 = immediate
        ? csr === 2 && random.chance(0.9)
          ? random.below(5)
          : random.below(32)
        : csr === 1 || random.chance(0.1)
          ? this.#source()
          : 0;
      return [this.#code(make(op, { rd: this.#target(), rs1, imm: csr }))];
    }
    if (roll < 6) return [this.#code(make(random.chance(0.5) ? "fence" : "fence.i"))];
    if (roll < 8 && this.#cbo.length > 0) {
      const [rs1] = random.pick([...this.#pointers]);
      return [this.#code(make(random.pick(this.#cbo), { rs1 }))];
    }
    return this.#indirect();
  }

  /** auipc and jalr over a few instructions. */
  #indirect(): Unit {
    const random = this.#random;
    const here: Label = { at: 0 };
    const there: Label = { at: 0 };
    const register = this.#free();
    const unit: Unit = [{ kind: "label", label: here }, this.#code(make("auipc", { rd: register }))];
    const odd = random.chance(0.3) ? 1 : 0; // bit 0 of the target is dropped
    if (random.chance(0.5)) {
      unit.push(
        this.#code(make("jalr", { rd: random.chance(0.5) ? 0 : this.#free(), rs1: register }), {
          to: there,
          from: here,
          add: odd,
        }),
      );
    } else {
      unit.push(this.#code(make("addi", { rd: register, rs1: register }), { to: there, from: here, add: odd }));
      unit.push(
        this.#code(
          make("jalr", {
            rd: random.chance(0.5) ? 0 : random.chance(0.5) && !this.#reserved.has(1) ? 1 : this.#free(),
            rs1: register,
          }),
        ),
      );
    }
    for (let n = random.below(3); n > 0; n--) unit.push(this.#alu());
    unit.push({ kind: "label", label: there });
    return unit;
  }

  /** A loop that runs a fixed number of times. */
  #loop(depth: number): Unit {
    const random = this.#random;
    const counter = this.#counters[depth] ?? 0;
    const top: Label = { at: 0 };
    const body = this.#branches(this.#units(random.range(2, 8), depth + 1), 0.2);
    return [
      this.#code(make("addi", { rd: counter, imm: random.range(1, this.#options.loop) })),
      { kind: "label", label: top },
      ...body,
      this.#code(make("addi", { rd: counter, rs1: counter, imm: -1 })),
      this.#code(make("bne", { rs1: counter, rs2: 0 }), { to: top }),
    ];
  }

  /** Joins units to code, with forward branches over some of them. */
  #branches(units: readonly Unit[], density: number): Piece[] {
    const random = this.#random;
    const conditional = OPCODES.filter((op) => op.form === "branch");
    const pieces: Piece[] = [];
    let open: { label: Label; left: number }[] = [];
    for (const unit of units) {
      pieces.push(...unit);
      open = open.filter((branch) => {
        branch.left--;
        if (branch.left === 0) pieces.push({ kind: "label", label: branch.label });
        return branch.left > 0;
      });
      if (!random.chance(density)) continue;
      const label: Label = { at: 0 };
      open.push({ label, left: random.range(1, 5) });
      if (random.chance(0.2)) {
        pieces.push(this.#code(make("jal", { rd: random.chance(0.6) ? 0 : this.#free() }), { to: label }));
      } else if (random.chance(this.#compressed)) {
        pieces.push(this.#code(make(random.pick(["beq", "bne"]), { rs1: random.range(8, 15), rs2: 0 }), { to: label }));
      } else {
        pieces.push(
          this.#code(
            make(random.pick(conditional), { rs1: this.#source(), rs2: random.chance(0.2) ? 0 : this.#source() }),
            { to: label },
          ),
        );
      }
    }
    for (const branch of open) pieces.push({ kind: "label", label: branch.label });
    return pieces;
  }

  /** Something that traps, if it is reached. */
  #trap(): Unit {
    const random = this.#random;
    const register = this.#free();
    const paged = this.#mode !== "M";
    const raw = (bits: number, short: boolean): Piece => ({
      kind: "code",
      instruction: make(
        {
          name: `.${short ? "half" : "word"} 0x${bits.toString(16)}`,
          ext: "i",
          form: "none",
          bits: bits >>> 0,
          bytes: 0,
        },
        short ? { compressed: bits } : {},
      ),
      wantShort: false,
    });
    const access = (align = 1): Piece => {
      if (paged && this.#atomics.length > 0 && random.chance(0.2))
        return this.#code(make(random.pick(this.#atomics), { rd: this.#target(), rs1: register, rs2: this.#source() }));
      const op = random.pick(this.#loads);
      return this.#code(
        make(op, {
          rd: op.form === "load" ? this.#free() : this.#source(),
          rs1: register,
          rs2: this.#source(),
          imm: Math.ceil(random.range(-8, 8) / align) * align,
        }),
      );
    };
    const at = (page: number, offset: number): Piece[] => [
      this.#code(make("lui", { rd: register, imm: page >>> 12 })),
      this.#code(make("addi", { rd: register, rs1: register, imm: offset })),
    ];
    // biome-ignore format: one line each
    switch (random.below(paged ? 9 : 5)) {
      case 0: return [raw(0, true)];
      case 1: return [raw(random.pick(ILLEGAL), false)];
      case 2: return [...at(0x0800_0000, 64), access(8)]; // aligned: QEMU 7.2 rounds the address of a fault that no page tells
      case 3: { // a jump to nowhere
        return [this.#code(make("lui", { rd: register, imm: 0x8000 })), this.#code(make("jalr", { rd: this.#target(), rs1: register, imm: 2 * random.below(8) }))];
      }
      case 4: { // a misaligned atomic
        const [pointer, value] = random.pick([...this.#pointers]);
        const op = random.pick([...this.#atomics, ...OPCODES.filter((candidate) => candidate.form === "lr")]);
        const offset = 8 * random.below(32) + random.range(1, op.bytes - 1);
        return [
          this.#code(make("addi", { rd: register, rs1: pointer, imm: scratchBase(this.#mode) + offset - value })),
          this.#code(make(op, { rd: this.#free(), rs1: register, rs2: this.#source() })),
        ];
      }
      case 5: return [...at(UNMAPPED_PAGE, random.range(-7, 16)), access()];
      case 6: return [...at(READ_ONLY_PAGE, 64), access()];
      case 7: return [this.#code(make("addi", { rd: register, imm: 1 })), this.#code(make("slli", { rd: register, rs1: register, imm: random.range(38, 63) })), access()];
      default: // for M-mode only: an illegal instruction here
        return [this.#code(make("csrrs", { rd: this.#free(), imm: random.pick([0x300, 0x305, 0x341, 0x3a0]) }))];
    }
  }
}

/** Fixes distances and compressed forms: starts with every wish for a short form granted, and takes back what does not fit. */
function layout(pieces: readonly Piece[]): Instruction[] {
  for (;;) {
    let pc = 0;
    for (const piece of pieces) {
      if (piece.kind === "label") piece.label.at = pc;
      else pc += piece.wantShort ? 2 : lengthOf(piece.instruction);
    }
    const code: Instruction[] = [];
    let settled = true;
    pc = 0;
    for (const piece of pieces) {
      if (piece.kind === "label") continue;
      let { instruction } = piece;
      if (piece.to !== undefined) {
        const imm = piece.to.at - (piece.from === undefined ? pc : piece.from.at) + (piece.add ?? 0);
        instruction = { ...instruction, imm };
      }
      pc += piece.wantShort ? 2 : lengthOf(instruction);
      if (piece.wantShort) {
        const compressed = instruction.compressed ?? compress(instruction);
        if (compressed === undefined) {
          piece.wantShort = false;
          settled = false;
        } else {
          instruction = { ...instruction, compressed };
        }
      }
      code.push(instruction);
    }
    if (settled) return code;
  }
}

/** Test number `index` of a run; depends on nothing but the arguments. */
export function generate(seed: number, index: number, options: GenerateOptions = DEFAULTS): Test {
  const random = new Random(seed * 1_000_003 + index);
  return new Generator(random, options).program(`seed ${seed} test ${index}`);
}

/** The machine code of a test as text, one instruction per line with its address; runs of nops in one line. */
export function listing(test: Test, entry: number): string {
  let pc = entry;
  let nops = 0;
  const lines: string[] = [];
  for (const instruction of test.code) {
    const size = lengthOf(instruction);
    const nop =
      instruction.op.name === "addi" && instruction.rd === 0 && instruction.rs1 === 0 && instruction.imm === 0;
    if (nop) nops++;
    if (!nop) {
      if (nops > 0) lines.push(`  (${nops} nops)`);
      nops = 0;
      lines.push(
        `  ${pc.toString(16)}: ${encode(instruction)
          .toString(16)
          .padStart(size * 2, "0")
          .padEnd(8)}  ${format(instruction)}`,
      );
    }
    pc += size;
  }
  if (nops > 0) lines.push(`  (${nops} nops)`);
  return lines.join("\n");
}
