// The core alone, on a memory of its own: a flat view of the test's choosing, devices that are test functions, and an
// interpreter that steps over a program of JavaScript functions by pc.
import { readFileSync } from "node:fs";
import * as L from "../../src/core/layout.js";
import { attachRecorder } from "../../src/trace/attach.js";
import { COLUMNS } from "../../src/trace/columns.js";
import { compileFilter } from "../../src/trace/filter.js";
import { RingReader } from "../../src/trace/ring.js";

const wasm = new WebAssembly.Module(readFileSync(new URL("../../core.wasm", import.meta.url)));
// re-exports its import e.enter (i32, i32) -> i32, as a table takes Wasm functions only
const trampoline = new WebAssembly.Module(
  // prettier-ignore
  new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 7, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 2, 11, 1, 1, 0x65, 5, 0x65, 0x6e, 0x74,
    0x65, 0x72, 0, 0, 7, 9, 1, 5, 0x65, 0x6e, 0x74, 0x65, 0x72, 0, 0,
  ]),
);

const TLB_ARENA = 0x100000;
const TABLES = 0x400000; // per hart
export const SLOT_PAGES = 16;
const RING_SIZE = 0x40000;
export const RAM_BASE = 0x80000000;
export const RAM_SIZE = 0x400000;
export const ROM_BASE = 0x1000;
export const ROM_SIZE = 0x2000;
export const DEVICE_BASE = 0x10000000;
export const DEVICE_SIZE = 0x2000;
export const RAM_REGION = 1;
export const ROM_REGION = 2;
export const DEVICE_REGION = 3;
export const DEVICE_ID = 7;

type U64 = bigint;
/** Exports used by the tests; signatures in src/core/index.ts. */
export interface CoreFunctions {
  init(harts: number): void;
  reset_hart(h: number, pc: U64, a0: U64, a1: U64, a2: U64): void;
  hart_address(h: number): number;
  run(budget: number): number;
  slow_load(va: U64, size: number, pc: U64): U64;
  slow_store(va: U64, value: U64, size: number, pc: U64): void;
  amo_prepare(va: U64, size: number, pc: U64): number;
  amo_io_read(): U64;
  amo_io_write(value: U64): void;
  load_reserved(va: U64, size: number, pc: U64): U64;
  store_conditional(va: U64, value: U64, size: number, pc: U64): number;
  lookup_code(va: U64): number;
  fetch16(va: U64): number;
  code_written(pa: U64, size: number): void;
  memory_written(pa: U64, size: number): void;
  csr_access(csr: number, op: number, src: U64, write: number, read: number, insn: number): U64;
  peek_csr(csr: number): U64;
  poke_csr(csr: number, value: U64): void;
  csr_exists(): number;
  mret(insn: number): void;
  sret(insn: number): void;
  wfi(insn: number): void;
  sfence_vma(va: U64, asid: U64, hasVa: number, hasAsid: number, insn: number): void;
  sfence_inval(insn: number): void;
  fence_i(): void;
  ecall(): void;
  ebreak(pc: U64): void;
  illegal(insn: number): void;
  cbo_zero(va: U64, insn: number): void;
  cbo_inval(va: U64, insn: number): void;
  cbo_clean(va: U64, insn: number): void;
  cbo_flush(va: U64, insn: number): void;
  fp_dirty(): void;
  take_trap(): void;
  take_interrupt(): number;
  set_irq(h: number, bit: number, level: number): void;
  get_mtimecmp(h: number): U64;
  set_mtimecmp(h: number, value: U64): void;
  get_mtime(): U64;
  set_mtime(value: U64): void;
  skip_idle(ns: U64): void;
  next_deadline(): U64;
  topology_changed(): void;
  flush_all(h: number): void;
  flush_page(va: U64, keepGlobal: number): void;
  flush_asid(asid: number): void;
  host_address(pa: U64, size: number): number;
  translate_debug(h: number, va: U64, access: number, priv: number): U64;
  refresh_context(): void;
  recorder_start(i: number): void;
  recorder_stop(i: number): void;
  trace_fast(kind: number, va: U64, value: U64, size: number, entry: number, pc: U64): void;
  trace_amo(old: U64, value: U64): void;
  trace_fetch_slot(va: U64, size: number): void;
  exchange_hart(h: number): void;
}

