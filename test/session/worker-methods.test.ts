// What tools see and change of a real machine between run slices.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { compileModules, type MachineModules } from "../../src/machine/core.js";
import { createMachine, type Machine } from "../../src/machine/machine.js";
import type { WorkerMethods, WorkerToHost } from "../../src/session/protocol.js";
import { SessionWorker } from "../../src/session/session-worker.js";
import { add, addi, assemble, COUNTER_BASE, counter, echo, j, label, RAM, UART } from "../e2e/programs.js";
import { FakeScheduler } from "./fake-machine.js";
import { FakePlugins, PLUGIN_LIMITS } from "./fake-plugins.js";

let modules: MachineModules;
before(async () => {
  modules = await compileModules(await readFile(new URL("../../core.wasm", import.meta.url)));
});

interface Bench {
  machine: Machine;
  call<M extends keyof WorkerMethods>(
    method: M,
    ...params: Parameters<WorkerMethods[M]>
  ): Promise<ReturnType<WorkerMethods[M]>>;
  posts: WorkerToHost[];
}

function build(program: Uint8Array, harts = 1): Bench {
  const machine = createMachine(
    { board: "virt", harts, ram: 16 << 20, firmware: { bytes: program, name: "program", kind: "raw" } },
    modules,
  );
  const posts: WorkerToHost[] = [];
  const worker = new SessionWorker(
    machine,
    (message) => posts.push(message),
    { maxConsoleInput: 1000, maxRingBytes: 1 << 20, maxPluginResults: 10_000, plugins: PLUGIN_LIMITS },
    (_machine, hooks) => new FakePlugins(hooks, () => machine.instructionCount()),
    new FakeScheduler(),
  );
  let id = 0;
  return {
    machine,
    posts,
    async call(method, params?) {
      id++;
      await worker.receive({ type: "call", id, method, params });
      const answer = posts.find(
        (message) => (message.type === "result" || message.type === "error") && message.id === id,
      );
      if (answer?.type === "result") return answer.value as never;
      if (answer?.type === "error")
        throw Object.assign(new Error(answer.message), { code: answer.code, detail: answer.detail });
      throw new Error("no answer");
    },
  };
}

const PHYSICAL = { space: "physical", hart: 0 } as const;
const VIRTUAL = { space: "virtual", hart: 0 } as const;
const u64 = (...values: bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(values).buffer);

test("registers are read by name, alias and kind, of any hart", async () => {
  const { call } = build(counter(), 2);
  await call("step", { count: 1000 });
  const all = await call("registers", { hart: 1 });
  assert.ok(all.length > 100);
  assert.equal(all.filter((register) => register.kind === "gpr").length, 32);
  assert.equal(all.filter((register) => register.kind === "fpr").length, 32);
  const [t0, x5, mhartid, pc] = await call("registers", { hart: 1, names: ["t0", "x5", "mhartid", "PC"] });
  assert.deepEqual(t0, { name: "t0", alias: "x5", value: t0?.value, kind: "gpr" });
  assert.equal(x5?.value, t0?.value);
  assert.equal(mhartid?.value, 1n);
  assert.equal(pc?.kind, "pc");
  assert.equal((await call("registers", { hart: 0, names: ["mhartid"] }))[0]?.value, 0n);
  await assert.rejects(call("registers", { hart: 0, names: ["t0", "t99"] }), { code: "unknown-register" });
  await assert.rejects(call("registers", { hart: 2 }), { code: "invalid" });
});

