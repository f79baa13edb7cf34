// The cold tier: a module with one function per handler, joined by tail calls through a table. A handler gets the
// address of its decoded slot (ip) and the instructions left in the slice, this one included, and hands both on.
// The pc is not kept; it follows from ip. Returning to the core's run loop means: PC stored, instructions left returned.
import * as L from "../core/layout.js";
import * as T from "../core/trace/layout.js";
import { type Expr, eqz32, host, i32, local, operand, zext } from "../isa/expr.js";
import type { MemorySize, Semantics } from "../isa/semantics.js";
import { type FunctionBody, ModuleBuilder } from "../wasm/module.js";
import { I32, I64, OP, type ValueType } from "../wasm/opcodes.js";
import { CORE_FUNCTIONS, importCore } from "./core-functions.js";
import { Emitter, extendOpcode, loadOpcode, storeOpcode } from "./emitter.js";
import {
  HANDLER_COUNT,
  HANDLER_DECODE,
  HANDLERS,
  type Handler,
  SIDE_DONE_SHIFT,
  SIDE_HANDLER_SHIFT,
} from "./handlers.js";
import {
  SLOT_IMM,
  SLOT_RD,
  SLOT_RS1,
  SLOT_RS2,
  SLOT_RS3,
  SLOT_SCALE,
  STRADDLE_BITS,
  STRADDLE_HANDLER,
} from "./slots.js";
import { accessTags, slotOf, tlbEntry } from "./tlb-path.js";

/** What a variant of the interpreter records; the plain one records nothing and pays nothing. */
export interface Variant {
  /** Data accesses. */
  memory: boolean;
  /** Instruction fetches. */
  fetch: boolean;
  /** Probes of plugins, which goes with noting memory accesses. */
  probe: boolean;
}

const HANDLER_TYPE = { params: [I32, I32], results: [I32] } as const;
const IP = 0;
const LEFT = 1;
const PAGE_MASK = -4096;
const NAN_BOX = -(1n << 32n); // 0xffffffff_00000000
const CANONICAL_NAN_32 = 0x7fc00000;
const FS_DIRTY = -(1n << 63n) | 0x6000n; // mstatus.SD and FS = 3

interface Shared {
  core: ReadonlyMap<string, number>;
  handlerType: number;
  stop: number;
  trap: number;
  illegal: number;
  checked: number;
  afterSlow: number;
  goto: number;
  decode: number;
  decodeStraddling: number;
  hot: number;
  hotDispatch: number;
}

class HandlerEmitter extends Emitter implements Semantics {
  readonly rs1 = operand("rs1", I64);
  readonly rs2 = operand("rs2", I64);
  readonly imm = operand("imm", I64);
  readonly pc = operand("pc", I64);
  readonly next = operand("next", I64);
  readonly bits = operand("bits", I32);
  readonly rs1Index = operand("rs1Index", I64);
  private finished = false;
  private readonly step: number;
  private readonly handler: Handler;
  private readonly shared: Shared;
  private readonly variant: Variant;

  constructor(body: FunctionBody, handler: Handler, shared: Shared, variant: Variant) {
    super(body, shared.core);
    this.handler = handler;
    this.shared = shared;
    this.variant = variant;
    this.step = handler.length * SLOT_SCALE;
  }

  build(): void {
    if (this.variant.fetch) {
      // with probes, fetches are seldom recorded as well
      const seldom = this.variant.probe;
      if (seldom) {
        this.loadState(OP.i32_load, L.TRACE_SCRATCH + T.TRACE_KINDS_OFFSET);
        this.i32(1 << L.KIND_FETCH);
        this.op(OP.i32_and);
        this.if();
      }
      this.storeLeft();
      this.emit(this.pc);
      this.i32(this.handler.length);
      this.callCore("trace_fetch_slot");
      if (seldom) this.end();
    }
    if (this.variant.probe) this.runProbes();
    this.handler.instruction.semantics(this);
    if (!this.finished) this.goOn();
  }

  /** The probes before the instruction, unless it was accounted for at the beginning of its block. */
  private runProbes(): void {
    const left = this.local(I32);
    this.loadState(OP.i32_load, L.PROBE_LEFT);
    this.tee(left);
    this.i32(0);
    this.op(OP.i32_lt_s);
    this.if();
    this.storeState(OP.i32_store, L.PROBE_LEFT, () => {
      this.get(left);
      this.i32(1);
      this.op(OP.i32_add);
    });
    this.else();
    this.storeLeft();
    this.get(IP);
    this.emit(this.pc);
    this.callCore("probe_exec");
    this.if();
    this.tail(this.shared.stop);
    this.end();
    this.end();
  }

