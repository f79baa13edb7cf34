// The instructions the cache plugin has seen, by physical address, with the misses they caused.
import { disassemble } from "../../../isa/disassemble.js";
import type { Instruction } from "../../plugin.js";
import { qemuDisassembly } from "../../qemu-disassembly.js";
import { grown } from "../support/growable.js";

export class InstructionTable {
  dataMisses: Float64Array = new Float64Array(1024);
  fetchMisses: Float64Array = new Float64Array(1024);
  l2Misses: Float64Array = new Float64Array(1024);
  #bits: Uint32Array = new Uint32Array(1024);
  readonly #paddr: bigint[] = [];
  readonly #vaddr: bigint[] = [];
  readonly #numbers = new Map<bigint, number>();

  /** The number of the instruction at its physical address; the code seen there first is what lists show. */
  number(instruction: Instruction): number {
    const known = this.#numbers.get(instruction.paddr);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(instruction.paddr, number);
    this.#paddr.push(instruction.paddr);
    this.#vaddr.push(instruction.vaddr);
    this.#bits = grown(this.#bits, number);
    this.#bits[number] = instruction.bits;
    this.dataMisses = grown(this.dataMisses, number);
    this.fetchMisses = grown(this.fetchMisses, number);
    this.l2Misses = grown(this.l2Misses, number);
    return number;
  }

  describe(number: number): { paddr: bigint; vaddr: bigint; disassembly: string } {
    const vaddr = this.#vaddr[number] as bigint;
    const disassembly = disassemble(this.#bits[number] as number, vaddr).text;
    return { paddr: this.#paddr[number] as bigint, vaddr, disassembly };
  }

  qemuDisassembly(number: number): string {
    return qemuDisassembly(this.#bits[number] as number, this.#vaddr[number] as bigint);
  }

  /** Numbers of those with most misses, at most `limit`, 0 for all. */
  top(misses: Float64Array, limit: number): number[] {
    const numbers: number[] = [];
    for (let number = 0; number < this.#paddr.length; number++)
      if ((misses[number] as number) > 0) numbers.push(number);
    numbers.sort((a, b) => (misses[b] as number) - (misses[a] as number));
    return limit === 0 ? numbers : numbers.slice(0, limit);
  }
}