test("setting registers keeps the rules of each, and all or none are set", async () => {
  const { call } = build(counter(), 2);
  await call("setRegisters", {
    hart: 1,
    values: { a0: 0xffff_ffff_ffff_fff0n, fa0: 5n, mscratch: 7n, pc: 0x8000_0100n },
  });
  const values = async (...names: string[]): Promise<bigint[]> =>
    (await call("registers", { hart: 1, names })).map((register) => register.value);
  assert.deepEqual(await values("a0", "fa0", "mscratch", "pc"), [0xffff_ffff_ffff_fff0n, 5n, 7n, 0x8000_0100n]);
  assert.deepEqual((await call("registers", { hart: 0, names: ["a0", "mscratch"] })).map((r) => r.value)[1], 0n);
  // WARL: mtvec keeps its two mode bits legal, satp takes no reserved mode.
  await call("setRegisters", { hart: 1, values: { satp: 5n << 60n } });
  assert.deepEqual(await values("satp"), [0n]);
  for (const [values, code] of [
    [{ a0: 1n, zero: 1n }, "read-only-register"],
    [{ a0: 1n, mhartid: 1n }, "read-only-register"],
    [{ a0: 1n, nothing: 1n }, "unknown-register"],
    [{ a0: 1n, pc: 3n }, "invalid"],
    [{ a0: 1n, a1: 1n << 64n }, "invalid"],
  ] as const) {
    await assert.rejects(call("setRegisters", { hart: 1, values }), { code });
  }
  assert.deepEqual(await values("a0"), [0xffff_ffff_ffff_fff0n]);
});

test("memory is read and written by physical address, and devices are left alone", async () => {
  const { call } = build(counter());
  const at = BigInt(RAM + 0x20_0000 - 3);
  await call("writeMemory", { ...PHYSICAL, address: at, bytes: Buffer.from("hello world") });
  assert.equal(
    Buffer.from(await call("readMemory", { ...PHYSICAL, address: at, length: 11 })).toString(),
    "hello world",
  );
  await assert.rejects(call("readMemory", { ...PHYSICAL, address: BigInt(UART), length: 1 }), { code: "not-memory" });
  await assert.rejects(call("writeMemory", { ...PHYSICAL, address: BigInt(UART), bytes: Uint8Array.of(65) }), {
    code: "not-memory",
  });
  const end = BigInt(RAM + (16 << 20));
  await assert.rejects(call("readMemory", { ...PHYSICAL, address: end - 4n, length: 8 }), {
    code: "unmapped",
    detail: { address: `0x${end.toString(16)}` },
  });
  // A write that does not fit changes nothing.
  await assert.rejects(call("writeMemory", { ...PHYSICAL, address: end - 4n, bytes: Buffer.alloc(8, 1) }), {
    code: "unmapped",
  });
  assert.deepEqual([...(await call("readMemory", { ...PHYSICAL, address: end - 4n, length: 4 }))], [0, 0, 0, 0]);
  await assert.rejects(call("readMemory", { ...VIRTUAL, address: (1n << 64n) - 2n, length: 4 }), { code: "invalid" });
});

test("code written by a tool is what runs next", async () => {
  const { call } = build(assemble([label("loop"), addi(6, 6, 1), j("loop")]));
  await call("runUntil", { pc: BigInt(RAM), timeoutMs: 1000 });
  await call("step", { count: 20 });
  await call("writeMemory", {
    ...PHYSICAL,
    address: BigInt(RAM),
    bytes: new Uint8Array(Uint32Array.of(addi(6, 6, 100)).buffer),
  });
  const read = async (): Promise<bigint> => (await call("registers", { hart: 0, names: ["t1"] }))[0]?.value as bigint;
  const t1 = await read();
  await call("step", { count: 20 });
  assert.equal((await read()) - t1, 1000n);
});

test("patterns are found across pieces, pages and the end of the range", async () => {
  const { call } = build(counter());
  const base = BigInt(RAM + 0x40_0000);
  const needle = Buffer.from("needle");
  const places = [0n, 100n, (1n << 20n) - 3n, (2n << 20n) - 6n];
  for (const place of places) await call("writeMemory", { ...PHYSICAL, address: base + place, bytes: needle });
  const search = { ...PHYSICAL, address: base, length: 2 << 20, pattern: needle, limit: 10 };
  assert.deepEqual(
    await call("searchMemory", search),
    places.map((place) => base + place),
  );
  assert.deepEqual(await call("searchMemory", { ...search, limit: 2 }), [base, base + 100n]);
  assert.deepEqual(
    await call("searchMemory", { ...search, length: (2 << 20) - 1 }),
    places.slice(0, 3).map((place) => base + place),
  );
  await assert.rejects(call("searchMemory", { ...search, pattern: new Uint8Array() }), { code: "invalid" });
});

