// A region: basic blocks reached from one entry by direct branches, jumps and calls, in the entry's page and a few others. Only
// what has run belongs: the rest seldom does when a region is made, and takes V8 as long. A return goes to the calls of the
// region it may belong to; computed jumps and targets in pages not at hand leave.
// Places are offsets from the start of the entry's page; where the other pages lie is looked at again whenever the region
// goes from one to another.
import { type Decoded, decode, isLong } from "../../isa/decode.js";
import type { ProbedBlock } from "../probe-ops.js";

/** Enough for most loops; bounds compile time, and how far from the end of a slice compiled code may run. */
export const MAX_INSTRUCTIONS = 400;
const PAGE = 4096;
/** Places a return is compared with. */
const MAX_RETURNS = 6;
const RA = 1;
/** Instructions of a function that is taken into the region of its caller. */
const MAX_CALLEE = 48;

/** Where control goes from the end of a block. */
export type Terminator =
  | { kind: "jump"; target: number } //            fall through, or jal
  | { kind: "branch"; taken: number; next: number }
  | { kind: "exit"; target: number } //            a known address: pages not at hand, past the limit
  | { kind: "computed"; likely: number[] } //      jalr; a return is likely to go behind a call of the region
  | { kind: "interpret" }; //                      the instruction behind the block is left to the interpreter

export interface BlockInstruction {
  /** In its page. */
  offset: number;
  decoded: Decoded;
}

/** A block lies in one page. */
export interface Block {
  /** Place of the first instruction. */
  start: number;
  /** May be empty when the first instruction is the interpreter's. */
  instructions: BlockInstruction[];
  terminator: Terminator;
  /** Behind the last instruction: where `interpret` goes on. */
  end: number;
  /** In a region with probes: what the plugins want in it. */
  probes?: ProbedBlock;
}

export interface Region {
  entry: number;
  blocks: Map<number, Block>;
  /** Instructions in all blocks. */
  size: number;
  code: CodePages;
  /** In a region with probes: the virtual page its entry was translated for. */
  page?: bigint;
  /** Each access is settled by itself: two pages often have those that would be settled together (accesses.ts). */
  apart?: boolean;
}

/** The code a region may be made of, by page: 0 is that of the entry, 1 the one behind it. */
export interface CodePages {
  /** Undefined when the page is not at hand. */
  bytes(page: number): DataView | undefined;
  /** Bytes from the decoded slots of page 0 to those of this one. */
  distance(page: number): number;
  /** Whether the instruction there has run: the interpreter decodes what it comes to. */
  ran(place: number): boolean;
}

/** Page of a place. */
export const pageOf = (place: number): number => place >> 12;
/** Offset of a place in its page. */
export const inPage = (place: number): number => place & (PAGE - 1);

/**
 * What only the interpreter does. With `observed` that is also what is not known before to be one access or none: a
 * conditional store, a block of zeros, and what tells the host of itself.
 */
const leftToInterpreter = (d: Decoded, observed: boolean): boolean => {
  const { flow, name, extension } = d.instruction;
  if (flow === "system")
    return observed || !(name === "cbo.zero" || (extension === "Zicsr" && !isFloatCsr(d.bits) && !isToldOf(d.bits)));
  return observed && name.startsWith("sc.");
};

/** fflags, frm, fcsr: what regions assume of floating point changes with them. */
const isFloatCsr = (bits: number): boolean => bits >>> 20 >= 1 && bits >>> 20 <= 3;

/** satp, menvcfg, pmpcfg, pmpaddr: plugins listen for what their writes do, and may read any register then. */
const isToldOf = (bits: number): boolean => {
  const csr = bits >>> 20;
  return csr === 0x180 || csr === 0x30a || (csr >= 0x3a0 && csr < 0x3f0);
};

const isReturn = (d: Decoded): boolean => d.rd === 0 && d.rs1 === RA && d.imm === 0;

/** The place a call or jump through a register goes to when the `auipc` in front of it says so. */
function knownTarget(d: Decoded, place: number, before: Decoded | undefined): number | undefined {
  if (d.instruction.name !== "jalr" || before?.instruction.name !== "auipc" || before.rd !== d.rs1) return undefined;
  return (place - before.length + before.imm + d.imm) & -2;
}

