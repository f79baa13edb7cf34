// One region as one WebAssembly function (ip, left) -> left, the same shape as an interpreter handler, so that a
// region stands in the handler table and in decoded slots like one. Guest registers are locals; they are loaded at the
// entry and stored at the exits. Nothing in here traps or touches a device: an access that cannot be settled inline
// leaves to the interpreter's own handler of that instruction, which does it from precise state.
//
// Exits return to the interpreter's trampoline: `side` has it run the interpreter's handler of an instruction, `inPage`
// goes to another slot of the page, `goto` to a virtual address.
import * as L from "../../core/layout.js";
import {
  asF32,
  asF64,
  bitsOfF32,
  bitsOfF64,
  type Expr,
  eqz32,
  i32,
  i64,
  immediate,
  local,
  operand,
  PUSHED_I64,
  zext,
} from "../../isa/expr.js";
import type { MemorySize, Semantics } from "../../isa/semantics.js";
import type { FunctionBody } from "../../wasm/module.js";
import { F32, F64, I32, I64, OP, type ValueType } from "../../wasm/opcodes.js";
import { type CoreIndexes, Emitter, loadOpcode, storeOpcode } from "../emitter.js";
import { handlerNumber, SIDE_DONE_SHIFT, SIDE_HANDLER_SHIFT } from "../handlers.js";
import type { PlacedOp } from "../probe-ops.js";
import { operandFiles } from "../slots.js";
import { accessTags, tlbEntry } from "../tlb-path.js";
import { type AccessGroup, accessGroups } from "./accesses.js";
import { earlyTests } from "./block-conditions.js";
import { opsOf } from "./counter-locals.js";
import { LocalPool } from "./local-pool.js";
import { ProbeEmitter } from "./probe-emitter.js";
import { type Block, type BlockInstruction, inPage, pageOf, type Region } from "./region.js";
import { Structure } from "./structure.js";
import { type Access, TraceEmitter } from "./trace-emitter.js";
import type { TracePlan } from "./trace-plan.js";

const SLOT = 0;
const LEFT = 1;
const PAGE = 4096;
const PAGE_MASK = -4096;
const NAN_BOX = -(1n << 32n);
const CANONICAL_NAN_32 = 0x7fc00000;
const FS_DIRTY = -(1n << 63n) | 0x6000n;
const NX = 1;
/** menvcfg.CBZE and senvcfg.CBZE (CMO extensions, 2.5.1). */
const CBZE = 1n << 7n;
const CACHE_BLOCK = 64;

/** What a region refers to in its module. */
export interface RegionImports {
  core: CoreIndexes;
  /** Function index of a plugin's dispatcher. */
  dispatcher(index: number, signature: "exec" | "access"): number;
  /** Function index of one of the plugins' functions that have a name. */
  entry(name: string, params: readonly ValueType[]): number;
  /** Function index of env.NAME(slot). */
  env(name: "stale" | "apart"): number;
}

/** Where an access goes that the TLB has settled. */
interface Settled {
  /** TLB entry and, in a group, host address; locals. */
  readonly entry: number;
  readonly host?: number;
  /** The access's distance from the host address. */
  readonly distance: number;
  readonly group?: SettledGroup;
}
/** A group of accesses whose first has come. */
interface SettledGroup {
  readonly lowest: number;
  /** TLB entry, and host address of the lowest byte; locals. */
  readonly entry: number;
  readonly host: number;
}

export class RegionEmitter extends Emitter implements Semantics {
  private readonly region: Region;
  private readonly shape: Structure;
  private readonly x: (number | undefined)[] = [];
  private readonly f: (number | undefined)[] = [];
  private readonly dirtyX = new Set<number>();
  private readonly dirtyF = new Set<number>();
  private readonly usesFpu: boolean;
  private readonly usesArithmetic: boolean;
  private readonly accessesCsrs: boolean;
  /** Instructions left at the entry. */
  private readonly entered: number;
  private readonly packed: number;
  private readonly target: number;
  /** 1 while rounding is to nearest and NX is set: WebAssembly's arithmetic is then right where the result is finite. */
  private readonly native: number;
  private readonly nextPage: number;
  private readonly nextSlots: number;

  // of the instruction being emitted
  private current!: BlockInstruction;
  private done = 0;
  private markedDirty = false;
  private condition: Expr | undefined;
  /** For intermediate results of an instruction, and for what lasts as long as a block. */
  private readonly temporaries = new LocalPool(this);
  private readonly blockLocals = new LocalPool(this);
  /** Of the present block, by index of an instruction. */
  private groups: ReadonlyMap<number, AccessGroup> = new Map();
  private readonly settled = new Map<AccessGroup, SettledGroup>();

