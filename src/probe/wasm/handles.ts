// Handles of the block that is being translated and of its instructions. Numbers change with each block, so a handle kept
// from an earlier one, or made up, leads to nothing.
import type { Block, Instruction } from "../plugin.js";

/** More than a block has instructions. */
const STEP = 1024;
const LAST = 0x40000000;

export class BlockHandles {
  #base = STEP;
  #block: Block | undefined;

  /** Returns the handle of the block; valid until `close`. */
  open(block: Block): number {
    this.#base = this.#base >= LAST ? STEP : this.#base + STEP;
    this.#block = block;
    return this.#base;
  }

  close(): void {
    this.#block = undefined;
  }

  block(handle: number): Block | undefined {
    return handle === this.#base ? this.#block : undefined;
  }

  /** Handle of an instruction, 0 where there is none. */
  instructionHandle(block: number, index: number): number {
    const count = this.block(block)?.instructions.length ?? 0;
    return index >= 0 && index < count ? this.#base + 1 + index : 0;
  }

  instruction(handle: number): Instruction | undefined {
    return this.#block?.instructions[handle - this.#base - 1];
  }
}
