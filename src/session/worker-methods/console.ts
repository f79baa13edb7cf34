// Console input: enters between two slices, at an instruction count the input log keeps.
import { SessionError } from "../host-api.js";
import type { Methods, WorkerContext } from "../session-worker.js";

export function consoleMethods({
  machine,
  loop,
  inputs,
  limits,
}: WorkerContext): Pick<Methods, "consoleInput" | "inputLog"> {
  return {
    consoleInput({ name, bytes }) {
      if (!machine.consoles.includes(name)) {
        throw new SessionError("unknown-console", `no console named ${name}`, {
          console: name,
          consoles: machine.consoles,
        });
      }
      if (loop.state === "crashed") throw new SessionError("crashed", "the session crashed", { state: "crashed" });
      if (bytes.length === 0) return;
      const pending = machine.consolePending(name);
      if (pending + bytes.length > limits.maxConsoleInput) {
        throw new SessionError(
          "limit",
          `the guest has not read ${pending} bytes of input yet; ${bytes.length} more do not fit`,
          {
            limit: "maxConsoleInput",
            value: limits.maxConsoleInput,
            pending,
          },
        );
      }
      loop.beforeInput();
      // A copy: what arrived as part of a larger buffer must not keep that alive in the log.
      const own = bytes.slice();
      inputs.add({ instructions: machine.instructionCount(), virtualNs: machine.now(), name, bytes: own });
      machine.consoleInput(name, own);
      loop.wake();
    },
    inputLog() {
      return inputs.list();
    },
  };
}
