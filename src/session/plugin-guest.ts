// What plugins ask about the guest, answered by the same code that answers clients.

import { PRIV, STATE } from "../core/layout.js";
import type { MachineApi } from "../machine/machine-api.js";
import type { GuestAccess } from "../probe/guest.js";
import type { RegisterInfo } from "../probe/plugin.js";
import { SessionError } from "./host-api.js";
import { readBytes, writeBytes } from "./worker-methods/memory.js";
import { listRegisters, readRegister, writeRegister } from "./worker-methods/registers.js";
import { functionAt, symbolAt } from "./worker-methods/symbols.js";
import { quickTranslate } from "./worker-methods/translation.js";

/** The privilege level, 0 U, 1 S, 3 M: a register of QEMU's GDB stub and its plugins. */
const PRIVILEGE: RegisterInfo = { name: "priv", alias: undefined, group: "virtual", size: 8, readOnly: true };

function privilegeOf(machine: MachineApi, hart: number): number {
  if (!Number.isInteger(hart) || hart < 0 || hart >= machine.description.harts)
    throw new RangeError(`there is no hart ${hart}`);
  const state = machine.core["hart_address"](hart) as number;
  return new DataView(machine.memory.buffer).getUint32(state + PRIV - STATE, true);
}

export function pluginGuest(machine: MachineApi): GuestAccess {
  const section = (paddr: number) => machine.bus.find(paddr);
  return {
    registers: () => [...listRegisters(machine), PRIVILEGE],
    readRegister: (hart, name) =>
      name === PRIVILEGE.name ? BigInt(privilegeOf(machine, hart)) : orRange(() => readRegister(machine, hart, name)),
    writeRegister(hart, name, value) {
      if (name === PRIVILEGE.name) throw new RangeError(`${name} cannot be written`);
      orRange(() => writeRegister(machine, hart, name, value));
    },
    read: (hart, space, address, length) => orUndefined(() => readBytes(machine, hart, space, address, length)),
    write: (hart, space, address, bytes) =>
      orUndefined(() => {
        writeBytes(machine, hart, space, address, bytes);
        return true;
      }) ?? false,
    translate(hart, vaddr) {
      const { paddr } = quickTranslate(machine, hart, vaddr, "read", -1);
      const at = paddr === undefined ? undefined : section(paddr);
      if (paddr === undefined || at === undefined) return undefined;
      return {
        paddr: BigInt(paddr),
        region: at.region.name,
        device: machine.bus.deviceName(at.region.device),
        offset: BigInt(at.offset + (paddr - at.start)),
      };
    },
    symbol(vaddr) {
      const found = symbolAt(machine, vaddr);
      return found && { name: found.symbol.name, offset: Number(found.offset), image: found.symbol.image };
    },
    functionAt: (vaddr) => functionAt(machine, vaddr),
  };
}

/** A plugin's mistake is its own exception. */
function orRange<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof SessionError) throw new RangeError(error.message);
    throw error;
  }
}

function orUndefined<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof SessionError) return undefined;
    throw error;
  }
}
