// A WebSocket client in a process of its own: takes a whole stream, then counts its records with apache-arrow.
// Messages to the parent: "open", then the counts. The clock runs from the first record's message to the last one's.
import { RecordBatchReader } from "apache-arrow";
import WebSocket from "ws";

const send = (message: unknown): void => {
  process.send?.(message as never);
};
const socket = new WebSocket(process.argv[2] as string, { perMessageDeflate: false });
// Messages are looked at only when all are there: what is measured is the delivery. Kept up to a bound, then by sample.
const KEEP_BYTES = 1 << 30;
const kept: Buffer[] = [];
let bytes = 0;
let keptBytes = 0;
let schema: Buffer | undefined;
let first = 0;
let last = 0;
let records = 0;
let end: unknown;

socket.on("open", () => send("open"));
socket.on("message", (data: Buffer, binary: boolean) => {
  if (!binary) {
    const message = JSON.parse(data.toString()) as { end?: unknown };
    if (message.end !== undefined) end = message.end;
    return;
  }
  if (schema === undefined) {
    schema = data;
    return;
  }
  last = performance.now();
  if (first === 0) first = last;
  bytes += data.length;
  if (keptBytes + data.length > KEEP_BYTES) count();
  kept.push(data);
  keptBytes += data.length;
});
socket.on("close", () => {
  count();
  send({ records, bytes, seconds: (last - first) / 1000, end });
  process.disconnect?.();
});
socket.on("error", (error) => {
  send({ error: error.message });
  process.exit(1);
});

/** Reads what was kept as a stream of its own, behind the schema. */
function count(): void {
  const reader = RecordBatchReader.from(Buffer.concat([schema as Buffer, ...kept.splice(0)]));
  for (const batch of reader) records += batch.numRows;
  keptBytes = 0;
}