export interface FakeSection {
  start: number;
  end: number;
  kind: number;
  region: number;
  offset?: number;
  host?: number;
  device?: number;
}

export interface IoAccess {
  write: boolean;
  region: number;
  offset: number;
  size: number;
  value: bigint;
}

/** Runs one instruction slot; true when it has set PC itself. */
export type Step = (core: Core) => boolean | undefined | void;

export class Core {
  readonly memory: WebAssembly.Memory;
  readonly f: CoreFunctions;
  readonly view: DataView;
  readonly ramHost: number;
  readonly #ring: number;
  readonly romHost: number;
  readonly io: IoAccess[] = [];
  readonly invalidated: [number, number, number][] = [];
  /** Device behaviour; default: reads give the offset repeated, everything is accepted. */
  onRead: (region: number, offset: number, size: number) => bigint | undefined = (_r, offset) => BigInt(offset);
  onWrite: (region: number, offset: number, size: number, value: bigint) => boolean = () => true;
  /** Program: what happens at a pc; nothing there is an instruction of 4 bytes without effect. */
  readonly program = new Map<bigint, Step>();
  /** pc of every slot executed, when set. */
  log: { pc: bigint; count: bigint; hart: number }[] | undefined;

  constructor(harts = 1) {
    const slotArena = TLB_ARENA + harts * TABLES;
    const slotMap = slotArena + SLOT_PAGES * L.SLOT_PAGE_SIZE;
    this.ramHost = (slotMap + 0x10000) & ~0xffff;
    this.romHost = this.ramHost + RAM_SIZE;
    this.#ring = this.romHost + 0x10000;
    const pages = (this.#ring + RING_SIZE) >>> 16;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    this.view = new DataView(this.memory.buffer);
    const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
    const enter = new WebAssembly.Instance(trampoline, {
      e: { enter: (ip: number, left: number) => this.#enter(ip, left) },
    });
    table.set(0, enter.exports.enter as () => void);
    const env = {
      memory: this.memory,
      table,
      io_read: (region: number, offset: number, size: number) => this.#ioRead(region, offset, size),
      io_write: (region: number, offset: number, size: number) => this.#ioWrite(region, offset, size),
      code_invalidate: (ppn: number, offset: number, size: number) => void this.invalidated.push([ppn, offset, size]),
      trace_notify: () => 0,
      probe_translate: () => 0,
      probe_page: () => 0,
      probe_event: () => {},
    };
    this.f = new WebAssembly.Instance(wasm, { env }).exports as unknown as CoreFunctions;
    this.set32(L.TLB_ARENA, TLB_ARENA);
    this.set32(L.SLOT_ARENA, slotArena);
    this.set32(L.SLOT_PAGES, SLOT_PAGES);
    this.set32(L.SLOT_MAP, slotMap);
    this.setSections(this.standardView());
    this.f.init(harts);
  }

  standardView(): FakeSection[] {
    return [
      { start: ROM_BASE, end: ROM_BASE + ROM_SIZE, kind: L.SECTION_ROM, region: ROM_REGION, host: this.romHost },
      {
        start: DEVICE_BASE,
        end: DEVICE_BASE + DEVICE_SIZE,
        kind: L.SECTION_IO,
        region: DEVICE_REGION,
        device: DEVICE_ID,
      },
      { start: RAM_BASE, end: RAM_BASE + RAM_SIZE, kind: L.SECTION_RAM, region: RAM_REGION, host: this.ramHost },
    ];
  }

  setSections(sections: FakeSection[]): void {
    this.set32(L.SECTION_COUNT, sections.length);
    sections.forEach((s, i) => {
      const at = L.SECTIONS + i * L.SECTION_SIZE;
      this.set64(at + L.SECTION_START, BigInt(s.start));
      this.set64(at + L.SECTION_END, BigInt(s.end));
      this.set64(at + L.SECTION_OFFSET, BigInt(s.offset ?? 0));
      this.set32(at + L.SECTION_HOST, s.host ?? 0);
      this.set32(at + L.SECTION_REGION, s.region);
      this.set32(at + L.SECTION_KIND, s.kind);
      this.set32(at + L.SECTION_DEVICE, s.device ?? 0);
    });
  }

  get32(at: number): number {
    return this.view.getUint32(at, true);
  }
  set32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }
  get64(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }
  set64(at: number, value: bigint): void {
    this.view.setBigUint64(at, value, true);
  }
  stat(n: number): number {
    return Number(this.get64(L.FLUSH_STATS + 8 * n));
  }
  /** Guest physical RAM. */
  ram64(pa: number): bigint {
    return this.get64(pa - RAM_BASE + this.ramHost);
  }
  setRam64(pa: number, value: bigint): void {
    this.set64(pa - RAM_BASE + this.ramHost, value);
  }

  setPriv(priv: number): void {
    this.set32(L.PRIV, priv);
    this.f.refresh_context();
  }

  /** Cause and tval of the pending trap, which is dropped; undefined when there is none. */
  trap(): { cause: number; tval: bigint } | undefined {
    if (!this.get32(L.TRAP_PENDING)) return undefined;
    this.set32(L.TRAP_PENDING, 0);
    return { cause: Number(this.get64(L.TRAP_CAUSE)), tval: this.get64(L.TRAP_TVAL) };
  }

  /** Opens all of memory to S and U through PMP entry 15. */
  openPmp(): void {
    this.f.poke_csr(0x3bf, (1n << 54n) - 1n);
    this.f.poke_csr(0x3a2, 0x1fn << 56n);
  }

  csrw(csr: number, value: bigint): bigint {
    return this.f.csr_access(csr, 1, value, 1, 1, 0xdead);
  }
  csrr(csr: number): bigint {
    return BigInt.asUintN(64, this.f.csr_access(csr, 2, 0n, 0, 1, 0xdead));
  }

  load(va: bigint, size = 8): bigint {
    return BigInt.asUintN(64, this.f.slow_load(va, size, 0n));
  }
  store(va: bigint, value: bigint, size = 8): void {
    this.f.slow_store(va, value, size, 0n);
  }

  /** Fields of the HWADDR struct at `at`. */
  hwaddr(at = L.HWADDR): {
    va: bigint;
    pa: bigint;
    offset: bigint;
    region: number;
    device: number;
    kind: number;
    size: number;
  } {
    return {
      va: this.get64(at),
      pa: this.get64(at + 8),
      offset: this.get64(at + 16),
      region: this.get32(at + 24),
      device: this.get32(at + 28),
      kind: this.get32(at + 32),
      size: this.get32(at + 36),
    };
  }

  /** Records every access `run` makes, columns by name, numbers as the ring holds them. */
  records(run: () => void, include = { fetch: false, walk: false, dma: false }): Record<string, bigint>[] {
    const fields = COLUMNS.map((column) => column.name);
    const filter = compileFilter({
      fields,
      filter: {},
      include,
      everyNth: 1,
      slow: "drop",
      batchRows: 256,
      ringBatches: 4,
    });
    const { ring } = attachRecorder(this.memory, 0, this.#ring, filter);
    this.f.recorder_start(0);
    const reader = new RingReader(this.memory, ring);
    run();
    this.f.recorder_stop(0);
    const rows: Record<string, bigint>[] = [];
    for (let batch = reader.next(); batch; batch = reader.next()) {
      for (let i = 0; i < batch.rows; i++) {
        const row: Record<string, bigint> = {};
        ring.columns.forEach((column, n) => {
          const bytes = Buffer.from(batch.columnBytes(n)).subarray(i * column.width, (i + 1) * column.width);
          row[column.name] = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
        });
        rows.push(row);
      }
      reader.release(batch);
    }
    return rows;
  }

  /** Machine instruction count. */
  count(): bigint {
    return this.get64(L.SLICE_END) - BigInt(this.get32(L.LEFT));
  }

  #ioRead(region: number, offset: number, size: number): number {
    const value = this.onRead(region, offset, size);
    this.io.push({ write: false, region, offset, size, value: value ?? 0n });
    if (value === undefined) return 1;
    this.set64(L.IO_VALUE, BigInt.asUintN(64, value));
    return 0;
  }

  #ioWrite(region: number, offset: number, size: number): number {
    const value = this.get64(L.IO_VALUE);
    this.io.push({ write: true, region, offset, size, value });
    return this.onWrite(region, offset, size, value) ? 0 : 1;
  }

