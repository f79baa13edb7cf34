// Tests of address translation and protection for the same runner: page tables full of random entries in Sv39, Sv48
// and Sv57, and random PMP entries, with a few accesses each. There is no model for these; QEMU is the judge.
// What translation leaves in the page tables (accessed and dirty bits) is compared as well.
//
// Left out, because QEMU 7.2 does not do what the manual (Privileged ISA 20240411, 12.3.2) says: bits 60..54 of a leaf
// and the reserved PBMT encoding, which it ignores; page tables where no memory is, for which it raises page faults;
// and atomics where no memory is, which it reports as loads. It also sets accessed and dirty bits before it finds that
// a page faults for another reason than its permissions: such entries have both set from the start.

import { type Instruction, make, OPCODES } from "./encode.js";
import { type Area, type Mode, RAM_BASE, SCRATCH_SIZE, type Test } from "./image.js";
import { Random } from "./random.js";

const PAGE = 4096;
const ENTRIES = 512;
/** Where the page tables of a scheme lie: 16 pages each. */
const TABLES: Record<Scheme, number> = { 39: 0x8002_0000, 48: 0x8003_0000, 57: 0x8004_0000 };
const TABLE_BYTES = 0x1_0000;
/** 64 KiB of pages to translate to. */
const DATA = 0x8006_0000;
const DATA_BYTES = 0x1_0000;
/** A 2 MiB page, of which the first 64 KiB are used. */
const LARGE = 0x8060_0000;
/** No memory here. */
const HOLE = 0x0800_0000;
/** In each page the upper half holds code that adds to a0 and ends the test; accesses of data stay below, mostly. */
const CODE_OFFSET = 0x800;

type Scheme = 39 | 48 | 57;
const SCHEMES: readonly Scheme[] = [39, 48, 57];
const MODE: Record<Scheme, bigint> = { 39: 8n, 48: 9n, 57: 10n };

const MSTATUS_MPRV = 1n << 17n;
const MSTATUS_SUM = 1n << 18n;
const MSTATUS_MXR = 1n << 19n;

/** Pages of a scheme's tables. Level 2 maps 1 GiB an entry; it is the root of Sv39. */
const LEVEL2 = 0;
const LEVEL2_USER = 1; // the same, but the tests' own code is user code
const LEVEL1 = 2;
const LEVEL0 = 3; // two of them
const CODE = 5;
const CODE_USER = 6;
const UPPER = 7; // levels 3 and 4, for each of the two level 2 tables
const SECOND_LEVEL0 = 1;
/** First entry of level 1 that is not a pointer to a level 0 table. */
const FIRST_LARGE = 8;

/**
 * Entries that may lead where no memory is. QEMU 7.2 makes two aligned accesses of a misaligned one there, so that the
 * fault's address and order are its own: accesses that are not aligned keep away from these, and so do atomics.
 */
const holeEntry = (entry: number): boolean => entry % 16 === 15;

/** A random leaf, entry number `entry` of its table, for a page of 2^`bits` bytes. */
function leaf(random: Random, bits: number, entry: number): bigint {
  let target: number;
  if (holeEntry(entry) && random.chance(0.5)) target = HOLE;
  else if (bits === 12) target = DATA + PAGE * random.below(DATA_BYTES / PAGE);
  else if (bits === 21) target = LARGE;
  else target = RAM_BASE;
  let ppn = BigInt(target / PAGE);
  let upper = 0n;
  let settled = target === HOLE;
  if (random.chance(bits === 12 ? 0.08 : 0.02)) {
    upper |= 1n << 63n; // Svnapot: good for 64 KiB only
    ppn = random.chance(0.7) ? BigInt(DATA / PAGE) | 8n : ppn;
    settled = bits !== 12 || (ppn & 15n) !== 8n;
  } else if (bits > 12 && random.chance(0.06)) ppn |= 1n << BigInt(random.below(bits - 12)); // misaligned
  if (random.chance(0.06)) upper |= BigInt(random.range(1, 2)) << 61n; // Svpbmt
  const permissions = random.chance(0.9) ? random.pick([1, 3, 5, 7, 4, 3, 7]) : random.range(1, 7);
  const flags =
    (random.chance(0.97) ? 1 : 0) |
    (permissions << 1) |
    (random.chance(0.5) ? 0x10 : 0) |
    (random.chance(0.2) ? 0x20 : 0) |
    (settled || random.chance(0.6) ? 0x40 : 0) |
    (settled || random.chance(0.5) ? 0x80 : 0) |
    (random.below(4) << 8);
  return upper | (ppn << 10n) | BigInt(flags);
}

