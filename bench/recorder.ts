// How fast record() appends: a loop in Wasm, one recorder, batches freed at once. Best of many short runs, since
// others share the machine. Run: node dist/bench/recorder.js
import { RECORDERS } from "../src/core/layout.js";
import * as L from "../src/core/trace/layout.js";
import type { SubscriptionSpec } from "../src/session/protocol.js";
import { attachRecorder } from "../src/trace/attach.js";
import { compileFilter } from "../src/trace/filter.js";
import { compileCore, spec } from "../test/trace/recorder-harness.js";

const LOOP = `
import { record } from "./trace/recorder";
import { HWADDR } from "./layout";
export function loop(n: u32): void {
  let va: u64 = 0x80000000;
  for (let k: u32 = 0; k < n; k++) {
    store<u64>(HWADDR + 8, va ^ 0x1000);
    record(k & 1, va, va * 3, 8, HWADDR, 0, 0x80001000 + <u64>(k & 4095));
    va += 8;
  }
}
`;
const RECORDS = 50_000;
const RUNS = 1000;
const module = await compileCore(["src/core/trace/recorder.ts", "src/core/bench.ts"], { "src/core/bench.ts": LOOP });

/** Nanoseconds per record. */
function measure(changes: Partial<SubscriptionSpec>, active = true): number {
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
  const words = new Int32Array(memory.buffer);
  const { ring } = attachRecorder(
    memory,
    0,
    0x100000,
    compileFilter(spec({ batchRows: 16384, ringBatches: 16, ...changes })),
  );
  const free = (): number => {
    for (let slot = 0; slot < ring.batches; slot++) {
      const at = (ring.base + L.RING_HEADER_SIZE + slot * L.BATCH_HEADER_SIZE + L.BATCH_STATE) >>> 2;
      Atomics.compareExchange(words, at, L.BATCH_FULL, L.BATCH_FREE);
    }
    return 0;
  };
  const { exports } = new WebAssembly.Instance(module, { env: { memory, trace_notify: free } });
  const core = exports as { loop(n: number): void; recorder_start(i: number): void };
  if (active) core.recorder_start(0);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const start = process.hrtime.bigint();
    core.loop(RECORDS);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / RECORDS);
  }
  const lost = new DataView(memory.buffer).getBigUint64(RECORDERS + L.REC_DROPPED, true);
  if (lost !== 0n) throw new Error(`${lost} records dropped`);
  return best;
}

const twelve = [
  "icount",
  "hart",
  "privilege",
  "pc",
  "vaddr",
  "paddr",
  "region",
  "device",
  "offset",
  "size",
  "direction",
  "value",
];
// the first run of a module is in the baseline compiler
measure({});
const rows: [string, number][] = [
  ["the loop alone, nobody recording", measure({}, false)],
  ["3 columns", measure({ fields: ["vaddr", "paddr", "value"] })],
  ["12 columns", measure({ fields: twelve })],
  ["all 17 columns", measure({})],
  ["all, paddr range that passes", measure({ filter: { paddr: [[0n, 1n << 40n]] } })],
  ["all, paddr range that fails", measure({ filter: { paddr: [[0n, 0n]] } })],
];
for (const [what, ns] of rows)
  console.log(`${what.padEnd(34)} ${ns.toFixed(2).padStart(6)} ns  ${(1e3 / ns).toFixed(0).padStart(4)} M/s`);
