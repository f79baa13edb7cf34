// Random guests for board remap, made for one purpose: in S-mode under Sv39 they access the bank controllers, the
// latches, the windows and RAM in every way there is, most of all across pages that belong to different ones of them.
// Beside the bytes to load come the accesses in order, told to the model while the program is made.
import { TLB_DEFAULT_BITS } from "../../../src/core/layout.js";
import { encode, type Instruction, make } from "../../differential/encode.js";
import { Random } from "../../differential/random.js";
import { type Expected, PAGE, type Part, RemapModel } from "./model.js";

const RAM = 0x8000_0000;
export const RAM_SIZE = 16 << 20;
const CODE = RAM + 0x1000;
const CONSTANTS = RAM + 0xf_0000;
const ROWS = RAM + 0x10_0000;
const TABLES = RAM + 0x60_0000;
const DATA = RAM + 0x61_0000;
const SWEEP = RAM + 0x80_0000;
/** Instructions of the boot code in ROM, before the first one of the program. */
const RESET_CODE = 6;

/** What the pages of a pair can be. */
const PLACES: readonly { pa: number; offsets: readonly number[] }[] = [
  { pa: DATA, offsets: [0x000, 0x010, 0x7f8] },
  { pa: DATA + PAGE, offsets: [0x000, 0x345, 0xff8] },
  { pa: 0x1100_0000, offsets: [0x000, 0x000, 0x000, 0x020, 0x004, 0x008, 0x010, 0x018, 0x028, 0xfff] }, // bank0
  { pa: 0x1100_1000, offsets: [0x000, 0x000, 0x000, 0x004, 0x008, 0x020, 0x024, 0x02c, 0xfff] }, // bank1
  { pa: 0x1100_2000, offsets: [0x000, 0x008, 0x1f8, 0x200, 0x204] }, // latch0
  { pa: 0x1100_3000, offsets: [0x000, 0x010, 0x1f0, 0x200, 0x204] }, // latch1
  { pa: 0x1200_0000, offsets: [0x000, 0x008, 0x120] }, // window0: first page, second page, last page
  { pa: 0x1200_1000, offsets: [0x000, 0x010, 0x200] },
  { pa: 0x1200_f000, offsets: [0x000, 0x018, 0xff8] },
  { pa: 0x1210_0000, offsets: [0x000, 0x008, 0x120] }, // window1
  { pa: 0x1210_3000, offsets: [0x000, 0x010, 0x200] },
  { pa: 0x1210_f000, offsets: [0x000, 0x018, 0xff8] },
];
const BANK0 = 2;
const BANK1 = 3;

/** Each ordered pair of places is two neighbouring pages somewhere here. */
const PAIRS_VA = 0x10_0000_0000n;
const SWEEP_VA = 0x20_0000_0000n;
/** Enough to fill a table of the first size, and of twice that, beyond the 70 % that make it grow. */
const SWEEP_PAGES = Math.ceil(0.82 * 2 ** (TLB_DEFAULT_BITS + 1));

const [S0, S1, A0, A1, A2, A3, A4, S2, S4, S5] = [8, 9, 10, 11, 12, 13, 14, 18, 20, 21] as const;
const SV39 = 8n << 60n;

interface AccessShape {
  form: "load" | "store" | "amo" | "lrsc";
  name: string;
  size: number;
  aligned: boolean;
}
type Shape = AccessShape | { form: "sweep" | "sfence" };

