// Machines that differ in nothing but the engine's settings, run side by side: after the same number of instructions,
// everything a guest could see must be the same.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as L from "../../src/core/layout.js";
import { compileModules, type MachineModules, type RecordedVariant } from "../../src/machine/core.js";
import type { EngineSettings, MachineDescription } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";

import { lateCompiler } from "./late-compiler.js";
import { type Probing, probe } from "./probed.js";

export const RAM = 0x8000_0000;

/** Bytes at physical addresses in RAM. */
export interface Image {
  readonly parts: readonly { readonly address: number; readonly bytes: Uint8Array }[];
}

/** How an image is run. */
export interface Tier {
  readonly name: string;
  readonly engine: Partial<EngineSettings>;
  /** Instructions asked for in one call. */
  readonly chunk: number;
  /** The engine's variant; with all of them, nothing is recorded here. */
  readonly variant?: RecordedVariant;
  /** With probes on everything. */
  readonly probing?: Probing;
  /** With probes on half of it. */
  readonly oddPages?: boolean;
  /** Regions come a while after they were asked for. */
  readonly late?: boolean;
}
export const INTERPRETER: Tier = { name: "interpreter", engine: { jit: false }, chunk: 1e6 };
/** Everything that is jumped to is compiled at once. */
export const EAGER: Tier = { name: "eager", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 1e6 };
export const TIERS: readonly Tier[] = [
  EAGER,
  { name: "default", engine: {}, chunk: 1e6 },
  { name: "batches", engine: { jit: true, hotThreshold: 2, batch: 3 }, chunk: 1000 },
  { name: "eager by 7", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 7 },
  { name: "eager by 97", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 97 },
  { name: "late", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 61, late: true },
  { name: "interpreter by 1", engine: { jit: false }, chunk: 1 },
  { name: "observed", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 5003, variant: "memory" },
  { name: "counted", engine: { jit: true, hotThreshold: 1, batch: 1 }, chunk: 1e6, probing: "count" },
  {
    name: "called and observed",
    engine: { jit: true, hotThreshold: 1, batch: 1 },
    chunk: 97,
    variant: "memory",
    probing: "call",
  },
  {
    name: "odd pages counted, late",
    engine: { jit: true, hotThreshold: 1, batch: 1 },
    late: true,
    chunk: 1009,
    probing: "count",
    oddPages: true,
  },
  { name: "odd pages called, interpreted", engine: { jit: false }, chunk: 997, probing: "call", oddPages: true },
  {
    name: "odd pages called and observed",
    engine: { jit: true, hotThreshold: 2, batch: 2 },
    chunk: 1e6,
    variant: "memory",
    probing: "call",
    oddPages: true,
  },
  { name: "observed fetches", engine: { jit: true, hotThreshold: 1, batch: 2 }, chunk: 1e6, variant: "fetch" },
];

let modules: Promise<MachineModules> | undefined;
/** The engine's modules, compiled once per process. */
export function machineModules(): Promise<MachineModules> {
  modules ??= compileModules(readFileSync(new URL("../../core.wasm", import.meta.url)));
  return modules;
}

export type Settings = Omit<Partial<MachineDescription>, "engine">;

/** A machine with the image's parts in RAM, reset to its start. */
export async function boot(image: Image, tier: Tier, settings: Settings = {}): Promise<Machine> {
  const load = image.parts.map(({ address, bytes }) => ({
    address,
    bytes,
    kind: "raw" as const,
    name: address.toString(16),
  }));
  const description = { board: "virt", harts: 1, ram: 2 ** 20, load, engine: tier.engine, ...settings } as const;
  const machine = createMachine(description, await machineModules(), tier.late ? lateCompiler : undefined);
  machine.observe(tier.variant ?? "plain");
  if (tier.probing) probe(machine, tier.probing, tier.oddPages ? (page) => (page & 0x1000n) !== 0n : undefined);
  return machine;
}

/** Runs until `count` instructions have been used since the start, or the guest is done; tells whether it powered off. */
export function runTo(machine: Machine, count: number, chunk: number): boolean {
  for (;;) {
    const left = count - machine.instructionCount();
    if (left <= 0) return false;
    const { reason } = machine.run(Math.min(left, chunk));
    if (reason === "halted" || reason === "idle") return reason === "halted";
  }
}

// what a guest can see of a hart; the rest is caches
const HART_WORDS: readonly [string, number, number][] = [
  ["x", L.X, 32],
  ["pc", L.PC, 1],
  ["f", L.F, 32],
  ["fflags frm", L.FFLAGS, 1],
  ["priv wfi", L.PRIV, 1],
  ["hartid", L.HARTID, 1],
  ["reservation", L.RES_VALID, 2],
  ["mstatus", L.MSTATUS, 1],
  ["medeleg", L.MEDELEG, 1],
  ["mideleg", L.MIDELEG, 1],
  ["mie", L.MIE, 1],
  ["mtvec", L.MTVEC, 1],
  ["mscratch", L.MSCRATCH, 1],
  ["mepc", L.MEPC, 1],
  ["mcause", L.MCAUSE, 1],
  ["mtval", L.MTVAL, 1],
  ["menvcfg", L.MENVCFG, 1],
  ["mcountinhibit", L.MCOUNTINHIBIT, 1],
  ["stvec", L.STVEC, 1],
  ["sscratch", L.SSCRATCH, 1],
  ["sepc", L.SEPC, 1],
  ["scause", L.SCAUSE, 1],
  ["stval", L.STVAL, 1],
  ["satp", L.SATP, 1],
  ["stimecmp", L.STIMECMP, 1],
  ["mtimecmp", L.MTIMECMP, 1],
  ["counters", L.MINSTRET_BASE, 4],
];