  // open WebAssembly blocks
  private depth = 0;
  private readonly labels = new Map<string, number>();

  private readonly imports: RegionImports;
  private readonly trace: TraceEmitter | undefined;
  private readonly probes: ProbeEmitter | undefined;
  /** Registers are stored as they change, because a plugin's callback may read them, or trap. */
  private readonly writeThrough: boolean;

  /** @param harts of the machine; for regions with probes */
  constructor(body: FunctionBody, region: Region, imports: RegionImports, plan: TracePlan | undefined, harts: number) {
    super(body, imports.core);
    this.region = region;
    this.imports = imports;
    this.trace = plan && new TraceEmitter(this, plan, region.blocks.values());
    if (region.page !== undefined) {
      const blocks = [...region.blocks.values()].flatMap(({ probes }) => probes ?? []);
      this.probes = new ProbeEmitter(this, harts, blocks, {
        callDispatcher: (index, signature) => {
          this.code.u8(OP.call);
          this.code.u32(imports.dispatcher(index, signature));
        },
        callEntry: (name, params) => {
          this.code.u8(OP.call);
          this.code.u32(imports.entry(name, params));
        },
        reloadRegisters: () => this.loadRegisters(),
      });
    }
    this.writeThrough = [...region.blocks.values()].some((block) => needsRegisters(block));
    this.shape = new Structure({ entry: region.entry, successors: successors(region) });
    const readX = new Set<number>();
    const readF = new Set<number>();
    let usesFpu = false;
    let usesArithmetic = false;
    let accessesCsrs = false;
    for (const start of this.shape.nodes) {
      for (const { decoded: d } of (region.blocks.get(start) as Block).instructions) {
        const { extension, format } = d.instruction;
        if (extension === "F" || extension === "D") {
          usesFpu = true;
          if (format === "rm") usesArithmetic = true;
        }
        if (extension === "Zicsr") accessesCsrs = true;
        const files = operandFiles(d.instruction);
        if (files.rs1) (files.rs1 === L.F ? readF : readX).add(d.rs1);
        if (files.rs2) (files.rs2 === L.F ? readF : readX).add(d.rs2);
        if (files.rs3) readF.add(d.rs3);
        if (files.rd) (files.rd === L.F ? this.dirtyF : this.dirtyX).add(d.rd);
      }
    }
    this.dirtyX.delete(0);
    readX.delete(0);
    for (const r of new Set([...readX, ...this.dirtyX])) this.x[r] = this.local(I64);
    for (const r of new Set([...readF, ...this.dirtyF])) this.f[r] = this.local(F64);
    this.usesFpu = usesFpu;
    this.usesArithmetic = usesArithmetic;
    this.accessesCsrs = accessesCsrs;
    this.packed = this.local(I32);
    this.target = this.local(I64);
    this.native = this.local(I32);
    this.nextPage = this.local(I64);
    this.nextSlots = this.local(I32);
    this.entered = this.local(I32);
  }

  private get mayStop(): boolean {
    return this.trace?.mayStop === true || this.probes !== undefined || this.accessesCsrs;
  }

  build(): void {
    if (this.mayStop) this.open("stop", OP.block);
    this.open("goto", OP.block);
    this.open("inPage", OP.block);
    this.open("side", OP.block);
    const first = (this.region.blocks.get(this.region.entry) as Block).instructions[0] as BlockInstruction;
    this.get(LEFT);
    this.set(this.entered);
    // first of all, as every exit stores them
    this.loadRegisters();
    this.trace?.enter();
    this.probes?.enter();
    if (this.probes) this.enterProbed(first, this.region.page as bigint);
    if (this.usesFpu) {
      this.loadState(OP.i32_load, L.FS_OFF);
      this.if();
      this.leaveTo(first, 0);
      this.close();
    }
    if (!this.shape.isLoopHeader(this.region.entry)) this.checkpoint(first);
    this.tree(this.region.entry);
    this.op(OP.unreachable);
    this.close(); // side
    this.resume(L.RESUME_HANDLER, OP.i32_store, L.RESUME_AT, this.packed);
    this.close(); // inPage
    this.resume(L.RESUME_SLOT, OP.i32_store, L.RESUME_AT, this.packed);
    this.close(); // goto
    this.resume(L.RESUME_GOTO, OP.i64_store, L.RESUME_PC, this.target);
    if (!this.mayStop) return;
    this.close(); // stop: back to the run loop
    this.resume(0, OP.i64_store, L.PC, this.target);
  }

  private loadRegisters(): void {
    this.x.forEach((index, r) => {
      if (index === undefined) return;
      this.loadState(OP.i64_load, L.X + 8 * r);
      this.set(index);
    });
    this.f.forEach((index, r) => {
      if (index === undefined) return;
      this.loadState(OP.f64_load, L.F + 8 * r);
      this.set(index);
    });
  }

