// What a Wasm plugin may import of module `emuscope`, the ABI of uploaded plugins: QEMU's plugin functions without their
// prefix where a host is needed for them, and `emu_` functions for what QEMU has not. All that can be done inside the
// plugin's own memory (scoreboards, decoding of info words, arrays and strings) is the C shim's work (sdk/c), so the list is
// flat: integers, and pointers with a length. The table is the only definition; checks, the instance and docs read it.
//
// Conventions. Functions of the plugin are passed as indexes of its table, 0 removing a registration. Handles are non-zero;
// stale and forged ones are answered with 0. A string result is written into (buffer, length) with a NUL behind it, cut
// where it does not fit; the call returns its whole length without NUL, or -1 where there is none. Arrays of u64 per hart
// are given as (address of hart 0's, stride in bytes), stride 0 for one that all harts share.

/** One letter for each parameter: `i` i32 (also pointers, sizes, booleans), `I` i64. */
export interface WasmImport {
  params: string;
  result: "" | "i" | "I";
  /** `core` ones are exports of the machine's core, called with no JavaScript in between. */
  by: "host" | "core";
  /** Names of the parameters, then what it does. */
  meaning: string;
  /** QEMU functions that are made from it, without prefix. */
  serves: readonly string[];
}

function host(signature: string, meaning: string, ...serves: string[]): WasmImport {
  return entry("host", signature, meaning, serves);
}

function core(signature: string, meaning: string, ...serves: string[]): WasmImport {
  return entry("core", signature, meaning, serves);
}

function entry(by: "host" | "core", signature: string, meaning: string, serves: string[]): WasmImport {
  const [params = "", result = ""] = signature.split(">");
  return { params, result: result as "" | "i" | "I", by, meaning, serves };
}

export const IMPORT_MODULE = "emuscope";

