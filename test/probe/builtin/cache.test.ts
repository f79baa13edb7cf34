// The cache plugin against a model that is as plain as can be: lists of lines, one access for each instruction.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cache } from "../../../src/probe/builtin/cache/cache.js";
import { type FakeAccess, FakeHost } from "../fake-host.js";
import { PlainCache, Random, type Shape } from "./plain-cache.js";
import { AMOADD, C_NOP, LD, NOP, SD } from "./words.js";

const CODES = [
  [NOP, LD, C_NOP, SD, NOP],
  [C_NOP, C_NOP, LD, LD, NOP, NOP, SD, C_NOP],
  [SD],
  [NOP, AMOADD, C_NOP],
  Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? LD : NOP)),
];
const STARTS = [0x80000000, 0x8000003a, 0x80000ffe, 0x80002010, 0x8000407c];
const UART = 0x10000000;

const shapeOf = (size: [number, number, number]): Shape => ({
  blockSize: 2 ** size[0],
  associativity: size[1],
  size: 2 ** size[0] * size[1] * 2 ** size[2],
});
const anyShape = fc.tuple(
  fc.integer({ min: 3, max: 7 }),
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 0, max: 3 }),
);
const anyStep = fc.record({
  block: fc.nat(CODES.length - 1),
  hart: fc.nat(2),
  count: fc.integer({ min: 1, max: 40 }),
  interrupt: fc.boolean(),
  addresses: fc.array(fc.nat(0x3ff), { minLength: 8, maxLength: 8 }),
});

test("agrees with a plain model, whatever the shapes, traps, harts and devices", () => {
  const evictions = fc.constantFrom("lru", "fifo", "rand");
  fc.assert(
    fc.property(
      anyShape,
      anyShape,
      anyShape,
      evictions,
      fc.boolean(),
      fc.constantFrom(1, 2, 3),
      fc.array(anyStep, { maxLength: 60 }),
      (i, d, two, evict, l2, cores, steps) => {
        const [instruction, data, second] = [shapeOf(i), shapeOf(d), shapeOf(two)];
        const host = new FakeHost({ harts: 3 });
        const given = {
          iblksize: instruction.blockSize,
          iassoc: instruction.associativity,
          icachesize: instruction.size,
          dblksize: data.blockSize,
          dassoc: data.associativity,
          dcachesize: data.size,
          ...(l2 && { l2blksize: second.blockSize, l2assoc: second.associativity, l2cachesize: second.size }),
          evict,
          cores,
          limit: 0,
        };
        host.attach(cache, given);
        const random = new Random();
        const make = (shape: Shape) => Array.from({ length: cores }, () => new PlainCache(shape, evict, random));
        const [iCaches, dCaches, l2Caches] = [make(instruction), make(data), make(second)];
        const misses = { data: new Map<bigint, number>(), instruction: new Map<bigint, number>() };
        const access = (kind: "data" | "instruction", core: number, address: bigint, pc: bigint): void => {
          const first = (kind === "data" ? dCaches : iCaches)[core] as PlainCache;
          if (first.access(address)) return;
          misses[kind].set(pc, (misses[kind].get(pc) ?? 0) + 1);
          if (l2) (l2Caches[core] as PlainCache).access(address);
        };
        for (const step of steps) {
          const block = host.block(STARTS[step.block] as number, CODES[step.block] as number[]);
          const count = Math.min(step.count, block.instructions.length);
          const cut = count < block.instructions.length;
          const traps = cut && !step.interrupt;
          const accesses: Record<number, FakeAccess[]> = {};
          block.instructions.slice(0, count).forEach(({ paddr, memory }, n) => {
            access("instruction", step.hart % cores, paddr, paddr);
            if (memory === "none" || (traps && n === count - 1)) return;
            const at = step.addresses[n % 8] as number;
            const vaddr = at < 0x40 ? UART + (at & 7) : 0x80100000 + at;
            const directions = memory === "amo" ? [false, true] : [memory === "store"];
            accesses[n] = directions.map((write) => ({ vaddr, size: 1, write }));
            for (const _ of directions)
              if (vaddr >= 0x80000000) access("data", step.hart % cores, BigInt(vaddr), paddr);
          });
          host.run(block, { hart: step.hart, count, traps, accesses });
          if (!cut) continue;
          const next = block.instructions[traps ? count - 1 : count] as { vaddr: bigint };
          // the count is right while the hart stands in the middle of the block, too
          host.setRegister(step.hart, "pc", next.vaddr);
          if (!traps) assert.equal(host.results().sum.instruction.accesses, sum(iCaches));
          const event = { hart: step.hart, cause: 7, from: next.vaddr, to: 0x80000000n };
          if (traps) host.emit("exception", { ...event, tval: 0n });
          else host.emit("interrupt", event);
        }
        const results = host.results();
        const expected = (caches: PlainCache[]) =>
          caches.map(({ accesses, misses }) => ({ accesses, misses, missRate: accesses ? misses / accesses : 0 }));
        const found = (kind: string) => results.cores.map((core: any) => core[kind]);
        assert.deepEqual(found("instruction"), expected(iCaches));
        assert.deepEqual(found("data"), expected(dCaches));
        if (l2) assert.deepEqual(found("l2"), expected(l2Caches));
        for (const kind of ["data", "instruction"] as const) {
          const top = new Map(results.top[kind].map((entry: any) => [entry.paddr, entry.misses]));
          assert.deepEqual(new Map([...top].sort()), new Map([...misses[kind]].sort()));
        }
      },
    ),
    { numRuns: 150 },
  );
});