  /**
   * The region stands for blocks of one virtual page, entered at their beginnings: not where a block is under way, nor where
   * the probes of its first instruction have run already.
   */
  private enterProbed(first: BlockInstruction, page: bigint): void {
    const otherPage = (): void => {
      this.loadState(OP.i64_load, L.PAGE_VA);
      this.i64(BigInt.asIntN(64, page));
    };
    // PROBE_LEFT and PROBE_DONE at once, which lie side by side
    this.loadState(OP.i64_load, L.PROBE_LEFT);
    otherPage();
    this.op(OP.i64_xor);
    this.op(OP.i64_or);
    this.op(OP.i64_eqz);
    this.op(OP.i32_eqz);
    this.if();
    otherPage();
    this.op(OP.i64_ne);
    this.if();
    this.get(SLOT);
    this.code.u8(OP.call);
    this.code.u32(this.imports.env("stale"));
    this.close();
    this.leaveTo(first, 0);
    this.close();
  }

  /** Stores the registers, says where to go on, and returns to the trampoline. */
  private resume(kind: number, opcode: number, address: number, value: number): void {
    if (!this.writeThrough) {
      for (const r of this.dirtyX) this.storeState(OP.i64_store, L.X + 8 * r, () => this.get(this.x[r] as number));
      for (const r of this.dirtyF) this.storeState(OP.f64_store, L.F + 8 * r, () => this.get(this.f[r] as number));
    }
    this.trace?.exit();
    this.probes?.writeKept();
    this.storeState(opcode, address, () => this.get(value));
    this.storeState(OP.i64_store, L.COMPILED_SLOTS, () => {
      this.loadState(OP.i64_load, L.COMPILED_SLOTS);
      this.get(this.entered);
      this.get(LEFT);
      this.op(OP.i32_sub);
      this.op(OP.i64_extend_i32_u);
      this.op(OP.i64_add);
    });
    this.get(LEFT);
    if (kind === L.RESUME_GOTO) {
      this.i32(kind);
      this.op(OP.i32_or);
    } else this.storeState(OP.i32_store, L.RESUME, () => this.i32(kind));
    this.op(OP.return);
  }

  // --- blocks and labels ----------------------------------------------------------------------------
  private open(label: string | undefined, opcode: number): void {
    this.code.u8(opcode);
    this.code.u8(0x40);
    this.depth++;
    if (label !== undefined) this.labels.set(label, this.depth);
  }
  override close(): void {
    this.depth--;
    this.op(OP.end);
  }
  override if(): void {
    this.open(undefined, OP.if);
  }
  private branchTo(label: string): void {
    this.br(this.depth - (this.labels.get(label) as number));
  }

  // --- control flow (Ramsey 2022) -------------------------------------------------------------------
  private tree(node: number): void {
    const loop = this.shape.isLoopHeader(node);
    if (loop) {
      this.open(`loop ${node}`, OP.loop);
      const block = this.region.blocks.get(node) as Block;
      const first = block.instructions[0];
      if (first) this.checkpoint(first);
      else this.checkpointInterpreted(block);
    }
    this.within(node, this.shape.mergesOf(node), 0);
    if (loop) this.close();
  }
  /** The merges of `node` from index `outer` on, and the node inside their blocks. */
  private within(node: number, merges: readonly number[], outer: number): void {
    const first = merges[outer];
    if (first === undefined) {
      this.straight(this.region.blocks.get(node) as Block);
      return;
    }
    this.open(`merge ${first}`, OP.block);
    this.within(node, merges, outer + 1);
    this.close();
    this.tree(first);
  }
  private edge(from: number, to: number): void {
    if (!this.region.blocks.has(to) || this.shape.isIrreducible(from, to)) {
      this.exitTo(from, to);
      return;
    }
    if (pageOf(to) !== pageOf(from)) this.turnPage(from, to);
    if (this.shape.isBackEdge(from, to)) this.branchTo(`loop ${to}`);
    else if (this.shape.isMerge(to)) this.branchTo(`merge ${to}`);
    else this.tree(to);
  }

