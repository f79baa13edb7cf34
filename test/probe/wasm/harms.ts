// What plugins that mean harm, or are broken, do: wherever a plugin is called, and what has to be reported of it.
import type { PluginFailure } from "../../../src/probe/manager-api.js";
import { DEFAULT_LIMITS } from "../../../src/probe/wasm/prepare.js";
import { type Parts, plugin } from "./modules.js";

/** Small, so that what never ends ends soon. */
export const LIMITS = { ...DEFAULT_LIMITS, burstFuel: 100_000, memoryBytes: 4 << 20 };

/** What a callback does wrong: instructions, and what is reported. */
export interface Harm {
  code: string;
  body?: string;
  imports?: string[];
  cause: PluginFailure["cause"];
  message: RegExp;
}

export const HARMS: Record<string, Harm> = {
  "loops for ever": { code: "(loop $again (br $again))", cause: "out-of-fuel", message: /longer than a call may/ },
  "calls itself for ever": {
    code: "(call $deeper)",
    body: "(func $deeper (call $deeper) (call $deeper))",
    cause: "stack-overflow",
    message: /nested too deeply/,
  },
  "goes back and forth by tail calls": {
    code: "(call $tick)",
    body: "(func $tick (return_call $tock)) (func $tock (return_call $tick))",
    cause: "out-of-fuel",
    message: /longer/,
  },
  "clears its memory again and again": {
    code: "(loop $again (memory.fill (i32.const 0) (i32.const 0) (i32.const 60000)) (br $again))",
    cause: "out-of-fuel",
    message: /longer/,
  },
  "takes memory until there is none": {
    code: "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
    cause: "out-of-memory",
    message: /all of its 4 MiB of memory are in use/,
  },
  traps: { code: "unreachable", cause: "trap", message: /unreachable: it gave up/ },
  "divides by zero": {
    code: "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
    cause: "trap",
    message: /divide by zero/,
  },
  "reads a wild pointer": {
    code: "(drop (i64.load (i32.const -16)))",
    cause: "trap",
    message: /outside its memory/,
  },
  "hands out a wild pointer": {
    imports: ["outs ii"],
    code: "(call $outs (i32.const -16) (i32.const 100))",
    cause: "trap",
    message: /100 bytes at 0xfffffff0 are not inside the plugin's memory of 0x10000 bytes/,
  },
  "hands out a range that wraps": {
    imports: ["read_memory_vaddr Iii>i"],
    code: "(drop (call $read_memory_vaddr (i64.const 0x80000000) (i32.const 8) (i32.const -1)))",
    cause: "trap",
    message: /not inside the plugin's memory/,
  },
  "calls a wrong function pointer": {
    code: "(call_indirect (param f64) (f64.const 0) (i32.const 1))",
    cause: "trap",
    message: /wrong function pointer/,
  },
  "calls no function": { code: "(call_indirect (i32.const 0))", cause: "trap", message: /wrong function pointer/ },
  "registers what is no function": {
    imports: ["register_vcpu_idle_cb Iii"],
    code: "(call $register_vcpu_idle_cb (i64.const 0) (i32.const 12345) (i32.const 0))",
    cause: "trap",
    message: /register_vcpu_idle_cb: 12345 is not a function/,
  },
  "gives results that are no JSON": {
    imports: ["emu_result ii"],
    code: "(call $emu_result (i32.const 0) (i32.const 3))",
    cause: "trap",
    message: /not JSON/,
  },
  "asks for the pc without the right": {
    imports: ["set_pc I"],
    code: "(call $set_pc (i64.const 0))",
    cause: "trap",
    message: /set_pc can be called/,
  },
  "floods the host with calls": {
    imports: ["num_vcpus >i"],
    code: "(loop $again (drop (call $num_vcpus)) (br $again))",
    cause: "out-of-fuel",
    message: /longer/,
  },
  "has the host copy great ranges": {
    imports: ["write_memory_hwaddr Iii>i"],
    code: "(loop $again (drop (call $write_memory_hwaddr (i64.const 0) (i32.const 0) (i32.const 65536))) (br $again))",
    cause: "out-of-fuel",
    message: /longer/,
  },
};

/** Where the harm is done, and what comes before it. */
export const PLACES: Record<string, { where: RegExp; parts: (harm: string) => Parts }> = {
  "a block's callback": {
    where: /^callback, in /,
    parts: (harm) => ({
      imports: ["register_vcpu_tb_trans_cb Iii", "register_vcpu_tb_exec_cb iiii"],
      table: ["trans", "exec"],
      install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
      body: `
        (global $left (mut i32) (i32.const 700))
        (func $trans (param i64 i32) (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0)))
        (func $exec (param i32 i32)
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (if (i32.eqz (global.get $left)) (then ${harm})))`,
    }),
  },
  "an access's callback": {
    where: /^callback, in /,
    parts: (harm) => ({
      imports: ["register_vcpu_tb_trans_cb Iii", "tb_n_insns i>i", "tb_get_insn ii>i", "register_vcpu_mem_cb iiiii"],
      table: ["trans", "access"],
      install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
      body: `
        (global $left (mut i32) (i32.const 700))
        (func $trans (param i64 i32) (local $n i32)
          (local.set $n (call $tb_n_insns (local.get 1)))
          (loop $each
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (call $register_vcpu_mem_cb (call $tb_get_insn (local.get 1) (local.get $n)) (i32.const 2) (i32.const 0) (i32.const 3) (i32.const 0))
            (br_if $each (local.get $n))))
        (func $access (param i32 i32 i64 i32)
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (if (i32.eqz (global.get $left)) (then ${harm})))`,
    }),
  },
  translation: {
    where: /^tb_trans callback, in /,
    parts: (harm) => ({
      imports: ["register_vcpu_tb_trans_cb Iii", "register_vcpu_tb_exec_cb iiii"],
      table: ["trans", "exec"],
      install: "(call $register_vcpu_tb_trans_cb (local.get $id) (i32.const 1) (i32.const 0))",
      body: `
        (global $left (mut i32) (i32.const 5))
        (func $trans (param i64 i32)
          (call $register_vcpu_tb_exec_cb (local.get 1) (i32.const 2) (i32.const 0) (i32.const 0))
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (if (i32.eqz (global.get $left)) (then ${harm})))
        (func $exec (param i32 i32))`,
    }),
  },
  "an event's callback": {
    where: /^vcpu_init callback|^init callback, in /,
    parts: (harm) => ({
      imports: ["register_vcpu_init_cb Iii"],
      table: ["init"],
      install: "(call $register_vcpu_init_cb (local.get $id) (i32.const 1) (i32.const 0))",
      body: `(func $init (param i64 i32) ${harm})`,
    }),
  },
};

export function source(place: (typeof PLACES)[string], { code, body = "", imports = [] }: Harm): Uint8Array {
  const parts = place.parts(code);
  return plugin({
    ...parts,
    imports: [...new Set([...(parts.imports ?? []), ...imports])],
    body: `(data (i32.const 0) "no json") ${parts.body} ${body}`,
  });
}