/** Sv39: 0x20_0000_1000 → RAM + 0x30_0000 (rw-, user), a 2 MiB page at 0x20_0020_0000 → RAM + 0x60_0000. */
async function paging({ call }: Bench): Promise<bigint> {
  const root = RAM + 0x10_0000;
  const pte = (pa: number, flags: number): bigint => (BigInt(pa / 4096) << 10n) | BigInt(flags);
  const put = (table: number, index: number, entry: bigint) =>
    call("writeMemory", { ...PHYSICAL, address: BigInt(table + 8 * index), bytes: u64(entry) });
  await put(root, 0x80, pte(root + 0x1000, 1));
  await put(root + 0x1000, 0, pte(root + 0x2000, 1));
  await put(root + 0x1000, 1, pte(RAM + 0x60_0000, 0xcf));
  await put(root + 0x2000, 1, pte(RAM + 0x30_0000, 0xd7));
  await put(root + 0x2000, 2, pte(UART, 0xc7));
  // S-mode needs a PMP entry that allows it anything.
  await call("setRegisters", {
    hart: 0,
    values: { satp: (8n << 60n) | BigInt(root / 4096), pmpaddr0: (1n << 54n) - 1n, pmpcfg0: 0x1fn },
  });
  return BigInt(root);
}

test("translation shows every level of the walk and what answers", async () => {
  const bench = build(counter());
  const { call } = bench;
  const root = await paging(bench);
  const found = await call("translate", { vaddr: 0x20_0000_1abcn, access: "read", hart: 0, privilege: "U" });
  assert.equal(found.mode, "sv39");
  assert.equal(found.paddr, BigInt(RAM + 0x30_0abc));
  assert.equal(found.region, "ram");
  assert.equal(found.offset, 0x30_0abcn);
  assert.equal(found.pageSize, 4096);
  assert.deepEqual(
    found.walk.map(({ level, pteAddress, flags, leaf }) => [level, pteAddress, flags, leaf]),
    [
      [2, root + 0x400n, "", false],
      [1, root + 0x1000n, "", false],
      [0, root + 0x2008n, "rwuad", true],
    ],
  );
  const large = await call("translate", { vaddr: 0x20_0030_0000n, access: "fetch", hart: 0, privilege: "S" });
  assert.equal(large.paddr, BigInt(RAM + 0x70_0000));
  assert.equal(large.pageSize, 2 << 20);
  assert.equal(large.walk.length, 2);

  const device = await call("translate", { vaddr: 0x20_0000_2005n, access: "read", hart: 0, privilege: "S" });
  assert.deepEqual([device.device, device.offset], ["uart0", 5n]);
  assert.match(device.register ?? "", /LSR/);

  const fault = await call("translate", { vaddr: 0x20_0000_3000n, access: "write", hart: 0, privilege: "S" });
  assert.deepEqual(fault.fault, { cause: 15, name: "store page fault", level: 0 });
  assert.equal(fault.paddr, undefined);
  const user = await call("translate", { vaddr: 0x20_0020_0000n, access: "read", hart: 0, privilege: "U" });
  assert.equal(user.fault?.cause, 13);
  const noncanonical = await call("translate", { vaddr: 1n << 50n, access: "read", hart: 0, privilege: "S" });
  assert.equal(noncanonical.fault?.cause, 13);
  assert.equal(noncanonical.walk.length, 0);
  // M-mode does not translate.
  const machine = await call("translate", { vaddr: BigInt(RAM), access: "read", hart: 0 });
  assert.deepEqual([machine.mode, machine.privilege, machine.paddr], ["bare", "M", BigInt(RAM)]);
});

