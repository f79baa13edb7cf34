// The store of uploaded plugins. What comes is looked at before it is kept: a WebAssembly module is validated as a plugin,
// so that a mistake shows at upload and not when a machine is waiting for it.
import { readFile } from "node:fs/promises";
import type { PluginSource } from "../probe/manager-api.js";
import { WasmPluginError } from "../probe/wasm/errors.js";
import { DEFAULT_LIMITS, type PreparedInfo, type PrepareLimits, prepare } from "../probe/wasm/prepare.js";
import type { PluginUpload } from "../session/protocol.js";
import { ContentStore, type PutOptions, type StoredRecord, type StoreKind } from "./content-store.js";
import { EmuError } from "./errors.js";
import type { Limits } from "./limits.js";

export type UploadedKind = Exclude<PluginSource["kind"], "builtin">;

export interface PluginRecord extends StoredRecord {
  kind: UploadedKind;
  /** Version of QEMU's interface a WebAssembly one was written for. */
  version?: number;
}

export interface PluginPut extends PutOptions {
  /** Told from the bytes when absent. */
  kind?: UploadedKind;
  /** Throws where the caller may not store JavaScript. */
  checkCode: () => void;
}

interface Prepared {
  module: WebAssembly.Module;
  info: PreparedInfo;
}

/** Compiled modules kept for the next attach. */
const KEPT_MODULES = 16;

export class PluginStore extends ContentStore<PluginRecord, PluginPut> {
  readonly #bounds: PrepareLimits;
  /** By digest, the one used last at the end. */
  readonly #prepared = new Map<string, Prepared>();

  /** Opens or makes the store in `root`. Throws where the directory cannot be used. */
  static open(root: string, limits: Limits): Promise<PluginStore> {
    return new PluginStore(root, limits).load();
  }

  private constructor(root: string, limits: Limits) {
    const bounds: PrepareLimits = {
      ...DEFAULT_LIMITS,
      moduleBytes: limits.maxPluginBytes,
      memoryBytes: limits.maxPluginMemory,
      callbackFuel: limits.pluginFuel,
      burstFuel: limits.pluginBurstFuel,
    };
    const kind: StoreKind<PluginRecord, PluginPut> = {
      noun: "plugin",
      records: "plugins",
      limits: { size: "maxPluginBytes", count: "maxPlugins", total: "maxPluginStoreBytes" },
      errors: { notFound: "EMU_PLUGIN_NOT_FOUND", inUse: "EMU_PLUGIN_IN_USE", malformed: "EMU_PLUGIN_MALFORMED" },
      use: {
        verb: "attached as",
        hint: "detach it first",
        pinned: "it is being attached to a session",
        member: "slots",
      },
      async inspect(path, _size, { kind: given, checkCode }) {
        const bytes = await readFile(path);
        const found = kindOf(bytes);
        const kind = given ?? found;
        if (kind === "wasm") return { kind, version: checked(bytes, bounds).info.version };
        sourceText(bytes);
        checkCode();
        return { kind };
      },
    };
    super(root, limits, kind);
    this.#bounds = bounds;
  }

  /** The plugin as sessions take it. */
  async upload(record: PluginRecord): Promise<PluginUpload> {
    const name = record.names[0] ?? `sha256:${record.digest.slice(0, 12)}`;
    if (record.kind === "javascript") return { kind: "javascript", name, source: sourceText(await this.read(record)) };
    const prepared = this.#prepared.get(record.digest) ?? checked(await this.read(record), this.#bounds);
    this.#prepared.delete(record.digest);
    this.#prepared.set(record.digest, prepared);
    for (const oldest of this.#prepared.keys()) {
      if (this.#prepared.size <= KEPT_MODULES) break;
      this.#prepared.delete(oldest);
    }
    return { kind: "wasm", name, ...prepared };
  }
}

const malformed = (detail: string, reason: string) => new EmuError("EMU_PLUGIN_MALFORMED", detail, { reason });

/** @throws EMU_PLUGIN_MALFORMED for what cannot be told */
function kindOf(bytes: Uint8Array): UploadedKind {
  const begins = (...magic: number[]) => magic.every((byte, at) => bytes[at] === byte);
  if (begins(0, 0x61, 0x73, 0x6d)) return "wasm";
  if (begins(0x7f, 0x45, 0x4c, 0x46)) {
    throw malformed(
      "an ELF file: native code is not run; compile the plugin for wasm32-wasi (docs/plugins.md)",
      "native code",
    );
  }
  return "javascript";
}

/** @throws EMU_PLUGIN_MALFORMED */
function sourceText(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // said below
  }
  throw malformed("neither a WebAssembly module nor JavaScript source in UTF-8", "unknown format");
}

/** @throws EMU_PLUGIN_MALFORMED with what preparation found */
function checked(bytes: Uint8Array, bounds: PrepareLimits): Prepared {
  try {
    const { module, info } = prepare(bytes, bounds);
    return { module, info };
  } catch (error) {
    if (!(error instanceof WasmPluginError)) throw error;
    throw malformed(error.message, error.code);
  }
}
