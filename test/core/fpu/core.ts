// The compiled core with nothing around it: every import but memory and table is a stub, which is enough for
// functions that only compute.

import { readFileSync } from "node:fs";
import { FFLAGS } from "../../../src/core/layout.js";

type Word = number | bigint;

/** Exports of the core by name, and the flags they accrue. */
export interface BareCore {
  readonly call: (name: string, ...operands: readonly Word[]) => Word;
  readonly function: (name: string) => (...operands: readonly Word[]) => Word;
  flags: number;
}

/**
 * Instantiates a core.
 * @param file the module; FPU_WASM, if set, names another one (a part compiled alone)
 */
export function loadCore(file = process.env["FPU_WASM"] ?? new URL("../../../core.wasm", import.meta.url)): BareCore {
  const module = new WebAssembly.Module(readFileSync(file));
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
  const env: Record<string, WebAssembly.ImportValue> = {};
  for (const { name, kind } of WebAssembly.Module.imports(module)) {
    if (kind === "memory") env[name] = memory;
    else if (kind === "table") env[name] = new WebAssembly.Table({ element: "anyfunc", initial: 1024 });
    else if (kind === "global") env[name] = new WebAssembly.Global({ value: "i32" }, 0);
    else {
      env[name] = () => {
        throw new Error(`import ${name} called`);
      };
    }
  }
  const { exports } = new WebAssembly.Instance(module, { env });
  const flags = new Uint32Array(memory.buffer, FFLAGS, 1);
  const find = (name: string): ((...operands: readonly Word[]) => Word) => {
    const f = exports[name];
    if (typeof f !== "function") throw new Error(`no export ${name}`);
    return f as (...operands: readonly Word[]) => Word;
  };
  return {
    function: find,
    call: (name, ...operands) => find(name)(...operands),
    get flags() {
      return flags[0] ?? 0;
    },
    set flags(value: number) {
      flags[0] = value;
    },
  };
}
