// The machine: memory, core, engine, bus, board and devices put together, and the loop that runs them.
// Knows no threads and no HTTP. Everything from outside (console input, tools) happens between calls of run().
import { Bus } from "../bus/bus.js";
import { CoreLink } from "../bus/core-link.js";
import {
  BREAK_PC,
  COMPILED_SLOTS,
  EVENT_DMA,
  EXIT_BREAK,
  EXIT_COMPILED,
  EXIT_EVENT,
  EXIT_HALT,
  EXIT_IDLE,
  EXIT_PAUSE,
  EXIT_PROBE,
  EXIT_REQUEST,
  EXIT_RING,
  EXIT_SLICE,
  IDLE_NS,
  LEFT,
  SLICE_END,
  STATE,
  X,
} from "../core/layout.js";
import type { Device, DeviceLog, HartInterrupt, HartPort } from "../devices/device.js";
import { NameTables } from "../devices/names.js";
import type { JitStats } from "../engine/jit/jit.js";
import type { BoardContext, BuiltBoard } from "./boards/board.js";
import { boardNamed } from "./boards/boards.js";
import { Console } from "./console.js";
import {
  type CompilerSource,
  createEngine,
  type Engine,
  type MachineModules,
  type RecordedVariant,
  type VariantName,
} from "./core.js";
import { ENGINE_DEFAULTS, type MachineDescription } from "./description.js";
import { MachineDma } from "./dma.js";
import { EventQueue } from "./event-queue.js";
import { loadedSymbols } from "./loaded-symbols.js";
import type { EngineStats, MachineApi, MachineSymbol, RunResult } from "./machine-api.js";
import { MachineProbes } from "./machine-probes.js";
import { createMemoryMap, type MemoryMap } from "./memory-map.js";

/** Instructions asked of the core in one call; well below what an i32 holds. */
const MAX_SLICE = 1_000_000_000;
const NO_BREAKPOINT = 0xffff_ffff_ffff_ffffn;
const PAGE = 4096;

interface Halt {
  reason: "poweroff" | "reboot" | "exit";
  code: number;
}

/**
 * @param compiler makes regions in another thread; without it the guest waits for them
 * @throws BoardError or ImageError when the description cannot be built
 */
export function createMachine(
  description: MachineDescription,
  modules: MachineModules,
  compiler?: CompilerSource,
): Machine {
  return new Machine(description, modules, compiler);
}

export class Machine implements MachineApi {
  readonly description: MachineDescription;
  readonly memory: WebAssembly.Memory;
  readonly bus: Bus;
  readonly devices: readonly Device[];
  readonly core: Engine["core"];
  readonly consoles: readonly string[];
  readonly names = new NameTables();
  /** Range of the memory for trace rings. */
  readonly traceArena: MemoryMap["traceArena"];
  readonly board: BuiltBoard;
  readonly probes: MachineProbes;
  paceIdle = false;

  readonly #engine: Engine;
  readonly #events: EventQueue;
  readonly #view: DataView;
  readonly #words: Int32Array;
  readonly #consoles = new Map<string, Console>();
  readonly #onConsole: ((name: string, bytes: Uint8Array) => void)[] = [];
  readonly #onGuestError: ((device: string, message: string) => void)[] = [];
  readonly #onReset: ((reason: string) => void)[] = [];
  readonly #onTrace: ((recorder: number, event: number) => boolean | undefined)[] = [];
  readonly #loggedKeys = new Set<string>();
  /** What the streams want recorded. */
  #recorded: RecordedVariant = "plain";
  #runMs = 0;
  #halt: Halt | undefined;
  /** Part of the present wait that idle pacing has announced and that has not passed yet, virtual ns. */
  #waitLeft: number | undefined;

