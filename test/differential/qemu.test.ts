// Random programs on QEMU, on Emuscope and on the model must leave the same behind.
// EMUSCOPE_SEED=<number> or =random chooses others; EMUSCOPE_PROGRAMS the number against QEMU.

import assert from "node:assert/strict";
import test from "node:test";

import { runOnEmuscope } from "./emuscope.js";
import { OPCODES } from "./encode.js";
import { ALL_EXTENSIONS, DEFAULTS, generate, QEMU_WRONG } from "./generate.js";
import { compareSides, MODEL, machineSide, seedOf } from "./harness.js";
import { qemuVersion, runOnQemu } from "./qemu.js";

const SEED = seedOf(20240411);
const PROGRAMS = Number(process.env["EMUSCOPE_PROGRAMS"] ?? 20_000);

const EMUSCOPE = machineSide("emuscope", runOnEmuscope);
const QEMU = machineSide("qemu", runOnQemu);
const noQemu = qemuVersion() === undefined ? "no qemu-system-riscv64 here" : false;

test("the generator uses every instruction it knows", () => {
  const seen = new Set<string>();
  for (let index = 0; index < 4000; index++)
    for (const instruction of generate(SEED, index, { ...DEFAULTS, extensions: ALL_EXTENSIONS, without: new Set() })
      .code)
      seen.add(instruction.op.name);
  const never = OPCODES.filter((op) => !seen.has(op.name) && !["ecall", "ebreak"].includes(op.name)).map(
    (op) => op.name,
  );
  assert.deepEqual(never, []);
});

test("QEMU and the model agree, so that either can be trusted", { skip: noQemu }, async () => {
  await compareSides(QEMU, MODEL, SEED, 3000, DEFAULTS);
});

test(`${PROGRAMS} programs leave the same registers, flags and memory on Emuscope and on QEMU`, {
  skip: noQemu,
}, async () => {
  await compareSides(EMUSCOPE, QEMU, SEED + 1, PROGRAMS, DEFAULTS);
});

test("what QEMU 7.2 lacks or gets wrong is as the model says: Zicond, Zicboz, ctzw", async () => {
  await compareSides(EMUSCOPE, MODEL, SEED + 2, 4000, { ...DEFAULTS, extensions: ALL_EXTENSIONS, without: new Set() });
});

test("the instructions left out for QEMU are few and known", () => {
  assert.deepEqual([...QEMU_WRONG], ["ctzw"]);
});
