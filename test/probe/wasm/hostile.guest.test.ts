// Plugins that mean harm, one behind the other, on a Linux that boots: each is out with its report, and Linux is where it would
// be without them. EMUSCOPE_HOSTILE says how many.
import assert from "node:assert/strict";
import { test } from "node:test";
import { prepare } from "../../../src/probe/wasm/prepare.js";
import { machineModules } from "../../engine/machines.js";
import { debian, skipWithoutGuests } from "../../machine/guests.js";
import { heapUsed } from "../coming-and-going.js";
import { type Guest, Observed } from "../observed.js";
import { HARMS, LIMITS, PLACES, source } from "./harms.js";

const ROUNDS = Number(process.env["EMUSCOPE_HOSTILE"] ?? 1000);

test(`${ROUNDS} of them`, { skip: skipWithoutGuests, timeout: 900_000 }, async (t) => {
  const guest: Guest = { description: debian(2), instructions: 0 };
  const prepared = Object.entries(PLACES).flatMap(([place, { where }]) =>
    Object.entries(HARMS).map(([name, harm]) => ({
      name: `${name}, ${place}`,
      harm,
      where,
      ...prepare(source(PLACES[place] as (typeof PLACES)[string], harm), LIMITS),
    })),
  );
  const modules = await machineModules();
  const [plain, observed] = [new Observed(modules, guest, {}), new Observed(modules, guest, {})];
  const { machine, manager } = observed;
  observed.run(40_000_000);
  let before = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // 68 sorts in an order that is no order
    const { name, harm, where, module, info } = prepared[(round * 29) % prepared.length] as (typeof prepared)[number];
    manager.attach("next", { kind: "wasm", name, module, info }, {}, {});
    for (let n = 0; n < 100 && manager.get("next").failure === undefined; n++)
      observed.run(machine.instructionCount() + 10_000);
    const { state, failure } = manager.get("next");
    assert.deepEqual([state, failure?.cause], ["failed", harm.cause], `${round}: ${name}: ${failure?.message}`);
    assert.match(failure?.message ?? "", harm.message, name);
    assert.match(failure?.where ?? "", where, name);
    manager.detach("next");
    observed.run(machine.instructionCount() + 5000);
    if (round === ROUNDS >> 1) before = heapUsed();
  }
  t.diagnostic(`the heap grew by ${heapUsed() - before} bytes over the second half`);
  assert.ok(heapUsed() - before < 8 << 20);
  assert.equal(observed.failures.length, ROUNDS);
  assert.deepEqual([machine.probes.on, machine.engineStats().variant], [false, "plain"]);
  plain.run(machine.instructionCount());
  assert.deepEqual(observed.outcome(), plain.outcome());
  assert.equal(observed.stopped, "count");
});
