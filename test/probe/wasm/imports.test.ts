// The list of imports against QEMU's interface: each of its functions is served by some, or by the C shim alone.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeImports } from "../../../src/probe/wasm/host-functions.js";
import { IMPORTS, SHIM_ONLY } from "../../../src/probe/wasm/imports.js";
import { FakeEngineHost } from "./fake-engine-host.js";
import { plugin } from "./modules.js";

/** Of the header of version 6, with version 7's set_pc. */
const QEMU = `
  uninstall reset register_vcpu_init_cb register_vcpu_exit_cb register_vcpu_idle_cb register_vcpu_resume_cb
  register_vcpu_discon_cb register_vcpu_tb_trans_cb register_vcpu_tb_exec_cb register_vcpu_tb_exec_cond_cb
  register_vcpu_tb_exec_inline_per_vcpu register_vcpu_insn_exec_cb register_vcpu_insn_exec_cond_cb
  register_vcpu_insn_exec_inline_per_vcpu register_vcpu_mem_cb register_vcpu_mem_inline_per_vcpu register_vcpu_syscall_cb
  register_vcpu_syscall_ret_cb register_vcpu_syscall_filter_cb register_flush_cb register_atexit_cb tb_n_insns tb_vaddr
  tb_get_insn insn_data insn_size insn_vaddr insn_haddr insn_disas insn_symbol mem_size_shift mem_is_sign_extended
  mem_is_big_endian mem_is_store mem_get_value get_hwaddr hwaddr_is_io hwaddr_phys_addr hwaddr_device_name translate_vaddr
  read_memory_vaddr write_memory_vaddr read_memory_hwaddr write_memory_hwaddr get_registers read_register write_register
  scoreboard_new scoreboard_free scoreboard_find u64_add u64_get u64_set u64_sum vcpu_for_each num_vcpus
  request_time_control update_ns outs bool_parse path_to_binary start_code end_code entry_code set_pc`
  .trim()
  .split(/\s+/);

test("every function of QEMU's interface is served", () => {
  const served = new Set([...Object.values(IMPORTS).flatMap(({ serves }) => serves), ...Object.keys(SHIM_ONLY)]);
  assert.deepEqual([...served].sort(), [...QEMU].sort());
});

test("imports are named like what they serve, others begin with emu_", () => {
  for (const [name, { serves }] of Object.entries(IMPORTS)) {
    assert.ok(name.startsWith("emu_") || serves.includes(name), name);
  }
});

test("each import is answered by the host or the core, as the table says", () => {
  const host = new FakeEngineHost();
  const functions = makeImports(host.upload(plugin({})));
  for (const [name, { by, params }] of Object.entries(IMPORTS)) {
    assert.equal(name in functions, by === "host", name);
    assert.equal(name in host.coreImports, by === "core", name);
    if (by === "core") assert.equal(params, "", name);
    else assert.ok((functions[name] as (...args: never[]) => unknown).length <= params.length, name);
  }
  assert.deepEqual(
    Object.keys(functions).filter((name) => !(name in IMPORTS)),
    [],
  );
});

/** docs/plugin-imports.md, from the table. */
function page(): string {
  const types = { i: "i32", I: "i64" } as const;
  const spell = (letters: string) => [...letters].map((letter) => types[letter as "i" | "I"]).join(", ");
  const rows = Object.entries(IMPORTS).map(([name, { params, result, by, meaning, serves }]) => {
    const signature = `(${spell(params)})${result ? ` → ${spell(result)}` : ""}`;
    return `| \`${name}\` | ${signature} | ${meaning.replaceAll("|", "\\|")} | ${serves.join(", ")}${by === "core" ? " *" : ""} |`;
  });
  return `# Imports of WebAssembly plugins

Module \`emuscope\`; made from \`src/probe/wasm/imports.ts\`, whose comments say how functions, handles, strings and counters are passed.
The last column names the functions of QEMU's interface (without prefix) that \`sdk/c\` makes of it; with an asterisk, it is answered
by the core with no JavaScript in between.

| import | type | meaning | serves |
|---|---|---|---|
${rows.join("\n")}
`;
}

test("docs/plugin-imports.md is the table", () => {
  const path = fileURLToPath(new URL("../../../../docs/plugin-imports.md", import.meta.url));
  if (process.env["UPDATE_DOCS"]) writeFileSync(path, page());
  assert.equal(readFileSync(path, "utf8"), page(), "run this test with UPDATE_DOCS=1 and look at what changed");
});
