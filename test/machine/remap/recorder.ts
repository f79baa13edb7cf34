// Records a run on one thread: a recorder whose batches are read and given back whenever one is full.

import type { Machine } from "../../../src/machine/machine.js";
import type { SubscriptionSpec } from "../../../src/session/protocol.js";
import { FLAG_NAMES, KIND_NAMES } from "../../../src/trace/columns.js";
import type { RingBatch } from "../../../src/trace/ring.js";
import { startRecording } from "../recording.js";
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
  const records: Expected[] = [];
  const { reader, stop } = startRecording(machine, { fields: FIELDS, include, batchRows: 4096 }, (batch) => {
    records.push(...rows(machine, batch));
  });
  run();
  stop();
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
