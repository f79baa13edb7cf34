// A small assembler for guests that tests write: pieces of code with labels, laid out from an address, with compressed
// forms where they fit and are wanted.
import { compress } from "../differential/compress.js";
import { encode, format, type Instruction, lengthOf, make } from "../differential/encode.js";

/** A place in the code; `at` is its address once the program is laid out. */
export class Label {
  at = 0;
}

type Reach =
  /** The instruction's immediate is the distance to the label. */
  | "relative"
  /** Upper 20 bits of the distance from this auipc. */
  | "high"
  /** Lower 12 bits of the distance from `from`. */
  | "low";

type Piece =
  | { kind: "code"; instruction: Instruction; short: boolean; far?: boolean; to?: Label; reach?: Reach; from?: Label }
  | { kind: "label"; label: Label }
  /** Bytes that are not executed. */
  | { kind: "data"; bytes: Uint8Array }
  /** An address, 8 bytes. */
  | { kind: "address"; to: Label }
  /** Zeros up to `offset` in a page (multiple of `align` bytes, plus offset). */
  | { kind: "pad"; align: number; offset: number };

/** One instruction where it ended up. */
export interface Placed {
  readonly address: number;
  readonly length: 2 | 4;
  readonly text: string;
}

export interface Assembled {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly listing: readonly Placed[];
}

type Fields = Partial<Omit<Instruction, "op">>;

const BRANCH_REACH = 4096;
/** Bit of funct3 that turns a branch into its opposite. */
const OPPOSITE = 0x1000;

/** Addresses are JS numbers below 2^31 or sign-extended 32-bit ones above it, as `li` makes them. */
export class Assembler {
  readonly #pieces: Piece[] = [];
  /** Asked for each instruction: whether to write it compressed if it can be. */
  readonly #short: () => boolean;

  constructor(short: () => boolean = () => false) {
    this.#short = short;
  }

  label(): Label {
    return new Label();
  }
  place(label: Label): void {
    this.#pieces.push({ kind: "label", label });
  }
  here(): Label {
    const label = new Label();
    this.place(label);
    return label;
  }
  op(name: string, fields: Fields = {}): void {
    this.instruction(make(name, fields));
  }
  instruction(instruction: Instruction): void {
    this.#pieces.push({ kind: "code", instruction, short: this.#short() });
  }
  /** An instruction word, of 32 bits, or of 16 when its low bits say so. */
  word(bits: number): void {
    const short = (bits & 3) !== 3;
    const raw = {
      name: `.word 0x${(bits >>> 0).toString(16)}`,
      ext: "i",
      form: "none",
      bits: bits >>> 0,
      bytes: 0,
    } as const;
    this.#pieces.push({ kind: "code", instruction: make(raw, short ? { compressed: bits } : {}), short });
  }
  data(bytes: Uint8Array): void {
    this.#pieces.push({ kind: "data", bytes });
  }
  address(to: Label): void {
    this.#pieces.push({ kind: "address", to });
  }
  /** Zeros until the address is `offset` modulo `align`. */
  pad(align: number, offset = 0): void {
    this.#pieces.push({ kind: "pad", align, offset });
  }