  // --- operands -------------------------------------------------------------------------------------
  protected override emitOperand(name: string): void {
    switch (name) {
      case "rs1":
        this.register(SLOT_RS1, OP.i64_load);
        return;
      case "rs2":
        this.register(SLOT_RS2, OP.i64_load);
        return;
      case "rs3":
        this.register(SLOT_RS3, OP.i64_load);
        return;
      case "imm":
        this.get(IP);
        this.memory(OP.i64_load32_s, SLOT_IMM);
        return;
      case "bits":
        this.get(IP);
        this.memory(OP.i32_load, SLOT_IMM);
        return;
      case "pc":
        emitPc(this);
        return;
      case "next":
        emitPc(this);
        this.i64(this.handler.length);
        this.op(OP.i64_add);
        return;
      case "rs1Index": // recovered from the address of the register
        this.get(IP);
        this.memory(OP.i64_load16_u, SLOT_RS1);
        this.i64(L.X);
        this.op(OP.i64_sub);
        this.i64(3);
        this.op(OP.i64_shr_u);
        return;
      default:
        throw new Error(`no operand ${name}`);
    }
  }
  private register(field: number, opcode: number): void {
    this.get(IP);
    this.memory(OP.i32_load16_u, field);
    this.memory(opcode, 0);
  }
  f64(field: "rs1" | "rs2" | "rs3"): Expr {
    return operand(field, I64);
  }
  fraw(field: "rs1" | "rs2"): Expr {
    return operand(field, I64);
  }
  f32(field: "rs1" | "rs2" | "rs3"): Expr {
    // a value that is not NaN-boxed reads as the canonical NaN
    const raw = this.local(I64);
    this.emitOperand(field);
    this.tee(raw);
    this.op(OP.i32_wrap_i64);
    this.i32(CANONICAL_NAN_32);
    this.get(raw);
    this.i64(32);
    this.op(OP.i64_shr_u);
    this.i64(0xffffffff);
    this.op(OP.i64_eq);
    this.op(OP.select);
    const value = this.local(I32);
    this.set(value);
    return local(value, I32);
  }
  roundingMode(): Expr {
    const mode = this.local(I32);
    this.get(IP);
    this.memory(OP.i32_load, SLOT_IMM);
    this.tee(mode);
    this.i32(7);
    this.op(OP.i32_eq);
    this.if();
    this.loadState(OP.i32_load, L.FRM);
    this.tee(mode);
    this.i32(4);
    this.op(OP.i32_gt_u);
    this.if();
    this.tail(this.shared.illegal);
    this.end();
    this.end();
    return local(mode, I32);
  }

  // --- results --------------------------------------------------------------------------------------
  private writeField(field: number, opcode: number, value: () => void): void {
    this.get(IP);
    this.memory(OP.i32_load16_u, field);
    value();
    this.memory(opcode, 0);
  }
  rd(value: Expr): void {
    this.writeField(SLOT_RD, OP.i64_store, () => this.emit(value));
    const { extension, memory } = this.handler.instruction;
    if ((extension === "F" || extension === "D") && !memory) this.markFpDirty();
  }
  setF64(value: Expr): void {
    this.writeField(SLOT_RD, OP.i64_store, () => this.emit(value));
    this.markFpDirty();
  }
  setF32(value: Expr): void {
    this.writeField(SLOT_RD, OP.i64_store, () => {
      this.emit(value);
      this.op(OP.i64_extend_i32_u);
      this.i64(NAN_BOX);
      this.op(OP.i64_or);
    });
    this.markFpDirty();
  }
  private markFpDirty(): void {
    this.storeState(OP.i64_store, L.MSTATUS, () => {
      this.loadState(OP.i64_load, L.MSTATUS);
      this.i64(FS_DIRTY);
      this.op(OP.i64_or);
    });
  }
  keep(value: Expr): Expr {
    if (value.kind === "const" || value.kind === "local") return value;
    const index = this.local(value.type);
    this.emit(value);
    this.set(index);
    return local(index, value.type);
  }
  when(condition: Expr, then: () => void, otherwise?: () => void): void {
    this.emit(condition);
    this.if();
    then();
    if (otherwise) {
      this.else();
      otherwise();
    }
    this.end();
  }

  needFpu(): void {
    this.loadState(OP.i32_load, L.FS_OFF);
    this.if();
    this.tail(this.shared.illegal);
    this.end();
  }
  arithmetic(name: string, _fast: number | undefined, width: 32 | 64, operands: Expr[]): Expr {
    const rm = this.roundingMode();
    for (const o of operands) this.emit(o);
    this.emit(rm);
    this.callCore(name);
    const type: ValueType = width === 32 ? I32 : I64;
    const result = this.local(type);
    this.set(result);
    return local(result, type);
  }

