// A latch: plain data registers and counters of the accesses made to them. Mapped into a bank window, it is the
// device that takes turns with RAM at the same addresses.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { Device, DeviceContext, DeviceState } from "./device.js";
import type { DeviceIdentity } from "./device-list.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

export const LATCH_SIZE = 0x1000;

export const LATCH_REGISTERS: readonly RegisterSpec[] = [
  { name: "DATA", offset: 0, width: 64, array: [{ count: 64, stride: 8 }], doc: "plain storage" },
  {
    name: "READS",
    offset: 0x200,
    width: 32,
    access: "ro",
    doc: "accesses so far by whichever address, the present one included",
  },
  { name: "WRITES", offset: 0x204, width: 32, access: "ro" },
];

export class Latch implements Device {
  readonly type = "latch";
  readonly id: number;
  readonly name: string;
  readonly region: MemoryRegion;
  readonly registers: RegisterFile;

  constructor(context: DeviceContext, { id, name }: DeviceIdentity) {
    this.id = id;
    this.name = name;
    this.registers = new RegisterFile({
      device: name,
      table: LATCH_REGISTERS,
      names: context.names,
      log: context.log,
      hooks: {
        READS: { read: () => this.registers.reads },
        WRITES: { read: () => this.registers.writes },
      },
    });
    const anySize = { max: 8, unaligned: true } as const;
    this.region = context.bus.createIo(name, LATCH_SIZE, this.registers, accessRules(anySize, anySize), id);
  }

  reset(): void {
    this.registers.reset();
  }

  state(): DeviceState {
    return { registers: this.registers.dump(), inner: { reads: this.registers.reads, writes: this.registers.writes } };
  }
}
