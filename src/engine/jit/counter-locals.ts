// Which counters of plugins a region keeps in locals: loaded at its entry, written back at its exits and before anybody else could
// look. In between memory is out of date, so a region that calls plugins at every turn keeps none.
import type { CounterPlace, PlacedOp, ProbedBlock } from "../probe-ops.js";

const MAX_LOCALS = 8;
/** A counter must be used in one block of so many, or loading and storing it at each visit costs more than it saves. */
const BLOCKS_PER_USE = 4;

/** Names a counter. */
export const counterKey = ({ address, stride }: CounterPlace): string => `${address}/${stride}`;

export interface KeptCounter {
  counter: CounterPlace;
  /** The region changes it. */
  written: boolean;
}

/** The counters to keep, by name. */
export function countersToKeep(blocks: readonly ProbedBlock[]): Map<string, KeptCounter> {
  if (callsAtEveryTurn(blocks)) return new Map();
  const uses = new Map<string, KeptCounter & { blocks: number }>();
  for (const block of blocks) {
    const here = new Set<string>();
    const use = (counter: CounterPlace, written: boolean): void => {
      const key = counterKey(counter);
      const known = uses.get(key) ?? { counter, written: false, blocks: 0 };
      known.written ||= written;
      if (!here.has(key)) known.blocks++;
      here.add(key);
      uses.set(key, known);
    };
    for (const { op, io } of opsOf(block)) {
      if (io) continue;
      if (op.when) use(op.when.counter, false);
      if (op.kind === "add" || op.kind === "store") use(op.counter, true);
    }
  }
  const kept = [...uses]
    .filter(([, { blocks: used }]) => used * BLOCKS_PER_USE >= blocks.length)
    .sort(([, a], [, b]) => b.blocks - a.blocks)
    .slice(0, MAX_LOCALS);
  return new Map(kept);
}

/** Whether a plugin is called without a condition: what is kept in locals would have to be written back each time. */
export function callsAtEveryTurn(blocks: readonly ProbedBlock[]): boolean {
  return blocks.some((block) => opsOf(block).some(({ op, io }) => !io && op.kind === "call" && !op.when));
}

const known = new WeakMap<ProbedBlock, PlacedOp[]>();

/** All ops of a block. */
export function opsOf(block: ProbedBlock): readonly PlacedOp[] {
  let ops = known.get(block);
  if (!ops) {
    ops = [...block.block];
    for (const list of block.exec) for (const op of list) ops.push(op);
    for (const list of block.access) for (const op of list) ops.push(op);
    known.set(block, ops);
  }
  return ops;
}
