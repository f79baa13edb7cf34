// The one promise, on random guests of board remap: every record of every access carries the hardware address that was
// true when the access happened, whatever the access did to the memory map meanwhile. Two oracles judge, which know
// nothing of the engine: the model in remap/model.ts, and what the devices themselves saw.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { FLUSH_STATS, STAT_GROW, STAT_SHRINK } from "../../src/core/layout.js";
import type { LoggedAccess, RegisterFile } from "../../src/devices/registers.js";
import { compileModules, type MachineModules } from "../../src/machine/core.js";
import type { EngineSettings } from "../../src/machine/description.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import type { SubscriptionSpec } from "../../src/session/protocol.js";
import { times } from "../thorough.js";
import type { Expected } from "./remap/model.js";
import { makeProgram, type Program, RAM_SIZE } from "./remap/program.js";
import { recordAll } from "./remap/recorder.js";

const SEED = Number(process.env["EMUSCOPE_SEED"] ?? 20260101);

let modules: MachineModules;
before(async () => {
  modules = await compileModules(await readFile(new URL("../../core.wasm", import.meta.url)));
});

function machineFor(program: Program, engine: Partial<EngineSettings>): Machine {
  return createMachine(
    {
      board: "remap",
      harts: 1,
      ram: RAM_SIZE,
      engine,
      load: program.images.map(({ address, bytes }) => ({ address, bytes, name: "program", kind: "raw" as const })),
    },
    modules,
  );
}

const registers = (machine: Machine, name: string): RegisterFile =>
  (machine.devices.find((device) => device.name === name) as unknown as { registers: RegisterFile }).registers;

const DEVICES = ["bank0", "bank1", "latch0", "latch1"];

/** Runs the program with everything recorded. */
function observe(program: Program, engine: Partial<EngineSettings>, include: SubscriptionSpec["include"]) {
  const machine = machineFor(program, engine);
  const logs = Object.fromEntries(DEVICES.map((name) => [name, registers(machine, name).recordAccesses()]));
  const records = recordAll(machine, include, () => {
    const { reason, executed } = machine.run(program.instructions);
    assert.deepEqual({ reason, executed }, { reason: "budget", executed: program.instructions });
  });
  return { machine, records, logs };
}

/** The first difference, in words; comparing a hundred thousand objects at once would tell nobody anything. */
function assertSame(actual: readonly Expected[], expected: readonly Expected[]): void {
  const text = (record: Expected | undefined): string =>
    JSON.stringify(record, (_, value) => (typeof value === "bigint" ? `0x${value.toString(16)}` : value));
  for (let n = 0; n < Math.max(actual.length, expected.length); n++) {
    const [left, right] = [text(actual[n]), text(expected[n])];
    if (left !== right)
      assert.fail(`seed ${SEED}, record ${n}:\n  is     ${left}\n  not    ${right}\n  before ${text(expected[n - 1])}`);
  }
}

const ENGINES: readonly [string, Partial<EngineSettings>][] = [
  ["the interpreter", { jit: false }],
  ["everything compiled that can be", { jit: true, hotThreshold: 1, batch: 1 }],
];

describe("random guests that re-map memory by their own accesses", () => {
  for (const [name, engine] of ENGINES) {
    it(`every record is what the model of the board says: ${name}`, () => {
      const program = makeProgram(SEED, times(700, 3000), 4);
      const { machine, records } = observe(program, engine, { fetch: false, walk: false, dma: false });
      assertSame(records.filter(program.concerns), program.expected);
      // the cases this is about did come up
      const flagged = (flags: RegExp, kind: RegExp): number =>
        program.expected.filter((record) => flags.test(record.flags) && kind.test(record.kind)).length;
      for (const kind of [/^load/, /^store/, /amo-read/, /amo-write/])
        assert.ok(flagged(/remapped/, kind) > 5, `${kind}`);
      assert.ok(flagged(/split-first remapped/, /./) > 5);
      assert.ok(flagged(/split-second remapped/, /./) > 5);
      assert.ok(flagged(/fault/, /./) > 5);
      assert.ok(flagged(/discarded/, /./) > 0);
      for (const [device, { reads, writes }] of Object.entries(program.model.devices)) {
        const file = registers(machine, device);
        assert.deepEqual({ device, reads: file.reads, writes: file.writes }, { device, reads, writes });
      }
    });
  }

  it("every record of a device is an access that the device saw, with its offset and value, and there are no others", () => {
    const program = makeProgram(SEED + 1, 1200, 4);
    const { records, logs } = observe(program, {}, { fetch: true, walk: true, dma: true });
    for (const name of DEVICES) {
      const log = logs[name] as LoggedAccess[];
      const seen = records.filter((record) => record.device === name);
      let at = 0;
      for (const record of seen) {
        // odd sizes reach a device in pieces
        let value = 0n;
        for (let done = 0; done < record.size; ) {
          const entry = log[at++];
          assert.ok(entry !== undefined, `seed ${SEED + 1}: ${name} never saw access ${at - 1}`);
          assert.equal(BigInt(entry.offset), record.offset + BigInt(done));
          assert.equal(entry.direction, /load|read/.test(record.kind) ? "read" : "write");
          value |= entry.value << BigInt(8 * done);
          done += entry.size;
        }
        assert.equal(value, record.value);
      }
      assert.equal(at, log.length);
      assert.ok(seen.length > 300, name);
    }
  });

  it("page walks are recorded with the entries they read, at the addresses where these are", () => {
    const program = makeProgram(SEED + 2, 800, 3);
    const { records } = observe(program, {}, { fetch: false, walk: true, dma: false });
    let at = 0;
    let walks = 0;
    const reads = records.filter((record) => record.kind.startsWith("walk"));
    assert.ok(reads.every((record) => record.kind === "walk-read" && record.region === "ram" && record.size === 8));
    while (at < reads.length) {
      const { vaddr } = reads[at] as Expected;
      const steps = program.walk(vaddr);
      const found = reads.slice(at, at + steps.length);
      assert.deepEqual(
        found.map(({ vaddr, paddr, value }) => ({ vaddr, paddr, value })),
        steps.map(({ address, value }) => ({ vaddr, paddr: address, value })),
      );
      at += steps.length;
      walks++;
    }
    assert.ok(walks > 1000);
    assertSame(
      records.filter((record) => !record.kind.startsWith("walk") && program.concerns(record)),
      program.expected,
    );
  });

  for (const behind of [
    ["sd", "ld"],
    ["lw", "amoswap.w"],
  ]) {
    it(`and with the TLB resized by the same access: ${behind.join(", then ")}`, () => {
      const program = makeProgram(SEED + 3, 800, 2, behind);
      const machine = machineFor(program, {});
      const counter = (stat: number): number =>
        Number(new DataView(machine.memory.buffer).getBigUint64(FLUSH_STATS + 8 * stat, true));
      const sizes = (): number => counter(STAT_GROW) + counter(STAT_SHRINK);
      const resized: number[] = [];
      const records = recordAll(machine, { fetch: false, walk: false, dma: false }, () => {
        for (const icount of program.behindSweeps) {
          machine.run(icount - machine.instructionCount());
          const before = sizes();
          machine.run(1);
          if (sizes() !== before) resized.push(icount);
        }
        machine.run(program.instructions - machine.instructionCount());
      });
      assertSame(records.filter(program.concerns), program.expected);
      const kinds = program.expected.filter((record) => resized.includes(record.icount)).map((record) => record.kind);
      assert.deepEqual(kinds, behind[0] === "sd" ? ["store", "load"] : ["load", "amo-read", "amo-write"]);
    });
  }
});
