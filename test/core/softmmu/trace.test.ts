import assert from "node:assert/strict";
import { test } from "node:test";
import * as L from "../../../src/core/layout.js";
import {
  Core,
  DEVICE_BASE,
  DEVICE_ID,
  DEVICE_REGION,
  PageTable,
  PTE_A,
  PTE_D,
  PTE_R,
  PTE_RW,
  PTE_V,
  PTE_W,
  RAM_BASE,
  RAM_REGION,
  ROM_BASE,
} from "../core-harness.js";

const RAM = BigInt(RAM_BASE);
const DEVICE = BigInt(DEVICE_BASE);
const VA = 0x40000000n;

function some(row: Record<string, bigint> | undefined, ...names: string[]): bigint[] {
  return names.map((name) => row?.[name] as bigint);
}

/** S-mode; the pages from VA on map to `to`. */
function paged(...to: bigint[]): Core {
  const core = new Core();
  const table = new PageTable(core, 3, RAM_BASE + 0x100000);
  to.forEach((pa, i) => table.map(VA + BigInt(i << 12), pa, PTE_RW));
  table.use();
  return core;
}

test("a record has the hardware address, the value and the instruction of its access", () => {
  const core = paged(RAM + 0x5000n);
  core.setRam64(RAM_BASE + 0x5010, 0x1234n);
  const rows = core.records(() => {
    core.f.slow_load(VA + 0x10n, 4, 0x777n);
    core.f.slow_store(VA + 0x11n, 0xaabbccn, 2, 0x77bn);
  });
  assert.deepEqual(
    some(rows[0], "kind", "pc", "vaddr", "paddr", "region", "device", "offset", "size", "value", "flags", "privilege"),
    [0n, 0x777n, VA + 0x10n, RAM + 0x5010n, BigInt(RAM_REGION), 0n, 0x5010n, 4n, 0x1234n, 0n, 1n],
  );
  assert.deepEqual(some(rows[1], "kind", "pc", "vaddr", "paddr", "size", "value", "flags"), [
    1n,
    0x77bn,
    VA + 0x11n,
    RAM + 0x5011n,
    2n,
    0xbbccn,
    0n,
  ]);
  assert.equal(rows.length, 2);
});

test("an access over two pages is two records", () => {
  const core = paged(RAM + 0x5000n, DEVICE);
  core.onRead = () => {
    core.set32(L.IO_REGISTER, 3);
    return 0xddn;
  };
  const rows = core.records(() => {
    core.store(VA + 0xffdn, 0x44332211n, 4);
    core.load(VA + 0xffdn, 4);
  });
  const names = ["kind", "vaddr", "paddr", "region", "offset", "size", "value", "flags"];
  assert.deepEqual(
    rows.map((row) => some(row, ...names)),
    [
      [1n, VA + 0xffdn, RAM + 0x5ffdn, BigInt(RAM_REGION), 0x5ffdn, 3n, 0x332211n, 2n],
      [1n, VA + 0x1000n, DEVICE, BigInt(DEVICE_REGION), 0n, 1n, 0x44n, 4n | 16n],
      [0n, VA + 0xffdn, RAM + 0x5ffdn, BigInt(RAM_REGION), 0x5ffdn, 3n, 0x332211n, 2n],
      [0n, VA + 0x1000n, DEVICE, BigInt(DEVICE_REGION), 0n, 1n, 0xddn, 4n],
    ],
  );
  assert.equal(rows[3]?.register, 3n);
});

test("an access that re-maps memory is recorded where it went, and says so", () => {
  for (const write of [true, false]) {
    const core = new Core();
    const remap = (): void => {
      core.setSections([
        { start: DEVICE_BASE, end: DEVICE_BASE + 0x1000, kind: L.SECTION_RAM, region: 9, host: core.ramHost },
      ]);
      core.set32(L.TOPOLOGY_GENERATION, core.get32(L.TOPOLOGY_GENERATION) + 1);
      core.f.topology_changed();
    };
    core.onWrite = () => {
      remap();
      return true;
    };
    core.onRead = () => {
      remap();
      return 5n;
    };
    const rows = core.records(() => {
      for (let i = 0; i < 2; i++) {
        if (write) core.store(DEVICE + 8n, 5n, 4);
        else core.load(DEVICE + 8n, 4);
      }
    });
    const names = ["paddr", "region", "device", "offset", "flags"];
    assert.deepEqual(some(rows[0], ...names), [DEVICE + 8n, BigInt(DEVICE_REGION), BigInt(DEVICE_ID), 8n, 8n | 16n]);
    assert.deepEqual(some(rows[1], ...names), [DEVICE + 8n, 9n, 0n, 8n, 0n]);
  }
});

test("refused and unassigned accesses are recorded as faults, page faults are not", () => {
  const core = paged(DEVICE, 0x20000000n);
  core.onRead = () => undefined;
  core.onWrite = () => false;
  const rows = core.records(() => {
    core.load(VA, 4);
    core.store(VA, 9n, 4);
    core.load(VA + 0x1004n, 2);
    core.store(VA + 0x2000n, 1n, 4);
  });
  assert.deepEqual(
    rows.map((row) => some(row, "kind", "region", "paddr", "flags")),
    [
      [0n, BigInt(DEVICE_REGION), DEVICE, 1n],
      [1n, BigInt(DEVICE_REGION), DEVICE, 1n],
      [0n, 0n, 0x20001004n - 0x1000n, 1n],
    ],
  );
});