  // --- guest memory ---------------------------------------------------------------------------------
  /** Leaves the TLB entry's address in the returned local and pushes whether its tag allows the access inline. */
  private probe(va: number, size: MemorySize, tag: number, aligned: boolean): number {
    const entry = this.local(I32);
    accessTags(this, va, entry, { size, tag, aligned });
    this.op(OP.i64_eq);
    return entry;
  }
  /** Pushes the host address of a guest address that hit. */
  private hostAddress(va: number, entry: number): void {
    this.get(va);
    this.op(OP.i32_wrap_i64);
    this.get(entry);
    this.memory(OP.i32_load, L.TLB_ADDEND);
    this.op(OP.i32_add);
  }
  private kept(value: Expr): number {
    const index = this.local(value.type);
    this.emit(value);
    this.set(index);
    return index;
  }
  /** Records show the bytes moved and nothing above them. */
  private zeroExtended(value: number, size: MemorySize): void {
    this.get(value);
    if (size === 8) return;
    this.i64(2 ** (8 * size) - 1);
    this.op(OP.i64_and);
  }
  private record(kind: number, va: number, value: number, size: MemorySize, entry: number): void {
    if (!this.variant.memory) return;
    if (this.variant.probe) {
      // in a block without probes on accesses, nobody may want to know
      this.loadState(OP.i32_load, L.PROBE_BLOCK);
      this.loadState(OP.i32_load, L.TRACE_ACTIVE);
      this.op(OP.i32_or);
      this.if();
    }
    this.storeLeft();
    this.i32(kind);
    this.get(va);
    this.zeroExtended(value, size);
    this.i32(size);
    this.get(entry);
    this.emit(this.pc);
    this.callCore("trace_fast");
    if (this.variant.probe) this.end();
  }

  load(size: MemorySize, signed: boolean, address: Expr, then: (value: Expr) => void): void {
    const va = this.kept(address);
    const value = this.local(I64);
    const entry = this.probe(va, size, L.TLB_READ, false);
    this.if();
    this.hostAddress(va, entry);
    this.memory(loadOpcode(size, signed), 0);
    this.set(value);
    this.record(L.KIND_LOAD, va, value, size, entry);
    then(local(value, I64));
    this.goOn();
    this.end();
    this.storeLeft();
    this.get(va);
    this.i32(size);
    this.emit(this.pc);
    this.callCore("slow_load");
    const extend = extendOpcode(size, signed);
    if (extend !== undefined) this.op(extend);
    this.set(value);
    this.leaveIfTrapped();
    then(local(value, I64));
    this.goOnAfterSlow();
  }

  store(size: MemorySize, address: Expr, value: Expr): void {
    const va = this.kept(address);
    const data = this.kept(value);
    const entry = this.probe(va, size, L.TLB_WRITE, false);
    this.if();
    this.hostAddress(va, entry);
    this.get(data);
    this.memory(storeOpcode(size), 0);
    this.record(L.KIND_STORE, va, data, size, entry);
    this.goOn();
    this.end();
    this.storeLeft();
    this.get(va);
    this.get(data);
    this.i32(size);
    this.emit(this.pc);
    this.callCore("slow_store");
    this.leaveIfTrapped();
    this.goOnAfterSlow();
  }

  amo(size: 4 | 8, update: (old: Expr) => Expr): void {
    const va = this.kept(this.rs1);
    const old = this.local(I64);
    const data = this.local(I64);
    const entry = this.probe(va, size, L.TLB_WRITE, true);
    this.if();
    this.hostAddress(va, entry);
    this.memory(loadOpcode(size, true), 0);
    this.set(old);
    this.emit(update(local(old, I64)));
    this.set(data);
    this.hostAddress(va, entry);
    this.get(data);
    this.memory(storeOpcode(size), 0);
    this.rd(local(old, I64));
    this.record(L.KIND_AMO_READ, va, old, size, entry);
    this.record(L.KIND_AMO_WRITE, va, data, size, entry);
    this.goOn();
    this.end();
    this.storeLeft();
    this.get(va);
    this.i32(size);
    this.emit(this.pc);
    this.callCore("amo_prepare");
    const address = this.local(I32);
    this.set(address);
    this.leaveIfTrapped();
    this.get(address);
    this.if();
    this.get(address);
    this.memory(loadOpcode(size, true), 0);
    this.set(old);
    this.emit(update(local(old, I64)));
    this.set(data);
    this.get(address);
    this.get(data);
    this.memory(storeOpcode(size), 0);
    if (this.variant.memory) {
      this.zeroExtended(old, size);
      this.zeroExtended(data, size);
      this.callCore("trace_amo");
    }
    this.else();
    this.callCore("amo_io_read");
    const extend = extendOpcode(size, true);
    if (extend !== undefined) this.op(extend);
    this.set(old);
    this.leaveIfTrapped();
    this.emit(update(local(old, I64)));
    this.callCore("amo_io_write");
    this.leaveIfTrapped();
    this.end();
    this.rd(local(old, I64));
    this.goOnAfterSlow();
  }
  loadReserved(size: 4 | 8): void {
    const value = this.local(I64);
    this.storeLeft();
    this.emit(this.rs1);
    this.i32(size);
    this.emit(this.pc);
    this.callCore("load_reserved");
    const extend = extendOpcode(size, true);
    if (extend !== undefined) this.op(extend);
    this.set(value);
    this.leaveIfTrapped();
    this.rd(local(value, I64));
    this.goOnAfterSlow();
  }
  storeConditional(size: 4 | 8): void {
    const failed = this.local(I32);
    this.storeLeft();
    this.emit(this.rs1);
    this.emit(this.rs2);
    this.i32(size);
    this.emit(this.pc);
    this.callCore("store_conditional");
    this.set(failed);
    this.leaveIfTrapped();
    this.rd(zext(local(failed, I32)));
    this.goOnAfterSlow();
  }

