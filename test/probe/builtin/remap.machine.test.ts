// hwprofile, mem and execlog on random guests that re-map memory by their own accesses: device and offset of every access are
// what the model of the board says, and what the devices themselves saw.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RegisterFile } from "../../../src/devices/registers.js";
import type { EngineSettings, MachineDescription } from "../../../src/machine/description.js";
import { makeProgram, RAM_SIZE } from "../../machine/remap/program.js";
import { plugged } from "../plugged.js";

const DEVICES = ["bank0", "bank1", "latch0", "latch1"];
const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};

/** How often each key comes up. */
function tally(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort());
}

for (const [how, engine] of Object.entries(ENGINES)) {
  test(`every access to a device, ${how}`, async () => {
    const program = makeProgram(20260102, 1200, 4);
    const description: Partial<MachineDescription> = {
      board: "remap",
      ram: RAM_SIZE,
      load: program.images.map(({ address, bytes }) => ({ address, bytes, name: "program", kind: "raw" as const })),
    };
    const { machine, attach, run, results, failures } = await plugged("smc", engine, description);
    const logs = DEVICES.map((name) => {
      const device = machine.devices.find((one) => one.name === name) as unknown as { registers: RegisterFile };
      return [name, device.registers.recordAccesses()] as const;
    });
    attach("hwprofile", { source: true });
    attach("mem", { haddr: true });
    assert.equal(run(program.instructions), "budget");
    assert.deepEqual(failures, []);

    const devices = results("hwprofile").devices.filter((d: any) => DEVICES.includes(d.device));
    const found: [string, number][] = devices.flatMap((d: any) =>
      d.offsets.flatMap((o: any) => [
        [`${d.device} ${o.offset} read`, o.reads],
        [`${d.device} ${o.offset} write`, o.writes],
      ]),
    );
    const expected = program.expected.filter(({ device, flags }) => DEVICES.includes(device) && !/fault/.test(flags));
    const direction = (kind: string): string => (/store|write/.test(kind) ? "write" : "read");
    assert.deepEqual(
      Object.fromEntries(found.filter(([, count]) => count > 0).sort()),
      tally(expected.map(({ device, offset, kind }) => `${device} ${offset} ${direction(kind)}`)),
    );
    // of an access across two pages each device saw its part
    assert.ok(expected.some(({ flags }) => /split-second/.test(flags)));
    // a part of three bytes comes to the device as two and one, so here it is whole bytes that must agree
    for (const [name, log] of logs) {
      const seen = log.reduce((sum, { size }) => sum + size, 0);
      const told = expected.filter(({ device }) => device === name).reduce((sum, { size }) => sum + size, 0);
      assert.equal(seen, told, name);
    }
    for (const device of devices) {
      const sources = device.sources.reduce((sum: number, s: any) => sum + s.reads + s.writes, 0);
      assert.equal(sources, device.reads + device.writes);
    }
  });
}
