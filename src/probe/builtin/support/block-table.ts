// Numbers the blocks a plugin has seen translated and keeps what is asked about them later: their addresses and the bits of
// their instructions. The same code at the same address keeps its number when it is translated again; code that changed
// gets a new one.
import { disassemble } from "../../../isa/disassemble.js";
import type { Block } from "../../plugin.js";
import { qemuDisassembly } from "../../qemu-disassembly.js";
import { grown } from "./growable.js";

export class BlockTable {
  /** First address of block n, and the first behind it. */
  readonly start: bigint[] = [];
  readonly end: bigint[] = [];
  /** Instructions of block n. */
  length: Uint16Array = new Uint16Array(256);
  size = 0;
  /** Where the bits of block n's instructions are. */
  #at: Uint32Array = new Uint32Array(256);
  #bits: Uint32Array = new Uint32Array(2048);
  #used = 0;
  readonly #numbers = new Map<string, number>();

  /** Number of the block, which is new when it equals the `size` of before. */
  number(block: Block): number {
    const { instructions, vaddr } = block;
    let hash = 0;
    for (const instruction of instructions) hash = (Math.imul(hash, 31) + instruction.bits) | 0;
    const key = `${vaddr.toString(36)}.${instructions.length}.${hash}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.size++;
    const last = instructions[instructions.length - 1] ?? { vaddr, size: 0 };
    this.#numbers.set(key, number);
    this.start.push(vaddr);
    this.end.push(BigInt.asUintN(64, last.vaddr + BigInt(last.size)));
    this.length = grown(this.length, number);
    this.length[number] = instructions.length;
    this.#at = grown(this.#at, number);
    this.#at[number] = this.#used;
    this.#bits = grown(this.#bits, this.#used + instructions.length);
    for (const instruction of instructions) this.#bits[this.#used++] = instruction.bits;
    return number;
  }

  bits(number: number, index: number): number {
    return this.#bits[(this.#at[number] as number) + index] as number;
  }

  /** Address of instruction `index`. */
  address(number: number, index: number): bigint {
    let offset = 0;
    for (let i = 0; i < index; i++) offset += sizeOf(this.bits(number, i));
    return BigInt.asUintN(64, (this.start[number] as bigint) + BigInt(offset));
  }

  /** Which instruction of the block is at `pc`; -1: none. */
  index(number: number, pc: bigint): number {
    let left = Number(BigInt.asIntN(64, pc - (this.start[number] as bigint)));
    if (left < 0) return -1;
    const length = this.length[number] as number;
    for (let i = 0; i < length; i++) {
      if (left === 0) return i;
      left -= sizeOf(this.bits(number, i));
      if (left < 0) return -1;
    }
    return -1;
  }

  disassembly(number: number, index: number): string {
    return disassemble(this.bits(number, index), this.address(number, index)).text;
  }

  /** The same as QEMU's plugins print it. */
  qemuDisassembly(number: number, index: number): string {
    return qemuDisassembly(this.bits(number, index), this.address(number, index));
  }
}

const sizeOf = (bits: number): number => ((bits & 3) === 3 ? 4 : 2);
