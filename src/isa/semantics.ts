// What an instruction may do. Each engine tier implements this interface; an instruction's `semantics` function
// is run once per tier and variant to generate code, never to execute it.
import type { Expr } from "./expr.js";

export type MemorySize = 1 | 2 | 4 | 8;

export interface Semantics {
  // --- operands -------------------------------------------------------------------------------------
  /** Integer registers (i64). */
  readonly rs1: Expr;
  readonly rs2: Expr;
  /** Immediate, sign-extended (i64). */
  readonly imm: Expr;
  /** Address of this instruction, and of the one behind it (i64). */
  readonly pc: Expr;
  readonly next: Expr;
  /** Raw bits of floating-point registers: i64 for double, i32 (NaN-unboxed) for single precision. */
  f64(field: "rs1" | "rs2" | "rs3"): Expr;
  f32(field: "rs1" | "rs2" | "rs3"): Expr;
  /** Raw 64 bits of an f register with no unboxing (fsd, fmv.x.w, fsw). */
  fraw(field: "rs1" | "rs2"): Expr;
  /** Resolved rounding mode 0..4 (i32); an invalid one makes the instruction illegal. */
  roundingMode(): Expr;

  // --- results --------------------------------------------------------------------------------------
  rd(value: Expr): void;
  setF64(value: Expr): void;
  /** NaN-boxes. */
  setF32(value: Expr): void;
  /** Keeps a value that is used more than once, or that must be evaluated now. */
  keep(value: Expr): Expr;
  when(condition: Expr, then: () => void, otherwise?: () => void): void;

  // --- floating point -------------------------------------------------------------------------------
  /** Illegal while mstatus.FS is Off. First thing in every floating-point instruction. */
  needFpu(): void;
  /**
   * An arithmetic operation by core function `name` (exact), which a tier may replace by the WebAssembly
   * operator `fast` where result and flags are provably the same.
   */
  arithmetic(name: string, fast: number | undefined, width: 32 | 64, operands: Expr[]): Expr;

  // --- guest memory ---------------------------------------------------------------------------------
  /** Loads; `then` gets the value as i64, sign- or zero-extended, and uses it once, before anything else. */
  load(size: MemorySize, signed: boolean, address: Expr, then: (value: Expr) => void): void;
  store(size: MemorySize, address: Expr, value: Expr): void;
  /** Atomic read-modify-write at rs1: `update` maps the old value (i64, sign-extended) to the new. rd gets the old one. */
  amo(size: 4 | 8, update: (old: Expr) => Expr): void;
  loadReserved(size: 4 | 8): void;
  storeConditional(size: 4 | 8): void;

  // --- control flow (last effect of an instruction) -------------------------------------------------
  /** To pc + imm when the condition (i32) holds. */
  branch(condition: Expr): void;
  /** To pc + imm. */
  jump(): void;
  /** To a computed address; bit 0 is cleared. */
  jumpTo(address: Expr): void;

  // --- system ---------------------------------------------------------------------------------------
  /** Calls a core function that may trap or change what runs next; `then` gets its result when it has one. */
  system(name: string, args: Expr[], then?: (result: Expr) => void): void;
  /** As `system`, for functions that set the pc themselves (mret, sret) or always trap. */
  systemJump(name: string, args: Expr[]): void;
  /** The instruction's bits (i32), for csr numbers and mtval. */
  readonly bits: Expr;
  /** Number of the rs1 register (i64), the immediate of csr*i. */
  readonly rs1Index: Expr;
}
