// A plugin that writes down everything that plugins can be told, for comparing with what traces and counters say of the same run.
import type { Access, PluginDefinition, PluginEvents } from "../../src/probe/plugin.js";

export interface Told {
  icount: number;
  hart: number;
  pc: bigint;
  vaddr: bigint;
  paddr: bigint;
  region: string;
  device: string;
  offset: bigint;
  size: number;
  kind: string;
  value: bigint;
  second: Access["second"];
}

export interface Witnessed {
  accesses: Told[];
  walks: Told[];
  dma: Told[];
  /** Address of each instruction that ran, and of each block with its length. */
  executed: bigint[];
  blocks: { vaddr: bigint; length: number }[];
  events: { [E in keyof PluginEvents]?: (PluginEvents[E] & { icount: number })[] };
}

const EVENTS = [
  "idle",
  "resume",
  "interrupt",
  "exception",
  "tlb-fill",
  "tlb-flush",
  "satp",
  "topology",
  "flush",
] as const;

/** @param probes without them, only events are listened to */
export function witness(probes: boolean): { definition: PluginDefinition; seen: Witnessed } {
  const seen: Witnessed = { accesses: [], walks: [], dma: [], executed: [], blocks: [], events: {} };
  const definition: PluginDefinition = {
    name: "witness",
    summary: "",
    options: {},
    results: {},
    install(host) {
      const told = (access: Access): Told => ({
        icount: host.instructions(),
        hart: access.hart,
        pc: access.pc,
        vaddr: access.vaddr,
        paddr: access.paddr,
        region: access.region,
        device: access.device ?? "",
        offset: access.offset,
        size: access.size,
        kind: access.kind,
        value: access.value,
        second: access.second,
      });
      for (const name of EVENTS) {
        const list: object[] = [];
        seen.events[name] = list as never;
        host.on(name, (event) => void list.push({ ...event, icount: host.instructions() }));
      }
      host.on("walk", (access) => void seen.walks.push(told(access)));
      host.on("dma", (access) => void seen.dma.push(told(access)));
      if (!probes) return { results: () => null };
      const onAccess = host.call(() => void seen.accesses.push(told(host.access)), 0);
      const pcs: bigint[] = [];
      const blocks: { vaddr: bigint; length: number }[] = [];
      const exec = (_: number, tag: number): void => void seen.executed.push(pcs[tag] as bigint);
      const enter = (_: number, tag: number): void =>
        void seen.blocks.push(blocks[tag] as { vaddr: bigint; length: number });
      return {
        translate(block) {
          block.onExec(host.call(enter, blocks.push({ vaddr: block.vaddr, length: block.instructions.length }) - 1));
          for (const instruction of block.instructions) {
            instruction.onExec(host.call(exec, pcs.push(instruction.vaddr) - 1));
            instruction.onAccess(onAccess);
          }
        },
        results: () => null,
      };
    },
  };
  return { definition, seen };
}
