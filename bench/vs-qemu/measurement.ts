// One run of one workload on one emulator.
import type { Profile } from "./profile.js";

export interface Measurement {
  /** Wall time of the workload. */
  seconds: number;
  /** Processor time of the emulator's process in the same time, all threads. */
  cpuSeconds: number;
  /** What the guest printed between the markers, the end marker included: both emulators must agree. */
  output: string;
  /** Wall time from the start of the process to the end marker. */
  sinceSpawn: number;
  /** Memory accesses recorded, in a traced run. QEMU counts those outside of the markers as well. */
  records?: number;
  /** What the plugin that was attached said when the machine ended, or, of a Linux guest, when the work did. */
  report?: string;
  /** Emuscope only: what the engine did meanwhile. */
  engine?: EngineFigures;
}

export interface EngineFigures {
  /** Instructions between the markers. */
  instructions: number;
  /** Millions per second of wall time. */
  mips: number;
  /** Records that were not stored; 0 or the run does not count. */
  dropped: number;
  /** What the compiled tier did; absent while it is off. */
  jit?: Record<string, number>;
  /** Core counters (STAT_* of src/core/layout.ts) by name. */
  counters: Record<string, number>;
  profile?: Profile;
}
