// A thousand attachments to a Linux that boots, of all built-in plugins at once among them: its state is that of a run that
// nobody looked at, nothing is left behind, and it is as fast as before.
import assert from "node:assert/strict";
import { test } from "node:test";
import { machineModules } from "../engine/machines.js";
import { debian, skipWithoutGuests } from "../machine/guests.js";
import { ALL_BUILTINS } from "./all-builtins.js";
import { comeAndGo, compiledShare, heapUsed } from "./coming-and-going.js";
import { type Guest, Observed, randomFrom } from "./observed.js";

/** MiB of JavaScript heap with all built-in plugins attached; 223 were measured. */
const MOST_HEAP = 400;
const SEED = Number(process.env["EMUSCOPE_SEED"] ?? 20261126);

const linux = (harts: number): Guest => ({ description: debian(harts), instructions: 0 });

for (const harts of [1, 2]) {
  test(`a Linux with ${harts} hart${harts > 1 ? "s" : ""}, and 1,000 attachments`, {
    skip: skipWithoutGuests,
    timeout: 900_000,
  }, async (t) => {
    t.diagnostic(`EMUSCOPE_SEED=${SEED}`);
    const guest = linux(harts);
    const random = randomFrom(SEED);
    const modules = await machineModules();
    const [plain, observed] = [new Observed(modules, guest, {}), new Observed(modules, guest, {})];
    observed.run(60_000_000);
    const { mappings, heap } = comeAndGo(observed, 1000, 25, () => 1 + Math.floor(50_000 * random()));
    t.diagnostic(`${mappings} mappings at most, the heap grew by ${heap} bytes over the second half`);
    assert.deepEqual(observed.failures, []);
    assert.ok(mappings < 10_000);
    assert.ok(heap < 8 << 20);
    plain.run(observed.machine.instructionCount());
    assert.deepEqual(observed.outcome(), plain.outcome());
    const end = observed.machine.instructionCount() + 20_000_000;
    const shares = [plain, observed].map((o) => {
      o.run(end - 10_000_000);
      return compiledShare(o, () => o.run(end));
    }) as [number, number];
    t.diagnostic(`compiled share ${shares.map((share) => share.toFixed(4)).join(", ")}`);
    assert.ok(Math.abs(shares[1] - shares[0]) < 0.02);
    assert.deepEqual(observed.outcome(), plain.outcome());
    assert.equal(observed.stopped, "count");
  });
}

test("what plugins keep of a Linux that boots is bounded, and goes with them", {
  skip: skipWithoutGuests,
  timeout: 300_000,
}, async (t) => {
  const observed = new Observed(await machineModules(), linux(1), {});
  const { manager, machine } = observed;
  const before = heapUsed();
  for (const { name, filter } of ALL_BUILTINS) {
    const args = name === "discons" ? { abort: false } : name === "stoptrigger" ? { icount: ["1"] } : {};
    manager.attach(name, { kind: "builtin", name }, args, filter);
  }
  const held: number[] = [];
  for (let n = 1; n <= 5; n++) {
    observed.run(n * 30_000_000);
    held.push(Math.round((heapUsed() - before) / 2 ** 20));
  }
  t.diagnostic(`MiB of heap: ${held}; ${machine.probes.blockCount} blocks`);
  assert.ok(Math.max(...held) < MOST_HEAP, `${held} MiB`);
  for (const { id } of manager.list()) manager.detach(id);
  assert.ok(heapUsed() - before < 16 * 2 ** 20);
  assert.deepEqual(observed.failures, []);
});
