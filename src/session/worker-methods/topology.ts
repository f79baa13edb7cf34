// The memory tree and the flat view made from it.
import type { Methods, WorkerContext } from "../session-worker.js";

export function topologyMethods({ machine }: WorkerContext): Pick<Methods, "memoryTree" | "flatView"> {
  return {
    memoryTree() {
      return machine.bus.memoryTree();
    },
    flatView() {
      return machine.bus.flatView();
    },
  };
}
