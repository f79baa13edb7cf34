// Sessions made, run and deleted over and over, and what the process holds before and after: threads, files, mappings (each
// live module is one at least), address space and resident memory.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { MachineDescription } from "../../src/machine/description.js";
import { createSessionManager } from "../../src/session/host.js";
import type { SessionHost, SessionManager } from "../../src/session/host-api.js";
import { PLUGIN_LIMITS } from "../session/fake-plugins.js";

export interface Holdings {
  threads: number;
  files: number;
  /** Lines of the process's memory map. */
  mappings: number;
  /** MiB. */
  addressSpace: number;
  resident: number;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Where the process tells what it holds: Linux. */
export const soakImpossible = process.platform === "linux" ? false : "needs /proc";

function holdings(): Holdings {
  const status = readFileSync("/proc/self/status", "utf8");
  const kilobytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return {
    threads: readdirSync("/proc/self/task").length,
    files: readdirSync("/proc/self/fd").length,
    mappings: readFileSync("/proc/self/maps", "utf8").split("\n").length,
    addressSpace: Math.round(kilobytes("VmSize") / 1024),
    resident: Math.round(kilobytes("VmRSS") / 1024),
  };
}

/** After garbage has been collected and ended threads are gone; a thread is kept waiting for the next session. */
async function settled(after: number): Promise<Holdings> {
  await sleep(after);
  for (let n = 0; n < 5; n++) {
    collect();
    await sleep(200);
  }
  return holdings();
}

export interface SoakReport {
  sessions: number;
  /** Once everything that is made but once has been made. */
  before: Holdings;
  /** The most seen while sessions ran. */
  most: Holdings;
  after: Holdings;
  /** Compiled modules, over all sessions. */
  modules: number;
}

/**
 * Keeps `together` sessions alive at a time, each driven by `drive` and then deleted, for `seconds` or until `sessions`
 * have been made.
 */
export async function soak(options: {
  description(n: number): MachineDescription;
  drive(session: SessionHost, n: number): Promise<void>;
  seconds: number;
  sessions: number;
  together: number;
  /** Wait before looking what is held, ms; without it the last session's code is kept for the next one. */
  settleMs?: number;
}): Promise<SoakReport> {
  const manager: SessionManager = createSessionManager({
    limits: {
      maxSessions: 16,
      maxRam: 2 ** 30,
      maxTotalRam: 2 ** 33,
      maxSubscriptionsPerSession: 4,
      maxRingBytes: 1 << 20,
      consoleBuffer: 1 << 16,
      maxConsoleInput: 4096,
      eventBuffer: 64,
      maxSlotsPerSession: 4,
      maxPluginResults: 10_000,
      plugins: PLUGIN_LIMITS,
    },
    log: { info() {}, warn() {}, error() {} },
  });
  let modules = 0;
  let made = 0;
  let most: Holdings | undefined;
  const one = async (): Promise<void> => {
    const n = made++;
    const session = await manager.create(options.description(n), { images: [], machine: {} });
    await options.drive(session, n);
    const { jit } = await session.call("engineStats");
    modules += Object.values(jit).reduce((sum, stats) => sum + stats.modules, 0);
    const now = holdings();
    for (const key of Object.keys(now) as (keyof Holdings)[]) now[key] = Math.max(now[key], most?.[key] ?? 0);
    most = now;
    await manager.delete(session.id);
  };
  try {
    // some for what the process makes but once
    await Promise.all(Array.from({ length: options.together }, one));
    await Promise.all(Array.from({ length: options.together }, one));
    const before = await settled(options.settleMs ?? 0);
    const end = performance.now() + options.seconds * 1000;
    await Promise.all(
      Array.from({ length: options.together }, async () => {
        while (performance.now() < end && made < options.sessions) await one();
      }),
    );
    return { sessions: made, before, most: most ?? before, after: await settled(options.settleMs ?? 0), modules };
  } finally {
    await manager.close();
  }
}

/**
 * What is more than it was, by more than allocators and V8's own threads account for; empty when nothing was left behind. Of a booted
 * Linux's code and memory there are 500 to 1000 mappings and 100 MiB or more; what V8 frees late does not depend on how many there were.
 */
export function leftBehind({ before, after }: SoakReport): string[] {
  const room: Holdings = { threads: 0, files: 0, mappings: 400, addressSpace: 600, resident: 150 };
  return (Object.keys(room) as (keyof Holdings)[])
    .filter((key) => after[key] > before[key] + room[key])
    .map((key) => `${key}: ${before[key]} before, ${after[key]} after`);
}
