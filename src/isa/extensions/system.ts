// Zicsr, Zifencei, cache blocks (Zicbom, Zicboz), and the privileged instructions with Svinval
// (privileged ISA, chapters 3, 10 and "Svinval"). The work is done by core functions; they trap where the ISA says so.
import * as e from "../expr.js";
import { extension, type Instruction, nextNumber } from "../instruction.js";

export const system: Instruction[] = [];
const SYS = { flow: "system", format: "bits" } as const;

const zicsr = extension("Zicsr", system);
const READ_WRITE = 1;
const READ_SET = 2;
const READ_CLEAR = 3;
for (const [name, funct3, operation, immediate] of [
  ["csrrw", "001", READ_WRITE, false],
  ["csrrs", "010", READ_SET, false],
  ["csrrc", "011", READ_CLEAR, false],
  ["csrrwi", "101", READ_WRITE, true],
  ["csrrsi", "110", READ_SET, true],
  ["csrrci", "111", READ_CLEAR, true],
] as const) {
  const assembly = immediate ? "rd, csr, zimm" : "rd, csr, rs1";
  zicsr(name, `csr rs1 ${funct3} rd 1110011`, assembly, SYS, (s) => {
    const number = e.shrU32(s.bits, e.i32(20));
    const rs1Field = e.and32(e.shrU32(s.bits, e.i32(15)), e.i32(31));
    const rdField = e.and32(e.shrU32(s.bits, e.i32(7)), e.i32(31));
    const always = e.i32(1);
    // csrrs/csrrc with x0 (or 0) do not write; csrrw with rd = x0 does not read
    const writes = operation === READ_WRITE ? always : e.ne32(rs1Field, e.i32(0));
    const reads = operation === READ_WRITE ? e.ne32(rdField, e.i32(0)) : always;
    const source = immediate ? s.rs1Index : s.rs1;
    s.system("csr_access", [number, e.i32(operation), source, writes, reads, s.bits], (old) => s.rd(old));
  });
}

const zifencei = extension("Zifencei", system);
zifencei("fence.i", "any12 any5 001 any5 0001111", "", SYS, (s) => s.system("fence_i", []));

const cbo = extension("Zicbo", system);
for (const [name, funct12] of [
  ["inval", "000000000000"],
  ["clean", "000000000001"],
  ["flush", "000000000010"],
  ["zero", "000000000100"],
]) {
  cbo(`cbo.${name}`, `${funct12} rs1 010 00000 0001111`, "(rs1)", SYS, (s) => s.system(`cbo_${name}`, [s.rs1, s.bits]));
}

const privileged = extension("privileged", system);
privileged("ecall", "00000000000000000000000001110011", "", SYS, (s) => s.systemJump("ecall", []));
privileged("ebreak", "00000000000100000000000001110011", "", SYS, (s) => s.systemJump("ebreak", [s.pc]));
privileged("mret", "00110000001000000000000001110011", "", SYS, (s) => s.systemJump("mret", [s.bits]));
privileged("sret", "00010000001000000000000001110011", "", SYS, (s) => s.systemJump("sret", [s.bits]));
privileged("wfi", "00010000010100000000000001110011", "", SYS, (s) => s.system("wfi", [s.bits]));
for (const [name, funct7] of [
  ["sfence.vma", "0001001"],
  ["sinval.vma", "0001011"],
]) {
  privileged(name as string, `${funct7} rs2 rs1 000 00000 1110011`, "rs1, rs2", SYS, (s) => {
    const given = (shift: number) => e.ne32(e.and32(e.shrU32(s.bits, e.i32(shift)), e.i32(31)), e.i32(0));
    s.system("sfence_vma", [s.rs1, s.rs2, given(15), given(20), s.bits]);
  });
}
privileged("sfence.w.inval", "00011000000000000000000001110011", "", SYS, (s) => s.system("sfence_inval", [s.bits]));
privileged("sfence.inval.ir", "00011000000100000000000001110011", "", SYS, (s) => s.system("sfence_inval", [s.bits]));

// What no other row matches, and reserved encodings.
export const ILLEGAL: Instruction = {
  number: nextNumber(),
  name: "illegal",
  extension: "privileged",
  mask: 0,
  match: 0,
  format: "bits",
  assembly: "",
  flow: "system",
  memory: false,
  semantics: (s) => s.systemJump("illegal", [s.bits]),
};