  constructor(description: MachineDescription, modules: MachineModules, compiler?: CompilerSource) {
    this.description = description;
    const map = createMemoryMap(description);
    this.memory = map.memory;
    this.traceArena = map.traceArena;
    this.#view = new DataView(map.memory.buffer);
    this.#words = new Int32Array(map.memory.buffer);

    this.probes = new MachineProbes(map, () => this.#select());
    let link: CoreLink | undefined;
    this.#engine = createEngine(
      map.memory,
      modules,
      { ...ENGINE_DEFAULTS, ...description.engine },
      {
        link: () => link as CoreLink,
        // true from any listener: room was made
        traceNotify: (recorder, event) =>
          this.#onTrace.map((callback) => callback(recorder, event)).includes(true) ? 1 : 0,
        probeTranslate: (slot) => this.probes.translate(slot),
        probePage: (slots, page) => this.probes.page(slots, page),
        probeEvent: (event, a, b, c, d) => this.probes.event(event, a, b, c, d),
        probeInvalidate: (ppn, offset, size) => this.probes.invalidate(ppn, offset, size),
        probeFind: (slot, page) => this.probes.find(slot, page),
        dispatchers: this.probes.dispatchers as unknown as WebAssembly.ModuleImports,
        harts: description.harts,
        compiler,
      },
    );
    this.core = this.#engine.core;
    this.probes.connect(this.#engine);
    this.#events = new EventQueue(
      map.memory,
      () => this.now(),
      () => this.#requestExit(EXIT_SLICE),
    );

    const log: DeviceLog = { guestError: (device, key, message) => this.#guestError(device, key, message) };
    this.bus = new Bus({ memory: map.memory, allocate: (size) => map.allocator.take(size), log });
    const context: BoardContext = {
      bus: this.bus,
      clock: this.#events,
      harts: this.#hartPort(),
      dma: new MachineDma(this.bus, this.core, map.memory, (paddr, value, kind) =>
        this.probes.event(EVENT_DMA, BigInt(paddr), value, kind, 0),
      ),
      control: {
        halt: (reason, code) => {
          this.#halt ??= { reason, code };
          this.#requestExit(EXIT_HALT);
        },
      },
      names: this.names,
      log,
      allocate: (size) => map.allocator.take(size),
      console: (name) => this.#console(name),
    };
    this.#view.setBigUint64(BREAK_PC, NO_BREAKPOINT, true);
    this.core.init(description.harts);
    this.board = boardNamed(description.board).build(context, description);
    this.devices = this.board.devices;
    this.consoles = this.board.consoles;
    for (const device of this.devices) this.bus.nameDevice(device.id, device.name);
    link = new CoreLink({
      bus: this.bus,
      memory: map.memory,
      names: this.names,
      topologyChanged: () => this.core.topology_changed(),
    });
    this.#start();
  }

  // --- running --------------------------------------------------------------------------------------

  run(budget: number): RunResult {
    const from = this.instructionCount();
    const result = (reason: RunResult["reason"], more: Partial<RunResult> = {}): RunResult => ({
      reason,
      executed: this.instructionCount() - from,
      ...more,
    });
    if (this.#waitLeft !== undefined) this.advanceIdle(this.#waitLeft);
    this.#engine.collect();
    for (;;) {
      // a halt asked for between runs (a device told by a tool) counts as well
      if (this.#halt) {
        const { reason, code } = this.#halt;
        this.#halt = undefined;
        this.#clearExit(EXIT_HALT);
        if (reason === "reboot") {
          this.#restart("guest");
          return result("reboot");
        }
        return result("halted", { exitCode: code });
      }
      this.#events.runDue();
      const left = budget - (this.instructionCount() - from);
      if (left <= 0) return result("budget");
      const started = performance.now();
      const reason = this.#runCore(Math.min(left, MAX_SLICE));
      this.#runMs += performance.now() - started;
      this.#clearExit(EXIT_EVENT | EXIT_SLICE);
      if (reason & EXIT_COMPILED) {
        this.#clearExit(EXIT_COMPILED);
        this.#engine.collect();
      }
      if (reason & EXIT_PROBE) {
        this.#clearExit(EXIT_PROBE);
        this.probes.safePoint();
      }
      if (reason & EXIT_HALT) continue;
      if (reason & EXIT_PAUSE) {
        this.#clearExit(EXIT_PAUSE);
        return result("pause");
      }
      if (reason & EXIT_RING) {
        this.#clearExit(EXIT_RING);
        return result("ring-full");
      }
      if (reason & EXIT_BREAK) {
        this.#clearExit(EXIT_BREAK);
        return result("breakpoint");
      }
      if (reason & EXIT_IDLE) {
        const wait = this.#idleNs();
        if (wait === undefined) return result("idle");
        if (this.paceIdle) {
          this.#waitLeft = wait;
          return result("idle-wait", { waitNs: wait });
        }
        this.core.skip_idle(BigInt(wait));
      }
    }
  }

  #runCore(budget: number): number {
    this.probes.running = true;
    try {
      return this.core.run(budget);
    } catch (error) {
      // only a plugin's trap can be put right; anything else is a bug of ours
      this.probes.recover(error);
      return EXIT_PROBE;
    } finally {
      this.probes.running = false;
    }
  }

  /** Virtual ns to the next timer or device event; undefined when there is none. */
  #idleNs(): number | undefined {
    const deadline = this.core.next_deadline();
    const event = this.#events.next;
    const now = this.now();
    const timer =
      BigInt.asUintN(64, deadline) === NO_BREAKPOINT ? Number.POSITIVE_INFINITY : Number(BigInt.asUintN(64, deadline));
    const at = Math.min(timer, event ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(at) ? Math.max(0, at - now) : undefined;
  }

  advanceIdle(ns: number): void {
    if (this.#waitLeft === undefined) return;
    const step = Math.min(Math.max(0, Math.round(ns)), this.#waitLeft);
    this.core.skip_idle(BigInt(step));
    this.#waitLeft -= step;
    if (this.#waitLeft === 0) this.#waitLeft = undefined;
  }

  requestPause(): void {
    this.#requestExit(EXIT_PAUSE);
  }

  setBreakpoint(pc: bigint | undefined): void {
    this.#view.setBigUint64(BREAK_PC, pc === undefined ? NO_BREAKPOINT : BigInt.asUintN(64, pc), true);
  }

  /** What the streams want recorded decides which interpreter runs; takes effect with the next run(). */
  observe(variant: RecordedVariant): void {
    this.#recorded = variant;
    this.#select();
  }

  get #variant(): VariantName {
    return this.probes.on ? "probe" : this.#recorded;
  }

  #select(): void {
    this.#engine.select(this.#recorded, this.probes.on);
  }

  /** What the compiled tiers have done, by engine variant; empty while compilation is off. */
  jitStats(): Partial<Record<VariantName, JitStats>> {
    return this.#engine.jitStats();
  }

  engineStats(): EngineStats {
    const jit = this.jitStats();
    return {
      variant: this.#variant,
      runMs: this.#runMs,
      compileMs: Object.values(jit).reduce((sum, stats) => sum + stats.compileMs, 0),
      instructions: this.instructionCount(),
      compiledInstructions: Number(this.#view.getBigUint64(COMPILED_SLOTS, true)),
      jit,
    };
  }

  instructionCount(): number {
    return Number(this.#view.getBigUint64(SLICE_END, true)) - this.#view.getInt32(LEFT, true);
  }

  now(): number {
    return this.instructionCount() + Number(this.#view.getBigUint64(IDLE_NS, true));
  }

  #requestExit(bit: number): void {
    Atomics.or(this.#words, EXIT_REQUEST >> 2, bit);
  }
  #clearExit(bits: number): void {
    Atomics.and(this.#words, EXIT_REQUEST >> 2, ~bits);
  }

  // --- reset ----------------------------------------------------------------------------------------

  reset(): void {
    this.#restart("client");
  }

  #restart(reason: string): void {
    this.#events.clear();
    this.#halt = undefined;
    this.#waitLeft = undefined;
    this.#clearExit(EXIT_HALT);
    this.#clearMemory();
    for (const device of this.devices) device.reset();
    for (const console of this.#consoles.values()) console.clear();
    this.#start();
    for (const callback of this.#onReset) callback(reason);
  }

  #start(): void {
    const starts = this.board.boot();
    starts.forEach((start, hart) => {
      this.core.reset_hart(hart, start.pc, 0n, 0n, 0n);
      const base = this.core.hart_address(hart) - STATE;
      for (const [register, value] of Object.entries(start.x)) {
        this.#view.setBigUint64(base + X + Number(register) * 8, BigInt.asUintN(64, value), true);
      }
    });
    // every decoded instruction and every translation was of the machine before
    this.core.topology_changed();
  }

  /** Zeroes RAM and ROM page by page, passing over pages nobody has touched, so that they cost nothing still. */
  #clearMemory(): void {
    const zero = Buffer.alloc(PAGE);
    for (const region of this.bus.regions) {
      if (!region || (region.kind !== "ram" && region.kind !== "rom")) continue;
      const bytes = Buffer.from(this.memory.buffer as unknown as ArrayBuffer, region.host, region.size);
      for (let at = 0; at < bytes.length; at += PAGE) {
        const end = Math.min(at + PAGE, bytes.length);
        if (bytes.compare(zero, 0, end - at, at, end) !== 0) bytes.fill(0, at, end);
      }
    }
  }

  // --- outside world --------------------------------------------------------------------------------

  #console(name: string): Console {
    let port = this.#consoles.get(name);
    if (!port) {
      port = new Console((byte) => {
        const bytes = Uint8Array.of(byte);
        for (const callback of this.#onConsole) callback(name, bytes);
      });
      this.#consoles.set(name, port);
    }
    return port;
  }

  /** @throws RangeError when the machine has no such console */
  consoleInput(name: string, bytes: Uint8Array): void {
    const port = this.#consoles.get(name);
    if (!port) throw new RangeError(`no console ${name}`);
    port.type(bytes);
  }

  consolePending(name: string): number {
    return this.#consoles.get(name)?.pending ?? 0;
  }

  onConsole(callback: (name: string, bytes: Uint8Array) => void): void {
    this.#onConsole.push(callback);
  }
  onGuestError(callback: (device: string, message: string) => void): void {
    this.#onGuestError.push(callback);
  }
  onReset(callback: (reason: string) => void): void {
    this.#onReset.push(callback);
  }
  onTrace(callback: (recorder: number, event: number) => boolean | undefined): void {
    this.#onTrace.push(callback);
  }

  #guestError(device: string, key: string, message: string): void {
    const id = `${device}/${key}`;
    if (this.#loggedKeys.has(id)) return;
    this.#loggedKeys.add(id);
    for (const callback of this.#onGuestError) callback(device, message);
  }

  deviceTree(): Uint8Array {
    return this.board.deviceTree();
  }

  symbols(): readonly MachineSymbol[] {
    return loadedSymbols(this.description);
  }

  #hartPort(): HartPort {
    const core = this.core;
    return {
      count: this.description.harts,
      setInterrupt: (hart: number, bit: HartInterrupt, level: boolean) => core.set_irq(hart, bit, level ? 1 : 0),
      getMtimecmp: (hart) => BigInt.asUintN(64, core.get_mtimecmp(hart)),
      setMtimecmp: (hart, value) => core.set_mtimecmp(hart, value),
      getMtime: () => BigInt.asUintN(64, core.get_mtime()),
      setMtime: (value) => core.set_mtime(value),
    };
  }
}