/** A pointer to a table, now and then one with bits that a pointer must not have. */
function pointer(random: Random, table: number): bigint {
  const stray = random.chance(0.1) ? 1n << random.pick([4n, 6n, 7n, 61n, 63n]) : 0n;
  return (BigInt(table / PAGE) << 10n) | stray | (random.chance(0.98) ? 1n : 0n);
}

/** A pointer or leaf for the tests' own code, which must always work. */
const plain = (address: number, flags: bigint): bigint => (BigInt(address / PAGE) << 10n) | flags | 1n;

function tables(random: Random, scheme: Scheme): Uint8Array {
  const bytes = new Uint8Array(TABLE_BYTES);
  const view = new DataView(bytes.buffer);
  const base = TABLES[scheme];
  const at = (page: number): number => base + page * PAGE;
  const put = (page: number, entry: number, value: bigint): void =>
    view.setBigUint64(page * PAGE + entry * 8, value, true);
  for (let level0 = LEVEL0; level0 <= LEVEL0 + SECOND_LEVEL0; level0++)
    for (let n = 0; n < ENTRIES; n++) put(level0, n, leaf(random, 12, n));
  for (let n = 0; n < ENTRIES; n++)
    put(LEVEL1, n, n < FIRST_LARGE ? pointer(random, at(LEVEL0 + (n % 2))) : leaf(random, 21, n));
  // the first two are sound, so that most tests reach level 0
  for (let n = 0; n < 2; n++) put(LEVEL1, n, plain(at(LEVEL0 + n), 0n));
  for (let n = 0; n < 32; n++) {
    put(CODE, n, plain(RAM_BASE + n * 2 ** 21, 0xcen));
    put(CODE_USER, n, plain(RAM_BASE + n * 2 ** 21, 0xden));
  }
  const giga = Array.from({ length: ENTRIES }, (_, n) => leaf(random, 30, n));
  for (const [level2, code] of [
    [LEVEL2, CODE],
    [LEVEL2_USER, CODE_USER],
  ] as const) {
    giga.forEach((value, n) => {
      put(level2, n, value);
    });
    put(level2, 0, plain(at(LEVEL1), 0n));
    put(level2, 2, plain(at(code), 0n));
    const level3 = UPPER + 2 * level2;
    put(level3, 0, plain(at(level2), 0n));
    put(level3, 1, leaf(random, 39, 1));
    put(level3 + 1, 0, plain(at(level3), 0n));
    put(level3 + 1, 1, leaf(random, 48, 1));
  }
  return bytes;
}

/** Pages with code in their upper halves and noise below. */
function data(random: Random): Uint8Array {
  const bytes = new Uint8Array(DATA_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < DATA_BYTES; at += 8) {
    if (at % PAGE < CODE_OFFSET) view.setBigUint64(at, random.u64(), true);
    else view.setBigUint64(at, 0x00000073_00150513n, true); // addi a0, a0, 1; ecall
  }
  return bytes;
}

/** What the tests of one seed share: tables, which are compared after the run, and pages. */
export function translationAreas(seed: number): Area[] {
  const random = new Random(seed);
  return [
    ...SCHEMES.map((scheme) => ({ address: TABLES[scheme], bytes: tables(random, scheme), keep: true })),
    { address: DATA, bytes: data(random), keep: true },
    { address: LARGE, bytes: data(random), keep: true },
  ];
}

