// What goes between a session's thread and the thread that compiles for all of them, over a port of the session's own.
import type { CompileAnswer, CompileJob } from "../engine/jit/region-maker.js";

export type ToCompiler =
  /** First of all: where the guest's code is, and a word that goes up with each answer. */
  | { type: "memory"; memory: WebAssembly.Memory; answers: Int32Array }
  | { type: "job"; id: number; tier: string; job: CompileJob };

export interface FromCompiler {
  id: number;
  tier: string;
  /** Or why there is none: a bug of ours. */
  answer: CompileAnswer | string;
}
