// Blocks are translated exactly when they are new: in order, with their bytes, against a model that knows only which instructions
// ran and what was stored. One page at two addresses, code rewritten before fence.i, data beside code, banks switched under a loop.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../src/core/layout.js";
import type { EngineSettings } from "../../src/machine/description.js";
import type { Machine } from "../../src/machine/machine.js";
import type { PluginDefinition } from "../../src/probe/plugin.js";
import { Assembler } from "../engine/assembler.js";
import { BANK0, BOARD, bankLoop, WINDOW0 } from "../engine/bank-loop.js";
import { type Image, machineModules, type Settings } from "../engine/machines.js";
import { START } from "../engine/platform.js";
import { TWO_ADDRESSES, twoAddresses } from "../engine/two-addresses.js";
import { recordAll } from "../machine/remap/recorder.js";
import { Observed } from "./observed.js";
import { storesByInstruction, TranslationModel } from "./translation-model.js";

const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  "compiled when hot": {},
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};
const SLICES = [1_000_000, 97];
const WINDOW_SIZE = 0x2000;

interface Case {
  image: Image;
  settings?: Settings;
  instructions: number;
  physical?(pc: bigint): number;
  /** Memory that is other memory once the bank has been switched. */
  window?: number;
  /** Where the plugin looks: everywhere. */
  pc?: [bigint, bigint];
  /** Blocks translated, known from how the guest is written. */
  atLeast: number;
}

/** Calls a function in another page 60 times; before every fourth call it is rewritten, and each time data beside it is. */
function rewritten(): Image {
  const [A0, T0, T1, T2, S0, S1] = [10, 5, 6, 7, 8, 9];
  const a = new Assembler();
  const code = START + 0x4000;
  a.li(S0, 0);
  a.li(S1, code);
  a.li(T2, 0x00150513); // addi a0, a0, 1; then 2, and so on
  const top = a.here();
  const call = a.label();
  a.op("andi", { rd: T0, rs1: S0, imm: 3 });
  a.to("bne", call, { rs1: T0 });
  a.op("sw", { rs1: S1, rs2: T2 });
  a.li(T1, 1 << 20);
  a.op("add", { rd: T2, rs1: T2, rs2: T1 });
  a.word(0x0000_100f); // fence.i
  a.place(call);
  for (const at of [0x100, 0x108]) a.op("sd", { rs1: S1, rs2: S0, imm: at });
  a.op("jalr", { rd: 1, rs1: S1 });
  a.op("addi", { rd: S0, rs1: S0, imm: 1 });
  a.li(T0, 60);
  a.to("bne", top, { rs1: S0, rs2: T0 });
  a.jump(a.here());
  const f = new Assembler();
  f.word(0x00150513);
  f.op("addi", { rd: A0, rs1: A0, imm: 1 });
  f.ret();
  return {
    parts: [
      { address: START, bytes: a.assemble(START).bytes },
      { address: code, bytes: f.assemble(code).bytes },
    ],
  };
}

const shared: Case = {
  image: twoAddresses().guest,
  instructions: 2300,
  physical: (pc) => {
    const page = Number(pc) & ~0xfff;
    const code = page === TWO_ADDRESSES.first || page === TWO_ADDRESSES.second;
    return code ? TWO_ADDRESSES.physical + (Number(pc) & 0xfff) : Number(pc);
  },
  atLeast: 100,
};
const pageAt = (address: number): [bigint, bigint] => [BigInt(address), BigInt(address + 4095)];
const CASES: Record<string, Case> = {
  "one page at two addresses, changed by one of them": shared,
  "one page at two addresses, looked at by the first": { ...shared, pc: pageAt(TWO_ADDRESSES.first), atLeast: 45 },
  "one page at two addresses, looked at by the second": { ...shared, pc: pageAt(TWO_ADDRESSES.second), atLeast: 45 },
  "code rewritten before fence.i, data beside it": { image: rewritten(), instructions: 1500, atLeast: 15 },
  "code rewritten before fence.i, looked at alone": {
    image: rewritten(),
    instructions: 1500,
    pc: pageAt(START + 0x4000),
    atLeast: 15,
  },
  "banks switched by the loop that runs from them": {
    image: bankLoop(0x100).guest,
    settings: BOARD,
    instructions: 3000,
    window: WINDOW0,
    atLeast: 300,
  },
  "banks switched, across two pages": {
    image: bankLoop(0xff4).guest,
    settings: BOARD,
    instructions: 3000,
    window: WINDOW0,
    atLeast: 300,
  },
};

