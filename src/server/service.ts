// Puts a Service together: image store, sessions, limits.
import { join } from "node:path";
import { ImageStore } from "../operations/image-store.js";
import type { Limits } from "../operations/limits.js";
import { PluginStore } from "../operations/plugin-store.js";
import type { Service } from "../operations/service.js";
import { Tickets } from "../operations/tickets.js";
import { BUILTIN_PLUGINS } from "../probe/builtin/index.js";
import type { PluginDefinition } from "../probe/plugin.js";
import type { HostLimits, SessionManager } from "../session/host-api.js";
import { VERSION } from "./version.js";

export interface ServiceOptions {
  dataDir: string;
  limits: Limits;
  sessions: SessionManager;
  /** Some callers may run JavaScript plugins. */
  jsPlugins?: boolean;
  /** Tests bring their own. */
  builtins?: readonly PluginDefinition[];
}

export async function createService(options: ServiceOptions): Promise<Service> {
  const { dataDir, limits, sessions, jsPlugins = false, builtins = BUILTIN_PLUGINS } = options;
  return {
    version: VERSION,
    started: Date.now(),
    limits,
    sessions,
    images: await ImageStore.open(dataDir, limits),
    plugins: await PluginStore.open(join(dataDir, "plugins"), limits),
    builtins: new Map(builtins.map((plugin) => [plugin.name, plugin])),
    jsPlugins,
    tickets: new Tickets(limits),
    waits: { count: 0 },
    closing: false,
  };
}

/** The limits that sessions keep by themselves. */
export function hostLimits(limits: Limits): HostLimits {
  return {
    maxSessions: limits.maxSessions,
    maxRam: limits.maxRam,
    maxTotalRam: limits.maxTotalRam,
    maxSubscriptionsPerSession: limits.maxSubscriptions,
    maxRingBytes: limits.maxRingBytes,
    consoleBuffer: limits.consoleBuffer,
    maxConsoleInput: limits.maxConsoleInput,
    eventBuffer: limits.eventBuffer,
    maxSlotsPerSession: limits.maxSlots,
    maxPluginResults: limits.maxPluginResults,
    plugins: {
      outputBytes: limits.maxPluginOutput,
      fileBytes: limits.maxPluginFiles,
      probeBytes: limits.maxProbeMemory,
    },
  };
}
