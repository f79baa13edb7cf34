// Probes in a compiled region: the ops that interpreted blocks run from memory, inline. Plain counting is added up while a block
// is emitted and done once, at its end or at whatever leaves it before or could see the counter. Around calls hart state
// is precise: when the plugin's function traps, the machine stands between two instructions (core/probe/recover.ts).
import * as L from "../../core/layout.js";
import { WRITE_KINDS } from "../../core/trace/layout.js";
import { I32, I64, OP, type ValueType } from "../../wasm/opcodes.js";
import { signExtends } from "../block.js";
import type { Emitter } from "../emitter.js";
import type {
  AccessNumber,
  AppendOp,
  CallOp,
  Comparison,
  CounterPlace,
  LeafTarget,
  PlacedOp,
  ProbedBlock,
  ProbeOp,
} from "../probe-ops.js";
import { earlyTests } from "./block-conditions.js";
import { BufferCursors } from "./buffer-cursors.js";
import { counterKey, countersToKeep, type KeptCounter } from "./counter-locals.js";
import type { Access } from "./trace-emitter.js";

const LEFT = 1;
const PAGE_OFFSET_MASK = 4095;
// fields of a TLB entry's cold half, from its hot one
const COLD_OFFSET = L.TLB_FULL_DELTA + L.FULL_OFFSET;
const COLD_REGION = L.TLB_FULL_DELTA + L.FULL_REGION;
const COLD_DEVICE = L.TLB_FULL_DELTA + L.FULL_DEVICE;
const COLD_KIND = L.TLB_FULL_DELTA + L.FULL_KIND;
/** What of an access is looked up where it went. */
const HW_FIELDS = { offset: L.HW_OFFSET, region: L.HW_REGION, device: L.HW_DEVICE } as const;
const UNSIGNED: Record<Comparison, number> = {
  eq: OP.i64_eq,
  ne: OP.i64_ne,
  lt: OP.i64_lt_u,
  le: OP.i64_le_u,
  gt: OP.i64_gt_u,
  ge: OP.i64_ge_u,
};

/** What the region does for its probes. */
export interface ProbeSite {
  /** Calls the dispatcher at a table index, whose arguments are on the stack. */
  callDispatcher(index: number, signature: CallOp["signature"]): void;
  /** Calls one of the machine's dispatchers by its name. */
  callEntry(name: string, params: readonly ValueType[]): void;
  /** Registers were written behind the region's back. */
  reloadRegisters(): void;
}

export class ProbeEmitter {
  readonly #m: Emitter;
  readonly #site: ProbeSite;
  readonly #harts: number;
  /** Hart number, where there are several. */
  #hart: number | undefined;
  #block: ProbedBlock | undefined;
  /** Instruction of the block, and whether its probes before it have run. */
  #index = 0;
  #pending = new Map<string, { counter: CounterPlace; value: bigint }>();
  #accesses: Access[] = [];
  readonly #cursors: BufferCursors;
  /** Ops that the tests at the block's beginning have ruled out. */
  #idle: ReadonlySet<PlacedOp> = new Set();
  /** Counters in locals, by name. */
  readonly #kept = new Map<string, KeptCounter & { local: number }>();

  /** @param blocks all that the region has */
  constructor(emitter: Emitter, harts: number, blocks: readonly ProbedBlock[], site: ProbeSite) {
    this.#m = emitter;
    this.#harts = harts;
    this.#site = site;
    this.#cursors = new BufferCursors(emitter, blocks);
    for (const [key, kept] of countersToKeep(blocks)) this.#kept.set(key, { ...kept, local: emitter.local(I64) });
  }

  /** At the region's entry, in front of all exits. */
  enter(): void {
    if (this.#harts > 1) {
      this.#hart = this.#m.local(I32);
      this.#m.loadState(OP.i32_load, L.CURRENT_HART);
      this.#m.set(this.#hart);
    }
    this.#loadKept();
  }

  /** At each exit: what is kept in locals goes to memory. */
  writeKept(): void {
    this.#cursors.write();
    for (const { counter, local, written } of this.#kept.values())
      if (written) this.#place(counter, () => this.#m.get(local), OP.i64_store);
  }
  #loadKept(): void {
    this.#cursors.load();
    for (const { counter, local } of this.#kept.values()) {
      this.#base(counter);
      this.#m.memory(OP.i64_load, counter.address);
      this.#m.set(local);
    }
  }

