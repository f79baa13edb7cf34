// Puts a Service together: image store, sessions, limits.
import { ImageStore } from "../operations/image-store.js";
import type { Limits } from "../operations/limits.js";
import type { Service } from "../operations/service.js";
import { Tickets } from "../operations/tickets.js";
import type { HostLimits, SessionManager } from "../session/host-api.js";
import { VERSION } from "./version.js";

export interface ServiceOptions {
  dataDir: string;
  limits: Limits;
  sessions: SessionManager;
}

export async function createService({ dataDir, limits, sessions }: ServiceOptions): Promise<Service> {
  return {
    version: VERSION,
    started: Date.now(),
    limits,
    sessions,
    images: await ImageStore.open(dataDir, limits),
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
  };
}
