// Devices, their registers, and the device tree the guest sees.
import { fdtToDts, readFdt } from "../../machine/fdt.js";
import { SessionError } from "../host-api.js";
import type { Methods, WorkerContext } from "../session-worker.js";

export function deviceMethods({ machine }: WorkerContext): Pick<Methods, "devices" | "deviceState" | "deviceTree"> {
  return {
    devices() {
      return machine.devices.map(({ id, name, type }) => ({
        id,
        name,
        type,
        regions: machine.bus.sections
          .filter((section) => section.region.device === id)
          .map((section) => ({
            name: section.region.name,
            start: BigInt(section.start),
            size: BigInt(section.end - section.start),
          })),
      }));
    },
    deviceState({ name }) {
      const device = machine.devices.find((candidate) => candidate.name === name);
      if (device === undefined) {
        throw new SessionError("unknown-device", `no device named ${name}`, {
          device: name,
          devices: machine.devices.map((d) => d.name),
        });
      }
      return device.state();
    },
    deviceTree({ format }) {
      const blob = machine.deviceTree();
      return format === "dtb" ? blob.slice() : new TextEncoder().encode(fdtToDts(readFdt(blob)));
    },
  };
}
