// The cache plugin's results as QEMU's plugin prints them.
import type { PluginHost } from "../../plugin.js";
import { hex } from "../support/text.js";
import type { InstructionTable } from "./instruction-table.js";

interface Counts {
  accesses: number;
  misses: number;
}
export interface Totals {
  data: Counts;
  instruction: Counts;
  l2?: Counts;
}

export function report(
  host: PluginHost,
  cores: readonly Totals[],
  sum: Totals,
  instructions: InstructionTable,
  limit: number,
): string {
  const l2 = sum.l2 !== undefined;
  const head = `core #, data accesses, data misses, dmiss rate, insn accesses, insn misses, imiss rate`;
  const lines = cores.map((core, number) => String(number).padEnd(8) + line(core));
  if (cores.length > 1) lines.push("sum".padEnd(8) + line(sum));
  const list = (title: string, misses: Float64Array): string => {
    const entries = instructions.top(misses, limit).map((number) => {
      const { paddr, vaddr } = instructions.describe(number);
      const symbol = host.symbol(vaddr)?.name;
      const name = symbol === undefined ? "" : ` (${symbol})`;
      return `${hex(paddr)}${name}, ${misses[number]}, ${instructions.qemuDisassembly(number)}\n`;
    });
    return `address, ${title} misses, instruction\n${entries.join("")}`;
  };
  const lists = [list("data", instructions.dataMisses), list("fetch", instructions.fetchMisses)];
  if (l2) lists.push(list("L2", instructions.l2Misses));
  return `${head}${l2 ? ", l2 accesses, l2 misses, l2 miss rate" : ""}\n${lines.join("")}\n${lists.join("\n")}`;
}

function line({ data, instruction, l2 }: Totals): string {
  const columns = ({ accesses, misses }: Counts, widths: [number, number, number]): string =>
    `${String(accesses).padEnd(widths[0])} ${String(misses).padEnd(widths[1])} ` +
    `${((accesses > 0 ? misses / accesses : 0) * 100).toFixed(4).padStart(widths[2])}%`;
  let text = `${columns(data, [14, 12, 9])}  ${columns(instruction, [14, 12, 9])}`;
  if (l2 && l2.accesses > 0 && l2.misses > 0) text += `  ${columns(l2, [12, 11, 10])}`;
  return `${text}\n`;
}
