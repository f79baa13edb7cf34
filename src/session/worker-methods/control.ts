// Running, stopping and stepping the guest.
import { SessionError } from "../host-api.js";
import type { Methods, WorkerContext } from "../session-worker.js";
import { currentHart, hartState, privilegeName } from "./hart-state.js";

const STEP_TIMEOUT_MS = 30_000;

export function controlMethods({
  machine,
  loop,
  inputs,
}: WorkerContext): Pick<Methods, "start" | "pause" | "step" | "runUntil" | "reset" | "status"> {
  return {
    start() {
      loop.start();
    },
    pause() {
      loop.pause();
      return { instructions: machine.instructionCount() };
    },
    async step({ count, timeoutMs }) {
      if (!Number.isSafeInteger(count) || count < 1) {
        throw new SessionError("invalid", "count must be a positive integer", { field: "count" });
      }
      const { reason, executed } = await loop.step(count, timeoutMs ?? STEP_TIMEOUT_MS);
      return {
        reason,
        executed,
        instructions: machine.instructionCount(),
        pc: hartState(machine, currentHart(machine)).pc,
      };
    },
    async runUntil({ instructions, pc, timeoutMs }) {
      if (instructions === undefined && pc === undefined) {
        throw new SessionError("invalid", "an instruction count or a pc to run to is needed", {
          field: "instructions",
        });
      }
      const { reason } = await loop.runUntil({ instructions, pc }, timeoutMs);
      return { reason, instructions: machine.instructionCount(), pc: hartState(machine, currentHart(machine)).pc };
    },
    reset() {
      const entry = {
        instructions: machine.instructionCount(),
        virtualNs: machine.now(),
        name: "reset",
        bytes: new Uint8Array(),
      };
      loop.reset();
      inputs.add(entry);
    },
    status() {
      const harts = [];
      for (let hart = 0; hart < machine.description.harts; hart++) {
        const state = hartState(machine, hart);
        harts.push({
          hart,
          pc: state.pc,
          privilege: privilegeName(state.privilege),
          waiting: state.waiting,
          instret: state.instret,
        });
      }
      return {
        state: loop.state,
        instructions: machine.instructionCount(),
        virtualNs: machine.now(),
        ...(loop.exitCode === undefined ? {} : { exitCode: loop.exitCode }),
        ...(loop.waiting === undefined ? {} : { waiting: loop.waiting }),
        harts,
      };
    },
  };
}