test("looking at a machine leaves no trace in it", async () => {
  const run = async (look: boolean): Promise<unknown> => {
    const bench = build(counter(), 2);
    const { call } = bench;
    await paging(bench);
    for (let i = 0; i < 5; i++) {
      await call("step", { count: 777 });
      if (!look) continue;
      await call("registers", { hart: 1 });
      await call("translate", { vaddr: 0x20_0000_1abcn, access: "write", hart: 1, privilege: "S" });
      await call("readMemory", { ...PHYSICAL, address: BigInt(COUNTER_BASE), length: 5000 });
      await call("disassemble", { hart: 1, address: BigInt(RAM), count: 5, space: "physical" });
      await call("tlbDump", { limit: 1000 });
      await call("deviceState", { name: "uart0" });
      await call("interrupts");
      await call("status");
    }
    const bytes = Buffer.from(bench.machine.memory.buffer as unknown as ArrayBuffer);
    // Hart state, globals but for the results of debug walks, TLBs' counters.
    return (
      bytes.subarray(0x1000, 0x3000).toString("hex") +
      (await call("tlbDump", { limit: 1e6 })).map((entry) => entry.vaddr).join()
    );
  };
  assert.equal(await run(true), await run(false));
});

test("instructions are shown with bytes and text, up to where memory ends", async () => {
  const { call } = build(counter());
  const lines = await call("disassemble", { ...PHYSICAL, address: BigInt(RAM), count: 6 });
  assert.deepEqual(lines.map((line) => [line.address - BigInt(RAM), line.text]).slice(3), [
    [12n, "sd t1, 0(t0)"],
    [16n, "addi t1, t1, 1"],
    [20n, "j 0x8000000c"],
  ]);
  const end = BigInt(RAM + (16 << 20));
  await call("writeMemory", {
    ...PHYSICAL,
    address: end - 6n,
    bytes: Uint8Array.of(0x01, 0x00, 0x01, 0x00, 0x13, 0x00),
  });
  // Two compressed nops, then the first half of an instruction whose second half is not there.
  assert.deepEqual(
    (await call("disassemble", { ...PHYSICAL, address: end - 6n, count: 9 })).map((line) => line.text),
    ["nop", "nop"],
  );
  await assert.rejects(call("disassemble", { ...PHYSICAL, address: end, count: 1 }), { code: "unmapped" });
  await assert.rejects(call("disassemble", { ...PHYSICAL, address: 1n, count: 1 }), { code: "invalid" });
});

test("devices, their registers, regions and the device tree are shown", async () => {
  const { call } = build(echo("x"));
  await call("step", { count: 100 });
  const devices = await call("devices");
  const uart = devices.find((device) => device.name === "uart0");
  assert.equal(uart?.regions[0]?.start, BigInt(UART));
  const state = await call("deviceState", { name: "uart0" });
  assert.ok(state.registers.some((register) => register.name === "LCR"));
  await assert.rejects(call("deviceState", { name: "uart9" }), { code: "unknown-device" });
  const dts = Buffer.from(await call("deviceTree", { format: "dts" })).toString();
  assert.match(dts, /ns16550a/);
  const dtb = await call("deviceTree", { format: "dtb" });
  assert.equal(new DataView(dtb.buffer, dtb.byteOffset).getUint32(0), 0xd00dfeed);
  const flat = await call("flatView");
  assert.ok(flat.some((section) => section.region === "ram" && section.start === BigInt(RAM)));
  assert.equal((await call("memoryTree")).children.length > 5, true);
  assert.ok("plic" in (await call("interrupts")).controllers);
});

