// Goldfish real-time clock with alarm, as QEMU's `goldfish_rtc` (binding google,goldfish-rtc). It counts
// nanoseconds: the machine's epoch plus virtual time, so equal runs see equal clocks.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { Device, DeviceContext, DeviceState, IrqLine, TimerHandle } from "./device.js";
import type { DeviceIdentity } from "./device-list.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

export const GOLDFISH_RTC_REGISTERS: readonly RegisterSpec[] = [
  {
    name: "TIME_LOW",
    offset: 0x00,
    width: 32,
    readSideEffect: true,
    doc: "low half of the time in ns; reading latches the high half",
  },
  { name: "TIME_HIGH", offset: 0x04, width: 32, doc: "the half latched last" },
  { name: "ALARM_LOW", offset: 0x08, width: 32, doc: "writing arms the alarm" },
  { name: "ALARM_HIGH", offset: 0x0c, width: 32, doc: "write before ALARM_LOW" },
  { name: "IRQ_ENABLED", offset: 0x10, width: 32, fields: { ENABLE: { bits: 0 } } },
  { name: "CLEAR_ALARM", offset: 0x14, width: 32, access: "wo", doc: "any write disarms the alarm" },
  { name: "ALARM_STATUS", offset: 0x18, width: 32, access: "ro", fields: { ARMED: { bits: 0 } } },
  { name: "CLEAR_INTERRUPT", offset: 0x1c, width: 32, access: "wo", doc: "any write withdraws the interrupt" },
];

const LOW = 0xffff_ffffn;

export interface GoldfishRtcOptions extends DeviceIdentity {
  irq: IrqLine;
  /** What the clock shows at virtual time 0, ms since 1970. */
  epochMs: number;
}

export class GoldfishRtc implements Device {
  readonly type = "goldfish-rtc";
  readonly id: number;
  readonly name: string;
  readonly region: MemoryRegion;
  readonly registers: RegisterFile;
  readonly #context: DeviceContext;
  readonly #irq: IrqLine;
  readonly #epoch: bigint;
  /** What the guest set the clock by, ns. */
  #adjust = 0n;
  #latchedHigh = 0;
  #alarm = 0n;
  #timer: TimerHandle | undefined;
  #pending = false;

  constructor(context: DeviceContext, options: GoldfishRtcOptions) {
    this.id = options.id;
    this.name = options.name;
    this.#context = context;
    this.#irq = options.irq;
    this.#epoch = BigInt(Math.round(options.epochMs)) * 1_000_000n;
    this.registers = new RegisterFile({
      device: options.name,
      table: GOLDFISH_RTC_REGISTERS,
      names: context.names,
      log: context.log,
      hooks: {
        TIME_LOW: {
          read: () => {
            const time = this.#time();
            this.#latchedHigh = Number((time >> 32n) & LOW);
            return time & LOW;
          },
          peek: () => this.#time() & LOW,
          write: (value) => this.#setTime((this.#time() & ~LOW) | BigInt(value)),
        },
        TIME_HIGH: {
          read: () => this.#latchedHigh,
          write: (value) => this.#setTime((this.#time() & LOW) | (BigInt(value) << 32n)),
        },
        ALARM_LOW: {
          read: () => this.#alarm & LOW,
          write: (value) => {
            this.#alarm = (this.#alarm & ~LOW) | BigInt(value);
            this.#arm();
          },
        },
        ALARM_HIGH: {
          read: () => this.#alarm >> 32n,
          write: (value) => {
            this.#alarm = (this.#alarm & LOW) | (BigInt(value) << 32n);
          },
        },
        IRQ_ENABLED: { write: () => this.#update() },
        CLEAR_ALARM: { write: () => this.#disarm() },
        ALARM_STATUS: { read: () => (this.#timer ? 1 : 0) },
        CLEAR_INTERRUPT: {
          write: () => {
            this.#pending = false;
            this.#update();
          },
        },
      },
    });
    this.region = context.bus.createIo(this.name, 0x1000, this.registers, accessRules({ min: 4, max: 4 }), this.id);
  }

  #time(): bigint {
    return BigInt.asUintN(64, this.#epoch + this.#adjust + BigInt(Math.floor(this.#context.clock.now())));
  }

  #setTime(time: bigint): void {
    this.#adjust += time - this.#time();
    // an armed alarm means a time of day, so its distance changes
    if (this.#timer) this.#arm();
  }

  #arm(): void {
    this.#disarm();
    const distance = this.#alarm - this.#time();
    if (distance <= 0n) this.#ring();
    else {
      // beyond 2^53 ns the instant is not exact, and never comes
      const at = this.#context.clock.now() + Number(distance);
      this.#timer = this.#context.clock.schedule(at, () => this.#ring());
    }
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #ring(): void {
    this.#timer = undefined;
    this.#pending = true;
    this.#update();
  }

  #update(): void {
    this.#irq.set(this.#pending && this.registers.get("IRQ_ENABLED") === 1);
  }

  reset(): void {
    this.#disarm();
    this.registers.reset();
    this.#adjust = 0n;
    this.#latchedHigh = 0;
    this.#alarm = 0n;
    this.#pending = false;
    this.#update();
  }

  state(): DeviceState {
    return {
      registers: this.registers.dump(),
      inner: {
        reads: this.registers.reads,
        writes: this.registers.writes,
        time: `0x${this.#time().toString(16)}`,
        alarm: `0x${this.#alarm.toString(16)}`,
        interruptPending: this.#pending,
      },
    };
  }
}
