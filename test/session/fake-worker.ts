// Thread of a session with a scripted machine: the description's cmdline is the script as JSON.
// `{"fail": code}` fails at once; `{"die": "exit" | "error"}` dies at the first step call.
import { parentPort } from "node:worker_threads";
import { SessionError } from "../../src/session/host-api.js";
import type { HostToWorker, WorkerToHost } from "../../src/session/protocol.js";
import { describeError, SessionWorker } from "../../src/session/session-worker.js";
import { FakeMachine, type Happening } from "./fake-machine.js";
import { FakePlugins } from "./fake-plugins.js";

const port = parentPort as NonNullable<typeof parentPort>;
const post = (message: WorkerToHost, transfer?: ArrayBuffer[]): void => port.postMessage(message, transfer ?? []);
type Script = Happening[] | { fail: string } | { die: "exit" | "error" | "memory" };

port.once("message", (first: Extract<HostToWorker, { type: "init" }>) => {
  const { description, limits } = first.init;
  const script = JSON.parse(description.cmdline ?? "[]") as Script;
  if ("fail" in script) {
    post({ type: "failed", ...describeError(new SessionError(script.fail as never, "as told", { why: "told" })) });
    return;
  }
  const machine = new FakeMachine(Array.isArray(script) ? script : [], description);
  const session = new SessionWorker(
    machine,
    post,
    limits,
    (_machine, hooks) => new FakePlugins(hooks, () => machine.instructionCount()),
  );
  port.on("message", (message: Exclude<HostToWorker, { type: "init" }>) => {
    if ("die" in script && message.type === "call" && message.method === "step") {
      if (script.die === "exit") process.exit(7);
      if (script.die === "error") throw new Error("thrown in the thread");
      const hoard: string[][] = [];
      for (;;) hoard.push(new Array(1e6).fill("x"));
    }
    void session.receive(message);
  });
  post({ type: "ready", consoles: machine.consoles });
});
