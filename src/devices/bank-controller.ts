// Bank controller: a *write* to one of its registers re-maps its window while that write is in flight. Made to
// show, and to test, that an access keeps the hardware address it had when it happened.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import { BankWindow, TARGET_KINDS, WINDOW_SIZE } from "./bank-window.js";
import type { Device, DeviceContext, DeviceState } from "./device.js";
import type { DeviceIdentity } from "./device-list.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

export const BANK_CONTROLLER_REGISTERS: readonly RegisterSpec[] = [
  {
    name: "BANK",
    offset: 0x000,
    width: 32,
    fields: { SELECT: { bits: [7, 0], doc: "the target shown; numbers from COUNT on are refused" } },
    doc: "writing maps that target into the window",
  },
  {
    name: "STATUS",
    offset: 0x004,
    width: 32,
    fields: {
      BANK: { bits: [7, 0], access: "ro" },
      KIND: { bits: [11, 8], access: "ro", doc: "0 ram, 1 device, 2 mixed, 3 rom, 4 none" },
      ERROR: { bits: 31, access: "w1c", doc: "a selection was refused" },
    },
  },
  { name: "COUNT", offset: 0x008, width: 32, access: "ro", doc: "number of targets" },
  { name: "SWITCHES", offset: 0x00c, width: 32, access: "ro", doc: "selections since reset" },
  { name: "WINDOW_BASE", offset: 0x010, width: 64, access: "ro" },
  { name: "WINDOW_SIZE", offset: 0x018, width: 64, access: "ro" },
  { name: "ROTATE", offset: 0x020, width: 32, access: "wo", doc: "any write goes on to the next target" },
  {
    name: "READS",
    offset: 0x028,
    width: 32,
    access: "ro",
    doc: "accesses to this block so far, the present one included",
  },
  { name: "WRITES", offset: 0x02c, width: 32, access: "ro" },
  {
    name: "BANK_LAST",
    offset: 0xfff,
    width: 8,
    fields: { SELECT: { bits: [7, 0] } },
    doc: "as BANK.SELECT, in the last byte of the page for accesses that cross into the next",
  },
];

export interface BankControllerOptions extends DeviceIdentity {
  window: string;
  /** The device among the targets. */
  target: MemoryRegion;
  romTag: number;
}

export class BankController implements Device {
  readonly type = "bank-controller";
  readonly id: number;
  readonly name: string;
  /** The register block. */
  readonly region: MemoryRegion;
  readonly window: BankWindow;
  readonly registers: RegisterFile;
  #error = false;

  constructor(context: DeviceContext, options: BankControllerOptions) {
    this.id = options.id;
    this.name = options.name;
    const window = new BankWindow({
      bus: context.bus,
      name: this.name,
      window: options.window,
      device: options.target,
      romTag: options.romTag,
    });
    this.window = window;
    const bank = { read: () => window.selected, write: (value: number) => this.#select(value & 0xff) };
    this.registers = new RegisterFile({
      device: this.name,
      table: BANK_CONTROLLER_REGISTERS,
      names: context.names,
      log: context.log,
      hooks: {
        BANK: bank,
        STATUS: {
          read: () =>
            (window.selected | (TARGET_KINDS.indexOf(window.kind) << 8) | (this.#error ? 0x8000_0000 : 0)) >>> 0,
          write: (value) => {
            this.#error = value >>> 31 === 1;
          },
        },
        COUNT: { read: () => window.count },
        SWITCHES: { read: () => window.switches },
        WINDOW_BASE: { read: () => BigInt(window.base) },
        WINDOW_SIZE: { read: () => BigInt(WINDOW_SIZE) },
        ROTATE: { write: () => this.#select((window.selected + 1) % window.count) },
        READS: { read: () => this.registers.reads },
        WRITES: { read: () => this.registers.writes },
        BANK_LAST: bank,
      },
    });
    const anySize = { max: 8, unaligned: true } as const;
    this.region = context.bus.createIo(this.name, 0x1000, this.registers, accessRules(anySize, anySize), this.id);
  }

  #select(target: number): void {
    if (!this.window.select(target)) this.#error = true;
  }

  reset(): void {
    this.registers.reset();
    this.window.reset();
    this.#error = false;
  }

  state(): DeviceState {
    return {
      registers: this.registers.dump(),
      inner: {
        reads: this.registers.reads,
        writes: this.registers.writes,
        selected: this.window.selected,
        kind: this.window.kind,
        switches: this.window.switches,
      },
    };
  }
}
