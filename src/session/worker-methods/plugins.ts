// Plugin slots in the machine's thread: what the manager says and does, as messages. A plugin that goes wrong is a report
// and an event, never the end of the session.
import { BroadcastChannel } from "node:worker_threads";
import { loadJavaScriptPlugin } from "../../probe/javascript.js";
import {
  PluginError,
  type PluginFailure,
  type PluginFilter,
  type PluginHooks,
  type PluginManagerApi,
  type PluginSlot,
  type PluginSnapshot,
  type PluginSource,
} from "../../probe/manager-api.js";
import { PluginOptionError } from "../../probe/plugin.js";
import { SessionError, type SessionErrorCode } from "../host-api.js";
import type { PluginUpload, SlotHappening, WorkerToHost } from "../protocol.js";
import type { RunLoop } from "../run-loop.js";
import type { Methods, WorkerContext } from "../session-worker.js";

export interface PluginControlOptions {
  loop: RunLoop;
  /** Instruction count of the machine. */
  instructions(): number;
  post(message: WorkerToHost): void;
  manager(hooks: PluginHooks): PluginManagerApi;
}

/** The manager of a session, made when the first plugin comes: a session without plugins has none of it. */
export class PluginControl {
  readonly #options: PluginControlOptions;
  readonly #wrote = new Set<string>();
  /** Counts what may have changed the results of a slot without the guest having run. */
  #changes = 0;
  #manager: PluginManagerApi | undefined;

  constructor(options: PluginControlOptions) {
    this.#options = options;
  }

  get manager(): PluginManagerApi {
    this.#manager ??= this.#options.manager({
      changed: () => void this.#changes++,
      failed: (id, failure) => {
        this.tell(id, "failed", { failure });
      },
      ended: (id) => {
        this.tell(id, "ended");
      },
      stop: (id, reason) => {
        this.tell(id, "stopped", { reason });
        this.#options.loop.stopFor(`plugin ${id}: ${reason}`);
      },
      output: (id) => this.#wrote.add(id),
      channel: openChannel,
    });
    return this.#manager;
  }

  sliceEnd(): void {
    if (this.#manager === undefined) return;
    this.#manager.sliceEnd();
    this.sendOutput();
  }

  halted(): void {
    this.#manager?.halted();
    this.sendOutput();
  }

  /** Says that there is output, once for however much came. */
  sendOutput(): void {
    if (this.#wrote.size === 0) return;
    this.#options.post({ type: "plugin-output", ids: [...this.#wrote] });
    this.#wrote.clear();
  }

  /** Changes whenever results of a slot may have. */
  get revision(): string {
    return `${this.#options.instructions()}.${this.#changes}`;
  }

  forget(id: string): void {
    this.#wrote.delete(id);
  }

  tell(
    id: string,
    what: SlotHappening,
    more: { plugin?: string; reason?: string; failure?: PluginFailure } = {},
  ): void {
    const plugin = more.plugin ?? this.#pluginOf(id);
    this.#options.post({ type: "plugin", id, what, instructions: this.#options.instructions(), ...more, plugin });
    this.#changes++;
  }

  #pluginOf(id: string): string {
    return this.#manager?.list().find((slot) => slot.id === id)?.plugin ?? "";
  }
}

/** Sessions are threads of one process: what a plugin posts reaches those of the others that listen, between their slices. */
function openChannel(name: string, receive: (message: unknown) => void): ReturnType<PluginHooks["channel"]> {
  const channel = new BroadcastChannel(`emuscope.plugin.${name}`);
  channel.onmessage = (event: unknown) => receive((event as { data: unknown }).data);
  channel.unref();
  return { post: (message) => channel.postMessage(message), close: () => channel.close() };
}

const FROM_PLUGIN: Record<PluginError["code"], SessionErrorCode> = {
  "unknown-plugin": "unknown-plugin",
  "unknown-slot": "unknown-slot",
  "slot-exists": "slot-exists",
  "unknown-file": "unknown-file",
  invalid: "invalid",
  limit: "limit",
  failed: "plugin-failed",
};

function guarded<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw sessionError(error);
  }
}

function sessionError(error: unknown): unknown {
  if (error instanceof PluginError) return new SessionError(FROM_PLUGIN[error.code], error.message, error.detail);
  // a module of the user's has the class from elsewhere, if at all
  if (error instanceof PluginOptionError || (error instanceof Error && error.name === "PluginOptionError")) {
    const { option, expected } = error as PluginOptionError;
    return new SessionError("invalid", `args.${error.message}`, { field: `args.${option}`, expected });
  }
  return error;
}

async function sourceOf(plugin: PluginUpload): Promise<PluginSource> {
  if (plugin.kind !== "javascript") return plugin;
  const { kind, name, source } = plugin;
  return { kind, name, definition: await loadJavaScriptPlugin(name, source) };
}

/** JSON of results, bounded. What no JSON can be made of is the plugin's mistake. @throws SessionError */
function resultsJson(results: unknown, limit: number): string {
  let text: string;
  try {
    text = JSON.stringify(results, wireValue) ?? "null";
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new SessionError("plugin-failed", `its results are not JSON: ${message}`, { where: "results" });
  }
  return bounded(text, limit);
}

function bounded(text: string, limit: number): string {
  if (text.length <= limit) return text;
  throw new SessionError("limit", `the results have ${text.length} bytes; ask the plugin for fewer`, {
    limit: "maxPluginResults",
    value: limit,
    field: "slot",
  });
}

