// Says where two results of one test differ, in words.

import { listing } from "./generate.js";
import type { Result, Test } from "./image.js";

/** What a side knows of a result; parts that the other does not know are not compared. */
export type Leaving = Partial<Result>;

const hex = (value: bigint | number | undefined): string => (value === undefined ? "?" : `0x${value.toString(16)}`);

/** One line per difference; empty when the two agree. `left` and `right` name the sides. */
export function differences(leftName: string, left: Leaving, rightName: string, right: Leaving): string[] {
  const lines: string[] = [];
  const note = (what: string, a: bigint | number | undefined, b: bigint | number | undefined): void => {
    if (a !== b) lines.push(`${what}: ${leftName} ${hex(a)}, ${rightName} ${hex(b)}`);
  };
  for (const key of ["done", "mcause", "mepc", "mtval", "mstatus", "fcsr"] as const)
    if (left[key] !== undefined && right[key] !== undefined) note(key, left[key], right[key]);
  for (const file of ["x", "f"] as const) {
    const a = left[file];
    const b = right[file];
    if (a !== undefined && b !== undefined) for (let n = 0; n < 32; n++) note(`${file}${n}`, a[n], b[n]);
  }
  const a = left.scratch;
  const b = right.scratch;
  if (a !== undefined && b !== undefined) for (let n = 0; n < a.length; n++) note(`scratch[${n}]`, a[n], b[n]);
  return lines;
}

/** Everything needed to look into a failure. */
export function explain(test: Test, entry: number, lines: readonly string[]): string {
  const start = test.x.map((value, n) => `x${n}=${hex(value)}`).join(" ");
  const floats = test.f.map((value, n) => `f${n}=${hex(value)}`).join(" ");
  return `${test.name}, ${test.mode}-mode, fcsr ${hex(test.fcsr)}\n${listing(test, entry)}\nfrom ${start}\n${floats}\n${lines.slice(0, 20).join("\n")}`;
}
