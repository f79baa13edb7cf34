// The session's one Wasm memory: how much is reserved, and who gets which part. Untouched pages cost address space only.
import {
  ARENA,
  HART_COUNT,
  MMU_INDEXES,
  QUANTUM,
  SLOT_ARENA,
  SLOT_MAP,
  SLOT_PAGE_SIZE,
  SLOT_PAGES,
  TLB_ARENA,
  TLB_TABLE_SIZE,
} from "../core/layout.js";
import type { MachineDescription } from "./description.js";

const PAGE = 4096;
const WASM_PAGE = 65536;
/** Physical pages whose decoded instructions are kept; beyond it the core drops them all and starts over. */
const DECODED_PAGES = 2048;
const DEFAULT_QUANTUM = 20_000;
const DEFAULT_TRACE_ARENA = 64 << 20;
/** For plugins: records of translated blocks, and counters and buffers. */
const PROBE_BLOCK_ARENA = 48 << 20;
const PROBE_DATA_ARENA = 32 << 20;
/** For ROM, flash and the RAM banks of boards, on top of main memory. */
const BOARD_MEMORY = 80 << 20;

/** Hands out zeroed, page-aligned ranges of the memory; nothing is given back. */
export class Allocator {
  readonly memory: WebAssembly.Memory;
  #next: number;

  constructor(memory: WebAssembly.Memory, start: number) {
    this.memory = memory;
    this.#next = start;
  }

  /** @throws RangeError when the memory is full */
  take(size: number): number {
    const at = Math.ceil(this.#next / PAGE) * PAGE;
    if (at + size > this.memory.buffer.byteLength) {
      throw new RangeError(
        `the machine needs ${size} bytes more than its memory of ${this.memory.buffer.byteLength} holds`,
      );
    }
    this.#next = at + size;
    return at;
  }
}

export interface MemoryMap {
  memory: WebAssembly.Memory;
  allocator: Allocator;
  /** Range set aside for trace rings. */
  traceArena: { base: number; size: number };
  /** For records of translated blocks. */
  probeBlocks: { base: number; size: number };
  /** For counters and buffers of plugins. */
  probeData: { base: number; size: number };
}

/** Reserves the memory for a machine and tells the core where its arenas are. */
export function createMemoryMap(description: MachineDescription): MemoryMap {
  const tlbs = description.harts * MMU_INDEXES * TLB_TABLE_SIZE;
  const slots = DECODED_PAGES * SLOT_PAGE_SIZE;
  const slotMap = 2 ** Math.ceil(Math.log2(2 * DECODED_PAGES)) * 8;
  const trace = description.traceArena ?? DEFAULT_TRACE_ARENA;
  const probes = PROBE_BLOCK_ARENA + PROBE_DATA_ARENA;
  const total = ARENA + tlbs + slots + slotMap + trace + probes + description.ram + BOARD_MEMORY;
  const pages = Math.ceil(total / WASM_PAGE) + 1;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const allocator = new Allocator(memory, ARENA);
  const words = new Uint32Array(memory.buffer);
  words[HART_COUNT >> 2] = description.harts;
  words[QUANTUM >> 2] = description.quantum ?? DEFAULT_QUANTUM;
  words[TLB_ARENA >> 2] = allocator.take(tlbs);
  words[SLOT_ARENA >> 2] = allocator.take(slots);
  words[SLOT_PAGES >> 2] = DECODED_PAGES;
  words[SLOT_MAP >> 2] = allocator.take(slotMap);
  const arena = (size: number) => ({ base: allocator.take(size), size });
  return {
    memory,
    allocator,
    traceArena: arena(trace),
    probeBlocks: arena(PROBE_BLOCK_ARENA),
    probeData: arena(PROBE_DATA_ARENA),
  };
}
