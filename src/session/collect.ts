// What an ended session leaves in other threads are a few small objects that hold its whole memory, or modules: V8 sees no need to
// collect them.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Time for the ends of several sessions to be seen together. */
const SOON_MS = 50;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
let planned = false;

/** Has this thread's garbage collected in a moment. */
export function collectSoon(): void {
  if (planned) return;
  planned = true;
  setTimeout(() => {
    planned = false;
    collect();
  }, SOON_MS).unref();
}