export const IMPORTS: Readonly<Record<string, WasmImport>> = {
  // Lifecycle and events. Callbacks may have QEMU's form up to v6 or, where one is given, that of v7.
  uninstall: host(
    "Iii",
    "(id, cb, userdata) detaches the plugin once the callback in hand has returned; cb(id i64) or cb(userdata i32) then",
    "uninstall",
  ),
  reset: host(
    "Iii",
    "(id, cb, userdata) drops all its registrations and probes once the callback in hand has returned; cb as of uninstall",
    "reset",
  ),
  register_vcpu_init_cb: host(
    "Iii",
    "(id, cb, userdata) cb(id i64, vcpu i32) or cb(vcpu i32, userdata i32), for each hart right after install and after a machine reset",
    "register_vcpu_init_cb",
  ),
  register_vcpu_exit_cb: host(
    "Iii",
    "(id, cb, userdata) cb as of init; at power-off or detach",
    "register_vcpu_exit_cb",
  ),
  register_vcpu_idle_cb: host("Iii", "(id, cb, userdata) cb as of init; the hart waits", "register_vcpu_idle_cb"),
  register_vcpu_resume_cb: host("Iii", "(id, cb, userdata) cb as of init; it goes on", "register_vcpu_resume_cb"),
  register_vcpu_discon_cb: host(
    "Iiii",
    "(id, types, cb, userdata) types: 1 interrupt, 2 exception, 4 host call; cb(id i64, vcpu i32, type i32, from i64, to i64), the same with userdata i32 behind, or that without id",
    "register_vcpu_discon_cb",
  ),
  register_vcpu_tb_trans_cb: host(
    "Iii",
    "(id, cb, userdata) cb(id i64, tb i32) or cb(tb i32, userdata i32)",
    "register_vcpu_tb_trans_cb",
  ),
  register_flush_cb: host(
    "Iii",
    "(id, cb, userdata) cb(id i64) or cb(userdata i32): all blocks dropped",
    "register_flush_cb",
  ),
  register_atexit_cb: host(
    "Iii",
    "(id, cb, userdata) cb(id i64, userdata i32): power-off or detach",
    "register_atexit_cb",
  ),
  emu_register_reset_cb: host("Iii", "(id, cb, userdata) cb(userdata i32): the machine was reset"),
  emu_register_results_cb: host(
    "Iii",
    "(id, cb, userdata) cb(userdata i32): results are wanted now; answer with emu_result, emu_file, outs",
  ),
  emu_register_tlb_fill_cb: host(
    "Iii",
    "(id, cb, userdata) cb(vcpu i32, vaddr i64, paddr i64, page_bits i32, mmu_index i32, userdata i32)",
  ),
  emu_register_tlb_flush_cb: host(
    "Iii",
    "(id, cb, userdata) cb(vcpu i32, scope i32, vaddr i64, asid i32, userdata i32); scope: 0 all, 1 index, 2 page, 3 asid, 4 topology",
  ),
  emu_register_satp_cb: host("Iii", "(id, cb, userdata) cb(vcpu i32, old i64, value i64, userdata i32)"),
  emu_register_topology_cb: host("Iii", "(id, cb, userdata) cb(generation i32, userdata i32): the memory tree changed"),
  emu_register_walk_cb: host(
    "Iii",
    "(id, cb, userdata) cb(vcpu i32, info i32, vaddr i64, userdata i32): a page walk read or updated an entry; vaddr is what is translated, hwaddr_* and mem_get_value are the entry's",
  ),
  emu_register_dma_cb: host(
    "Iii",
    "(id, cb, userdata) cb(vcpu i32, info i32, paddr i64, userdata i32): a device read or wrote memory; hwaddr_* as in memory callbacks",
  ),

  // Blocks and instructions; handles are valid while the block is being translated.
  tb_n_insns: host("i>i", "(tb)", "tb_n_insns"),
  tb_vaddr: host("i>I", "(tb)", "tb_vaddr"),
  emu_tb_paddr: host("i>I", "(tb)"),
  tb_get_insn: host("ii>i", "(tb, index) 0 past the end", "tb_get_insn"),
  insn_data: host("iii>i", "(insn, dest, length) copies its bytes; returns how many", "insn_data"),
  insn_size: host("i>i", "(insn)", "insn_size"),
  insn_vaddr: host("i>I", "(insn)", "insn_vaddr"),
  emu_insn_paddr: host("i>I", "(insn) the low half serves as the pointer that stands for where it lies", "insn_haddr"),
  insn_disas: host(
    "iii>i",
    "(insn, buffer, length) string, as QEMU's disassembler writes it; for plugins of version 1 in the way of QEMU 7.2, with the instruction's bits in front, for others in that of 10.0",
    "insn_disas",
  ),
  emu_version_1: host("", "does nothing; whoever imports it is taken for a plugin of version 1, whatever it claims"),
  insn_symbol: host(
    "iii>i",
    "(insn, buffer, length) string: the function it is in; emu_symbol knows labels of assembly and data as well",
    "insn_symbol",
  ),
  emu_insn_mnemonic: host("iii>i", "(insn, buffer, length) string"),
  emu_insn_memory: host("i>i", "(insn) 0 none, 1 load, 2 store, 3 atomic"),
  emu_insn_flow: host("i>i", "(insn) 0 goes on behind it, 1 branch, 2 direct jump, 3 indirect jump, 4 system"),
  emu_insn_target: host("i>I", "(insn) destination of a branch or direct jump, else 0"),

  // Probes. cb(vcpu i32, udata i32); flags: 0 no registers, 1 read, 2 read and write (3: and pc); cond: 0 never, 1 always,
  // 2 eq, 3 ne, 4 lt, 5 le, 6 gt, 7 ge, unsigned; op: 0 add, 1 store.
  register_vcpu_tb_exec_cb: host("iiii", "(tb, cb, flags, udata)", "register_vcpu_tb_exec_cb"),
  register_vcpu_tb_exec_cond_cb: host(
    "iiiiiiIi",
    "(tb, cb, flags, cond, address, stride, imm, udata) u64 at address + vcpu * stride against imm",
    "register_vcpu_tb_exec_cond_cb",
  ),
  register_vcpu_tb_exec_inline_per_vcpu: host(
    "iiiiI",
    "(tb, op, address, stride, imm)",
    "register_vcpu_tb_exec_inline_per_vcpu",
  ),
  register_vcpu_insn_exec_cb: host("iiii", "(insn, cb, flags, udata)", "register_vcpu_insn_exec_cb"),
  register_vcpu_insn_exec_cond_cb: host(
    "iiiiiiIi",
    "(insn, cb, flags, cond, address, stride, imm, udata)",
    "register_vcpu_insn_exec_cond_cb",
  ),
  register_vcpu_insn_exec_inline_per_vcpu: host(
    "iiiiI",
    "(insn, op, address, stride, imm)",
    "register_vcpu_insn_exec_inline_per_vcpu",
  ),
  register_vcpu_mem_cb: host(
    "iiiii",
    "(insn, cb, flags, rw, udata) cb(vcpu i32, info i32, vaddr i64, udata i32); rw: 1 reads, 2 writes, 3 both, + 16 only those of devices. info: bits 0-3 log2 of bytes, 4 sign-extended, 5 big endian, 6 write, 8-11 kind (0 load, 1 store, 2 atomic's read, 3 atomic's write, 5 walk's read, 6 walk's write, 7 DMA read, 8 DMA write)",
    "register_vcpu_mem_cb",
    "mem_size_shift",
    "mem_is_sign_extended",
    "mem_is_big_endian",
    "mem_is_store",
  ),
  emu_register_vcpu_mem_cond_cb: host(
    "iiiiiiiIi",
    "(insn, cb, flags, rw, cond, address, stride, imm, udata) conditional memory callback",
  ),
  register_vcpu_mem_inline_per_vcpu: host(
    "iiiiiI",
    "(insn, rw, op, address, stride, imm)",
    "register_vcpu_mem_inline_per_vcpu",
  ),
  scoreboard_free: host(
    "ii",
    "(address, bytes) the array must not be touched by probes any more; its memory is the plugin's own",
    "scoreboard_free",
  ),

  // Event buffers: probes append 16-byte entries {u32 tag, u32 hart | size << 8 | kind << 16, u64 field} inline; the plugin
  // gets them in batches.
  emu_buffer_new: host(
    "iiii>i",
    "(memory, entries, cb, userdata) handle; cb(memory i32, count i32, userdata i32) when it is full, at the end of run slices and before results; 0 where there is no room",
  ),
  emu_register_vcpu_tb_append: host("iii", "(tb, buffer, tag)"),
  emu_register_vcpu_insn_append: host("iii", "(insn, buffer, tag)"),
  emu_register_vcpu_mem_append: host(
    "iiiii",
    "(insn, buffer, rw, field, tag) field: 0 none, 1 vaddr, 2 paddr, 3 value",
  ),

  // Filters for all probes of the plugin, decided before anything runs; only during install.
  emu_filter_range: host("iII", "(of, first, last) of: 0 pc, 1 vaddr, 2 paddr; inclusive; several are alternatives"),
  emu_filter_region: host("ii", "(name, length) accesses to the memory region only"),
  emu_filter_device: host("ii", "(name, length) accesses to the device only"),
  emu_filter_io: host("i", "(io) 1: accesses to devices only, 0: to memory only"),

  // The access whose callback runs (memory, walk and DMA callbacks), by value as it was before a device saw it.
  mem_get_value: core(">I", "loaded or stored value, zero-extended", "mem_get_value"),
  get_hwaddr: core(">i", "1 while in such a callback, else 0", "get_hwaddr"),
  hwaddr_is_io: core(">i", "1 for devices", "hwaddr_is_io"),
  hwaddr_phys_addr: core(">I", "physical address; the address space is always 0, the system's", "hwaddr_phys_addr"),
  emu_hwaddr_region: core(">i", "id of the memory region", "hwaddr_device_name"),
  emu_hwaddr_device: core(">i", "id of the device, 0 for plain memory"),
  emu_hwaddr_offset: core(">I", "offset inside the region"),
  emu_hwaddr_split: core(">i", "bytes before the page boundary an access crosses, 0 where it crosses none"),
  emu_hwaddr_second_phys_addr: core(">I", "where the bytes behind the boundary went"),
  emu_hwaddr_second_region: core(">i", ""),
  emu_hwaddr_second_offset: core(">I", ""),
  emu_region_name: host("iii>i", "(region, buffer, length) string, as in the memory tree", "hwaddr_device_name"),
  emu_device_name: host("iii>i", "(device, buffer, length) string"),

  // Registers and memory of the hart in whose callback this is (hart 0 outside of any).
  emu_register_count: host(">i", "handles are 1 to this", "get_registers"),
  emu_register_name: host("iii>i", "(handle, buffer, length) string: ra, ft0, pc, mstatus", "get_registers"),
  emu_register_feature: host("iii>i", "(handle, buffer, length) string: org.gnu.gdb.riscv.cpu", "get_registers"),
  emu_register_size: host("i>i", "(handle) bytes", "get_registers"),
  emu_register_read_only: host("i>i", "(handle)", "get_registers"),
  read_register: host(
    "iii>i",
    "(handle, dest, length) little endian; bytes written, -1 where the callback's flags do not allow it",
    "read_register",
  ),
  write_register: host("iii>i", "(handle, source, length) 1 or 0", "write_register"),
  set_pc: host("I", "(vaddr) does not return; only in callbacks with flags 3", "set_pc"),
  read_memory_vaddr: host("Iii>i", "(vaddr, dest, length) 1 or 0", "read_memory_vaddr"),
  write_memory_vaddr: host("Iii>i", "(vaddr, source, length) 1 or 0", "write_memory_vaddr"),
  read_memory_hwaddr: host(
    "Iii>i",
    "(paddr, dest, length) 0 done, 1 error, 2 device error, 3 denied, 4 no such address",
    "read_memory_hwaddr",
  ),
  write_memory_hwaddr: host("Iii>i", "(paddr, source, length) as read_memory_hwaddr", "write_memory_hwaddr"),
  translate_vaddr: host("Ii>i", "(vaddr, u64 *paddr) 1 or 0", "translate_vaddr"),
  emu_translate: host(
    "iIi>i",
    "(vcpu, vaddr, place) 1 or 0; place is {u64 paddr, u64 offset, u32 region, u32 device, u32 io, u32 0}",
  ),
  emu_symbol: host("Iiii>i", "(vaddr, buffer, length, u64 *offset) string; offset may be 0"),

  // Machine and time
  num_vcpus: host(">i", "harts", "num_vcpus", "vcpu_for_each", "scoreboard_new", "u64_sum"),
  emu_instructions: core(">I", "instructions all harts have used, exact at any moment; the count that traces carry"),
  emu_vcpu_instructions: host("i>I", "(vcpu) those of one hart"),
  emu_virtual_ns: core(">I", "virtual time"),
  request_time_control: host(">i", "handle, 0 where another plugin has it", "request_time_control"),
  update_ns: host("iI", "(handle, ns) moves virtual time on, never back", "update_ns"),
  emu_stop: host("ii", "(reason, length) pauses the machine"),
  emu_retranslate: host("", "has all blocks translated anew for this plugin"),

  emu_function_shape: host(
    "i>i",
    "(index) number of parameters of a function of the plugin's table, + 0x100 where it has a result, when all are i32; -1 for others and where there is none",
  ),

  // Output
  outs: host("ii", "(text, length) adds to the output", "outs"),
  emu_result: host("ii", "(json, length) what the plugin's results are from now on"),
  emu_file: host("iiii", "(name, length, bytes, length) offers a file among the results"),
};

