// The TLB in a real boot: its counters fit together, its tables have grown, and what it holds is what the page tables say.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { TLB_DEFAULT_BITS, TLB_MAX_BITS, TLB_MIN_BITS } from "../../src/core/layout.js";
import { debianGuest, skipWithoutGuests } from "../machine/guests.js";
import { startService } from "./service.js";

interface Stats {
  counters: Record<string, number>;
  tables: { hart: number; mmuIndex: number; entries: number; used: number; windowMax: number }[];
}
interface Entry {
  hart: number;
  mmuIndex: number;
  victim: boolean;
  vaddr: string;
  paddr: string;
  read: boolean;
  write: boolean;
  execute: boolean;
  asid: number;
  global: boolean;
  region: string;
}

test("the TLB's counters and entries make sense in a booted Debian", {
  skip: skipWithoutGuests,
  timeout: 300_000,
}, async (t) => {
  const service = await startService(t);
  const put = async (file: string): Promise<string> =>
    service.upload(await readFile(join(debianGuest as string, file)), file);
  const { id: session } = await service.call<{ id: string }>("session.create", {
    ram: "256M",
    firmware: await put("fw_dynamic.bin"),
    kernel: await put("Image.gz"),
    initrd: await put("initrd.gz"),
    cmdline: "console=ttyS0 quiet shell",
    start: true,
  });
  await service.call("session.wait", { session, text: "~ # ", timeoutMs: 240_000 });
  const stats = (): Promise<Stats> => service.call<Stats>("tlb.stats", { session });
  const booted = await stats();
  await service.call("console.write", {
    session,
    data: "find /sys | wc -l; sha256sum /bin/busybox; echo DO''NE\n",
    encoding: "text",
  });
  await service.call("session.wait", { session, text: "DONE", timeoutMs: 240_000 });
  await service.call("session.pause", { session });
  const { counters, tables } = await stats();
  t.diagnostic(JSON.stringify(counters));
  const count = (name: string): number => counters[name] as number;

  for (const [name, value] of Object.entries(booted.counters)) assert.ok(count(name) >= value, `${name} went back`);
  for (const name of ["slowHits", "misses", "victimHits", "fills", "walks", "flushesAll", "flushesPage", "flushesAsid"])
    assert.ok(count(name) > 10, `${name}: ${count(name)}`);
  assert.ok(count("grows") > 0);
  assert.ok(count("flushesTopology") >= 1);
  // a miss is a victim hit, or a walk, or a fill without one (M-mode); a walk that faults fills nothing
  assert.ok(count("victimHits") + count("walks") <= count("misses"));
  assert.ok(count("victimHits") + count("fills") <= count("misses"));
  // three to five levels, of which large pages spare one or two
  assert.ok(count("walkReads") > 2 * count("walks") && count("walkReads") <= 5 * count("walks"));
  // one miss in a hundred accesses would be slow; Linux makes far more than a million of them
  assert.ok(count("misses") < 5_000_000);

  for (const { entries, used, windowMax } of tables) {
    assert.equal(entries & (entries - 1), 0);
    assert.ok(entries >= 2 ** TLB_MIN_BITS && entries <= 2 ** TLB_MAX_BITS && used <= entries && windowMax <= entries);
  }
  const supervisor = tables.find(({ mmuIndex }) => mmuIndex === 1) as Stats["tables"][number];
  assert.ok(supervisor.entries > 2 ** TLB_DEFAULT_BITS, "it grew from its first size");

  const { entries } = await service.call<{ entries: Entry[] }>("tlb.dump", { session, limit: 65_536 });
  const live = entries.filter((entry) => !entry.victim);
  assert.equal(
    live.length,
    tables.reduce((sum, { used }) => sum + used, 0),
  );
  const { registers } = await service.call<{ registers: { name: string; value: string }[] }>("register.get", {
    session,
    names: ["satp"],
  });
  const asid = Number((BigInt(registers[0]?.value as string) >> 44n) & 0xffffn);
  let compared = 0;
  let stale = 0;
  for (const entry of entries.filter(({ mmuIndex, global, asid: own }) => mmuIndex < 2 && (global || own === asid))) {
    const { paddr } = await service.call<{ paddr?: string }>("memory.translate", {
      session,
      vaddr: entry.vaddr,
      access: entry.read ? "read" : entry.write ? "write" : "fetch",
      privilege: entry.mmuIndex === 0 ? "U" : "S",
    });
    // Linux unmaps kernel memory first and flushes later, many at once
    if (paddr === undefined) stale++;
    else assert.equal(paddr, entry.paddr, JSON.stringify(entry));
    if (++compared === 500) break;
  }
  t.diagnostic(`${compared} entries compared, ${stale} of them unmapped and not flushed yet`);
  assert.ok(compared > 100 && stale < compared / 4);
});
