// Which device registers the guest writes, and how often: the worked example of the SDK, the same in each language.
//
// Only writes to devices call the plugin; accesses to memory cost nothing. The hwaddr is there by value: the device and the
// offset in its region, as they were when the access was made. Results are JSON, on exit there is text as well.
import {
  DEVICES,
  NO_REGISTERS,
  WRITES,
  deviceName,
  emu_hwaddr_device,
  emu_hwaddr_offset,
  emu_insn_memory,
  emu_register_results_cb,
  print,
  register_atexit_cb,
  register_vcpu_mem_cb,
  register_vcpu_tb_trans_cb,
  setResult,
  tb_get_insn,
  tb_n_insns,
} from "./emuscope";

/** Writes by place: device in the upper half, offset in the lower one. */
const registers = new Map<u64, u64>();

function onWrite(hart: u32, info: u32, vaddr: u64, userdata: u32): void {
  const place = ((<u64>emu_hwaddr_device()) << 32) | (emu_hwaddr_offset() & 0xffffffff);
  registers.set(place, (registers.has(place) ? registers.get(place) : 0) + 1);
}

function onBlock(id: u64, tb: u32): void {
  const count = tb_n_insns(tb);
  for (let index: u32 = 0; index < count; index++) {
    const insn = tb_get_insn(tb, index);
    if (emu_insn_memory(insn)) register_vcpu_mem_cb(insn, onWrite.index, NO_REGISTERS, WRITES | DEVICES, 0);
  }
}

function places(): u64[] {
  return registers.keys().sort((a, b) => i32(a > b) - i32(a < b));
}

function onResults(userdata: u32): void {
  const list: string[] = [];
  const sorted = places();
  for (let i = 0; i < sorted.length; i++) {
    const place = sorted[i];
    const device = deviceName(u32(place >> 32));
    const offset = u32(place).toString(16);
    list.push(`{"device":"${device}","offset":"0x${offset}","writes":${registers.get(place)}}`);
  }
  setResult(`{"registers":[${list.join(",")}]}`);
}

function onExit(id: u64, userdata: u32): void {
  const sorted = places();
  for (let i = 0; i < sorted.length; i++) {
    const place = sorted[i];
    print(`${deviceName(u32(place >> 32))}+0x${u32(place).toString(16)}: ${registers.get(place)} writes\n`);
  }
}

/** Where the host puts arguments. */
export function emu_alloc(bytes: u32): usize {
  return heap.alloc(bytes);
}

/** The version of QEMU's interface whose meanings apply. */
export function emuscope_plugin_version(): i32 {
  return 7;
}

export function qemu_plugin_install(id: u64, info: u32, argc: u32, argv: u32): i32 {
  register_vcpu_tb_trans_cb(id, onBlock.index, 0);
  emu_register_results_cb(id, onResults.index, 0);
  register_atexit_cb(id, onExit.index, 0);
  return 0;
}
