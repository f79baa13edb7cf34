// Emuscope against QEMU, on the same guests, by turns, each run in a fresh process, one at a time.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { measureEmuscope, TRACE_FIELDS } from "./emuscope.js";
import { debianDirectory, guestFiles } from "./guest-files.js";
import { buildPlugins, measureQemu, qemuVersion } from "./qemu.js";
import { profileText, ratioLine, ratiosOf, rowOf, type Series, table } from "./report.js";
import { WORKLOADS } from "./workloads.js";

const USAGE = `npm run bench -- --vs qemu [options]
  --runs N          runs of each workload on each emulator (default 3)
  --only A,B        these workloads: ${WORKLOADS.map((w) => w.name).join(", ")}
  --mode plain|traced   one of both
  --quick           one run of each
  --emuscope-only   no QEMU: for profiles
  --no-jit          Emuscope's interpreter alone
  --fields A,B      columns of a record (default ${TRACE_FIELDS.join(",")})
  --profile         sample where Emuscope's time goes; slows it a little, the result is in the JSON and printed
  --out FILE        where the JSON goes (default bench/results/vs-qemu-TIME.json)`;

/** A guest that takes this long has hung. */
const TIMEOUT_MS = 180_000;

/** @throws Error for wrong arguments, without QEMU, or when a guest goes wrong */
export async function compareWithQemu(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      vs: { type: "string" },
      runs: { type: "string", default: "3" },
      only: { type: "string" },
      mode: { type: "string" },
      quick: { type: "boolean", default: false },
      "emuscope-only": { type: "boolean", default: false },
      "no-jit": { type: "boolean", default: false },
      fields: { type: "string", default: TRACE_FIELDS.join(",") },
      profile: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const runs = values.quick ? 1 : Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}\n${USAGE}`);
  const names = values.only?.split(",");
  const unknown = names?.find((name) => !WORKLOADS.some((w) => w.name === name));
  if (unknown !== undefined) throw new Error(`no workload ${unknown}\n${USAGE}`);
  const alone = values["emuscope-only"];
  const version = qemuVersion();
  if (!alone && version === undefined)
    throw new Error("no qemu-system-riscv64: set EMUSCOPE_QEMU or install qemu-system-misc");
  const guests = debianDirectory() !== undefined;
  if (!guests) console.log("No Debian guest (EMUSCOPE_GUESTS): bare-metal programs only.");

  const directory = mkdtempSync(join(tmpdir(), "emuscope-bench-"));
  try {
    const all: Series[] = [];
    for (const traced of [false, true]) {
      if (values.mode !== undefined && (values.mode === "traced") !== traced) continue;
      const log = join(directory, "counts");
      const plugin = traced && !alone ? { plugin: `${buildPlugins()("memtrace")},out=${log}`, log } : undefined;
      for (const workload of WORKLOADS) {
        if (names && !names.includes(workload.name)) continue;
        if (workload.kind !== "bare" && !guests) continue;
        const files = guestFiles(workload, directory);
        const series: Series = { workload, traced, emuscope: [], qemu: [] };
        all.push(series);
        for (let run = 0; run < runs; run++) {
          const job = {
            workload,
            files,
            traced,
            fields: values.fields.split(","),
            jit: !values["no-jit"],
            profile: values.profile,
          };
          const ours = await measureEmuscope(job, TIMEOUT_MS);
          series.emuscope.push(ours);
          if (alone) continue;
          const theirs = await measureQemu(workload, files, plugin, TIMEOUT_MS);
          series.qemu.push(theirs);
          // the boot's line carries the guest's uptime
          if (workload.kind !== "boot" && ours.output !== theirs.output)
            throw new Error(
              `${workload.name} does not print the same:\n${ours.output}\nand on QEMU:\n${theirs.output}`,
            );
        }
        if (values.profile) process.stderr.write(profileText(series));
        process.stderr.write(`${table([rowOf(series)]).split("\n")[1]}\n`);
      }
    }
    const rows = all.map(rowOf);
    const ratios = ratiosOf(rows);
    const time = new Date().toISOString();
    const out =
      values.out ??
      new URL(`../../../bench/results/vs-qemu-${time.replace(/[:.]/g, "-")}.json`, import.meta.url).pathname;
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(
      out,
      `${JSON.stringify({ time, qemu: version, node: process.version, runs, fields: values.fields, ratios, rows, series: all }, null, 1)}\n`,
    );
    console.log(`${table(rows)}\n\nQEMU ${version}, Node ${process.version}, medians of ${runs}; written to ${out}`);
    console.log(ratioLine(ratios));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
