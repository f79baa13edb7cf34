// What the guests of these tests share: where things are in memory, page tables, and a trap handler in machine code that
// logs every trap with the counters at it and goes on behind it.
//
// physical  0x8000_0000 start-up     0x8000_1000 handler of M-mode, frame at 0x8000_2000
//           0x8000_3000 handler of S-mode, frame at 0x8000_4000     0x8000_8000 page tables
//           0x8001_0000 log, 64 KiB  0x8002_0000 stack, 2 pages     0x8003_0000 data, 8 pages
//           0x8004_0000 code, 32 pages
// virtual   the same for S-mode; and with page tables
//           0x4000_0000 code, its physical pages in another order   0x5000_0000 the same pages once more
//           0x6000_0000 data: pages 0 and 1 writable, 2 read-only, 3 not mapped, 4 and 5 with A and D clear
//           0x7000_0000 stack
import { Assembler } from "./assembler.js";
import type { Image } from "./machines.js";

export const START = 0x8000_0000;
const HANDLER_M = 0x8000_1000;
const FRAME_M = 0x8000_2000;
const HANDLER_S = 0x8000_3000;
const FRAME_S = 0x8000_4000;
const TABLES = 0x8000_8000;
export const LOG = 0x8001_0000;
export const LOG_SIZE = 0x1_0000;
const STACK = 0x8002_0000;
export const DATA = 0x8003_0000;
export const DATA_PAGES = 8;
export const CODE = 0x8004_0000;
export const CODE_PAGES = 32;
const PAGE = 4096;

export const CSR = {
  fflags: 0x001, frm: 0x002, fcsr: 0x003, cycle: 0xc00, time: 0xc01, instret: 0xc02,
  sstatus: 0x100, sie: 0x104, stvec: 0x105, scounteren: 0x106, senvcfg: 0x10a, sscratch: 0x140, sepc: 0x141, scause: 0x142,
  stval: 0x143, stimecmp: 0x14d, satp: 0x180, mstatus: 0x300, medeleg: 0x302, mideleg: 0x303, mie: 0x304, mtvec: 0x305,
  mcounteren: 0x306, menvcfg: 0x30a, mscratch: 0x340, mepc: 0x341, mcause: 0x342, mtval: 0x343, mip: 0x344,
  mcycle: 0xb00, minstret: 0xb02, mhartid: 0xf14, pmpcfg0: 0x3a0, pmpaddr0: 0x3b0,
} as const; // biome-ignore format: a table

export type Mode = "M" | "S" | "SV39 S" | "SV39 U";

export interface Place {
  /** Where the program sees its code, once more (or the same place again), its data and the end of its stack. */
  readonly code: number;
  readonly alias: number;
  readonly data: number;
  readonly stack: number;
}

export function placeOf(mode: Mode): Place {
  return mode.startsWith("SV39")
    ? { code: 0x4000_0000, alias: 0x5000_0000, data: 0x6000_0000, stack: 0x7000_2000 }
    : { code: CODE, alias: CODE, data: DATA, stack: STACK + 2 * PAGE };
}

/** Physical page of page `n` of the code: neighbours are apart, so that code that crosses pages must be fetched from both. */
const codePage = (n: number, paged: boolean): number => CODE + PAGE * (paged ? (n * 13 + 5) % CODE_PAGES : n);

export interface Guest {
  readonly mode: Mode;
  /** Traps and timer interrupts of programs below M-mode go to a handler in S-mode. */
  readonly delegate: boolean;
  /** Ticks between timer interrupts, at most: 2^n - 1; 0 for none. A tick is 100 instructions. */
  readonly timer: number;
  readonly supervisorTimer: number;
  /** Code as seen at placeOf(mode).code, and where it starts. */
  readonly code: Uint8Array;
  readonly entry: number;
  /** Where the handlers go on after a jump to nowhere, in turn; 8 of them. */
  readonly escapes: readonly number[];
  readonly data: Uint8Array;
  /** Of the handlers' random numbers; its lowest bit: A and D bits are set by hardware. */
  readonly seed: number;
}