const SHAPES: readonly Shape[] = [
  ...["lb", "lbu"].map((name) => ({ form: "load" as const, name, size: 1, aligned: false })),
  ...["lh", "lhu"].map((name) => ({ form: "load" as const, name, size: 2, aligned: false })),
  ...["lw", "lwu", "flw", "c.lw"].map((name) => ({ form: "load" as const, name, size: 4, aligned: false })),
  ...["ld", "fld", "c.ld", "c.fld"].map((name) => ({ form: "load" as const, name, size: 8, aligned: false })),
  { form: "store", name: "sb", size: 1, aligned: false },
  { form: "store", name: "sh", size: 2, aligned: false },
  ...["sw", "fsw", "c.sw"].map((name) => ({ form: "store" as const, name, size: 4, aligned: false })),
  ...["sd", "fsd", "c.sd", "c.fsd"].map((name) => ({ form: "store" as const, name, size: 8, aligned: false })),
  ...["swap", "add", "xor", "and", "or", "min", "max", "minu", "maxu"].flatMap((name) => [
    { form: "amo" as const, name: `amo${name}.w`, size: 4, aligned: true },
    { form: "amo" as const, name: `amo${name}.d`, size: 8, aligned: true },
  ]),
  { form: "lrsc", name: "w", size: 4, aligned: true },
  { form: "lrsc", name: "d", size: 8, aligned: true },
  { form: "sfence" },
];

const SWEEP_SHAPE: Shape = { form: "sweep" };

function named(name: string | undefined): Shape {
  const shape = SHAPES.find((candidate) => "name" in candidate && candidate.name === name);
  if (shape === undefined) throw new Error(`no operation ${name}`);
  return shape;
}

export interface Program {
  /** Raw images by physical address. */
  images: { address: number; bytes: Uint8Array }[];
  /** Records of the accesses under test, in order. */
  expected: readonly Expected[];
  /** The model after the last of them. */
  model: RemapModel;
  /** Instructions until the program goes round its last one. */
  instructions: number;
  /** Instruction counts at which an access re-maps right behind a sweep through more pages than the TLB holds. */
  behindSweeps: number[];
  /** Whether a record of a run is of an access under test. */
  concerns(record: { pc: bigint; vaddr: bigint }): boolean;
  /** Address and value of the page-table entries of a walk, root first. */
  walk(vaddr: bigint): { address: bigint; value: bigint }[];
}

/**
 * `operations` instructions under test, gone through `rounds` times with other addresses and values each time. Those named
 * in `behind` take turns behind the sweeps.
 */
