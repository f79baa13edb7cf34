// From measurements to the table and the line of ratios. Times are medians; a plugin's cost is the time with it over the time of
// the same emulator without any.
import type { Measurement } from "../vs-qemu/measurement.js";
import { geometricMean, median } from "../vs-qemu/report.js";

/** All runs of a workload with one plugin; the lists alternate. No plugin: what the others are compared with. */
export interface PluginSeries {
  workload: string;
  plugin: string | undefined;
  emuscope: Measurement[];
  qemu: Measurement[];
}

export interface PluginRow {
  workload: string;
  plugin: string | undefined;
  /** Medians, s. */
  emuscope: number;
  qemu: number;
  /** Emuscope's speed over QEMU's; above 1 is faster. */
  ratio: number;
  /** By processor time, all threads. */
  cpuRatio: number;
  /** Time over that without plugin. */
  emuscopeCost: number;
  qemuCost: number;
}

const seconds = (runs: readonly Measurement[]): number => median(runs.map((m) => m.seconds));
const cpu = (runs: readonly Measurement[]): number => median(runs.map((m) => m.cpuSeconds));

/** Costs are NaN where the workload was not measured without plugin. */
export function pluginRows(series: readonly PluginSeries[]): PluginRow[] {
  return series.map(({ workload, plugin, emuscope, qemu }) => {
    const plain = series.find((s) => s.workload === workload && s.plugin === undefined);
    const ours = seconds(emuscope);
    const theirs = seconds(qemu);
    return {
      workload,
      plugin,
      emuscope: ours,
      qemu: theirs,
      ratio: theirs / ours,
      cpuRatio: cpu(qemu) / cpu(emuscope),
      emuscopeCost: ours / seconds(plain?.emuscope ?? []),
      qemuCost: theirs / seconds(plain?.qemu ?? []),
    };
  });
}

/** A mean over the workloads for each plugin, by its name; geometric, NaN where nothing was measured. */
export function meanOf(
  rows: readonly PluginRow[],
  plugins: readonly string[],
  value: (row: PluginRow) => number,
): Record<string, number> {
  return Object.fromEntries(
    plugins.map((name) => [name, geometricMean(rows.filter((row) => row.plugin === name).map(value))]),
  );
}

const HEADINGS = ["plugin", "workload", "Emuscope s", "of plain", "QEMU s", "of plain", "ratio", "cpu ratio"];
const text = (value: number): string => (Number.isNaN(value) ? "-" : value.toFixed(2));

export function pluginTable(rows: readonly PluginRow[]): string {
  const cells = rows.map((row) => [
    row.plugin ?? "(none)",
    row.workload,
    row.emuscope.toFixed(3),
    text(row.emuscopeCost),
    row.qemu.toFixed(3),
    text(row.qemuCost),
    text(row.ratio),
    text(row.cpuRatio),
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

/** `name=value` of each plugin, in the order given, for scripts. */
export function meansLine(title: string, means: Readonly<Record<string, number>>): string {
  const parts = Object.entries(means).map(([name, value]) => `${name}=${text(value)}`);
  return `${title}: ${parts.join(" ")}`;
}
