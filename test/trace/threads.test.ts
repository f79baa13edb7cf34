// One thread records, another reads the ring: what sessions do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { SubscriptionRing } from "../../src/session/protocol.js";
import { RingReader } from "../../src/trace/ring.js";
import { compileCore, spec } from "./recorder-harness.js";

for (const stop of [true, false]) {
  test(`a slow reader on another thread gets every record in order (${stop ? "waiting between" : "waiting inside"} instructions)`, async () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
    const records = 300_000;
    const worker = new Worker(new URL("./recorder-worker.js", import.meta.url), {
      workerData: {
        module: await compileCore(["src/core/trace/recorder.ts"]),
        memory,
        subscription: spec({ slow: "block", fields: ["seq", "vaddr", "value"], batchRows: 1024 }),
        records,
        stop,
      },
    });
    const failed = new Promise<never>((_, reject) => worker.once("error", reject));
    const ring = await Promise.race([
      new Promise<SubscriptionRing>((resolve) => worker.once("message", resolve)),
      failed,
    ]);
    const reader = new RingReader(memory, ring, { keep: 1 });
    let next = 0n;
    while (!(reader.finished && !reader.available)) {
      const batch = reader.next();
      if (!batch) {
        await Promise.race([setTimeout(1), failed]);
        continue;
      }
      const [seq, vaddr, value] = [0, 1, 2].map((column) => {
        const bytes = batch.columnBytes(column);
        return new BigUint64Array(bytes.buffer, bytes.byteOffset, batch.rows);
      });
      for (let row = 0; row < batch.rows; row++, next++) {
        if (seq?.[row] !== next || vaddr?.[row] !== next || value?.[row] !== next * 3n)
          assert.fail(`row ${row} of batch ${batch.ordinal} is not record ${next}`);
      }
      if (batch.ordinal % 50 === 0) await setTimeout(2);
      reader.release(batch);
    }
    assert.equal(next, BigInt(records));
    assert.equal(reader.counters.dropped, 0n);
    await worker.terminate();
  });
}
