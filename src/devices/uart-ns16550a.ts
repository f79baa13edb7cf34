// NS16550A UART with 16-byte FIFOs (National Semiconductor PC16550D data sheet), byte registers next to each
// other, as on QEMU's `virt`. A transmitted byte leaves at once, so the transmitter is always empty. Received bytes
// are taken from the console only while there is room, so none is ever lost to an overrun. Accesses wider
// than a byte concern the register at their offset alone.
import { accessRules, type MemoryRegion } from "../bus/bus.js";
import type { ConsolePort, Device, DeviceContext, DeviceState, IrqLine, TimerHandle } from "./device.js";
import type { DeviceIdentity } from "./device-list.js";
import { RegisterFile, type RegisterSpec } from "./registers.js";

export const UART_REGISTERS: readonly RegisterSpec[] = [
  { name: "RBR", offset: 0, width: 8, access: "ro", bank: "data", readSideEffect: true, doc: "received byte" },
  { name: "THR", offset: 0, width: 8, access: "wo", bank: "data", doc: "byte to transmit" },
  { name: "DLL", offset: 0, width: 8, bank: "divisor", reset: 12, doc: "divisor, low byte" },
  {
    name: "IER",
    offset: 1,
    width: 8,
    bank: "data",
    fields: {
      ERBFI: { bits: 0, doc: "received data and character timeout" },
      ETBEI: { bits: 1, doc: "transmitter empty" },
      ELSI: { bits: 2, doc: "line status" },
      EDSSI: { bits: 3, doc: "modem status" },
    },
  },
  { name: "DLM", offset: 1, width: 8, bank: "divisor", doc: "divisor, high byte" },
  {
    name: "IIR",
    offset: 2,
    width: 8,
    access: "ro",
    readSideEffect: true,
    reset: 1,
    fields: {
      NONE: { bits: 0, doc: "no interrupt pending" },
      ID: {
        bits: [3, 1],
        doc: "3 line status, 2 received data, 6 character timeout, 1 transmitter empty, 0 modem status",
      },
      FIFO: { bits: [7, 6], doc: "3 while the FIFOs are on" },
    },
    doc: "reading it withdraws a transmitter-empty interrupt it shows",
  },
  {
    name: "FCR",
    offset: 2,
    width: 8,
    access: "wo",
    fields: {
      ENABLE: { bits: 0 },
      RXRESET: { bits: 1 },
      TXRESET: { bits: 2 },
      DMA: { bits: 3, doc: "without effect" },
      TRIGGER: { bits: [7, 6], doc: "interrupt at 1, 4, 8 or 14 bytes" },
    },
  },
  {
    name: "LCR",
    offset: 3,
    width: 8,
    fields: {
      WLS: { bits: [1, 0], doc: "5 to 8 data bits" },
      STB: { bits: 2, doc: "two stop bits" },
      PEN: { bits: 3, doc: "parity" },
      EPS: { bits: 4, doc: "even parity" },
      STICK: { bits: 5 },
      BREAK: { bits: 6 },
      DLAB: { bits: 7, doc: "divisor latches at offsets 0 and 1" },
    },
  },
  {
    name: "MCR",
    offset: 4,
    width: 8,
    fields: {
      DTR: { bits: 0 },
      RTS: { bits: 1 },
      OUT1: { bits: 2 },
      OUT2: { bits: 3 },
      LOOP: { bits: 4, doc: "loopback" },
    },
  },
  {
    name: "LSR",
    offset: 5,
    width: 8,
    access: "ro",
    readSideEffect: true,
    fields: {
      DR: { bits: 0, doc: "data ready" },
      OE: { bits: 1, doc: "overrun" },
      PE: { bits: 2 },
      FE: { bits: 3 },
      BI: { bits: 4, doc: "break" },
      THRE: { bits: 5, doc: "transmit holding register empty" },
      TEMT: { bits: 6, doc: "transmitter empty" },
      FIFOERR: { bits: 7 },
    },
    doc: "reading clears OE, PE, FE and BI",
  },
  {
    name: "MSR",
    offset: 6,
    width: 8,
    access: "ro",
    readSideEffect: true,
    fields: {
      DCTS: { bits: 0 },
      DDSR: { bits: 1 },
      TERI: { bits: 2 },
      DDCD: { bits: 3 },
      CTS: { bits: 4 },
      DSR: { bits: 5 },
      RI: { bits: 6 },
      DCD: { bits: 7 },
    },
    doc: "reading clears the changes in the low half",
  },
  { name: "SCR", offset: 7, width: 8, doc: "scratch" },
];

