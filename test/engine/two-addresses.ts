// A guest whose code is mapped at two addresses: it runs it by both in turn, and changes it by one of them. Ends in its trap
// handler, which begins anew.
import { encode, make } from "../differential/encode.js";
import { Assembler } from "./assembler.js";
import { type Image, RAM } from "./machines.js";
import { enterSupervisor } from "./paged.js";
import { START } from "./platform.js";

const [A0, A1, A2, T0, T1, T2, S0] = [10, 11, 12, 5, 6, 7, 8];
const addi = (rd: number, imm: number): number => encode(make("addi", { rd, rs1: rd, imm }));

export const TWO_ADDRESSES = { first: 0x4000_0000, second: 0x4020_1000, physical: START + 0x4000 };

/** @returns the guest, a0 at its end, and the address of its last instruction */
export function twoAddresses(): { guest: Image; a0: bigint; end: number } {
  // Sv39: two pages of virtual memory show one physical page; auipc tells where it runs
  const { first: one, second: two, physical: code } = TWO_ADDRESSES;
  const tables = START + 0x8000;
  const bytes = new Uint8Array(5 * 4096);
  const view = new DataView(bytes.buffer);
  const entry = (table: number, index: number, physical: number, flags: number): void =>
    view.setBigUint64(table * 4096 + index * 8, (BigInt(physical) >> 2n) | BigInt(flags), true);
  entry(0, 2, RAM, 0xcf); // 1 GiB, as it is
  entry(0, 1, tables + 0x1000, 1);
  entry(1, 0, tables + 0x2000, 1);
  entry(1, 1, tables + 0x3000, 1);
  entry(2, 0, code, 0xcf);
  entry(3, 1, code, 0xcf);
  const f = new Assembler();
  f.op("auipc", { rd: T0 });
  f.op("srli", { rd: T0, rs1: T0, imm: 21 });
  f.op("andi", { rd: T0, rs1: T0, imm: 1 });
  f.op("add", { rd: A0, rs1: A0, rs2: T0 });
  f.word(addi(A0, 2));
  f.op("addi", { rd: A2, imm: 5 });
  const loop = f.here();
  f.op("addi", { rd: A2, rs1: A2, imm: -1 });
  f.to("bne", loop, { rs1: A2 });
  f.ret();
  const main = new Assembler();
  const inside = main.label();
  main.la(T0, inside);
  main.csrw(0x305, T0);
  enterSupervisor(main, tables, inside, T0);
  main.place(inside);
  const top = main.label();
  main.li(A0, 0);
  main.li(S0, 50);
  main.place(top);
  main.li(T2, one);
  main.op("jalr", { rd: 1, rs1: T2 });
  main.li(T2, two);
  main.op("jalr", { rd: 1, rs1: T2 });
  // by one of the two addresses: adds 3 where it added 2, and the other way round
  main.li(T2, one);
  main.op("andi", { rd: T1, rs1: S0, imm: 2 });
  const over = main.label();
  main.to("beq", over, { rs1: T1 });
  main.li(T2, two);
  main.place(over);
  main.op("lw", { rd: T1, rs1: T2, imm: 16 });
  main.li(A1, 1 << 20);
  main.op("xor", { rd: T1, rs1: T1, rs2: A1 });
  main.op("sw", { rs1: T2, rs2: T1, imm: 16 });
  main.op("addi", { rd: S0, rs1: S0, imm: -1 });
  main.to("bne", top, { rs1: S0 });
  // the finisher is not mapped for S-mode: end in M-mode, by the trap handler
  main.op("ecall");
  const start = main.assemble(START).bytes;
  const guest = {
    parts: [
      { address: START, bytes: start },
      { address: tables, bytes },
      { address: code, bytes: f.assemble(code).bytes },
    ],
  };
  // each turn runs it twice: once with 0 and once with 1 of the address; 2 and 3 take turns
  return { guest, a0: BigInt(50 * 1 + 25 * 2 * 2 + 25 * 2 * 3), end: START + start.length - 4 };
}
