// Read bank controller: *reading* its SWITCH register re-maps its window while that read is in flight.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { BankControllerOptions } from "./bank-controller.js";
import { BankWindow, WINDOW_SIZE } from "./bank-window.js";
import type { Device, DeviceContext, DeviceState } from "./device.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

export const READ_BANK_CONTROLLER_REGISTERS: readonly RegisterSpec[] = [
  {
    name: "SWITCH",
    offset: 0x000,
    width: 32,
    access: "ro",
    readSideEffect: true,
    fields: { BANK: { bits: [7, 0], doc: "the target shown before" } },
    doc: "reading maps the next target of the cycle",
  },
  {
    name: "CURRENT",
    offset: 0x004,
    width: 32,
    access: "ro",
    fields: { BANK: { bits: [7, 0], doc: "the target shown" } },
  },
  {
    name: "LIMIT",
    offset: 0x008,
    width: 32,
    reset: 5,
    doc: "targets in the cycle, 1 to COUNT; other values are not taken",
  },
  { name: "SWITCHES", offset: 0x00c, width: 32, access: "ro", doc: "selections since reset" },
  { name: "WINDOW_BASE", offset: 0x010, width: 64, access: "ro" },
  { name: "WINDOW_SIZE", offset: 0x018, width: 64, access: "ro" },
  { name: "HOME", offset: 0x020, width: 32, access: "wo", doc: "any write maps target 0" },
  { name: "COUNT", offset: 0x024, width: 32, access: "ro", doc: "number of targets" },
  {
    name: "READS",
    offset: 0x028,
    width: 32,
    access: "ro",
    doc: "accesses to this block so far, the present one included",
  },
  { name: "WRITES", offset: 0x02c, width: 32, access: "ro" },
  {
    name: "SWITCH_LAST",
    offset: 0xfff,
    width: 8,
    access: "ro",
    readSideEffect: true,
    fields: { BANK: { bits: [7, 0] } },
    doc: "as SWITCH, in the last byte of the page",
  },
];

export class ReadBankController implements Device {
  readonly type = "read-bank-controller";
  readonly id: number;
  readonly name: string;
  /** The register block. */
  readonly region: MemoryRegion;
  readonly window: BankWindow;
  readonly registers: RegisterFile;
  #limit = 5;

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
    const next = {
      read: () => {
        const before = window.selected;
        window.select((before + 1) % this.#limit);
        return before;
      },
      peek: () => window.selected,
    };
    this.registers = new RegisterFile({
      device: this.name,
      table: READ_BANK_CONTROLLER_REGISTERS,
      names: context.names,
      log: context.log,
      hooks: {
        SWITCH: next,
        CURRENT: { read: () => window.selected },
        LIMIT: {
          read: () => this.#limit,
          write: (value) => {
            if (value >= 1 && value <= window.count) this.#limit = value;
          },
        },
        SWITCHES: { read: () => window.switches },
        WINDOW_BASE: { read: () => BigInt(window.base) },
        WINDOW_SIZE: { read: () => BigInt(WINDOW_SIZE) },
        HOME: { write: () => void window.select(0) },
        COUNT: { read: () => window.count },
        READS: { read: () => this.registers.reads },
        WRITES: { read: () => this.registers.writes },
        SWITCH_LAST: next,
      },
    });
    const anySize = { max: 8, unaligned: true } as const;
    this.region = context.bus.createIo(this.name, 0x1000, this.registers, accessRules(anySize, anySize), this.id);
  }

  reset(): void {
    this.registers.reset();
    this.window.reset();
    this.#limit = 5;
  }

  state(): DeviceState {
    return {
      registers: this.registers.dump(),
      inner: {
        reads: this.registers.reads,
        writes: this.registers.writes,
        selected: this.window.selected,
        kind: this.window.kind,
        limit: this.#limit,
        switches: this.window.switches,
      },
    };
  }
}
