// A guest that makes accesses near each other off one base register, all over the ends of pages: into one page, into two that are
// not neighbours in memory, and into one that is not mapped, where a handler steps over the instruction.
import type { Random } from "../differential/random.js";
import { Assembler } from "./assembler.js";
import type { Image } from "./machines.js";
import { enterSupervisor, PAGED, pageTables } from "./paged.js";
import { DATA, START } from "./platform.js";

const [A0, A1, T0, T1, T6, S0, S1] = [10, 11, 5, 6, 31, 8, 9];
const PAGE = 4096;
const TABLES = START + 0x8000;
/** Physical pages at PAGED, 0 where there is none. */
const PAGES = [DATA, DATA + 3 * PAGE, 0, DATA];
const MRET = 0x3020_0073;
const LOADS = ["lb", "lbu", "lh", "lhu", "lw", "lwu", "ld"];
const STORES = ["sb", "sh", "sw", "sd"];

/** Runs for ever; a0 sums what is loaded, s1 counts faults. `faults`: whether the page that is not mapped is come near. */
export function nearAccesses(random: Random, { faults }: { faults: boolean }): Image {
  const a = new Assembler();
  const [main, handler, top] = [a.label(), a.label(), a.label()];
  a.la(T0, handler);
  a.csrw(0x305, T0);
  enterSupervisor(a, TABLES, main, T0);
  a.pad(4);
  a.place(handler);
  a.csrr(T6, 0x341);
  a.op("addi", { rd: T6, rs1: T6, imm: 4 });
  a.csrw(0x341, T6);
  a.op("addi", { rd: S1, rs1: S1, imm: 1 });
  a.word(MRET);
  a.place(main);
  a.li(T1, PAGED + (faults ? 2 : 1) * PAGE - 160);
  a.op("addi", { rd: T0, rs1: T1 });
  a.op("addi", { rd: S0, imm: 48 });
  a.place(top);
  for (let n = 0; n < 40; n++) {
    const kind = random.below(10);
    const imm = random.below(24) * 8 - 96 + (random.below(6) === 0 ? random.below(8) : 0);
    if (kind < 5) {
      // now and then into the base register itself, which is put right behind it
      const rd = random.below(12) === 0 ? T0 : A1;
      a.op(LOADS[random.below(LOADS.length)] as string, { rd, rs1: T0, imm });
      a.op("xor", { rd: A0, rs1: A0, rs2: rd });
      a.op("addi", { rd: A0, rs1: A0, imm: n });
      if (rd === T0) a.op("addi", { rd: T0, rs1: T1, imm: 8 * (n % 5) });
    } else if (kind < 9) a.op(STORES[random.below(STORES.length)] as string, { rs1: T0, rs2: A0, imm });
    else a.op("addi", { rd: T0, rs1: T0, imm: 8 * (random.below(3) - 1) });
  }
  // from page to page, and back
  a.op("addi", { rd: T1, rs1: T1, imm: 8 });
  a.op("addi", { rd: T0, rs1: T1 });
  a.op("addi", { rd: S0, rs1: S0, imm: -1 });
  a.to("bne", top, { rs1: S0, rs2: 0 });
  a.op("addi", { rd: S0, imm: 48 });
  a.op("addi", { rd: T1, rs1: T1, imm: -8 * 48 });
  a.op("addi", { rd: T0, rs1: T1 });
  a.jump(top);
  return {
    parts: [
      { address: START, bytes: a.assemble(START).bytes },
      { address: TABLES, bytes: pageTables(TABLES, PAGES) },
    ],
  };
}
