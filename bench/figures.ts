// The figures of README.md: how fast the interpreter is, how long a boot takes, what tracing delivers, what a session
// costs. Guests are Debian's (EMUSCOPE_GUESTS or ../shared/guests); each figure is the median of a few runs.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  ALL_FIELDS,
  type BenchService,
  measureDelivery,
  measureIdleSession,
  measureSessionCreate,
  startBenchService,
} from "./service.js";
import { measureEmuscope } from "./vs-qemu/emuscope.js";
import { debianDirectory, guestFiles } from "./vs-qemu/guest-files.js";
import type { Measurement } from "./vs-qemu/measurement.js";
import { WORKLOADS, type Workload } from "./vs-qemu/workloads.js";

const TIMEOUT_MS = 300_000;
/** Records asked for by one client; some seconds' worth. */
const RECORDS = 10_000_000;
/** Past the firmware and the kernel's first messages, where Linux is busy for long. */
const WARM_UP = 200_000_000;

interface Row {
  what: string;
  value: string;
  unit: string;
  detail: string;
}

/** Prints a table, then the line of figures. @throws Error without the Debian guest */
export async function printFigures(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { runs: { type: "string", default: "3" } } });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error("npm run bench [-- --runs N | --vs qemu ...]");
  const directory = debianDirectory();
  if (directory === undefined) throw new Error("no Debian guest: set EMUSCOPE_GUESTS to the directory that holds it");

  const temporary = mkdtempSync(join(tmpdir(), "emuscope-figures-"));
  const rows: Row[] = [];
  const row = (what: string, value: number, digits: number, unit: string, detail: string): number => {
    rows.push({ what, value: value.toFixed(digits), unit, detail });
    process.stderr.write(`${what}: ${value.toFixed(digits)} ${unit}\n`);
    return value;
  };
  try {
    const sha256sum = WORKLOADS.find((workload) => workload.name === "sha256sum") as Workload;
    const files = guestFiles(sha256sum, temporary);
    const measure = (options: { jit: boolean; traced: boolean }): Promise<Measurement[]> =>
      repeat(runs, () =>
        measureEmuscope({ workload: sha256sum, files, fields: ALL_FIELDS, profile: false, ...options }, TIMEOUT_MS),
      );
    const inLinux = "busybox sha256sum in Debian's Linux";
    const speed = (all: Measurement[]): number => median(all.map(({ engine }) => engine?.mips ?? 0));
    const mips = row("interpreter", speed(await measure({ jit: false, traced: false })), 0, "MIPS", inLinux);
    row("compiled code", speed(await measure({ jit: true, traced: false })), 0, "MIPS", inLinux);
    const traced = await measure({ jit: true, traced: true });
    const engineRecords = row(
      "recorded in the engine",
      median(traced.map(({ records, seconds }) => (records ?? 0) / seconds / 1e6)),
      1,
      "M records/s",
      `every load, store and atomic of ${inLinux}, ${ALL_FIELDS.length} columns, nobody reading`,
    );

    const service = await startBenchService();
    try {
      const machine = await debianMachine(service, directory);
      const boots = await repeat(runs, () => boot(service, machine));
      const bootSeconds = row("boot", median(boots), 2, "s", "Debian, from POST /v1/sessions to SHELL-READY");
      const interpreted = { ...machine, engine: { jit: false } };
      row(
        "boot, interpreted",
        median(await repeat(runs, () => boot(service, interpreted))),
        2,
        "s",
        "the same without the JIT",
      );
      const deliveries = await repeat(runs, () =>
        measureDelivery(service, { machine, records: RECORDS, warmUp: WARM_UP }),
      );
      if (deliveries.some(({ lossless }) => !lossless)) throw new Error("records were lost on their way");
      const delivered = row(
        "delivered to a client",
        median(deliveries.map(({ recordsPerSecond }) => recordsPerSecond / 1e6)),
        2,
        "M records/s",
        `one WebSocket, Arrow, lossless, ${RECORDS / 1e6} M records of a Linux boot, ${ALL_FIELDS.length} columns`,
      );
      const create = row(
        "session made",
        await measureSessionCreate(service, machine),
        0,
        "ms",
        "session.create with kernel and initrd, request to answer",
      );
      row("session, not started", await measureIdleSession(service, { ram: "512M" }), 1, "MiB", "resident, no images");
      const idle = row(
        "session, idle",
        await measureIdleSession(service, { ...machine, cmdline: "console=ttyS0 quiet shell" }, (session) =>
          toPrompt(service, session),
        ),
        1,
        "MiB",
        "resident, Debian waiting at its shell prompt; what the guest has touched of its RAM is in it",
      );
      print(rows);
      console.log(
        `figures: mips=${mips.toFixed(0)} boot_s=${bootSeconds.toFixed(2)}` +
          ` engine_records_per_s=${Math.round(engineRecords * 1e6)} delivered_records_per_s=${Math.round(delivered * 1e6)}` +
          ` session_create_ms=${create.toFixed(0)} idle_session_mib=${idle.toFixed(1)}`,
      );
    } finally {
      await service.close();
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function repeat<T>(times: number, task: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let n = 0; n < times; n++) all.push(await task());
  return all;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

async function debianMachine(service: BenchService, directory: string): Promise<Record<string, unknown>> {
  const put = (file: string): Promise<string> => service.upload(readFileSync(join(directory, file)), file);
  return {
    ram: "512M",
    firmware: await put("fw_dynamic.bin"),
    kernel: await put("Image.gz"),
    initrd: await put("initrd.gz"),
    cmdline: "console=ttyS0 quiet",
  };
}

/** Seconds from asking for the session to SHELL-READY. */
async function boot(service: BenchService, machine: Record<string, unknown>): Promise<number> {
  const begun = performance.now();
  const { id: session } = await service.call<{ id: string }>("session.create", { ...machine, start: true });
  const { matched } = await service.call<{ matched: boolean }>("session.wait", {
    session,
    text: "SHELL-READY",
    timeoutMs: TIMEOUT_MS,
  });
  const seconds = (performance.now() - begun) / 1000;
  if (!matched) throw new Error("Debian did not come to SHELL-READY");
  await service.call("session.delete", { session });
  return seconds;
}

async function toPrompt(service: BenchService, session: string): Promise<void> {
  await service.call("session.start", { session });
  const { matched } = await service.call<{ matched: boolean }>("session.wait", {
    session,
    text: "# ",
    timeoutMs: TIMEOUT_MS,
  });
  if (!matched) throw new Error("Debian did not come to its prompt");
}

function print(rows: readonly Row[]): void {
  const width = (cells: string[]): number => Math.max(...cells.map((cell) => cell.length));
  const what = width(rows.map((row) => row.what));
  const value = width(rows.map((row) => row.value));
  const unit = width(rows.map((row) => row.unit));
  for (const row of rows)
    console.log(`${row.what.padEnd(what)}  ${row.value.padStart(value)} ${row.unit.padEnd(unit)}  ${row.detail}`);
}
