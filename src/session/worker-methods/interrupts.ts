// What interrupts are pending, enabled and delegated, per hart and per controller.
import { MIDELEG, MIE, MIP } from "../../core/layout.js";
import type { Methods, WorkerContext } from "../session-worker.js";
import { hartDelta, memoryView } from "./hart-state.js";

/** Bits of mip. Privileged ISA, machine interrupt registers. */
const INTERRUPTS: readonly (readonly [string, bigint])[] = [
  ["SSIP", 1n],
  ["MSIP", 3n],
  ["STIP", 5n],
  ["MTIP", 7n],
  ["SEIP", 9n],
  ["MEIP", 11n],
];

/** Device models that pass interrupts on. */
const CONTROLLERS = /plic|clint|aclint|aplic|imsic/i;

export function interruptMethods({ machine }: WorkerContext): Pick<Methods, "interrupts"> {
  return {
    interrupts() {
      const view = memoryView(machine);
      const harts = [];
      for (let hart = 0; hart < machine.description.harts; hart++) {
        const at = hartDelta(machine, hart);
        const mip = view.getBigUint64(MIP + at, true);
        const mie = view.getBigUint64(MIE + at, true);
        const mideleg = view.getBigUint64(MIDELEG + at, true);
        const pending = INTERRUPTS.filter(([, bit]) => mip & mie & (1n << bit)).map(([name]) => name);
        harts.push({ hart, mip, mie, mideleg, pending });
      }
      const controllers: Record<string, unknown> = {};
      for (const device of machine.devices)
        if (CONTROLLERS.test(device.type) || CONTROLLERS.test(device.name)) controllers[device.name] = device.state();
      return { harts, controllers };
    },
  };
}