/** QEMU functions the C shim answers by itself, and how; with `serves` above this is the whole interface. */
export const SHIM_ONLY: Readonly<Record<string, string>> = {
  scoreboard_find: "address in the plugin's memory",
  u64_add: "on the plugin's memory, which is brought up to date around callbacks",
  u64_get: "on the plugin's memory",
  u64_set: "on the plugin's memory",
  bool_parse: "on, yes, true and off, no, false",
  path_to_binary: "NULL: user mode only, as in QEMU",
  start_code: "0: user mode only, as in QEMU",
  end_code: "0: user mode only, as in QEMU",
  entry_code: "0: user mode only, as in QEMU",
  register_vcpu_syscall_cb: "accepted, never called: user mode only, as in QEMU",
  register_vcpu_syscall_ret_cb: "accepted, never called: user mode only, as in QEMU",
  register_vcpu_syscall_filter_cb: "accepted, never called: user mode only, as in QEMU",
};

/** Names of exports the plugin brings (`exports`) and of those that preparation adds. */
export const EXPORTS = {
  install: "qemu_plugin_install",
  /** Global whose value is the address of an int. */
  version: "qemu_plugin_version",
  /** Global or function that is the version itself, for plugins without data symbols. */
  nativeVersion: "emuscope_plugin_version",
  initialize: "_initialize",
  /** Either: (bytes i32) -> address i32. */
  allocators: ["emu_alloc", "malloc"],
} as const;

/** Versions of QEMU's interface that plugins may name. */
export const OLDEST_VERSION = 1;
export const NEWEST_VERSION = 7;