/** Finds the region entered at `entry` of page 0; undefined when nothing there can be compiled. */
export function findRegion(code: CodePages, entry: number, traced: boolean): Region | undefined {
  const interpreted = (d: Decoded): boolean => leftToInterpreter(d, traced);
  const decoded = new Map<number, Decoded>();
  const leaders = new Set<number>([entry]);
  const returns: number[] = [];
  const work = [entry];
  const visit = (offset: number): void => {
    leaders.add(offset);
    work.push(offset);
  };
  const atHand = (place: number): boolean => code.bytes(pageOf(place)) !== undefined;
  const goTo = follower(code, traced, returns, visit);
  // of a place that is compiled before it ever ran nothing is known
  const known = code.ran(entry);

  // first pass: which instructions belong, and where blocks begin; nearest code first
  for (let next = work.shift(); next !== undefined; next = work.shift()) {
    let offset = next;
    let before: Decoded | undefined;
    while (!decoded.has(offset) && decoded.size < MAX_INSTRUCTIONS) {
      const d = !known || code.ran(offset) ? fetch(code, offset) : undefined;
      if (!d) break;
      decoded.set(offset, d);
      if (inPage(offset) === 0) leaders.add(offset);
      if (interpreted(d)) break;
      const { flow } = d.instruction;
      if (flow === "branch") {
        visit(offset + d.length);
        if (atHand(offset + d.imm)) visit(offset + d.imm);
        break;
      }
      if (flow === "jump") {
        goTo(offset + d.imm, d.rd, offset + d.length);
        break;
      }
      if (flow === "jumpTo") {
        const target = knownTarget(d, offset, before);
        if (target !== undefined) goTo(target, d.rd, offset + d.length);
        break;
      }
      before = d;
      offset += d.length;
    }
  }

  // second pass: blocks
  const blocks = new Map<number, Block>();
  let size = 0;
  for (const start of leaders) {
    if (!decoded.has(start)) continue;
    const instructions: BlockInstruction[] = [];
    let offset = start;
    let terminator: Terminator | undefined;
    while (!terminator) {
      const d = decoded.get(offset);
      if (!d) terminator = { kind: "exit", target: offset };
      else if (offset !== start && leaders.has(offset)) terminator = { kind: "jump", target: offset };
      else if (interpreted(d)) terminator = { kind: "interpret" };
      else {
        const before = instructions[instructions.length - 1]?.decoded;
        instructions.push({ offset: inPage(offset), decoded: d });
        const known = knownTarget(d, offset, before);
        const target = offset + d.imm;
        offset += d.length;
        switch (d.instruction.flow) {
          case "branch":
            terminator = { kind: "branch", taken: target, next: offset };
            break;
          case "jump":
            terminator = decoded.has(target) ? { kind: "jump", target } : { kind: "exit", target };
            break;
          case "jumpTo":
            if (known !== undefined)
              terminator = decoded.has(known) ? { kind: "jump", target: known } : { kind: "exit", target: known };
            else terminator = { kind: "computed", likely: isReturn(d) ? returns.filter((r) => decoded.has(r)) : [] };
            break;
        }
      }
    }
    size += instructions.length;
    blocks.set(start, { start, instructions, terminator, end: offset });
  }
  const first = blocks.get(entry);
  if (!first || size === 0 || first.instructions.length === 0) return undefined;
  return { entry, blocks, size, code };
}

/**
 * As findRegion, of blocks with probes: each is a translation block from its beginning to its end, so blocks may share
 * instructions. Only what has run belongs, as only that is translated.
 */
