// Where translation blocks end: as QEMU ends them for RISC-V (target/riscv/translate.c as of 8.0), so that what plugins count by
// block means the same on both.
import { type Decoded, decode, isLong } from "../isa/decode.js";
import type { BlockInstruction } from "./jit/region.js";

const PAGE = 4096;
const MAX_INSTRUCTIONS = 512;
/** Of the kind `system`, but without a change of control, privilege or translation context that ends a block. */
const GO_ON = new Set(["wfi", "sfence.vma", "sinval.vma", "sfence.w.inval", "sfence.inval.ir"]);

const SIGN_EXTENDING = new Set(["lb", "lh", "lw", "lr.w"]);

export function endsBlock({ instruction }: Decoded): boolean {
  if (instruction.flow === "next") return false;
  return instruction.flow !== "system" || !(GO_ON.has(instruction.name) || instruction.name.startsWith("cbo."));
}

/** Loads that extend the sign; what plugins are told of an access. */
export function signExtends({ instruction }: Decoded): boolean {
  return SIGN_EXTENDING.has(instruction.name);
}

/**
 * Instructions of the block that begins at `offset` of a page. `first`: bits of the first one, where it straddles the page's
 * end and its second half cannot be read from the page.
 */
export function blockAt(page: DataView, offset: number, first?: number): BlockInstruction[] {
  if (first !== undefined) return [{ offset, decoded: decode(first) }];
  const instructions: BlockInstruction[] = [];
  while (instructions.length < MAX_INSTRUCTIONS && offset < PAGE) {
    const low = page.getUint16(offset, true);
    // only the first instruction of a block may straddle
    if (isLong(low) && offset + 2 >= PAGE) break;
    const decoded = decode(isLong(low) ? page.getUint32(offset, true) : low);
    instructions.push({ offset, decoded });
    if (endsBlock(decoded)) break;
    offset += decoded.length;
  }
  return instructions;
}
