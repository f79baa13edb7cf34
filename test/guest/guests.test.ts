// The guest programs under guest/ do on Emuscope what they say, and what they do on QEMU where it is installed.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { compileModules } from "../../src/machine/core.js";
import { createMachine } from "../../src/machine/machine.js";
import { qemuVersion } from "../differential/qemu.js";
import { withVariable } from "./elf-symbols.js";

const root = new URL("../../../", import.meta.url);
const modules = compileModules(readFileSync(new URL("dist/core.wasm", root)));
const guest = (name: string): Uint8Array => readFileSync(new URL(`guest/${name}.elf`, root));
const MIB = 2 ** 20;

/** Runs a program to its end, or through `budget` instructions. */
async function run(elf: Uint8Array, budget: number, board: "virt" | "remap" = "virt", harts = 1) {
  const machine = createMachine(
    { board, harts, ram: 64 * MIB, kernel: { bytes: elf, name: "guest.elf", kind: "elf" } },
    await modules,
  );
  let text = "";
  machine.onConsole((_, bytes) => {
    text += Buffer.from(bytes).toString("latin1");
  });
  const result = machine.run(budget);
  return { ...result, text, instructions: machine.instructionCount() };
}

/** What the program prints on QEMU. */
function onQemu(elf: Uint8Array, harts = 1): { text: string; code: number | null } {
  const directory = mkdtempSync(join(tmpdir(), "emuscope-"));
  try {
    const file = join(directory, "guest.elf");
    writeFileSync(file, elf);
    const options = [
      "-M",
      "virt",
      "-m",
      "64M",
      "-smp",
      String(harts),
      "-display",
      "none",
      "-monitor",
      "none",
      "-serial",
      "stdio",
    ];
    const { stdout, status } = spawnSync("qemu-system-riscv64", [...options, "-bios", "none", "-kernel", file], {
      encoding: "latin1",
      timeout: 60_000,
      input: "",
    });
    return { text: stdout, code: status };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

// few rounds of each: an interpreter runs them too
for (const [name, rounds] of [
  ["integer", 2n],
  ["pointer", 1n],
  ["matrix", 1n],
  ["float", 2n],
  ["calls", 2n],
  ["strings", 2n],
  ["smc", 50n],
] as const) {
  test(`bare/${name} ends well and computes what it computes on QEMU`, async () => {
    const elf = withVariable(guest(`bare/${name}`), "iterations", rounds);
    const { reason, exitCode, text } = await run(elf, 200_000_000);
    assert.equal(reason, "halted");
    assert.equal(exitCode, 0);
    assert.match(text, /check=[0-9a-f]{16} OK\n$/);
    if (qemuVersion() !== undefined) assert.deepEqual({ text, code: exitCode }, onQemu(elf));
  });
}

test("bare/smc finds the result that is written in it", async () => {
  const { exitCode, text } = await run(guest("bare/smc"), 200_000_000);
  assert.equal(exitCode, 0, text);
});

for (const harts of [1, 2, 4, 8]) {
  test(`bare/smp: ${harts} harts share memory without losing an update, in the same way every time`, async () => {
    const first = await run(guest("bare/smp"), 200_000_000, "virt", harts);
    assert.equal(first.exitCode, 0, first.text);
    assert.match(first.text, new RegExp(`^harts=${harts} `));
    const second = await run(guest("bare/smp"), 200_000_000, "virt", harts);
    assert.deepEqual(second, first);
  });
}

for (const name of ["LOOP", "TRAP_LOOP", "NO_HANDLER", "WILD_STACK", "WILD_STORES"]) {
  test(`bare/hostile-${name} uses its budget and no more`, async () => {
    const { reason, executed } = await run(guest(`bare/hostile-${name}`), 2_000_000);
    assert.deepEqual({ reason, executed }, { reason: "budget", executed: 2_000_000 });
  });
}

test("bare/hostile-SLEEPER waits for what never comes, and says so", async () => {
  const { reason, executed } = await run(guest("bare/hostile-SLEEPER"), 2_000_000);
  assert.equal(reason, "idle");
  assert.ok(executed < 100);
});

test("the demo guest turns both bank controllers and finds what it must, five times over", async () => {
  const { reason, exitCode, text } = await run(
    withVariable(guest("demo/demo"), "iterations", 5n),
    100_000_000,
    "remap",
  );
  assert.deepEqual({ reason, exitCode }, { reason: "halted", exitCode: 0 }, text);
  assert.equal(text.match(/^remap #\d+ .* checksum [0-9a-f]{16}$/gm)?.length, 5);
  assert.match(text, /\nDONE\n$/);
});

test("the demo guest answers what is typed", async () => {
  const machine = createMachine(
    { board: "remap", harts: 1, ram: 64 * MIB, kernel: { bytes: guest("demo/demo"), name: "demo.elf", kind: "elf" } },
    await modules,
  );
  let text = "";
  machine.onConsole((_, bytes) => {
    text += Buffer.from(bytes).toString("latin1");
  });
  machine.run(2_000_000);
  machine.consoleInput("uart0", Buffer.from("k"));
  machine.run(3_000_000);
  assert.match(text, /you typed 'k'/);
});
