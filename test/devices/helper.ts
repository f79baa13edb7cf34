import type { Bus } from "../../src/bus/bus.js";
import type {
  ConsolePort,
  Device,
  DeviceContext,
  Dma,
  HartInterrupt,
  IrqLine,
  TimerHandle,
} from "../../src/devices/device.js";
import { NameTables } from "../../src/devices/names.js";
import { makeBus } from "../bus/helper.js";

/** A clock that moves only when told. */
export class TestClock {
  time = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.time;
  }

  schedule(at: number, callback: () => void): TimerHandle {
    const timer = { at, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Time passes; timers fire in order. */
  advance(ns: number): void {
    const end = this.time + ns;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.time = Math.max(this.time, next.at);
      next.callback();
    }
    this.time = end;
  }

  get pending(): number {
    return this.#timers.length;
  }
}

export class TestHarts {
  readonly count: number;
  /** `hart.bit` of each line that is high. */
  readonly high = new Set<string>();
  readonly mtimecmp: bigint[];
  mtime = 0n;

  constructor(count: number) {
    this.count = count;
    this.mtimecmp = Array.from({ length: count }, () => 0n);
  }

  setInterrupt(hart: number, bit: HartInterrupt, level: boolean): void {
    if (level) this.high.add(`${hart}.${bit}`);
    else this.high.delete(`${hart}.${bit}`);
  }
  getMtimecmp(hart: number): bigint {
    return this.mtimecmp[hart] as bigint;
  }
  setMtimecmp(hart: number, value: bigint): void {
    this.mtimecmp[hart] = value;
  }
  getMtime(): bigint {
    return this.mtime;
  }
  setMtime(value: bigint): void {
    this.mtime = value;
  }
}

export class TestConsole implements ConsolePort {
  readonly sent: number[] = [];
  readonly #queue: number[] = [];
  #callback: (() => void) | undefined;

  output(byte: number): void {
    this.sent.push(byte);
  }
  input(): number | undefined {
    return this.#queue.shift();
  }
  onInput(callback: () => void): void {
    this.#callback = callback;
  }
  type(...bytes: number[]): void {
    this.#queue.push(...bytes);
    this.#callback?.();
  }
  get waiting(): number {
    return this.#queue.length;
  }
}

export class TestIrq implements IrqLine {
  level = false;
  set(level: boolean): void {
    this.level = level;
  }
}

export interface Bench {
  context: DeviceContext;
  bus: Bus;
  clock: TestClock;
  harts: TestHarts;
  names: NameTables;
  log: string[];
  halts: [string, number][];
  memory: WebAssembly.Memory;
}

/** Everything a device needs, as fakes that show what happened. */
export function bench(harts = 2, pages = 64): Bench {
  const { bus, memory, log } = makeBus(pages);
  const clock = new TestClock();
  const hartPort = new TestHarts(harts);
  const names = new NameTables();
  const halts: [string, number][] = [];
  const logged = new Set<string>();
  const context: DeviceContext = {
    bus,
    clock,
    harts: hartPort,
    dma: {} as Dma,
    control: { halt: (reason, code) => void halts.push([reason, code]) },
    names,
    log: {
      guestError(device, key, message) {
        if (logged.has(`${device} ${key}`)) return;
        logged.add(`${device} ${key}`);
        log.push(message);
      },
    },
  };
  return { context, bus, clock, harts: hartPort, names, log, halts, memory };
}

/** Guest accesses by physical address, as the core makes them. */
export function guest(bus: Bus): {
  read(paddr: number, size: number): bigint;
  write(paddr: number, size: number, value: bigint | number): void;
} {
  return {
    read(paddr, size) {
      const section = bus.find(paddr);
      if (!section) throw new Error(`fault: nothing at 0x${paddr.toString(16)}`);
      if (section.host) return fromBytes(bus.readPhysical(paddr, size));
      if (bus.dispatchRead(section.region.id, section.offset + (paddr - section.start), size) !== 0)
        throw new Error("fault: refused");
      return (BigInt(bus.value.hi) << 32n) | BigInt(bus.value.lo);
    },
    write(paddr, size, value) {
      const wide = BigInt.asUintN(64, BigInt(value));
      const section = bus.find(paddr);
      if (!section) throw new Error(`fault: nothing at 0x${paddr.toString(16)}`);
      if (section.region.kind === "rom") return;
      if (section.host)
        return bus.writePhysical(
          paddr,
          Uint8Array.from({ length: size }, (_, i) => Number((wide >> BigInt(8 * i)) & 0xffn)),
        );
      const offset = section.offset + (paddr - section.start);
      if (bus.dispatchWrite(section.region.id, offset, size, Number(wide & 0xffffffffn), Number(wide >> 32n)) !== 0)
        throw new Error("fault: refused");
    },
  };
}

function fromBytes(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** Value of a register in the dump. */
export function dumped(device: Device, name: string): bigint {
  const register = device.state().registers.find((candidate) => candidate.name === name);
  if (!register) throw new Error(`no register ${name} in the dump`);
  return BigInt(register.value);
}
