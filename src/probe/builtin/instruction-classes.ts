// Classes of RISC-V instructions, for histograms. Each instruction belongs to the first class that takes its mnemonic;
// compressed ones count as what they stand for. `key` is how an option names the class.

export interface InstructionClass {
  readonly key: string;
  readonly name: string;
  readonly mnemonics: RegExp;
}

const row = (key: string, name: string, mnemonics: RegExp): InstructionClass => ({ key, name, mnemonics });

/** The last takes everything. */
export const RISCV_CLASSES: readonly InstructionClass[] = [
  row("load", "Load", /^l[bhwd]u?$/),
  row("store", "Store", /^s[bhwd]$/),
  row("fpload", "FP load", /^fl[wd]$/),
  row("fpstore", "FP store", /^fs[wd]$/),
  row("branch", "Branch", /^b(eq|ne|lt|ge)u?$/),
  row("jump", "Jump", /^jal$/),
  row("jumpreg", "Jump (register)", /^jalr$/),
  row("upper", "Upper immediate", /^(lui|auipc)$/),
  row("alui", "ALU (imm)", /^(addi|slti|sltiu|xori|ori|andi|slli|srli|srai)$/),
  row("aluiw", "ALU word (imm)", /^(addiw|slliw|srliw|sraiw)$/),
  row("alu", "ALU", /^(add|sub|sll|slt|sltu|xor|srl|sra|or|and)$/),
  row("aluw", "ALU word", /^(addw|subw|sllw|srlw|sraw)$/),
  row("mul", "Multiply", /^mul/),
  row("div", "Divide", /^(div|rem)/),
  row("lrsc", "LR/SC", /^(lr|sc)\./),
  row("amo", "Atomic", /^amo/),
  row("fpma", "FP multiply-add", /^fn?m(add|sub)\./),
  row("fpdiv", "FP divide, square root", /^f(div|sqrt)\./),
  row("fparith", "FP add, multiply", /^f(add|sub|mul)\./),
  row("fpcmp", "FP compare", /^f(eq|lt|le|min|max|class)\./),
  row("fpcvt", "FP convert", /^fcvt\./),
  row("fpmove", "FP move, sign", /^(fmv|fsgnjn?x?)\./),
  row("bit", "Bit manipulation", /^(sh[123]add|add\.uw|slli\.uw|andn|orn|xnor|clz|ctz|cpop|min|max|sext|zext|ro[lr])/),
  row("bit1", "Single bits, bytes", /^(orc\.b|rev8|b(set|clr|inv|ext)i?)$/),
  row("zicond", "Conditional zero", /^czero\./),
  row("csr", "CSR", /^csr/),
  row("fence", "Fence", /^(fence|sfence|sinval|cbo)/),
  row("system", "System", /^(ecall|ebreak|mret|sret|wfi)$/),
  row("unclas", "Unclassified", /^/),
];

const known = new Map<string, number>();

/** Index of an instruction's class. */
export function classOf(mnemonic: string): number {
  let index = known.get(mnemonic);
  if (index === undefined) {
    index = RISCV_CLASSES.findIndex(({ mnemonics }) => mnemonics.test(mnemonic));
    known.set(mnemonic, index);
  }
  return index;
}
