// A compiler whose answers come late, as another thread's do, but after a fixed number of looks, so that runs repeat: the regions
// are made at once, and the guest may have rewritten their code by the time it gets them.
import { type CompileAnswer, LocalCompiler, type RegionCompiler } from "../../src/engine/jit/region-maker.js";

/** Looks until an answer comes: 1, 2, 3, 4, 1, … */
const LATEST = 4;

export function lateCompiler(memory: WebAssembly.Memory): RegionCompiler {
  const local = new LocalCompiler(memory);
  const coming: { answer: CompileAnswer; at: number }[] = [];
  let looks = 0;
  let jobs = 0;
  return {
    request(job) {
      local.request(job);
      coming.push({ answer: local.take() as CompileAnswer, at: looks + 1 + (jobs++ % LATEST) });
    },
    take() {
      looks++;
      const next = coming[0];
      if (!next || next.at > looks) return undefined;
      coming.shift();
      return next.answer;
    },
  };
}
