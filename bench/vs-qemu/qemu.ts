// Runs a workload on QEMU and times what it prints.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { GuestFiles } from "./guest-files.js";
import { lineReader } from "./lines.js";
import type { Measurement } from "./measurement.js";
import { beginOf, endOf, type Workload } from "./workloads.js";

const QEMU = process.env["EMUSCOPE_QEMU"] ?? "qemu-system-riscv64";
/** Clock ticks of /proc/PID/stat; Linux shows 100 per second to programs, whatever it was built with. */
const TICKS = 100;

/** Version of the QEMU at hand, or undefined when there is none. */
export function qemuVersion(): string | undefined {
  const run = spawnSync(QEMU, ["--version"], { encoding: "utf8" });
  return run.status === 0 ? /version (\S+)/.exec(run.stdout)?.[1] : undefined;
}

/** Paths of our plugins for QEMU, built when one is missing or old. @throws Error without a C compiler */
export function buildPlugins(): (name: string) => string {
  const root = new URL("../../../", import.meta.url).pathname;
  const out = join(root, "dist/bench/qemu-plugin");
  const make = spawnSync("make", ["-s", "-C", join(root, "bench/qemu-plugin"), `OUT=${out}`], { encoding: "utf8" });
  if (make.status !== 0) throw new Error(`the QEMU plugins cannot be built: ${make.stderr || make.error?.message}`);
  return (name) => join(out, `${name}.so`);
}

/** A plugin to load, with arguments of its own; what it says goes to a file. */
export interface QemuPlugin {
  /** Of `-plugin`. */
  plugin: string;
  /** Where it writes itself, or what it tells QEMU's log is to be written. */
  log: string;
}

/** Runs to power-off. @throws Error when the guest does not end in `timeoutMs` or the end marker is missing */
export async function measureQemu(
  workload: Workload,
  files: GuestFiles,
  plugin: QemuPlugin | undefined,
  timeoutMs: number,
): Promise<Measurement> {
  const linux = workload.kind !== "bare";
  const options = [
    ["-M", "virt", "-m", linux ? "512M" : "128M", "-display", "none", "-serial", "stdio", "-monitor", "none"],
    ["-bios", files.firmware ?? "none", "-kernel", files.rawKernel],
    files.initrd === undefined ? [] : ["-initrd", files.initrd],
    files.cmdline === undefined ? [] : ["-append", files.cmdline],
    plugin ? ["-plugin", plugin.plugin, "-d", "plugin", "-D", plugin.log] : [],
  ].flat();
  const spawned = performance.now();
  const child = spawn(QEMU, options, { stdio: ["ignore", "pipe", "pipe"] });
  const cpu = (): number => cpuSecondsOf(child.pid as number);
  let begun: { at: number; cpu: number } | undefined = workload.kind === "boot" ? { at: spawned, cpu: 0 } : undefined;
  let measured: Measurement | undefined;
  const printed: string[] = [];
  let errors = "";
  child.stderr.on("data", (bytes: Buffer) => {
    errors += bytes.toString();
  });
  child.stdout.on(
    "data",
    lineReader((line) => {
      const now = performance.now();
      if (begun === undefined) {
        if (beginOf(workload)?.test(line)) begun = { at: now, cpu: cpu() };
        return;
      }
      if (measured !== undefined) return;
      printed.push(line);
      if (!endOf(workload).test(line)) return;
      measured = {
        seconds: (now - begun.at) / 1000,
        cpuSeconds: cpu() - begun.cpu,
        output: printed.join("\n"),
        sinceSpawn: (now - spawned) / 1000,
      };
    }),
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearTimeout(timer);
  if (measured === undefined) throw new Error(`${workload.name} did not end on QEMU: ${errors}${printed.join("\n")}`);
  if (plugin && existsSync(plugin.log)) (measured as Measurement).report = readFileSync(plugin.log, "latin1").trim();
  const records = /records=(\d+)/.exec((measured as Measurement).report ?? "")?.[1];
  if (records !== undefined) (measured as Measurement).records = Number(records);
  return measured;
}

/** User and system time of a process so far, its threads included; 0 where there is no /proc. */
function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}
