// Guests for board `remap`, and one whose hot loop switches the bank of memory that it runs from.
import { Assembler, type Label } from "./assembler.js";
import type { Image } from "./machines.js";
import { START } from "./platform.js";

const [A0, A1, T0, T1, T2, S0, S1, S2] = [10, 11, 5, 6, 7, 8, 9, 18];
export const BOARD = { board: "remap" } as const;
export const BANK0 = 0x1100_0000;
export const WINDOW0 = 0x1200_0000;

/** Powers off at its end. */
export function image(write: (a: Assembler) => void): Image {
  const a = new Assembler();
  write(a);
  a.li(T0, 0x10_0000);
  a.li(T1, 0x5555);
  a.op("sw", { rs1: T0, rs2: T1 });
  return { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
}

/** Copies code that the assembler places at `from` to a place in the window. Uses t0, t1, t2, a1. */
export function copy(a: Assembler, from: Label, to: number, bytes: number): void {
  a.la(T0, from);
  a.li(T1, to);
  a.li(A1, bytes / 2);
  const top = a.here();
  a.op("lhu", { rd: T2, rs1: T0 });
  a.op("sh", { rs1: T1, rs2: T2 });
  a.op("addi", { rd: T0, rs1: T0, imm: 2 });
  a.op("addi", { rd: T1, rs1: T1, imm: 2 });
  a.op("addi", { rd: A1, rs1: A1, imm: -1 });
  a.to("bne", top, { rs1: A1 });
}

/** Words that differ from bank to bank: addi a0, a0, 1 << bank. */
export const step = (bank: number): number => (0x13 | (A0 << 7) | (A0 << 15) | ((1 << bank) << 20)) >>> 0;

/** The loop, at this offset of the window; a0 at its end. */
export function bankLoop(offset: number): { guest: Image; a0: bigint } {
  // the same code in four RAM banks, but for the constant that is added; each turn goes on in the next bank
  const guest = image((a) => {
    const sources = [0, 1, 2, 3].map(() => a.label());
    const end = a.label();
    for (const [bank, source] of sources.entries()) {
      a.li(T0, BANK0);
      a.li(T1, bank);
      a.op("sw", { rs1: T0, rs2: T1 });
      copy(a, source, WINDOW0 + offset, 40);
    }
    a.li(T0, BANK0);
    a.op("sw", { rs1: T0 });
    a.li(A0, 0);
    a.li(S0, 400);
    a.li(S1, BANK0);
    a.li(S2, 0);
    a.li(T0, WINDOW0 + offset);
    a.op("jalr", { rd: 1, rs1: T0 });
    a.jump(end);
    for (const [bank, source] of sources.entries()) {
      a.place(source);
      const top = a.here();
      a.word(step(bank));
      a.op("addi", { rd: S2, rs1: S2, imm: 1 });
      a.op("andi", { rd: T1, rs1: S2, imm: 3 });
      a.op("sw", { rs1: S1, rs2: T1 }); // what follows is another bank's
      a.word(step(bank));
      a.op("addi", { rd: S0, rs1: S0, imm: -1 });
      a.to("bne", top, { rs1: S0 });
      a.ret();
      a.word(0);
      a.word(0);
      a.pad(8);
    }
    a.place(end);
  });
  // per turn: the constant of the old bank, and the one of the new
  let sum = 0n;
  for (let n = 0; n < 400; n++) sum += (1n << BigInt(n & 3)) + (1n << BigInt((n + 1) & 3));
  return { guest, a0: sum };
}
