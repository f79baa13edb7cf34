// Parallel NOR flash with the Intel command set. Sources: JEDEC JESD68.01 (Common Flash Interface), Intel 28F128J3
// data sheet (commands and status). Two 16-bit chips side by side make the 32-bit bank that QEMU's `virt` has;
// commands reach both at once, and the bank answers with the same byte in each chip's half.
//
// A bank is either this device, which a guest can query, erase and program but not execute from, or, where it holds
// boot code, plain ROM (the board decides). What is programmed lives as long as the session.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { IoHandlers } from "../bus/region.js";
import type { Device, DeviceContext, DeviceState } from "./device.js";

/** Bytes of a bank that one erase covers (128 KiB in each chip). */
export const ERASE_SIZE = 256 << 10;
const ERASED = 0xff;
const CHIP_WIDTH = 2;
const BANK_WIDTH = 4;
/** Bank-wide words of one buffered program command. */
const BUFFER_WORDS = 256;

const MANUFACTURER = 0x89; // Intel
const MODEL = 0x18; //        28F128J3

// Status register
const STATUS_READY = 0x80;
const STATUS_ERASE_ERROR = 0x20;
const STATUS_PROGRAM_ERROR = 0x10;

type Mode = "array" | "status" | "query" | "id";

/** What the next write is taken for. */
type Expect =
  | { kind: "command" }
  | { kind: "erase" | "lock" | "program" | "count"; at: number }
  | { kind: "data"; left: number }
  | { kind: "confirm" };

const COMMAND: Expect = { kind: "command" };

export interface FlashOptions {
  id: number;
  /** Instance name, e.g. `flash1`. */
  name: string;
  /** Bytes of the bank, a power of two. */
  size: number;
  /** First contents; the rest is erased. */
  content?: Uint8Array;
}

export class CfiFlash implements Device, IoHandlers {
  readonly id: number;
  readonly name: string;
  readonly type = "cfi-flash";
  readonly region: MemoryRegion;
  lastRegister = 0;
  lastField = 0;

  readonly #context: DeviceContext;
  readonly #size: number;
  readonly #content: Uint8Array;
  readonly #query: Uint8Array;
  /** Erase blocks that differ from the contents given. */
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #buffer: { offset: number; size: number; value: number }[] = [];
  #mode: Mode = "array";
  #expect: Expect = COMMAND;
  #status = STATUS_READY;

