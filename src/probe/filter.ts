// What a slot was attached for. Code outside its pc ranges is not translated for it; the direction, and devices as against
// memory, are decided when a probe is placed; the rest is a guard in the machine's memory that the engine evaluates at
// each event (GUARD_* in core/layout.ts).
import * as L from "../core/layout.js";
import type { AccessProbe, ProbeOp } from "../engine/probe-ops.js";
import type { MachineApi } from "../machine/machine-api.js";
import { PluginError, type PluginFilter } from "./manager-api.js";
import { nearest } from "./nearest.js";

const PRIVILEGE_BITS = { U: 1, S: 2, M: 8 } as const;
const ALL = 0xffff_ffff;
const LARGEST = (1n << 64n) - 1n;

export class SlotFilter {
  readonly #pc: readonly [bigint, bigint][] | undefined;
  readonly #direction: "read" | "write" | undefined;
  readonly #io: boolean;
  readonly #memoryOnly: boolean;
  /** Guards for probes on code and on accesses, 0 where none is needed. */
  readonly #codeGuard: number;
  readonly #accessGuard: number;

  /**
   * @param take memory for the guard
   * @throws PluginError invalid
   */
  constructor(filter: PluginFilter, machine: MachineApi, take: (bytes: number) => number) {
    this.#pc = ranges("pc", filter.pc);
    this.#direction = filter.direction;
    const devices = filter.device?.map((name, i) => deviceId(machine, name, `filter.device[${i}]`));
    const regions = filter.region?.map((name, i) => regionId(machine, name, `filter.region[${i}]`));
    this.#io = filter.io === true || devices !== undefined;
    this.#memoryOnly = filter.io === false;
    const vaddrs = ranges("vaddr", filter.vaddr) ?? [];
    const paddrs = ranges("paddr", filter.paddr) ?? [];
    const harts = bits(filter.hart?.map((hart, i) => 1 << checkHart(machine, hart, `filter.hart[${i}]`)));
    const privileges = bits(filter.privilege?.map((name) => PRIVILEGE_BITS[name]));
    const looksAtCode = harts !== ALL || privileges !== ALL;
    const looksAtAccess =
      looksAtCode || vaddrs.length + paddrs.length > 0 || devices !== undefined || regions !== undefined;
    const make = (): number => {
      const view = new DataView(machine.memory.buffer);
      const ids = [...(devices ?? []), ...(regions ?? [])];
      const at = take(L.GUARD_RANGES + 16 * (vaddrs.length + paddrs.length) + 4 * ids.length);
      view.setUint32(at + L.GUARD_HARTS, harts, true);
      view.setUint32(at + L.GUARD_PRIVILEGES, privileges, true);
      view.setUint32(at + L.GUARD_VADDRS, vaddrs.length, true);
      view.setUint32(at + L.GUARD_PADDRS, paddrs.length, true);
      view.setUint32(at + L.GUARD_DEVICES, devices?.length ?? 0, true);
      view.setUint32(at + L.GUARD_REGIONS, regions?.length ?? 0, true);
      let next = at + L.GUARD_RANGES;
      for (const [first, last] of [...vaddrs, ...paddrs]) {
        view.setBigUint64(next, first, true);
        view.setBigUint64(next + 8, last, true);
        next += 16;
      }
      for (const id of ids) {
        view.setUint32(next, id, true);
        next += 4;
      }
      return at;
    };
    this.#accessGuard = looksAtAccess ? make() : 0;
    this.#codeGuard = looksAtCode ? this.#accessGuard : 0;
  }

  /** Memory it has taken, 0 when none. */
  get memory(): number {
    return this.#accessGuard;
  }

  /** Whether the slot wants anything of the instruction at `pc`. */
  wants(pc: bigint): boolean {
    return this.#pc?.some(([first, last]) => pc >= first && pc <= last) ?? true;
  }

  /** Whether it wants anything of code in the page at `page`. */
  wantsPage(page: bigint): boolean {
    return this.#pc?.some(([first, last]) => first <= page + 4095n && last >= page) ?? true;
  }

  /** Whether there are pages it wants nothing of. */
  get selective(): boolean {
    return this.#pc !== undefined;
  }

  /** The guard is set in the op itself: who made it may still change it until its block is translated. */
  onCode(op: ProbeOp): ProbeOp {
    return guarded(op, this.#codeGuard);
  }

  /** The probe as the filter leaves it; undefined when nothing of it is left. */
  onAccess(op: ProbeOp, direction: AccessProbe["direction"], io: boolean): AccessProbe | undefined {
    if (this.#memoryOnly && io) return undefined;
    let wanted = direction;
    if (this.#direction !== undefined) {
      if (direction !== "both" && direction !== this.#direction) return undefined;
      wanted = this.#direction;
    }
    return { op: guarded(op, this.#accessGuard), direction: wanted, io: io || this.#io, memory: this.#memoryOnly };
  }
}

function guarded(op: ProbeOp, guard: number): ProbeOp {
  if (guard !== 0) op.guard = guard;
  return op;
}

function bits(each: readonly number[] | undefined): number {
  return each === undefined ? ALL : each.reduce((all, bit) => all | bit, 0);
}

function ranges(name: string, given: readonly [bigint, bigint][] | undefined): [bigint, bigint][] | undefined {
  return given?.map(([first, last], i) => {
    if (first < 0n || last > LARGEST || first > last) {
      throw new PluginError("invalid", `filter.${name}[${i}]: expected [first, last], both inclusive and in order`, {
        field: `filter.${name}[${i}]`,
        expected: "[first, last], both inclusive and in order",
      });
    }
    return [first, last];
  });
}

function checkHart(machine: MachineApi, hart: number, field: string): number {
  const { harts } = machine.description;
  if (Number.isInteger(hart) && hart >= 0 && hart < harts) return hart;
  const expected = `a hart from 0 to ${harts - 1}`;
  throw new PluginError("invalid", `${field}: expected ${expected}`, { field, expected });
}

function deviceId(machine: MachineApi, name: string, field: string): number {
  for (const [id, known] of machine.bus.deviceNames()) if (known === name) return id;
  throw unknownName(name, [...machine.bus.deviceNames().values()], "device", field);
}

function regionId(machine: MachineApi, name: string, field: string): number {
  const region = machine.bus.regions.find((r) => r?.name === name);
  if (region) return region.id;
  throw unknownName(
    name,
    machine.bus.regions.flatMap((r) => (r ? [r.name] : [])),
    "memory region",
    field,
  );
}

function unknownName(name: string, known: readonly string[], what: string, field: string): PluginError {
  const near = nearest(name, known);
  const expected = `a ${what} of the machine${near === undefined ? "" : `, perhaps ${near}`}`;
  return new PluginError("invalid", `${field}: expected ${expected}, got ${name}`, { field, expected, got: name });
}
