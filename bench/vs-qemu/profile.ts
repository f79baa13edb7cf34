// Where Emuscope's time goes: V8's sampling profiler, run between the markers in the measuring process, with the modules
// given names so that their functions can be told apart. For names of the core's functions put a build of it with
// `--debug` at dist/core.named.wasm.
import { existsSync, readFileSync } from "node:fs";
import { Session } from "node:inspector";
import { HANDLERS } from "../../src/engine/handlers.js";
import { generateInterpreter } from "../../src/engine/interpreter.js";
import { type MachineModules, VARIANTS, type VariantName } from "../../src/machine/core.js";

export interface Profile {
  /** Of all samples. */
  seconds: number;
  /** Per cent of the time, by part. */
  parts: Record<string, number>;
  /** Per cent of the time by function, largest first. */
  functions: Record<string, number>;
}

const SAMPLE_US = 500;
const MAX_FUNCTIONS = 40;
/** Functions of the interpreter's module in front of its handlers, in the order of its `buildPlumbing`. */
const PLUMBING =
  "stop trap illegal checked count hotDispatch afterSlow resolve jump jumpUncounted enter pageEnd straddle decode".split(
    " ",
  );
const utf8 = new TextEncoder();

/** As compileModules makes them, with names. */
export async function compileNamedModules(coreUrl: URL): Promise<MachineModules> {
  const named = new URL("core.named.wasm", coreUrl);
  const core = readFileSync(existsSync(named) ? named : coreUrl);
  const modules: Record<string, WebAssembly.Module> = { core: await WebAssembly.compile(withNames(core, "core")) };
  for (const variant of Object.keys(VARIANTS) as VariantName[]) {
    const bytes = generateInterpreter(VARIANTS[variant]);
    const handlers = HANDLERS.map((h) => `${h.instruction.name}.${h.length}.${h.reach}`);
    const names = [...PLUMBING, ...handlers];
    modules[variant] = await WebAssembly.compile(withNames(bytes, `interpreter-${variant}`, names));
  }
  return modules as MachineModules;
}

/** Starts sampling; the returned function ends it. */
export function startProfile(): () => Profile {
  const session = new Session();
  session.connect();
  // the callbacks of a session with one's own thread run before post() returns
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  session.post("Profiler.start");
  return () => {
    let summary: Profile | undefined;
    session.post("Profiler.stop", (error, { profile }) => {
      if (error) throw error;
      const microseconds = new Map<number, number>();
      profile.samples?.forEach((id, i) => {
        microseconds.set(id, (microseconds.get(id) ?? 0) + (profile.timeDeltas?.[i] ?? 0));
      });
      const total = [...microseconds.values()].reduce((sum, value) => sum + value, 0);
      const parts = new Map<string, number>();
      const functions = new Map<string, number>();
      for (const { id, callFrame } of profile.nodes) {
        const share = (100 * (microseconds.get(id) ?? 0)) / total;
        const part = partOf(callFrame.url, callFrame.functionName);
        const name = `${part}: ${callFrame.functionName}${part === "regions" ? ` of ${callFrame.url.slice(-8)}` : ""}`;
        parts.set(part, (parts.get(part) ?? 0) + share);
        functions.set(name, (functions.get(name) ?? 0) + share);
      }
      summary = { seconds: total / 1e6, parts: ranked(parts), functions: ranked(functions) };
    });
    session.disconnect();
    return summary as Profile;
  };
}

function partOf(url: string, name: string): string {
  if (url.startsWith("wasm://wasm/core")) return "core";
  if (url.startsWith("wasm://wasm/interpreter")) return "interpreter";
  if (url.startsWith("wasm:")) return "regions";
  if (name === "Module" || name === "Instance") return "V8 compiles";
  if (/\/src\/(engine|isa|wasm)\//.test(url)) return "compiler";
  if (/\/src\/(devices|bus|machine)\//.test(url)) return "devices";
  return name.startsWith("(") ? name : "other JavaScript";
}

function ranked(shares: Map<string, number>): Record<string, number> {
  const sorted = [...shares].filter(([, share]) => share >= 0.1).sort((a, b) => b[1] - a[1]);
  return Object.fromEntries(sorted.slice(0, MAX_FUNCTIONS).map(([name, share]) => [name, Number(share.toFixed(1))]));
}

/** `last`: names of the module's last functions; without them the names it has are kept. */
function withNames(bytes: Uint8Array, name: string, last?: readonly string[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  let functions: Uint8Array | undefined;
  let count = 0;
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at] as number;
    const [size, start] = leb(bytes, at + 1);
    const section = bytes.subarray(start, start + size);
    if (id === 2) count += functionImports(section);
    if (id === 3) count += leb(section, 0)[0];
    const kept = id === 0 ? nameSection(section) : undefined;
    if (kept) functions = kept;
    else parts.push(bytes.subarray(at, start + size));
    at = start + size;
  }
  if (last) {
    const entries = last.map((text, i) => [...toLeb(count - last.length + i), ...counted(utf8.encode(text))]);
    functions = Uint8Array.from([1, ...counted([...toLeb(entries.length), ...entries.flat()])]);
  }
  const module = [0, ...counted(counted(utf8.encode(name)))];
  const body = [...counted(utf8.encode("name")), ...module, ...(functions ?? [])];
  return Buffer.concat([...parts, Uint8Array.from([0, ...counted(body)])]) as unknown as Uint8Array<ArrayBuffer>;
}

/** The subsections of a name section, the module's own name left out; undefined for another custom section. */
function nameSection(section: Uint8Array): Uint8Array | undefined {
  if (Buffer.from(section.subarray(1, 5)).toString() !== "name") return undefined;
  let at = 5;
  if (section[at] === 0) {
    const [size, start] = leb(section, at + 1);
    at = start + size;
  }
  return section.subarray(at);
}

function functionImports(section: Uint8Array): number {
  let [left, at] = leb(section, 0);
  let functions = 0;
  for (; left > 0; left--) {
    for (let text = 0; text < 2; text++) {
      const [length, start] = leb(section, at);
      at = start + length;
    }
    const kind = section[at++];
    if (kind === 1) at++; // type of a table's elements
    if (kind === 0) {
      functions++;
      at = leb(section, at)[1];
    } else {
      const flags = section[at++] as number;
      for (let limit = 0; limit <= (flags & 1); limit++) at = leb(section, at)[1];
    }
  }
  return functions;
}

/** Value and where the next byte is. */
function leb(bytes: Uint8Array, at: number): [number, number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value >>> 0, at];
  }
}
function toLeb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...toLeb(value >>> 7)];
}
function counted(bytes: ArrayLike<number>): number[] {
  return [...toLeb(bytes.length), ...Array.from(bytes)];
}
