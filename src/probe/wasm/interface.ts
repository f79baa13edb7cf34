// Whether a module is a plugin: the exports it must have, the imports it may have, and the interface version it names.

import { WasmPluginError } from "./errors.js";
import { EXPORTS, IMPORT_MODULE, IMPORTS, NEWEST_VERSION, OLDEST_VERSION } from "./imports.js";
import { LETTER_TYPES, signatureText } from "./letters.js";
import type { Import, ParsedModule, Signature } from "./sections.js";
import { WASI_FUNCTIONS, WASI_MODULE } from "./wasi-functions.js";

export interface PluginContract {
  version: number;
  allocator: string;
  imports: string[];
  wasi: string[];
}

const SDK = "See sdk/c for headers and a build script.";

/** @throws WasmPluginError */
export function checkInterface(parsed: ParsedModule): PluginContract {
  const imports: string[] = [];
  const wasi: string[] = [];
  for (const wanted of parsed.imports) {
    checkImport(wanted, parsed);
    (wanted.module === IMPORT_MODULE ? imports : wasi).push(wanted.name);
  }
  for (const { name } of parsed.exports) {
    if (name.startsWith("emuscope:")) {
      throw new WasmPluginError("forbidden-import", `The export ${name} has a name that is kept for the host.`);
    }
  }
  if (parsed.memories.length === 0) throw missing("memory", "the module has no memory of its own");
  if (parsed.memories.length > 1) throw new WasmPluginError("memory", "The module has more than one memory.");
  requireFunction(parsed, EXPORTS.install, "Iiii>i", `every plugin has this function. ${SDK}`);
  const allocator = EXPORTS.allocators.find((name) => parsed.exports.some((found) => found.name === name));
  if (!allocator) {
    throw missing(
      EXPORTS.allocators.join(" or "),
      "the host puts arguments where it says; with clang: -Wl,--export=malloc",
    );
  }
  requireFunction(parsed, allocator, "i>i", "it takes a number of bytes and returns an address");
  if (parsed.exports.some(({ name }) => name === EXPORTS.initialize)) {
    requireFunction(parsed, EXPORTS.initialize, ">", "it is what a reactor (clang: -mexec-model=reactor) begins with");
  } else if (parsed.exports.some(({ name }) => name === "_start")) {
    throw missing(EXPORTS.initialize, "the module is a command; link it with -mexec-model=reactor");
  }
  return { version: checkVersion(parsed), allocator, imports, wasi };
}

function checkImport({ module, name, kind, type }: Import, parsed: ParsedModule): void {
  const forbid = (why: string): never => {
    throw new WasmPluginError("forbidden-import", `The module imports ${kind} ${name} of ${module}: ${why}`);
  };
  if (kind !== "function") {
    forbid(
      kind === "memory" || kind === "table"
        ? `a plugin brings its own ${kind} (clang: leave out --import-${kind}).`
        : "only functions can be imported; do not link with -shared or -fPIC.",
    );
  }
  const signature = parsed.types[type] as Signature;
  if (module === IMPORT_MODULE) {
    const known = Object.hasOwn(IMPORTS, name) ? IMPORTS[name] : undefined;
    if (!known) return forbid(`there is no such function. ${SDK}`);
    const expected = `${known.params}>${known.result}`;
    if (!matches(signature, expected)) forbid(`it has the type ${signatureText(expected)}.`);
  } else if (module === WASI_MODULE) {
    const expected = Object.hasOwn(WASI_FUNCTIONS, name) ? WASI_FUNCTIONS[name] : undefined;
    if (expected === undefined) return forbid("plugins have no use for it, or must not have one.");
    if (!matches(signature, expected)) forbid(`it has the type ${signatureText(expected)}.`);
  } else if (name.startsWith("qemu_plugin_")) {
    forbid(`link sdk/c's shim, which makes QEMU's functions from those of module ${IMPORT_MODULE}.`);
  } else if (module === "env") {
    forbid("the linker did not find it. Link the library that has it, and not with --allow-undefined.");
  } else {
    forbid(`plugins can import ${IMPORT_MODULE} and parts of ${WASI_MODULE} only.`);
  }
}

function matches({ params, results }: Signature, letters: string): boolean {
  const [expectedParams = "", expectedResults = ""] = letters.split(">");
  const same = (types: readonly string[], expected: string): boolean =>
    types.length === expected.length && types.every((type, i) => type === LETTER_TYPES[expected[i] as string]);
  return same(params, expectedParams) && same(results, expectedResults);
}

function missing(name: string, why: string): WasmPluginError {
  return new WasmPluginError("missing-export", `The module does not export ${name}: ${why}.`.replace("..", "."));
}

function requireFunction(parsed: ParsedModule, name: string, letters: string, why: string): void {
  const found = parsed.exports.find((candidate) => candidate.name === name);
  if (!found) throw missing(name, why);
  const signature = found.kind === "function" ? functionSignature(parsed, found.index) : undefined;
  if (!signature || !matches(signature, letters)) {
    throw new WasmPluginError(
      "missing-export",
      `The export ${name} is not a function of type ${signatureText(letters)}.`,
    );
  }
}

function functionSignature(parsed: ParsedModule, index: number): Signature | undefined {
  const imported = parsed.imports.filter(({ kind }) => kind === "function");
  const type = index < imported.length ? imported[index]?.type : parsed.functions[index - imported.length];
  return type === undefined ? undefined : parsed.types[type];
}

function checkVersion(parsed: ParsedModule): number {
  const version = readVersion(parsed);
  if (version === undefined) {
    throw missing(
      EXPORTS.version,
      `it says which version of QEMU's plugin interface the plugin was written for; with clang: -Wl,--export=${EXPORTS.version}. Plugins without data symbols export ${EXPORTS.nativeVersion} instead, the number itself`,
    );
  }
  if (version < OLDEST_VERSION || version > NEWEST_VERSION) {
    throw new WasmPluginError(
      "wrong-version",
      `The plugin was written for version ${version} of the interface; ${OLDEST_VERSION} to ${NEWEST_VERSION} are known. ${SDK}`,
    );
  }
  return version;
}

/** Known without running it: constants, and the data segment that covers a symbol. */
function readVersion(parsed: ParsedModule): number | undefined {
  const native = parsed.exports.find(({ name }) => name === EXPORTS.nativeVersion);
  if (native) {
    if (native.kind === "global") return globalValue(parsed, native.index);
    if (native.kind === "function") return constantFunction(parsed, native.index);
  }
  const symbol = parsed.exports.find(({ name, kind }) => name === EXPORTS.version && kind === "global");
  const address = symbol && globalValue(parsed, symbol.index);
  if (address === undefined) return undefined;
  let value = 0;
  for (const { address: start, bytes } of parsed.data) {
    const at = start === undefined ? -1 : address - start;
    if (at >= 0 && at + 4 <= bytes.length)
      value = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getInt32(0, true);
  }
  return value;
}

function globalValue(parsed: ParsedModule, index: number): number | undefined {
  const entry = parsed.globals[index - parsed.importedGlobals];
  return entry?.type === "i32" ? entry.value : undefined;
}

/** Body of a function that does nothing but return a small constant: no locals, `i32.const n`, `end`. */
function constantFunction(parsed: ParsedModule, index: number): number | undefined {
  const code = parsed.code[index - parsed.importedFunctions];
  if (!code) return undefined;
  const body = parsed.bytes.subarray(code.from, code.to);
  const value = body[2];
  const plain = body.length === 4 && body[0] === 0 && body[1] === 0x41 && body[3] === 0x0b;
  return plain && value !== undefined && value < 0x40 ? value : undefined;
}
