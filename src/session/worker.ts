// Entry of a session's thread: makes the machine it is told to, then answers the host.
import { parentPort } from "node:worker_threads";
import { ImageError } from "../image/image.js";
import { BoardError } from "../machine/boards/board.js";
import type { MachineModules } from "../machine/core.js";
import { createMachine } from "../machine/machine.js";
import { PluginManager } from "../probe/manager.js";
import { SessionError } from "./host-api.js";
import { pluginGuest } from "./plugin-guest.js";
import type { HostToWorker, WorkerInit, WorkerToHost } from "./protocol.js";
import { RemoteCompiler } from "./remote-compiler.js";
import { describeError, SessionWorker } from "./session-worker.js";

const port = parentPort;
if (port === null) throw new Error("worker.js runs in a worker thread only");
const post = (message: WorkerToHost, transfer?: ArrayBuffer[]): void => port.postMessage(message, transfer ?? []);

port.once("message", (first: HostToWorker) => {
  if (first.type !== "init") throw new Error(`the first message is ${first.type}, not init`);
  start(first.init);
});

function start(init: WorkerInit): void {
  try {
    const compiler = new RemoteCompiler(init.compiler);
    const machine = createMachine(init.description, init.modules as MachineModules, (memory, tier) =>
      compiler.tier(memory, tier),
    );
    const session = new SessionWorker(
      machine,
      post,
      init.limits,
      (_machine, hooks, { plugins }) => new PluginManager(machine, pluginGuest(machine), hooks, plugins),
    );
    port?.on("message", (message: Exclude<HostToWorker, { type: "init" }>) => void session.receive(message));
    post({ type: "ready", consoles: machine.consoles });
  } catch (error) {
    post({ type: "failed", ...describeError(creationError(error)) });
  }
}

/** What the caller can do something about becomes an entry of the error table. */
function creationError(error: unknown): unknown {
  if (error instanceof BoardError) return new SessionError("invalid", error.message, { field: "machine" });
  if (error instanceof ImageError)
    return new SessionError("image", error.message, { offset: error.offset, reason: error.reason });
  if (error instanceof RangeError && /memory|allocat/i.test(error.message))
    return new SessionError("out-of-memory", error.message);
  return error;
}
