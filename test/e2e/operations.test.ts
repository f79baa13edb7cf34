// Every operation against a real machine, over HTTP: results are what their schemas say, and mutated parameters are
// the caller's errors, never bugs.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { OPERATIONS } from "../../src/operations/table.js";
import { makeAjv } from "../../src/operations/validate.js";
import { emptyPlugin } from "../server/plugin-modules.js";
import { times } from "../thorough.js";
import { type Client, RpcError, startService } from "./service.js";

const DEMO = new URL("../../../guest/demo/demo.elf", import.meta.url);
const ajv = makeAjv();

async function withDemo(t: Parameters<typeof startService>[0]): Promise<Client> {
  const client = await startService(t);
  await client.upload(await readFile(DEMO), "demo.elf");
  await client.call("session.create", { id: "demo", board: "remap", ram: "64M" });
  return client;
}

/** Calls that succeed, in an order that makes sense. */
const CALLS: [string, Record<string, unknown>][] = [
  ["service.info", {}],
  ["service.health", {}],
  ["service.limits", {}],
  ["service.errors", {}],
  ["service.createTicket", {}],
  ["image.put", { name: "x.bin", kind: "raw", data: "AAECAw==" }],
  ["image.list", {}],
  ["image.get", { image: "x.bin" }],
  ["session.create", { id: "other", board: "virt", ram: "16M", load: [{ image: "x.bin", address: "0x80000000" }] }],
  ["session.list", {}],
  ["session.delete", { session: "other" }],
  ["image.delete", { image: "x.bin" }],
  ["session.runUntil", { session: "demo", instructions: 3_000_000 }],
  ["session.step", { session: "demo", count: 7 }],
  ["session.get", { session: "demo" }],
  ["register.get", { session: "demo" }],
  ["register.set", { session: "demo", values: { a7: "0x7" } }],
  ["memory.read", { session: "demo", paddr: "0x80000000", length: 64 }],
  ["memory.read", { session: "demo", vaddr: "0x80000000", length: 64, encoding: "base64" }],
  ["memory.write", { session: "demo", paddr: "0x83000000", data: "c0ffee" }],
  ["memory.search", { session: "demo", paddr: "0x82fff000", length: 8192, pattern: "c0ffee" }],
  ["memory.translate", { session: "demo", vaddr: "0x80000000", privilege: "S" }],
  ["memory.translate", { session: "demo", vaddr: "0xfffffffffffff000", access: "write", privilege: "S" }],
  ["memory.tree", { session: "demo" }],
  ["memory.flat", { session: "demo" }],
  ["engine.stats", { session: "demo" }],
  ["tlb.stats", { session: "demo" }],
  ["tlb.dump", { session: "demo", limit: 5 }],
  ["device.list", { session: "demo" }],
  ["device.get", { session: "demo", device: "uart0" }],
  ["device.tree", { session: "demo" }],
  ["device.tree", { session: "demo", format: "dtb" }],
  ["interrupt.get", { session: "demo" }],
  ["symbol.list", { session: "demo", query: "main" }],
  ["symbol.list", { session: "demo", address: "0x80000100" }],
  ["code.disassemble", { session: "demo", count: 5 }],
  ["code.disassemble", { session: "demo", paddr: "0x80000000", count: 5 }],
  ["subscription.create", { session: "demo", filter: { device: ["uart0"], direction: ["write"] } }],
  ["plugin.put", { name: "empty.wasm", data: emptyPlugin().toString("base64") }],
  ["plugin.list", {}],
  ["plugin.get", { plugin: "hotpages" }],
  ["plugin.delete", { plugin: "empty.wasm" }],
  ["slot.attach", { session: "demo", plugin: "drcov", args: { filename: "seen" } }],
  ["slot.attach", { session: "demo", plugin: "hotpages", args: "sortby=reads", filter: { io: true } }],
  ["session.start", { session: "demo" }],
  // not written yet when the subscription begins
  ["session.wait", { session: "demo", text: "remap #20", timeoutMs: 60_000 }],
  ["console.list", { session: "demo" }],
  ["console.read", { session: "demo", limit: 100 }],
  ["console.write", { session: "demo", data: "x" }],
  ["session.pause", { session: "demo" }],
  ["subscription.list", { session: "demo" }],
  ["event.list", { session: "demo" }],
  ["slot.list", { session: "demo" }],
  ["slot.get", { session: "demo", slot: "hotpages" }],
  ["slot.results", { session: "demo", slot: "hotpages", text: true }],
  ["slot.results", { session: "demo", slot: "drcov" }],
  ["slot.file", { session: "demo", slot: "drcov", file: "seen" }],
  ["slot.output", { session: "demo", slot: "hotpages" }],
  ["slot.pause", { session: "demo", slot: "hotpages" }],
  ["slot.resume", { session: "demo", slot: "hotpages" }],
  ["slot.configure", { session: "demo", slot: "hotpages", args: { limit: 3 } }],
  ["slot.detach", { session: "demo", slot: "drcov" }],
  ["session.reset", { session: "demo" }],
];

