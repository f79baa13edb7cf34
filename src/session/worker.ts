// Entry of a session's thread: makes the machine, then answers the host.
import { parentPort, workerData } from "node:worker_threads";
import { BoardError } from "../machine/boards/board.js";
import { ImageError } from "../image/image.js";
import type { MachineModules } from "../machine/core.js";
import { createMachine } from "../machine/machine.js";
import { SessionError } from "./host-api.js";
import type { HostToWorker, WorkerInit, WorkerToHost } from "./protocol.js";
import { describeError, SessionWorker } from "./session-worker.js";

const port = parentPort;
if (port === null) throw new Error("worker.js runs in a worker thread only");
const init = workerData as WorkerInit;
const post = (message: WorkerToHost, transfer?: ArrayBuffer[]): void => port.postMessage(message, transfer ?? []);

try {
  const machine = await createMachine(init.description, init.modules as MachineModules);
  const session = new SessionWorker(machine, post, init.limits);
  port.on("message", (message: HostToWorker) => void session.receive(message));
  post({ type: "ready", memory: machine.memory, consoles: machine.consoles });
} catch (error) {
  post({ type: "failed", ...describeError(creationError(error)) });
}

/** What the caller can do something about becomes an entry of the error table. */
function creationError(error: unknown): unknown {
  if (error instanceof BoardError) return new SessionError("invalid", error.message, { field: "machine" });
  if (error instanceof ImageError) return new SessionError("image", error.message, { offset: error.offset, reason: error.reason });
  if (error instanceof RangeError && /memory|allocat/i.test(error.message)) return new SessionError("out-of-memory", error.message);
  return error;
}