const IER = { RDA: 1, THRE: 2, LINE: 4, MODEM: 8 };
const LSR = { DR: 0x01, OE: 0x02, ERRORS: 0x1e, THRE: 0x20, TEMT: 0x40 };
const MCR_LOOP = 0x10;
const LCR_DLAB = 0x80;
/** IIR values in falling priority. */
const IIR = { LINE: 0x06, RDA: 0x04, TIMEOUT: 0x0c, THRE: 0x02, MODEM: 0x00, NONE: 0x01, FIFO: 0xc0 };
const TRIGGER = [1, 4, 8, 14] as const;
const FIFO_DEPTH = 16;
/** CTS, DSR and DCD: somebody listens. */
const MODEM_LINES = 0xb0;

export interface Ns16550aOptions extends DeviceIdentity {
  irq: IrqLine;
  port: ConsolePort;
  /** Input clock, Hz; the bit rate is clock / (16 * divisor). Only the character timeout depends on it. */
  clockHz: number;
}

export class Ns16550a implements Device {
  readonly type = "ns16550a";
  readonly id: number;
  readonly name: string;
  readonly region: MemoryRegion;
  readonly registers: RegisterFile;
  readonly #context: DeviceContext;
  readonly #irq: IrqLine;
  readonly #port: ConsolePort;
  readonly #clockHz: number;
  readonly #received: number[] = [];
  #errors = 0;
  #fifo = false;
  #trigger = 1;
  #modemLines = MODEM_LINES;
  #modemChanges = 0;
  #transmitInterrupt = false;
  #thrEmptyPending = false;
  #timeoutPending = false;
  #timeout: TimerHandle | undefined;
  #level = false;

  constructor(context: DeviceContext, options: Ns16550aOptions) {
    this.id = options.id;
    this.name = options.name;
    this.#context = context;
    this.#irq = options.irq;
    this.#port = options.port;
    this.#clockHz = options.clockHz;
    this.registers = new RegisterFile({
      device: this.name,
      table: UART_REGISTERS,
      names: context.names,
      log: context.log,
      firstOnly: true,
      bank: () => (this.registers.get("LCR") & LCR_DLAB ? "divisor" : "data"),
      hooks: {
        RBR: { read: () => this.#receive(), peek: () => this.#received[0] ?? 0 },
        THR: { write: (_value, written) => this.#transmit(written) },
        IER: { write: (value) => this.#setInterruptEnable(value) },
        IIR: { read: () => this.#readIir(), peek: () => this.#iir() },
        FCR: { write: (_value, written) => this.#setFifoControl(written) },
        MCR: { write: () => this.#modemChanged() },
        LSR: { read: () => this.#readLsr(), peek: () => this.#lsr() },
        MSR: { read: () => this.#readMsr(), peek: () => this.#modemLines | this.#modemChanges },
      },
    });
    this.region = context.bus.createIo(this.name, 0x100, this.registers, accessRules({ max: 8 }, { max: 8 }), this.id);
    this.#port.onInput(() => this.#acceptInput());
  }

  // ---- transmitter ----------------------------------------------------------------------------------

  #transmit(byte: number): void {
    if (this.registers.get("MCR") & MCR_LOOP) this.#arrive(byte);
    else this.#port.output(byte);
    // the byte is out already: empty again, which is an event of its own
    this.#thrEmptyPending = true;
    this.#update();
  }

  #setInterruptEnable(value: number): void {
    const wasOn = this.#transmitInterrupt;
    this.#transmitInterrupt = (value & IER.THRE) !== 0;
    // switching it on with an empty transmitter interrupts at once; drivers start transmission that way
    if (this.#transmitInterrupt !== wasOn) this.#thrEmptyPending = this.#transmitInterrupt;
    this.#update();
  }

  // ---- receiver -------------------------------------------------------------------------------------

  #room(): boolean {
    return this.#received.length < (this.#fifo ? FIFO_DEPTH : 1);
  }

  /** Takes what the console has while there is room; in loopback the line is cut off. */
  #acceptInput(): void {
    if (this.registers.get("MCR") & MCR_LOOP) return;
    let arrived = false;
    while (this.#room()) {
      const byte = this.#port.input();
      if (byte === undefined) break;
      this.#received.push(byte & 0xff);
      arrived = true;
    }
    if (!arrived) return;
    this.#restartTimeout();
    this.#update();
  }

  /** A byte that comes whether there is room or not. */
  #arrive(byte: number): void {
    if (this.#room()) this.#received.push(byte);
    else {
      this.#errors |= LSR.OE;
      // without FIFO the new byte overwrites the old one, with FIFO it is lost
      if (!this.#fifo) this.#received[0] = byte;
    }
    this.#restartTimeout();
  }

  #receive(): number {
    const byte = this.#received.shift() ?? 0;
    this.#restartTimeout();
    this.#acceptInput();
    this.#update();
    return byte;
  }

  /** Characters that wait below the trigger level interrupt after four character times of silence. */
  #restartTimeout(): void {
    this.#timeout?.cancel();
    this.#timeout = undefined;
    this.#timeoutPending = false;
    if (!this.#fifo || this.#received.length === 0) return;
    this.#timeout = this.#context.clock.schedule(this.#context.clock.now() + 4 * this.#characterTime(), () => {
      this.#timeout = undefined;
      this.#timeoutPending = true;
      this.#update();
    });
  }

  /** Virtual ns on the line for one character: start, data, parity and stop bits. */
  #characterTime(): number {
    const divisor = this.registers.get("DLM") * 256 + this.registers.get("DLL");
    const lcr = this.registers.get("LCR");
    const bits = 1 + (5 + (lcr & 3)) + (lcr & 8 ? 1 : 0) + (lcr & 4 ? 2 : 1);
    return Math.ceil((bits * 16 * Math.max(divisor, 1) * 1e9) / this.#clockHz);
  }

  #setFifoControl(value: number): void {
    const enable = (value & 1) !== 0;
    const toggled = enable !== this.#fifo;
    this.#fifo = enable;
    // without ENABLE the other bits are not taken
    this.#trigger = enable ? (TRIGGER[value >> 6] as number) : 1;
    if (toggled || (enable && value & 2)) this.#received.length = 0;
    if (enable && value & 4) this.#thrEmptyPending = true;
    this.#restartTimeout();
    this.#acceptInput();
    this.#update();
  }

  // ---- status ---------------------------------------------------------------------------------------

  #lsr(): number {
    return LSR.THRE | LSR.TEMT | this.#errors | (this.#received.length > 0 ? LSR.DR : 0);
  }

  #readLsr(): number {
    const value = this.#lsr();
    this.#errors = 0;
    this.#update();
    return value;
  }