const sum = (caches: PlainCache[]): number => caches.reduce((total, { accesses }) => total + accesses, 0);

test("addresses above 4 GiB are different lines of the same set", () => {
  const host = new FakeHost({ regions: [{ name: "ram", start: 0, size: 2 ** 40 }] });
  host.attach(cache, { dassoc: 1, dblksize: 64, dcachesize: 64 });
  const block = host.block(0x80000000, [LD]);
  for (const vaddr of [0x1_0000_0000, 0x2_0000_0000, 0x2_0000_0000, 0x1_0000_0000])
    host.run(block, { accesses: { 0: [{ vaddr }] } });
  assert.deepEqual(host.results().sum.data, { accesses: 4, misses: 3, missRate: 0.75 });
});

test("counts without callbacks, and prints as QEMU's plugin does", () => {
  const host = new FakeHost({ harts: 2 });
  host.symbols.push({ name: "main", start: 0x80000000, size: 64 });
  host.attach(cache, { l2: true });
  const block = host.block(0x80000000, [NOP, LD]);
  for (let n = 0; n < 3; n++) host.run(block, { accesses: { 1: [{ vaddr: 0x80001000 + 4096 * n }] } });
  assert.equal(host.calls, 0);
  assert.equal(
    host.report(),
    [
      "core #, data accesses, data misses, dmiss rate, insn accesses, insn misses, imiss rate, l2 accesses, l2 misses, l2 miss rate",
      "0       3              3             100.0000%  6              1              16.6667%  4            4             100.0000%",
      "1       0              0               0.0000%  0              0               0.0000%",
      "sum     3              3             100.0000%  6              1              16.6667%  4            4             100.0000%",
      "",
      "address, data misses, instruction",
      "0x80000004 (main), 3, 0005b503          ld                      a0,0(a1)",
      "",
      "address, fetch misses, instruction",
      "0x80000000 (main), 1, 00000013          nop                     ",
      "",
      "address, L2 misses, instruction",
      "0x80000004 (main), 3, 0005b503          ld                      a0,0(a1)",
      "0x80000000 (main), 1, 00000013          nop                     ",
      "",
    ].join("\n"),
  );
});

test("shapes that no cache can have are refused with the option at fault", () => {
  const attach = (given: Record<string, unknown>) => () => new FakeHost().attach(cache, given);
  assert.throws(attach({ dblksize: 48 }), /dblksize: expected a power of two/);
  assert.throws(attach({ icachesize: 10000 }), /icachesize: expected 512 \(a set\) times a power of two/);
  assert.throws(attach({ l2assoc: 3 }), /l2cachesize/);
  assert.throws(attach({ evict: "mru" }), /evict/);
});

test("a block whose code is written while it runs counts as far as it came", () => {
  const host = new FakeHost();
  host.attach(cache);
  host.run(host.block(0x80000000, [NOP, SD, NOP, NOP, NOP]), { count: 2, accesses: { 1: [{ vaddr: 0x8000000c }] } });
  host.run(host.block(0x80000008, [NOP, C_NOP, NOP]));
  assert.equal(host.results().sum.instruction.accesses, 5);
  assert.equal(host.calls, 1);
});