export function makeProgram(
  seed: number,
  operations: number,
  rounds: number,
  behind: readonly string[] = ["sd", "ld"],
): Program {
  const random = new Random(seed);
  const ram = new Uint8Array(RAM_SIZE);
  const view = new DataView(ram.buffer);
  const put = (address: number, value: bigint): void =>
    view.setBigUint64(address - RAM, BigInt.asUintN(64, value), true);
  const get = (address: number): bigint => view.getBigUint64(address - RAM, true);
  for (let at = DATA; at < DATA + 2 * PAGE; at += 8) put(at, BigInt(at) * 0x1_0001_0001n);

  const pages = pageTables(put);
  const physical = (va: bigint): number => (pages.get(va >> 12n) as number) + Number(va & 0xfffn);
  const partsOf = (va: bigint, size: number): Part[] => {
    const first = Math.min(size, PAGE - Number(va & 0xfffn));
    const parts = [{ va, pa: physical(va), size: first }];
    if (first < size) parts.push({ va: va + BigInt(first), pa: physical(va + BigInt(first)), size: size - first });
    return parts;
  };

  // the code: every operation takes a row of two words, address and value
  const words: number[] = [];
  const emit = (instruction: Instruction | number): number => {
    words.push(typeof instruction === "number" ? instruction : encode(instruction));
    return CODE + 4 * (words.length - 1);
  };
  const shapes: { shape: Shape; pc: number }[] = [];
  for (let n = 0; n < operations; n++) {
    const shape =
      n % 100 === 50
        ? SWEEP_SHAPE
        : n % 100 === 51
          ? named(behind[Math.floor(n / 100) % behind.length])
          : random.pick(SHAPES);
    const lead = emit(make("ld", { rd: A0, rs1: S0 }));
    emit(make("ld", { rd: A1, rs1: S0, imm: 8 }));
    emit(make("fld", { rd: A1, rs1: S0, imm: 8 }));
    emit(make("addi", { rd: S0, rs1: S0, imm: 16 }));
    shapes.push({ shape, pc: lead + 16 });
    emitOperation(shape, emit);
  }
  emit(make("addi", { rd: S5, rs1: S5, imm: -1 }));
  emit(make("beq", { rs1: S5, imm: 8 }));
  emit(make("jal", { imm: -4 * words.length }));
  emit(make("jal", { imm: 0 }));
  words.forEach((word, n) => view.setUint32(CODE - RAM + 4 * n, word, true));
  const setup = startCode(view, put, rounds);

  // what it does
  const model = new RemapModel(ram);
  const behindSweeps: number[] = [];
  let icount = RESET_CODE + setup;
  let row = ROWS;
  const pcs = new Set<number>();
  for (let round = 0; round < rounds; round++) {
    let swept = false;
    for (const { shape, pc } of shapes) {
      icount += 4;
      const va = addressFor(random, shape, swept);
      const value = randomValue(random);
      put(row, va);
      put(row + 8, value);
      row += 16;
      if (!("size" in shape)) {
        swept ||= shape.form === "sweep";
        icount += shape.form === "sweep" ? 2 + 4 * SWEEP_PAGES : 1;
        continue;
      }
      pcs.add(pc);
      const changes = model.changes;
      const at = icount;
      icount += perform(model, shape, { pc, icount, va, parts: partsOf(va, shape.size) }, value, pcs);
      if (swept && model.changes !== changes) behindSweeps.push(at);
      swept = false;
    }
    icount += round === rounds - 1 ? 2 : 3;
  }
  if (row > TABLES) throw new Error("too many rows");
  return {
    images: [{ address: RAM, bytes: ram.slice(0, DATA + 2 * PAGE - RAM) }],
    expected: model.records,
    model,
    instructions: icount,
    behindSweeps,
    concerns: ({ pc, vaddr }) => pcs.has(Number(pc)) && vaddr < SWEEP_VA,
    walk: (va) => walk(va, get),
  };
}

function emitOperation(shape: Shape, emit: (instruction: Instruction | number) => number): void {
  switch (shape.form) {
    case "sweep":
      emit(make("addi", { rd: A3, rs1: S1 }));
      emit(make("addi", { rd: A4, rs1: S2 }));
      emit(make("ld", { rd: A2, rs1: A3 }));
      emit(make("add", { rd: A3, rs1: A3, rs2: S4 }));
      emit(make("addi", { rd: A4, rs1: A4, imm: -1 }));
      emit(make("bne", { rs1: A4, imm: -12 }));
      break;
    case "sfence":
      emit(0x1200_0073 | (A0 << 15));
      break;
    case "load":
      emit(compressed(shape.name) ?? make(shape.name, { rd: A2, rs1: A0 }));
      break;
    case "store":
      emit(compressed(shape.name) ?? make(shape.name, { rs1: A0, rs2: A1 }));
      break;
    case "amo":
      emit(make(shape.name, { rd: A2, rs1: A0, rs2: A1 }));
      break;
    case "lrsc":
      emit(make(`lr.${shape.name}`, { rd: A2, rs1: A0 }));
      emit(make(`sc.${shape.name}`, { rd: A2, rs1: A0, rs2: A1 }));
  }
}

/** With a compressed no-op behind it, so that everything takes four bytes. RVC, register-based loads and stores. */
function compressed(name: string): number | undefined {
  const funct3 = { "c.fld": 1, "c.lw": 2, "c.ld": 3, "c.fsd": 5, "c.sw": 6, "c.sd": 7 }[name];
  if (funct3 === undefined) return undefined;
  const register = funct3 < 4 ? A2 : A1;
  return ((1 << 16) | (funct3 << 13) | ((A0 - 8) << 7) | ((register - 8) << 2)) >>> 0;
}