  #modemChanged(): void {
    const mcr = this.registers.get("MCR");
    const loop = (mcr & MCR_LOOP) !== 0;
    // in loopback RTS, DTR, OUT1, OUT2 come back as CTS, DSR, RI, DCD
    const lines = loop ? ((mcr & 2) << 3) | ((mcr & 1) << 5) | ((mcr & 0x0c) << 4) : MODEM_LINES;
    const changed = lines ^ this.#modemLines;
    // ring counts only when it ends
    this.#modemChanges |= ((changed & MODEM_LINES) >> 4) | ((changed & this.#modemLines & 0x40) >> 4);
    this.#modemLines = lines;
    if (!loop) this.#acceptInput();
    this.#update();
  }

  #readMsr(): number {
    const value = this.#modemLines | this.#modemChanges;
    this.#modemChanges = 0;
    this.#update();
    return value;
  }

  // ---- interrupts -----------------------------------------------------------------------------------

  #interrupt(): number {
    const enabled = this.registers.get("IER");
    if (enabled & IER.LINE && this.#errors & LSR.ERRORS) return IIR.LINE;
    // the timeout shows below the trigger level only; at the level it is received data
    if (enabled & IER.RDA && this.#received.length >= this.#trigger) return IIR.RDA;
    if (enabled & IER.RDA && this.#timeoutPending) return IIR.TIMEOUT;
    if (enabled & IER.THRE && this.#thrEmptyPending) return IIR.THRE;
    if (enabled & IER.MODEM && this.#modemChanges) return IIR.MODEM;
    return IIR.NONE;
  }

  #iir(): number {
    return this.#interrupt() | (this.#fifo ? IIR.FIFO : 0);
  }

  #readIir(): number {
    const value = this.#iir();
    if (this.#interrupt() === IIR.THRE) {
      this.#thrEmptyPending = false;
      this.#update();
    }
    return value;
  }

  #update(): void {
    const level = this.#interrupt() !== IIR.NONE;
    if (level === this.#level) return;
    this.#level = level;
    this.#irq.set(level);
  }

  reset(): void {
    this.registers.reset();
    this.#timeout?.cancel();
    this.#timeout = undefined;
    this.#received.length = 0;
    this.#errors = 0;
    this.#fifo = false;
    this.#trigger = 1;
    this.#modemLines = MODEM_LINES;
    this.#modemChanges = 0;
    this.#transmitInterrupt = false;
    this.#thrEmptyPending = false;
    this.#timeoutPending = false;
    this.#level = false;
    this.#irq.set(false);
  }

  state(): DeviceState {
    return {
      registers: this.registers.dump(),
      inner: {
        reads: this.registers.reads,
        writes: this.registers.writes,
        received: [...this.#received],
        fifo: this.#fifo,
        trigger: this.#trigger,
        transmitterEmptyPending: this.#thrEmptyPending,
        timeoutPending: this.#timeoutPending,
        interrupt: this.#level,
      },
    };
  }
}