  #enter(ip: number, left: number): number {
    let page = this.get64(L.PAGE_VA);
    const slot = (ip - this.get32(L.PAGE_SLOTS)) >> 3;
    if (page + BigInt(slot) !== this.get64(L.PC)) throw new Error(`entered at slot ${slot} of ${page.toString(16)}`);
    while (left > 0) {
      const pc = this.get64(L.PC);
      if ((pc & ~0xfffn) !== page) {
        if (!this.f.lookup_code(pc)) return left;
        page = pc & ~0xfffn;
      }
      this.set32(L.LEFT, left);
      const step = this.program.get(pc);
      const jumped = step?.(this) === true;
      if (this.get32(L.TRAP_PENDING)) return left;
      this.log?.push({ pc, count: this.get64(L.SLICE_END) - BigInt(left), hart: this.get32(L.CURRENT_HART) });
      if (!jumped) this.set64(L.PC, pc + 4n);
      left--;
      if (this.get32(L.RESCHEDULE) || this.get32(L.EXIT_REQUEST)) return left;
    }
    return left;
  }
}

// Page tables, built in guest RAM.
export const PTE_V = 1n;
export const PTE_R = 2n;
export const PTE_W = 4n;
export const PTE_X = 8n;
export const PTE_U = 16n;
export const PTE_G = 32n;
export const PTE_A = 64n;
export const PTE_D = 128n;
export const PTE_RW = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;
export const PTE_RWX = PTE_RW | PTE_X;
export const PTE_N = 1n << 63n;

