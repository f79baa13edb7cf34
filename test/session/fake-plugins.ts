// A plugin manager without an engine, for tests of the layers above it: slots that find, write and do what a test tells them.
import {
  PluginError,
  type PluginFailure,
  type PluginFilter,
  type PluginFinal,
  type PluginHooks,
  type PluginLimits,
  type PluginManagerApi,
  type PluginSlot,
  type PluginSnapshot,
  type PluginSource,
} from "../../src/probe/manager-api.js";
import { checkOptions } from "../../src/probe/options.js";
import type { PluginDefinition } from "../../src/probe/plugin.js";

export const PLUGIN_LIMITS: PluginLimits = { outputBytes: 1000, fileBytes: 1000, probeBytes: 1 << 20 };

/** Built-in plugins of the fake: `pages` takes options, `quiet` has no text form. */
export const FAKE_BUILTINS: readonly PluginDefinition[] = [
  {
    name: "pages",
    summary: "Counts pages",
    options: {
      limit: { type: "integer", description: "how many", default: 10, minimum: 1, maximum: 100 },
      sortby: { type: "choice", description: "order", choices: ["reads", "writes"], default: "reads" },
      from: { type: "address", description: "begin" },
    },
    results: { type: "object", properties: { pages: { type: "array" } } },
    install: () => ({ results: () => ({ pages: [] }), text: () => "Addr, Reads\n" }),
  },
  {
    name: "quiet",
    summary: "Says nothing",
    options: {},
    results: { type: "object" },
    install: () => ({ results: () => ({}) }),
  },
];

interface Entry {
  slot: PluginSlot;
  source: PluginSource;
  results: unknown;
  text: string | undefined;
  output: string;
  files: Map<string, Uint8Array>;
}

export class FakePlugins implements PluginManagerApi {
  readonly hooks: PluginHooks;
  readonly entries = new Map<string, Entry>();
  sliceEnds = 0;
  halts = 0;
  /** Calls of `snapshot`. */
  snapshots = 0;
  readonly #instructions: () => number;

  constructor(hooks: PluginHooks, instructions: () => number) {
    this.hooks = hooks;
    this.#instructions = instructions;
  }

  attach(id: string, source: PluginSource, args: Record<string, unknown>, filter: PluginFilter): PluginSlot {
    const definition =
      source.kind === "javascript" ? source.definition : FAKE_BUILTINS.find(({ name }) => name === source.name);
    if (source.kind === "builtin" && definition === undefined)
      throw new PluginError("unknown-plugin", `no plugin ${source.name}`);
    const values = definition ? checkOptions(definition.options, args) : args;
    const plugin = definition?.install({ instructions: () => this.#instructions() } as never, values as never);
    const slot: PluginSlot = {
      id,
      plugin: source.name,
      kind: source.kind,
      state: "active",
      args: { ...values },
      filter,
      attachedAt: this.#instructions(),
      cost: { blocks: 0, inline: 0, conditional: 0, callbacks: 0, calls: 0, translateMs: 0, memoryBytes: 64 },
    };
    const results = plugin ? () => plugin.results() : () => ({});
    this.entries.set(id, { slot, source, results, text: plugin?.text?.(), output: "", files: new Map() });
    return { ...slot };
  }
  detach(id: string): PluginFinal {
    const entry = this.#find(id);
    entry.output += "bye\n";
    const final = this.snapshot(id, true);
    this.entries.delete(id);
    const contents = [...entry.files].map(([name, bytes]) => ({ name, bytes }));
    return { ...final, output: entry.output, contents };
  }
  pause(id: string): void {
    this.#find(id).slot.state = "paused";
  }
  resume(id: string): void {
    this.#find(id).slot.state = "active";
  }
  configure(id: string, change: { args?: Record<string, unknown>; filter?: PluginFilter }): PluginSlot {
    const { slot, source } = this.#find(id);
    return this.attach(id, source, change.args ?? slot.args, change.filter ?? slot.filter);
  }
  list(): PluginSlot[] {
    return [...this.entries.values()].map(({ slot }) => ({ ...slot }));
  }
  get(id: string): PluginSlot {
    return { ...this.#find(id).slot };
  }
  snapshot(id: string, text: boolean): PluginSnapshot {
    const { results, text: form, output, files } = this.#find(id);
    this.snapshots++;
    const instructions = this.#instructions();
    return {
      id,
      instructions,
      virtualNs: instructions,
      results: typeof results === "function" ? (results as () => unknown)() : results,
      ...(text && form !== undefined ? { text: form } : {}),
      outputBytes: Buffer.byteLength(output),
      files: [...files].map(([name, bytes]) => ({ name, size: bytes.length })),
    };
  }
  output(id: string, from: number): { offset: number; text: string } {
    const bytes = Buffer.from(this.#find(id).output);
    const offset = Math.min(from, bytes.length);
    return { offset, text: bytes.subarray(offset).toString() };
  }
  file(id: string, name: string): Uint8Array {
    const bytes = this.#find(id).files.get(name);
    if (!bytes) throw new PluginError("unknown-file", `slot ${id} offers no file ${name}`, { file: name });
    return bytes;
  }
  sliceEnd(): void {
    this.sliceEnds++;
  }
  halted(): void {
    this.halts++;
  }

  /** What a test makes happen. */
  find(id: string, results: unknown, text?: string): void {
    Object.assign(this.#find(id), { results, ...(text === undefined ? {} : { text }) });
    this.hooks.changed(id);
  }
  write(id: string, text: string): void {
    this.#find(id).output += text;
    this.hooks.output(id);
  }
  offer(id: string, name: string, bytes: Uint8Array): void {
    this.#find(id).files.set(name, bytes);
  }
  fail(id: string, failure: PluginFailure): void {
    Object.assign(this.#find(id).slot, { state: "failed", failure });
    this.hooks.failed(id, failure);
  }

  #find(id: string): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw new PluginError("unknown-slot", `no slot ${id}`, { slot: id });
    return entry;
  }
}
