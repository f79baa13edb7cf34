// What a region does for the recorders. Inline plan: the rows of a block are claimed at its start (or the block is left to
// the interpreter, which sees to full batches), written with constant offsets, and published at its end. Call plan:
// one call of the core per access, and a look whether it asked the machine to stop. See core/trace/layout.ts.
import * as L from "../../core/layout.js";
import * as T from "../../core/trace/layout.js";
import { I32, I64, OP } from "../../wasm/opcodes.js";
import type { Emitter } from "../emitter.js";
import type { Block } from "./region.js";
import type { TracePlan } from "./trace-plan.js";

const LEFT = 1;
const PAGE_OFFSET_MASK = 4095;

/** An access that the TLB settled; numbers but kind, size, offset and done are locals. */
export interface Access {
  kind: number;
  va: number;
  /** Loaded or stored value; bits above `size` do not count. */
  value: number;
  size: 1 | 2 | 4 | 8;
  /** TLB entry. */
  entry: number;
  /** Page offset of the instruction. */
  offset: number;
  /** Instructions of the block before it. */
  done: number;
}

export class TraceEmitter {
  readonly #m: Emitter;
  readonly #plan: TracePlan;
  // locals, made when first needed
  readonly #locals = new Map<string, number>();
  #rows = 0;
  #appended = 0;
  #called = false;

  constructor(emitter: Emitter, plan: TracePlan) {
    this.#m = emitter;
    this.#plan = plan;
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

  /** Rows the block appends when it runs to its end. */
  #count(block: Block): number {
    let rows = 0;
    for (const { decoded } of block.instructions) {
      const { name, memory, format } = decoded.instruction;
      if (!memory) continue;
      if (name.startsWith("amo"))
        rows += (this.#wanted(L.KIND_AMO_READ) ? 1 : 0) + (this.#wanted(L.KIND_AMO_WRITE) ? 1 : 0);
      else if (this.#wanted(format === "s" ? L.KIND_STORE : L.KIND_LOAD)) rows++;
    }
    return rows;
  }

  /** Claims the rows of a block; `leave` emits the way out when the batch has no room for them. */
  beginBlock(block: Block, leave: () => void): void {
    this.#appended = 0;
    this.#rows = this.#plan.mode === "inline" ? this.#count(block) : 0;
    if (this.#rows === 0 || this.#plan.mode !== "inline") return;
    const m = this.#m;
    const d = this.#plan.descriptor;
    const row = this.#local("row", I32);
    m.loadState(OP.i32_load, d + T.REC_ROW);
    m.tee(row);
    m.i32(this.#rows);
    m.op(OP.i32_add);
    m.loadState(OP.i32_load, d + T.REC_LIMIT);
    m.op(OP.i32_gt_u);
    m.if();
    leave();
    m.close();
    const base = this.#local("b1", I32);
    m.loadState(OP.i32_load, d + T.REC_BASE);
    m.get(row);
    m.op(OP.i32_add);
    m.tee(base);
    m.get(row);
    m.op(OP.i32_add);
    m.set(this.#local("b2", I32));
    m.get(base);
    m.get(row);
    m.i32(7);
    m.op(OP.i32_mul);
    m.op(OP.i32_add);
    m.set(this.#local("b8", I32));
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
  }

  endBlock(): void {
    if (this.#rows > 0) this.#publish(this.#rows);
    this.#rows = 0;
  }

  /** Before any way out in the middle of a block. */
  leave(): void {
    if (this.#appended > 0) this.#publish(this.#appended);
  }

  #publish(rows: number): void {
    if (this.#plan.mode !== "inline") return;
    const m = this.#m;
    m.storeState(OP.i32_store, this.#plan.descriptor + T.REC_ROW, () => {
      m.get(this.#local("row", I32));
      m.i32(rows);
      m.op(OP.i32_add);
    });
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
    const put = (id: number, width: 1 | 2 | 8, opcode: number, value: () => void): void => {
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
    const pageOffset = (): void => {
      m.get(access.va);
      m.i64(PAGE_OFFSET_MASK);
      m.op(OP.i64_and);
    };
    const constant = (value: number) => (): void => m.i32(value);
    put(T.COLUMN_ICOUNT, 8, OP.i64_store, () => {
      m.get(this.#local("icount", I64));
      m.i64(access.done);
      m.op(OP.i64_add);
    });
    put(T.COLUMN_HART, 1, OP.i32_store8, () => m.loadState(OP.i32_load, L.CURRENT_HART));
    put(T.COLUMN_PRIVILEGE, 1, OP.i32_store8, () => m.loadState(OP.i32_load, L.PRIV));
    put(T.COLUMN_PC, 8, OP.i64_store, () => {
      m.get(this.#local("page", I64));
      m.i64(access.offset);
      m.op(OP.i64_add);
    });
    put(T.COLUMN_VADDR, 8, OP.i64_store, () => m.get(access.va));
    put(T.COLUMN_PADDR, 8, OP.i64_store, () => {
      m.get(access.entry);
      m.memory(OP.i64_load32_u, L.TLB_PPN);
      m.i64(12);
      m.op(OP.i64_shl);
      pageOffset();
      m.op(OP.i64_or);
    });
    put(T.COLUMN_REGION, 2, OP.i32_store16, () => cold(L.FULL_REGION));
    put(T.COLUMN_DEVICE, 2, OP.i32_store16, () => cold(L.FULL_DEVICE));
    // registers and fields are devices', which the TLB never settles
    put(T.COLUMN_REGISTER, 2, OP.i32_store16, constant(0));
    put(T.COLUMN_FIELD, 2, OP.i32_store16, constant(0));
    put(T.COLUMN_OFFSET, 8, OP.i64_store, () => {
      m.get(access.entry);
      m.memory(OP.i64_load, L.TLB_FULL_DELTA + L.FULL_OFFSET);
      pageOffset();
      m.op(OP.i64_add);
    });
    put(T.COLUMN_SIZE, 1, OP.i32_store8, constant(access.size));
    put(T.COLUMN_KIND, 1, OP.i32_store8, constant(access.kind));
    put(T.COLUMN_DIRECTION, 1, OP.i32_store8, constant((T.WRITE_KINDS >>> access.kind) & 1));
    put(T.COLUMN_VALUE, 8, OP.i64_store, () => this.#value(access));
    put(T.COLUMN_FLAGS, 2, OP.i32_store16, constant(0));
  }
}
