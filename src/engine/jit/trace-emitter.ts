// What a region does for the recorders. Inline plan: the rows of a block are claimed at its start (or the block is left to
// the interpreter, which sees to full batches), written with constant offsets, and published when the region is left. What is
// known of them when the block begins is written then, several rows at a time. Call plan: one call of the core per access, and
// a look whether it asked the machine to stop. See core/trace/layout.ts.
import * as L from "../../core/layout.js";
import * as T from "../../core/trace/layout.js";
import { I32, I64, OP } from "../../wasm/opcodes.js";
import type { Emitter } from "../emitter.js";
import { accessKinds, accessSize } from "./accesses.js";
import { LocalPool } from "./local-pool.js";
import type { Block } from "./region.js";
import type { TracePlan } from "./trace-plan.js";

const LEFT = 1;
const PAGE_OFFSET_MASK = 4095;
const COLUMNS_2 = [T.COLUMN_REGION, T.COLUMN_DEVICE, T.COLUMN_REGISTER, T.COLUMN_FIELD, T.COLUMN_FLAGS];
const COLUMNS_8 = [T.COLUMN_ICOUNT, T.COLUMN_PC, T.COLUMN_VADDR, T.COLUMN_PADDR, T.COLUMN_OFFSET, T.COLUMN_VALUE];
const STORE = { 1: OP.i32_store8, 2: OP.i32_store16, 4: OP.i32_store, 8: OP.i64_store } as const;
/** Of the low bytes of an i64. */
const STORE_LOW = { 1: OP.i64_store8, 2: OP.i64_store16, 4: OP.i64_store32, 8: OP.i64_store } as const;

/** An access that the TLB settled; numbers but kind, size, offset and done are locals. */
export interface Access {
  kind: number;
  va: number;
  /** Loaded or stored value; bits above `size` do not count. */
  value: number;
  size: 1 | 2 | 4 | 8;
  /** TLB entry. */
  entry: number;
  /** Accesses that have the entry in common have this in common, and nobody else. */
  group?: object | undefined;
  /** Page offset of the instruction. */
  offset: number;
  /** Instructions of the block before it. */
  done: number;
}

/** What is known of a row before the access. */
interface Row {
  readonly kind: number;
  readonly size: number;
}

export class TraceEmitter {
  readonly #m: Emitter;
  readonly #plan: TracePlan;
  // locals, made when first needed
  readonly #locals = new Map<string, number>();
  /** What is the same for all accesses of a group, by group and name: locals. */
  readonly #shared = new Map<object, Map<string, number>>();
  readonly #blockLocals: LocalPool;
  #rows = 0;
  #appended = 0;
  #called = false;
  /** Whether any block appends rows. */
  readonly #inRegion: boolean;

  constructor(emitter: Emitter, plan: TracePlan, blocks: Iterable<Block>) {
    this.#m = emitter;
    this.#plan = plan;
    this.#blockLocals = new LocalPool(emitter);
    this.#inRegion = [...blocks].some((block) => this.#rowsOf(block).length > 0);
  }

  /** Whether a record may ask the region to leave. */
  get mayStop(): boolean {
    return this.#plan.mode === "call";
  }