  /** `leave` emits the way out before anything of the block. */
  beginBlock(block: ProbedBlock, leave: () => void): void {
    this.#block = block;
    this.#index = 0;
    this.#pending.clear();
    this.#cursors.reserve(block, leave);
    const { tests, idle } = earlyTests(block);
    this.#idle = idle;
    const m = this.#m;
    for (const { counter, exactly, value, sum } of tests) {
      if (exactly) m.i64(BigInt.asIntN(64, value));
      this.#counter(counter);
      if (exactly) m.op(OP.i64_sub);
      m.i64(BigInt.asIntN(64, exactly ? sum : value - sum));
      m.op(exactly ? OP.i64_le_u : OP.i64_ge_u);
      m.if();
      leave();
      m.close();
    }
  }

  /** Before instruction `index`; `stop` emits the way out when the machine was asked to stop. */
  before(index: number, stop: () => void): void {
    const block = this.#block as ProbedBlock;
    this.#index = index;
    this.#accesses = [];
    let called = false;
    if (index === 0) called = this.#run(block.block, index, undefined) || called;
    called = this.#run(block.exec[index] ?? [], index, undefined) || called;
    if (called) this.#stopIfAsked(stop);
  }

  /** An access of the present instruction; its probes come when the instruction is complete. */
  access(access: Access): void {
    this.#accesses.push(access);
  }