  // --- control flow ---------------------------------------------------------------------------------
  branch(condition: Expr): void {
    this.emit(condition);
    this.if();
    this.jump();
    this.end();
    this.goOn();
  }
  jump(): void {
    if (this.handler.reach === "far") {
      this.emit(this.pc);
      this.emit(this.imm);
      this.op(OP.i64_add);
      this.get(LEFT);
      this.returnCall(this.shared.goto);
    } else {
      const target = this.local(I32);
      this.get(IP);
      this.get(IP);
      this.memory(OP.i32_load, SLOT_IMM);
      this.op(OP.i32_add);
      this.set(target);
      // loops and calls are what the JIT wants to hear of
      const counted = this.handler.reach === "backward" || this.handler.instruction.flow === "jump";
      if (counted) {
        emitCount(this, target, 0, this.shared);
        this.get(target);
        this.get(LEFT);
        this.returnCall(this.shared.hotDispatch);
      } else emitDispatch(this, target, 0, true, this.shared);
    }
    this.finished = true;
  }
  jumpTo(address: Expr): void {
    this.emit(address);
    this.get(LEFT);
    this.returnCall(this.shared.goto);
    this.finished = true;
  }

  // --- system ---------------------------------------------------------------------------------------
  system(name: string, args: Expr[], then?: (result: Expr) => void): void {
    this.storeLeft();
    this.storeState(OP.i64_store, L.PC, () => this.emit(this.pc));
    for (const a of args) this.emit(a);
    this.callCore(name);
    const type = CORE_FUNCTIONS[name]?.results[0];
    let result: number | undefined;
    if (type !== undefined) {
      result = this.local(type);
      this.set(result);
    }
    this.leaveIfTrapped();
    if (then && result !== undefined) then(local(result, type as ValueType));
    this.goOnAfterSlow();
  }
  systemJump(name: string, args: Expr[]): void {
    this.storeLeft();
    this.storeState(OP.i64_store, L.PC, () => this.emit(this.pc));
    for (const a of args) this.emit(a);
    this.callCore(name);
    // taken traps are counted by the run loop
    this.get(LEFT);
    this.i32(1);
    this.op(OP.i32_sub);
    this.get(LEFT);
    this.emit(eqz32(host(OP.i32_load, I32, i32(0), L.TRAP_PENDING)));
    this.op(OP.select);
    this.op(OP.return);
    this.finished = true;
  }

  // --- leaving --------------------------------------------------------------------------------------
  private storeLeft(): void {
    this.storeState(OP.i32_store, L.LEFT, () => this.get(LEFT));
  }
  private tail(target: number): void {
    this.get(IP);
    this.get(LEFT);
    this.returnCall(target);
  }
  private leaveIfTrapped(): void {
    this.loadState(OP.i32_load, L.TRAP_PENDING);
    this.if();
    this.tail(this.shared.trap);
    this.end();
  }
  /** To the next instruction. When records may have filled a ring, by way of the check for reasons to leave. */
  private goOn(): void {
    if (this.variant.probe && !this.handler.instruction.memory) {
      this.loadState(OP.i32_load, L.EXIT_REQUEST);
      this.if();
      this.goOnBy(this.shared.checked);
      this.end();
      emitDispatch(this, IP, this.step, true, this.shared);
    } else if (this.variant.memory || this.variant.fetch) this.goOnBy(this.shared.checked);
    else emitDispatch(this, IP, this.step, true, this.shared);
    this.finished = true;
  }
  private goOnAfterSlow(): void {
    this.goOnBy(this.shared.afterSlow);
  }
  private goOnBy(check: number): void {
    if (this.variant.probe && this.handler.instruction.memory) {
      this.loadState(OP.i32_load, L.PROBE_COUNT);
      this.if();
      this.callCore("probe_accesses");
      this.end();
    }
    this.get(IP);
    this.i32(this.step);
    this.op(OP.i32_add);
    this.get(LEFT);
    this.returnCall(check);
    this.finished = true;
  }
}
function emitPc(m: Emitter): void {
  m.get(IP);
  m.loadState(OP.i32_load, L.PAGE_SLOTS);
  m.op(OP.i32_sub);
  m.i32(3);
  m.op(OP.i32_shr_u);
  m.op(OP.i64_extend_i32_u);
  m.loadState(OP.i64_load, L.PAGE_VA);
  m.op(OP.i64_add);
}

