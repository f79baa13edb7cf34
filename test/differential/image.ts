// Packs many generated tests into one ELF image for guest/differential/runner.S, and reads the results back.
// The layout of records and results is told at the top of that file.

import { readFileSync } from "node:fs";

import { encode, type Instruction, lengthOf } from "./encode.js";

export type Mode = "M" | "S" | "U";

/** One generated program with the state it starts from. */
export interface Test {
  /** Where it came from: generator seed and index. */
  readonly name: string;
  readonly mode: Mode;
  /** x0..x31 and f0..f31. */
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly fcsr: number;
  /** Contents of the scratch memory, SCRATCH_SIZE bytes. */
  readonly scratch: Uint8Array;
  /** Straight machine code; an `ecall` is put behind it. */
  readonly code: readonly Instruction[];
  /** Bits of mstatus to start with, besides the mode and FS. */
  readonly mstatus?: bigint;
  /** In place of the one that goes with the mode. */
  readonly satp?: bigint;
  /** PMP entries 0 and 1; entry 2 allows everything. */
  readonly pmp?: { readonly config: readonly [number, number]; readonly address: readonly [bigint, bigint] };
}

/** Memory an image brings along, and that is compared after the run if `keep` says so. */
export interface Area {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly keep: boolean;
}

/** What a test left behind. */
export interface Result {
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly fcsr: number;
  readonly mepc: bigint;
  readonly mcause: bigint;
  readonly mtval: bigint;
  readonly mstatus: bigint;
  /** Sequence number of the test + 1, or 0 when the runner never came to it. */
  readonly done: number;
  readonly scratch: Uint8Array;
}

export const RAM_BASE = 0x8000_0000;
/** Guest RAM the image needs. */
export const RAM_SIZE = 64 * 2 ** 20;
const HEADER = 0x8010_0000;
const RECORDS = 0x8010_1000;
export const RESULTS = 0x8100_0000;
export const RECORD_SIZE = 0x440;
export const SCRATCH_SIZE = 512;
/** More would let the records and their code grow into the results. */
export const MAX_TESTS = 4000;

const PAGE = 4096n;
const FS_DIRTY = 0x6000n;

// Scratch memory lies across a page boundary. In M-mode both halves are neighbours in physical memory; under Sv39
// the second virtual page lies below the first in physical memory, so an access that crosses must be split.
const SCRATCH: Record<Mode, { virtual: number; low: number; high: number }> = {
  M: { virtual: 0x8000_4f00, low: 0x8000_4f00, high: 0x8000_5000 },
  S: { virtual: 0x1000_0f00, low: 0x8000_7f00, high: 0x8000_6000 },
  U: { virtual: 0x1000_0f00, low: 0x8000_7f00, high: 0x8000_6000 },
};
/** Address at which tests of a mode see their scratch memory. */
export const scratchBase = (mode: Mode): number => SCRATCH[mode].virtual;
/** In S and U modes: a page behind the scratch pages that is not mapped, and one that is read-only and holds zeros below its last 256 bytes. */
export const UNMAPPED_PAGE = 0x1000_2000;
export const READ_ONLY_PAGE = 0x1000_3000;

const MODES: Record<Mode, { mpp: bigint; root: number; user: boolean }> = {
  M: { mpp: 3n, root: 0, user: false },
  S: { mpp: 1n, root: 0x8000_8000, user: false },
  U: { mpp: 0n, root: 0x8000_c000, user: true },
};

/** An image and what is needed to read its results. */
export interface Image {
  readonly elf: Uint8Array;
  readonly tests: readonly Test[];
  /** Address of each test's first instruction. */
  readonly entry: readonly number[];
  /** What to fetch when the guest has powered off: the results, and areas to keep. */
  readonly fetch: readonly { readonly address: number; readonly length: number }[];
}

let runner: Uint8Array | undefined;

/** The loadable bytes of the checked-in runner, for RAM_BASE. */
function runnerBytes(): Uint8Array {
  if (runner === undefined) {
    const elf = readFileSync(new URL("../../../guest/differential/runner.elf", import.meta.url));
    const header = Number(elf.readBigUInt64LE(0x20));
    const offset = Number(elf.readBigUInt64LE(header + 8));
    const size = Number(elf.readBigUInt64LE(header + 32));
    runner = elf.subarray(offset, offset + size);
  }
  return runner;
}

/** Bytes of a test's code with its closing ecall. */
function codeBytes(test: Test): number {
  let size = 4;
  for (const instruction of test.code) size += lengthOf(instruction);
  return size;
}

/** PMP entry 2: NAPOT over everything, with all permissions. */
const PMP_ALL = 0x1f_0000n;

