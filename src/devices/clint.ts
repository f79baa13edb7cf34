// Core-local interruptor: the ACLINT's MSWI and MTIMER devices at the places SiFive's CLINT has them, as on
// QEMU's `virt`. RISC-V ACLINT specification, chapters 2 and 3. The comparators live with the harts, which raise
// MTIP themselves at the exact instruction; this device is their memory-mapped face.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { Device, DeviceContext, DeviceState } from "./device.js";
import type { DeviceIdentity } from "./device-list.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

export const CLINT_SIZE = 0x10000;

/** The registers for this many harts. */
export function clintRegisters(harts: number): readonly RegisterSpec[] {
  return [
    {
      name: "msip",
      offset: 0x0,
      width: 32,
      fields: { MSIP: { bits: 0, doc: "machine software interrupt pending" } },
      array: [{ count: harts, stride: 4 }],
      doc: "software interrupt of each hart",
    },
    {
      name: "mtimecmp",
      offset: 0x4000,
      width: 64,
      array: [{ count: harts, stride: 8 }],
      doc: "MTIP is pending while mtime >= mtimecmp",
    },
    { name: "mtime", offset: 0xbff8, width: 64, doc: "ticks of 10 MHz" },
  ];
}

export class Clint implements Device {
  readonly type = "clint";
  readonly id: number;
  readonly name: string;
  readonly region: MemoryRegion;
  readonly registers: RegisterFile;
  readonly #context: DeviceContext;

  constructor(context: DeviceContext, { id, name }: DeviceIdentity) {
    this.id = id;
    this.name = name;
    this.#context = context;
    const harts = context.harts;
    this.registers = new RegisterFile({
      device: name,
      table: clintRegisters(harts.count),
      names: context.names,
      log: context.log,
      hooks: {
        msip: { write: (value, _written, hart = 0) => harts.setInterrupt(hart, 3, value !== 0) },
        mtimecmp: {
          read: (hart = 0) => harts.getMtimecmp(hart),
          write64: (value, _written, hart = 0) => harts.setMtimecmp(hart, value),
        },
        mtime: {
          read: () => harts.getMtime(),
          write64: (value) => harts.setMtime(value),
        },
      },
    });
    const rules = accessRules({ min: 4, max: 8 }, { max: 8 });
    this.region = context.bus.createIo(name, CLINT_SIZE, this.registers, rules, id);
  }

  /** No software interrupt, mtime 0, and comparators so far off that none fires. */
  reset(): void {
    const harts = this.#context.harts;
    this.registers.reset();
    harts.setMtime(0n);
    for (let hart = 0; hart < harts.count; hart++) {
      harts.setInterrupt(hart, 3, false);
      harts.setMtimecmp(hart, 0xffff_ffff_ffff_ffffn);
    }
  }

  state(): DeviceState {
    return { registers: this.registers.dump(), inner: { reads: this.registers.reads, writes: this.registers.writes } };
  }
}