test("every operation answers as its schema says", { timeout: 120_000 }, async (t) => {
  const client = await withDemo(t);
  const results = new Map<string, unknown>();
  const call = async (name: string, params: Record<string, unknown>): Promise<void> => {
    const op = OPERATIONS.find((candidate) => candidate.name === name);
    assert.ok(op, name);
    const result = await client.call(name, params);
    results.set(name, result);
    assert.ok(
      ajv.validate(op.result, result),
      `${name}: ${ajv.errorsText()} in ${JSON.stringify(result).slice(0, 500)}`,
    );
  };
  for (const [name, params] of CALLS) await call(name, params);
  const { subscriptions } = results.get("subscription.list") as { subscriptions: { id: string; written: number }[] };
  assert.ok((subscriptions[0]?.written ?? 0) > 0, "the UART was written to");
  await call("subscription.get", { session: "demo", subscription: subscriptions[0]?.id });
  await call("subscription.delete", { session: "demo", subscription: subscriptions[0]?.id });
  assert.deepEqual(
    OPERATIONS.map((op) => op.name).filter((name) => !results.has(name)),
    [],
    "every operation was called",
  );
  const { files } = results.get("slot.detach") as { files: { name: string; size: number }[] };
  assert.ok(files.some(({ name, size }) => name === "seen" && size > 0));
  const read = (name: string) => results.get(name) as Record<string, unknown>;
  assert.equal(read("memory.search")["matches"]?.toString(), "0x83000000");
});