/** Tells the model; returns the instructions used, those of the trap handler included. */
function perform(
  model: RemapModel,
  shape: AccessShape,
  access: { pc: number; icount: number; va: bigint; parts: readonly Part[] },
  value: bigint,
  pcs: Set<number>,
): number {
  // a compressed instruction and its no-op; the handler of faults passes over both
  const two = shape.form !== "amo" && shape.form !== "lrsc" && compressed(shape.name) !== undefined;
  const low = BigInt.asUintN(8 * shape.size, value);
  switch (shape.form) {
    case "load":
      return model.load(access) === undefined ? 1 + HANDLER : two ? 2 : 1;
    case "store":
      return model.store(access, low) ? (two ? 2 : 1) : 1 + HANDLER;
    case "amo":
      return model.amo(access, (old) => atomic(shape.name.slice(3, -2), old, low, 8 * shape.size)) ? 1 : 1 + HANDLER;
    case "lrsc": {
      const second = { ...access, pc: access.pc + 4 };
      pcs.add(second.pc);
      // without a reservation sc stores nothing and translates nothing
      if (model.load(access) === undefined) return 1 + HANDLER + 1;
      return model.store({ ...second, icount: access.icount + 1 }, low) ? 2 : 2 + HANDLER;
    }
  }
}

function atomic(name: string, old: bigint, value: bigint, bits: number): bigint {
  const signed = (x: bigint): bigint => BigInt.asIntN(bits, x);
  switch (name) {
    case "swap":
      return value;
    case "add":
      return BigInt.asUintN(bits, old + value);
    case "xor":
      return old ^ value;
    case "and":
      return old & value;
    case "or":
      return old | value;
    case "min":
      return signed(old) < signed(value) ? old : value;
    case "max":
      return signed(old) > signed(value) ? old : value;
    case "minu":
      return old < value ? old : value;
    case "maxu":
      return old > value ? old : value;
  }
  throw new Error(name);
}

const pairAddress = (first: number, second: number): bigint =>
  PAIRS_VA + BigInt(2 * (PLACES.length * first + second)) * BigInt(PAGE);

function addressFor(random: Random, shape: Shape, swept: boolean): bigint {
  if (!("size" in shape)) return randomAddress(random, 1, true, false);
  return swept ? triggerAddress(shape) : randomAddress(random, shape.size, shape.aligned, random.u32() % 3 === 0);
}

function randomAddress(random: Random, size: number, aligned: boolean, across: boolean): bigint {
  const first = random.u32() % PLACES.length;
  const base = pairAddress(first, random.u32() % PLACES.length);
  if (across && !aligned && size > 1) return base + BigInt(PAGE - size + 1 + (random.u32() % (size - 1)));
  const { offsets } = PLACES[first] as (typeof PLACES)[number];
  let offset = offsets[random.u32() % offsets.length] as number;
  if (aligned) offset -= offset % size;
  return base + BigInt(offset);
}

/** An access that changes the map for certain, of whatever form. */
function triggerAddress(shape: AccessShape): bigint {
  // ROTATE takes any write, SWITCH any read
  if (shape.form === "store" || shape.form === "amo") return pairAddress(BANK0, BANK0) + 0x20n;
  return pairAddress(BANK1, BANK1);
}

function randomValue(random: Random): bigint {
  const high = BigInt(random.u32());
  const low = BigInt(random.u32());
  // small bytes select banks
  if (random.u32() % 3 !== 0) return ((high << 32n) | low) & 0x0707_0707_0707_0707n;
  return (high << 32n) | low;
}

