// Runs an image on board `virt` of this project, in this process.

import { readFileSync } from "node:fs";

import { compileModules, type MachineModules } from "../../src/machine/core.js";
import type { EngineSettings } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import { type Image, RAM_SIZE } from "./image.js";

/** An image takes a few million instructions; far more means that a test does not end. */
const MOST_INSTRUCTIONS = 100_000_000;

let modules: Promise<MachineModules> | undefined;

/** The engine's modules, compiled once per process. */
export function machineModules(): Promise<MachineModules> {
  modules ??= compileModules(readFileSync(new URL("../../core.wasm", import.meta.url)));
  return modules;
}

/** Runs the image to power-off and returns what `fetch` asks for. `prepare` may set the machine up first. Throws when the guest does not end. */
export async function runOnEmuscope(
  image: Image,
  prepare: (machine: Machine) => void = () => {},
  engine: Partial<EngineSettings> = {},
): Promise<Uint8Array[]> {
  const machine = createMachine(
    { board: "virt", harts: 1, ram: RAM_SIZE, kernel: { bytes: image.elf, name: "image.elf", kind: "elf" }, engine },
    await machineModules(),
  );
  prepare(machine);
  const { reason } = machine.run(MOST_INSTRUCTIONS);
  if (reason !== "halted")
    throw new Error(`the guest did not power off: ${reason} after ${machine.instructionCount()} instructions`);
  return image.fetch.map(({ address, length }) => machine.bus.readPhysical(address, length));
}