/** 64-bit values as everywhere on the wire. */
function wireValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return `0x${BigInt.asUintN(64, value).toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return value;
}

/** Whole characters of at most `limit` bytes; at least one where there is one. */
function cut(text: string, limit: number): Uint8Array {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= limit) return bytes;
  let end = Math.max(1, limit);
  while (end > 1 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end++;
  return bytes.subarray(0, end);
}

type PluginMethods =
  | "attachPlugin"
  | "detachPlugin"
  | "configurePlugin"
  | "pausePlugin"
  | "resumePlugin"
  | "plugins"
  | "plugin"
  | "pluginResults"
  | "pluginOutput"
  | "pluginFile";

export function pluginMethods({ machine, loop, plugins, limits }: WorkerContext): Pick<Methods, PluginMethods> {
  const most = limits.maxPluginResults;

  const alive = (): PluginManagerApi => {
    if (loop.state === "crashed") throw new SessionError("crashed", "the session crashed", { state: "crashed" });
    return plugins.manager;
  };

  const usable = (id: string): PluginSlot => {
    const slot = guarded(() => alive().get(id));
    if (slot.state === "active" || slot.state === "paused") return slot;
    const why = slot.state === "ended" ? "ended by itself" : `failed: ${slot.failure?.message}`;
    throw new SessionError("slot-state", `slot ${id} ${why}; detach it`, {
      state: slot.state,
      ...(slot.failure ? { failure: slot.failure } : {}),
    });
  };

  /** Each instruction may take longer from now on, or not any more. */
  const pace = (): void => loop.instrumented(plugins.manager.list().some(({ state }) => state === "active"));

  const changed = (id: string, what: SlotHappening): PluginSlot => {
    pace();
    plugins.tell(id, what);
    plugins.sendOutput();
    return guarded(() => alive().get(id));
  };

  /** Names that do not exist would make a filter that nothing passes. */
  const checkFilter = ({ device, region, hart }: PluginFilter): void => {
    const devices = machine.devices.map(({ name }) => name);
    const unknown = device?.find((name) => !devices.includes(name));
    if (unknown !== undefined) {
      throw new SessionError("unknown-device", `no device named ${unknown}`, {
        device: unknown,
        devices,
        field: "filter.device",
      });
    }
    const regions = new Set(machine.bus.regions.map((found) => found?.name));
    const nowhere = region?.find((name) => !regions.has(name));
    if (nowhere !== undefined)
      throw new SessionError("invalid", `no memory region named ${nowhere}`, { field: "filter.region" });
    const { harts } = machine.description;
    const absent = hart?.find((index) => index >= harts);
    if (absent !== undefined) {
      const expected = `harts from 0 to ${harts - 1}`;
      throw new SessionError("invalid", `filter.hart: expected ${expected}`, { field: "filter.hart", expected });
    }
  };

  const common = (slot: PluginSlot, snapshot: PluginSnapshot) => ({
    slot: slot.id,
    plugin: slot.plugin,
    state: slot.state,
    ...(slot.failure === undefined ? {} : { failure: slot.failure }),
    instructions: snapshot.instructions,
    virtualNs: snapshot.virtualNs,
    results: resultsJson(snapshot.results, most),
    ...(snapshot.text === undefined ? {} : { text: bounded(snapshot.text, most) }),
    outputBytes: snapshot.outputBytes,
  });

  return {
    async attachPlugin({ id, plugin, args, filter }) {
      alive();
      checkFilter(filter);
      const source = await sourceOf(plugin).catch((error: unknown) => {
        throw sessionError(error);
      });
      const slot = guarded(() => alive().attach(id, source, args, filter));
      pace();
      plugins.tell(id, "attached", { plugin: slot.plugin });
      plugins.sendOutput();
      return slot;
    },
    detachPlugin({ id }) {
      const slot = guarded(() => alive().get(id));
      const final = guarded(() => alive().detach(id));
      plugins.forget(id);
      pace();
      plugins.tell(id, "detached", { plugin: slot.plugin });
      return { ...finalResults(slot, final), files: final.contents, output: final.output };
    },
    configurePlugin({ id, ...change }) {
      usable(id);
      if (change.filter) checkFilter(change.filter);
      guarded(() => alive().configure(id, change));
      return changed(id, "configured");
    },
    pausePlugin({ id }) {
      if (usable(id).state === "paused") return guarded(() => alive().get(id));
      guarded(() => alive().pause(id));
      return changed(id, "paused");
    },
    resumePlugin({ id }) {
      if (usable(id).state === "active") return guarded(() => alive().get(id));
      guarded(() => alive().resume(id));
      return changed(id, "resumed");
    },
    plugins() {
      return alive().list();
    },
    plugin({ id }) {
      return guarded(() => alive().get(id));
    },
    pluginResults({ id, text, unless }) {
      guarded(() => alive().get(id));
      if (unless !== undefined && unless === plugins.revision) return undefined;
      const snapshot = guarded(() => alive().snapshot(id, text));
      plugins.sendOutput();
      const slot = guarded(() => alive().get(id));
      return { ...common(slot, snapshot), files: snapshot.files, revision: plugins.revision };
    },
    pluginOutput({ id, from, limit }) {
      const { offset, text } = guarded(() => alive().output(id, from));
      return { offset, bytes: cut(text, limit), end: offset + Buffer.byteLength(text) };
    },
    pluginFile({ id, name }) {
      // a copy: results are given away
      return guarded(() => alive().file(id, name)).slice();
    },
  };

  /** Results too large or broken must not keep a plugin from being detached. */
  function finalResults(slot: PluginSlot, final: PluginSnapshot): ReturnType<typeof common> {
    try {
      return common(slot, final);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return common(slot, {
        id: slot.id,
        instructions: final.instructions,
        virtualNs: final.virtualNs,
        results: { error: problem },
        outputBytes: final.outputBytes,
        files: [],
      });
    }
  }
}
