// The Wasm modules every session's machine is made of, compiled once per process and shared by all its threads.
import { readFile } from "node:fs/promises";
import { compileModules } from "../machine/core.js";

let compiled: Promise<Record<string, WebAssembly.Module>> | undefined;

/** @throws Error when the build is incomplete (dist/core.wasm missing); tried again at the next call */
export function sessionModules(): Promise<Record<string, WebAssembly.Module>> {
  compiled ??= compile().catch((error: unknown) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

async function compile(): Promise<Record<string, WebAssembly.Module>> {
  return compileModules(await readFile(new URL("../../core.wasm", import.meta.url)));
}