  /** @throws RangeError where the contents are larger than the bank */
  constructor(context: DeviceContext, options: FlashOptions) {
    this.id = options.id;
    this.name = options.name;
    this.#context = context;
    this.#size = options.size;
    this.#content = options.content ?? new Uint8Array();
    if (this.#content.length > options.size)
      throw new RangeError(`${options.name}: contents of ${this.#content.length} bytes, the bank has ${options.size}`);
    this.#query = queryTable(options.size);
    const rules = accessRules({ min: 1, max: 8 }, { min: 1, max: 4 });
    this.region = context.bus.createIo(options.name, options.size, this, rules, options.id);
  }

  reset(): void {
    this.#mode = "array";
    this.#expect = COMMAND;
    this.#status = STATUS_READY;
    this.#buffer.length = 0;
  }

  // ---- reading --------------------------------------------------------------------------------------

  read(offset: number, size: 1 | 2 | 4): number {
    this.#name(this.#mode.toUpperCase());
    return this.peek(offset, size);
  }

  peek(offset: number, size: 1 | 2 | 4): number {
    if (this.#mode === "array") {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#byte(offset + i);
      return value;
    }
    const word = Math.floor(offset / BANK_WIDTH);
    const answer =
      this.#mode === "status" ? this.#status : this.#mode === "id" ? identifier(word) : (this.#query[word & 0xff] ?? 0);
    // each chip gives its byte in the low half of its 16 lines
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + ((offset + i) % CHIP_WIDTH === 0 ? answer : 0);
    return value;
  }

  isReadIdempotent(): boolean {
    return true;
  }

  #byte(offset: number): number {
    const block = this.#blocks.get(Math.floor(offset / ERASE_SIZE));
    return block === undefined ? (this.#content[offset] ?? ERASED) : (block[offset % ERASE_SIZE] as number);
  }

  // ---- commands -------------------------------------------------------------------------------------

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    const command = value & 0xff;
    const expect = this.#expect;
    switch (expect.kind) {
      case "command":
        this.#name("COMMAND");
        this.#command(offset, command);
        break;
      case "erase":
        this.#name("COMMAND");
        if (command === 0xd0) this.#erase(expect.at);
        else this.#status |= STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR; // a wrong sequence sets both
        this.#expect = COMMAND;
        break;
      case "lock":
        // 0x01 lock, 0xd0 unlock: blocks are never locked here
        this.#name("COMMAND");
        this.#expect = COMMAND;
        break;
      case "program":
        this.#name("DATA");
        this.#program(offset, size, value);
        this.#expect = COMMAND;
        break;
      case "count": {
        this.#name("COUNT");
        const words = (value & 0xffff) + 1;
        this.#buffer.length = 0;
        if (words > BUFFER_WORDS) {
          this.#status |= STATUS_PROGRAM_ERROR;
          this.#expect = COMMAND;
        } else this.#expect = { kind: "data", left: words };
        break;
      }
      case "data":
        this.#name("DATA");
        this.#buffer.push({ offset, size, value });
        this.#expect = expect.left > 1 ? { kind: "data", left: expect.left - 1 } : { kind: "confirm" };
        break;
      case "confirm":
        this.#name("COMMAND");
        if (command === 0xd0) for (const word of this.#buffer) this.#program(word.offset, word.size, word.value);
        else this.#status |= STATUS_PROGRAM_ERROR;
        this.#buffer.length = 0;
        this.#expect = COMMAND;
        break;
    }
  }

  #command(offset: number, command: number): void {
    this.#mode = "status";
    switch (command) {
      case 0x00: // some drivers clear with it
      case 0xf0: // the other command set's reset, which probes write first
      case 0xff:
        this.#mode = "array";
        break;
      case 0x10:
      case 0x40:
        this.#expect = { kind: "program", at: offset };
        break;
      case 0x20:
        this.#expect = { kind: "erase", at: offset };
        break;
      case 0x50:
        this.#status = STATUS_READY;
        break;
      case 0x60:
        this.#expect = { kind: "lock", at: offset };
        break;
      case 0x70:
        break;
      case 0x90:
        this.#mode = "id";
        break;
      case 0x98:
        this.#mode = "query";
        break;
      case 0xe8:
        this.#expect = { kind: "count", at: offset };
        break;
      default:
        this.#mode = "array";
        this.#context.log.guestError(
          this.name,
          `command ${command}`,
          `${this.name}: unknown command 0x${command.toString(16)} at offset 0x${offset.toString(16)}`,
        );
    }
  }

  /** Programming only turns ones into zeros; an erase turns a block into ones. */
  #program(offset: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) {
      const block = this.#own(offset + i);
      const at = (offset + i) % ERASE_SIZE;
      block[at] = (block[at] as number) & (value >>> (8 * i));
    }
  }

  #erase(offset: number): void {
    this.#own(offset).fill(ERASED);
  }

  /** The erase block around `offset`, ready to be changed. */
  #own(offset: number): Uint8Array {
    const index = Math.floor(offset / ERASE_SIZE);
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = new Uint8Array(ERASE_SIZE).fill(ERASED);
      block.set(this.#content.subarray(index * ERASE_SIZE, (index + 1) * ERASE_SIZE));
      this.#blocks.set(index, block);
    }
    return block;
  }

  #name(what: string): void {
    this.lastRegister = this.#context.names.intern(`${this.name}.${what}`);
  }

  state(): DeviceState {
    return {
      registers: [
        {
          name: "STATUS",
          offset: 0,
          width: 8,
          value: `0x${this.#status.toString(16)}`,
          fields: { READY: this.#status >>> 7 },
        },
      ],
      inner: {
        mode: this.#mode,
        expects: this.#expect.kind,
        changedBlocks: this.#blocks.size,
        eraseSize: ERASE_SIZE,
        size: this.#size,
      },
    };
  }
}

/** Identifier codes by bank-wide word: manufacturer, model, and "not locked" in every block. */
function identifier(word: number): number {
  const code = word % (ERASE_SIZE / BANK_WIDTH);
  return code === 0 ? MANUFACTURER : code === 1 ? MODEL : 0;
}

/** The query table (JESD68.01 table 1, and Intel's extension), one byte per bank-wide word. Sizes are a chip's. */
function queryTable(bankSize: number): Uint8Array {
  const chips = BANK_WIDTH / CHIP_WIDTH;
  const blocks = bankSize / ERASE_SIZE;
  const table = new Uint8Array(0x60);
  const put = (at: number, ...values: number[]): void => table.set(values, at);
  put(0x10, ...Buffer.from("QRY"), 0x01, 0x00, 0x31, 0x00); // Intel extended command set, its table at 0x31
  put(0x1b, 0x45, 0x55, 0, 0); //                              Vcc 4.5 V to 5.5 V, no Vpp
  put(0x1f, 7, 7, 10, 0, 4, 4, 4, 0); //                       typical times 2^n us and ms, and their maximum factors
  put(0x27, Math.log2(bankSize / chips), 0x01, 0x00); //       size, 16 data lines
  put(0x2a, Math.log2(BUFFER_WORDS * CHIP_WIDTH), 0x00); //    program buffer
  put(0x2c, 1, (blocks - 1) & 0xff, (blocks - 1) >>> 8); //    one kind of erase block
  const units = ERASE_SIZE / chips / 256;
  put(0x2f, units & 0xff, units >>> 8);
  put(0x31, ...Buffer.from("PRI10"));
  put(0x3f, 0x01); //                                          one protection register field, empty
  return table;
}