// offsets in a handler's frame
const SAVED = 0; //      x31, x30, x29, x28
const LOG_AT = 32;
const LCG = 40;
const ESCAPE = 48;
const TRAPS = 56;
const ESCAPES = 64;

/** Traps after which the machine is switched off. */
const MOST_TRAPS = 4000;
const MTIMECMP = 0x200_4000;
const FINISHER = 0x10_0000;

/** A trap handler, for M-mode or S-mode. Registers of the program stay as they are. */
function handler(machine: boolean, ticks: { machine: number; supervisor: number }): Assembler {
  const a = new Assembler();
  const csr = machine
    ? { scratch: CSR.mscratch, epc: CSR.mepc, cause: CSR.mcause, tval: CSR.mtval, status: CSR.mstatus }
    : { scratch: CSR.sscratch, epc: CSR.sepc, cause: CSR.scause, tval: CSR.stval, status: CSR.sstatus };
  const [f, t, u, v] = [31, 30, 29, 28];
  const exception = a.label();
  const done = a.label();
  const fetchFault = a.label();
  a.op("csrrw", { rd: f, rs1: f, imm: csr.scratch });
  [t, u, v].forEach((r, n) => a.op("sd", { rs1: f, rs2: r, imm: SAVED + 8 * (n + 1) }));
  // log: cause, epc, tval, instret, time, status
  a.op("ld", { rd: t, rs1: f, imm: LOG_AT });
  a.li(u, LOG);
  a.op("add", { rd: u, rs1: u, rs2: t });
  [csr.cause, csr.epc, csr.tval, CSR.instret, CSR.time, csr.status].forEach((source, n) => {
    a.csrr(v, source);
    a.op("sd", { rs1: u, rs2: v, imm: 8 * n });
  });
  a.op("addi", { rd: t, rs1: t, imm: 64 });
  a.li(u, LOG_SIZE - 1);
  a.op("and", { rd: t, rs1: t, rs2: u });
  a.op("sd", { rs1: f, rs2: t, imm: LOG_AT });
  a.csrr(t, csr.cause);
  a.to("bge", exception, { rs1: t });

  // interrupts: the next comes at a random time
  const other = a.label();
  const random = (mask: number): void => {
    a.op("ld", { rd: u, rs1: f, imm: LCG });
    a.li(v, 1103515245);
    a.op("mul", { rd: u, rs1: u, rs2: v });
    a.li(v, 12345);
    a.op("add", { rd: u, rs1: u, rs2: v });
    a.op("sd", { rs1: f, rs2: u, imm: LCG });
    a.op("srli", { rd: u, rs1: u, imm: 16 });
    a.op("andi", { rd: u, rs1: u, imm: mask });
    a.op("addi", { rd: u, rs1: u, imm: 1 });
    a.csrr(v, CSR.time);
    a.op("add", { rd: u, rs1: u, rs2: v });
  };
  a.op("andi", { rd: t, rs1: t, imm: 15 });
  a.op("addi", { rd: t, rs1: t, imm: -5 });
  a.to("bne", other, { rs1: t });
  random(ticks.supervisor);
  a.csrw(CSR.stimecmp, u);
  a.jump(done);
  a.place(other);
  if (machine) {
    random(ticks.machine);
    a.li(v, MTIMECMP);
    a.op("sd", { rs1: v, rs2: u });
  }
  a.jump(done);

  a.place(exception);
  const go = a.label();
  a.op("ld", { rd: u, rs1: f, imm: TRAPS });
  a.op("addi", { rd: u, rs1: u, imm: 1 });
  a.op("sd", { rs1: f, rs2: u, imm: TRAPS });
  a.li(v, MOST_TRAPS);
  a.to("bltu", go, { rs1: u, rs2: v });
  a.li(u, FINISHER); // not mapped for S-mode, so M-mode ends it
  a.li(v, 0x5555);
  a.op("sw", { rs1: u, rs2: v });
  a.place(go);
  a.op("addi", { rd: u, rs1: t, imm: -12 });
  a.to("beq", fetchFault, { rs1: u });
  a.op("addi", { rd: u, rs1: t, imm: -1 });
  a.to("beq", fetchFault, { rs1: u });
  // on behind the instruction, read the way it was fetched
  a.csrr(t, csr.epc);
  a.li(v, machine ? 0xa0000 : 0xc0000); // MPRV and MXR, or SUM and MXR
  a.op("csrrs", { rd: u, rs1: v, imm: csr.status });
  a.op("lhu", { rd: v, rs1: t });
  a.csrw(csr.status, u);
  a.op("andi", { rd: v, rs1: v, imm: 3 });
  a.op("addi", { rd: v, rs1: v, imm: -3 });
  a.op("sltiu", { rd: v, rs1: v, imm: 1 });
  a.op("slli", { rd: v, rs1: v, imm: 1 });
  a.op("addi", { rd: v, rs1: v, imm: 2 });
  a.op("add", { rd: t, rs1: t, rs2: v });
  a.csrw(csr.epc, t);
  a.jump(done);

  a.place(fetchFault);
  a.op("ld", { rd: t, rs1: f, imm: ESCAPE });
  a.op("addi", { rd: u, rs1: t, imm: 8 });
  a.op("andi", { rd: u, rs1: u, imm: 63 });
  a.op("sd", { rs1: f, rs2: u, imm: ESCAPE });
  a.op("add", { rd: t, rs1: t, rs2: f });
  a.op("ld", { rd: t, rs1: t, imm: ESCAPES });
  a.csrw(csr.epc, t);

  a.place(done);
  [t, u, v].forEach((r, n) => a.op("ld", { rd: r, rs1: f, imm: SAVED + 8 * (n + 1) }));
  a.op("csrrw", { rd: f, rs1: f, imm: csr.scratch });
  a.word(machine ? 0x30200073 : 0x10200073);
  return a;
}

