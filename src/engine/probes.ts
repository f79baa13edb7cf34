// The translated blocks of a machine with probes: finds a block's instructions, asks what plugins want there, and keeps the answer
// as a record in memory, where interpreted code finds it (core/probe), and as objects for the JIT.
//
// Records are only ever added; what is replaced stays readable until all are dropped, since a hart may be inside it. Then the
// blocks that harts are inside of are made anew.
import * as L from "../core/layout.js";
import { blockAt, signExtends } from "./block.js";
import type { BlockInstruction } from "./jit/region.js";
import type {
  AccessProbe,
  BlockProbes,
  CallTarget,
  Comparison,
  CounterOp,
  PlacedOp,
  ProbedBlock,
  ProbeOp,
} from "./probe-ops.js";
import { LAST_HALFWORD, STRADDLE_BITS } from "./slots.js";

/** A block as the code says, before anybody puts probes in it. */
export interface RawBlock {
  /** Address of its first decoded slot; with `page` it names the block. */
  readonly slot: number;
  /** Virtual page. */
  readonly page: bigint;
  /** Physical address of the page. */
  readonly frame: number;
  readonly instructions: readonly BlockInstruction[];
}

export interface ProbesHost {
  /** What is wanted in a block. The same object as before says that nothing has changed. */
  instrument(block: RawBlock): BlockProbes;
  /** The block's code was written, or all blocks go (undefined). */
  dropped(block: RawBlock | undefined): void;
  /** The block's probes are others now: compiled code that holds it goes. */
  changed(block: RawBlock): void;
}

export interface ProbesCore {
  probe_hash(slot: number, page: bigint): number;
  hart_address(hart: number): number;
  host_address(paddr: bigint, size: number): number;
  fetch16(va: bigint): number;
  probe_settle(): void;
}

interface Entry {
  readonly record: number;
  readonly raw: RawBlock;
  readonly probes: BlockProbes;
  /** Behind all that was written for it. */
  readonly end: number;
  /** For the JIT, once it has asked. */
  placed?: ProbedBlock;
}

const DIRECTIONS = { read: 1, write: 2, both: 3 } as const;
const WHEN: Record<Comparison, number> = {
  eq: L.WHEN_EQ,
  ne: L.WHEN_NE,
  lt: L.WHEN_LT,
  le: L.WHEN_LE,
  gt: L.WHEN_GT,
  ge: L.WHEN_GE,
};
const FIELDS = { none: L.FIELD_NONE, vaddr: L.FIELD_VADDR, paddr: L.FIELD_PADDR, value: L.FIELD_VALUE } as const;
/** For the one block of a page that must be translated at each instruction: as many probes as plugins can put on it. */
const STEP_BYTES = 0x10_0000;
/** Counters of a block whose instructions are accounted for together. */
const MOST_SUMS = 8;
/** Of the memory, for a list without ops. */
const NOTHING_BYTES = 16;
/** Bytes behind the last op of a list. */
const LIST_END = 8;

export class Probes {
  readonly #view: DataView;
  readonly #memory: WebAssembly.Memory;
  readonly #core: ProbesCore;
  readonly #host: ProbesHost;
  readonly #start: number;
  readonly #end: number;
  readonly #step: number;
  #next: number;
  readonly #blocks = new Map<number, Entry[]>();
  readonly #frames = new Map<number, Set<Entry>>();
  readonly #byRecord = new Map<number, Entry>();
  /** Lists of ops that may stand anywhere, by what they do. */
  readonly #shared = new Map<string, number>();
  /** The same of lists of one op, by that op: plugins count with the same one in many places. */
  readonly #single = new Map<ProbeOp, number>();
  /** A list without ops. */
  readonly #nothing: number;

  /** @param arena zeroed memory for the hash table and the records */
  constructor(memory: WebAssembly.Memory, core: ProbesCore, arena: { base: number; size: number }, host: ProbesHost) {
    this.#memory = memory;
    this.#view = new DataView(memory.buffer);
    this.#core = core;
    this.#host = host;
    this.#view.setUint32(L.PROBE_TABLE, arena.base, true);
    this.#step = arena.base + 4 * L.PROBE_TABLE_ENTRIES;
    this.#nothing = this.#step + L.MAX_HARTS * STEP_BYTES;
    this.#start = this.#nothing + NOTHING_BYTES;
    this.#end = arena.base + arena.size;
    this.#next = this.#start;
  }