/** Fills the page tables; physical page addresses by virtual page number. */
function pageTables(put: (address: number, value: bigint) => void): Map<bigint, number> {
  const pages = new Map<bigint, number>();
  const entry = (pa: number, flags: number): bigint => ((BigInt(pa) >> 12n) << 10n) | BigInt(flags);
  const [POINTER, DATA_LEAF, ALL_LEAF] = [0x01, 0xe7, 0xef];
  let next = TABLES + PAGE;
  const tables = new Map<string, number>();
  const table = (key: string, at: number): number => {
    let address = tables.get(key);
    if (address === undefined) {
      address = next;
      next += PAGE;
      tables.set(key, address);
      put(at, entry(address, POINTER));
    }
    return address;
  };
  const map = (va: bigint, pa: number): void => {
    const [two, one, zero] = [30n, 21n, 12n].map((shift) => Number((va >> shift) & 511n)) as [number, number, number];
    const level1 = table(`${two}`, TABLES + 8 * two);
    const level0 = table(`${two}/${one}`, level1 + 8 * one);
    put(level0 + 8 * zero, entry(pa, DATA_LEAF));
    pages.set(va >> 12n, pa);
  };
  put(TABLES + 8 * 2, entry(RAM, ALL_LEAF)); // 1 GiB for the program, its rows and tables
  PLACES.forEach((first, i) => {
    PLACES.forEach((second, j) => {
      map(pairAddress(i, j), first.pa);
      map(pairAddress(i, j) + BigInt(PAGE), second.pa);
    });
  });
  for (let page = 0; page < SWEEP_PAGES; page++) map(SWEEP_VA + BigInt(page * PAGE), SWEEP + page * PAGE);
  return pages;
}

function walk(va: bigint, get: (address: number) => bigint): { address: bigint; value: bigint }[] {
  const steps: { address: bigint; value: bigint }[] = [];
  let table = TABLES;
  for (const shift of [30n, 21n, 12n]) {
    const address = table + 8 * Number((va >> shift) & 511n);
    const value = get(address);
    steps.push({ address: BigInt(address), value });
    if ((value & 0xen) !== 0n) break;
    table = Number((value >> 10n) << 12n);
  }
  return steps;
}

/** Instructions of the trap handler. */
const HANDLER = 4;

/** M-mode: trap vector, PMP, registers, and down to S-mode. Returns the number of its instructions that run once. */
function startCode(view: DataView, put: (address: number, value: bigint) => void, rounds: number): number {
  const [T0, T1] = [5, 6];
  const CSR = { mstatus: 0x300, mtvec: 0x305, mepc: 0x341, pmpcfg0: 0x3a0, pmpaddr0: 0x3b0, satp: 0x180 };
  const MRET = 0x3020_0073;
  const words: number[] = [];
  let constants = 0;
  const load = (rd: number, value: bigint): void => {
    put(CONSTANTS + 8 * constants, value);
    words.push(encode(make("ld", { rd, rs1: T0, imm: 8 * constants++ })));
  };
  const set = (csr: number, value: bigint): void => {
    load(T1, value);
    words.push(encode(make("csrrw", { rs1: T1, imm: csr })));
  };
  words.push(encode(make("auipc", { rd: T0, imm: (CONSTANTS - RAM) >> 12 })));
  set(CSR.mtvec, BigInt(RAM + 0x800));
  set(CSR.pmpaddr0, 0x3f_ffff_ffff_ffffn);
  set(CSR.pmpcfg0, 0x1fn);
  set(CSR.satp, SV39 | (BigInt(TABLES) >> 12n));
  set(CSR.mepc, BigInt(CODE));
  set(CSR.mstatus, 0x6800n); // FS: dirty, MPP: S
  load(S0, BigInt(ROWS));
  load(S1, SWEEP_VA);
  load(S2, BigInt(SWEEP_PAGES));
  load(S4, BigInt(PAGE));
  load(S5, BigInt(rounds));
  words.push(MRET);
  words.forEach((word, n) => view.setUint32(4 * n, word, true));
  const handler = [
    encode(make("csrrs", { rd: T1, imm: CSR.mepc })),
    encode(make("addi", { rd: T1, rs1: T1, imm: 4 })),
    encode(make("csrrw", { rs1: T1, imm: CSR.mepc })),
    MRET,
  ];
  handler.forEach((word, n) => view.setUint32(0x800 + 4 * n, word, true));
  return words.length;
}