function frame(guest: Guest): Uint8Array {
  const view = new DataView(new ArrayBuffer(256));
  view.setBigUint64(LCG, BigInt(guest.seed), true);
  for (let n = 0; n < 8; n++)
    view.setBigUint64(ESCAPES + 8 * n, BigInt(guest.escapes[n % guest.escapes.length] ?? guest.entry), true);
  return new Uint8Array(view.buffer);
}

const MODES: Record<Mode, bigint> = { M: 3n, S: 1n, "SV39 S": 1n, "SV39 U": 0n };

function startUp(guest: Guest, registers: (a: Assembler) => void): Assembler {
  const a = new Assembler();
  const paged = guest.mode.startsWith("SV39");
  a.csrli(CSR.mtvec, HANDLER_M);
  a.csrli(CSR.mscratch, FRAME_M);
  a.csrli(CSR.stvec, HANDLER_S);
  a.csrli(CSR.sscratch, FRAME_S);
  a.csrli(CSR.pmpaddr0, -1);
  a.csrli(CSR.pmpcfg0, 0x1f);
  a.csrli(CSR.mcounteren, 7);
  a.csrli(CSR.scounteren, 7);
  // STCE: stimecmp; ADUE by the seed: A and D bits set by hardware, or page faults
  a.csrli(CSR.menvcfg, (1n << 63n) | (guest.seed & 1 ? 1n << 61n : 0n) | 0xf0n);
  a.csrli(CSR.medeleg, guest.delegate ? 0xb1ff : 0);
  a.csrli(CSR.mideleg, guest.delegate ? 0x222 : 0);
  a.csrli(CSR.satp, paged ? (8n << 60n) | (BigInt(TABLES) >> 12n) : 0);
  a.csrli(CSR.stimecmp, guest.supervisorTimer > 0 ? 3 : -1);
  a.li(6, MTIMECMP);
  a.li(5, guest.timer > 0 ? 5 : -1);
  a.op("sd", { rs1: 6, rs2: 5 });
  a.csrli(CSR.mie, (guest.timer > 0 ? 0x80 : 0) | (guest.supervisorTimer > 0 ? 0x20 : 0));
  // FS dirty, MPIE and SIE
  a.csrli(CSR.mstatus, (MODES[guest.mode] << 11n) | 0x6082n);
  a.csrli(CSR.mepc, guest.entry);
  registers(a);
  a.word(0x30200073); // mret
  return a;
}