/** One line per difference between two machines; empty when a guest could not tell them apart. */
export function differences(a: Machine, b: Machine): string[] {
  const lines: string[] = [];
  const note = (what: string, left: bigint | number, right: bigint | number): void => {
    if (left !== right) lines.push(`${what}: ${left.toString(16)} ${right.toString(16)}`);
  };
  note("instructions", a.instructionCount(), b.instructionCount());
  note("time", a.now(), b.now());
  const views = [a, b].map((machine) => new DataView(machine.memory.buffer)) as [DataView, DataView];
  note("current hart", views[0].getUint32(L.CURRENT_HART, true), views[1].getUint32(L.CURRENT_HART, true));
  for (const stat of [L.STAT_EXCEPTIONS, L.STAT_INTERRUPTS, L.STAT_IO_READ, L.STAT_IO_WRITE]) {
    const [left, right] = views.map((view) => view.getBigUint64(L.FLUSH_STATS + 8 * stat, true)) as [bigint, bigint];
    note(`stat ${stat}`, left, right);
  }
  for (let hart = 0; hart < a.description.harts; hart++) {
    const [left, right] = [a.core.hart_address(hart) - L.STATE, b.core.hart_address(hart) - L.STATE];
    for (const [name, address, count] of HART_WORDS) {
      for (let n = 0; n < count; n++) {
        const at = address + 8 * n;
        note(
          `hart ${hart} ${name} ${n}`,
          views[0].getBigUint64(at + left, true),
          views[1].getBigUint64(at + right, true),
        );
      }
    }
  }
  for (const region of a.bus.regions) {
    if (region?.kind !== "ram") continue;
    const ram = [a, b].map((machine) => {
      const { host, size } = machine.bus.region(region.id) ?? region;
      return Buffer.from(machine.memory.buffer as unknown as ArrayBuffer, host, size);
    }) as [Buffer, Buffer];
    if (ram[0].equals(ram[1])) continue;
    for (let n = 0; n < ram[0].length && lines.length < 40; n += 8) {
      if (ram[0].compare(ram[1], n, n + 8, n, n + 8) !== 0)
        note(`${region.name} ${n.toString(16)}`, ram[0].readBigUInt64LE(n), ram[1].readBigUInt64LE(n));
    }
  }
  return lines;
}

/** Differences of an image run for `count` instructions on the interpreter and on `tier`. */
export async function compare(
  image: Image,
  tier: Tier,
  count: number,
  settings: Settings = {},
  reference = INTERPRETER,
): Promise<string[]> {
  const a = await boot(image, reference, settings);
  const b = await boot(image, tier, settings);
  runTo(a, count, reference.chunk);
  runTo(b, count, tier.chunk);
  return differences(a, b);
}

/** Instructions within which such a guest has ended. */
const LONGEST = 10_000_000;

/** The guest ends by itself with `a0` as told, and all tiers are alike after `count` instructions and at the end. */
export async function assertEndsAlike(guest: Image, a0: bigint, count: number, settings: Settings = {}): Promise<void> {
  const early = await boot(guest, INTERPRETER, settings);
  runTo(early, count, INTERPRETER.chunk);
  const end = await boot(guest, INTERPRETER, settings);
  assert.ok(runTo(end, LONGEST, INTERPRETER.chunk), "the guest ends");
  const x = new DataView(end.memory.buffer).getBigUint64(L.X + 8 * 10, true);
  assert.equal(BigInt.asIntN(64, x), a0);
  for (const tier of TIERS) {
    const machine = await boot(guest, tier, settings);
    const ended = runTo(machine, count, tier.chunk);
    assert.deepEqual(differences(early, machine), [], tier.name);
    assert.ok(ended || runTo(machine, LONGEST, tier.chunk), tier.name);
    assert.deepEqual(differences(end, machine), [], tier.name);
  }
}

/** Finds how many instructions two tiers can run before they differ, given that they do at `count`; and tells what is there. */
export async function explain(image: Image, tier: Tier, count: number, settings: Settings = {}): Promise<string> {
  let same = 0;
  let differ = count;
  while (differ - same > 1) {
    const middle = Math.floor((same + differ) / 2);
    if ((await compare(image, tier, middle, settings)).length > 0) differ = middle;
    else same = middle;
  }
  const machine = await boot(image, INTERPRETER, settings);
  runTo(machine, same, 1e6);
  const pc = new DataView(machine.memory.buffer).getBigUint64(L.PC, true);
  const lines = await compare(image, tier, differ, settings);
  return `${tier.name} differs after ${differ} instructions, the last at pc 0x${pc.toString(16)}:\n${lines.slice(0, 20).join("\n")}`;
}
