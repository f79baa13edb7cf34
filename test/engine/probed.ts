// Probes on everything, for running guests that must not notice: counting alone, or calls at every instruction and access.
import * as L from "../../src/core/layout.js";
import type { AccessProbe, BlockProbes, CounterPlace, ProbeOp } from "../../src/engine/probe-ops.js";
import type { RawBlock } from "../../src/engine/probes.js";
import type { Machine } from "../../src/machine/machine.js";

export type Probing = "count" | "call";

/** What the probes have seen. */
export interface Seen {
  blocks(): number;
  /** Instructions whose probes ran; those that trapped are in it. */
  instructions(): number;
  reads(): number;
  writes(): number;
  /** Of the calls: instructions and accesses. */
  readonly calls: { exec: number; access: number };
  readonly translated: RawBlock[];
}

/** Puts probes on everything the machine executes from now on, in the virtual pages that are of interest. */
export function probe(machine: Machine, how: Probing, interests?: (page: bigint) => boolean): Seen {
  const view = new DataView(machine.memory.buffer);
  const harts = machine.description.harts;
  const base = machine.probes.data.take(4 * 8 * harts) as number;
  const counter = (i: number): CounterPlace => ({ address: base + 8 * i, stride: 32 });
  const sum = (i: number): number => {
    let total = 0;
    for (let h = 0; h < harts; h++) total += Number(view.getBigUint64(base + 8 * i + 32 * h, true));
    return total;
  };
  const calls = { exec: 0, access: 0 };
  const translated: RawBlock[] = [];
  const add = (i: number): ProbeOp => ({ kind: "add", counter: counter(i), value: 1n });
  const known = new Map<RawBlock, BlockProbes>();
  let dispatcher = 0;
  machine.probes.attach({
    instrument(block) {
      const made = known.get(block);
      if (made) return made;
      translated.push(block);
      const call = (tag: number): ProbeOp => ({
        kind: "call",
        target: { slot: 0, dispatcher, fn: 0 },
        tag,
        signature: "exec",
        registers: tag === 0 ? "read" : "none",
        hwaddr: true,
        synced: false,
        direct: false,
      });
      const more = (tag: number): ProbeOp[] => (how === "call" ? [call(tag)] : []);
      const access = (op: ProbeOp, direction: AccessProbe["direction"]): AccessProbe => ({ op, direction, io: false });
      const probes: BlockProbes = {
        block: [add(0)],
        exec: block.instructions.map(() => [add(1), ...more(0)]),
        access: block.instructions.map(({ decoded }) =>
          decoded.instruction.memory
            ? [access(add(2), "read"), access(add(3), "write"), ...more(1).map((op) => access(op, "both"))]
            : undefined,
        ),
      };
      known.set(block, probes);
      return probes;
    },
    interests: () => interests,
    dropped(block) {
      if (block) known.delete(block);
      else known.clear();
    },
    event() {},
    broken() {
      throw new Error("nothing breaks here");
    },
    safePoint() {},
  });
  dispatcher = machine.probes.place(
    "exec",
    (_fn: number, _hart: number, tag: number) => {
      if (tag === 0) calls.exec++;
      else if (view.getUint32(L.PROBE_COUNT, true) > 0) calls.access++;
    },
    false,
  );
  machine.probes.on = true;
  return {
    blocks: () => sum(0),
    instructions: () => sum(1),
    reads: () => sum(2),
    writes: () => sum(3),
    calls,
    translated,
  };
}
