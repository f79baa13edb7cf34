// From a subscription as a client writes it to the words a recorder tests (docs/trace-format.md, "Filters").

import {
  KIND_AMO_READ,
  KIND_AMO_WRITE,
  KIND_DMA_READ,
  KIND_DMA_WRITE,
  KIND_FETCH,
  KIND_LOAD,
  KIND_STORE,
  KIND_WALK_READ,
  KIND_WALK_WRITE,
  MAX_HARTS,
} from "../core/layout.js";
import * as L from "../core/trace/layout.js";
import type { SubscriptionSpec } from "../session/protocol.js";
import { COLUMNS, columnNamed, KIND_NAMES } from "./columns.js";

/** Bounds of what a subscription may ask for. */
export const TRACE_LIMITS = {
  ranges: L.MAX_RANGES,
  names: 256,
  nameLength: 256,
  everyNth: 0xffffffff,
  batchRows: { min: 256, max: 1 << 20 },
  ringBatches: { min: 2, max: 1024 },
  ringBytes: 0x40000000,
} as const;

export const TRACE_DEFAULTS = { batchRows: 16384, ringBatches: 16 } as const;

export interface SpecProblem {
  /** Path of the field, e.g. `filter.vaddr[0]`. */
  field: string;
  message: string;
}

/** A subscription that cannot be compiled; lists everything wrong with it. */
export class TraceSpecError extends Error {
  readonly problems: readonly SpecProblem[];
  constructor(problems: readonly SpecProblem[]) {
    super(problems.map((problem) => `${problem.field}: ${problem.message}`).join("; "));
    this.name = "TraceSpecError";
    this.problems = problems;
  }
}

/** A subscription in the recorder's terms. Names stay names: regions and devices may appear later. */
export interface CompiledFilter {
  columns: number;
  kinds: number;
  /** FILTER_* bits. */
  tests: number;
  sizeMask: bigint;
  hartMask: number;
  privilegeMask: number;
  vaddr: [bigint, bigint][];
  paddr: [bigint, bigint][];
  pc: [bigint, bigint][];
  regionNames: ReadonlySet<string>;
  deviceNames: ReadonlySet<string>;
  everyNth: number;
  /** First sequence number not recorded; all ones for no end. */
  stopAt: bigint;
  policy: number;
  batchRows: number;
  ringBatches: number;
}

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const bits = (...kinds: number[]): number => kinds.reduce((mask, kind) => mask | (1 << kind), 0);
const READS = bits(KIND_LOAD, KIND_AMO_READ, KIND_FETCH, KIND_WALK_READ, KIND_DMA_READ);
const WRITES = bits(KIND_STORE, KIND_AMO_WRITE, KIND_WALK_WRITE, KIND_DMA_WRITE);
const PRIVILEGES: Record<string, number> = { U: 0, S: 1, M: 3 };

/**
 * Checks a subscription and turns it into recorder words.
 * Throws TraceSpecError with every problem found and the field it is in.
 */