  #wanted(kind: number): boolean {
    return ((this.#plan.kinds >>> kind) & 1) !== 0;
  }
  #local(name: string, type: typeof I32 | typeof I64): number {
    let index = this.#locals.get(name);
    if (index === undefined) {
      index = this.#m.local(type);
      this.#locals.set(name, index);
    }
    return index;
  }
  #column(id: number): number | undefined {
    return this.#plan.mode === "inline" ? this.#plan.columns[id] : undefined;
  }

  /** The rows a block appends when it runs to its end. */
  #rowsOf({ instructions }: Block): Row[] {
    if (this.#plan.mode !== "inline") return [];
    return instructions.flatMap(({ decoded }) =>
      accessKinds(decoded)
        .filter((kind) => this.#wanted(kind))
        .map((kind) => ({ kind, size: accessSize(decoded) })),
    );
  }

  // The next row is told by where its bytes are in a column of width 1, but for the column's offset. Other widths follow from it.

  /** At the region's entry: the recorder's place comes into locals. */
  enter(): void {
    if (this.#plan.mode !== "inline" || !this.#inRegion) return;
    const m = this.#m;
    const d = this.#plan.descriptor;
    const base = this.#local("base", I32);
    m.loadState(OP.i32_load, d + T.REC_BASE);
    m.tee(base);
    m.loadState(OP.i32_load, d + T.REC_ROW);
    m.op(OP.i32_add);
    m.set(this.#local("b1", I32));
    m.get(base);
    m.loadState(OP.i32_load, d + T.REC_LIMIT);
    m.op(OP.i32_add);
    m.set(this.#local("limit", I32));
  }

  /** At each exit: the rows that were appended are published. */
  exit(): void {
    if (this.#plan.mode !== "inline" || !this.#inRegion) return;
    const m = this.#m;
    m.storeState(OP.i32_store, this.#plan.descriptor + T.REC_ROW, () => {
      m.get(this.#local("b1", I32));
      m.get(this.#local("base", I32));
      m.op(OP.i32_sub);
    });
  }

  /** Sees to it that the batch has room for a block's rows; `leave` emits the way out when it has not. */
  beginBlock(block: Block, leave: () => void): void {
    const rows = this.#rowsOf(block);
    this.#appended = 0;
    this.#rows = rows.length;
    this.#shared.clear();
    this.#blockLocals.reset();
    if (rows.length === 0) return;
    const m = this.#m;
    const b1 = this.#local("b1", I32);
    m.get(b1);
    m.i32(rows.length);
    m.op(OP.i32_add);
    m.get(this.#local("limit", I32));
    m.op(OP.i32_gt_u);
    m.if();
    leave();
    m.close();
    this.#place(2, COLUMNS_2);
    this.#place(8, COLUMNS_8);
    if (this.#column(T.COLUMN_ICOUNT) !== undefined) {
      m.loadState(OP.i64_load, L.SLICE_END);
      m.get(LEFT);
      m.op(OP.i64_extend_i32_s);
      m.op(OP.i64_sub);
      m.set(this.#local("icount", I64));
    }
    if (this.#column(T.COLUMN_PC) !== undefined) {
      m.loadState(OP.i64_load, L.PAGE_VA);
      m.set(this.#local("page", I64));
    }
    this.#constants(T.COLUMN_SIZE, 1, rows, ({ size }) => size);
    this.#constants(T.COLUMN_KIND, 1, rows, ({ kind }) => kind);
    this.#constants(T.COLUMN_DIRECTION, 1, rows, ({ kind }) => (T.WRITE_KINDS >>> kind) & 1);
    // registers and fields are devices', which the TLB never settles; nothing is re-mapped in a region
    for (const column of [T.COLUMN_REGISTER, T.COLUMN_FIELD, T.COLUMN_FLAGS]) this.#constants(column, 2, rows, () => 0);
    this.#repeated(T.COLUMN_HART, L.CURRENT_HART, rows.length);
    this.#repeated(T.COLUMN_PRIVILEGE, L.PRIV, rows.length);
  }

  /** Where the next row is in columns of so many bytes, if any of them is asked for: width * b1 - (width - 1) * base. */
  #place(width: 2 | 8, columns: readonly number[]): void {
    if (!columns.some((id) => this.#column(id) !== undefined)) return;
    const m = this.#m;
    m.get(this.#local("b1", I32));
    m.i32(Math.log2(width));
    m.op(OP.i32_shl);
    m.get(this.#local("base", I32));
    if (width > 2) {
      m.i32(width - 1);
      m.op(OP.i32_mul);
    }
    m.op(OP.i32_sub);
    m.set(this.#local(`b${width}`, I32));
  }

  /** Writes a column of so many bytes of the block's rows. */
  #constants(id: number, width: 1 | 2, rows: readonly Row[], of: (row: Row) => number): void {
    const column = this.#column(id);
    if (column === undefined) return;
    const bytes = new DataView(new ArrayBuffer(width * rows.length));
    rows.forEach((row, i) => (width === 1 ? bytes.setUint8(i, of(row)) : bytes.setUint16(2 * i, of(row), true)));
    this.#wide(bytes.byteLength, (at, size) => {
      this.#m.get(this.#local(`b${width}`, I32));
      if (size === 8) this.#m.i64(bytes.getBigInt64(at, true));
      else
        this.#m.i32(size === 4 ? bytes.getInt32(at, true) : size === 2 ? bytes.getInt16(at, true) : bytes.getInt8(at));
      this.#m.memory(STORE[size], column + at);
    });
  }
  /** Writes a word of hart state that fits a byte to all rows of the block. */
  #repeated(id: number, word: number, rows: number): void {
    const column = this.#column(id);
    if (column === undefined) return;
    const m = this.#m;
    const value = this.#local("repeated", I64);
    m.loadState(OP.i64_load32_u, word);
    m.i64(0x0101010101010101n);
    m.op(OP.i64_mul);
    m.set(value);
    this.#wide(rows, (at, size) => {
      m.get(this.#local("b1", I32));
      m.get(value);
      m.memory(STORE_LOW[size], column + at);
    });
  }
  /** Cuts `bytes` into pieces that one store writes. */
  #wide(bytes: number, store: (at: number, size: 1 | 2 | 4 | 8) => void): void {
    for (let at = 0; at < bytes; ) {
      const left = bytes - at;
      const size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
      store(at, size);
      at += size;
    }
  }

  endBlock(): void {
    this.#advance(this.#rows);
    this.#rows = 0;
  }

  /** Before any way out in the middle of a block. */
  leave(): void {
    this.#advance(this.#appended);
  }

  #advance(rows: number): void {
    if (rows === 0) return;
    const m = this.#m;
    const b1 = this.#local("b1", I32);
    m.get(b1);
    m.i32(rows);
    m.op(OP.i32_add);
    m.set(b1);
  }

  record(access: Access): void {
    if (!this.#wanted(access.kind)) return;
    if (this.#plan.mode === "inline") this.#append(access);
    else this.#call(access);
  }

  #value({ value, size }: Access): void {
    this.#m.get(value);
    if (size === 8) return;
    this.#m.i64(2 ** (8 * size) - 1);
    this.#m.op(OP.i64_and);
  }

  #call(access: Access): void {
    const m = this.#m;
    m.storeState(OP.i32_store, L.LEFT, () => {
      m.get(LEFT);
      m.i32(access.done);
      m.op(OP.i32_sub);
    });
    m.i32(access.kind);
    m.get(access.va);
    this.#value(access);
    m.i32(access.size);
    m.get(access.entry);
    m.loadState(OP.i64_load, L.PAGE_VA);
    m.i64(access.offset);
    m.op(OP.i64_add);
    m.callCore("trace_fast");
    this.#called = true;
  }

  /** Once the instruction's results are in place: `stop` emits the way out when a record asked the machine to stop. */
  endInstruction(stop: () => void): void {
    if (!this.#called) return;
    this.#called = false;
    this.#m.loadState(OP.i32_load, L.EXIT_REQUEST);
    this.#m.if();
    stop();
    this.#m.close();
  }

  #append(access: Access): void {
    const m = this.#m;
    const at = this.#appended++;
    const put = (id: number, width: 2 | 8, opcode: number, value: () => void): void => {
      const column = this.#column(id);
      if (column === undefined) return;
      m.get(this.#local(`b${width}`, I32));
      value();
      m.memory(opcode, column + at * width);
    };
    const cold = (field: number): void => {
      m.get(access.entry);
      m.memory(OP.i32_load, L.TLB_FULL_DELTA + field);
    };
    /** To be added to a virtual address. */
    const fromVirtual = (base: () => void) => (): void => {
      base();
      m.get(access.va);
      m.i64(-1 - PAGE_OFFSET_MASK);
      m.op(OP.i64_and);
      m.op(OP.i64_sub);
    };
    put(T.COLUMN_ICOUNT, 8, OP.i64_store, () => {
      m.get(this.#local("icount", I64));
      m.i64(access.done);
      m.op(OP.i64_add);
    });
    put(T.COLUMN_PC, 8, OP.i64_store, () => {
      m.get(this.#local("page", I64));
      m.i64(access.offset);
      m.op(OP.i64_add);
    });
    put(T.COLUMN_VADDR, 8, OP.i64_store, () => m.get(access.va));
    put(T.COLUMN_PADDR, 8, OP.i64_store, () => {
      m.get(access.va);
      this.#common(
        access,
        "physical",
        I64,
        fromVirtual(() => {
          m.get(access.entry);
          m.memory(OP.i64_load32_u, L.TLB_PPN);
          m.i64(12);
          m.op(OP.i64_shl);
        }),
      );
      m.op(OP.i64_add);
    });
    put(T.COLUMN_REGION, 2, OP.i32_store16, () => this.#common(access, "region", I32, () => cold(L.FULL_REGION)));
    put(T.COLUMN_DEVICE, 2, OP.i32_store16, () => this.#common(access, "device", I32, () => cold(L.FULL_DEVICE)));
    put(T.COLUMN_OFFSET, 8, OP.i64_store, () => {
      m.get(access.va);
      this.#common(
        access,
        "offset",
        I64,
        fromVirtual(() => {
          m.get(access.entry);
          m.memory(OP.i64_load, L.TLB_FULL_DELTA + L.FULL_OFFSET);
        }),
      );
      m.op(OP.i64_add);
    });
    put(T.COLUMN_VALUE, 8, OP.i64_store, () => this.#value(access));
  }

  /** Pushes what is the same for all accesses of a group: it is found at the first one. */
  #common({ group }: Access, name: string, type: typeof I32 | typeof I64, find: () => void): void {
    if (group === undefined) {
      find();
      return;
    }
    const shared = this.#shared.get(group) ?? new Map<string, number>();
    this.#shared.set(group, shared);
    const known = shared.get(name);
    if (known !== undefined) {
      this.#m.get(known);
      return;
    }
    const index = this.#blockLocals.take(type);
    shared.set(name, index);
    find();
    this.#m.tee(index);
  }
}
