// What went wrong in a plugin, from whatever it or the engine threw: the cause, in words its author can act on, and where:
// what the plugin was called for and, by the module's names, in which function it ended.
import type { PluginFailure } from "../manager-api.js";
import { PluginMemoryFault } from "./memory.js";
import { PluginExit } from "./wasi.js";

export type WasmFailure = Omit<PluginFailure, "instructions">;

/** A plugin's end, already explained. */
export class WasmPluginFailed extends Error {
  readonly failure: WasmFailure;

  constructor(failure: WasmFailure, cause: unknown) {
    super(`${failure.where}: ${failure.message}`, { cause });
    this.name = "WasmPluginFailed";
    this.failure = failure;
  }
}

/** The plugin used the interface in a way that has no meaning. */
export class PluginMisuse extends Error {
  override name = "PluginMisuse";
}

export interface Circumstances {
  /** What the plugin was called for. */
  doing: string;
  outOfFuel: boolean;
  /** Bytes it has and may have. */
  memory: { size: number; most: number };
  names: ReadonlyMap<number, string>;
}

const HINTS: readonly [pattern: RegExp, hint: string][] = [
  [/memory access out of bounds/, "it used an address outside its memory"],
  [/unreachable/, "it gave up (abort, a failed assertion or a panic)"],
  [
    /signature mismatch|null function|table index is out of bounds|indirect call/,
    "it called through a wrong function pointer",
  ],
  [/divide by zero/, "it divided by zero"],
];

export function explain(error: unknown, circumstances: Circumstances): WasmFailure {
  if (error instanceof WasmPluginFailed) return error.failure;
  const { doing, outOfFuel, memory, names } = circumstances;
  const culprit = innermost(error, names);
  const where = culprit === undefined ? doing : `${doing}, in ${culprit}`;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof PluginExit) return { cause: "exit", message, where };
  if (outOfFuel) {
    const why = "an endless loop or recursion, or all calls together more than pluginFuel for each";
    return { cause: "out-of-fuel", message: `it ran longer than a call may: ${why}`, where };
  }
  if (error instanceof RangeError && /call stack/.test(message)) {
    return { cause: "stack-overflow", message: "its calls are nested too deeply", where };
  }
  if (error instanceof WebAssembly.RuntimeError || error instanceof PluginMemoryFault) {
    const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1];
    const text = hint ? `${message}: ${hint}` : message;
    if (memory.size >= memory.most && /unreachable|out of bounds/.test(message)) {
      return {
        cause: "out-of-memory",
        message: `${text}; all of its ${memory.most >>> 20} MiB of memory are in use`,
        where,
      };
    }
    return { cause: "trap", message: text, where };
  }
  if (error instanceof RangeError && /[Mm]emory/.test(message)) return { cause: "out-of-memory", message, where };
  return { cause: error instanceof PluginMisuse ? "trap" : "exception", message, where };
}

/** The innermost function of the plugin on the stack of the error. */
function innermost(error: unknown, names: ReadonlyMap<number, string>): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const found = /wasm:\/\/wasm\/[^\s]*:wasm-function\[(\d+)\]/.exec(stack);
  if (!found) return undefined;
  const index = Number(found[1]);
  return names.get(index) ?? `function ${index}`;
}
