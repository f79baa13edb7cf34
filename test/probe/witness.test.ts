// What plugins are told, against what others say of the same run: the trace, record by record; the core's counters; a machine that
// is stepped one instruction at a time; what the devices themselves saw.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import * as L from "../../src/core/layout.js";
import type { LoggedAccess, RegisterFile } from "../../src/devices/registers.js";
import type { EngineSettings } from "../../src/machine/description.js";
import { createMachine } from "../../src/machine/machine.js";
import { machineModules } from "../engine/machines.js";
import { withVariable } from "../guest/elf-symbols.js";
import { recordAll } from "../machine/remap/recorder.js";
import { assertCounted, assertTold, counters } from "./compare-witness.js";
import { type Guest, Observed } from "./observed.js";
import { witness } from "./witness.js";

const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};
const GUESTS: Record<string, { guest: string; board: "remap" | "virt"; harts: number; instructions: number }> = {
  "the demo guest": { guest: "demo/demo", board: "remap", harts: 1, instructions: 90_000 },
  "code that rewrites itself": { guest: "bare/smc", board: "virt", harts: 1, instructions: 40_000 },
  "two harts": { guest: "bare/smp", board: "virt", harts: 2, instructions: 130_000 },
};

async function guest({ guest, board, harts, instructions }: (typeof GUESTS)[string]): Promise<Guest> {
  const elf = await readFile(new URL(`../../../guest/${guest}.elf`, import.meta.url));
  const kernel = { bytes: withVariable(elf, "iterations", 100_000n), name: guest };
  return { description: { board, harts, ram: 16 << 20, kernel }, instructions };
}

for (const [name, spec] of Object.entries(GUESTS)) {
  for (const [how, engine] of Object.entries(ENGINES)) {
    test(`${name}, ${how}: accesses, walks and events are those of the trace and the counters`, async () => {
      const run = await guest(spec);
      const observed = new Observed(await machineModules(), run, engine);
      const { definition, seen } = witness(true);
      observed.define("witness", definition);
      const before = counters(observed.machine);
      const records = recordAll(observed.machine, { fetch: false, walk: true, dma: true }, () =>
        observed.run(run.instructions),
      );
      assert.deepEqual(observed.failures, []);
      assertTold(seen, records);
      assertCounted(seen, before, counters(observed.machine));
      assert.ok(seen.accesses.length > 3000);
      // and the same when nothing is recorded
      const alone = new Observed(await machineModules(), run, engine);
      const other = witness(true);
      alone.define("witness", other.definition);
      alone.run(run.instructions);
      for (const what of ["accesses", "walks", "dma", "executed", "blocks", "events"] as const)
        assert.ok(isDeepStrictEqual(other.seen[what], seen[what]), what);
    });
  }
}

for (const name of ["the demo guest", "code that rewrites itself"]) {
  test(`${name}: plugins see each instruction run, and blocks one behind the other, as stepping does`, async () => {
    const run = await guest(GUESTS[name] as (typeof GUESTS)[string]);
    const modules = await machineModules();
    const stepped = createMachine({ ...run.description, engine: { jit: false } }, modules);
    const view = new DataView(stepped.memory.buffer);
    const steps: bigint[] = [];
    for (let n = 0; n < run.instructions; n++) {
      steps.push(view.getBigUint64(stepped.core.hart_address(0) + L.PC - L.STATE, true));
      stepped.run(1);
    }
    for (const [how, engine] of Object.entries(ENGINES)) {
      const observed = new Observed(modules, run, engine);
      const { definition, seen } = witness(true);
      observed.define("witness", definition);
      observed.run(run.instructions);
      assert.equal(seen.events.interrupt?.length, 0);
      const wrong = steps.findIndex((pc, n) => pc !== seen.executed[n]);
      assert.equal(wrong, -1, `${how}: instruction ${wrong} is ${seen.executed[wrong]?.toString(16)}`);
      assert.equal(seen.executed.length, steps.length);
      let at = 0;
      for (const { vaddr, length } of seen.blocks) {
        // a block that ends early was left by a trap, or its code was written
        assert.equal(steps[at], vaddr, `${how}: block entered at instruction ${at}`);
        let within = 0;
        do within++;
        while (within < length && at + within < steps.length && next(steps, at + within));
        at += within;
      }
      assert.equal(at, steps.length);
    }
  });
}

/** Whether instruction `n` follows the one before it in memory. */
function next(steps: readonly bigint[], n: number): boolean {
  const distance = (steps[n] as bigint) - (steps[n - 1] as bigint);
  return distance === 2n || distance === 4n;
}

/** Parts of odd sizes (accesses across pages) reach a device in pieces; one access for whoever looks at the guest. */
function whole(log: readonly LoggedAccess[]): LoggedAccess[] {
  return log.filter((entry, n) => {
    const before = log[n - 1];
    const piece =
      before?.direction === entry.direction &&
      before.offset + before.size === entry.offset &&
      before.size !== entry.size;
    return !piece;
  });
}

for (const [how, engine] of Object.entries(ENGINES)) {
  test(`board remap, ${how}: hwprofile and mem name the device and offset that each access reached`, async () => {
    const run = await guest(GUESTS["the demo guest"] as (typeof GUESTS)[string]);
    const observed = new Observed(await machineModules(), run, engine);
    const { machine, manager } = observed;
    const logs = new Map<string, LoggedAccess[]>();
    for (const device of machine.devices) {
      const { registers } = device as unknown as { registers?: RegisterFile };
      if (registers?.recordAccesses) logs.set(device.name, registers.recordAccesses());
    }
    manager.attach("hwprofile", { kind: "builtin", name: "hwprofile" }, {}, {});
    manager.attach("mem", { kind: "builtin", name: "mem" }, { haddr: true }, {});
    const before = counters(machine);
    observed.run(run.instructions);
    const after = counters(machine);
    const { devices } = manager.snapshot("hwprofile", false).results as { devices: any[] };
    const { io } = manager.snapshot("mem", false).results as { io: { reads: number; writes: number } };
    const moved = (stat: number): number => (after[stat] as number) - (before[stat] as number);
    assert.ok(moved(L.STAT_IO_READ) > 50 && moved(L.STAT_IO_WRITE) > 50);
    const sum = (direction: "reads" | "writes"): number =>
      devices.reduce((total, device) => total + device[direction], 0);
    assert.deepEqual([sum("reads"), sum("writes")], [io.reads, io.writes]);
    let checked = 0;
    for (const [name, log] of logs) {
      const found = devices.find(({ device }) => device === name);
      const expected = new Map<number, { reads: number; writes: number }>();
      for (const { offset, direction } of whole(log)) {
        const counts = expected.get(offset) ?? { reads: 0, writes: 0 };
        expected.set(offset, counts);
        if (direction === "read") counts.reads++;
        else counts.writes++;
      }
      const actual = (found?.offsets ?? []).map(({ offset, reads, writes }: any) => [offset, { reads, writes }]);
      assert.deepEqual(
        actual,
        [...expected].sort(([a], [b]) => a - b),
        name,
      );
      if (log.length > 0) checked++;
    }
    assert.ok(checked >= 3, `${checked} devices were accessed`);
  });
}
