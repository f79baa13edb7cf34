// How compiled code hands its memory accesses to the recorders, decided when the set of recorders changes.
import { MAX_RECORDERS, RECORDER_SIZE, RECORDERS, TRACE_ACTIVE } from "../../core/layout.js";
import { COLUMN_COUNT, REC_COL, REC_COLUMNS, REC_FILTER, REC_KINDS } from "../../core/trace/layout.js";

/** One recorder that wants all accesses of some kinds: its rows are written inline. */
export interface InlinePlan {
  mode: "inline";
  /** Address of the recorder's descriptor. */
  descriptor: number;
  /** Bit set of KIND_*. */
  kinds: number;
  /** Offset of each chosen column in a batch; undefined for the others. */
  columns: (number | undefined)[];
}
/** Several recorders, or filters to evaluate: the core is called for each access of these kinds. */
export interface CallPlan {
  mode: "call";
  kinds: number;
}
export type TracePlan = InlinePlan | CallPlan;

/** Reads the plan off the recorders' descriptors. */
export function planTrace(view: DataView): TracePlan {
  const word = (address: number): number => view.getUint32(address, true);
  const active: number[] = [];
  for (let i = 0; i < MAX_RECORDERS; i++) {
    if ((word(TRACE_ACTIVE) >>> i) & 1) active.push(RECORDERS + i * RECORDER_SIZE);
  }
  const kinds = active.reduce((union, d) => union | word(d + REC_KINDS), 0);
  const [descriptor, ...more] = active;
  if (descriptor === undefined || more.length > 0 || word(descriptor + REC_FILTER) !== 0)
    return { mode: "call", kinds };
  const chosen = word(descriptor + REC_COLUMNS);
  const columns = Array.from({ length: COLUMN_COUNT }, (_, c) =>
    (chosen >>> c) & 1 ? word(descriptor + REC_COL + 4 * c) : undefined,
  );
  return { mode: "inline", descriptor, kinds, columns };
}
