// The machine's side of threads.test.ts: records as fast as it can and waits where a blocking recorder says so.
import { parentPort, workerData } from "node:worker_threads";
import { HWADDR, KIND_STORE } from "../../src/core/layout.js";
import { NOTIFY_FULL } from "../../src/core/trace/layout.js";
import { attachRecorder, waitForBatch } from "../../src/trace/attach.js";
import { compileFilter } from "../../src/trace/filter.js";
import type { RecorderExports } from "./recorder-harness.js";

const { module, memory, subscription, records, stop } = workerData;
const filter = compileFilter(subscription);
const { ring } = attachRecorder(memory, 0, 0x100000, filter);
const { exports } = new WebAssembly.Instance(module, {
  env: {
    memory,
    trace_notify: (_recorder: number, event: number) =>
      event === NOTIFY_FULL && waitForBatch(memory, ring, 20_000) ? 1 : 0,
  },
});
const core = exports as unknown as RecorderExports;
core.recorder_start(0);
parentPort?.postMessage(ring);
const pause = new Int32Array(new SharedArrayBuffer(4));
let n = 0;
for (; n < records; n++) {
  core.record(KIND_STORE, BigInt(n), BigInt(n) * 3n, 8, HWADDR, 0, 0n);
  // with `stop`, as the run loop does between instructions; without, each wait happens inside record()
  while (stop && core.recorders_blocked()) Atomics.wait(pause, 0, 0, 1);
}
core.recorder_stop(0);