  /** A branch or jal to a label. */
  to(name: string, to: Label, fields: Fields = {}): void {
    this.#pieces.push({ kind: "code", instruction: make(name, fields), short: this.#short(), to, reach: "relative" });
  }
  jump(to: Label): void {
    this.to("jal", to);
  }
  /** Address of a label (auipc and addi). */
  la(rd: number, to: Label): void {
    const from = this.here();
    this.#pieces.push({ kind: "code", instruction: make("auipc", { rd }), short: false, to, reach: "high", from });
    this.#pieces.push({
      kind: "code",
      instruction: make("addi", { rd, rs1: rd }),
      short: false,
      to,
      reach: "low",
      from,
    });
  }
  /** A constant: 32 bits sign-extended in one or two instructions, others in a shift and an add more for each 11 bits. */
  li(rd: number, value: number | bigint): void {
    const v = BigInt.asIntN(64, BigInt(value));
    if (v >= -2048n && v < 2048n) {
      this.op("addi", { rd, imm: Number(v) });
    } else if (v >= -(1n << 31n) && v < 1n << 31n) {
      const low = Number(BigInt.asIntN(12, v));
      this.op("lui", { rd, imm: Number((v - BigInt(low)) >> 12n) & 0xfffff });
      if (low !== 0) this.op("addiw", { rd, rs1: rd, imm: low });
    } else {
      const low = BigInt.asIntN(12, v);
      this.li(rd, (v - low) >> 12n);
      this.op("slli", { rd, rs1: rd, imm: 12 });
      if (low !== 0n) this.op("addi", { rd, rs1: rd, imm: Number(low) });
    }
  }
  csrw(csr: number, rs1: number): void {
    this.op("csrrw", { rs1, imm: csr });
  }
  csrr(rd: number, csr: number): void {
    this.op("csrrs", { rd, imm: csr });
  }
  /** Writes a constant to a CSR by way of register `by`. */
  csrli(csr: number, value: number | bigint, by = 5): void {
    this.li(by, value);
    this.csrw(csr, by);
  }
  ret(): void {
    this.op("jalr", { rs1: 1 });
  }

  /** Fixes all distances. */
  assemble(start: number): Assembled {
    while (!this.#settle(start)) {}
    let end = start;
    const listing: Placed[] = [];
    const parts: { at: number; bytes: Uint8Array }[] = [];
    for (const piece of this.#pieces) {
      const bytes = this.#bytes(piece, end, listing);
      parts.push({ at: end, bytes });
      end += bytes.length;
    }
    const bytes = new Uint8Array(end - start);
    for (const part of parts) bytes.set(part.bytes, part.at - start);
    return { start, bytes, listing };
  }

  #size(piece: Piece, at: number): number {
    switch (piece.kind) {
      case "code":
        return piece.far ? 8 : piece.short ? 2 : lengthOf(piece.instruction);
      case "label":
        return 0;
      case "data":
        return piece.bytes.length;
      case "address":
        return 8;
      case "pad":
        return (((piece.offset - at) % piece.align) + piece.align) % piece.align;
    }
  }
  /** Gives labels their addresses; false when a short form turned out not to fit, which moves everything. */
  #settle(start: number): boolean {
    let at = start;
    for (const piece of this.#pieces) {
      if (piece.kind === "label") piece.label.at = at;
      at += this.#size(piece, at);
    }
    let settled = true;
    at = start;
    for (const piece of this.#pieces) {
      if (piece.kind === "code" && piece.short && !piece.far && this.#resolve(piece, at).compressed === undefined) {
        piece.short = false;
        settled = false;
      }
      // a branch that does not reach becomes its opposite over a jump
      if (piece.kind === "code" && !piece.far && piece.instruction.op.form === "branch" && piece.to) {
        piece.far = Math.abs(piece.to.at - at) >= BRANCH_REACH;
        if (piece.far) settled = false;
      }
      at += this.#size(piece, at);
    }
    return settled;
  }
  #resolve(piece: Piece & { kind: "code" }, at: number): Instruction {
    let { instruction } = piece;
    if (piece.to) {
      const distance = piece.to.at - (piece.from ?? { at }).at;
      const low = (distance << 20) >> 20;
      const imm = piece.reach === "high" ? ((distance - low) >> 12) & 0xfffff : piece.reach === "low" ? low : distance;
      instruction = { ...instruction, imm };
    }
    if (!piece.short || instruction.compressed !== undefined) return instruction;
    const compressed = compress(instruction);
    return compressed === undefined ? instruction : { ...instruction, compressed };
  }
  #bytes(piece: Piece, at: number, listing: Placed[]): Uint8Array {
    const bytes = new Uint8Array(this.#size(piece, at));
    const view = new DataView(bytes.buffer);
    if (piece.kind === "data") bytes.set(piece.bytes);
    if (piece.kind === "address") view.setBigInt64(0, BigInt(piece.to.at), true);
    if (piece.kind !== "code") return bytes;
    let offset = 0;
    const put = (instruction: Instruction, bits: number): void => {
      const length = lengthOf(instruction);
      view.setUint16(offset, bits & 0xffff, true);
      if (length === 4) view.setUint16(offset + 2, bits >>> 16, true);
      listing.push({ address: at + offset, length, text: format(instruction) });
      offset += length;
    };
    const instruction = this.#resolve(piece, at);
    if (piece.far && piece.to) {
      const over = { ...instruction, imm: 8 };
      put(over, encode(over) ^ OPPOSITE);
      const jump = make("jal", { imm: piece.to.at - at - 4 });
      put(jump, encode(jump));
    } else put(instruction, encode(instruction));
    return bytes;
  }
}
