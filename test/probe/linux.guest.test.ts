// Plugins on guests that nobody wrote for them: a Debian that boots, and U-Boot that reads a disk.
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import * as L from "../../src/core/layout.js";
import type { EngineSettings } from "../../src/machine/description.js";
import { machineModules } from "../engine/machines.js";
import { debian, guestImage, skipWithoutGuests } from "../machine/guests.js";
import type { Outcome } from "../machine/observation.js";
import { recordAll } from "../machine/remap/recorder.js";
import { ALL_BUILTINS } from "./all-builtins.js";
import { assertCounted, assertTold, counters } from "./compare-witness.js";
import { type Guest, Observed } from "./observed.js";
import { witness } from "./witness.js";

const options = { skip: skipWithoutGuests, timeout: 900_000 };

const linux = (harts: number): Guest => ({ description: debian(harts), instructions: 100_000_000 });

for (const harts of [1, 2]) {
  describe(`plugins change nothing: Debian's boot, ${harts} hart${harts > 1 ? "s" : ""}`, options, () => {
    let first: Outcome | undefined;
    const ways: [string, Partial<EngineSettings>, readonly string[]][] = [
      ["no plugin", {}, []],
      ["counting ones", {}, ["bb", "insn", "mem", "hwprofile", "traps"]],
      ["all of them", {}, ALL_BUILTINS.map(({ name }) => name)],
    ];
    for (const [name, engine, plugins] of ways) {
      it(name, async () => {
        const guest = linux(harts);
        const observed = new Observed(await machineModules(), guest, engine);
        // all of them are slow together: they come for the last part
        observed.run(plugins.length > 10 ? 85_000_000 : 0);
        for (const { name, args, filter } of ALL_BUILTINS)
          if (plugins.includes(name)) observed.manager.attach(name, { kind: "builtin", name }, args, filter);
        observed.run(guest.instructions);
        assert.deepEqual(observed.failures, []);
        first ??= observed.outcome();
        assert.deepEqual(observed.outcome(), first);
      });
    }
  });
}

test("Debian's boot: hwprofile and mem count what the devices are asked", options, async () => {
  const guest = linux(1);
  const observed = new Observed(await machineModules(), guest, {});
  const { machine, manager } = observed;
  for (const [name, args] of [
    ["hwprofile", {}],
    ["mem", { haddr: true }],
  ] as const)
    manager.attach(name, { kind: "builtin", name }, args, {});
  const before = counters(machine);
  const byTrace = new Map<string, number>();
  observed.run(90_000_000);
  const part = { from: counters(machine), devices: devicesOf(observed) };
  const records = recordAll(machine, { fetch: false, walk: false, dma: false }, () => observed.run(92_000_000));
  for (const { device, offset, kind } of records) {
    if (device === "") continue;
    const key = `${device} ${offset} ${/load|read/.test(kind) ? "read" : "write"}`;
    byTrace.set(key, (byTrace.get(key) ?? 0) + 1);
  }
  const after = counters(machine);
  const { io } = manager.snapshot("mem", false).results as { io: { reads: number; writes: number } };
  const devices = devicesOf(observed);
  const moved = (stat: number): number => (after[stat] as number) - (before[stat] as number);
  assert.deepEqual([io.reads, io.writes], [moved(L.STAT_IO_READ), moved(L.STAT_IO_WRITE)]);
  const sum = (of: Map<string, number>, what: string): number =>
    [...of].reduce((total, [key, count]) => total + (key.endsWith(what) ? count : 0), 0);
  assert.deepEqual([sum(devices, "read"), sum(devices, "write")], [io.reads, io.writes]);
  assert.ok(io.writes > 1000);
  const since = new Map([...devices].map(([key, count]) => [key, count - (part.devices.get(key) ?? 0)]));
  for (const [key, count] of since) if (count === 0) since.delete(key);
  assert.deepEqual([...since].sort(), [...byTrace].sort());
});

function devicesOf({ manager }: Observed): Map<string, number> {
  const { devices } = manager.snapshot("hwprofile", false).results as { devices: any[] };
  const counts = new Map<string, number>();
  for (const { device, offsets } of devices) {
    for (const { offset, reads, writes } of offsets) {
      if (reads > 0) counts.set(`${device} ${offset} read`, reads);
      if (writes > 0) counts.set(`${device} ${offset} write`, writes);
    }
  }
  return counts;
}

test("Debian's boot: events, walks and accesses are those of the trace and the counters", options, async () => {
  const observed = new Observed(await machineModules(), linux(2), {});
  observed.run(94_000_000);
  const { definition, seen } = witness(true);
  observed.define("witness", definition);
  const before = counters(observed.machine);
  const records = recordAll(observed.machine, { fetch: false, walk: true, dma: true }, () => observed.run(95_000_000));
  assert.deepEqual(observed.failures, []);
  assertTold(seen, records);
  assertCounted(seen, before, counters(observed.machine));
  assert.ok(seen.walks.length > 20 && seen.accesses.length > 20_000, `${seen.walks.length}, ${seen.accesses.length}`);
});

test("U-Boot reads a disk: each piece of DMA is told as it is recorded", options, async () => {
  const disk = Buffer.alloc(64 << 10);
  for (let at = 0; at < disk.length; at += 8) disk.writeBigUInt64LE(BigInt(at), at);
  const guest: Guest = {
    description: {
      board: "virt",
      harts: 1,
      ram: 128 << 20,
      firmware: guestImage("fw_dynamic.bin"),
      kernel: guestImage("u-boot-smode.bin"),
      virtio: [{ type: "block", image: { bytes: disk, name: "disk", kind: "raw" } }],
    } as unknown as Guest["description"],
    instructions: 0,
  };
  const observed = new Observed(await machineModules(), guest, {});
  const { machine } = observed;
  let said = "";
  machine.onConsole((_, bytes) => {
    said += Buffer.from(bytes).toString("latin1");
  });
  const until = (what: RegExp, typed: string): void => {
    for (let n = 0; !what.test(said); n++) {
      assert.ok(n < 20_000, said);
      observed.run(machine.instructionCount() + 100_000);
    }
    said = "";
    machine.consoleInput(machine.consoles[0] as string, Buffer.from(typed));
  };
  until(/Hit any key/, "\r");
  until(/=> $/, "virtio scan\r");
  until(/scan\s+=> $/, "");
  const { definition, seen } = witness(false);
  observed.define("witness", definition);
  machine.consoleInput(machine.consoles[0] as string, Buffer.from("virtio read 0x84000000 0 0x80\r"));
  const records = recordAll(machine, { fetch: false, walk: true, dma: true }, () => until(/128 blocks read: OK/, ""));
  assertTold(
    { ...seen, accesses: [] },
    records.filter(({ kind }) => /^(walk|dma)/.test(kind)),
  );
  const moved = seen.dma.filter(
    ({ kind, paddr }) => kind === "dma-write" && paddr >= 0x8400_0000n && paddr < 0x8401_0000n,
  );
  assert.equal(moved.length, disk.length / 8);
  for (const [n, { value, paddr }] of moved.entries())
    assert.deepEqual([value, paddr], [BigInt(8 * n), 0x8400_0000n + BigInt(8 * n)]);
});
