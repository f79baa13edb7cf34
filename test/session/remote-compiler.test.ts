// Regions made in the shared thread: guests end as in the interpreter, also when that thread dies under them.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { Machine } from "../../src/machine/machine.js";
import { createMachine } from "../../src/machine/machine.js";
import { CompileService } from "../../src/session/compile-service.js";
import { RemoteCompiler } from "../../src/session/remote-compiler.js";
import { boot, differences, INTERPRETER, machineModules, runTo } from "../engine/machines.js";
import { generateProgram } from "../engine/programs.js";

const LENGTH = 300_000;
const SLICE = 5_000;

async function machineWith(service: CompileService, index: number): Promise<Machine> {
  const { image } = generateProgram(77, index, { rewrite: true });
  const load = image.parts.map(({ address, bytes }) => ({ address, bytes, kind: "raw" as const, name: "part" }));
  const compiler = new RemoteCompiler(service.connect());
  return createMachine(
    { board: "virt", harts: 1, ram: 2 ** 20, load, engine: { hotThreshold: 3, batch: 2 } },
    await machineModules(),
    (memory, tier) => compiler.tier(memory, tier),
  );
}

/** Runs to the end, with a turn of the event loop now and then, as a session does. */
async function run(machine: Machine, eachSlice: () => Promise<void> | void = () => {}): Promise<void> {
  while (machine.instructionCount() < LENGTH) {
    const { reason } = machine.run(Math.min(SLICE, LENGTH - machine.instructionCount()));
    if (reason === "halted" || reason === "idle") return;
    await new Promise(setImmediate);
    await eachSlice();
  }
}

async function compare(machine: Machine, index: number): Promise<void> {
  const reference = await boot(generateProgram(77, index, { rewrite: true }).image, INTERPRETER);
  runTo(reference, LENGTH, INTERPRETER.chunk);
  assert.deepEqual(differences(reference, machine), []);
}

function service(t: TestContext): CompileService {
  const made = new CompileService();
  t.after(() => made.close());
  return made;
}

test("programs that rewrite themselves, compiled by one thread at a time, end as in the interpreter", async (t) => {
  const shared = service(t);
  shared.connect().close();
  await shared.ready;
  const machines = await Promise.all([0, 1, 2, 3].map((index) => machineWith(shared, index)));
  await Promise.all(machines.map((machine) => run(machine)));
  for (const [index, machine] of machines.entries()) await compare(machine, index);
  const stats = machines.map((machine) => machine.jitStats().plain);
  assert.ok(
    stats.some((plain) => plain && plain.compiled > 0 && plain.backgroundMs > 0),
    JSON.stringify(stats),
  );
});

test("when the thread dies, what it owed and all that comes is made by the session", async (t) => {
  const dying = service(t);
  const machine = await machineWith(dying, 5);
  let slices = 0;
  await run(machine, async () => {
    if (++slices === 3) await dying.close();
  });
  await compare(machine, 5);
  const compiled = machine.jitStats().plain?.compiled ?? 0;
  assert.ok(compiled > 0, `${compiled} regions`);
  // and the next session gets a thread of its own
  const next = await machineWith(dying, 6);
  await run(next);
  await compare(next, 6);
});