async function observed({ image, settings }: Case, engine: Partial<EngineSettings>): Promise<Observed> {
  const load = image.parts.map(({ address, bytes }) => ({ address, bytes, kind: "raw" as const, name: "part" }));
  const description = { board: "virt", harts: 1, ram: 2 ** 20, load, ...settings } as const;
  return new Observed(await machineModules(), { description, instructions: 0 }, engine);
}

function pcOf(machine: Machine): bigint {
  return new DataView(machine.memory.buffer).getBigUint64(machine.core.hart_address(0) + L.PC - L.STATE, true);
}

interface Expected {
  translated: string[];
  /** Instructions that the plugin sees. */
  executed: number;
}

/** What is to be translated: from a run that is recorded, and one that is stepped along with it. */
async function expected(one: Case): Promise<Expected> {
  const { instructions, physical = Number, window } = one;
  const recorded = await observed(one, { jit: false });
  const stores = storesByInstruction(
    recordAll(recorded.machine, { fetch: false, walk: false, dma: false }, () => recorded.run(instructions)),
  );
  const { machine } = await observed(one, { jit: false });
  const [first, last] = one.pc ?? [0n, -1n];
  const seen = (pc: bigint): boolean => one.pc === undefined || (pc >= first && pc <= last);
  let executed = 0;
  const model = new TranslationModel((paddr, size) => machine.bus.readPhysical(paddr, size));
  for (let n = 0; n < instructions; n++) {
    const pc = pcOf(machine);
    model.execute(pc, physical(pc));
    if (seen(pc)) executed++;
    machine.run(1);
    for (const store of stores.get(n) ?? []) {
      assert.equal(store.pc, pc);
      if (window !== undefined && store.paddr === BigInt(BANK0)) model.moved(window, WINDOW_SIZE);
      else model.store(Number(store.paddr), store.size);
    }
  }
  const translated = model.translated.filter((line) => seen(BigInt(line.split(" ")[0] as string)));
  return { translated, executed };
}

/** Writes the blocks it is asked about, and counts their instructions as plugins do. */
function writesDown(translated: string[]): PluginDefinition {
  return {
    name: "translations",
    summary: "",
    options: {},
    results: {},
    install(host) {
      const count = host.scoreboard(1).counter(0);
      return {
        translate({ vaddr, paddr, instructions }) {
          const bytes = Buffer.concat(instructions.map((instruction) => instruction.bytes)).toString("hex");
          translated.push(`0x${vaddr.toString(16)} 0x${paddr.toString(16)} ${bytes}`);
          for (const instruction of instructions) instruction.onExec(count.add(1));
        },
        results: () => Number(count.sum()),
      };
    },
  };
}

for (const [name, one] of Object.entries(CASES)) {
  test(name, async () => {
    const { translated: want, executed } = await expected(one);
    assert.ok(want.length >= one.atLeast, `${want.length} blocks`);
    for (const [how, engine] of Object.entries(ENGINES)) {
      for (const slice of SLICES) {
        const run = await observed(one, engine);
        const translated: string[] = [];
        run.define("translations", writesDown(translated), one.pc ? { pc: [one.pc] } : {});
        while (run.machine.instructionCount() < one.instructions && run.stopped === "count")
          run.run(Math.min(one.instructions, run.machine.instructionCount() + slice));
        assert.deepEqual(run.failures, []);
        const what = `${how}, by ${slice}`;
        const wrong = want.findIndex((block, n) => block !== translated[n]);
        assert.equal(wrong, -1, `${what}: block ${wrong} is ${translated[wrong]}, not ${want[wrong]}`);
        assert.equal(translated.length, want.length, what);
        assert.equal(run.manager.snapshot("translations", false).results, executed, what);
      }
    }
  });
}