/** A virtual address worth an access of `bytes` bytes, or a fetch for 0. */
function virtualAddress(random: Random, scheme: Scheme, bytes: number, atomic: boolean): bigint {
  let offset = bytes === 0 ? CODE_OFFSET + 8 * random.below(128) : random.below(CODE_OFFSET / 8 - 1) * 8;
  if (bytes > 1 && random.chance(0.2))
    offset = PAGE - random.range(1, bytes - 1); // across pages
  else if (bytes > 1 && random.chance(0.1)) offset += random.range(1, bytes - 1);
  if (bytes === 0 && random.chance(0.1)) offset = PAGE - 2; // an instruction across pages
  const low = BigInt(offset);
  const loose = atomic || (bytes === 0 ? offset === PAGE - 2 : offset % bytes !== 0);
  const entry = (first: number): number => {
    const n = random.range(first, ENTRIES - 1);
    return loose && (holeEntry(n) || holeEntry(n + 1)) ? n - 2 : n;
  };
  const page = BigInt(entry(0)) << 12n;
  const roll = random.below(20);
  if (roll < 13) return (BigInt(random.below(2)) << 21n) | page | low;
  if (roll < 14) return (BigInt(random.below(FIRST_LARGE)) << 21n) | page | low;
  if (roll < 17) return (BigInt(entry(FIRST_LARGE)) << 21n) | (BigInt(random.below(15)) << 12n) | low;
  const inGiga = BigInt(LARGE - RAM_BASE + PAGE * random.below(15)) | low;
  if (roll < 19) return canonical((BigInt(entry(5)) << 30n) | inGiga, scheme);
  if (scheme !== 39 && random.chance(0.5)) return (1n << (random.chance(0.5) ? 39n : 48n)) | inGiga; // a terapage and more
  return BigInt.asUintN(64, (1n << BigInt(random.range(scheme - 1, 63))) | page | low); // hardly canonical
}

/** Sv39 has nothing above level 2, so half of its entries stand for the upper end of the address space. */
const canonical = (address: bigint, scheme: Scheme): bigint =>
  scheme === 39 ? BigInt.asUintN(64, BigInt.asIntN(39, address)) : address;

const LOADS = OPCODES.filter((op) => op.form === "load" || op.form === "fload");
const STORES = OPCODES.filter((op) => op.form === "store" || op.form === "fstore");
const ATOMICS = OPCODES.filter((op) => op.form === "amo" || op.form === "lr");

/** Registers that addresses are in: one per access. */
const FIRST_ADDRESS = 16;

/** One access through register `register`, whose value `place` gives for a size. */
function access(
  random: Random,
  register: number,
  place: (bytes: number, atomic: boolean) => bigint,
  fetches: boolean,
): { code: Instruction; address: bigint } {
  const roll = random.below(fetches ? 12 : 10);
  if (roll >= 10) return { code: make("jalr", { rd: 1, rs1: register }), address: place(0, false) };
  const op = random.pick(roll < 4 ? LOADS : roll < 8 ? STORES : ATOMICS);
  const atomic = op.form === "amo" || op.form === "lr";
  let address = place(op.bytes, atomic);
  if (atomic) address -= address % BigInt(op.bytes);
  return { code: make(op, { rd: random.range(11, 15), rs1: register, rs2: random.range(2, 9) }), address };
}

function assemble(
  name: string,
  random: Random,
  mode: Mode,
  before: readonly Instruction[],
  accesses: readonly { code: Instruction; address: bigint }[],
  rest: Partial<Test>,
): Test {
  const x = Array.from({ length: 32 }, (_, n) => (n === 0 ? 0n : random.u64()));
  accesses.forEach(({ address }, n) => {
    x[FIRST_ADDRESS + n] = BigInt.asUintN(64, address);
  });
  x[30] = 0x800n; // MPP: S
  return {
    name,
    mode,
    x,
    f: Array.from({ length: 32 }, () => random.u64()),
    fcsr: 0,
    scratch: new Uint8Array(SCRATCH_SIZE),
    code: [...before, ...accesses.map(({ code }) => code)],
    ...rest,
  };
}

