// What a guest can tell of a run, for comparing runs that differ only in how they are looked at and executed.
import { createHash } from "node:crypto";
import { PC, PMP_ACTIVE, STATE, X_SINK } from "../../src/core/layout.js";
import type { MachineModules } from "../../src/machine/core.js";
import type { EngineSettings, MachineDescription } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import type { SubscriptionSpec } from "../../src/session/protocol.js";
import { attachRecorder } from "../../src/trace/attach.js";
import { compileFilter } from "../../src/trace/filter.js";
import { RingReader } from "../../src/trace/ring.js";

export interface Outcome {
  instructions: number;
  virtualNs: number;
  console: string;
  /** Per hart: SHA-256 of integer and floating-point registers, pc, privilege and every CSR. */
  registers: string[];
  /** By region: SHA-256 of the contents. */
  memory: Record<string, string>;
  /** By device. */
  devices: Record<string, string>;
  stopped: string;
}

export interface Way {
  name: string;
  engine: Partial<EngineSettings>;
  /** A subscription for each recorder. */
  watch: Partial<SubscriptionSpec>[];
}

const everything = { fetch: true, walk: true, dma: true };
const accesses = { fetch: false, walk: false, dma: false };
const ALL_FIELDS = ["seq", "icount", "hart", "pc", "vaddr", "paddr", "region", "device", "register", "value", "flags"];

const WATCHES: readonly [string, Partial<SubscriptionSpec>[]][] = [
  ["not traced", []],
  ["traced", [{ include: accesses }]],
  ["traced with fetches, walks and DMA", [{ include: everything }]],
  [
    "filtered, three times at once",
    [
      { filter: { ioOnly: true } },
      { filter: { paddr: [[0x8020_0000n, 0x8020_ffffn]], direction: ["write"] }, everyNth: 7 },
      { filter: { privilege: ["S"], size: [8] }, include: { fetch: false, walk: true, dma: true }, stopAfter: 10_000 },
    ],
  ],
];

const ENGINES: readonly [string, Partial<EngineSettings>][] = [
  ["interpreted", { jit: false }],
  ["compiled as by default", {}],
  ["compiled at once", { jit: true, hotThreshold: 1, batch: 1 }],
];

/** Every engine with every way to look; the first one is the plainest. */
export function ways(engines = ENGINES.map(([name]) => name)): Way[] {
  return ENGINES.filter(([name]) => engines.includes(name)).flatMap(([engineName, engine]) =>
    WATCHES.map(([watchName, watch]) => ({ name: `${engineName}, ${watchName}`, engine, watch })),
  );
}

export interface Run {
  description: MachineDescription;
  /** Instructions at most. */
  instructions: number;
  /** Console input by instruction count. */
  input?: readonly (readonly [number, string])[];
}

/** Runs to the instruction count, or to the guest's end. `records` counts what all recorders wrote. */
export function outcome(modules: MachineModules, run: Run, way: Way): { outcome: Outcome; records: number } {
  const machine = createMachine({ ...run.description, engine: way.engine }, modules);
  const said = listen(machine);

  let base = machine.traceArena.base;
  const readers = way.watch.map((spec, index) => {
    const filter = compileFilter({
      fields: ALL_FIELDS,
      filter: {},
      include: accesses,
      everyNth: 1,
      slow: "drop",
      batchRows: 4096,
      ringBatches: 4,
      ...spec,
    });
    const attached = attachRecorder(machine.memory, index, base, filter);
    base += 8 << 20;
    return new RingReader(machine.memory, attached.ring, { keep: 0 });
  });
  machine.onTrace(() => {
    for (const reader of readers) for (let batch = reader.next(); batch; batch = reader.next()) reader.release(batch);
    return true;
  });
  for (const index of readers.keys()) machine.core["recorder_start"]?.(index);
  const fetch = way.watch.some((spec) => spec.include?.fetch);
  if (readers.length > 0) machine.observe(fetch ? "fetch" : "memory");

  const input = [...(run.input ?? []), [run.instructions, ""] as const];
  let stopped = "count";
  for (const [at, typed] of input) {
    while (machine.instructionCount() < at && stopped === "count") {
      const { reason } = machine.run(at - machine.instructionCount());
      if (reason === "halted" || reason === "idle") stopped = reason;
    }
    if (typed !== "" && stopped === "count") machine.consoleInput(machine.consoles[0] as string, Buffer.from(typed));
  }

  for (const index of readers.keys()) machine.core["recorder_stop"]?.(index);
  const records = readers.reduce((sum, reader) => sum + Number(reader.counters.written), 0);
  return { outcome: { ...standing(machine), console: said(), stopped }, records };
}

/** What consoles say from now on, in short. */
export function listen(machine: Machine): () => string {
  const output = createHash("sha256");
  let text = "";
  machine.onConsole((name, bytes) => {
    output.update(name).update(bytes);
    text += Buffer.from(bytes).toString("latin1");
  });
  return () => `${output.copy().digest("hex").slice(0, 16)} ${text.length} bytes, ${JSON.stringify(text.slice(-60))}`;
}

/** What a machine that stands is like, as far as its guest can tell. */
export function standing(machine: Machine): Omit<Outcome, "console" | "stopped"> {
  const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const bytes = (at: number, length: number) =>
    Buffer.from(machine.memory.buffer as unknown as ArrayBuffer, at, length);
  const harts = Array.from({ length: machine.description.harts }, (_, hart) => machine.core.hart_address(hart));
  const memory: Record<string, string> = {};
  for (const region of machine.bus.regions)
    if (region?.kind === "ram" || region?.kind === "rom") memory[region.name] = hash(bytes(region.host, region.size));
  return {
    instructions: machine.instructionCount(),
    virtualNs: machine.now(),
    registers: harts.map((at) =>
      hash(Buffer.concat([bytes(at, X_SINK - STATE), bytes(at + PC - STATE, PMP_ACTIVE - PC)])),
    ),
    memory,
    devices: Object.fromEntries(
      machine.devices.map((device) => [device.name, hash(Buffer.from(JSON.stringify(device.state())))]),
    ),
  };
}
