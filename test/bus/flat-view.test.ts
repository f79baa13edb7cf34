import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type Bus, BusError, BusFault, type MemoryRegion } from "../../src/bus/bus.js";
import { flatten } from "../../src/bus/flatten.js";
import { makeBus, nullIo } from "./helper.js";

// ---- the oracle: who answers one address, found by asking the tree from the top ----

interface Answer {
  region: MemoryRegion;
  offset: number;
}

function ask(region: MemoryRegion, offset: number): Answer | undefined {
  if (!region.enabled || offset < 0 || offset >= region.size) return undefined;
  if (region.kind === "alias") return region.target && ask(region.target, offset + region.targetOffset);
  const order = [...region.children].sort((a, b) => b.priority - a.priority || b.order - a.order);
  for (const child of order) {
    const answer = ask(child.region, offset - child.offset);
    if (answer) return answer;
  }
  return region.kind === "container" ? undefined : { region, offset };
}

const SPACE = 96;

interface Step {
  kind: "container" | "ram" | "rom" | "io" | "alias";
  size: number;
  parent: number;
  offset: number;
  priority: number;
  target: number;
  targetOffset: number;
  enabled: boolean;
  mapped: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("container", "ram", "rom", "io", "alias", "alias"),
  size: fc.integer({ min: 1, max: 60 }),
  parent: fc.nat(30),
  offset: fc.nat(70),
  priority: fc.integer({ min: -2, max: 2 }),
  target: fc.nat(30),
  targetOffset: fc.nat(40),
  enabled: fc.nat(7).map((n) => n !== 0),
  mapped: fc.nat(7).map((n) => n !== 0),
});

function grow(bus: Bus, steps: Step[]): { top: MemoryRegion; regions: MemoryRegion[] } {
  const top = bus.createContainer("top", SPACE);
  const regions: MemoryRegion[] = [top];
  bus.transaction(() => {
    bus.add(bus.root, 0x1000, top);
    steps.forEach((s, i) => {
      const name = `r${i}`;
      const pick = (n: number): MemoryRegion => regions[n % regions.length] as MemoryRegion;
      let region: MemoryRegion;
      if (s.kind === "container") region = bus.createContainer(name, s.size);
      else if (s.kind === "ram") region = bus.createRam(name, s.size);
      else if (s.kind === "rom") region = bus.createRom(name, s.size);
      else if (s.kind === "io") region = bus.createIo(name, s.size, nullIo());
      else region = bus.createAlias(name, pick(s.target), s.targetOffset, s.size);
      if (s.mapped) {
        try {
          bus.add(pick(s.parent), s.offset, region, s.priority);
        } catch (error) {
          // an alias as parent, or a cycle: refused, stays unmapped
          assert.ok(error instanceof BusError);
        }
      }
      bus.setEnabled(region, s.enabled);
      regions.push(region);
    });
  });
  return { top, regions };
}

function checkAgainstOracle(bus: Bus): void {
  const sections = bus.sections;
  for (let i = 0; i < sections.length; i++) {
    const section = sections[i]!;
    assert.ok(section.start < section.end);
    if (i > 0) assert.ok(sections[i - 1]!.end <= section.start, "sorted and apart");
  }
  for (let address = 0xff0; address < 0x1000 + SPACE + 16; address++) {
    const want = ask(bus.root, address);
    const got = bus.find(address);
    assert.equal(got?.region.name, want?.region.name, `who answers 0x${address.toString(16)}`);
    if (want && got) {
      assert.equal(got.offset + (address - got.start), want.offset);
      if (want.region.host) assert.equal(got.host + (address - got.start), want.region.host + want.offset);
      else assert.equal(got.host, 0);
    }
  }
}

test("the flat view of any tree answers each address as the tree itself would", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 14 }), (steps) => {
      const { bus } = makeBus();
      grow(bus, steps);
      checkAgainstOracle(bus);
    }),
    { numRuns: 400 },
  );
});

