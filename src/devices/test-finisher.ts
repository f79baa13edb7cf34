// SiFive test finisher: one register that ends the machine. Values as in QEMU's `sifive_test` and the
// `sifive,test0` binding: 0x5555 power off, 0x3333 with a code in the upper half exit, 0x7777 reboot.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { Device, DeviceContext, DeviceState } from "./device.js";
import type { DeviceIdentity } from "./device-list.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

export const TEST_FINISHER_REGISTERS: readonly RegisterSpec[] = [
  {
    name: "FINISHER",
    offset: 0,
    width: 32,
    access: "wo",
    fields: {
      STATUS: { bits: [15, 0], doc: "0x3333 fail, 0x5555 pass, 0x7777 reset" },
      CODE: { bits: [31, 16], doc: "exit code of a fail" },
    },
    doc: "ends the machine",
  },
];

const FAIL = 0x3333;
const PASS = 0x5555;
const RESET = 0x7777;

export class TestFinisher implements Device {
  readonly type = "sifive-test";
  readonly id: number;
  readonly name: string;
  readonly region: MemoryRegion;
  readonly registers: RegisterFile;
  #last = 0;

  constructor(context: DeviceContext, { id, name }: DeviceIdentity) {
    this.id = id;
    this.name = name;
    this.registers = new RegisterFile({
      device: name,
      table: TEST_FINISHER_REGISTERS,
      names: context.names,
      log: context.log,
      hooks: {
        FINISHER: {
          write: (value) => {
            this.#last = value;
            const status = value & 0xffff;
            if (status === PASS) context.control.halt("poweroff", 0);
            else if (status === FAIL) context.control.halt("exit", value >>> 16);
            else if (status === RESET) context.control.halt("reboot", 0);
            else context.log.guestError(name, "status", `${name}: unknown status 0x${status.toString(16)}`);
          },
        },
      },
    });
    this.region = context.bus.createIo(
      name,
      0x1000,
      this.registers,
      accessRules({ min: 2, max: 4 }, { unaligned: true }),
      id,
    );
  }

  reset(): void {
    this.registers.reset();
    this.#last = 0;
  }

  state(): DeviceState {
    return {
      registers: this.registers.dump(),
      inner: { lastWritten: this.#last, reads: this.registers.reads, writes: this.registers.writes },
    };
  }
}