  private straight(block: Block): void {
    this.done = 0;
    this.markedDirty = false;
    this.beginGroups(block);
    const first = block.instructions[0];
    if (first) this.trace?.beginBlock(block, () => this.leaveTo(first, 0));
    if (block.probes && first) this.probes?.beginBlock(block.probes, () => this.leaveTo(first, 0));
    for (const instruction of block.instructions) {
      this.current = instruction;
      this.condition = undefined;
      this.probes?.before(this.done, () => this.leave());
      instruction.decoded.instruction.semantics(this);
      this.done++;
      this.probes?.after(this.done - 1, () => {
        this.trace?.leave();
        this.probes?.leave(false, this.done);
        this.stopAfter(instruction);
      });
      this.trace?.endInstruction(() => {
        this.probes?.leave(false, this.done);
        this.stopAfter(instruction);
      });
      this.temporaries.reset();
    }
    this.trace?.endBlock();
    if (first) this.probes?.endBlock();
    if (block.instructions.length > 0) {
      this.get(LEFT);
      this.i32(block.instructions.length);
      this.op(OP.i32_sub);
      this.set(LEFT);
    }
    const t = block.terminator;
    switch (t.kind) {
      case "jump":
        this.edge(block.start, t.target);
        return;
      case "branch": {
        const condition = this.condition as Expr;
        this.emit(condition);
        this.if();
        this.edge(block.start, t.taken);
        this.close();
        this.edge(block.start, t.next);
        return;
      }
      case "exit":
        this.exitTo(block.start, t.target);
        return;
      case "computed":
        for (const to of t.likely) {
          this.get(this.target);
          this.emitAddress(to - pageOf(block.start) * PAGE);
          this.op(OP.i64_eq);
          this.if();
          this.edge(block.start, to);
          this.close();
        }
        this.branchTo("goto");
        return;
      case "interpret":
        this.checkpointInterpreted(block);
        return;
    }
  }
  /** From the block at `from` to a place outside the region. */
  private exitTo(from: number, to: number): void {
    if (pageOf(to) === pageOf(from)) {
      this.i32(inPage(to) >> 1);
      this.set(this.packed);
      this.branchTo("inPage");
    } else {
      this.emitAddress(to - pageOf(from) * PAGE);
      this.set(this.target);
      this.branchTo("goto");
    }
  }
  /** Makes the page of `to` the current one, if it is still the one that was compiled; else leaves. */
  private turnPage(from: number, to: number): void {
    const page = this.nextPage;
    const slots = this.nextSlots;
    this.emitAddress((pageOf(to) - pageOf(from)) * PAGE);
    this.set(page);
    tlbEntry(this, page);
    this.tee(slots);
    this.memory(OP.i64_load, L.TLB_CODE);
    this.get(page);
    this.op(OP.i64_ne);
    this.get(slots);
    this.memory(OP.i32_load, L.TLB_FULL_DELTA + L.FULL_SLOTS);
    this.tee(slots);
    this.loadState(OP.i32_load, L.PAGE_SLOTS);
    this.op(OP.i32_sub);
    this.i32(this.region.code.distance(pageOf(to)) - this.region.code.distance(pageOf(from)));
    this.op(OP.i32_ne);
    this.op(OP.i32_or);
    this.if();
    this.get(page);
    this.i64(inPage(to));
    this.op(OP.i64_or);
    this.set(this.target);
    this.branchTo("goto");
    this.close();
    this.storeState(OP.i64_store, L.PAGE_VA, () => this.get(page));
    this.storeState(OP.i32_store, L.PAGE_SLOTS, () => this.get(slots));
  }
  private leaveTo({ offset, decoded }: BlockInstruction, done: number): void {
    this.i32((offset >> 1) | (handlerNumber(decoded, offset) << SIDE_HANDLER_SHIFT) | (done << SIDE_DONE_SHIFT));
    this.set(this.packed);
    this.branchTo("side");
  }
  /** Leaves for the run loop when `instruction` is done: something asked for it. */
  private stopAfter({ offset, decoded }: BlockInstruction): void {
    this.stopAt(offset + decoded.length, this.done);
  }
  /** Leaves for the run loop with `done` instructions of the block done. */
  private stopAt(offset: number, done: number): void {
    this.emitLeft(done);
    this.set(LEFT);
    this.emitAddress(offset);
    this.set(this.target);
    this.branchTo("stop");
  }
  /** Pushes the instructions left when `done` of the block are done. */
  private emitLeft(done: number): void {
    this.get(LEFT);
    if (done === 0) return;
    this.i32(done);
    this.op(OP.i32_sub);
  }
  /** The instruction behind the block is the interpreter's. */
  private checkpointInterpreted(block: Block): void {
    if (block.instructions.length > 0) this.probes?.position(block.instructions.length, false);
    this.i32(inPage(block.end) >> 1);
    this.set(this.packed);
    this.branchTo("inPage");
  }
  /** Leaves when the slice may end before the next check, and finds out whether native arithmetic may be used. */
  private checkpoint(at: BlockInstruction): void {
    this.get(LEFT);
    this.i32(this.region.size);
    this.op(OP.i32_le_s);
    this.if();
    this.leaveTo(at, 0);
    this.close();
    if (!this.usesArithmetic) return;
    this.loadState(OP.i32_load, L.FFLAGS);
    this.i32(NX);
    this.op(OP.i32_and);
    this.loadState(OP.i32_load, L.FRM);
    this.op(OP.i32_eqz);
    this.op(OP.i32_and);
    this.set(this.native);
  }