/** With MPRV an M-mode program accesses data as U, or as S once it has set MPP. */
function privilege(random: Random): { mode: Mode; mprv: bigint; before: Instruction[] } {
  const mode = random.pick<Mode>(["S", "S", "U", "M"]);
  if (mode !== "M") return { mode, mprv: 0n, before: [] };
  const before = random.chance(0.5) ? [make("csrrs", { imm: 0x300, rs1: 30 })] : [];
  return { mode, mprv: MSTATUS_MPRV, before };
}

/** A test of translation for the tables of translationAreas(seed). */
export function translationTest(seed: number, index: number): Test {
  const random = new Random(seed * 1_000_003 + index);
  const scheme = random.pick(SCHEMES);
  const { mode, mprv, before } = privilege(random);
  const user = mode === "U" ? LEVEL2_USER : LEVEL2;
  const root = TABLES[scheme] + PAGE * (scheme === 39 ? user : UPPER + 2 * user + (scheme === 48 ? 0 : 1));
  const status = (random.chance(0.5) ? MSTATUS_SUM : 0n) | (random.chance(0.3) ? MSTATUS_MXR : 0n) | mprv;
  const accesses = Array.from({ length: random.range(1, 3) }, (_, n) =>
    access(random, FIRST_ADDRESS + n, (bytes, atomic) => virtualAddress(random, scheme, bytes, atomic), mode !== "M"),
  );
  // the same page again: what the first access left in the TLB must serve the second, or not
  if (accesses.length > 1 && random.chance(0.4)) {
    const [first, second] = accesses as [(typeof accesses)[0], (typeof accesses)[0]];
    if (!["jalr", "amo", "lr"].includes(second.code.op.form)) second.address = first.address - (first.address % 8n);
  }
  const satp = (MODE[scheme] << 60n) | BigInt(root / PAGE);
  return assemble(`seed ${seed} translation ${index}, Sv${scheme}`, random, mode, before, accesses, {
    mstatus: status,
    satp,
  });
}

/** A test of two random PMP entries over the pages of translationAreas(seed), without translation. */
export function protectionTest(seed: number, index: number): Test {
  const random = new Random(seed * 1_000_003 + index + 500_000);
  const { mode, mprv, before } = privilege(random);
  const near = DATA + 8 * random.range(8, 24);
  const address = (): bigint => {
    const word = BigInt(near / 4 + random.range(-6, 6));
    // NAPOT: the low ones say how long the range is
    return random.chance(0.5) ? word : word | ((1n << BigInt(random.below(5))) - 1n);
  };
  const config = (): number => (random.pick([0, 1, 2, 3]) << 3) | random.pick([0, 1, 3, 4, 5, 7]);
  const place = (bytes: number): bigint => {
    if (bytes === 0) return BigInt(DATA + CODE_OFFSET);
    const aligned = near + bytes * random.range(-Math.ceil(32 / bytes), Math.ceil(32 / bytes));
    // QEMU 7.2 looks at an access's first and last byte only, and misses a range of four bytes between them
    return BigInt(random.chance(0.7) || bytes === 8 ? aligned : aligned + random.below(bytes));
  };
  const accesses = Array.from({ length: random.range(1, 3) }, (_, n) =>
    access(random, FIRST_ADDRESS + n, place, false),
  );
  return assemble(`seed ${seed} protection ${index}`, random, mode, before, accesses, {
    mstatus: mprv,
    satp: 0n,
    pmp: { config: [config(), config()], address: [address(), address()] },
  });
}
