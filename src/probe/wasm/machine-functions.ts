// Registers, memory, names and time of the machine as a Wasm plugin asks for them. Registers obey the flags the callback in
// hand was registered with, since others are not up to date (or must not change) there.
import type { RegisterInfo } from "../plugin.js";
import type { HostFunctions } from "./host-functions.js";
import { MAY_READ, MAY_SET_PC, MAY_WRITE, type WasmPlugin } from "./instance.js";
import { PluginMisuse } from "./report.js";

const FEATURES = {
  general: "org.gnu.gdb.riscv.cpu",
  float: "org.gnu.gdb.riscv.fpu",
  csr: "org.gnu.gdb.riscv.csr",
  virtual: "org.gnu.gdb.riscv.virtual",
} as const;
const GROUPS = ["general", "float", "virtual", "csr"];
/** Results of QEMU's accesses by physical address. */
const DONE = 0;
const INVALID_ADDRESS = 4;

interface Register {
  /** As the host knows it. */
  key: string;
  /** As QEMU names it. */
  name: string;
  feature: string;
  size: number;
  readOnly: boolean;
  /** In the machine's memory, where it is there as it is. */
  address: number | undefined;
}

/** Integer registers, pc, floating-point ones, privilege level, CSRs. */
function inQemusOrder(registers: readonly RegisterInfo[]): RegisterInfo[] {
  const place = ({ name, group }: RegisterInfo): number => (name === "pc" ? 0.5 : GROUPS.indexOf(group));
  return [...registers].sort((a, b) => place(a) - place(b));
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

export function machineFunctions(plugin: WasmPlugin): HostFunctions {
  const { host } = plugin;
  let list: Register[] | undefined;
  const registers = (): Register[] => {
    list ??= inQemusOrder(host.registers()).map(({ name, alias, group, size, readOnly }) => ({
      key: name,
      // QEMU calls s0 by its other name
      name: name === "x8" ? "fp" : (alias ?? name),
      feature: FEATURES[group],
      size,
      readOnly,
      address: host.registerAddress(name),
    }));
    return list;
  };
  const register = (handle: number): Register | undefined => registers()[handle - 1];
  let machine = new Uint8Array(host.machineMemory.buffer);
  const machineBytes = (): Uint8Array => {
    if (machine.buffer !== host.machineMemory.buffer) machine = new Uint8Array(host.machineMemory.buffer);
    return machine;
  };
  let setTime: ((ns: number) => void) | undefined;

  return {
    emu_function_shape: (index: number) => plugin.shapeOf(index),
    emu_region_name: (region: number, buffer: number, length: number) =>
      plugin.memory.writeString(buffer, length, host.regionName(region)),
    emu_device_name: (device: number, buffer: number, length: number) =>
      plugin.memory.writeString(buffer, length, host.deviceName(device)),

    emu_register_count: () => registers().length,
    emu_register_name: (handle: number, buffer: number, length: number) =>
      plugin.memory.writeString(buffer, length, register(handle)?.name),
    emu_register_feature: (handle: number, buffer: number, length: number) =>
      plugin.memory.writeString(buffer, length, register(handle)?.feature),
    emu_register_size: (handle: number) => register(handle)?.size ?? 0,
    emu_register_read_only: (handle: number) => (register(handle)?.readOnly ? 1 : 0),
    read_register: (handle: number, dest: number, length: number) => {
      const found = register(handle);
      if (!found || plugin.registerRights < MAY_READ || length >>> 0 < found.size) return -1;
      const to = plugin.memory.bytes(dest, found.size);
      if (found.address !== undefined) {
        to.set(machineBytes().subarray(found.address, found.address + found.size));
      } else {
        let value = host.readRegister(host.currentHart(), found.key);
        for (let i = 0; i < found.size; i++, value >>= 8n) to[i] = Number(value & 0xffn);
      }
      return found.size;
    },
    write_register: (handle: number, source: number, length: number) => {
      const found = register(handle);
      if (!found || found.readOnly || plugin.registerRights < MAY_WRITE || length !== found.size) return 0;
      const bytes = plugin.memory.bytes(source, length);
      let value = 0n;
      for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
      host.writeRegister(host.currentHart(), found.key, value);
      return 1;
    },
    set_pc: (vaddr: bigint) => {
      if (plugin.registerRights !== MAY_SET_PC) {
        throw new PluginMisuse("set_pc can be called from callbacks that were registered with that flag only");
      }
      plugin.leaveCallback();
      host.setPc(unsigned(vaddr));
    },

    read_memory_vaddr: (vaddr: bigint, dest: number, length: number) => {
      const to = plugin.memory.bytes(dest, length);
      const found = host.readMemory(host.currentHart(), unsigned(vaddr), to.length);
      if (found) to.set(found);
      return found ? 1 : 0;
    },
    write_memory_vaddr: (vaddr: bigint, source: number, length: number) =>
      host.writeMemory(host.currentHart(), unsigned(vaddr), plugin.memory.bytes(source, length)) ? 1 : 0,
    read_memory_hwaddr: (paddr: bigint, dest: number, length: number) => {
      const to = plugin.memory.bytes(dest, length);
      const found = host.readPhysical(unsigned(paddr), to.length);
      if (found) to.set(found);
      return found ? DONE : INVALID_ADDRESS;
    },
    write_memory_hwaddr: (paddr: bigint, source: number, length: number) =>
      host.writePhysical(unsigned(paddr), plugin.memory.bytes(source, length)) ? DONE : INVALID_ADDRESS,
    translate_vaddr: (vaddr: bigint, result: number) => {
      const place = host.translate(host.currentHart(), unsigned(vaddr));
      if (place) plugin.memory.u64(result, place.paddr);
      return place ? 1 : 0;
    },
    emu_translate: (hart: number, vaddr: bigint, result: number) => {
      const place = validHart(hart) ? host.translate(hart, unsigned(vaddr)) : undefined;
      if (!place) return 0;
      const to = plugin.memory.check(result, 32);
      plugin.memory.u64(to, place.paddr);
      plugin.memory.u64(to + 8, place.offset);
      plugin.memory.u32(to + 16, host.regionId(place.region));
      plugin.memory.u32(to + 20, place.device === undefined ? 0 : host.deviceId(place.device));
      plugin.memory.u32(to + 24, place.device === undefined ? 0 : 1);
      plugin.memory.u32(to + 28, 0);
      return 1;
    },
    emu_symbol: (vaddr: bigint, buffer: number, length: number, offset: number) => {
      const found = host.symbol(unsigned(vaddr));
      if (found && offset !== 0) plugin.memory.u64(offset, BigInt(found.offset));
      return plugin.memory.writeString(buffer, length, found?.name);
    },

    num_vcpus: () => host.harts,
    emu_vcpu_instructions: (hart: number) => (validHart(hart) ? host.hartInstructions(hart) : 0n),
    request_time_control: () => {
      setTime ??= host.requestTimeControl();
      return setTime ? 1 : 0;
    },
    update_ns: (handle: number, ns: bigint) => {
      if (handle === 1 && ns >= 0n) setTime?.(Number(ns));
    },
    emu_stop: (reason: number, length: number) => host.stop(plugin.memory.text(reason, length).slice(0, 1000)),
    emu_retranslate: () => host.retranslate(),
  };

  function validHart(hart: number): boolean {
    return hart >= 0 && hart < host.harts;
  }
}