export function findProbedRegion(
  code: CodePages,
  entry: number,
  virtualPage: bigint,
  find: (place: number) => ProbedBlock | undefined,
): Region | undefined {
  const blocks = new Map<number, Block>();
  const returns: number[] = [];
  const found = new Set<number>([entry]);
  const work = [entry];
  let size = 0;
  const visit = (place: number): void => {
    if (found.has(place) || code.bytes(pageOf(place)) === undefined) return;
    found.add(place);
    work.push(place);
  };
  const goTo = follower(code, true, returns, visit);
  for (let start = work.shift(); start !== undefined; start = work.shift()) {
    const probes = find(start);
    if (!probes || (size > 0 && size + probes.instructions.length > MAX_INSTRUCTIONS)) continue;
    // what straddles pages may change without this page's code being written
    const stop = probes.instructions.findIndex(
      ({ offset, decoded }) => leftToInterpreter(decoded, true) || offset + decoded.length > PAGE,
    );
    const instructions = stop < 0 ? [...probes.instructions] : probes.instructions.slice(0, stop);
    size += instructions.length;
    const base = pageOf(start) * PAGE;
    const { offset, decoded } = probes.instructions[probes.instructions.length - 1] as BlockInstruction;
    const place = base + offset;
    const next = place + decoded.length;
    const target = place + decoded.imm;
    const { flow } = decoded.instruction;
    let terminator: Terminator;
    let end = next;
    if (stop >= 0) {
      terminator = { kind: "interpret" };
      end = base + (probes.instructions[stop] as BlockInstruction).offset;
    } else if (flow === "branch") {
      terminator = { kind: "branch", taken: target, next };
      visit(next);
      visit(target);
    } else if (flow === "jump") {
      terminator = { kind: "jump", target };
      goTo(target, decoded.rd, next);
    } else if (flow === "jumpTo") {
      const known = knownTarget(decoded, place, probes.instructions[probes.instructions.length - 2]?.decoded);
      if (known !== undefined) {
        terminator = { kind: "jump", target: known };
        goTo(known, decoded.rd, next);
      } else terminator = { kind: "computed", likely: isReturn(decoded) ? returns : [] };
    } else {
      terminator = { kind: "jump", target: next };
      visit(next);
    }
    blocks.set(start, { start, instructions, terminator, end, probes });
  }
  const first = blocks.get(entry);
  if (!first || first.instructions.length === 0) return undefined;
  for (const block of blocks.values()) {
    const t = block.terminator;
    if (t.kind === "jump" && !blocks.has(t.target)) block.terminator = { kind: "exit", target: t.target };
    if (t.kind === "computed") block.terminator = { kind: "computed", likely: t.likely.filter((to) => blocks.has(to)) };
  }
  return { entry, blocks, size, code, page: virtualPage };
}

/** What to visit behind a jump to `target` that leaves `behind` in register `link`: short functions belong, with where they return to. */
function follower(
  code: CodePages,
  observed: boolean,
  returns: number[],
  visit: (place: number) => void,
): (target: number, link: number, behind: number) => void {
  return (target, link, behind) => {
    if (link === 0) {
      if (code.bytes(pageOf(target))) visit(target);
    } else if (link === RA && returns.length < MAX_RETURNS && isShort(code, target, observed)) {
      visit(target);
      visit(behind);
      returns.push(behind);
    }
  };
}

/**
 * Whether the function at `offset` returns soon and does not loop. A loop makes its own region: the call costs it little, and
 * sharing a function with its caller's registers would slow it down.
 */
function isShort(code: CodePages, offset: number, observed: boolean): boolean {
  for (let n = 0; n < MAX_CALLEE; n++) {
    const d = fetch(code, offset);
    if (!d || leftToInterpreter(d, observed)) return false;
    if (d.instruction.flow === "jumpTo") return isReturn(d);
    if (d.imm < 0 && (d.instruction.flow === "branch" || (d.instruction.flow === "jump" && d.rd === 0))) return false;
    offset += d.length;
  }
  return false;
}

function fetch(code: CodePages, place: number): Decoded | undefined {
  const page = code.bytes(pageOf(place));
  if (!page) return undefined;
  const offset = inPage(place);
  const low = page.getUint16(offset, true);
  if (!isLong(low)) return decode(low);
  // the second half of an instruction that straddles pages is another page's
  if (offset + 2 >= PAGE) return undefined;
  return decode(page.getUint32(offset, true));
}
