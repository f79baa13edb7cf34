// Entry of the thread that makes regions for all sessions: their guests run on meanwhile, and code compiled for one session finds
// the compiler warm. Knows of a session its memory and its port.
import { type MessagePort, parentPort } from "node:worker_threads";
import { EXIT_COMPILED, EXIT_REQUEST } from "../core/layout.js";
import { RegionCache } from "../engine/jit/region-cache.js";
import { RegionMaker } from "../engine/jit/region-maker.js";
import { collectSoon } from "./collect.js";
import type { FromCompiler, ToCompiler } from "./compile-messages.js";

/** Time compiled code waits for the next session when none is left. */
const KEEP_MS = 10_000;

/** Of all sessions: those of one image find their code made. */
const cache = new RegionCache();
let sessions = 0;
let clearing: NodeJS.Timeout | undefined;

if (parentPort === null) throw new Error("compile-thread.js runs in a worker thread only");
parentPort.on("message", serve);
parentPort.postMessage("ready");

function serve(port: MessagePort): void {
  sessions++;
  clearTimeout(clearing);
  let session: { maker: RegionMaker; words: Int32Array; answers: Int32Array } | undefined;
  port.on("message", (message: ToCompiler) => {
    if (message.type === "memory") {
      const { memory, answers } = message;
      session = { maker: new RegionMaker(memory, { cache }), words: new Int32Array(memory.buffer), answers };
      return;
    }
    if (!session) throw new Error("a job came before its memory");
    const { id, tier, job } = message;
    port.postMessage({ id, tier, answer: make(session.maker, job) } satisfies FromCompiler);
    Atomics.add(session.answers, 0, 1);
    // the guest is to look soon: every jump it interprets meanwhile is slow
    Atomics.or(session.words, EXIT_REQUEST >> 2, EXIT_COMPILED);
  });
  port.on("close", () => {
    if (session) cache.release(session.maker);
    session = undefined;
    collectSoon();
    if (--sessions === 0) clearing = setTimeout(clear, KEEP_MS);
  });
}

function clear(): void {
  cache.clear();
  collectSoon();
}

function make(maker: RegionMaker, job: Parameters<RegionMaker["make"]>[0]): FromCompiler["answer"] {
  try {
    return maker.make(job);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
