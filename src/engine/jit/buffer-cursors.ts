// Buffers of plugins that a region appends to with the cursor in a local. Room for all that a block may append is asked for at its
// beginning: a block that might fill a buffer is left to the interpreter, which has it drained at the very entry that fills
// it. So nobody is called for a buffer in here, entries of a block lie at constant distances, and only their fields are stored.
import * as L from "../../core/layout.js";
import { I32, OP } from "../../wasm/opcodes.js";
import type { Emitter } from "../emitter.js";
import type { AppendOp, ProbedBlock } from "../probe-ops.js";
import { callsAtEveryTurn } from "./counter-locals.js";

const MAX_BUFFERS = 4;
/** Of the room in a buffer a block may ask for one part in so many: the interpreter gets no more of the blocks than that. */
const SHARE = 8;

interface Cursor {
  local: number;
  /** Bytes appended since the local was right. */
  pending: number;
}

export class BufferCursors {
  readonly #m: Emitter;
  readonly #kept = new Map<number, Cursor>();

  constructor(emitter: Emitter, blocks: readonly ProbedBlock[]) {
    this.#m = emitter;
    for (const buffer of buffersToKeep(blocks)) this.#kept.set(buffer, { local: emitter.local(I32), pending: 0 });
  }

  has(buffer: number): boolean {
    return this.#kept.has(buffer);
  }

  load(): void {
    for (const [buffer, { local }] of this.#kept) {
      this.#m.loadState(OP.i32_load, buffer + L.BUFFER_CURSOR);
      this.#m.set(local);
    }
  }

  /** At exits, and before anybody is called. */
  write(): void {
    for (const [buffer, { local }] of this.#kept)
      this.#m.storeState(OP.i32_store, buffer + L.BUFFER_CURSOR, () => this.#m.get(local));
  }

  /** At the beginning of a block; `leave` emits the way out. */
  reserve(block: ProbedBlock, leave: () => void): void {
    const m = this.#m;
    for (const [buffer, cursor] of this.#kept) {
      cursor.pending = 0;
      const bytes = (appends(block).get(buffer)?.most ?? 0) * L.ENTRY_SIZE;
      if (bytes === 0) continue;
      m.get(cursor.local);
      m.i32(bytes);
      m.op(OP.i32_add);
      m.loadState(OP.i32_load, buffer + L.BUFFER_END);
      m.op(OP.i32_ge_u);
      m.if();
      leave();
      m.close();
    }
  }

  /** The place of the next entry: a local and the distance from it. */
  next(buffer: number): { local: number; offset: number } {
    const cursor = this.#kept.get(buffer) as Cursor;
    cursor.pending += L.ENTRY_SIZE;
    return { local: cursor.local, offset: cursor.pending - L.ENTRY_SIZE };
  }

  /** Puts right the locals; not for good where it is on a way out. */
  flush(forget: boolean): void {
    for (const cursor of this.#kept.values()) {
      if (cursor.pending === 0) continue;
      this.#m.get(cursor.local);
      this.#m.i32(cursor.pending);
      this.#m.op(OP.i32_add);
      this.#m.set(cursor.local);
      if (forget) cursor.pending = 0;
    }
  }
}

interface Appends {
  op: AppendOp;
  /** Entries that the block may append. */
  most: number;
}

/** Buffers that a block appends to. */
function appends(block: ProbedBlock): Map<number, Appends> {
  const all = new Map<number, Appends>();
  const add = (op: ProbedBlock["block"][number]["op"], times: number): void => {
    if (op.kind !== "append") return;
    const known = all.get(op.buffer) ?? { op, most: 0 };
    known.most += times;
    all.set(op.buffer, known);
  };
  for (const { op } of block.block) add(op, 1);
  for (const list of block.exec) for (const { op } of list) add(op, 1);
  block.access.forEach((list, i) => {
    const atomic = block.instructions[i]?.decoded.instruction.name.startsWith("amo");
    for (const { op, io } of list) if (!io) add(op, atomic ? 2 : 1);
  });
  return all;
}

export function buffersToKeep(blocks: readonly ProbedBlock[]): number[] {
  if (callsAtEveryTurn(blocks)) return [];
  const most = new Map<number, Appends>();
  for (const block of blocks) {
    for (const [buffer, found] of appends(block))
      if (found.most > (most.get(buffer)?.most ?? 0)) most.set(buffer, found);
  }
  const fitting = [...most].filter(([, { op, most: entries }]) => entries * SHARE <= op.entries);
  // with one that may be drained in the middle of a block, all are as they were
  return fitting.length === most.size && most.size <= MAX_BUFFERS ? [...most.keys()] : [];
}