/** Accounts for the instruction, and stops before `ip + step` when it was the last of the slice. */
function emitCount(m: Emitter, ip: number, step: number, shared: Pick<Shared, "stop">): void {
  m.get(LEFT);
  m.i32(1);
  m.op(OP.i32_sub);
  m.tee(LEFT);
  m.op(OP.i32_eqz);
  m.if();
  m.get(ip);
  m.i32(step);
  m.op(OP.i32_add);
  m.get(LEFT);
  m.returnCall(shared.stop);
  m.end();
}

/** Tail call of the handler at `ip + step`; with `count` the instruction is accounted for first. */
function emitDispatch(
  m: Emitter,
  ip: number,
  step: number,
  count: boolean,
  shared: Pick<Shared, "stop" | "handlerType">,
): void {
  if (count) emitCount(m, ip, step, shared);
  m.get(ip);
  m.i32(step);
  m.op(OP.i32_add);
  m.get(LEFT);
  m.get(ip);
  m.memory(OP.i32_load, step);
  m.code.u8(OP.return_call_indirect);
  m.code.u32(shared.handlerType);
  m.code.u32(0);
}

/** The parts every handler leaves through, and the handlers that are no instruction. */
class PlumbingEmitter extends Emitter {
  protected override emitOperand(name: string): void {
    throw new Error(`no operand ${name} outside an instruction`);
  }
  storePc(): void {
    this.storeState(OP.i64_store, L.PC, () => emitPc(this));
  }
  storeLeft(): void {
    this.storeState(OP.i32_store, L.LEFT, () => this.get(LEFT));
  }
  returnLeft(): void {
    this.get(LEFT);
    this.op(OP.return);
  }
}

