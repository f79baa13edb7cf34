// Attaches plugins to a running machine and detaches them again and again, and looks at what that leaves behind: nothing.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ALL_BUILTINS, type Attached } from "./all-builtins.js";
import type { Observed } from "./observed.js";

/** What plugins take of a machine. Places of the table stay, to be used again. */
function footprint({ machine, manager }: Observed) {
  return {
    // in one piece, where all that was taken has come back
    free: machine.probes.data.largest,
    dispatchers: Object.keys(machine.probes.dispatchers).length,
    blocks: machine.probes.blockCount,
    probing: machine.probes.on,
    events: machine.probes.events,
    slots: manager.list().length,
    regions: machine.jitStats().probe?.regions ?? 0,
    variant: machine.engineStats().variant,
  };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

export interface Leftovers {
  /** Mappings of the process, at most: each live Wasm module has one, and the kernel allows 65,530. */
  mappings: number;
  /** Growth of the JavaScript heap over the second half, bytes. */
  heap: number;
}

const attach = (observed: Observed, { name, args, filter }: Attached): void =>
  void observed.manager.attach(name, { kind: "builtin", name }, args, filter);

/**
 * `times` attachments, each with `stretch` instructions and followed by `stretch` more: of one plugin after the other, and every
 * `all`th time of all of them.
 */
export function comeAndGo(observed: Observed, times: number, all: number, stretch: () => number): Leftovers {
  const { machine, manager } = observed;
  const run = (): void => observed.run(machine.instructionCount() + stretch());
  const clean = footprint(observed);
  let mappings = 0;
  let heap = 0;
  let places = 0;
  for (let n = 0; n < times; n++) {
    const chosen = n % all === 0 ? ALL_BUILTINS : [ALL_BUILTINS[n % ALL_BUILTINS.length] as Attached];
    for (const plugin of chosen) attach(observed, plugin);
    assert.notDeepEqual(footprint(observed), clean);
    run();
    for (const { name } of chosen) manager.detach(name);
    assert.deepEqual(footprint(observed), clean, `after attachment ${n}`);
    run();
    if (n === 0) ({ places } = machine.probes);
    if (n % 50 === 0) mappings = Math.max(mappings, readFileSync("/proc/self/maps", "latin1").split("\n").length);
    if (n === times >> 1) {
      collect();
      heap = process.memoryUsage().heapUsed;
    }
  }
  assert.equal(machine.probes.places, places, "places of the table are used again");
  collect();
  return { mappings, heap: process.memoryUsage().heapUsed - heap };
}

/** JavaScript heap in use, bytes, once garbage has been collected. */
export function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Share of the next `count` instructions that compiled code runs. */
export function compiledShare({ machine }: Observed, run: () => void): number {
  const before = machine.engineStats();
  run();
  const after = machine.engineStats();
  return (
    (after.compiledInstructions - before.compiledInstructions) / Math.max(1, after.instructions - before.instructions)
  );
}