  /** Behind instruction `index`. */
  after(index: number, stop: () => void): void {
    const block = this.#block as ProbedBlock;
    const ops = block.access[index] ?? [];
    if (ops.length === 0 || this.#accesses.length === 0) return;
    const noted = this.#needsNotes(ops);
    if (noted) this.#note();
    let called = false;
    this.#accesses.forEach((access, i) => {
      const direction = (WRITE_KINDS >>> access.kind) & 1 ? "write" : "read";
      const mine = ops.filter(
        (placed) => !placed.io && (placed.direction === "both" || placed.direction === direction),
      );
      // calls that go to the plugin by themselves say it with what else they say
      if (noted && !mine.every(({ op }) => op.kind === "call" && !op.synced && op.guard === undefined))
        this.#m.storeState(OP.i32_store, L.PROBE_EVENT, () => this.#m.i32(i));
      called = this.#run(mine, index, { access, number: i }) || called;
    });
    if (noted) this.#m.storeState(OP.i32_store, L.PROBE_COUNT, () => this.#m.i32(0));
    if (called) this.#stopIfAsked(stop);
  }

  /**
   * Whether anybody reads the record of the accesses. A leaf does not; but when it traps, what comes behind it is done from the
   * record.
   */
  #needsNotes(ops: readonly PlacedOp[]): boolean {
    const mine = ops.filter((placed) => !placed.io && !this.#idle.has(placed));
    if (mine.some(({ op }) => op.guard !== undefined || (op.kind === "call" && !isLeaf(op) && !op.numbers)))
      return true;
    const first = mine.findIndex(({ op }) => isLeaf(op));
    return first >= 0 && (first < mine.length - 1 || this.#accesses.length > 1);
  }

  /** In front of any way out in the middle of a block: where in it the hart is, and what was counted so far. */
  leave(done: boolean, executed: number): void {
    this.#flush(false);
    this.position(executed, done);
  }

  /** The block goes on in the interpreter behind `executed` instructions. */
  position(executed: number, done: boolean): void {
    const block = this.#block as ProbedBlock;
    const m = this.#m;
    m.storeState(OP.i32_store, L.PROBE_BLOCK, () => m.i32(block.record));
    m.storeState(OP.i32_store, L.PROBE_LEFT, () => m.i32(block.instructions.length - executed - (done ? 1 : 0)));
    if (done) m.storeState(OP.i32_store, L.PROBE_DONE, () => m.i32(1));
  }

  endBlock(): void {
    this.#flush(true);
  }

  // --- ops ------------------------------------------------------------------------------------------
  /** Whether a plugin may have been called that could ask the machine to stop. */
  #run(ops: readonly PlacedOp[], index: number, event: { access: Access; number: number } | undefined): boolean {
    let called = false;
    for (const placed of ops) {
      if (this.#idle.has(placed)) continue;
      const { op } = placed;
      if (op.kind === "add" && !op.when && op.guard === undefined) {
        this.#addLater(op.counter, op.value);
        continue;
      }
      if (op.kind === "append" && !op.when && op.guard === undefined && this.#cursors.has(op.buffer)) {
        this.#appendKept(op, event?.access);
        continue;
      }
      this.#flush(true);
      let open = 0;
      if (op.when) {
        this.#counter(op.when.counter);
        this.#m.i64(BigInt.asIntN(64, op.when.value));
        this.#m.op(UNSIGNED[op.when.is]);
        this.#m.if();
        open++;
      }
      if (op.guard !== undefined) {
        this.#m.i32(op.guard);
        if (event) this.#m.i32(event.number);
        this.#m.callCore(event ? "probe_passes" : "probe_runs");
        this.#m.if();
        open++;
      }
      switch (op.kind) {
        case "add":
          this.#add(op.counter, op.value);
          break;
        case "store":
          this.#assign(op.counter, () => this.#m.i64(BigInt.asIntN(64, op.value)));
          break;
        case "append":
          // what draining asks for can wait for the region's next exit
          if (this.#cursors.has(op.buffer)) {
            this.#appendKept(op, event?.access);
            this.#cursors.flush(true);
          } else this.#append(op, placed, event?.access);
          break;
        case "call":
          if (isLeaf(op)) this.#callLeaf(op, placed, index, event?.access);
          else {
            this.#call(op, placed, index, event);
            called = true;
          }
          break;
      }
      for (; open > 0; open--) this.#m.close();
    }
    return called;
  }

  #stopIfAsked(stop: () => void): void {
    this.#m.loadState(OP.i32_load, L.EXIT_REQUEST);
    this.#m.if();
    stop();
    this.#m.close();
  }

  #addLater(counter: CounterPlace, value: bigint): void {
    const key = counterKey(counter);
    const pending = this.#pending.get(key);
    if (pending) pending.value += value;
    else this.#pending.set(key, { counter, value });
  }
  #flush(forget: boolean): void {
    for (const { counter, value } of this.#pending.values()) this.#add(counter, value);
    if (forget) this.#pending.clear();
    this.#cursors.flush(forget);
  }
  #add(counter: CounterPlace, value: bigint): void {
    this.#assign(counter, () => {
      this.#counter(counter);
      this.#m.i64(BigInt.asIntN(64, value));
      this.#m.op(OP.i64_add);
    });
  }
  /** Sets the counter of the executing hart to what `value` pushes. */
  #assign(counter: CounterPlace, value: () => void): void {
    const kept = this.#kept.get(counterKey(counter));
    if (kept) {
      value();
      this.#m.set(kept.local);
    } else this.#place(counter, value, OP.i64_store);
  }
  /** Pushes the counter of the executing hart. */
  #counter(counter: CounterPlace): void {
    const kept = this.#kept.get(counterKey(counter));
    if (kept) {
      this.#m.get(kept.local);
      return;
    }
    this.#base(counter);
    this.#m.memory(OP.i64_load, counter.address);
  }
  #place(counter: CounterPlace, value: () => void, opcode: number): void {
    this.#base(counter);
    value();
    this.#m.memory(opcode, counter.address);
  }
  #base({ stride }: CounterPlace): void {
    if (this.#hart === undefined) {
      this.#m.i32(0);
      return;
    }
    this.#m.get(this.#hart);
    this.#m.i32(stride);
    this.#m.op(OP.i32_mul);
  }
  #pushHart(): void {
    if (this.#hart === undefined) this.#m.i32(0);
    else this.#m.get(this.#hart);
  }

  /** Where the block has room for it. */
  #appendKept(op: AppendOp, access: Access | undefined): void {
    const { local, offset } = this.#cursors.next(op.buffer);
    this.#entry(op, access, local, offset);
  }

  /** An entry at a distance from what a local says. */
  #entry({ tag, field }: AppendOp, access: Access | undefined, cursor: number, offset: number): void {
    const m = this.#m;
    const what = field === "none" || !access ? 0 : (access.size << 8) | (access.kind << 16);
    m.get(cursor);
    m.i64(BigInt.asIntN(64, (BigInt(what) << 32n) | BigInt(tag >>> 0)));
    if (this.#hart !== undefined) {
      m.get(this.#hart);
      m.op(OP.i64_extend_i32_u);
      m.i64(32);
      m.op(OP.i64_shl);
      m.op(OP.i64_or);
    }
    m.memory(OP.i64_store, offset);
    m.get(cursor);
    if (!access || field === "none") m.i64(0);
    else if (field === "vaddr") m.get(access.va);
    else if (field === "value") this.#value(access);
    else this.#physical(access.va, access.entry);
    m.memory(OP.i64_store, offset + 8);
  }

  #append(op: AppendOp & PlacedOp["op"], placed: PlacedOp, access: Access | undefined): void {
    const m = this.#m;
    const cursor = m.local(I32);
    m.loadState(OP.i32_load, op.buffer + L.BUFFER_CURSOR);
    m.set(cursor);
    this.#entry(op, access, cursor, 0);
    m.storeState(OP.i32_store, op.buffer + L.BUFFER_CURSOR, () => {
      m.get(cursor);
      m.i32(L.ENTRY_SIZE);
      m.op(OP.i32_add);
      m.tee(cursor);
    });
    m.get(cursor);
    m.loadState(OP.i32_load, op.buffer + L.BUFFER_END);
    m.op(OP.i32_ge_u);
    m.if();
    this.#storeLeft();
    this.writeKept();
    m.i32(placed.address);
    m.i32(op.buffer);
    m.callCore("probe_full");
    m.op(OP.drop);
    this.#loadKept();
    m.close();
  }

  /** Pushes a field of the TLB entry in local `entry`. */
  #ofEntry(entry: number, opcode: number, field: number): void {
    this.#m.get(entry);
    this.#m.memory(opcode, field);
  }
  #physical(va: number, entry: number): void {
    const m = this.#m;
    this.#ofEntry(entry, OP.i64_load32_u, L.TLB_PPN);
    m.i64(12);
    m.op(OP.i64_shl);
    m.get(va);
    m.i64(PAGE_OFFSET_MASK);
    m.op(OP.i64_and);
    m.op(OP.i64_or);
  }
  #value({ value, size }: Access): void {
    this.#m.get(value);
    if (size === 8) return;
    this.#m.i64(2 ** (8 * size) - 1);
    this.#m.op(OP.i64_and);
  }

  #storeLeft(): void {
    const m = this.#m;
    m.storeState(OP.i32_store, L.LEFT, () => {
      m.get(LEFT);
      m.i32(this.#index);
      m.op(OP.i32_sub);
    });
  }

  #call(op: CallOp, placed: PlacedOp, index: number, event: { access: Access; number: number } | undefined): void {
    const m = this.#m;
    this.#storeLeft();
    this.writeKept();
    if (op.synced) {
      // the instruction's own probes have begun
      this.position(index + 1, false);
      m.i32(placed.address);
      m.i32(event?.number ?? 0);
      m.callCore("probe_call");
      m.storeState(OP.i32_store, L.PROBE_LEFT, () => m.i32(0));
    } else if (op.numbers && op.target.entry !== undefined && event) {
      this.#present(undefined, placed.address);
      this.#pushHart();
      m.i32(op.tag);
      for (const name of op.numbers) this.#number(name, event.access);
      this.#site.callEntry(op.target.entry, [I32, I32, ...op.numbers.map((): ValueType => I32)]);
      this.#present(undefined, 0);
    } else {
      this.#present(event, placed.address);
      const byName = op.signature === "exec" ? op.target.entry : undefined;
      if (byName === undefined) m.i32(op.target.fn);
      this.#pushHart();
      if (op.signature === "access" && event) {
        m.i32(this.#info(event.access, index));
        m.get(event.access.va);
      }
      m.i32(op.tag);
      if (byName === undefined) this.#site.callDispatcher(op.target.dispatcher, op.signature);
      else this.#site.callEntry(byName, [I32, I32]);
      this.#present(event, 0);
    }
    this.#loadKept();
    if (op.registers === "write") this.#site.reloadRegisters();
  }

  /** Pushes it, of an access that the TLB settled: to one section, of memory. */
  #number(name: AccessNumber, { va, entry, size, kind }: Access): void {
    const m = this.#m;
    switch (name) {
      case "ppn":
        return this.#ofEntry(entry, OP.i32_load, L.TLB_PPN);
      case "regionId":
        return this.#ofEntry(entry, OP.i32_load, COLD_REGION);
      case "deviceId":
        return this.#ofEntry(entry, OP.i32_load, COLD_DEVICE);
      case "pageOffset":
        m.get(va);
        m.op(OP.i32_wrap_i64);
        m.i32(PAGE_OFFSET_MASK);
        return m.op(OP.i32_and);
      case "size":
        return m.i32(size);
      case "write":
        return m.i32((WRITE_KINDS >>> kind) & 1);
      case "io":
        return m.i32(0);
    }
  }

  /** Says which op calls its plugin, and about what; 0: none does any more. */
  #present(event: { number: number } | undefined, op: number): void {
    if (!event) {
      this.#m.storeState(OP.i32_store, L.PROBE_CURSOR, () => this.#m.i32(op));
      return;
    }
    const access = L.PROBE_ACCESS + event.number * L.ACCESS_SIZE;
    this.#m.storeWords(L.PRESENT_ACCESS, op === 0 ? [0, 0, 0, event.number] : [access, L.HWADDR, op, event.number]);
  }

  /** A leaf cannot reach the machine: what is set here is for its trap alone. */
  #callLeaf({ tag, signature, leaf }: Leaf, placed: PlacedOp, index: number, access: Access | undefined): void {
    const m = this.#m;
    this.#storeLeft();
    this.writeKept();
    this.#present(undefined, placed.address);
    this.#pushHart();
    const params: ValueType[] = [I32];
    if (signature === "access" && access) {
      m.i32(this.#info(access, index));
      m.get(access.va);
      params.push(I32, I64);
    }
    m.i32(tag);
    params.push(I32);
    if (access) {
      const where = leaf.fields.some((field) => field in HW_FIELDS);
      if (where) this.#capture(access);
      for (const field of leaf.fields) {
        if (field === "paddr") this.#physical(access.va, access.entry);
        else if (field === "value") this.#value(access);
        else m.loadState(field === "offset" ? OP.i64_load : OP.i32_load, HW_FIELDS[field]);
        params.push(field === "region" || field === "device" ? I32 : I64);
      }
    }
    this.#site.callEntry(leaf.name, params);
    this.#present(undefined, 0);
  }

  /** As access_info() of core/probe/accesses.ts. */
  #info({ kind, size }: Access, index: number): number {
    const instruction = (this.#block as ProbedBlock).instructions[index];
    const signed = kind === L.KIND_LOAD && instruction !== undefined && signExtends(instruction.decoded);
    return Math.log2(size) | (signed ? 16 : 0) | ((WRITE_KINDS >>> kind) & 1 ? 64 : 0) | (kind << 8);
  }

  /** Notes the accesses as the core does, and captures where they went. */
  #note(): void {
    const m = this.#m;
    m.storeState(OP.i32_store, L.PROBE_COUNT, () => m.i32(this.#accesses.length));
    this.#accesses.forEach((access, i) => {
      const at = L.PROBE_ACCESS + i * L.ACCESS_SIZE;
      m.storeState(OP.i64_store, at + L.ACCESS_VADDR, () => m.get(access.va));
      m.storeState(OP.i64_store, at + L.ACCESS_VALUE, () => this.#value(access));
      // kind, bytes and split, which lie side by side
      m.storeWords(at + L.ACCESS_KIND, [access.kind, access.size, 0, 0]);
    });
    const [first] = this.#accesses;
    if (!first || !this.#wantsHwaddr()) return;
    this.#capture(first);
  }

  /** As capture() of core/softmmu, as far as plugins and filters ask: the TLB settled it, so its page lies in one section, of memory. */
  #capture({ va, entry }: Access): void {
    const m = this.#m;
    m.storeState(OP.i64_store, L.HW_PADDR, () => this.#physical(va, entry));
    m.storeState(OP.i64_store, L.HW_OFFSET, () => {
      this.#ofEntry(entry, OP.i64_load, COLD_OFFSET);
      m.get(va);
      m.i64(PAGE_OFFSET_MASK);
      m.op(OP.i64_and);
      m.op(OP.i64_add);
    });
    m.storeState(OP.i32_store, L.HW_REGION, () => this.#ofEntry(entry, OP.i32_load, COLD_REGION));
    m.storeState(OP.i32_store, L.HW_DEVICE, () => this.#ofEntry(entry, OP.i32_load, COLD_DEVICE));
    m.storeState(OP.i32_store, L.HW_KIND, () => this.#ofEntry(entry, OP.i32_load8_u, COLD_KIND));
  }
  #wantsHwaddr(): boolean {
    return (this.#block?.access[this.#index] ?? []).some(
      ({ op, io }) => !io && ((op.kind === "call" && op.hwaddr) || op.guard !== undefined),
    );
  }
}

type Leaf = CallOp & { leaf: LeafTarget };

/** Where counters are kept in the plugin's memory as well, that is brought up to date around the call: not for compiled code. */
function isLeaf(op: ProbeOp): op is Leaf {
  return op.kind === "call" && op.leaf !== undefined && !op.synced;
}