function buildPlumbing(
  module: ModuleBuilder,
  shared: Shared,
): { enter: number; pageEnd: number; straddle: number; decode: number } {
  const core = shared.core;
  const reserve = (params: ValueType[]): { index: number; emitter: PlumbingEmitter } => {
    const { index, body } = module.func({ params, results: [I32] });
    return { index, emitter: new PlumbingEmitter(body, core) };
  };
  const handler: ValueType[] = [I32, I32];

  // out of instructions, or something asked to leave: ip is the next instruction
  const stop = reserve(handler);
  shared.stop = stop.index;
  stop.emitter.storePc();
  stop.emitter.get(LEFT);

  // the instruction at ip trapped and was not done
  const trap = reserve(handler);
  shared.trap = trap.index;
  trap.emitter.storePc();
  trap.emitter.get(LEFT);

  const illegal = reserve(handler);
  shared.illegal = illegal.index;
  {
    // the handler has no copy of the bits: fetch them again (they are there, they were just decoded)
    const m = illegal.emitter;
    const low = m.local(I32);
    m.storeLeft();
    m.storePc();
    emitPc(m);
    m.callCore("fetch16");
    m.tee(low);
    m.i32(3);
    m.op(OP.i32_and);
    m.i32(3);
    m.op(OP.i32_eq);
    m.if();
    emitPc(m);
    m.i64(2);
    m.op(OP.i64_add);
    m.callCore("fetch16");
    m.i32(16);
    m.op(OP.i32_shl);
    m.get(low);
    m.op(OP.i32_or);
    m.set(low);
    m.end();
    m.get(low);
    m.callCore("illegal");
    m.get(LEFT);
  }

  // after an instruction that may have changed more than registers; ip is the next instruction
  const emitCheck = (m: PlumbingEmitter): void => {
    m.get(LEFT);
    m.i32(1);
    m.op(OP.i32_sub);
    m.tee(LEFT);
    m.op(OP.i32_eqz);
    m.loadState(OP.i32_load, L.EXIT_REQUEST);
    m.op(OP.i32_or);
    m.loadState(OP.i32_load, L.RESCHEDULE);
    m.op(OP.i32_or);
    m.if();
    m.get(IP);
    m.get(LEFT);
    m.returnCall(shared.stop);
    m.end();
  };
  const checked = reserve(handler);
  shared.checked = checked.index;
  emitCheck(checked.emitter);
  emitDispatch(checked.emitter, IP, 0, false, shared);

  // counts how often jumps went to a slot, and tells the JIT when it has become worth compiling
  const count = module.func({ params: [I32], results: [] });
  {
    const m = new PlumbingEmitter(count.body, core);
    const counter = m.local(I32);
    const times = m.local(I32);
    m.get(IP);
    m.i32(3); // 16-byte slots, 2-byte counters
    m.op(OP.i32_shr_u);
    m.i32((L.HOT_COUNTERS - 1) * 2);
    m.op(OP.i32_and);
    m.tee(counter);
    m.get(counter);
    m.memory(OP.i32_load16_u, L.HOT_TABLE);
    m.i32(1);
    m.op(OP.i32_add);
    m.tee(times);
    m.memory(OP.i32_store16, L.HOT_TABLE);
    m.get(times);
    m.loadState(OP.i32_load, L.HOT_THRESHOLD);
    m.op(OP.i32_ge_u);
    m.if();
    m.get(counter);
    m.i32(0);
    m.memory(OP.i32_store16, L.HOT_TABLE);
    m.get(IP);
    m.code.u8(OP.call);
    m.code.u32(shared.hot);
    m.end();
  }
  const callCount = (m: Emitter): void => {
    m.get(IP);
    m.code.u8(OP.call);
    m.code.u32(count.index);
  };

  const hotDispatch = reserve(handler);
  shared.hotDispatch = hotDispatch.index;
  {
    // a slot that holds a region already need not be counted
    const m = hotDispatch.emitter;
    m.get(IP);
    m.memory(OP.i32_load, 0);
    m.i32(HANDLER_COUNT);
    m.op(OP.i32_lt_u);
    m.if();
    callCount(m);
    m.end();
    emitDispatch(m, IP, 0, false, shared);
  }

  // what left a region to be done here goes on behind it in compiled code, when it happens often
  const afterSlow = reserve(handler);
  shared.afterSlow = afterSlow.index;
  emitCheck(afterSlow.emitter);
  afterSlow.emitter.get(IP);
  afterSlow.emitter.get(LEFT);
  afterSlow.emitter.returnCall(hotDispatch.index);

  // slot of a virtual address, whose page becomes the current one; 0 with PC stored when the run loop has to see to it
  const resolve = reserve([I64, I32]);
  {
    const m = resolve.emitter;
    const entry = m.local(I32);
    const slots = m.local(I32);
    tlbEntry(m, 0);
    m.tee(entry);
    m.memory(OP.i64_load, L.TLB_CODE);
    m.get(0);
    m.i64(PAGE_MASK);
    m.op(OP.i64_and);
    m.op(OP.i64_eq);
    m.if();
    m.get(entry);
    m.memory(OP.i32_load, L.TLB_FULL_DELTA + L.FULL_SLOTS);
    m.tee(slots);
    m.if();
    m.storeState(OP.i64_store, L.PAGE_VA, () => {
      m.get(0);
      m.i64(PAGE_MASK);
      m.op(OP.i64_and);
    });
    m.storeState(OP.i32_store, L.PAGE_SLOTS, () => m.get(slots));
    m.end();
    m.end();
    m.get(slots);
    m.op(OP.i32_eqz);
    m.if();
    // the PC must be right before a fetch can trap
    m.storeState(OP.i64_store, L.PC, () => m.get(0));
    m.storeLeft();
    m.get(0);
    m.callCore("lookup_code");
    m.tee(slots);
    m.op(OP.i32_eqz);
    m.if();
    m.i32(0);
    m.op(OP.return);
    m.end();
    m.end();
    slotOf(m, 0, slots);
  }

  // to a virtual address (first parameter); counts the jump itself
  const jump = reserve([I64, I32]);
  const jumpUncounted = reserve([I64, I32]);
  shared.goto = jump.index;
  {
    const m = jump.emitter;
    m.get(LEFT);
    m.i32(1);
    m.op(OP.i32_sub);
    m.tee(LEFT);
    m.op(OP.i32_eqz);
    m.if();
    m.storeState(OP.i64_store, L.PC, () => m.get(0));
    m.returnLeft();
    m.end();
    m.get(0);
    m.get(LEFT);
    m.returnCall(jumpUncounted.index);
  }
  {
    const m = jumpUncounted.emitter;
    const ip = m.local(I32);
    m.get(0);
    m.get(LEFT);
    m.code.u8(OP.call);
    m.code.u32(resolve.index);
    m.tee(ip);
    m.op(OP.i32_eqz);
    m.if();
    m.returnLeft();
    m.end();
    m.get(ip);
    m.get(LEFT);
    m.returnCall(shared.hotDispatch);
  }

  // Entry of the run loop, and the trampoline compiled regions return to: calling from one place through one table keeps
  // their modules free of a table of their own, which V8 would copy for each.
  const enter = reserve(handler);
  {
    const m = enter.emitter;
    const kind = m.local(I32);
    const va = m.local(I64);
    const page = m.local(I64);
    const entry = m.local(I32);
    const slots = m.local(I32);
    const at = m.local(I32);
    const number = m.local(I32);
    const dispatchSlot = (): void => {
      // a slot that holds a region already need not be counted
      m.get(IP);
      m.memory(OP.i32_load, 0);
      m.tee(number);
      m.i32(HANDLER_COUNT);
      m.op(OP.i32_lt_u);
      m.if();
      callCount(m);
      m.get(IP);
      m.memory(OP.i32_load, 0);
      m.set(number);
      m.end();
    };
    dispatchSlot();
    m.code.u8(OP.loop);
    m.code.u8(0x40);
    m.get(IP);
    m.get(LEFT);
    m.get(number);
    m.code.u8(OP.call_indirect);
    m.code.u32(shared.handlerType);
    m.code.u32(0);
    m.tee(LEFT);
    m.i32(0);
    m.op(OP.i32_lt_s);
    m.if();
    m.get(LEFT);
    m.i32(~L.RESUME_GOTO);
    m.op(OP.i32_and);
    m.set(LEFT);
    m.loadState(OP.i64_load, L.RESUME_PC);
    m.set(va);
    // as resolve, without a call where the TLB has the page
    m.block();
    m.get(va);
    m.i64(PAGE_MASK);
    m.op(OP.i64_and);
    m.tee(page);
    tlbEntry(m, va);
    m.tee(entry);
    m.memory(OP.i64_load, L.TLB_CODE);
    m.op(OP.i64_ne);
    m.brIf(0);
    m.get(entry);
    m.memory(OP.i32_load, L.TLB_FULL_DELTA + L.FULL_SLOTS);
    m.tee(slots);
    m.op(OP.i32_eqz);
    m.brIf(0);
    m.storeState(OP.i64_store, L.PAGE_VA, () => m.get(page));
    m.storeState(OP.i32_store, L.PAGE_SLOTS, () => m.get(slots));
    slotOf(m, va, slots);
    m.tee(IP);
    m.memory(OP.i32_load, 0);
    m.tee(number);
    m.i32(HANDLER_COUNT);
    m.op(OP.i32_ge_u);
    m.brIf(2);
    dispatchSlot();
    m.br(2);
    m.end();
    m.get(va);
    m.get(LEFT);
    m.code.u8(OP.call);
    m.code.u32(resolve.index);
    m.tee(IP);
    m.op(OP.i32_eqz);
    m.if();
    m.returnLeft();
    m.end();
    dispatchSlot();
    m.br(1);
    m.end();
    m.loadState(OP.i32_load, L.RESUME);
    m.tee(kind);
    m.op(OP.i32_eqz);
    m.if();
    m.returnLeft();
    m.end();
    m.storeState(OP.i32_store, L.RESUME, () => m.i32(0));
    m.loadState(OP.i32_load, L.PAGE_SLOTS);
    m.loadState(OP.i32_load, L.RESUME_AT);
    m.tee(at);
    m.i32((1 << SIDE_HANDLER_SHIFT) - 1);
    m.op(OP.i32_and);
    m.i32(4);
    m.op(OP.i32_shl);
    m.op(OP.i32_add);
    m.set(IP);
    m.get(kind);
    m.i32(L.RESUME_SLOT);
    m.op(OP.i32_eq);
    m.if();
    dispatchSlot();
    m.br(1);
    m.end();
    m.get(at);
    m.i32(SIDE_HANDLER_SHIFT);
    m.op(OP.i32_shr_u);
    m.i32((1 << (SIDE_DONE_SHIFT - SIDE_HANDLER_SHIFT)) - 1);
    m.op(OP.i32_and);
    // what has only run compiled is not decoded yet
    m.i32(HANDLER_DECODE);
    m.get(IP);
    m.memory(OP.i32_load, 0);
    m.op(OP.select);
    m.set(number);
    m.get(LEFT);
    m.get(at);
    m.i32(SIDE_DONE_SHIFT);
    m.op(OP.i32_shr_u);
    m.op(OP.i32_sub);
    m.set(LEFT);
    m.br(0);
    m.end();
    m.op(OP.unreachable);
  }

  // ran off the end of the page: go on in the next one
  const pageEnd = reserve(handler);
  {
    const m = pageEnd.emitter;
    emitPc(m);
    m.get(LEFT);
    m.returnCall(jumpUncounted.index);
  }

  const fetchOrTrap = (m: PlumbingEmitter, offset: number, into: number): void => {
    emitPc(m);
    if (offset > 0) {
      m.i64(offset);
      m.op(OP.i64_add);
    }
    m.callCore("fetch16");
    m.tee(into);
    m.i32(0);
    m.op(OP.i32_lt_s);
    m.if();
    m.get(IP);
    m.get(LEFT);
    m.returnCall(shared.trap);
    m.end();
  };
  const combine = (m: PlumbingEmitter, low: number, high: number): void => {
    m.get(high);
    m.i32(16);
    m.op(OP.i32_shl);
    m.get(low);
    m.op(OP.i32_or);
    m.set(low);
  };
  const pageOffset = (m: PlumbingEmitter): void => {
    m.get(IP);
    m.loadState(OP.i32_load, L.PAGE_SLOTS);
    m.op(OP.i32_sub);
    m.i32(3);
    m.op(OP.i32_shr_u);
  };

  // a 32-bit instruction whose second half is in the next page: that half may change or move at any time, so it is
  // fetched at every execution and compared with what was decoded
  const straddle = reserve(handler);
  {
    const m = straddle.emitter;
    const low = m.local(I32);
    const high = m.local(I32);
    m.storeLeft();
    fetchOrTrap(m, 0, low);
    fetchOrTrap(m, 2, high);
    combine(m, low, high);
    m.loadState(OP.i32_load, L.PAGE_SLOTS);
    m.memory(OP.i32_load, STRADDLE_BITS);
    m.get(low);
    m.op(OP.i32_ne);
    m.if();
    m.get(IP);
    m.loadState(OP.i32_load, L.PAGE_SLOTS);
    m.get(low);
    m.code.u8(OP.call);
    m.code.u32(shared.decodeStraddling);
    m.end();
    m.get(IP);
    m.get(LEFT);
    m.loadState(OP.i32_load, L.PAGE_SLOTS);
    m.memory(OP.i32_load, STRADDLE_HANDLER);
    m.code.u8(OP.return_call_indirect);
    m.code.u32(shared.handlerType);
    m.code.u32(0);
  }

  const decode = reserve(handler);
  {
    const m = decode.emitter;
    const low = m.local(I32);
    const high = m.local(I32);
    m.storeLeft();
    fetchOrTrap(m, 0, low);
    m.get(low);
    m.i32(3);
    m.op(OP.i32_and);
    m.i32(3);
    m.op(OP.i32_eq);
    m.if();
    pageOffset(m);
    m.i32(0xffe);
    m.op(OP.i32_eq);
    m.if();
    m.loadState(OP.i32_load, L.PAGE_SLOTS);
    m.i32(0);
    m.memory(OP.i32_store, STRADDLE_BITS);
    m.get(IP);
    m.get(LEFT);
    m.returnCall(straddle.index);
    m.end();
    fetchOrTrap(m, 2, high);
    combine(m, low, high);
    m.end();
    m.get(IP);
    m.get(low);
    pageOffset(m);
    m.code.u8(OP.call);
    m.code.u32(shared.decode);
    emitDispatch(m, IP, 0, false, shared);
  }

  return { enter: enter.index, pageEnd: pageEnd.index, straddle: straddle.index, decode: decode.index };
}