export function compileFilter(spec: SubscriptionSpec): CompiledFilter {
  const problems: SpecProblem[] = [];
  const bad = (field: string, message: string): void => void problems.push({ field, message });
  const { filter } = spec;
  let tests = 0;

  let columns = 0;
  if (spec.fields.length === 0) bad("fields", "name at least one field");
  spec.fields.forEach((name, index) => {
    const column = columnNamed(name);
    if (!column)
      return bad(`fields[${index}]`, `unknown field "${name}"; known: ${COLUMNS.map((c) => c.name).join(", ")}`);
    if ((columns >>> column.id) & 1) return bad(`fields[${index}]`, `"${name}" is named twice`);
    columns |= 1 << column.id;
  });

  let kinds = bits(KIND_LOAD, KIND_STORE, KIND_AMO_READ, KIND_AMO_WRITE);
  if (spec.include.fetch) kinds |= bits(KIND_FETCH);
  if (spec.include.walk) kinds |= bits(KIND_WALK_READ, KIND_WALK_WRITE);
  if (spec.include.dma) kinds |= bits(KIND_DMA_READ, KIND_DMA_WRITE);
  if (filter.kind) {
    kinds = 0;
    if (filter.kind.length === 0) bad("filter.kind", "an empty list matches nothing; leave it out instead");
    filter.kind.forEach((name, index) => {
      const kind = (KIND_NAMES as readonly string[]).indexOf(name);
      if (kind < 0) bad(`filter.kind[${index}]`, `unknown kind "${name}"; known: ${KIND_NAMES.join(", ")}`);
      else kinds |= 1 << kind;
    });
  }
  if (filter.direction) {
    let wanted = 0;
    if (filter.direction.length === 0) bad("filter.direction", "an empty list matches nothing; leave it out instead");
    filter.direction.forEach((direction, index) => {
      if (direction === "read") wanted |= READS;
      else if (direction === "write") wanted |= WRITES;
      else bad(`filter.direction[${index}]`, `must be "read" or "write"`);
    });
    kinds &= wanted;
  }
  if (kinds === 0 && problems.length === 0) bad("filter", "kinds and directions exclude each other: nothing can match");

  const list = <T>(
    field: string,
    items: readonly T[] | undefined,
    test: number,
    each: (item: T, path: string) => void,
  ): void => {
    if (!items) return;
    tests |= test;
    if (items.length === 0) bad(field, "an empty list matches nothing; leave it out instead");
    items.forEach((item, index) => each(item, `${field}[${index}]`));
  };

  let sizeMask = 0n;
  list("filter.size", filter.size, L.FILTER_SIZE, (size, path) => {
    if (!Number.isInteger(size) || size < 1 || size > 64) bad(path, "must be a whole number of bytes from 1 to 64");
    else sizeMask |= 1n << BigInt(size & 63);
  });
  let hartMask = 0;
  list("filter.hart", filter.hart, L.FILTER_HART, (hart, path) => {
    if (!Number.isInteger(hart) || hart < 0 || hart >= MAX_HARTS)
      bad(path, `must be a hart number from 0 to ${MAX_HARTS - 1}`);
    else hartMask |= 1 << hart;
  });
  let privilegeMask = 0;
  list("filter.privilege", filter.privilege, L.FILTER_PRIV, (name, path) => {
    const privilege = Object.hasOwn(PRIVILEGES, name) ? PRIVILEGES[name] : undefined;
    if (privilege === undefined) bad(path, `must be "U", "S" or "M"`);
    else privilegeMask |= 1 << privilege;
  });

  const ranges = (name: "vaddr" | "paddr" | "pc", test: number): [bigint, bigint][] => {
    const given = filter[name];
    if (given && given.length > TRACE_LIMITS.ranges) bad(`filter.${name}`, `at most ${TRACE_LIMITS.ranges} ranges`);
    list(`filter.${name}`, given, test, ([first, last], path) => {
      if (first < 0n || last > U64_MAX) bad(path, "must lie within 64 bits");
      else if (first > last) bad(path, "starts behind its end (both ends are inclusive)");
    });
    return given ? given.map(([first, last]) => [first, last]) : [];
  };
  const vaddr = ranges("vaddr", L.FILTER_VADDR);
  const paddr = ranges("paddr", L.FILTER_PADDR);
  const pc = ranges("pc", L.FILTER_PC);

  const names = (field: "region" | "device", test: number): ReadonlySet<string> => {
    const given = filter[field];
    if (given && given.length > TRACE_LIMITS.names) bad(`filter.${field}`, `at most ${TRACE_LIMITS.names} names`);
    list(`filter.${field}`, given, test, (name, path) => {
      if (typeof name !== "string" || name === "" || name.length > TRACE_LIMITS.nameLength) {
        bad(path, `must be a name of 1 to ${TRACE_LIMITS.nameLength} characters`);
      }
    });
    return new Set(given ?? []);
  };
  const regionNames = names("region", L.FILTER_REGION);
  const deviceNames = names("device", L.FILTER_DEVICE);

  if (filter.ioOnly) tests |= L.FILTER_IO;
  if (!Number.isInteger(spec.everyNth) || spec.everyNth < 1 || spec.everyNth > TRACE_LIMITS.everyNth) {
    bad("everyNth", `must be a whole number from 1 to ${TRACE_LIMITS.everyNth}`);
  } else if (spec.everyNth > 1) tests |= L.FILTER_NTH;
  if (spec.stopAfter !== undefined && (!Number.isSafeInteger(spec.stopAfter) || spec.stopAfter < 1)) {
    bad("stopAfter", "must be a whole number of records, 1 or more");
  }
  if (spec.slow !== "block" && spec.slow !== "drop") bad("slow", `must be "block" or "drop"`);

  const { min: minRows, max: maxRows } = TRACE_LIMITS.batchRows;
  const rowsOk =
    Number.isInteger(spec.batchRows) &&
    spec.batchRows >= minRows &&
    spec.batchRows <= maxRows &&
    (spec.batchRows & (spec.batchRows - 1)) === 0;
  if (!rowsOk) bad("batchRows", `must be a power of two from ${minRows} to ${maxRows}`);
  const { min: minBatches, max: maxBatches } = TRACE_LIMITS.ringBatches;
  if (!Number.isInteger(spec.ringBatches) || spec.ringBatches < minBatches || spec.ringBatches > maxBatches) {
    bad("ringBatches", `must be a whole number from ${minBatches} to ${maxBatches}`);
  }
  if (problems.length > 0) throw new TraceSpecError(problems);

  return {
    columns,
    kinds,
    tests,
    sizeMask,
    hartMask,
    privilegeMask,
    vaddr,
    paddr,
    pc,
    regionNames,
    deviceNames,
    everyNth: spec.everyNth,
    stopAt: spec.stopAfter === undefined ? U64_MAX : BigInt(spec.stopAfter),
    policy: spec.slow === "block" ? L.POLICY_BLOCK : L.POLICY_DROP,
    batchRows: spec.batchRows,
    ringBatches: spec.ringBatches,
  };
}
