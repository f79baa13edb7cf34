// The accesses to memory that an instruction makes, and which of a block's lie so near each other that one look into the TLB
// settles them: loads, or stores, off one base register that nothing in between writes. Prologues and epilogues of functions
// are such, and fields of a structure.
import * as L from "../../core/layout.js";
import type { Decoded } from "../../isa/decode.js";
import type { MemorySize } from "../../isa/semantics.js";
import { operandFiles } from "../slots.js";
import type { BlockInstruction } from "./region.js";

/** Bytes from the first of a group to its last: the longer, the more often two pages have it. */
const MAX_SPAN = 256;

const LOAD = [L.KIND_LOAD];
const STORE = [L.KIND_STORE];
const AMO = [L.KIND_AMO_READ, L.KIND_AMO_WRITE];

/** Kinds of an instruction's accesses in their order; LR loads, and SC stores if it does. */
export function accessKinds({ instruction: { memory, name, format } }: Decoded): readonly number[] {
  if (!memory) return [];
  if (name.startsWith("amo")) return AMO;
  return format === "s" || name.startsWith("sc.") ? STORE : LOAD;
}

/** Bytes of each: the width field, bits 13..12 (unprivileged spec, tables of RV64I, F, D and A). */
export const accessSize = ({ instruction }: Decoded): MemorySize =>
  (1 << ((instruction.match >> 12) & 3)) as MemorySize;

export interface AccessGroup {
  /** Index in the block of its first instruction. */
  readonly first: number;
  /** Least distance from the base register, and bytes from there to behind the last byte of any. */
  lowest: number;
  span: number;
}

/** Groups by the index of each of their instructions; an access that is alone has none. */
export function accessGroups(instructions: readonly BlockInstruction[]): Map<number, AccessGroup> {
  const groups = new Map<number, AccessGroup>();
  /** By base register and kind. */
  const open = new Map<number, AccessGroup>();
  instructions.forEach(({ decoded: d }, index) => {
    const { format, flow, memory } = d.instruction;
    // what an instruction of the system kind does may change translation
    if (flow === "system") open.clear();
    else if (memory && (format === "i" || format === "s")) {
      const key = 2 * d.rs1 + (format === "s" ? 1 : 0);
      const group = open.get(key);
      const lowest = Math.min(d.imm, group?.lowest ?? d.imm);
      const span = Math.max(d.imm + accessSize(d), group ? group.lowest + group.span : d.imm) - lowest;
      if (group && span <= MAX_SPAN) {
        group.lowest = lowest;
        group.span = span;
        groups.set(group.first, group);
        groups.set(index, group);
      } else open.set(key, { first: index, lowest: d.imm, span: accessSize(d) });
    }
    if (operandFiles(d.instruction).rd !== L.X || d.rd === 0) return;
    open.delete(2 * d.rd);
    open.delete(2 * d.rd + 1);
  });
  return groups;
}
