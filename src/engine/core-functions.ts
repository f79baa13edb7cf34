// Core functions generated code may call, with their types. The bodies are in src/core; a name that is missing
// there fails when a session instantiates its engine.
import type { FunctionType } from "../wasm/module.js";
import { I32, I64, type ValueType } from "../wasm/opcodes.js";

const f = (params: ValueType[], ...results: ValueType[]): FunctionType => ({ params, results });

const functions: Record<string, FunctionType> = {
  mulh: f([I64, I64], I64),
  mulhu: f([I64, I64], I64),
  mulhsu: f([I64, I64], I64),

  slow_load: f([I64, I32, I64], I64), //        vaddr, size, pc -> zero-extended value
  slow_store: f([I64, I64, I32, I64]), //       vaddr, value, size, pc
  amo_prepare: f([I64, I32, I64], I32), //      vaddr, size, pc -> host address, or 0: device (or trap)
  amo_io_read: f([], I64),
  amo_io_write: f([I64]),
  trace_amo: f([I64, I64]), //                  old value, new value
  load_reserved: f([I64, I32, I64], I64), //    vaddr, size, pc -> zero-extended value
  store_conditional: f([I64, I64, I32, I64], I32), // vaddr, value, size, pc -> 0 stored, 1 failed
  trace_fast: f([I32, I64, I64, I32, I32, I64]), // kind, vaddr, value, size, TLB entry, pc
  trace_fetch_slot: f([I64, I32]), //           pc, size
  probe_exec: f([I32, I64], I32), //            slot, pc -> 1: stop before the instruction
  probe_accesses: f([]),
  probe_call: f([I32, I32]), //                 op, number of the access
  probe_full: f([I32, I32], I32), //            op, buffer
  probe_passes: f([I32, I32], I32), //          guard, number of the access
  probe_runs: f([I32], I32), //                 guard
  lookup_code: f([I64], I32),
  fetch16: f([I64], I32),

  csr_access: f([I32, I32, I64, I32, I32, I32], I64),
  ecall: f([]),
  ebreak: f([I64]),
  illegal: f([I32]),
  mret: f([I32]),
  sret: f([I32]),
  wfi: f([I32]),
  sfence_vma: f([I64, I64, I32, I32, I32]),
  sfence_inval: f([I32]),
  fence_i: f([]),
  cbo_inval: f([I64, I32]),
  cbo_clean: f([I64, I32]),
  cbo_flush: f([I64, I32]),
  cbo_zero: f([I64, I32]),

  f64_to_f32: f([I64, I32], I32),
  f32_to_f64: f([I32], I64),
};
for (const [name, bits] of [
  ["f32", I32],
  ["f64", I64],
] as const) {
  for (const op of ["add", "sub", "mul", "div"]) functions[`${name}_${op}`] = f([bits, bits, I32], bits);
  functions[`${name}_sqrt`] = f([bits, I32], bits);
  functions[`${name}_fma`] = f([bits, bits, bits, I32], bits);
  for (const op of ["min", "max"]) functions[`${name}_${op}`] = f([bits, bits], bits);
  for (const op of ["eq", "lt", "le"]) functions[`${name}_${op}`] = f([bits, bits], I64);
  functions[`${name}_class`] = f([bits], I64);
  for (const integer of ["i32", "u32", "i64", "u64"]) {
    functions[`${name}_to_${integer}`] = f([bits, I32], I64);
    functions[`${integer}_to_${name}`] = f([I64, I32], bits);
  }
}

export const CORE_FUNCTIONS: Readonly<Record<string, FunctionType>> = functions;

/** Indexes of the core functions after importing all of them into a module. */
export function importCore(importFunction: (name: string, type: FunctionType) => number): Map<string, number> {
  const indexes = new Map<string, number>();
  for (const [name, type] of Object.entries(functions)) indexes.set(name, importFunction(name, type));
  return indexes;
}
