// Address translation for people: every level of the walk, and what answers at the end of it.
import {
  DATA_PRIV,
  DEBUG_WALK_COUNT,
  DEBUG_WALK_PADDR,
  DEBUG_WALK_PAGE_BITS,
  DEBUG_WALK_STEPS,
  PRIV,
  SATP,
} from "../../core/layout.js";
import type { MachineApi } from "../../machine/machine-api.js";
import type { Translation, WalkStep } from "../protocol.js";
import type { Methods, WorkerContext } from "../session-worker.js";
import { toolCore } from "./core-calls.js";
import { checkHart, hartDelta, memoryView, privilegeName } from "./hart-state.js";

const ACCESS = { read: 0, write: 1, fetch: 2 } as const;
const PRIVILEGE = { U: 0, S: 1, M: 3 } as const;
const MODES: Record<number, Translation["mode"]> = { 0: "bare", 8: "sv39", 9: "sv48", 10: "sv57" };
const LEVELS: Record<Translation["mode"], number> = { bare: 0, sv39: 3, sv48: 4, sv57: 5 };
// Bits 1..7 of a page table entry; V is what makes it a step at all.
const PTE_FLAGS = [
  ["r", 1],
  ["w", 2],
  ["x", 3],
  ["u", 4],
  ["g", 5],
  ["a", 6],
  ["d", 7],
] as const;

/** Privileged ISA, table of mcause values. */
const CAUSE_NAMES: Record<number, string> = {
  1: "instruction access fault",
  5: "load access fault",
  7: "store access fault",
  12: "instruction page fault",
  13: "load page fault",
  15: "store page fault",
};

export interface QuickTranslation {
  /** Absent when the access would fault. */
  paddr?: number;
  cause: number;
}

/** Where an access to `va` by `hart` would go now; no side effects. `privilege` -1: as the hart's next access. */
export function quickTranslate(
  machine: MachineApi,
  hart: number,
  va: bigint,
  access: keyof typeof ACCESS,
  privilege: number,
): QuickTranslation {
  const cause = Number(toolCore(machine).translate_debug(hart, BigInt.asIntN(64, va), ACCESS[access], privilege));
  if (cause !== 0) return { cause };
  return { cause: 0, paddr: Number(memoryView(machine).getBigUint64(DEBUG_WALK_PADDR, true)) };
}

export function translationMethods({ machine }: WorkerContext): Pick<Methods, "translate"> {
  return {
    translate({ vaddr, access, hart, privilege }) {
      checkHart(machine, hart);
      const at = hartDelta(machine, hart);
      const before = memoryView(machine);
      const by =
        privilege === undefined
          ? before.getUint32((access === "fetch" ? PRIV : DATA_PRIV) + at, true)
          : PRIVILEGE[privilege];
      const mode = by === 3 ? "bare" : (MODES[Number(before.getBigUint64(SATP + at, true) >> 60n)] ?? "bare");
      const { paddr, cause } = quickTranslate(machine, hart, vaddr, access, privilege === undefined ? -1 : by);
      const walk = readWalk(machine, mode);
      const result: Translation = { vaddr, access, privilege: privilegeName(by), mode, walk };
      if (paddr === undefined) {
        const last = walk.at(-1);
        result.fault = {
          cause,
          name: CAUSE_NAMES[cause] ?? `cause ${cause}`,
          ...(last === undefined ? {} : { level: last.level }),
        };
        return result;
      }
      result.paddr = BigInt(paddr);
      result.pageSize = 2 ** memoryView(machine).getUint32(DEBUG_WALK_PAGE_BITS, true);
      const section = machine.bus.find(paddr);
      if (section === undefined) return result;
      result.region = section.region.name;
      result.offset = BigInt(section.offset + (paddr - section.start));
      const device = machine.bus.deviceName(section.region.device);
      if (device !== undefined) {
        result.device = device;
        const register = registerAt(machine, device, Number(result.offset));
        if (register !== undefined) result.register = register;
      }
      return result;
    },
  };
}

function readWalk(machine: MachineApi, mode: Translation["mode"]): WalkStep[] {
  const view = memoryView(machine);
  const steps = Math.min(view.getUint32(DEBUG_WALK_COUNT, true), LEVELS[mode]);
  const walk: WalkStep[] = [];
  for (let i = 0; i < steps; i++) {
    const at = DEBUG_WALK_STEPS + i * 16;
    const pte = view.getBigUint64(at + 8, true);
    const flags = PTE_FLAGS.filter(([, bit]) => (pte >> BigInt(bit)) & 1n)
      .map(([name]) => name)
      .join("");
    walk.push({
      level: LEVELS[mode] - 1 - i,
      pteAddress: view.getBigUint64(at, true),
      pte,
      flags,
      leaf: (pte & 1n) !== 0n && (pte & 0xan) !== 0n,
    });
  }
  return walk;
}

/** The register that covers an offset of a device's region, where the device names it; widths are in bits. */
function registerAt(machine: MachineApi, name: string, offset: number): string | undefined {
  const device = machine.devices.find((candidate) => candidate.name === name);
  const register = device?.state().registers.find((r) => offset >= r.offset && offset < r.offset + r.width / 8);
  return register?.name;
}
