// What plugins cost, on Emuscope and on QEMU: the same guests and the same work, by turns, each run in a fresh process, one at
// a time. What the plugins found must be the same on both.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { measureEmuscope } from "../vs-qemu/emuscope.js";
import { debianDirectory, type GuestFiles, guestFiles } from "../vs-qemu/guest-files.js";
import type { Measurement } from "../vs-qemu/measurement.js";
import { buildPlugins, measureQemu, qemuVersion } from "../vs-qemu/qemu.js";
import { profileText } from "../vs-qemu/report.js";
import type { Workload } from "../vs-qemu/workloads.js";
import { CASES, type PluginCase } from "./cases.js";
import { meanOf, meansLine, type PluginSeries, pluginRows, pluginTable } from "./report.js";

/** Sized for a few tenths of a second on QEMU 7.2 without plugin: some plugins make it fifty times slower. */
const WORKLOADS: readonly Workload[] = [
  { name: "integer", kind: "bare", iterations: 130 },
  { name: "pointer", kind: "bare", iterations: 40 },
  { name: "calls", kind: "bare", iterations: 32 },
  { name: "strings", kind: "bare", iterations: 200 },
  {
    name: "sha256sum",
    kind: "linux",
    script: "i=0; while [ $i -lt 8 ]; do sha256sum $DATA; i=$((i+1)); done",
  },
];

const USAGE = `npm run bench -- plugins --vs qemu [options]
  --runs N          runs of each bare-metal program with each plugin on each emulator (default 3; Linux: 1)
  --only A,B        these workloads: ${WORKLOADS.map((w) => w.name).join(", ")}
  --plugins A,B     these plugins: ${CASES.map((c) => c.name).join(", ")}
  --emuscope-only   no QEMU
  --profile         sample where Emuscope's time goes
  --out FILE        where the JSON goes (default bench/results/plugins-TIME.json)`;

/** A guest that takes this long has hung: Linux boots under QEMU with a plugin before it is measured. */
const TIMEOUT_MS = 300_000;

/** @throws Error for wrong arguments, without QEMU, or when the emulators do not agree */
export async function comparePlugins(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      vs: { type: "string" },
      runs: { type: "string", default: "3" },
      only: { type: "string" },
      plugins: { type: "string" },
      "emuscope-only": { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const alone = values["emuscope-only"];
  if (values.vs !== "qemu" && !alone) throw new Error(USAGE);
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}\n${USAGE}`);
  const workloads = chosen(WORKLOADS, values.only).filter(({ kind }) => {
    if (kind === "bare" || debianDirectory() !== undefined) return true;
    console.log("No Debian guest (EMUSCOPE_GUESTS): bare-metal programs only.");
    return false;
  });
  const cases = chosen(CASES, values.plugins);
  const version = qemuVersion();
  if (!alone && version === undefined)
    throw new Error("no qemu-system-riscv64: set EMUSCOPE_QEMU or install qemu-system-misc");
  const pathOf = alone ? undefined : buildPlugins();

  const directory = mkdtempSync(join(tmpdir(), "emuscope-bench-"));
  const log = join(directory, "log");
  try {
    const all: PluginSeries[] = [];
    for (const workload of workloads) {
      const files = guestFiles(workload, directory);
      const first = all.length;
      for (const plugin of [undefined, ...cases])
        all.push({ workload: workload.name, plugin: plugin?.name, emuscope: [], qemu: [] });
      for (let run = 0; run < (workload.kind === "linux" ? 1 : runs); run++) {
        // QEMU runs a plugin once for the two cases that are compared with it
        const measured = new Map<string, Measurement>();
        for (const [i, plugin] of [undefined, ...cases].entries()) {
          const series = all[first + i] as PluginSeries;
          const ours = await here(workload, files, plugin, values.profile);
          series.emuscope.push(ours);
          if (values.profile)
            process.stderr.write(
              `${plugin?.name ?? "no plugin"}, ${profileText({ ...series, workload, traced: false })}`,
            );
          if (!pathOf) continue;
          const key = plugin?.qemu ?? "";
          const path = plugin && { plugin: pathOf(plugin.qemu), log };
          const theirs = measured.get(key) ?? (await measureQemu(workload, files, path, TIMEOUT_MS));
          measured.set(key, theirs);
          series.qemu.push(theirs);
          agree(workload, plugin, ours, theirs);
        }
      }
      const rows = pluginRows(all).filter((row) => row.workload === workload.name);
      process.stderr.write(`${pluginTable(rows).split("\n").slice(1).join("\n")}\n`);
    }
    const rows = pluginRows(all);
    const names = cases.map(({ name }) => name);
    const ratios = meanOf(rows, names, (row) => row.ratio);
    const costs = meanOf(rows, names, (row) => row.emuscopeCost);
    const time = new Date().toISOString();
    const out =
      values.out ??
      new URL(`../../../bench/results/plugins-${time.replace(/[:.]/g, "-")}.json`, import.meta.url).pathname;
    mkdirSync(dirname(out), { recursive: true });
    const facts = { time, qemu: version, node: process.version, runs, ratios, costs, rows, series: all };
    writeFileSync(out, `${JSON.stringify(facts, null, 1)}\n`);
    console.log(`${pluginTable(rows)}\n`);
    for (const { name, what } of cases) console.log(`${name.padEnd(13)} ${what}`);
    console.log(`\nQEMU ${version}, Node ${process.version}, medians of ${runs} (Linux: 1); written to ${out}`);
    console.log(meansLine("Emuscope's time over its time without plugin", costs));
    console.log(
      meansLine(
        "QEMU's time over its time without plugin",
        meanOf(rows, names, (row) => row.qemuCost),
      ),
    );
    console.log(meansLine("ratios", ratios));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function chosen<T extends { name: string }>(all: readonly T[], names: string | undefined): readonly T[] {
  const wanted = names?.split(",");
  const unknown = wanted?.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}\n${USAGE}`);
  return wanted ? all.filter(({ name }) => wanted.includes(name)) : all;
}

function here(
  workload: Workload,
  files: GuestFiles,
  plugin: PluginCase | undefined,
  profile: boolean,
): Promise<Measurement> {
  const job = { workload, files, traced: false, fields: [], jit: true, profile };
  return measureEmuscope({ ...job, ...(plugin && { plugin: plugin.name }) }, TIMEOUT_MS);
}

/** Of Linux only what the guest prints: QEMU's plugins saw it boot, and timers interrupt it when they like. */
function agree(workload: Workload, plugin: PluginCase | undefined, ours: Measurement, theirs: Measurement): void {
  const what = `${workload.name} with ${plugin?.name ?? "no plugin"}`;
  if (ours.output !== theirs.output)
    throw new Error(`${what} does not print the same:\n${ours.output}\nand on QEMU:\n${theirs.output}`);
  if (workload.kind === "bare" && ours.report !== theirs.report)
    throw new Error(`${what}: the plugins do not agree:\n${ours.report}\nand on QEMU:\n${theirs.report}`);
}
