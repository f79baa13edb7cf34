// The part of Emuscope's interface that the example uses; src/probe/wasm/imports.ts has all of it. A function is added by
// one declaration: `i` there is an i32 here, `I` an i64.

@external("emuscope", "register_vcpu_tb_trans_cb")
export declare function register_vcpu_tb_trans_cb(id: u64, cb: u32, userdata: u32): void;
@external("emuscope", "register_atexit_cb")
export declare function register_atexit_cb(id: u64, cb: u32, userdata: u32): void;
@external("emuscope", "emu_register_results_cb")
export declare function emu_register_results_cb(id: u64, cb: u32, userdata: u32): void;
@external("emuscope", "tb_n_insns")
export declare function tb_n_insns(tb: u32): u32;
@external("emuscope", "tb_get_insn")
export declare function tb_get_insn(tb: u32, index: u32): u32;
@external("emuscope", "emu_insn_memory")
export declare function emu_insn_memory(insn: u32): u32;
@external("emuscope", "register_vcpu_mem_cb")
export declare function register_vcpu_mem_cb(insn: u32, cb: u32, flags: u32, rw: u32, userdata: u32): void;
@external("emuscope", "emu_hwaddr_device")
export declare function emu_hwaddr_device(): u32;
@external("emuscope", "emu_hwaddr_offset")
export declare function emu_hwaddr_offset(): u64;
@external("emuscope", "emu_device_name")
declare function emu_device_name(device: u32, buffer: usize, length: u32): i32;
@external("emuscope", "emu_result")
declare function emu_result(json: usize, length: u32): void;
@external("emuscope", "outs")
declare function outs(text: usize, length: u32): void;

export const NO_REGISTERS: u32 = 0;
export const WRITES: u32 = 2;
/** With a direction: only accesses to devices. */
export const DEVICES: u32 = 16;

const NAME_BYTES = 64;

export function deviceName(device: u32): string {
  const name = new ArrayBuffer(NAME_BYTES);
  const length = emu_device_name(device, changetype<usize>(name), NAME_BYTES);
  return String.UTF8.decodeUnsafe(changetype<usize>(name), max(0, min(length, NAME_BYTES - 1)));
}

export function setResult(json: string): void {
  const bytes = String.UTF8.encode(json);
  emu_result(changetype<usize>(bytes), bytes.byteLength);
}

export function print(text: string): void {
  const bytes = String.UTF8.encode(text);
  outs(changetype<usize>(bytes), bytes.byteLength);
}
