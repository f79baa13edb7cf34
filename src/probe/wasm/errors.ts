// Why a module is not accepted as a plugin. The code is stable; the message says what is wrong and what to do about it.

export type WasmPluginProblem =
  | "not-wasm"
  | "malformed"
  | "unsupported"
  | "missing-export"
  | "forbidden-import"
  | "wrong-version"
  | "memory"
  | "too-large"
  | "invalid";

export class WasmPluginError extends Error {
  readonly code: WasmPluginProblem;

  constructor(code: WasmPluginProblem, message: string) {
    super(message);
    this.name = "WasmPluginError";
    this.code = code;
  }
}