/** A page table with its root at the start of a pool of physical pages. */
export class PageTable {
  #next: number;
  readonly root: number;
  readonly core: Core;
  readonly levels: 3 | 4 | 5;
  constructor(core: Core, levels: 3 | 4 | 5, pool: number) {
    this.core = core;
    this.levels = levels;
    this.root = pool;
    this.#next = pool + 0x1000;
  }

  /** Maps `va` to `pa` with a leaf at `level` (0: 4 KiB). Returns the physical address of the leaf entry. */
  map(va: bigint, pa: bigint, flags: bigint, level = 0): number {
    let table = this.root;
    for (let i = this.levels - 1; ; i--) {
      const at = table + Number((va >> BigInt(12 + 9 * i)) & 0x1ffn) * 8;
      if (i === level) {
        this.core.setRam64(at, ((pa >> 12n) << 10n) | flags);
        return at;
      }
      let pte = this.core.ram64(at);
      if (!(pte & PTE_V)) {
        pte = (BigInt(this.#next) >> 2n) | PTE_V;
        this.#next += 0x1000;
        this.core.setRam64(at, pte);
      }
      table = Number((pte >> 10n) << 12n);
    }
  }

  satp(asid = 0n): bigint {
    return (BigInt(this.levels + 5) << 60n) | (asid << 44n) | (BigInt(this.root) >> 12n);
  }

  /** Puts the core into S-mode with this table. */
  use(asid = 0n): void {
    this.core.openPmp();
    this.core.f.poke_csr(0x180, this.satp(asid));
    this.core.setPriv(1);
  }
}