test("the flat view stays right while the tree changes", () => {
  const change = fc.record({
    what: fc.constantFrom("remove", "enable", "offset", "priority", "alias"),
    which: fc.nat(30),
    to: fc.nat(60),
    other: fc.nat(30),
  });
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 2, maxLength: 10 }),
      fc.array(change, { minLength: 1, maxLength: 8 }),
      (steps, changes) => {
        const { bus } = makeBus();
        const { regions } = grow(bus, steps);
        for (const c of changes) {
          const region = regions[c.which % regions.length]!;
          const other = regions[c.other % regions.length]!;
          const before = bus.generation;
          const view = bus.sections;
          try {
            if (c.what === "remove" && region.parent) bus.remove(region);
            else if (c.what === "enable") bus.setEnabled(region, c.to % 2 === 0);
            else if (c.what === "offset" && region.parent)
              bus.setOffset(region, region.parent === bus.root ? 0x1000 : c.to);
            else if (c.what === "priority" && region.parent) bus.setPriority(region, (c.to % 5) - 2);
            else if (c.what === "alias" && region.kind === "alias") bus.setAlias(region, other, c.to);
          } catch (error) {
            assert.ok(error instanceof BusError);
          }
          if (bus.generation === before) assert.equal(bus.sections, view);
          checkAgainstOracle(bus);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("neighbouring pieces of one region are one section", () => {
  const { bus } = makeBus();
  const ram = bus.createRam("ram", 0x3000);
  bus.transaction(() => {
    for (let page = 0; page < 3; page++)
      bus.add(bus.root, page * 0x1000, bus.createAlias(`page${page}`, ram, page * 0x1000, 0x1000));
  });
  assert.deepEqual(
    bus.sections.map(({ start, end, offset }) => ({ start, end, offset })),
    [{ start: 0, end: 0x3000, offset: 0 }],
  );
});

test("the region added later wins among equal priorities, and a higher priority beats both", () => {
  const { bus } = makeBus();
  const [a, b, c] = ["a", "b", "c"].map((name) => bus.createIo(name, 0x100, nullIo())) as [
    MemoryRegion,
    MemoryRegion,
    MemoryRegion,
  ];
  bus.add(bus.root, 0, a);
  bus.add(bus.root, 0x80, b);
  bus.add(bus.root, 0x40, c, 1);
  assert.deepEqual(
    bus.flatView().map((entry) => [entry.region, Number(entry.start), Number(entry.end)]),
    [
      ["a", 0, 0x40],
      ["c", 0x40, 0x140],
      ["b", 0x140, 0x180],
    ],
  );
});

test("a tree that would contain itself is refused and unchanged", () => {
  const { bus } = makeBus();
  const box = bus.createContainer("box", 0x1000);
  const inner = bus.createContainer("inner", 0x100);
  bus.add(bus.root, 0, box);
  bus.add(box, 0, inner);
  const mirror = bus.createAlias("mirror", box, 0, 0x100);
  assert.throws(() => bus.add(inner, 0, mirror), BusError);
  assert.equal(mirror.parent, undefined);
  const harmless = bus.createAlias("harmless", inner, 0, 0x10);
  bus.add(box, 0x800, harmless);
  assert.throws(() => bus.setAlias(harmless, box, 0), BusError);
  assert.throws(() => bus.add(bus.root, 0x5000, inner), /mapped already/);
});

test("flattening many sections is quick", () => {
  const { bus } = makeBus();
  bus.transaction(() => {
    for (let i = 0; i < 500; i++) bus.add(bus.root, i * 0x2000, bus.createIo(`io${i}`, 0x1000, nullIo()));
  });
  const start = process.hrtime.bigint();
  flatten(bus.root);
  assert.ok(process.hrtime.bigint() - start < 100_000_000n);
  assert.equal(bus.sections.length, 500);
  assert.equal(bus.find(499 * 0x2000 + 5)?.region.name, "io499");
  assert.equal(bus.find(499 * 0x2000 + 0x1000), undefined);
});

test("debug access reads and writes memory across sections and names the first address that fails", () => {
  const { bus } = makeBus();
  const low = bus.createRam("low", 0x1000);
  const high = bus.createRom("high", 0x1000);
  bus.add(bus.root, 0x1000, low);
  bus.add(bus.root, 0x2000, high);
  bus.writePhysical(0x1ffe, Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual([...bus.readPhysical(0x1ffd, 6)], [0, 1, 2, 3, 4, 0]);
  assert.deepEqual([...bus.hostBytes(high).subarray(0, 2)], [3, 4]);
  assert.throws(
    () => bus.readPhysical(0x2ffe, 4),
    (error: unknown) => error instanceof BusFault && error.paddr === 0x3000,
  );
  assert.throws(() => bus.writePhysical(0x2ffe, new Uint8Array(4).fill(9)), BusFault);
  assert.deepEqual([...bus.readPhysical(0x2ffe, 2)], [0, 0], "a refused write changes nothing");
});

test("the memory tree lists containers, aliases and devices", () => {
  const { bus } = makeBus();
  bus.nameDevice(7, "uart0");
  const box = bus.createContainer("box", 0x1000);
  const uart = bus.createIo("uart0", 0x100, nullIo(), undefined, 7);
  bus.transaction(() => {
    bus.add(bus.root, 0x10000, box);
    bus.add(box, 0x100, uart, 3);
    bus.add(box, 0, bus.createAlias("mirror", uart, 0x10, 0x20));
  });
  const node = bus.memoryTree().children[0]!;
  assert.equal(node.name, "box");
  assert.deepEqual(node.children[0], {
    name: "mirror",
    kind: "alias",
    offset: 0n,
    size: 0x20n,
    priority: 0,
    enabled: true,
    alias: { target: "uart0", offset: 0x10n },
    children: [],
  });
  assert.equal(node.children[1]?.device, "uart0");
  assert.equal(node.children[1]?.priority, 3);
});
