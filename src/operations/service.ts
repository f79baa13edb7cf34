// What operations work on: the sessions, the images, the limits, and what the process knows about itself.

import type { PluginDefinition } from "../probe/plugin.js";
import type { SessionHost, SessionManager } from "../session/host-api.js";
import { EmuError } from "./errors.js";
import type { ImageStore } from "./image-store.js";
import type { Limits } from "./limits.js";
import type { PluginStore } from "./plugin-store.js";
import type { Tickets } from "./tickets.js";

export interface Service {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly limits: Limits;
  readonly sessions: SessionManager;
  readonly images: ImageStore;
  readonly plugins: PluginStore;
  readonly builtins: ReadonlyMap<string, PluginDefinition>;
  /** The operator lets some callers run JavaScript plugins. */
  readonly jsPlugins: boolean;
  readonly tickets: Tickets;
  /** Waits under way (session.wait, session.runUntil). */
  readonly waits: { count: number };
  /** Set when shutdown began. */
  closing: boolean;
}

/** @throws EMU_SESSION_NOT_FOUND */
export function findSession(service: Service, id: string): SessionHost {
  const session = service.sessions.get(id);
  if (session) return session;
  throw new EmuError("EMU_SESSION_NOT_FOUND", `no session "${id}"; session.list shows what there is`, { session: id });
}