test("a write to ROM is recorded as discarded", () => {
  const core = new Core();
  const rows = core.records(() => core.store(BigInt(ROM_BASE), 1n, 4));
  assert.deepEqual(some(rows[0], "flags", "value"), [32n, 1n]);
});

test("page walks show the entries read and the update of A and D", () => {
  const core = new Core();
  const table = new PageTable(core, 3, RAM_BASE + 0x100000);
  const pte = table.map(VA, RAM, PTE_V | PTE_R | PTE_W);
  table.use();
  const rows = core.records(() => core.store(VA + 4n, 1n, 4), { fetch: false, walk: true, dma: false });
  assert.deepEqual(
    rows.map((row) => row.kind),
    [5n, 5n, 5n, 6n, 1n],
  );
  assert.deepEqual(some(rows[2], "vaddr", "paddr", "value"), [
    VA + 4n,
    BigInt(pte),
    (RAM >> 2n) | PTE_V | PTE_R | PTE_W,
  ]);
  assert.deepEqual(some(rows[3], "paddr", "value"), [BigInt(pte), (RAM >> 2n) | PTE_RW]);
  assert.equal((rows[3]?.value ?? 0n) & (PTE_A | PTE_D), PTE_A | PTE_D);
});

test("atomics are a read and a write, in memory and in devices", () => {
  const core = paged(RAM + 0x5000n, DEVICE);
  core.onRead = () => 7n;
  const rows = core.records(() => {
    const host = core.f.amo_prepare(VA + 8n, 4, 0x10n);
    core.set32(host, 6);
    core.f.trace_amo(5n, 6n);
    core.f.amo_prepare(VA + 0x1008n, 4, 0x14n);
    core.f.amo_io_write(core.f.amo_io_read() + 1n);
  });
  assert.deepEqual(
    rows.map((row) => some(row, "kind", "paddr", "size", "value", "pc")),
    [
      [2n, RAM + 0x5008n, 4n, 5n, 0x10n],
      [3n, RAM + 0x5008n, 4n, 6n, 0x10n],
      [2n, DEVICE + 8n, 4n, 7n, 0x14n],
      [3n, DEVICE + 8n, 4n, 8n, 0x14n],
    ],
  );
});

test("what the inlined check settles is recorded from the entry it used", () => {
  const core = paged(RAM + 0x5000n);
  core.load(VA);
  const rows = core.records(() => {
    const entry = core.get32(L.DATA_BASE) + (Number(VA >> 7n) & core.get32(L.DATA_MASK));
    core.f.trace_fast(L.KIND_STORE, VA + 0x20n, 3n, 8, entry, 0x100n);
  });
  assert.deepEqual(some(rows[0], "kind", "vaddr", "paddr", "offset", "value", "pc"), [
    1n,
    VA + 0x20n,
    RAM + 0x5020n,
    0x5020n,
    3n,
    0x100n,
  ]);
  assert.deepEqual([core.hwaddr().pa, core.hwaddr().region], [RAM + 0x5020n, RAM_REGION]);
});

test("an instruction in two pages is two fetch records", () => {
  const core = new Core();
  core.set32(core.ramHost + 0x10, 0x13);
  core.set32(core.ramHost + 0xffe, 0xaaaabbb3);
  core.f.lookup_code(RAM);
  core.f.fetch16(RAM + 0x1000n);
  const rows = core.records(
    () => {
      core.f.trace_fetch_slot(RAM + 0x10n, 4);
      core.f.trace_fetch_slot(RAM + 0xffen, 4);
    },
    { fetch: true, walk: false, dma: false },
  );
  assert.deepEqual(
    rows.map((row) => some(row, "kind", "vaddr", "paddr", "size", "value", "flags")),
    [
      [4n, RAM + 0x10n, RAM + 0x10n, 4n, 0x13n, 0n],
      [4n, RAM + 0xffen, RAM + 0xffen, 2n, 0xbbb3n, 2n],
      [4n, RAM + 0x1000n, RAM + 0x1000n, 2n, 0xaaaan, 4n],
    ],
  );
});

test("recording changes nothing the guest can see", () => {
  const run = (traced: boolean): unknown[] => {
    const core = paged(RAM + 0x5000n, DEVICE, RAM + 0x6000n);
    const work = (): void => {
      for (let i = 0n; i < 40n; i++) core.store(VA + i * 101n, i * 0x0101010101010101n, 8);
      for (let i = 0n; i < 40n; i++) core.f.load_reserved(VA + 8n * i, 8, 0n);
    };
    if (traced) core.records(work, { fetch: true, walk: true, dma: true });
    else work();
    const ram = Buffer.from(new Uint8Array(core.memory.buffer, core.ramHost, 0x110000));
    return [
      core.io,
      ram.toString("base64"),
      core.stat(L.STAT_FILL),
      core.stat(L.STAT_SLOW_HIT),
      core.stat(L.STAT_MISS),
    ];
  };
  assert.deepEqual(run(true), run(false));
});
