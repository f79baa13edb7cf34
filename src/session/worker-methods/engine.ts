// How the guest's code is executed.
import type { Methods, WorkerContext } from "../session-worker.js";

export function engineMethods({ machine }: WorkerContext): Pick<Methods, "engineStats"> {
  return { engineStats: () => machine.engineStats() };
}
