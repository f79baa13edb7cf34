// A plugin's function that traps in the middle of generated code: the guest must not notice, and the other probes of the
// instruction must still run. EMUSCOPE_SEED=<number> or =random chooses other programs.
import assert from "node:assert/strict";
import test from "node:test";
import loadWabt from "wabt";
import type { BlockProbes, ProbeOp } from "../../src/engine/probe-ops.js";
import type { RawBlock } from "../../src/engine/probes.js";
import type { Machine } from "../../src/machine/machine.js";
import { seedOf } from "../differential/harness.js";
import { times } from "../thorough.js";
import { boot, differences, EAGER, INTERPRETER, runTo, type Tier } from "./machines.js";
import { generateProgram } from "./programs.js";

const SEED = seedOf(20261126);
const LENGTH = 20_000;
const PROGRAMS = times(4, 12);

const SOURCE = `(module
  (global $left (export "left") (mut i32) (i32.const 0))
  (func $count
    (global.set $left (i32.sub (global.get $left) (i32.const 1)))
    (if (i32.eqz (global.get $left)) (then unreachable)))
  (func (export "exec") (param i32 i32 i32) (call $count))
  (func (export "access") (param i32 i32 i32 i64 i32) (call $count))
  (func (export "execLeaf") (param i32 i32) (call $count))
  (func (export "accessLeaf") (param i32 i32 i64 i32 i64 i32) (call $count)))`;

async function trappingModule(): Promise<WebAssembly.Exports> {
  const wabt = await loadWabt();
  const parsed = wabt.parseWat("trap.wat", SOURCE);
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return new WebAssembly.Instance(new WebAssembly.Module(buffer as Uint8Array<ArrayBuffer>)).exports;
}

type Where = "block" | "exec" | "access";
/** Through the dispatcher; or, in compiled code, as a leaf, with something behind it or as the last. */
type How = "dispatcher" | "leaf" | "last leaf";

/** Calls at every block, instruction or access, of which the nth traps; counts instructions before and behind the call. */
function probeTrapping(machine: Machine, exports: WebAssembly.Exports, where: Where, how: How, nth: number) {
  (exports["left"] as WebAssembly.Global).value = nth;
  const signature = where === "access" ? "access" : "exec";
  const base = machine.probes.data.take(16) as number;
  const view = new DataView(machine.memory.buffer);
  const seen = { broken: 0, counts: () => [view.getBigUint64(base, true), view.getBigUint64(base + 8, true)] };
  const add = (at: number): ProbeOp => ({ kind: "add", counter: { address: base + 8 * at, stride: 0 }, value: 1n });
  let dispatcher = 0;
  machine.probes.dispatchers["leaf"] = exports[`${signature}Leaf`] as CallableFunction;
  const known = new Map<RawBlock, BlockProbes>();
  machine.probes.attach({
    instrument(block) {
      const made = known.get(block);
      if (made) return made;
      const call: ProbeOp = {
        kind: "call",
        target: { slot: 3, dispatcher, fn: 0 },
        tag: 0,
        signature,
        registers: "none",
        hwaddr: where === "access",
        synced: false,
        direct: true,
        leaf:
          how === "dispatcher" ? undefined : { name: "leaf", fields: where === "access" ? ["paddr", "region"] : [] },
      };
      const around = how === "last leaf" ? [add(0), add(1), call] : [add(0), call, add(1)];
      const probes: BlockProbes = {
        block: where === "block" ? around : [],
        exec: block.instructions.map(() => (where === "exec" ? around : undefined)),
        access: block.instructions.map(({ decoded }) =>
          where === "access" && decoded.instruction.memory
            ? around.map((op) => ({ op, direction: "both", io: false }))
            : undefined,
        ),
      };
      known.set(block, probes);
      return probes;
    },
    interests: () => undefined,
    dropped(block) {
      if (block) known.delete(block);
      else known.clear();
    },
    event() {},
    broken(slot, error) {
      assert.equal(slot, 3);
      assert.ok(error instanceof WebAssembly.RuntimeError);
      seen.broken++;
      machine.probes.silence(dispatcher, signature);
      return "resume";
    },
    safePoint() {},
  });
  dispatcher = machine.probes.place(signature, exports[signature] as CallableFunction, true);
  machine.probes.on = true;
  return seen;
}

const TIERS: readonly Tier[] = [
  { ...EAGER, name: "compiled" },
  { name: "interpreted", engine: { jit: false }, chunk: 1e6 },
];

const KINDS = (["block", "exec", "access"] as const).flatMap((where) =>
  (["dispatcher", "leaf", "last leaf"] as const).map((how) => [where, how] as const),
);
for (const [where, how] of KINDS) {
  test(`a trap in a callback of kind ${where}, ${how}, leaves no mark on the guest`, async () => {
    const exports = await trappingModule();
    for (let index = 0; index < PROGRAMS; index++) {
      const program = generateProgram(SEED, index);
      const reference = await boot(program.image, INTERPRETER);
      runTo(reference, LENGTH, INTERPRETER.chunk);
      for (const tier of TIERS) {
        const machine = await boot(program.image, tier);
        const nth = 1 + ((index * 397) % (where === "exec" ? 9000 : 1500));
        const seen = probeTrapping(machine, exports, where, how, nth);
        runTo(machine, LENGTH, tier.chunk);
        const what = `${program.name}, ${tier.name}, call ${nth}`;
        assert.deepEqual(differences(reference, machine), [], what);
        const [before, behind] = seen.counts();
        assert.equal(before, behind, what);
        const calls = Number(before);
        assert.equal(seen.broken, calls >= nth ? 1 : 0, `${what} of ${calls}`);
        // slots that end in a fetch fault have no instruction
        if (where === "exec") assert.ok(calls > LENGTH / 2 && calls <= LENGTH, `${what}: ${calls}`);
      }
    }
  });
}