  private emitAddress(offset: number): void {
    this.loadState(OP.i64_load, L.PAGE_VA);
    if (offset === 0) return;
    this.i64(offset);
    this.op(OP.i64_add);
  }

  // --- operands -------------------------------------------------------------------------------------
  get rs1(): Expr {
    return this.register(this.current.decoded.rs1);
  }
  get rs2(): Expr {
    return this.register(this.current.decoded.rs2);
  }
  get imm(): Expr {
    return immediate(this.current.decoded.imm);
  }
  readonly pc = operand("pc", I64);
  readonly next = operand("next", I64);
  get bits(): Expr {
    return i32(this.current.decoded.bits);
  }
  get rs1Index(): Expr {
    return i64(this.current.decoded.rs1);
  }
  protected override emitOperand(name: string): void {
    const { offset, decoded } = this.current;
    this.emitAddress(name === "pc" ? offset : offset + decoded.length);
  }
  private register(r: number): Expr {
    return r === 0 ? i64(0) : local(this.x[r] as number, I64);
  }
  private fregister(field: "rs1" | "rs2" | "rs3"): Expr {
    return local(this.f[this.current.decoded[field]] as number, F64);
  }
  f64(field: "rs1" | "rs2" | "rs3"): Expr {
    return bitsOfF64(this.fregister(field));
  }
  fraw(field: "rs1" | "rs2"): Expr {
    return bitsOfF64(this.fregister(field));
  }
  f32(field: "rs1" | "rs2" | "rs3"): Expr {
    const raw = this.kept(bitsOfF64(this.fregister(field)));
    this.get(raw);
    this.op(OP.i32_wrap_i64);
    this.i32(CANONICAL_NAN_32);
    this.get(raw);
    this.i64(32);
    this.op(OP.i64_shr_u);
    this.i64(0xffffffff);
    this.op(OP.i64_eq);
    this.op(OP.select);
    const value = this.temporary(I32);
    this.set(value);
    return local(value, I32);
  }
  roundingMode(): Expr {
    const { rm } = this.current.decoded;
    const mode = this.temporary(I32);
    if (rm !== 7) {
      this.i32(rm);
      this.set(mode);
      return local(mode, I32);
    }
    this.loadState(OP.i32_load, L.FRM);
    this.tee(mode);
    this.i32(4);
    this.op(OP.i32_gt_u);
    this.if();
    this.leave();
    this.close();
    return local(mode, I32);
  }

  // --- results --------------------------------------------------------------------------------------
  rd(value: Expr): void {
    const { rd, instruction } = this.current.decoded;
    this.emit(value);
    if (rd === 0) this.op(OP.drop);
    else this.setRegister(this.x[rd] as number, OP.i64_store, L.X + 8 * rd);
    if ((instruction.extension === "F" || instruction.extension === "D") && !instruction.memory) this.markFpDirty();
  }
  setF64(value: Expr): void {
    this.emit(asF64(value));
    this.setFloat();
  }
  setF32(value: Expr): void {
    this.emit(value);
    this.op(OP.i64_extend_i32_u);
    this.i64(NAN_BOX);
    this.op(OP.i64_or);
    this.op(OP.f64_reinterpret_i64);
    this.setFloat();
  }
  private setFloat(): void {
    const { rd } = this.current.decoded;
    this.setRegister(this.f[rd] as number, OP.f64_store, L.F + 8 * rd);
    this.markFpDirty();
  }
  /** Pops the value of a register. */
  private setRegister(index: number, opcode: number, address: number): void {
    this.set(index);
    if (this.writeThrough) this.storeState(opcode, address, () => this.get(index));
  }
  /** Once per block is enough: nothing in a region cleans it. */
  private markFpDirty(): void {
    if (this.markedDirty) return;
    this.markedDirty = true;
    this.storeState(OP.i64_store, L.MSTATUS, () => {
      this.loadState(OP.i64_load, L.MSTATUS);
      this.i64(FS_DIRTY);
      this.op(OP.i64_or);
    });
  }
  private temporary(type: ValueType): number {
    return this.temporaries.take(type);
  }
  private kept(value: Expr): number {
    const index = this.temporary(value.type);
    this.emit(value);
    this.set(index);
    return index;
  }
  keep(value: Expr): Expr {
    if (value.kind === "const" || value.kind === "local") return value;
    return local(this.kept(value), value.type);
  }
  when(condition: Expr, then: () => void, otherwise?: () => void): void {
    this.emit(condition);
    this.if();
    then();
    if (otherwise) {
      this.else();
      otherwise();
    }
    this.close();
  }

