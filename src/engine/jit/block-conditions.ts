// Conditions that a look at a block's beginning rules out for all of it. A counter that the block only adds to has, all the while,
// a value between the one it begins with and that plus the sum: where the condition cannot hold in there, none of the ops behind
// it needs a look of its own. Where it may, the block is left to the interpreter, which is exact: that is for calls, which are
// seldom when they are conditional, and counters on their way to a limit.
import type { Comparison, CounterPlace, PlacedOp, ProbedBlock } from "../probe-ops.js";
import { counterKey, opsOf } from "./counter-locals.js";

/** It may hold when its counter is at least `value - sum`, or for `exactly`: when `value` is at most `sum` above it. */
export interface EarlyTest {
  counter: CounterPlace;
  exactly: boolean;
  value: bigint;
  /** The most that the block adds. */
  sum: bigint;
}

export interface EarlyTests {
  tests: readonly EarlyTest[];
  /** Ops that do nothing once these have been passed. */
  idle: ReadonlySet<PlacedOp>;
}

const NONE: EarlyTests = { tests: [], idle: new Set() };
const MAX_TESTS = 4;
/** Conditions that counters come to hold by being added to. */
const MOVING_TO = new Set<Comparison>(["ge", "gt", "eq"]);
/** Larger steps are negative ones, most likely. */
const MAX_STEP = 1n << 32n;
/** Accesses of one instruction. */
const MAX_ACCESSES = 2n;

const known = new WeakMap<ProbedBlock, EarlyTests>();

export function earlyTests(block: ProbedBlock): EarlyTests {
  let found = known.get(block);
  if (!found) {
    found = find(block);
    known.set(block, found);
  }
  return found;
}

function find(block: ProbedBlock): EarlyTests {
  if (!opsOf(block).some(({ op }) => op.kind === "call" && op.when)) return NONE;
  const each = new Set(block.access.flat().filter(({ io }) => !io));
  const all = [...block.block, ...block.exec.flat(), ...each];
  const idle = new Set(all.filter(({ op }) => op.kind === "call" && op.when && MOVING_TO.has(op.when.is)));
  if (idle.size === 0) return NONE;
  /** The most that is added to a counter; undefined where it may become anything. */
  const sums = new Map<string, bigint | undefined>();
  for (const placed of all) {
    const { op } = placed;
    if (op.kind !== "add" && op.kind !== "store") continue;
    const key = counterKey(op.counter);
    const sum = sums.has(key) ? sums.get(key) : 0n;
    const step = BigInt.asUintN(64, op.value);
    const bounded = op.kind === "add" && !op.when && step <= MAX_STEP && sum !== undefined;
    sums.set(key, bounded ? sum + step * (each.has(placed) ? MAX_ACCESSES : 1n) : undefined);
  }
  const tests = new Map<string, EarlyTest>();
  for (const placed of idle) {
    const { counter, is, value } = whenOf(placed);
    const key = counterKey(counter);
    const sum = sums.get(key);
    const from = BigInt.asUintN(64, value) + (is === "gt" ? 1n : 0n);
    const exactly = is === "eq";
    // a counter that stands still may hold for long, and the interpreter is slow; and one that holds from the beginning always does
    if (sum === undefined || (!exactly && (from <= sum || from >> 64n !== 0n))) idle.delete(placed);
    else tests.set(`${key} ${exactly} ${from}`, { counter, exactly, value: from, sum });
  }
  // whoever is called may set counters
  if (all.some((placed) => !idle.has(placed) && (placed.op.kind === "call" || placed.op.kind === "append")))
    return NONE;
  return tests.size > MAX_TESTS ? NONE : { tests: [...tests.values()], idle };
}

function whenOf({ op }: PlacedOp): NonNullable<PlacedOp["op"]["when"]> {
  return op.when as NonNullable<PlacedOp["op"]["when"]>;
}
