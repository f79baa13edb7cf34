// The typed expressions that instruction semantics are written in. An expression is pure: reading an operand,
// constants and WebAssembly operators on them. Effects (writing a register, touching guest memory, leaving) are
// methods of Semantics. One class with fixed fields, so that the JIT's tree walks stay monomorphic.
import { F32, F64, I32, I64, OP, type ValueType } from "../wasm/opcodes.js";

export type ExprKind = "const" | "op" | "local" | "host" | "call" | "operand" | "pushed";

export class Expr {
  readonly kind: ExprKind;
  readonly type: ValueType;
  /** Opcode (op, host), local index (local). */
  readonly op: number;
  /** Constant value, or the byte offset of a host load. */
  readonly value: number | bigint;
  /** Operand or core function. */
  readonly name: string;
  readonly args: readonly Expr[];

  constructor(
    kind: ExprKind,
    type: ValueType,
    op: number,
    value: number | bigint,
    name: string,
    args: readonly Expr[],
  ) {
    this.kind = kind;
    this.type = type;
    this.op = op;
    this.value = value;
    this.name = name;
    this.args = args;
  }
}

const NONE: readonly Expr[] = [];

export const i32 = (value: number): Expr => new Expr("const", I32, 0, value | 0, "", NONE);
export const i64 = (value: number | bigint): Expr => new Expr("const", I64, 0, value, "", NONE);
const SMALL = 2048;
const small: (Expr | undefined)[] = new Array(2 * SMALL);
/** As `i64`; the immediates most instructions have are made once. */
export function immediate(value: number): Expr {
  if (value < -SMALL || value >= SMALL) return i64(value);
  const known = small[value + SMALL] ?? i64(value);
  small[value + SMALL] = known;
  return known;
}
export const operand = (name: string, type: ValueType): Expr => new Expr("operand", type, 0, 0, name, NONE);
export const local = (index: number, type: ValueType): Expr => new Expr("local", type, index, 0, "", NONE);
/** What has just been pushed: good for one use, as the first thing of what comes next. */
export const PUSHED_I64 = new Expr("pushed", I64, 0, 0, "", NONE);
/** A load from the session's memory (hart state, TLB entries), not from guest memory. */
export const host = (op: number, type: ValueType, address: Expr, offset: number): Expr =>
  new Expr("host", type, op, offset, "", [address]);
/** A call of a core function; `type` is its result. */
export const call = (name: string, type: ValueType, ...args: Expr[]): Expr => new Expr("call", type, 0, 0, name, args);

const op = (code: number, type: ValueType, ...args: Expr[]): Expr => new Expr("op", type, code, 0, "", args);
const isConst = (e: Expr, value: number): boolean => e.kind === "const" && Number(e.value) === value;
const signed = (e: Expr): bigint => BigInt.asIntN(64, BigInt(e.value));

// 64-bit integers
export function add(a: Expr, b: Expr): Expr {
  if (isConst(b, 0)) return a;
  if (isConst(a, 0)) return b;
  if (a.kind === "const" && b.kind === "const") return i64(BigInt.asIntN(64, signed(a) + signed(b)));
  return op(OP.i64_add, I64, a, b);
}
export function sub(a: Expr, b: Expr): Expr {
  return isConst(b, 0) ? a : op(OP.i64_sub, I64, a, b);
}
export const mul = (a: Expr, b: Expr): Expr => op(OP.i64_mul, I64, a, b);
export const divS = (a: Expr, b: Expr): Expr => op(OP.i64_div_s, I64, a, b);
export const divU = (a: Expr, b: Expr): Expr => op(OP.i64_div_u, I64, a, b);
export const remS = (a: Expr, b: Expr): Expr => op(OP.i64_rem_s, I64, a, b);
export const remU = (a: Expr, b: Expr): Expr => op(OP.i64_rem_u, I64, a, b);
export function and(a: Expr, b: Expr): Expr {
  if (isConst(b, -1)) return a;
  return op(OP.i64_and, I64, a, b);
}
export function or(a: Expr, b: Expr): Expr {
  if (isConst(b, 0)) return a;
  if (isConst(a, 0)) return b;
  return op(OP.i64_or, I64, a, b);
}
export function xor(a: Expr, b: Expr): Expr {
  return isConst(b, 0) ? a : op(OP.i64_xor, I64, a, b);
}
export const not = (a: Expr): Expr => op(OP.i64_xor, I64, a, i64(-1));
/** Shift amounts are taken modulo 64 by WebAssembly, as RISC-V asks. */
export const shl = (a: Expr, b: Expr): Expr => (isConst(b, 0) ? a : op(OP.i64_shl, I64, a, b));
export const shrS = (a: Expr, b: Expr): Expr => (isConst(b, 0) ? a : op(OP.i64_shr_s, I64, a, b));
export const shrU = (a: Expr, b: Expr): Expr => (isConst(b, 0) ? a : op(OP.i64_shr_u, I64, a, b));
export const rotl = (a: Expr, b: Expr): Expr => op(OP.i64_rotl, I64, a, b);
export const rotr = (a: Expr, b: Expr): Expr => op(OP.i64_rotr, I64, a, b);
export const clz = (a: Expr): Expr => op(OP.i64_clz, I64, a);
export const ctz = (a: Expr): Expr => op(OP.i64_ctz, I64, a);
export const popcnt = (a: Expr): Expr => op(OP.i64_popcnt, I64, a);
export const extend8 = (a: Expr): Expr => op(OP.i64_extend8_s, I64, a);
export const extend16 = (a: Expr): Expr => op(OP.i64_extend16_s, I64, a);
export const extend32 = (a: Expr): Expr => op(OP.i64_extend32_s, I64, a);

