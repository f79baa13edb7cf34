// Where QEMU 7.2's disassembler is wrong, so that comparisons can leave it out.
import { decode } from "../../src/isa/decode.js";
import { ILLEGAL } from "../../src/isa/instructions.js";
import { csrName } from "../../src/isa/registers.js";

/** CSRs that QEMU 7.2 shows as a number, or by a name they had in a draft. */
const OTHER_CSRS = /^(hpmcounter\d+|senvcfg|menvcfg|stimecmp|mconfigptr|mcountinhibit)$/;

/** Why QEMU 7.2 does not write what executes, or undefined where it does. */
export function disassemblyMistake(word: number): string | undefined {
  const { instruction, rd, rs1, rs2, imm, length } = decode(word);
  const { name } = instruction;
  if (instruction === ILLEGAL) return "shows some reserved encodings as if they were not";
  if (/^(czero|cbo|sinval|sfence\.)/.test(name) && name !== "sfence.vma") return "does not know them";
  if (name === "ctzw") return "clzw";
  if (name === "slli.uw") return "takes the shift for a register";
  if (/^(andn|orn|xnor)$/.test(name)) return "leaves out an operand";
  if (name.startsWith("fsgnj") && rs1 === rs2) return "names integer registers";
  if (name === "jalr" && rd === 0 && rs1 === 1 && imm !== 0) return "ret";
  if (length === 2 && imm === 0 && /^(addi|slli|srli|srai)$/.test(name) && word !== 1)
    return "illegal, but it is a hint";
  if (name.startsWith("csr") && OTHER_CSRS.test(csrName((word >>> 20) & 0xfff))) return "names the CSR otherwise";
  return undefined;
}
