// From measurements to the table, the JSON file and the line of ratios.
import type { Measurement } from "./measurement.js";
import type { Workload } from "./workloads.js";

/** All runs of a workload in one mode; the lists alternate: Emuscope's first run was before QEMU's first, and so on. */
export interface Series {
  workload: Workload;
  traced: boolean;
  emuscope: Measurement[];
  qemu: Measurement[];
}

export interface Row {
  name: string;
  kind: Workload["kind"];
  traced: boolean;
  /** Medians, s. */
  emuscope: number;
  qemu: number;
  /** Emuscope's speed over QEMU's, by wall time; above 1 is faster. */
  ratio: number;
  /** The same by processor time, all threads: what a busy machine disturbs less. */
  cpuRatio: number;
  /** Instructions of the guest, and millions of them per second on Emuscope. */
  instructions: number;
  mips: number;
  /** Records per second, millions, in a traced run. */
  recordsPerSecond?: number;
}

export interface Ratios {
  /** Geometric mean over the Linux and bare-metal workloads. */
  plain: number;
  plain_worst: number;
  /** The same, traced; with the boot. */
  traced: number;
  boot: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** NaN for no values. */
export function geometricMean(values: readonly number[]): number {
  return values.length === 0
    ? Number.NaN
    : Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

export function rowOf({ workload, traced, emuscope, qemu }: Series): Row {
  const ours = median(emuscope.map((m) => m.seconds));
  const theirs = median(qemu.map((m) => m.seconds));
  const instructions = median(emuscope.map((m) => m.engine?.instructions ?? Number.NaN));
  const records = median(emuscope.map((m) => m.records ?? Number.NaN));
  return {
    name: workload.name,
    kind: workload.kind,
    traced,
    emuscope: ours,
    qemu: theirs,
    ratio: theirs / ours,
    cpuRatio: median(qemu.map((m) => m.cpuSeconds)) / median(emuscope.map((m) => m.cpuSeconds)),
    instructions,
    mips: instructions / ours / 1e6,
    ...(traced && { recordsPerSecond: records / ours / 1e6 }),
  };
}

export function ratiosOf(rows: readonly Row[]): Ratios {
  const ratios = (wanted: (row: Row) => boolean): number[] => rows.filter(wanted).map((row) => row.ratio);
  const plain = ratios((row) => !row.traced && row.kind !== "boot");
  return {
    plain: geometricMean(plain),
    plain_worst: plain.length ? Math.min(...plain) : Number.NaN,
    traced: geometricMean(ratios((row) => row.traced)),
    boot: geometricMean(ratios((row) => !row.traced && row.kind === "boot")),
  };
}

const HEADINGS = ["workload", "mode", "Emuscope s", "QEMU s", "ratio", "cpu ratio", "M instr.", "MIPS", "M records/s"];

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    row.traced ? "traced" : "plain",
    row.emuscope.toFixed(3),
    row.qemu.toFixed(3),
    row.ratio.toFixed(2),
    row.cpuRatio.toFixed(2),
    (row.instructions / 1e6).toFixed(0),
    row.mips.toFixed(0),
    row.recordsPerSecond?.toFixed(1) ?? "",
  ]);
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...cells.map((row) => (row[i] as string).length)),
  );
  return [HEADINGS, ...cells]
    .map((row) =>
      row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join("  "),
    )
    .join("\n");
}

/** The last line of the output, for scripts. */
export function ratioLine(ratios: Ratios): string {
  const text = (value: number): string => (Number.isNaN(value) ? "-" : value.toFixed(2));
  return `ratios: plain=${text(ratios.plain)} plain_worst=${text(ratios.plain_worst)} traced=${text(ratios.traced)} boot=${text(ratios.boot)}`;
}

/** The profile of a series' first run, for reading. */
export function profileText({ workload, emuscope }: Series): string {
  const profile = emuscope[0]?.engine?.profile;
  if (!profile) return "";
  const list = (shares: Record<string, number>): string =>
    Object.entries(shares)
      .map(([name, share]) => `  ${share.toFixed(1).padStart(5)} ${name}\n`)
      .join("");
  return `${workload.name}: ${profile.seconds.toFixed(2)} s sampled\n${list(profile.parts)} by function\n${list(profile.functions)}`;
}