  needFpu(): void {} // checked at the entry; a region cannot switch it off
  arithmetic(name: string, fast: number | undefined, width: 32 | 64, operands: Expr[]): Expr {
    const rm = this.current.decoded.rm;
    const [bits, float] = width === 32 ? ([I32, F32] as const) : ([I64, F64] as const);
    const exact = (): void => {
      const mode = this.roundingMode();
      for (const o of operands) this.emit(o);
      this.emit(mode);
      this.callCore(name);
    };
    if (fast === undefined || (rm !== 7 && rm !== 0)) {
      exact();
      const result = this.temporary(bits);
      this.set(result);
      return local(result, bits);
    }
    const asFloat = width === 32 ? asF32 : asF64;
    const result = this.temporary(float);
    for (const o of operands) this.emit(asFloat(o));
    this.op(fast);
    this.tee(result);
    // sums cannot lose tiny results; products and quotients may be tiny and inexact
    const mayBeTiny = name.endsWith("_mul") || name.endsWith("_div");
    const compare = (opcode32: number, opcode64: number, limit32: number, limit64: number): void => {
      this.op(width === 32 ? OP.f32_abs : OP.f64_abs);
      this.floatConst(width, width === 32 ? limit32 : limit64);
      this.op(width === 32 ? opcode32 : opcode64);
    };
    compare(OP.f32_lt, OP.f64_lt, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    if (mayBeTiny) {
      this.get(result);
      compare(OP.f32_gt, OP.f64_gt, 2 ** -126, 2 ** -1022);
      this.op(OP.i32_and);
    }
    this.get(this.native);
    this.op(OP.i32_and);
    this.op(OP.i32_eqz);
    this.if();
    exact();
    this.op(width === 32 ? OP.f32_reinterpret_i32 : OP.f64_reinterpret_i64);
    this.set(result);
    this.close();
    return (width === 32 ? bitsOfF32 : bitsOfF64)(local(result, float));
  }
  private floatConst(width: 32 | 64, value: number): void {
    const bytes = new DataView(new ArrayBuffer(8));
    if (width === 32) bytes.setFloat32(0, value, true);
    else bytes.setFloat64(0, value, true);
    this.code.u8(width === 32 ? OP.f32_const : OP.f64_const);
    for (let i = 0; i < width / 8; i++) this.code.u8(bytes.getUint8(i));
  }

  // --- guest memory ---------------------------------------------------------------------------------
  private leave(): void {
    this.trace?.leave();
    this.probes?.leave(true, this.done);
    this.leaveTo(this.current, this.done);
  }
  /** The TLB entry of an access, in the returned local; leaves where it cannot be settled inline. */
  private probe(va: number, size: MemorySize, tag: number, aligned: boolean): number {
    const entry = this.temporary(I32);
    accessTags(this, va, entry, { size, tag, aligned });
    this.op(OP.i64_ne);
    this.if();
    this.leave();
    this.close();
    return entry;
  }
  /** What a plugin's function does to memory or registers has to be seen by the next access. */
  private beginGroups({ instructions, probes }: Block): void {
    this.settled.clear();
    this.blockLocals.reset();
    const called = probes !== undefined && opsOf(probes).some(({ op }) => op.kind === "call");
    this.groups = this.region.apart || called ? new Map() : accessGroups(instructions);
  }
  /** Settles an access of rs1's, alone or with the others of its group; leaves where that cannot be done. */
  private settle(va: () => number, size: MemorySize, tag: number): Settled {
    const group = this.groups.get(this.done);
    if (!group) return { entry: this.probe(va(), size, tag, false), distance: 0 };
    let settled = this.settled.get(group);
    if (!settled) {
      settled = this.settleGroup(group, tag);
      this.settled.set(group, settled);
    }
    const { entry, host, lowest } = settled;
    return { entry, host, distance: this.current.decoded.imm - lowest, group: settled };
  }
  private settleGroup({ lowest, span }: AccessGroup, tag: number): SettledGroup {
    const va = this.temporary(I64);
    const entry = this.blockLocals.take(I32);
    const host = this.blockLocals.take(I32);
    this.emit(this.rs1);
    if (lowest !== 0) {
      this.i64(lowest);
      this.op(OP.i64_add);
    }
    this.set(va);
    accessTags(this, va, entry, { size: span, tag, aligned: false });
    this.op(OP.i64_ne);
    this.if();
    // two pages have it: the interpreter takes them one by one, but is not to do so for ever
    this.get(va);
    this.i64(span - 1);
    this.op(OP.i64_add);
    this.get(va);
    this.op(OP.i64_xor);
    this.i64(PAGE_MASK);
    this.op(OP.i64_and);
    this.op(OP.i64_eqz);
    this.op(OP.i32_eqz);
    this.if();
    this.get(SLOT);
    this.code.u8(OP.call);
    this.code.u32(this.imports.env("apart"));
    this.close();
    this.leave();
    this.close();
    this.hostAddress(va, entry);
    this.set(host);
    return { lowest, entry, host };
  }
  /** Pushes the host address of `va`, which hit `entry`. */
  private hostAddress(va: number, entry: number): void {
    this.get(va);
    this.op(OP.i32_wrap_i64);
    this.get(entry);
    this.memory(OP.i32_load, L.TLB_ADDEND);
    this.op(OP.i32_add);
  }
  load(size: MemorySize, signed: boolean, address: Expr, then: (value: Expr) => void): void {
    const va = this.once(address);
    const settled = this.settle(va, size, L.TLB_READ);
    this.pushHost(settled, va);
    this.memory(loadOpcode(size, signed), settled.distance);
    if (!this.trace && !this.probes) {
      then(PUSHED_I64);
      return;
    }
    const value = this.temporary(I64);
    this.set(value);
    this.observe({ ...this.access(L.KIND_LOAD, va(), value, size, settled.entry), group: settled.group });
    then(local(value, I64));
  }
  /** Evaluates an address when it is first needed: accesses of a group that nobody records do not need theirs. */
  private once(address: Expr): () => number {
    let index: number | undefined;
    return () => {
      index ??= this.kept(address);
      return index;
    };
  }
  /** Pushes the host address of an access, but for its distance. */
  private pushHost({ entry, host }: Settled, va: () => number): void {
    if (host === undefined) this.hostAddress(va(), entry);
    else this.get(host);
  }
  /** Recorders and probes get to know of an access. */
  private observe(access: Access): void {
    this.trace?.record(access);
    this.probes?.access(access);
  }
  private access(kind: number, va: number, value: number, size: MemorySize, entry: number): Access {
    return { kind, va, value, size, entry, offset: this.current.offset, done: this.done };
  }
  store(size: MemorySize, address: Expr, value: Expr): void {
    const va = this.once(address);
    const settled = this.settle(va, size, L.TLB_WRITE);
    const data = this.trace || this.probes ? this.kept(value) : undefined;
    this.pushHost(settled, va);
    if (data === undefined) this.emit(value);
    else this.get(data);
    this.memory(storeOpcode(size), settled.distance);
    if (data !== undefined)
      this.observe({ ...this.access(L.KIND_STORE, va(), data, size, settled.entry), group: settled.group });
  }
  amo(size: 4 | 8, update: (old: Expr) => Expr): void {
    const va = this.kept(this.rs1);
    const entry = this.probe(va, size, L.TLB_WRITE, true);
    this.hostAddress(va, entry);
    const host = this.temporary(I32);
    this.tee(host);
    this.memory(loadOpcode(size, true), 0);
    const old = this.temporary(I64);
    this.set(old);
    this.get(host);
    this.emit(update(local(old, I64)));
    const data = this.temporary(I64);
    this.tee(data);
    this.memory(storeOpcode(size), 0);
    this.observe(this.access(L.KIND_AMO_READ, va, old, size, entry));
    this.observe(this.access(L.KIND_AMO_WRITE, va, data, size, entry));
    this.rd(local(old, I64));
  }
  /** Pushes the physical address of `va`, which hit `entry`. */
  private physical(va: number, entry: number): void {
    this.get(entry);
    this.memory(OP.i64_load32_u, L.TLB_PPN);
    this.i64(12);
    this.op(OP.i64_shl);
    this.get(va);
    this.i64(~PAGE_MASK);
    this.op(OP.i64_and);
    this.op(OP.i64_or);
  }
  loadReserved(size: 4 | 8): void {
    const va = this.kept(this.rs1);
    const entry = this.probe(va, size, L.TLB_READ, true);
    this.storeState(OP.i32_store, L.RES_VALID, () => this.i32(1));
    this.storeState(OP.i32_store, L.RES_SIZE, () => this.i32(size));
    this.storeState(OP.i64_store, L.RES_ADDR, () => this.physical(va, entry));
    this.hostAddress(va, entry);
    this.memory(loadOpcode(size, true), 0);
    const value = this.temporary(I64);
    this.set(value);
    this.observe(this.access(L.KIND_LOAD, va, value, size, entry));
    this.rd(local(value, I64));
  }
  storeConditional(size: 4 | 8): void {
    const va = this.kept(this.rs1);
    const entry = this.probe(va, size, L.TLB_WRITE, true);
    const held = this.temporary(I32);
    this.loadState(OP.i32_load, L.RES_VALID);
    this.loadState(OP.i64_load, L.RES_ADDR);
    this.physical(va, entry);
    this.op(OP.i64_eq);
    this.loadState(OP.i32_load, L.RES_SIZE);
    this.i32(size);
    this.op(OP.i32_eq);
    this.op(OP.i32_and);
    this.op(OP.i32_and);
    this.set(held);
    this.storeState(OP.i32_store, L.RES_VALID, () => this.i32(0));
    this.get(held);
    this.if();
    this.hostAddress(va, entry);
    this.emit(this.rs2);
    this.memory(storeOpcode(size), 0);
    this.close();
    this.rd(zext(eqz32(local(held, I32))));
  }

  // --- flow: the block's terminator does the going ---------------------------------------------------
  branch(condition: Expr): void {
    this.condition = condition;
  }
  jump(): void {}
  jumpTo(address: Expr): void {
    this.emit(address);
    this.set(this.target);
  }

  // --- what of the system instructions belongs to regions: see leftToInterpreter() ---------------------
  system(name: string, args: Expr[], then?: (result: Expr) => void): void {
    if (name === "cbo_zero") this.zeroBlock(args[0] as Expr);
    else this.accessCsr(name, args, then as (result: Expr) => void);
  }
  private zeroBlock(address: Expr): void {
    // with CBZE clear, and in M mode without it, the interpreter decides
    this.loadState(OP.i64_load, L.MENVCFG);
    this.loadState(OP.i64_load, L.SENVCFG);
    this.i64(-1);
    this.loadState(OP.i32_load, L.PRIV);
    this.op(OP.i32_eqz);
    this.op(OP.select);
    this.op(OP.i64_and);
    this.i64(CBZE);
    this.op(OP.i64_and);
    this.op(OP.i64_eqz);
    this.if();
    this.leave();
    this.close();
    const block = this.temporary(I64);
    this.emit(address);
    this.i64(-CACHE_BLOCK);
    this.op(OP.i64_and);
    this.set(block);
    const entry = this.probe(block, 1, L.TLB_WRITE, false);
    const host = this.temporary(I32);
    this.hostAddress(block, entry);
    this.set(host);
    for (let at = 0; at < CACHE_BLOCK; at += 8) {
      this.get(host);
      this.i64(0);
      this.memory(OP.i64_store, at);
    }
  }
  /** The core does it, and may find a trap, or a reason to leave behind it. */
  private accessCsr(name: string, args: Expr[], then: (result: Expr) => void): void {
    const { offset, decoded } = this.current;
    this.storeState(OP.i32_store, L.LEFT, () => this.emitLeft(this.done));
    this.storeState(OP.i64_store, L.PC, () => this.emitAddress(offset));
    for (const a of args) this.emit(a);
    this.callCore(name);
    const old = this.temporary(I64);
    this.set(old);
    this.loadState(OP.i32_load, L.TRAP_PENDING);
    this.if();
    this.stopAt(offset, this.done);
    this.close();
    then(local(old, I64));
    this.loadState(OP.i32_load, L.EXIT_REQUEST);
    this.loadState(OP.i32_load, L.RESCHEDULE);
    this.op(OP.i32_or);
    if (this.usesFpu) {
      this.loadState(OP.i32_load, L.FS_OFF);
      this.op(OP.i32_or);
    }
    this.if();
    this.stopAt(offset + decoded.length, this.done + 1);
    this.close();
    // it may have been mstatus
    this.markedDirty = false;
  }
  systemJump(): void {
    throw new Error("system instructions are the interpreter's");
  }
}

/** Whether callbacks in the block read or write registers, or may trap through the region. */
function needsRegisters({ probes }: Block): boolean {
  if (!probes) return false;
  const { idle } = earlyTests(probes);
  const needs = (placed: PlacedOp): boolean =>
    placed.op.kind === "call" && !idle.has(placed) && (placed.op.direct || placed.op.registers !== "none");
  return opsOf(probes).some(needs);
}

function successors(region: Region): Map<number, number[]> {
  const edges = new Map<number, number[]>();
  for (const block of region.blocks.values()) {
    const t = block.terminator;
    const all =
      t.kind === "jump" ? [t.target] : t.kind === "branch" ? [t.next, t.taken] : t.kind === "computed" ? t.likely : [];
    // a place that is named twice is reached by two edges: emitted behind a block, and not once for each
    edges.set(
      block.start,
      all.filter((to) => region.blocks.has(to)),
    );
  }
  return edges;
}
