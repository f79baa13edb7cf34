// Plugins written as WebAssembly text for tests: `plugin` adds what every plugin has to the parts that matter.
import wabt from "wabt";

const tools = await wabt();

/** Text to binary. */
export function assemble(text: string): Uint8Array<ArrayBuffer> {
  const module = tools.parseWat("test.wat", text, {
    bulk_memory: true,
    reference_types: true,
    simd: true,
    tail_call: true,
    threads: true,
    exceptions: true,
    multi_value: true,
    sign_extension: true,
    sat_float_to_int: true,
    mutable_globals: true,
  });
  const { buffer } = module.toBinary({ write_debug_names: true });
  module.destroy();
  return new Uint8Array(buffer);
}

const SIGNATURES = { i: "i32", I: "i64" } as const;

/** `outs ii` is an import of that signature; `emu_x >I` one without parameters. */
function importText(line: string, module = "emuscope"): string {
  const [name = "", signature = ""] = line.split(" ");
  const [params = "", result = ""] = signature.split(">");
  const spell = (letters: string) => [...letters].map((letter) => SIGNATURES[letter as "i" | "I"]).join(" ");
  const types = `${params ? `(param ${spell(params)})` : ""}${result ? `(result ${spell(result)})` : ""}`;
  return `(import "${module}" "${name}" (func $${name === "proc_exit" ? "exit" : name} ${types}))`;
}

export interface Parts {
  /** Such as `outs ii` (see importText). */
  imports?: readonly string[];
  /** The same of WASI. */
  wasi?: readonly string[];
  /** Functions, globals and so on. */
  body?: string;
  /** Names of functions in the table, from 1 on. */
  table?: readonly string[];
  /** Instructions of install, which returns 0 then. */
  install?: string;
  memory?: string;
  version?: number;
}

export function pluginText({
  imports = [],
  wasi = [],
  body = "",
  table = [],
  install = "",
  memory = "1",
  version = 6,
}: Parts): string {
  return `(module
    ${imports.map((line) => importText(line)).join("\n")}
    ${wasi.map((line) => importText(line, "wasi_snapshot_preview1")).join("\n")}
    (memory (export "memory") ${memory})
    (table $functions ${table.length + 1} funcref)
    (elem (i32.const 1) ${table.map((name) => `$${name}`).join(" ")})
    (global $free (mut i32) (i32.const 0x8000))
    (global (export "emuscope_plugin_version") i32 (i32.const ${version}))
    (func (export "emu_alloc") (param $bytes i32) (result i32)
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get $bytes) (i32.const 15)) (i32.const -16)))))
    (func $install (export "qemu_plugin_install") (param $id i64) (param $info i32) (param $argc i32) (param $argv i32) (result i32)
      ${install}
      (i32.const 0))
    ${body}
  )`;
}

export const plugin = (parts: Parts): Uint8Array<ArrayBuffer> => assemble(pluginText(parts));
