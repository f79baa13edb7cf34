// The cache and drcov plugins against QEMU: what QEMU fetches, loads and stores, put through a plain model of the caches, gives
// the counts that Emuscope's plugin has; and the blocks QEMU ran are those of the coverage file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PlainCache, Random } from "../probe/builtin/plain-cache.js";
import { plugged } from "../probe/plugged.js";
import { missing, observe } from "./qemu-observe.js";

const skip = missing() ?? false;
const COUNT = 100_000;
const L1 = { size: 2048, blockSize: 64, associativity: 2 };
const L2 = { size: 32768, blockSize: 64, associativity: 16 };

for (const guest of ["calls", "strings"]) {
  for (const evict of ["lru", "fifo"]) {
    test(`cache: ${guest}, ${evict}`, { skip }, async () => {
      const { lines } = await observe({ image: readFileSync(`guest/bare/${guest}.elf`), args: [`log=${COUNT}`] });
      const random = new Random();
      const [instruction, data] = [new PlainCache(L1, evict, random), new PlainCache(L1, evict, random)];
      const l2 = new PlainCache(L2, evict, random);
      const access = (first: PlainCache, address: bigint): void => {
        if (!first.access(address)) l2.access(address);
      };
      for (const line of lines) {
        const pc = /^0, (0x[0-9a-f]+), /.exec(line)?.[1];
        assert.ok(pc, line);
        // these guests run untranslated
        access(instruction, BigInt(pc));
        for (const [, address, device] of line.matchAll(/, (?:load|store), (0x[0-9a-f]+), (\w+)/g))
          if (device === "RAM") access(data, BigInt(address as string));
      }
      const m = await plugged(guest);
      await atStart(m);
      m.attach("cache", {
        dcachesize: 2048,
        dassoc: 2,
        icachesize: 2048,
        iassoc: 2,
        l2cachesize: 32768,
        evict,
      });
      assert.equal(m.run(lines.length), "budget");
      const counts = ({ accesses, misses }: { accesses: number; misses: number }) => ({ accesses, misses });
      const { sum } = m.results("cache");
      assert.deepEqual(
        [counts(sum.data), counts(sum.instruction), counts(sum.l2)],
        [counts(data), counts(instruction), counts(l2)],
      );
    });
  }
}

for (const guest of ["smc"]) {
  test(`drcov: ${guest}`, { skip }, async () => {
    const { lines } = await observe({ image: readFileSync(`guest/bare/${guest}.elf`), args: ["counts=on"] });
    const expected = lines
      .map((line) => /^block (0x[0-9a-f]+) (\d+) (\d+)$/.exec(line))
      .filter((match) => match !== null && Number(match[3]) > 0)
      .map((match) => `${Number(match?.[1])}`)
      .sort();
    const m = await plugged(guest);
    await atStart(m);
    m.attach("drcov");
    m.run(2e9, 1e7);
    m.results("drcov");
    const bytes = Buffer.from(m.manager.file("drcov", "file.drcov.trace"));
    const table = bytes.indexOf("\n", bytes.indexOf("BB Table")) + 1;
    const found = Array.from({ length: (bytes.length - table) / 8 }, (_, i) => `${bytes.readUInt32LE(table + 8 * i)}`);
    assert.deepEqual([...new Set(found)].sort(), [...new Set(expected)]);
  });
}

/** Runs the board's boot ROM, which QEMU's plugin leaves out. */
async function atStart(m: Awaited<ReturnType<typeof plugged>>): Promise<void> {
  m.machine.setBreakpoint(0x80000000n);
  assert.equal(m.run(1000), "breakpoint");
  m.machine.setBreakpoint(undefined);
}
