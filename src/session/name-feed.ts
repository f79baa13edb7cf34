// Tells the host what the numbers in trace records stand for, each name once, before the first batch that may use it.
import type { MachineApi } from "../machine/machine-api.js";
import type { NameTableKind } from "../trace/columns.js";

export class NameFeed {
  readonly #machine: MachineApi;
  readonly #send: (table: NameTableKind, entries: [number, string][]) => void;
  readonly #sent = { register: 0, field: 0 };
  #devices = false;
  #nextRegion = 1;

  constructor(machine: MachineApi, send: (table: NameTableKind, entries: [number, string][]) => void) {
    this.#machine = machine;
    this.#send = send;
  }

  /** Sends what is new. Cheap when nothing is. */
  send(): void {
    const { devices, names } = this.#machine;
    if (!this.#devices) {
      this.#devices = true;
      this.#send(
        "device",
        devices.map((device) => [device.id, device.name]),
      );
    }
    for (const table of ["register", "field"] as const) {
      const fresh = names[table].since(this.#sent[table]);
      if (fresh.length === 0) continue;
      this.#sent[table] += fresh.length;
      this.#send(table, fresh);
    }
    const { regions } = this.#machine.bus;
    const made: [number, string][] = [];
    for (; this.#nextRegion < regions.length; this.#nextRegion++) {
      const region = regions[this.#nextRegion];
      if (region !== undefined) made.push([this.#nextRegion, region.name]);
    }
    if (made.length > 0) this.#send("region", made);
  }
}
