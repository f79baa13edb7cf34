// Registers and CSRs of a hart by name.
import { F, PC, X } from "../../core/layout.js";
import { CSRS, F_NAMES, X_NAMES } from "../../isa/registers.js";
import type { MachineApi } from "../../machine/machine-api.js";
import type { RegisterInfo } from "../../probe/plugin.js";
import { SessionError } from "../host-api.js";
import type { RegisterValue } from "../protocol.js";
import type { Methods, WorkerContext } from "../session-worker.js";
import { onHart, toolCore } from "./core-calls.js";
import { memoryView } from "./hart-state.js";

type Place = { kind: RegisterValue["kind"]; name: string; alias?: string; number: number };

/** Every name a register answers to. Own properties of a Map: names come from users. */
const PLACES = new Map<string, Place>();
/** In the order they are listed. CSRs that only exist as zeros are left out of the list, but answer by name. */
const LISTED: Place[] = [];

function define(place: Place, listed = true): void {
  PLACES.set(place.name, place);
  if (place.alias !== undefined) PLACES.set(place.alias, place);
  if (listed) LISTED.push(place);
}
define({ kind: "pc", name: "pc", number: 0 });
X_NAMES.forEach((name, number) => define({ kind: "gpr", name, alias: `x${number}`, number }));
PLACES.set("fp", PLACES.get("s0") as Place);
F_NAMES.forEach((name, number) => define({ kind: "fpr", name, alias: `f${number}`, number }));
for (const [name, number] of Object.entries(CSRS)) define({ kind: "csr", name, number }, !/hpm/.test(name));

/** Read-only by their number: the top two bits are 11. Zicsr, CSR address space. */
const readOnlyCsr = (number: number): boolean => number >> 10 === 3;

function find(name: string): Place {
  const place = PLACES.get(name.toLowerCase());
  if (place === undefined) throw new SessionError("unknown-register", `no register named ${name}`, { register: name });
  return place;
}

/** @throws SessionError read-only-register, invalid */
function checkWritable(place: Place, value: bigint): void {
  if ((place.kind === "gpr" && place.number === 0) || (place.kind === "csr" && readOnlyCsr(place.number))) {
    throw new SessionError("read-only-register", `${place.name} cannot be written`, { register: place.name });
  }
  if (value < 0n || value >> 64n)
    throw new SessionError("invalid", `the value of ${place.name} is not a 64-bit one`, { field: place.name });
  if (place.kind === "pc" && value & 1n) throw new SessionError("invalid", "pc must be even", { field: "pc" });
}

function exists(machine: MachineApi, place: Place): boolean {
  if (place.kind !== "csr") return true;
  toolCore(machine).peek_csr(place.number);
  return toolCore(machine).csr_exists() !== 0;
}

/** @throws SessionError unknown-register for a CSR this machine does not have */
function peek(machine: MachineApi, place: Place): bigint {
  const core = toolCore(machine);
  const value = BigInt.asUintN(64, core.peek_csr(place.number));
  if (!core.csr_exists())
    throw new SessionError("unknown-register", `this machine has no CSR ${place.name}`, { register: place.name });
  return value;
}

/** Of the current hart. */
function read(machine: MachineApi, place: Place): bigint {
  const view = memoryView(machine);
  switch (place.kind) {
    case "pc":
      return view.getBigUint64(PC, true);
    case "gpr":
      return place.number === 0 ? 0n : view.getBigUint64(X + 8 * place.number, true);
    case "fpr":
      return view.getBigUint64(F + 8 * place.number, true);
    case "csr":
      return peek(machine, place);
  }
}

function write(machine: MachineApi, place: Place, value: bigint): void {
  const view = memoryView(machine);
  switch (place.kind) {
    case "pc":
      view.setBigUint64(PC, value, true);
      (machine.core["leave_block"] as () => void)();
      break;
    case "gpr":
      view.setBigUint64(X + 8 * place.number, value, true);
      break;
    case "fpr":
      view.setBigUint64(F + 8 * place.number, value, true);
      break;
    case "csr":
      toolCore(machine).poke_csr(place.number, BigInt.asIntN(64, value));
      break;
  }
}

/** Every register this machine has, x10 and f10 by their numbers, with the ABI's names as the other ones. */
export function listRegisters(machine: MachineApi): RegisterInfo[] {
  const group = { pc: "general", gpr: "general", fpr: "float", csr: "csr" } as const;
  return LISTED.filter((place) => exists(machine, place)).map((place) => ({
    name: place.alias ?? place.name,
    alias: place.alias === undefined ? undefined : place.name,
    group: group[place.kind],
    size: 8,
    readOnly: place.kind === "csr" ? readOnlyCsr(place.number) : place.kind === "gpr" && place.number === 0,
  }));
}

/** @throws SessionError unknown-register, invalid */
export function readRegister(machine: MachineApi, hart: number, name: string): bigint {
  const place = find(name);
  return onHart(machine, hart, () => read(machine, place));
}

/** @throws SessionError unknown-register, read-only-register, invalid */
export function writeRegister(machine: MachineApi, hart: number, name: string, value: bigint): void {
  const place = find(name);
  checkWritable(place, value);
  onHart(machine, hart, () => {
    if (place.kind === "csr") peek(machine, place);
    write(machine, place, value);
  });
}

export function registerMethods({ machine }: WorkerContext): Pick<Methods, "registers" | "setRegisters"> {
  return {
    registers({ hart, names }) {
      const places = names?.map(find);
      return onHart(machine, hart, () =>
        (places ?? LISTED.filter((place) => exists(machine, place))).map((place) => ({
          name: place.name,
          ...(place.alias === undefined ? {} : { alias: place.alias }),
          value: read(machine, place),
          kind: place.kind,
        })),
      );
    },
    setRegisters({ hart, values }) {
      // All are checked before one is written: a request that fails changes nothing.
      const writes = Object.entries(values).map(([name, value]) => {
        const place = find(name);
        checkWritable(place, value);
        return [place, value] as const;
      });
      onHart(machine, hart, () => {
        for (const [place] of writes) if (place.kind === "csr") peek(machine, place);
        for (const [place, value] of writes) write(machine, place, value);
      });
    },
  };
}
