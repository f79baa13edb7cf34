// Finds the SDK's sources from the compiled tests, and compiles with its script where the compiler is to be had.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export const read = (path: string): Buffer => readFileSync(resolve(ROOT, path));

/** Debian's clang with linker and libc for WASI; the build script's own needs. */
export function hasCompiler(): boolean {
  const found = spawnSync("sh", ["-c", "clang --version && wasm-ld --version && test -f /usr/lib/wasm32-wasi/libc.a"]);
  return found.status === 0;
}

/** Runs with a folder of its own, which goes away. */
export function withScratch<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "emuscope-sdk-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Compiles with sdk/c/build into the folder. @throws Error with what the compiler said */
export function compile(source: string, folder: string, ...options: string[]): Buffer {
  const output = join(folder, `${basename(source, ".c")}.wasm`);
  const { status, stderr } = spawnSync(join(ROOT, "sdk/c/build"), [resolve(ROOT, source), "-o", output, ...options], {
    env: { ...process.env, EMUSCOPE_SDK_CACHE: join(ROOT, "dist/sdk-cache") },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return readFileSync(output);
}