// comparisons give i32 0 or 1
export const eq = (a: Expr, b: Expr): Expr => (isConst(b, 0) ? eqz(a) : op(OP.i64_eq, I32, a, b));
export const ne = (a: Expr, b: Expr): Expr => op(OP.i64_ne, I32, a, b);
export const ltS = (a: Expr, b: Expr): Expr => op(OP.i64_lt_s, I32, a, b);
export const ltU = (a: Expr, b: Expr): Expr => op(OP.i64_lt_u, I32, a, b);
export const geS = (a: Expr, b: Expr): Expr => op(OP.i64_ge_s, I32, a, b);
export const geU = (a: Expr, b: Expr): Expr => op(OP.i64_ge_u, I32, a, b);
export const eqz = (a: Expr): Expr => op(OP.i64_eqz, I32, a);

// 32-bit integers
export const wrap = (a: Expr): Expr => {
  if (a.kind === "const") return i32(Number(BigInt.asIntN(32, BigInt(a.value))));
  return op(OP.i32_wrap_i64, I32, a);
};
export const sext = (a: Expr): Expr => op(OP.i64_extend_i32_s, I64, a);
export const zext = (a: Expr): Expr => op(OP.i64_extend_i32_u, I64, a);
export const add32 = (a: Expr, b: Expr): Expr => (isConst(b, 0) ? a : op(OP.i32_add, I32, a, b));
export const sub32 = (a: Expr, b: Expr): Expr => op(OP.i32_sub, I32, a, b);
export const mul32 = (a: Expr, b: Expr): Expr => op(OP.i32_mul, I32, a, b);
export const divS32 = (a: Expr, b: Expr): Expr => op(OP.i32_div_s, I32, a, b);
export const divU32 = (a: Expr, b: Expr): Expr => op(OP.i32_div_u, I32, a, b);
export const remS32 = (a: Expr, b: Expr): Expr => op(OP.i32_rem_s, I32, a, b);
export const remU32 = (a: Expr, b: Expr): Expr => op(OP.i32_rem_u, I32, a, b);
export const and32 = (a: Expr, b: Expr): Expr => op(OP.i32_and, I32, a, b);
export const or32 = (a: Expr, b: Expr): Expr => op(OP.i32_or, I32, a, b);
export const xor32 = (a: Expr, b: Expr): Expr => op(OP.i32_xor, I32, a, b);
/** Shift amounts are taken modulo 32. */
export const shl32 = (a: Expr, b: Expr): Expr => op(OP.i32_shl, I32, a, b);
export const shrS32 = (a: Expr, b: Expr): Expr => op(OP.i32_shr_s, I32, a, b);
export const shrU32 = (a: Expr, b: Expr): Expr => op(OP.i32_shr_u, I32, a, b);
export const rotl32 = (a: Expr, b: Expr): Expr => op(OP.i32_rotl, I32, a, b);
export const rotr32 = (a: Expr, b: Expr): Expr => op(OP.i32_rotr, I32, a, b);
export const clz32 = (a: Expr): Expr => op(OP.i32_clz, I32, a);
export const ctz32 = (a: Expr): Expr => op(OP.i32_ctz, I32, a);
export const popcnt32 = (a: Expr): Expr => op(OP.i32_popcnt, I32, a);
export const eq32 = (a: Expr, b: Expr): Expr => op(OP.i32_eq, I32, a, b);
export const ne32 = (a: Expr, b: Expr): Expr => op(OP.i32_ne, I32, a, b);
export const eqz32 = (a: Expr): Expr => op(OP.i32_eqz, I32, a);
export const ltS32 = (a: Expr, b: Expr): Expr => op(OP.i32_lt_s, I32, a, b);
export const gtU32 = (a: Expr, b: Expr): Expr => op(OP.i32_gt_u, I32, a, b);

/** `condition ? a : b`, both evaluated. */
export const select = (condition: Expr, a: Expr, b: Expr): Expr => op(OP.select, a.type, a, b, condition);

/** Any other WebAssembly operator, for the floating-point fast paths. */
export const wasm = op;
/** Reinterpretations cancel, so that values stay in floating-point registers between operations. */
const reinterpret =
  (code: number, type: ValueType, inverse: number) =>
  (a: Expr): Expr =>
    a.kind === "op" && a.op === inverse ? (a.args[0] as Expr) : op(code, type, a);
export const bitsOfF64 = reinterpret(OP.i64_reinterpret_f64, I64, OP.f64_reinterpret_i64);
export const bitsOfF32 = reinterpret(OP.i32_reinterpret_f32, I32, OP.f32_reinterpret_i32);
export const asF64 = reinterpret(OP.f64_reinterpret_i64, F64, OP.i64_reinterpret_f64);
export const asF32 = reinterpret(OP.f32_reinterpret_i32, F32, OP.i32_reinterpret_f32);
