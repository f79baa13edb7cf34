// Guest programs of a few instructions for board virt, assembled here. They run in M-mode from the start of RAM.

export const RAM = 0x8000_0000;
export const UART = 0x1000_0000;
export const FINISHER = 0x10_0000;

type Line = number | ((pc: number, labels: Record<string, number>) => number) | { label: string };

// Encodings by format, RISC-V unprivileged ISA chapter "RV32/64G instruction set listings".
const r = (value: number, bits: number, at: number): number => (value & ((1 << bits) - 1)) << at;
const iType = (opcode: number, funct3: number, rd: number, rs1: number, imm: number): number =>
  (opcode | r(rd, 5, 7) | r(funct3, 3, 12) | r(rs1, 5, 15) | r(imm, 12, 20)) >>> 0;
const sType = (funct3: number, rs2: number, rs1: number, imm: number): number =>
  (0x23 | r(imm, 5, 7) | r(funct3, 3, 12) | r(rs1, 5, 15) | r(rs2, 5, 20) | r(imm >> 5, 7, 25)) >>> 0;

export const lui = (rd: number, imm20: number): number => (0x37 | r(rd, 5, 7) | (imm20 << 12)) >>> 0;
export const addi = (rd: number, rs1: number, imm: number): number => iType(0x13, 0, rd, rs1, imm);
export const andi = (rd: number, rs1: number, imm: number): number => iType(0x13, 7, rd, rs1, imm);
export const slli = (rd: number, rs1: number, shift: number): number => iType(0x13, 1, rd, rs1, shift);
export const add = (rd: number, rs1: number, rs2: number): number =>
  (0x33 | r(rd, 5, 7) | r(rs1, 5, 15) | r(rs2, 5, 20)) >>> 0;
export const lbu = (rd: number, rs1: number, imm: number): number => iType(0x03, 4, rd, rs1, imm);
export const ld = (rd: number, rs1: number, imm: number): number => iType(0x03, 3, rd, rs1, imm);
export const sb = (rs2: number, rs1: number, imm: number): number => sType(0, rs2, rs1, imm);
export const sw = (rs2: number, rs1: number, imm: number): number => sType(2, rs2, rs1, imm);
export const sd = (rs2: number, rs1: number, imm: number): number => sType(3, rs2, rs1, imm);
export const wfi = 0x1050_0073;

/** jal x0 to a label. */
export const j =
  (to: string): Line =>
  (pc, labels) => {
    const offset = (labels[to] as number) - pc;
    return (
      (0x6f | r(offset >> 12, 8, 12) | r(offset >> 11, 1, 20) | r(offset >> 1, 10, 21) | r(offset >> 20, 1, 31)) >>> 0
    );
  };
const branch =
  (funct3: number, rs1: number, rs2: number, to: string): Line =>
  (pc, labels) => {
    const offset = (labels[to] as number) - pc;
    return (
      (0x63 |
        r(offset >> 11, 1, 7) |
        r(offset >> 1, 4, 8) |
        r(funct3, 3, 12) |
        r(rs1, 5, 15) |
        r(rs2, 5, 20) |
        r(offset >> 5, 6, 25) |
        r(offset >> 12, 1, 31)) >>>
      0
    );
  };
export const beq = (rs1: number, rs2: number, to: string): Line => branch(0, rs1, rs2, to);
export const bne = (rs1: number, rs2: number, to: string): Line => branch(1, rs1, rs2, to);
export const label = (name: string): Line => ({ label: name });

/** Bytes of a program that starts at RAM. */
export function assemble(lines: readonly Line[]): Uint8Array {
  const labels: Record<string, number> = Object.create(null);
  let pc = RAM;
  for (const line of lines) {
    if (typeof line === "object") labels[line.label] = pc;
    else pc += 4;
  }
  const words: number[] = [];
  for (const line of lines) {
    if (typeof line === "object") continue;
    words.push(typeof line === "number" ? line : line(RAM + words.length * 4, labels));
  }
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** lui for an address that is a multiple of 4096; zero-extended where lui alone would give a negative number. */
const address = (rd: number, value: number): Line[] =>
  value < 0x8000_0000 ? [lui(rd, value >>> 12)] : [lui(rd, (value >>> 12) >> 1), slli(rd, rd, 1)];

/** Stores 0, 1, 2, … as 8 bytes each to the same place, three instructions a turn, behind PRELUDE ones. */
export const COUNTER_BASE = RAM + 0x10_0000;
export const COUNTER_PRELUDE = 3;
export const counter = (): Uint8Array =>
  assemble([...address(5, COUNTER_BASE), addi(6, 0, 0), label("loop"), sd(6, 5, 0), addi(6, 6, 1), j("loop")]);

/** Prints `text`, then echoes what it reads. Polls; `q` powers off. */
export const echo = (text: string): Uint8Array =>
  assemble([
    ...address(5, UART),
    ...[...text].flatMap((character) => [addi(6, 0, character.charCodeAt(0)), sb(6, 5, 0)]),
    addi(8, 0, "q".charCodeAt(0)),
    label("poll"),
    lbu(7, 5, 5), // LSR
    andi(7, 7, 1), // data ready
    beq(7, 0, "poll"),
    lbu(6, 5, 0), // RBR
    beq(6, 8, "off"),
    sb(6, 5, 0), // THR
    j("poll"),
    label("off"),
    ...powerOff(),
  ]);

/** SYSCON power-off: 0x5555 to the test finisher. */
export const powerOff = (): Line[] => [
  lui(9, FINISHER >>> 12),
  lui(10, 5),
  addi(10, 10, 0x555),
  sw(10, 9, 0),
  label("stop"),
  j("stop"),
];

/** Prints `text` and waits for an interrupt that never comes. */
export const sleeper = (text: string): Uint8Array =>
  assemble([
    ...address(5, UART),
    ...[...text].flatMap((character) => [addi(6, 0, character.charCodeAt(0)), sb(6, 5, 0)]),
    label("sleep"),
    wfi,
    j("sleep"),
  ]);
