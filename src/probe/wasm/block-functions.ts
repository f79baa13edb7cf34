// What a Wasm plugin asks of a block and its instructions while it is translated, and the probes it puts into them.
import { qemuDisassembly } from "../qemu-disassembly.js";
import type { HostFunctions } from "./host-functions.js";
import type { WasmPlugin } from "./instance.js";

const MEMORY = ["none", "load", "store", "amo"] as const;
const FLOW = ["next", "branch", "jump", "jumpTo", "system"] as const;

export function blockFunctions(plugin: WasmPlugin): HostFunctions {
  const { handles, info } = plugin;
  const qemu = info.version === 1 || info.imports.includes("emu_version_1") ? "7.2" : "10.0";
  const probes = () => plugin.probes;
  /** The three sorts of probes that run with a block, and with an instruction. */
  const execProbes = (
    name: "register_vcpu_tb_exec" | "register_vcpu_insn_exec",
    find: (handle: number) => Parameters<typeof plugin.probes.onExec>[0],
  ): HostFunctions => ({
    [`${name}_cb`]: (of: number, cb: number, flags: number, udata: number) => {
      const op = probes().call(`${name}_cb`, "exec", cb, flags, udata);
      probes().onExec(find(of), op);
    },
    [`${name}_cond_cb`]: (
      of: number,
      cb: number,
      flags: number,
      cond: number,
      address: number,
      stride: number,
      value: bigint,
      udata: number,
    ) => {
      const when = { cond, address, stride, value };
      const op = probes().call(`${name}_cond_cb`, "exec", cb, flags, udata, when);
      probes().onExec(find(of), op);
    },
    [`${name}_inline_per_vcpu`]: (of: number, kind: number, address: number, stride: number, value: bigint) => {
      const op = probes().inline(`${name}_inline_per_vcpu`, kind, address, stride, value);
      probes().onExec(find(of), op);
    },
  });
  return {
    tb_n_insns: (tb: number) => handles.block(tb)?.instructions.length ?? 0,
    tb_vaddr: (tb: number) => handles.block(tb)?.vaddr ?? 0n,
    emu_tb_paddr: (tb: number) => handles.block(tb)?.paddr ?? 0n,
    tb_get_insn: (tb: number, index: number) => handles.instructionHandle(tb, index),
    insn_data: (insn: number, dest: number, length: number) => {
      const bytes = handles.instruction(insn)?.bytes.subarray(0, length >>> 0);
      if (!bytes) return 0;
      plugin.memory.write(dest, bytes);
      return bytes.length;
    },
    insn_size: (insn: number) => handles.instruction(insn)?.size ?? 0,
    insn_vaddr: (insn: number) => handles.instruction(insn)?.vaddr ?? 0n,
    emu_insn_paddr: (insn: number) => handles.instruction(insn)?.paddr ?? 0n,
    insn_disas: (insn: number, buffer: number, length: number) => {
      const found = handles.instruction(insn);
      return plugin.memory.writeString(buffer, length, found && qemuDisassembly(found.bits, found.vaddr, qemu));
    },
    emu_version_1: () => {},
    insn_symbol: (insn: number, buffer: number, length: number) => {
      const found = handles.instruction(insn);
      return plugin.memory.writeString(buffer, length, found && plugin.host.functionAt(found.vaddr));
    },
    emu_insn_mnemonic: (insn: number, buffer: number, length: number) =>
      plugin.memory.writeString(buffer, length, handles.instruction(insn)?.mnemonic),
    emu_insn_memory: (insn: number) => Math.max(0, MEMORY.indexOf(handles.instruction(insn)?.memory ?? "none")),
    emu_insn_flow: (insn: number) => Math.max(0, FLOW.indexOf(handles.instruction(insn)?.flow ?? "next")),
    emu_insn_target: (insn: number) => handles.instruction(insn)?.target ?? 0n,

    ...execProbes("register_vcpu_tb_exec", (tb) => handles.block(tb)),
    ...execProbes("register_vcpu_insn_exec", (insn) => handles.instruction(insn)),
    register_vcpu_mem_cb: (insn: number, cb: number, flags: number, rw: number, udata: number) => {
      const name = "register_vcpu_mem_cb";
      probes().onAccess(name, handles.instruction(insn), rw, probes().call(name, "access", cb, flags, udata));
    },
    emu_register_vcpu_mem_cond_cb: (
      insn: number,
      cb: number,
      flags: number,
      rw: number,
      cond: number,
      address: number,
      stride: number,
      value: bigint,
      udata: number,
    ) => {
      const name = "emu_register_vcpu_mem_cond_cb";
      const op = probes().call(name, "access", cb, flags, udata, { cond, address, stride, value });
      probes().onAccess(name, handles.instruction(insn), rw, op);
    },
    register_vcpu_mem_inline_per_vcpu: (
      insn: number,
      rw: number,
      kind: number,
      address: number,
      stride: number,
      value: bigint,
    ) => {
      const name = "register_vcpu_mem_inline_per_vcpu";
      const op = probes().inline(name, kind, address, stride, value);
      probes().onAccess(name, handles.instruction(insn), rw, op);
    },
    scoreboard_free: (address: number, bytes: number) => probes().free(address, bytes),

    emu_buffer_new: (memory: number, entries: number, cb: number, userdata: number) =>
      probes().buffer(memory, entries, cb, userdata),
    emu_register_vcpu_tb_append: (tb: number, buffer: number, tag: number) =>
      probes().onExec(handles.block(tb), probes().append("emu_register_vcpu_tb_append", buffer, tag, 0)),
    emu_register_vcpu_insn_append: (insn: number, buffer: number, tag: number) =>
      probes().onExec(handles.instruction(insn), probes().append("emu_register_vcpu_insn_append", buffer, tag, 0)),
    emu_register_vcpu_mem_append: (insn: number, buffer: number, rw: number, field: number, tag: number) => {
      const name = "emu_register_vcpu_mem_append";
      probes().onAccess(name, handles.instruction(insn), rw, probes().append(name, buffer, tag, field));
    },
  };
}
