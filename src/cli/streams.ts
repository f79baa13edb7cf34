// The command's live views: a console on the terminal, events and traces on standard output.
import { once } from "node:events";
import { stdin, stdout } from "node:process";
import type { WebSocket } from "ws";
import { type Client, ClientError } from "./client.js";

/** Ctrl-]: leaves an interactive console. */
const LEAVE = 0x1d;

/** Connects the terminal with a console until Ctrl-], Ctrl-C where the input is no terminal, or the session's end. */
export async function attachConsole(client: Client, session: string, name: string | undefined): Promise<void> {
  const socket = await client.open(
    `/v1/sessions/${encodeURIComponent(session)}/console`,
    name === undefined ? {} : { console: name },
  );
  const tty = stdin.isTTY === true;
  if (tty) {
    process.stderr.write(`Connected to ${session}. Ctrl-] leaves.\r\n`);
    stdin.setRawMode(true);
  }
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (isBinary) stdout.write(data);
    else process.stderr.write(`\r\n${data.toString()}\r\n`);
  });
  stdin.on("data", (bytes: Buffer) => {
    const leave = tty ? bytes.indexOf(LEAVE) : -1;
    const typed = leave < 0 ? bytes : bytes.subarray(0, leave);
    if (typed.length > 0) socket.send(typed);
    if (leave >= 0) socket.close(1000);
  });
  try {
    await drained(socket);
  } finally {
    if (tty) stdin.setRawMode(false);
    stdin.pause();
    stdin.removeAllListeners("data");
  }
}

export async function printEvents(client: Client, session: string): Promise<void> {
  const socket = await client.open(`/v1/sessions/${encodeURIComponent(session)}/events`, { after: "0" });
  socket.on("message", (data: Buffer) => stdout.write(`${data.toString()}\n`));
  await drained(socket);
}

/** A line of JSON for each snapshot, or its text form where that was asked for and the plugin has one. */
export async function printResults(
  client: Client,
  session: string,
  slot: string,
  query: Record<string, string>,
): Promise<void> {
  const socket = await client.open(slotPath(session, slot, "results"), query);
  socket.on("message", (data: Buffer) => {
    const { end, text, ...snapshot } = JSON.parse(data.toString()) as Record<string, unknown>;
    if (end !== undefined) return;
    stdout.write(typeof text === "string" ? text : `${JSON.stringify(snapshot)}\n`);
  });
  stdout.on("error", () => socket.close(1000));
  await drained(socket);
}

export async function printOutput(client: Client, session: string, slot: string): Promise<void> {
  const socket = await client.open(slotPath(session, slot, "output"));
  socket.on("message", (data: Buffer) => {
    const { text } = JSON.parse(data.toString()) as { text?: string };
    if (text !== undefined) stdout.write(text);
  });
  stdout.on("error", () => socket.close(1000));
  await drained(socket);
}

function slotPath(session: string, slot: string, what: string): string {
  return `/v1/sessions/${encodeURIComponent(session)}/plugins/${encodeURIComponent(slot)}/${what}`;
}

/** Text messages of an Arrow stream (subscription, gaps, totals) go to standard error, its bytes to standard output. */
export async function printTrace(client: Client, session: string, query: Record<string, string>): Promise<void> {
  const socket = await client.open(`/v1/sessions/${encodeURIComponent(session)}/trace`, query);
  const arrow = query["format"] === "arrow";
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    const line = isBinary || data.at(-1) === 0x0a ? data : Buffer.concat([data, Buffer.from("\n")]);
    const room = (arrow && !isBinary ? process.stderr : stdout).write(line);
    // whoever reads our output decides the pace
    if (!room) {
      socket.pause();
      stdout.once("drain", () => socket.resume());
    }
  });
  // `| head` is a fine way to end
  stdout.on("error", () => socket.close(1000));
  await drained(socket);
}

/** Lets messages come, until the socket closes. @throws ClientError where the service closed it for a reason */
async function drained(socket: WebSocket): Promise<void> {
  const leave = (): void => socket.close(1000);
  process.once("SIGINT", leave);
  socket.resume();
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  process.off("SIGINT", leave);
  if (code !== 1000 && code !== 1005)
    throw new ClientError(`closed ${code}`, reason.toString() || "the connection broke");
}
