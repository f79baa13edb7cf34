// Plugins change nothing: with none, with each built-in one, with all of them, with streams beside them, interpreted or compiled,
// and with plugins that come, go, pause and change between slices of random length, a run is the same to the last bit.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { compileModules, type MachineModules } from "../../src/machine/core.js";
import type { EngineSettings } from "../../src/machine/description.js";
import { withVariable } from "../guest/elf-symbols.js";
import type { Outcome } from "../machine/observation.js";
import { ALL_BUILTINS, type Attached } from "./all-builtins.js";
import { type Guest, Observed, randomFrom } from "./observed.js";

const SEED = Number(process.env["EMUSCOPE_SEED"] ?? 20261126);

let modules: MachineModules;
before(async () => {
  modules = await compileModules(await readFile(new URL("../../core.wasm", import.meta.url)));
});

async function guest(file: string, iterations: bigint): Promise<{ bytes: Uint8Array; name: string }> {
  const elf = await readFile(new URL(`../../../guest/${file}.elf`, import.meta.url));
  return { bytes: withVariable(elf, "iterations", iterations), name: file };
}

const GUESTS: Record<string, () => Promise<Guest>> = {
  "the demo guest, typed to": async () => ({
    description: { board: "remap", harts: 1, ram: 16 << 20, kernel: await guest("demo/demo", 2n) },
    instructions: 55_000,
    input: [
      [30_001, "a"],
      [45_000, "b"],
    ],
  }),
  "code that rewrites itself": async () => ({
    description: { board: "virt", harts: 1, ram: 4 << 20, kernel: await guest("bare/smc", 1000n) },
    instructions: 30_000,
  }),
  "three harts that share memory": async () => ({
    description: { board: "virt", harts: 3, ram: 4 << 20, kernel: await guest("bare/smp", 1000n) },
    instructions: 110_000,
  }),
};
const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};

function attach(observed: Observed, { name, args, filter }: Attached, id = name): void {
  observed.manager.attach(id, { kind: "builtin", name }, args, filter);
}

for (const [name, make] of Object.entries(GUESTS)) {
  describe(`plugins change nothing: ${name}`, () => {
    let run: Guest;
    let expected: Outcome;
    before(async () => {
      run = await make();
      const plain = new Observed(modules, run, { jit: false });
      plain.run(run.instructions);
      expected = plain.outcome();
      assert.equal(expected.stopped, "count");
    });

    const check = (observed: Observed, hint = ""): void => {
      assert.deepEqual(observed.failures, []);
      assert.deepEqual(observed.outcome(), expected, hint);
    };

    for (const [how, engine] of Object.entries(ENGINES)) {
      it(`${how}, each built-in plugin by itself`, () => {
        // every other one, for time's sake; the others are compiled for one guest and interpreted for the next
        const parity = (Object.keys(GUESTS).indexOf(name) + Object.keys(ENGINES).indexOf(how)) % 2;
        for (const plugin of ALL_BUILTINS.filter((_, i) => i % 2 === parity)) {
          const observed = new Observed(modules, run, engine);
          attach(observed, plugin);
          observed.run(run.instructions);
          observed.manager.snapshot(plugin.name, true);
          check(observed, plugin.name);
        }
      });

      for (const streams of ["no stream", "a stream of accesses", "a stream of everything"]) {
        it(`${how}, all built-in plugins at once, ${streams}`, () => {
          const observed = new Observed(modules, run, engine);
          for (const plugin of ALL_BUILTINS) attach(observed, plugin);
          const fetches = streams === "a stream of everything";
          const end = streams === "no stream" ? () => {} : observed.record(fetches);
          observed.run(run.instructions);
          end();
          check(observed);
          const { compiledInstructions, instructions, jit } = observed.machine.engineStats();
          // fetches are the interpreter's to record, and nothing is compiled in vain meanwhile
          if (fetches) assert.deepEqual([compiledInstructions, jit.probe?.compiled ?? 0], [0, 0]);
          else if (engine.jit) assert.ok(compiledInstructions > instructions / 2);
        });
      }

      it(`${how}, with plugins and streams that come and go`, (t) => {
        t.diagnostic(`EMUSCOPE_SEED=${SEED}`);
        const random = randomFrom(SEED);
        const observed = new Observed(modules, run, engine);
        comeAndGo(observed, random, run.instructions, 30_000);
        check(observed, `seed ${SEED}`);
      });
    }
  });
}

function comeAndGo(observed: Observed, random: () => number, until: number, longest: number): void {
  const { manager } = observed;
  let end: (() => void) | undefined;
  const chosen = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  observed.wander(until, random, longest, () => {
    const absent = ALL_BUILTINS.filter(({ name }) => !manager.list().some(({ id }) => id === name));
    const present = manager.list().map(({ id }) => ALL_BUILTINS.find(({ name }) => name === id) as Attached);
    const action = random();
    if (action < 0.35 && absent.length > 0) attach(observed, chosen(absent));
    else if (present.length > 0) {
      const { name, args, filter } = chosen(present);
      if (action < 0.5) manager.detach(name);
      else if (action < 0.6) manager.pause(name);
      else if (action < 0.7) manager.resume(name);
      else if (action < 0.75) manager.configure(name, { args });
      else if (action < 0.8)
        manager.configure(name, { filter: { ...filter, privilege: [chosen(["U", "S", "M"] as const)] } });
      else if (action < 0.85) manager.snapshot(name, true);
    }
    if (action > 0.9) {
      if (end) end();
      end = end ? undefined : observed.record(action > 0.95);
    }
  });
  end?.();
}
