// hwprofile, mem, traps and discons on Debian's boot, from the first instruction: by device and offset as the devices' own logs, and in
// sum as the core's counters.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FLUSH_STATS,
  STAT_EXCEPTIONS,
  STAT_INTERRUPTS,
  STAT_IO_READ,
  STAT_IO_WRITE,
} from "../../../src/core/layout.js";
import type { RegisterFile } from "../../../src/devices/registers.js";
import { debian, skipWithoutGuests } from "../../machine/guests.js";
import { plugged } from "../plugged.js";

const INSTRUCTIONS = 1_300_000_000;

test("Debian's boot: every access to a device, every trap", { skip: skipWithoutGuests, timeout: 900_000 }, async () => {
  const { machine, attach, run, results, failures } = await plugged("smc", {}, { ...debian(1), load: [] });
  const logs = machine.devices.flatMap((device) => {
    const { registers } = device as unknown as { registers?: RegisterFile };
    return registers?.recordAccesses ? [[device.name, registers.recordAccesses()] as const] : [];
  });
  attach("hwprofile");
  attach("mem", { haddr: true });
  attach("traps");
  attach("discons");
  run(INSTRUCTIONS);
  assert.deepEqual(failures, []);

  const { devices } = results("hwprofile");
  for (const [name, log] of logs) {
    const seen: Record<string, number> = {};
    for (const { direction, offset } of log) {
      const key = `${offset} ${direction}`;
      seen[key] = (seen[key] ?? 0) + 1;
    }
    const counted: Record<string, number> = {};
    for (const { offset, reads, writes } of devices.find((d: any) => d.device === name)?.offsets ?? []) {
      if (reads > 0) counted[`${offset} read`] = reads;
      if (writes > 0) counted[`${offset} write`] = writes;
    }
    assert.deepEqual(counted, seen, name);
  }
  assert.ok(logs.filter(([, log]) => log.length > 0).length >= 4);

  const counter = (stat: number): number =>
    Number(new DataView(machine.memory.buffer).getBigUint64(FLUSH_STATS + 8 * stat, true));
  const sum = (list: any[], key: string): number => list.reduce((total, one) => total + one[key], 0);
  assert.deepEqual([sum(devices, "reads"), sum(devices, "writes")], [counter(STAT_IO_READ), counter(STAT_IO_WRITE)]);
  const { io } = results("mem");
  assert.deepEqual([io.reads, io.writes], [counter(STAT_IO_READ), counter(STAT_IO_WRITE)]);
  assert.equal(results("discons").mismatchCount, 0);
  const { harts } = results("traps");
  assert.equal(sum(harts, "interrupts"), counter(STAT_INTERRUPTS));
  assert.equal(sum(harts, "exceptions"), counter(STAT_EXCEPTIONS));
  assert.ok(sum(harts, "exceptions") > 0 && sum(harts, "interrupts") > 0);
});
