// Which instructions to put access probes on.
import type { Instruction } from "../plugin.js";

/** Loads, stores and atomics, and instructions of the system kind, some of which write memory (cbo.zero). */
export const mayAccess = (instruction: Instruction): boolean =>
  instruction.memory !== "none" || instruction.flow === "system";

/** Directions by the letters QEMU's plugins use. */
export const DIRECTIONS = { r: "read", w: "write", rw: "both", read: "read", write: "write" } as const;

/** Kinds of accesses (KIND_* of core/layout.ts) that write are odd; bit 0 of a kind in an event's second word. */
export const EVENT_WRITES = 1 << 16;