test("the TLB's entries and counters are shown as they are", async () => {
  const { call } = build(counter());
  await call("step", { count: 1000 });
  const stats = await call("tlbStats");
  assert.ok((stats.counters["fills"] ?? 0) >= 1);
  assert.equal(stats.tables.length, 4);
  const entries = await call("tlbDump", { limit: 100 });
  const data = entries.find((entry) => entry.paddr === BigInt(COUNTER_BASE));
  assert.equal(data?.vaddr, BigInt(COUNTER_BASE));
  assert.equal(data?.mmuIndex, 3);
  assert.equal(data?.region, "ram");
  assert.ok(data?.write);
  assert.equal((await call("tlbDump", { limit: 1 })).length, 1);
  assert.equal((await call("tlbDump", { limit: 100, mmuIndex: 0 })).length, 0);
  await assert.rejects(call("tlbDump", { limit: 1, hart: 4 }), { code: "invalid" });
});

test("an unknown method is our bug and says so", async () => {
  const { call } = build(assemble([add(1, 1, 1), label("stop"), j("stop")]));
  await assert.rejects(call("toString" as "reset"), { code: "bug" });
});

const SPEC = {
  fields: ["seq", "value"],
  filter: { direction: ["write" as const] },
  include: { fetch: false, walk: false, dma: false },
  everyNth: 1,
  slow: "drop" as const,
  ringBatches: 4,
  batchRows: 256,
};

test("subscriptions are refused with the field at fault, and make room again when they end", async () => {
  const { call, machine } = build(counter());
  const refused = async (changes: object, expected: object): Promise<void> => {
    await assert.rejects(call("subscribe", { id: "x", spec: { ...SPEC, ...changes } }), expected);
  };
  await refused({ fields: ["nothing"] }, { code: "invalid" });
  await refused({ filter: { device: ["uart9"] } }, { code: "unknown-device" });
  await refused({ filter: { region: ["nowhere"] } }, { code: "invalid" });
  await refused(
    { batchRows: 1 << 17 },
    { code: "limit", detail: { limit: "maxRingBytes", value: 1 << 20, needed: 1 << 23 } },
  );
  await refused({ ringBatches: 1 }, { code: "invalid" });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 32; i++) await call("subscribe", { id: `s${i}`, spec: SPEC });
    await refused({}, { code: "limit" });
    for (let i = 0; i < 32; i++) assert.deepEqual(await call("unsubscribe", { id: `s${i}` }), { records: 0 });
  }
  await assert.rejects(call("unsubscribe", { id: "s0" }), { code: "unknown-subscription" });
  assert.equal(machine.core["trace_kinds"]?.(), 0);
});

test("counters tell what was matched, written and dropped", async () => {
  const { call } = build(counter());
  await call("subscribe", { id: "s", spec: SPEC });
  await call("subscribe", { id: "third", spec: { ...SPEC, everyNth: 3, ringBatches: 64 } });
  await call("step", { count: 6000 });
  const all = await call("subscriptionStats", { id: "s" });
  assert.ok(all.matched > 1900 && all.matched <= 2000, `${all.matched}`);
  assert.equal(all.written + all.dropped, all.matched);
  assert.ok(all.dropped > 0, "nobody reads, so most is lost");
  const third = await call("subscriptionStats", { id: "third" });
  assert.equal(third.matched, all.matched);
  assert.equal(third.written, Math.ceil(all.matched / 3));
});

test("a stream goes on over a reset, and the reset is in the input log", async () => {
  const { call } = build(counter());
  await call("subscribe", { id: "s", spec: { ...SPEC, ringBatches: 64 } });
  await call("step", { count: 3000 });
  const before = await call("subscriptionStats", { id: "s" });
  await call("reset");
  const { instructions } = await call("step", { count: 3000 });
  const after = await call("subscriptionStats", { id: "s" });
  assert.equal(after.written, 2 * before.written);
  assert.equal(instructions, 6000);
  const { entries } = await call("inputLog");
  assert.deepEqual(
    entries.map(({ name, instructions }) => [name, instructions]),
    [["reset", 3000]],
  );
});
