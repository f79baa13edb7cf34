// Runs a workload on Emuscope, in a process of its own: QEMU starts cold as well.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { GuestFiles } from "./guest-files.js";
import type { Measurement } from "./measurement.js";
import type { Workload } from "./workloads.js";

/** What the measuring process is told; its answer is a Measurement or an `error`. */
export interface EmuscopeJob {
  workload: Workload;
  files: GuestFiles;
  traced: boolean;
  /** performance.timeOrigin + performance.now() when the process was started. */
  spawned: number;
  /** Columns of a record. */
  fields: string[];
  /** Name of a case of bench/plugins: its plugin is attached from the start. */
  plugin?: string;
  /** Off: the interpreter alone. */
  jit: boolean;
  /** With V8's profiler at work between the markers. */
  profile?: boolean;
}

/**
 * What is recorded of an access: what the plugin stores (virtual and hardware address, pc, size, direction), with the
 * region that answered for its "is a device". Both keep 65,536 records.
 */
export const TRACE_FIELDS = ["pc", "vaddr", "paddr", "region", "size", "kind"];

/** @throws Error when the guest does not end well in `timeoutMs`, or records were lost */
export async function measureEmuscope(job: Omit<EmuscopeJob, "spawned">, timeoutMs: number): Promise<Measurement> {
  const child = fork(fileURLToPath(new URL("./emuscope-child.js", import.meta.url)), [], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  child.send({ ...job, spawned: performance.timeOrigin + performance.now() } satisfies EmuscopeJob);
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  let answer: Measurement | { error: string } | undefined;
  child.on("message", (message) => {
    answer = message as Measurement;
  });
  await new Promise((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  if (answer === undefined)
    throw new Error(`${job.workload.name} did not end on Emuscope within ${timeoutMs} ms, or its process died`);
  if ("error" in answer) throw new Error(`${job.workload.name}: ${answer.error}`);
  return answer;
}