  /** Translated blocks there are. */
  get size(): number {
    return this.#byRecord.size;
  }

  /** Bytes of memory the records take. */
  get bytes(): number {
    return this.#next - this.#start;
  }

  /** Record of the block that begins at `slot`, which has none yet. Called by the core while a hart stands before it. */
  translate(slot: number): number {
    const page = this.#view.getBigUint64(L.PAGE_VA, true);
    const slots = this.#view.getUint32(L.PAGE_SLOTS, true);
    const arena = this.#view.getUint32(L.SLOT_ARENA, true);
    const last = arena + (this.#view.getUint32(L.SLOT_PAGES, true) - 1) * L.SLOT_PAGE_SIZE;
    const offset = (slot - slots) >> 3;
    const frame = this.#view.getUint32(slots + L.SLOT_PAGE_PPN, true) * 4096;
    if (slots === last) return this.#translateStep(slot, page, offset, frame);
    const host = this.#view.getUint32(slots + L.SLOT_PAGE_HOST, true);
    const code = new DataView(this.#memory.buffer, host, 4096);
    const straddles = offset === LAST_HALFWORD && (code.getUint16(offset, true) & 3) === 3;
    const first = straddles ? this.#view.getUint32(slots + STRADDLE_BITS, true) : undefined;
    const raw = { slot, page, frame, instructions: blockAt(code, offset, first) };
    // the core tells of stores only into pages that are said to be compiled
    this.#view.setUint32(slots + L.SLOT_PAGE_JIT, L.JIT_USED, true);
    return this.#add(raw, this.#host.instrument(raw)).record;
  }

  /** A block of one instruction, in a place of the hart's own: the slot stands for whatever is executed next. */
  #translateStep(slot: number, page: bigint, offset: number, frame: number): number {
    const va = page + BigInt(offset);
    const low = this.#core.fetch16(va);
    const bits = (low & 3) === 3 ? (this.#core.fetch16(va + 2n) << 16) | low : low;
    const raw = { slot, page, frame, instructions: blockAt(new DataView(new ArrayBuffer(0)), offset, bits) };
    const probes = this.#host.instrument(raw);
    this.#host.dropped(raw);
    const bytes = sizeOf(raw, probes);
    if (bytes <= STEP_BYTES) {
      const at = this.#step + this.#view.getUint32(L.CURRENT_HART, true) * STEP_BYTES;
      return this.#write(at, raw, probes).record;
    }
    if (this.#next + bytes > this.#end) this.clear();
    this.#next += bytes;
    return this.#write(this.#next - bytes, raw, probes).record;
  }

  /** The block that begins at `slot`, if it has run since it was written. */
  find(slot: number, page: bigint): ProbedBlock | undefined {
    const entry = this.#blocks.get(slot)?.find(({ raw }) => raw.page === page);
    if (!entry) return undefined;
    entry.placed ??= this.#place(entry);
    return entry.placed;
  }

  #add(raw: RawBlock, probes: BlockProbes): Entry {
    const bytes = sizeOf(raw, probes);
    if (this.#next + bytes > this.#end) this.clear();
    const entry = this.#write(this.#next, raw, probes);
    this.#next = entry.end;
    const same = this.#blocks.get(raw.slot);
    if (same) same.push(entry);
    else this.#blocks.set(raw.slot, [entry]);
    const ppn = raw.frame / 4096;
    const frame = this.#frames.get(ppn);
    if (frame) frame.add(entry);
    else this.#frames.set(ppn, new Set([entry]));
    this.#byRecord.set(entry.record, entry);
    const head = this.#core.probe_hash(raw.slot, raw.page);
    this.#view.setUint32(entry.record + L.BLOCK_NEXT, this.#view.getUint32(head, true), true);
    this.#view.setUint32(head, entry.record, true);
    return entry;
  }

  #unlink(entry: Entry): void {
    const v = this.#view;
    let link = this.#core.probe_hash(entry.raw.slot, entry.raw.page);
    for (let at = v.getUint32(link, true); at !== 0; link = at + L.BLOCK_NEXT, at = v.getUint32(link, true)) {
      if (at !== entry.record) continue;
      v.setUint32(link, v.getUint32(at + L.BLOCK_NEXT, true), true);
      break;
    }
    const same = (this.#blocks.get(entry.raw.slot) as Entry[]).filter((other) => other !== entry);
    if (same.length > 0) this.#blocks.set(entry.raw.slot, same);
    else this.#blocks.delete(entry.raw.slot);
    const ppn = entry.raw.frame / 4096;
    const frame = this.#frames.get(ppn) as Set<Entry>;
    frame.delete(entry);
    if (frame.size === 0) this.#frames.delete(ppn);
    this.#byRecord.delete(entry.record);
  }

  /** Code in [offset, offset + size) of physical page `ppn` was written; -1: all code is gone. */
  invalidate(ppn: number, offset: number, size: number): void {
    this.#core.probe_settle();
    if (ppn === -1) {
      this.clear();
      return;
    }
    for (const entry of [...(this.#frames.get(ppn >>> 0) ?? [])]) {
      const { instructions } = entry.raw;
      const first = (instructions[0] as BlockInstruction).offset;
      const last = instructions[instructions.length - 1] as BlockInstruction;
      if (last.offset + last.decoded.length <= offset || first >= offset + size) continue;
      this.#unlink(entry);
      this.#host.dropped(entry.raw);
      // what is left of a block that was written to is another block
      this.#eachHart((hart) => {
        if (this.#inside(hart) === entry.record) this.#view.setUint32(hart + L.PROBE_LEFT - L.STATE, 0, true);
      });
    }
  }

  /** Asks anew what is wanted in each block; those where nothing changed stay as they are. */
  refresh(): void {
    for (const entry of [...this.#byRecord.values()]) {
      // the memory was full meanwhile, and all blocks went
      if (this.#byRecord.get(entry.record) !== entry) continue;
      const probes = this.#host.instrument(entry.raw);
      if (probes === entry.probes) continue;
      const inside: number[] = [];
      this.#eachHart((hart) => {
        if (this.#inside(hart) === entry.record) inside.push(hart);
      });
      this.#unlink(entry);
      const made = this.#add(entry.raw, probes);
      for (const hart of inside) this.#view.setUint32(hart + L.PROBE_BLOCK - L.STATE, made.record, true);
      this.#host.changed(entry.raw);
    }
  }

  /** Drops all blocks. */
  clear(): void {
    const inside: [number, RawBlock][] = [];
    this.#eachHart((hart) => {
      const entry = this.#byRecord.get(this.#inside(hart));
      if (entry) inside.push([hart, entry.raw]);
    });
    const bytes = new Uint8Array(this.#memory.buffer);
    bytes.fill(0, this.#step - 4 * L.PROBE_TABLE_ENTRIES, this.#step);
    this.#next = this.#start;
    this.#blocks.clear();
    this.#frames.clear();
    this.#byRecord.clear();
    this.#shared.clear();
    this.#single.clear();
    this.#host.dropped(undefined);
    for (const [hart, raw] of inside) {
      const { record } = this.#add(raw, this.#host.instrument(raw));
      this.#view.setUint32(hart + L.PROBE_BLOCK - L.STATE, record, true);
    }
  }

  /** Record of the block that the hart with state at `hart` is inside of; 0 between blocks. */
  #inside(hart: number): number {
    const under = L.PROBE_LEFT - L.STATE;
    const done = L.PROBE_DONE - L.STATE;
    if (this.#view.getUint32(hart + under, true) === 0 && this.#view.getUint32(hart + done, true) === 0) return 0;
    return this.#view.getUint32(hart + L.PROBE_BLOCK - L.STATE, true);
  }
  #eachHart(each: (hart: number) => void): void {
    const harts = this.#view.getUint32(L.HART_COUNT, true);
    for (let h = 0; h < harts; h++) each(this.#core.hart_address(h));
  }

  // --- records --------------------------------------------------------------------------------------
  #write(record: number, raw: RawBlock, probes: BlockProbes): Entry {
    const v = this.#view;
    const count = raw.instructions.length;
    v.setUint32(record + L.BLOCK_NEXT, 0, true);
    v.setUint32(record + L.BLOCK_SLOT, raw.slot, true);
    v.setBigUint64(record + L.BLOCK_PAGE, raw.page, true);
    v.setUint32(record + L.BLOCK_COUNT, count, true);
    let at = record + L.BLOCK_INSTRUCTIONS + count * L.INSTRUCTION_SIZE;
    const list = (ops: readonly AccessProbe[] | undefined, index: number, phase: number): number => {
      if (!ops || ops.length === 0) return 0;
      const key = sharing(ops);
      const known = key === undefined ? undefined : this.#shared.get(key);
      if (known !== undefined) return known;
      const first = at;
      for (const { op, direction, io, memory } of ops) {
        const bits = DIRECTIONS[direction] | (io ? 4 : 0) | (memory ? 8 : 0);
        this.#writeOp(at, op, record, index, phase, bits);
        at += L.OP_SIZE;
      }
      v.setUint32(at, 0, true);
      at += LIST_END;
      if (key !== undefined && record >= this.#start) this.#shared.set(key, first);
      return first;
    };
    const before = (ops: readonly ProbeOp[] | undefined, index: number, phase: number): number => {
      const [only] = ops ?? [];
      if (!ops || !only) return 0;
      const known = ops.length === 1 ? this.#single.get(only) : undefined;
      if (known !== undefined) return known;
      const made = list(always(ops), index, phase);
      if (ops.length === 1 && isShared(only) && record >= this.#start) this.#single.set(only, made);
      return made;
    };
    v.setUint32(record + L.BLOCK_OPS, before(probes.block, 0, L.PHASE_BLOCK), true);
    const sum = sumOf(probes);
    v.setUint32(record + L.BLOCK_SUM, sum ? before(sum, 0, L.PHASE_BLOCK) || this.#nothing : 0, true);
    for (let i = 0; i < count; i++) {
      const { offset, decoded } = raw.instructions[i] as BlockInstruction;
      const entry = record + L.BLOCK_INSTRUCTIONS + i * L.INSTRUCTION_SIZE;
      v.setUint32(entry + L.INSTRUCTION_EXEC, before(probes.exec[i], i, L.PHASE_EXEC), true);
      v.setUint32(entry + L.INSTRUCTION_ACCESS, list(probes.access[i], i, L.PHASE_ACCESS), true);
      v.setUint16(entry + L.INSTRUCTION_OFFSET, offset, true);
      v.setUint8(entry + L.INSTRUCTION_LENGTH, decoded.length);
      v.setUint8(entry + L.INSTRUCTION_SIGNED, signExtends(decoded) ? 1 : 0);
    }
    return { record, raw, probes, end: Math.ceil(at / 16) * 16 };
  }

  /** What the JIT needs of a block. */
  #place({ record, raw, probes }: Entry): ProbedBlock {
    const list = (ops: readonly AccessProbe[] | undefined, pointer: number): PlacedOp[] => {
      const first = this.#view.getUint32(pointer, true);
      return (ops ?? []).map(({ op, direction, io }, i) => ({ op, address: first + i * L.OP_SIZE, direction, io }));
    };
    const instruction = (i: number): number => record + L.BLOCK_INSTRUCTIONS + i * L.INSTRUCTION_SIZE;
    return {
      record,
      block: list(always(probes.block), record + L.BLOCK_OPS),
      exec: raw.instructions.map((_, i) => list(always(probes.exec[i]), instruction(i) + L.INSTRUCTION_EXEC)),
      access: raw.instructions.map((_, i) => list(probes.access[i], instruction(i) + L.INSTRUCTION_ACCESS)),
      instructions: raw.instructions,
    };
  }

  #writeOp(at: number, op: ProbeOp, record: number, index: number, phase: number, direction: number): void {
    const v = this.#view;
    const word = (field: number, value: number): void => v.setUint32(at + field, value, true);
    word(L.OP_WHEN, op.when ? WHEN[op.when.is] : 0);
    if (op.when) {
      word(L.OP_WHEN_AT, op.when.counter.address);
      word(L.OP_WHEN_STRIDE, op.when.counter.stride);
      v.setBigUint64(at + L.OP_WHEN_VALUE, BigInt.asUintN(64, op.when.value), true);
    }
    word(L.OP_GUARD, op.guard ?? 0);
    word(L.OP_BLOCK, record);
    v.setUint16(at + L.OP_INDEX, index, true);
    v.setUint8(at + L.OP_PHASE, phase);
    v.setUint8(at + L.OP_DIRECTION, direction);
    v.setUint8(at + L.OP_SYNCED, op.kind === "call" && op.synced ? 1 : 0);
    const target = (call: CallTarget): void => word(L.OP_SLOT, call.slot);
    switch (op.kind) {
      case "add":
      case "store":
        word(L.OP_CODE, op.kind === "add" ? L.OP_ADD : L.OP_STORE);
        word(L.OP_AT, op.counter.address);
        word(L.OP_STRIDE, op.counter.stride);
        v.setBigUint64(at + L.OP_VALUE, BigInt.asUintN(64, op.value), true);
        word(L.OP_SLOT, 0);
        return;
      case "append":
        word(L.OP_CODE, L.OP_APPEND);
        word(L.OP_AT, op.buffer);
        word(L.OP_STRIDE, FIELDS[op.field]);
        word(L.OP_VALUE, op.tag);
        target(op.full);
        return;
      case "call":
        word(L.OP_CODE, op.signature === "access" ? L.OP_CALL_ACCESS : L.OP_CALL);
        word(L.OP_AT, op.target.dispatcher);
        word(L.OP_STRIDE, op.target.fn);
        word(L.OP_VALUE, op.tag);
        target(op.target);
    }
  }
}

function always(ops: readonly ProbeOp[] | undefined): AccessProbe[] | undefined {
  return ops && ops.length > 0 ? ops.map((op) => ({ op, direction: "both", io: false })) : undefined;
}

const isShared = (op: ProbeOp): op is ProbeOp & CounterOp => op.kind === "add" || op.kind === "store";

/**
 * Names a list that means the same wherever it stands, so that one copy serves: counting, in cold code, is a matter of how much
 * memory it goes through. Calls and buffers need to know where they are.
 */
function sharing(ops: readonly AccessProbe[]): string | undefined {
  let key = "";
  for (const { op, direction, io, memory } of ops) {
    if (!isShared(op)) return undefined;
    const { counter, when } = op;
    key += `${op.kind},${counter.address},${counter.stride},${op.value},${direction},${io},${memory},${op.guard}`;
    if (when) key += `,${when.is},${when.counter.address},${when.counter.stride},${when.value}`;
    key += ";";
  }
  return key;
}

/** What all ops before instructions count in a block, where that is all that its instructions' probes do. */
function sumOf({ exec, access }: BlockProbes): ProbeOp[] | undefined {
  if (access.some((list) => list && list.length > 0)) return undefined;
  const sums = new Map<number, CounterOp>();
  for (const list of exec) {
    for (const op of list ?? []) {
      if (op.kind !== "add" || op.when || op.guard !== undefined) return undefined;
      const known = sums.get(op.counter.address);
      if (known && known.counter.stride !== op.counter.stride) return undefined;
      if (known) known.value += op.value;
      else sums.set(op.counter.address, { kind: "add", counter: op.counter, value: op.value });
    }
  }
  return sums.size > MOST_SUMS ? undefined : [...sums.values()];
}

function sizeOf(raw: RawBlock, probes: BlockProbes): number {
  let bytes = L.BLOCK_INSTRUCTIONS + raw.instructions.length * L.INSTRUCTION_SIZE + MOST_SUMS * L.OP_SIZE + LIST_END;
  for (const list of [probes.block, ...probes.exec, ...probes.access])
    if (list && list.length > 0) bytes += list.length * L.OP_SIZE + LIST_END;
  return Math.ceil(bytes / 16) * 16;
}