test("odd parameters are the caller's errors, and the machine goes on", { timeout: 120_000 }, async (t) => {
  const client = await withDemo(t);
  await client.call("session.start", { session: "demo" });
  const odd = [
    "0x0",
    "0xffffffffffffffff",
    "0xfffffffffffff000",
    "0x7fffffffffffffff",
    "0x10000000",
    "0x83fffffe",
    0,
    1,
    9007199254740991,
  ];
  const vary: Record<string, readonly unknown[]> = {
    vaddr: odd,
    paddr: odd,
    address: odd,
    pc: odd,
    length: [1, 3, 4096, 65_536, 16_777_216],
    count: [1, 100, 10_000],
    limit: [1, 100],
    hart: [0, 1, 7],
    mmuIndex: [0, 3],
    names: [["pc", "nope"], ["x31", "f31", "satp"], []],
    values: [{ pc: 1 }, { nope: 0 }, { satp: "0xffffffffffffffff" }, { mtvec: 3 }, { a0: 0, mcycle: 5 }],
    device: ["uart0", "clint", "", "x", "__proto__"],
    console: ["uart0", "__proto__"],
    pattern: ["00", "ff".repeat(100)],
    data: ["00", "ff".repeat(5000)],
    text: ["remap", "\u0000"],
    format: ["dtb", "dts"],
    privilege: ["U", "S", "M"],
    access: ["read", "write", "fetch"],
    instructions: [0, 1, 9007199254740991],
    offset: [0, 9007199254740991],
    from: [0, 9007199254740991],
    after: [0, 9007199254740991],
    fields: [["seq"], ["value", "paddr"]],
    filter: [{ device: ["__proto__"] }, { paddr: ["0x0-0xffffffffffffffff"] }, { size: [64] }, {}],
    batchRows: [256, 300],
    ringBatches: [2, 3],
    everyNth: [1, 4_294_967_295],
    stopAfter: [1, 9007199254740991],
    state: [["running"], ["halted", "crashed"]],
    query: ["", "m", "\\"],
    timeoutMs: [0, 1],
    ram: [4096, "1M", 8192],
    harts: [1, 8],
    board: ["virt", "remap"],
    quantum: [1, 1_000_000_000],
    cmdline: ["", "x".repeat(2000)],
    rtcEpochMs: [0, 9007199254740991],
    seed: [0, 4_294_967_295],
    load: [[{ image: "demo.elf", address: "0x80000000" }], [{ image: "demo.elf", address: "0x1fffffffffffff" }]],
    flash: [["demo.elf"], ["demo.elf", "demo.elf"]],
    kernel: ["demo.elf", { image: "demo.elf", kind: "srec" }],
    firmware: ["demo.elf"],
    initrd: ["demo.elf"],
    dtb: ["demo.elf"],
    plugin: ["hotpages", "hotblocks", "cache", "execlog", "insn", "nope", "__proto__"],
    args: [{}, "limit=5", { limit: "many" }, { inline: true }, "__proto__=1"],
    slot: ["hotpages", "cache", "insn", "insn-2", "__proto__"],
    file: ["x", "__proto__"],
    interval: [20],
    virtio: [[{ type: "block", image: "demo.elf" }, { type: "console" }], []],
  };
  let state = 12345;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
  const skipped = new Set(["session.delete", "image.delete", "image.put", "plugin.put"]);
  const operations = OPERATIONS.filter((op) => !skipped.has(op.name));
  let refused = 0;
  for (let n = 0; n < times(250, 2000); n++) {
    const op = operations[below(operations.length)];
    assert.ok(op);
    // making machines is slow: less often
    if (op.name === "session.create" && below(4) > 0) continue;
    const params: Record<string, unknown> = {};
    for (const name of Object.keys(op.params.properties)) {
      if (name === "session") params[name] = "demo";
      else if (name === "subscription") params[name] = "none";
      else if (name !== "id" && name !== "encoding" && below(100) < 60) {
        const values = vary[name];
        if (values) params[name] = values[below(values.length)];
      }
    }
    if (op.name === "session.step") params["count"] = 1 + below(1000);
    if ("timeoutMs" in op.params.properties) params["timeoutMs"] = below(5);
    try {
      const result = await client.call<{ id?: string }>(op.name, params);
      assert.ok(ajv.validate(op.result, result), `${op.name}: ${ajv.errorsText()}`);
      if (op.name === "session.create") await client.call("session.delete", { session: result.id });
      if (op.name === "subscription.create")
        await client.call("subscription.delete", { session: "demo", subscription: result.id });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      refused++;
      const told = `${op.name} ${JSON.stringify(params).slice(0, 300)}: ${error.code} ${error.message}`;
      assert.notEqual(error.code, "EMU_INTERNAL", told);
      assert.notEqual(error.code, "EMU_SESSION_CRASHED", told);
    }
  }
  assert.ok(refused > 60);
  await client.call("session.reset", { session: "demo" });
  await client.call("session.start", { session: "demo" });
  const { matched } = await client.call("session.wait", { session: "demo", text: "remap #1", timeoutMs: 60_000 });
  assert.equal(matched, true);
});
