// Hands out device ids while a board is built, and keeps the devices in that order.
import type { Bus } from "../bus/bus.js";
import type { Device } from "./device.js";

/** What a board gives each device: its number in the machine and its instance name. */
export interface DeviceIdentity {
  readonly id: number;
  readonly name: string;
}

export class DeviceList {
  readonly devices: Device[] = [];
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Makes a device with the next id. */
  add<T extends Device>(name: string, make: (identity: DeviceIdentity) => T): T {
    if (this.get(name)) throw new Error(`two devices are called ${name}`);
    const identity = { id: this.devices.length + 1, name };
    this.#bus.nameDevice(identity.id, name);
    const device = make(identity);
    this.devices.push(device);
    return device;
  }

  get(name: string): Device | undefined {
    return this.devices.find((device) => device.name === name);
  }
}
