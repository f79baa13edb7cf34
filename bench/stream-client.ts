// A WebSocket client in a process of its own: takes a whole stream and counts its records with apache-arrow.
// Messages to the parent: "open", then the counts. The clock runs from the first record's message to the last one's.
import { RecordBatchReader } from "apache-arrow";
import WebSocket from "ws";

const send = (message: unknown): void => {
  process.send?.(message as never);
};
const socket = new WebSocket(process.argv[2] as string, { perMessageDeflate: false });
let bytes = 0;
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
  count(data);
});
socket.on("close", () => {
  send({ records, bytes, seconds: (last - first) / 1000, end });
  process.disconnect?.();
});
socket.on("error", (error) => {
  send({ error: error.message });
  process.exit(1);
});

/** Reads one message as a stream of its own, behind the schema. Nothing is copied, nothing kept. */
function count(data: Buffer): void {
  for (const batch of RecordBatchReader.from([schema as Buffer, data])) records += batch.numRows;
}
