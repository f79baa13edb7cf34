// A recorder of everything on a machine that a test runs by itself; nothing is lost.
import type { Machine } from "../../src/machine/machine.js";
import type { SubscriptionSpec } from "../../src/session/protocol.js";
import { attachRecorder } from "../../src/trace/attach.js";
import { compileFilter } from "../../src/trace/filter.js";
import { type RingBatch, RingReader } from "../../src/trace/ring.js";

export interface Recording {
  readonly reader: RingReader;
  /** Ends it; the rows so far have been handed over then. */
  stop(): void;
}

/** Hands all records from now on to `take`, batch by batch. */
export function startRecording(
  machine: Machine,
  spec: { fields: string[]; include: SubscriptionSpec["include"]; batchRows: number },
  take: (batch: RingBatch) => void,
): Recording {
  const filter = compileFilter({ ...spec, filter: {}, everyNth: 1, slow: "drop", ringBatches: 4 });
  const { ring } = attachRecorder(machine.memory, 0, machine.traceArena.base, filter);
  const reader = new RingReader(machine.memory, ring, { keep: 0 });
  const drain = (): void => {
    for (let batch = reader.next(); batch; batch = reader.next()) {
      take(batch);
      reader.release(batch);
    }
  };
  machine.onTrace(() => {
    drain();
    return true;
  });
  machine.core["recorder_start"]?.(0);
  machine.observe(spec.include.fetch ? "fetch" : "memory");
  return {
    reader,
    stop() {
      machine.core["recorder_stop"]?.(0);
      drain();
      machine.observe("plain");
    },
  };
}