/** Sv39 tables: everything in RAM for S-mode as it is, and the program's code, data and stack. */
function pageTables(user: boolean): Uint8Array {
  const bytes = new Uint8Array(8 * PAGE);
  const view = new DataView(bytes.buffer);
  const set = (table: number, index: number, value: bigint): void =>
    view.setBigUint64(table * PAGE + index * 8, value, true);
  const [V, R, W, X, U, AD] = [1n, 2n, 4n, 8n, user ? 16n : 0n, 0xc0n];
  const pte = (physical: number, flags: bigint): bigint => (BigInt(physical / PAGE) << 10n) | flags;
  let next = 1;
  const table = (parent: number, index: number): number => {
    const child = next++;
    set(parent, index, pte(TABLES + child * PAGE, V));
    return child;
  };
  const gib1 = table(0, 1);
  const code = table(gib1, 0);
  const alias = table(gib1, 0x80);
  const data = table(gib1, 0x100);
  const stack = table(gib1, 0x180);
  for (let n = 0; n < CODE_PAGES; n++) {
    set(code, n, pte(codePage(n, true), V | R | W | X | U | AD));
    set(alias, (n * 7 + 3) % CODE_PAGES, pte(codePage(n, true), V | R | W | X | U | AD));
  }
  for (let n = 0; n < DATA_PAGES; n++) {
    if (n === 3) continue;
    set(
      data,
      n,
      pte(DATA + ((n * 5 + 2) % DATA_PAGES) * PAGE, V | R | (n === 2 ? 0n : W) | U | (n === 4 || n === 5 ? 0n : AD)),
    );
  }
  for (let n = 0; n < 2; n++) set(stack, n, pte(STACK + (1 - n) * PAGE, V | R | W | U | AD));
  const gib2 = table(0, 2);
  set(gib2, 0, pte(START, V | R | W | X | AD)); // for handlers: not for U-mode
  return bytes;
}

/** The whole of a guest. `registers` loads registers last before the program is entered. */
export function imageOf(guest: Guest, registers: (a: Assembler) => void = () => {}): Image {
  const paged = guest.mode.startsWith("SV39");
  if (guest.code.length > CODE_PAGES * PAGE) throw new Error("too much code");
  const ticks = { machine: guest.timer, supervisor: guest.supervisorTimer };
  const parts: { address: number; bytes: Uint8Array }[] = [
    { address: START, bytes: startUp(guest, registers).assemble(START).bytes },
    { address: HANDLER_M, bytes: handler(true, ticks).assemble(HANDLER_M).bytes },
    { address: FRAME_M, bytes: frame(guest) },
    { address: HANDLER_S, bytes: handler(false, ticks).assemble(HANDLER_S).bytes },
    { address: FRAME_S, bytes: frame(guest) },
    { address: TABLES, bytes: pageTables(guest.mode === "SV39 U") },
    { address: DATA, bytes: guest.data.subarray(0, DATA_PAGES * PAGE) },
  ];
  for (let n = 0; n * PAGE < guest.code.length; n++) {
    parts.push({ address: codePage(n, paged), bytes: guest.code.slice(n * PAGE, (n + 1) * PAGE) });
  }
  return { parts };
}