/** Throws when there are too many tests for one image. Areas must lie below HEADER, or above the results. */
export function buildImage(tests: readonly Test[], areas: readonly Area[] = []): Image {
  if (tests.length > MAX_TESTS) throw new Error(`at most ${MAX_TESTS} tests fit an image`);
  let end = RECORDS + tests.length * RECORD_SIZE;
  const entry = tests.map((test) => {
    const start = end;
    end += codeBytes(test);
    return start;
  });
  if (end > RESULTS) throw new Error("the tests' code is too long for one image");

  const ram = new Uint8Array(Math.max(end, ...areas.map((area) => area.address + area.bytes.length)) - RAM_BASE);
  const view = new DataView(ram.buffer);
  const u64 = (address: number, value: bigint): void =>
    view.setBigUint64(address - RAM_BASE, BigInt.asUintN(64, value), true);
  ram.set(runnerBytes(), 0);
  for (const mode of ["S", "U"] as const) pageTables(MODES[mode].root, MODES[mode].user, u64);
  for (const area of areas) ram.set(area.bytes, area.address - RAM_BASE);
  u64(HEADER, BigInt(tests.length));
  u64(HEADER + 8, BigInt(RECORDS));
  u64(HEADER + 16, BigInt(RESULTS));
  tests.forEach((test, index) => {
    const at = RECORDS + index * RECORD_SIZE;
    const start = entry[index] ?? 0;
    const mode = MODES[test.mode];
    u64(at, BigInt(start));
    for (let n = 1; n < 32; n++) u64(at + 8 * n, test.x[n] ?? 0n);
    for (let n = 0; n < 32; n++) u64(at + 0x100 + 8 * n, test.f[n] ?? 0n);
    u64(at + 0x200, BigInt(test.fcsr));
    u64(at + 0x208, (mode.mpp << 11n) | FS_DIRTY | (test.mstatus ?? 0n));
    u64(at + 0x210, test.satp ?? (mode.root === 0 ? 0n : (8n << 60n) | (BigInt(mode.root) / PAGE)));
    const pmp = test.pmp ?? { config: [0, 0], address: [0n, 0n] };
    u64(at + 0x228, PMP_ALL | (BigInt(pmp.config[1]) << 8n) | BigInt(pmp.config[0]));
    u64(at + 0x230, pmp.address[0]);
    u64(at + 0x238, pmp.address[1]);
    u64(at + 0x218, BigInt(SCRATCH[test.mode].low));
    u64(at + 0x220, BigInt(SCRATCH[test.mode].high));
    ram.set(test.scratch, at + 0x240 - RAM_BASE);
    let pc = start - RAM_BASE;
    for (const instruction of test.code) {
      const bits = encode(instruction);
      view.setUint16(pc, bits & 0xffff, true);
      if (lengthOf(instruction) === 4) view.setUint16(pc + 2, bits >>> 16, true);
      pc += lengthOf(instruction);
    }
    view.setUint16(pc, 0x0073, true); // ecall
  });
  const fetch = areas.filter((area) => area.keep).map((area) => ({ address: area.address, length: area.bytes.length }));
  return { elf: elfOf(ram), tests, entry, fetch: [{ address: RESULTS, length: tests.length * RECORD_SIZE }, ...fetch] };
}

/**
 * Sv39 tables at `root` and the two pages above it: RAM as it is in 2 MiB pages, and the scratch pages at
 * 0x1000_0000 with the second below the first. Accessed and dirty bits are set, so nothing depends on who sets them.
 */
function pageTables(root: number, user: boolean, u64: (address: number, value: bigint) => void): void {
  const V = 1n,
    R = 2n,
    W = 4n,
    X = 8n,
    U = user ? 16n : 0n,
    AD = 0xc0n;
  const leaf = (physical: number, flags: bigint): bigint => ((BigInt(physical) / PAGE) << 10n) | flags | U | AD | V;
  const table = (physical: number): bigint => ((BigInt(physical) / PAGE) << 10n) | V;
  const high = root + 0x1000,
    low = root + 0x2000,
    leaves = root + 0x3000;
  u64(root + 8 * 2, table(high));
  for (let n = 0; n < RAM_SIZE / 2 ** 21; n++) u64(high + 8 * n, leaf(RAM_BASE + n * 2 ** 21, R | W | X));
  u64(root, table(low));
  u64(low + 8 * 0x80, table(leaves));
  u64(leaves + 8 * 0, leaf(0x8000_7000, R | W));
  u64(leaves + 8 * 1, leaf(0x8000_6000, R | W));
  u64(leaves + 8 * 3, leaf(0x8000_7000, R));
}

/** An executable with one segment at RAM_BASE. */
function elfOf(ram: Uint8Array): Uint8Array {
  const offset = 0x1000;
  const elf = new Uint8Array(offset + ram.length);
  const view = new DataView(elf.buffer);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(0x10, 2, true); // ET_EXEC
  view.setUint16(0x12, 243, true); // EM_RISCV
  view.setUint32(0x14, 1, true);
  view.setBigUint64(0x18, BigInt(RAM_BASE), true);
  view.setBigUint64(0x20, 0x40n, true);
  view.setUint32(0x30, 5, true); // RVC, double-float ABI
  view.setUint16(0x34, 0x40, true);
  view.setUint16(0x36, 0x38, true);
  view.setUint16(0x38, 1, true);
  view.setUint32(0x40, 1, true); // PT_LOAD
  view.setUint32(0x44, 7, true);
  view.setBigUint64(0x48, BigInt(offset), true);
  view.setBigUint64(0x50, BigInt(RAM_BASE), true);
  view.setBigUint64(0x58, BigInt(RAM_BASE), true);
  view.setBigUint64(0x60, BigInt(ram.length), true);
  view.setBigUint64(0x68, BigInt(ram.length), true);
  view.setBigUint64(0x70, 0x1000n, true);
  elf.set(ram, offset);
  return elf;
}

/** Result of test `index`; `area` is the first that `Image.fetch` names. */
export function readResult(area: Uint8Array, index: number): Result {
  const at = index * RECORD_SIZE;
  const view = new DataView(area.buffer, area.byteOffset + at, RECORD_SIZE);
  const u64 = (offset: number): bigint => view.getBigUint64(offset, true);
  const x: bigint[] = [0n];
  const f: bigint[] = [];
  for (let n = 1; n < 32; n++) x.push(u64(8 * n));
  for (let n = 0; n < 32; n++) f.push(u64(0x100 + 8 * n));
  return {
    x,
    f,
    fcsr: Number(u64(0x200)),
    mepc: u64(0),
    mcause: u64(0x208),
    mtval: u64(0x210),
    mstatus: u64(0x218),
    done: Number(u64(0x220)),
    scratch: area.slice(at + 0x240, at + 0x240 + SCRATCH_SIZE),
  };
}
