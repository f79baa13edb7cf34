// Turns expressions into WebAssembly instructions. What an operand is (a field of a decoded op, a local, a constant)
// is the tier's own; the rest is the same for all.
import type { Expr } from "../isa/expr.js";
import type { Bytes } from "../wasm/bytes.js";
import type { FunctionBody } from "../wasm/module.js";
import { I32, OP, type ValueType, VOID } from "../wasm/opcodes.js";

/** log2 of the natural alignment a memory opcode may claim; guest accesses claim none, as they may be misaligned. */
const UNALIGNED = 0;

/** Function indexes of core functions by name. */
export interface CoreIndexes {
  get(name: string): number | undefined;
}

export abstract class Emitter {
  readonly body: FunctionBody;
  readonly code: Bytes;
  protected readonly core: CoreIndexes;

  constructor(body: FunctionBody, core: CoreIndexes) {
    this.body = body;
    this.code = body.code;
    this.core = core;
  }

  /** Emits the value of a named operand. */
  protected abstract emitOperand(name: string): void;

  emit(e: Expr): void {
    switch (e.kind) {
      case "local":
        this.get(e.op);
        return;
      case "const":
        if (e.type === I32) this.i32(Number(e.value));
        else this.i64(e.value);
        return;
      case "op":
        for (let i = 0; i < e.args.length; i++) this.emit(e.args[i] as Expr);
        this.op(e.op);
        return;
      case "pushed":
        return;
      case "operand":
        this.emitOperand(e.name);
        return;
      case "host":
        this.emit(e.args[0] as Expr);
        this.memory(e.op, Number(e.value));
        return;
      case "call":
        for (const a of e.args) this.emit(a);
        this.callCore(e.name);
        return;
    }
  }

  op(opcode: number): void {
    if (opcode > 0xff) {
      this.code.u8(opcode >> 8);
      this.code.u32(opcode & 0xff);
    } else this.code.u8(opcode);
  }
  i32(value: number): void {
    this.code.u8(OP.i32_const);
    this.code.i32(value);
  }
  i64(value: number | bigint): void {
    this.code.u8(OP.i64_const);
    this.code.i64(value);
  }
  get(local: number): void {
    this.code.u8(OP.local_get);
    this.code.u32(local);
  }
  set(local: number): void {
    this.code.u8(OP.local_set);
    this.code.u32(local);
  }
  tee(local: number): void {
    this.code.u8(OP.local_tee);
    this.code.u32(local);
  }
  /** A load or store opcode with its static offset. */
  memory(opcode: number, offset: number): void {
    this.code.u8(opcode);
    this.code.u8(UNALIGNED);
    this.code.u32(offset);
  }
  /** Loads a word of hart or machine state. */
  loadState(opcode: number, address: number): void {
    this.i32(0);
    this.memory(opcode, address);
  }
  /** Stores what `value` pushes to a word of hart or machine state. */
  storeState(opcode: number, address: number, value: () => void): void {
    this.i32(0);
    value();
    this.memory(opcode, address);
  }
  /** Stores four words, the first at a multiple of 16. */
  storeWords(address: number, words: readonly [number, number, number, number]): void {
    this.i32(0);
    this.op(OP.v128_const);
    for (const word of words) for (let shift = 0; shift < 32; shift += 8) this.code.u8((word >>> shift) & 0xff);
    this.op(OP.v128_store);
    this.code.u8(UNALIGNED);
    this.code.u32(address);
  }
  callCore(name: string): void {
    const index = this.core.get(name);
    if (index === undefined) throw new Error(`no core function ${name}`);
    this.call(index);
  }
  call(index: number): void {
    this.code.u8(OP.call);
    this.code.u32(index);
  }
  returnCall(index: number): void {
    this.code.u8(OP.return_call);
    this.code.u32(index);
  }
  block(): void {
    this.code.u8(OP.block);
    this.code.u8(VOID);
  }
  if(): void {
    this.code.u8(OP.if);
    this.code.u8(VOID);
  }
  else(): void {
    this.code.u8(OP.else);
  }
  end(): void {
    this.code.u8(OP.end);
  }
  /** Ends what `if` began. */
  close(): void {
    this.end();
  }
  br(depth: number): void {
    this.code.u8(OP.br);
    this.code.u32(depth);
  }
  brIf(depth: number): void {
    this.code.u8(OP.br_if);
    this.code.u32(depth);
  }
  local(type: ValueType): number {
    return this.body.local(type);
  }
}

/** The load opcode for a guest access, giving i64. */
export function loadOpcode(size: 1 | 2 | 4 | 8, signed: boolean): number {
  switch (size) {
    case 1:
      return signed ? OP.i64_load8_s : OP.i64_load8_u;
    case 2:
      return signed ? OP.i64_load16_s : OP.i64_load16_u;
    case 4:
      return signed ? OP.i64_load32_s : OP.i64_load32_u;
    case 8:
      return OP.i64_load;
  }
}
/** The store opcode for a guest access of an i64. */
export function storeOpcode(size: 1 | 2 | 4 | 8): number {
  return { 1: OP.i64_store8, 2: OP.i64_store16, 4: OP.i64_store32, 8: OP.i64_store }[size];
}
/** Sign-extension of a zero-extended i64 of `size` bytes, or undefined when none is needed. */
export function extendOpcode(size: 1 | 2 | 4 | 8, signed: boolean): number | undefined {
  if (!signed) return undefined;
  return { 1: OP.i64_extend8_s, 2: OP.i64_extend16_s, 4: OP.i64_extend32_s, 8: undefined }[size];
}
