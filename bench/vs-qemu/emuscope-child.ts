// The measuring process: makes one machine, runs it to the end marker, answers its parent and exits.
import { readFileSync } from "node:fs";
import * as C from "../../src/core/layout.js";
import * as T from "../../src/core/trace/layout.js";
import { compileModules } from "../../src/machine/core.js";
import type { MachineDescription } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import { CompileService } from "../../src/session/compile-service.js";
import { RemoteCompiler } from "../../src/session/remote-compiler.js";
import { attachRecorder } from "../../src/trace/attach.js";
import { compileFilter } from "../../src/trace/filter.js";
import { attachPlugin } from "../plugins/attach.js";
import type { EmuscopeJob } from "./emuscope.js";
import { lineReader } from "./lines.js";
import type { Measurement } from "./measurement.js";
import { compileNamedModules, type Profile, startProfile } from "./profile.js";
import { beginOf, endOf } from "./workloads.js";

const MIB = 2 ** 20;
/** Instructions per call of run(), as a session asks for them. */
const SLICE = 10_000_000;
const BATCHES = 16;
/** With BATCHES of them the ring holds as many records as the plugin's. */
const ROWS = 4096;

process.once("message", (job: EmuscopeJob) => {
  measure(job)
    .catch((error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    .then((answer) => process.send?.(answer, () => process.exit(0)));
});

async function measure(job: EmuscopeJob): Promise<Measurement> {
  const { workload, traced } = job;
  const core = new URL("../../core.wasm", import.meta.url);
  const modules = await (job.profile ? compileNamedModules(core) : compileModules(readFileSync(core)));
  const started = performance.now();
  const service = new CompileService();
  const compiler = new RemoteCompiler(service.connect());
  // as in a service that has been up for a while
  await service.ready;
  const machine = createMachine(describe(job), modules, (memory, tier) => compiler.tier(memory, tier));
  const view = new DataView(machine.memory.buffer);
  const begin = beginOf(workload);
  const end = endOf(workload);
  const snapshot = (): Snapshot => ({
    at: performance.now(),
    cpu: process.cpuUsage(),
    instructions: machine.instructionCount(),
    counters: counters(view),
    jit: jitFigures(machine),
    recorded: recorder?.() ?? { records: 0, dropped: 0 },
  });
  let stopProfile = (): Profile | undefined => undefined;
  let begun: Snapshot | undefined;
  let ended: Snapshot | undefined;
  const printed: string[] = [];
  machine.onConsole((_, bytes) => read(bytes));
  const read = lineReader((line) => {
    if (ended) return;
    if (!begun) {
      if (!begin?.test(line)) return;
      begun = snapshot();
      if (job.profile) machine.requestPause();
      return;
    }
    printed.push(line);
    if (!end.test(line)) return;
    ended = snapshot();
    machine.requestPause();
  });
  // QEMU has its plugins from the start: code is as warm here when the marker comes
  const recorder = traced ? attach(machine, job.fields) : undefined;
  // a boot is measured from the machine's making
  if (workload.kind === "boot") begun = { ...snapshot(), at: started };
  const plugin = job.plugin === undefined ? undefined : attachPlugin(machine, job.plugin);
  let profiled = !job.profile;
  while (!ended) {
    if (begun && !profiled) {
      profiled = true;
      stopProfile = startProfile();
    }
    const { reason, exitCode } = machine.run(SLICE);
    plugin?.sliceEnd();
    if (reason === "budget" || reason === "pause") continue;
    if (!ended) throw new Error(`stopped: ${reason} ${exitCode ?? ""}\n${printed.join("\n")}`);
  }
  const profile = stopProfile();
  if (plugin && workload.kind === "bare") runToHalt();
  const first = begun as Snapshot;
  const seconds = (ended.at - first.at) / 1000;
  const instructions = ended.instructions - first.instructions;
  const { dropped } = ended.recorded;
  if (dropped > 0) throw new Error(`${dropped} records were not stored`);
  return {
    seconds,
    cpuSeconds: (ended.cpu.user + ended.cpu.system - first.cpu.user - first.cpu.system) / 1e6,
    output: printed.join("\n"),
    sinceSpawn: (performance.timeOrigin + ended.at - job.spawned) / 1000,
    ...(traced && { records: ended.recorded.records - first.recorded.records }),
    ...(plugin && { report: plugin.report() }),
    engine: {
      instructions,
      mips: instructions / seconds / 1e6,
      dropped,
      jit: difference(ended.jit, first.jit),
      counters: difference(ended.counters, first.counters),
      ...(profile && { profile }),
    },
  };

  function runToHalt(): void {
    for (;;) {
      const { reason } = machine.run(SLICE);
      plugin?.sliceEnd();
      if (reason !== "budget" && reason !== "pause" && reason !== "idle-wait") return;
    }
  }

  function describe({ files, jit }: EmuscopeJob): MachineDescription {
    const image = (path: string) => ({ name: path, bytes: readFileSync(path) });
    return {
      board: "virt",
      harts: 1,
      ram: (workload.kind === "bare" ? 128 : 512) * MIB,
      kernel: image(files.kernel),
      ...(files.firmware !== undefined && { firmware: image(files.firmware) }),
      ...(files.initrd !== undefined && { initrd: image(files.initrd) }),
      ...(files.cmdline !== undefined && { cmdline: files.cmdline }),
      ...(!jit && { engine: { jit } }),
    };
  }
}

interface Snapshot {
  at: number;
  cpu: NodeJS.CpuUsage;
  instructions: number;
  counters: Record<string, number>;
  jit: Record<string, number>;
  recorded: Recorded;
}
/** Of the batches that are full. */
interface Recorded {
  records: number;
  dropped: number;
}

/** Records every load, store and atomic from now on. Batches are given back at once: nobody reads them. */
function attach(machine: Machine, fields: string[]): () => Recorded {
  const filter = compileFilter({
    fields,
    filter: {},
    include: { fetch: false, walk: false, dma: false },
    everyNth: 1,
    slow: "drop",
    ringBatches: BATCHES,
    batchRows: ROWS,
  });
  const { ring } = attachRecorder(machine.memory, 0, machine.traceArena.base, filter);
  const words = new Int32Array(machine.memory.buffer);
  const state = (slot: number): number =>
    (ring.base + T.RING_HEADER_SIZE + slot * T.BATCH_HEADER_SIZE + T.BATCH_STATE) >>> 2;
  let oldest = 0;
  machine.onTrace(() => {
    while (Atomics.compareExchange(words, state(oldest), T.BATCH_FULL, T.BATCH_FREE) === T.BATCH_FULL)
      oldest = (oldest + 1) % ring.batches;
    return undefined;
  });
  const core = machine.core as unknown as Record<"recorder_start", (recorder: number) => void>;
  core.recorder_start(0);
  machine.observe("memory");
  const view = new DataView(machine.memory.buffer);
  return () => ({
    records: Number(view.getBigUint64(ring.base + T.RING_WRITTEN, true)),
    dropped: Number(view.getBigUint64(ring.base + T.RING_DROPPED, true)),
  });
}

const COUNTERS = Object.entries(C).filter(([name]) => name.startsWith("STAT_") && name !== "STAT_COUNT") as [
  string,
  number,
][];

function counters(view: DataView): Record<string, number> {
  return Object.fromEntries(
    COUNTERS.map(([name, index]) => [
      name.slice(5).toLowerCase(),
      Number(view.getBigUint64(C.FLUSH_STATS + 8 * index, true)),
    ]),
  );
}

/** Figures of the compiled tier, those of each engine variant under its name. */
function jitFigures(machine: Machine): Record<string, number> {
  const figures: Record<string, number> = { compiledInstructions: machine.engineStats().compiledInstructions };
  for (const [variant, stats] of Object.entries(machine.jitStats()))
    for (const [name, value] of Object.entries(stats)) figures[`${variant}.${name}`] = value as number;
  return figures;
}

/** What was added meanwhile; a longest time is none that adds up. */
function difference(last: Record<string, number>, first: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(last).map(([name, value]) => [
      name,
      name.endsWith("longestMs") ? value : value - (first[name] ?? 0),
    ]),
  );
}
