// All sessions of the service: makes them within the limits, finds them, ends them.
import { randomBytes } from "node:crypto";
import type { MachineDescription } from "../machine/description.js";
import { CompileService } from "./compile-service.js";
import {
  type HostLimits,
  type HostLog,
  SessionError,
  type SessionHost,
  type SessionManager,
  type SessionMeta,
} from "./host-api.js";
import { sessionModules } from "./modules.js";
import { Session } from "./session-host.js";
import { WorkerPool } from "./worker-pool.js";

/** Time after a session was made before what streams need is loaded, so as not to slow its first steps. */
const PRELOAD_DELAY_MS = 500;

export interface SessionManagerOptions {
  limits: HostLimits;
  log: HostLog;
  /** Compiled modules of the machine; tests bring their own. */
  modules?: () => Promise<Record<string, WebAssembly.Module>>;
  /** Script of a session's thread; tests bring their own. */
  worker?: URL;
}

/** The manager of a service. Sessions run until deleted or until close(). */
export function createSessionManager(options: SessionManagerOptions): SessionManager {
  return new Sessions(options);
}

class Sessions implements SessionManager {
  readonly #limits: HostLimits;
  readonly #log: HostLog;
  readonly #modules: () => Promise<Record<string, WebAssembly.Module>>;
  readonly #workers: WorkerPool;
  readonly #compile = new CompileService();
  readonly #sessions = new Map<string, Session>();
  /** Ids and RAM of sessions being made or ended: they count until their thread is gone. */
  readonly #claims = new Map<string, number>();
  #closed = false;

  constructor(options: SessionManagerOptions) {
    this.#limits = options.limits;
    this.#log = options.log;
    this.#modules = options.modules ?? sessionModules;
    this.#workers = new WorkerPool(options.worker ?? new URL("./worker.js", import.meta.url));
  }

  async create(description: MachineDescription, meta: SessionMeta): Promise<SessionHost> {
    const id = this.#claim(description, meta);
    let session: Session | undefined;
    try {
      const modules = await this.#modules();
      session = new Session({
        id,
        meta,
        limits: this.#limits,
        log: this.#log,
        init: {
          description,
          modules,
          compiler: this.#compile.connect(),
          limits: {
            maxConsoleInput: this.#limits.maxConsoleInput,
            maxRingBytes: this.#limits.maxRingBytes,
            maxPluginResults: this.#limits.maxPluginResults,
            plugins: this.#limits.plugins,
          },
        },
        worker: this.#workers.take(),
        // A crashed session stays to be looked at; its memory went with the thread, its RAM still counts until deleted.
        ended: () => {},
      });
      await session.ready;
      if (this.#closed) throw new SessionError("gone", "the service is shutting down");
    } catch (error) {
      await session?.close();
      this.#claims.delete(id);
      throw error;
    }
    this.#sessions.set(id, session);
    this.#workers.refill();
    // the first stream would wait for it; what is loaded already costs nothing
    setTimeout(() => void import("../trace/arrow-stream.js"), PRELOAD_DELAY_MS).unref();
    this.#log.info(
      { session: id, board: description.board, harts: description.harts, ram: description.ram },
      "session created",
    );
    return session;
  }

  get(id: string): SessionHost | undefined {
    return this.#sessions.get(id);
  }

  list(): SessionHost[] {
    return [...this.#sessions.values()];
  }

  async delete(id: string): Promise<boolean> {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#sessions.delete(id);
    try {
      await session.close();
    } finally {
      this.#claims.delete(id);
    }
    this.#log.info({ session: id }, "session deleted");
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#workers.close(), ...[...this.#sessions.keys()].map((id) => this.delete(id))]);
    await this.#compile.close();
  }

  /** Takes an id and the RAM before anything is awaited, so that two calls at a time cannot both fit into the last place. */
  #claim(description: MachineDescription, meta: SessionMeta): string {
    if (this.#closed) throw new SessionError("gone", "the service is shutting down");
    const { maxSessions, maxRam, maxTotalRam } = this.#limits;
    if (this.#claims.size >= maxSessions) {
      throw new SessionError("limit", `the service has room for ${maxSessions} sessions`, {
        limit: "maxSessions",
        value: maxSessions,
      });
    }
    if (description.ram > maxRam) {
      throw new SessionError("limit", `a session has at most ${maxRam} bytes of RAM`, {
        limit: "maxRam",
        value: maxRam,
      });
    }
    let total = description.ram;
    for (const ram of this.#claims.values()) total += ram;
    if (total > maxTotalRam) {
      throw new SessionError("limit", `all sessions together have at most ${maxTotalRam} bytes of RAM`, {
        limit: "maxTotalRam",
        value: maxTotalRam,
      });
    }
    if (meta.id !== undefined && this.#claims.has(meta.id)) {
      throw new SessionError("invalid", `a session ${meta.id} exists already`, { field: "id" });
    }
    let id = meta.id;
    while (id === undefined || (meta.id === undefined && this.#claims.has(id))) id = randomBytes(5).toString("hex");
    this.#claims.set(id, description.ram);
    return id;
  }
}