/**
 * Generates the interpreter module of one variant. Imports: `env.memory`, `env.table` (at least HANDLER_COUNT
 * entries, filled by the module), `env.decode(slot, bits, pageOffset)`, `env.decode_straddling(slot, slots, bits)` and
 * the core functions under `core`, and `env.hot(slot)`, called each HOT_THRESHOLD times a jump went to a slot.
 * Exports `enter(ip, left) -> left`.
 */
export function generateInterpreter(variant: Variant): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importSharedMemory("env", "memory", 1, 65536);
  module.importTable("env", "table", HANDLER_COUNT);
  const shared: Shared = {
    decode: module.importFunction("env", "decode", { params: [I32, I32, I32], results: [] }),
    decodeStraddling: module.importFunction("env", "decode_straddling", { params: [I32, I32, I32], results: [] }),
    hot: module.importFunction("env", "hot", { params: [I32], results: [] }),
    core: importCore((name, type) => module.importFunction("core", name, type)),
    handlerType: module.type(HANDLER_TYPE),
    stop: 0,
    trap: 0,
    illegal: 0,
    checked: 0,
    afterSlow: 0,
    goto: 0,
    hotDispatch: 0,
  };
  const plumbing = buildPlumbing(module, shared);
  const handlers = HANDLERS.map((handler) => {
    const { index, body } = module.func(HANDLER_TYPE);
    new HandlerEmitter(body, handler, shared, variant).build();
    // every path has returned or tail-called
    body.code.u8(OP.unreachable);
    return index;
  });
  const { decode, pageEnd, straddle } = plumbing;
  module.elementSegment(0, [decode, pageEnd, straddle, ...handlers]);
  module.exportFunction("enter", plumbing.enter);
  return module.encode();
}
