// Records a run on one thread: a recorder whose batches are read and given back whenever one is full.

import type { Machine } from "../../../src/machine/machine.js";
import type { SubscriptionSpec } from "../../../src/session/protocol.js";
import { attachRecorder } from "../../../src/trace/attach.js";
import { FLAG_NAMES, KIND_NAMES } from "../../../src/trace/columns.js";
import { compileFilter } from "../../../src/trace/filter.js";
import { type RingBatch, RingReader } from "../../../src/trace/ring.js";
import type { Expected } from "./model.js";

const FIELDS = [
  "pc",
  "icount",
  "vaddr",
  "paddr",
  "region",
  "device",
  "register",
  "offset",
  "size",
  "kind",
  "value",
  "flags",
];

/** Every record that `run` leaves. */
export function recordAll(machine: Machine, include: SubscriptionSpec["include"], run: () => void): Expected[] {
  const filter = compileFilter({
    fields: FIELDS,
    filter: {},
    include,
    everyNth: 1,
    slow: "drop",
    batchRows: 4096,
    ringBatches: 4,
  });
  const { ring } = attachRecorder(machine.memory, 0, machine.traceArena.base, filter);
  const reader = new RingReader(machine.memory, ring, { keep: 0 });
  const records: Expected[] = [];
  const drain = (): void => {
    for (let batch = reader.next(); batch; batch = reader.next()) {
      records.push(...rows(machine, batch));
      reader.release(batch);
    }
  };
  machine.onTrace(() => {
    drain();
    return true;
  });
  machine.core["recorder_start"]?.(0);
  machine.observe(include.fetch ? "fetch" : "memory");
  run();
  machine.core["recorder_stop"]?.(0);
  drain();
  machine.observe("plain");
  const { matched, written, dropped } = reader.counters;
  if (dropped !== 0n || matched !== written || written !== BigInt(records.length))
    throw new Error(`${matched} matched, ${written} written, ${dropped} dropped, ${records.length} read`);
  return records;
}

function rows(machine: Machine, batch: RingBatch): Expected[] {
  const columns = batch.ring.columns.map(({ name, width }, n) => {
    const bytes = batch.columnBytes(n);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const at = (row: number): bigint =>
      width === 8
        ? view.getBigUint64(8 * row, true)
        : BigInt(width === 2 ? view.getUint16(2 * row, true) : view.getUint8(row));
    return [name, at] as const;
  });
  return Array.from({ length: batch.rows }, (_, row) => {
    const raw = Object.fromEntries(columns.map(([name, at]) => [name, at(row)])) as Record<string, bigint>;
    const number = (name: string): number => Number(raw[name]);
    return {
      pc: raw["pc"] as bigint,
      icount: number("icount"),
      vaddr: raw["vaddr"] as bigint,
      paddr: raw["paddr"] as bigint,
      region: number("region") === 0 ? "unassigned" : machine.names.region.name(number("region")),
      device: machine.names.device.name(number("device")),
      register: machine.names.register.name(number("register")),
      offset: raw["offset"] as bigint,
      size: number("size"),
      kind: KIND_NAMES[number("kind")] as string,
      value: raw["value"] as bigint,
      flags: FLAG_NAMES.filter((_, bit) => (number("flags") >> bit) & 1).join(" "),
    };
  });
}
