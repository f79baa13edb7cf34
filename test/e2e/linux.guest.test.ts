// Unmodified guests, driven and observed over HTTP and WebSocket only. Skipped where they are not installed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import { debianGuest, skipWithoutGuests } from "../machine/guests.js";
import { type Client, type Socket, startService } from "./service.js";

const options = { skip: skipWithoutGuests, timeout: 300_000 };
const image = (service: Client, file: string): Promise<string> =>
  readFile(join(debianGuest as string, file)).then((bytes) => service.upload(bytes, file));

async function debian(
  t: TestContext,
  more: Record<string, unknown>,
): Promise<{ service: Client; session: string; console: Socket }> {
  const service = await startService(t);
  const { id } = await service.call<{ id: string }>("session.create", {
    ram: "256M",
    firmware: await image(service, "fw_dynamic.bin"),
    kernel: await image(service, "Image.gz"),
    initrd: await image(service, "initrd.gz"),
    ...more,
  });
  const console = service.socket(`/v1/sessions/${id}/console`);
  await console.opened;
  await service.call("session.start", { session: id });
  return { service, session: id, console };
}

/** Types a line, and waits until `done` comes back. The shell echoes: quotes keep the echo from looking like an answer. */
async function shell(console: Socket, command: string): Promise<string> {
  const from = console.output.length;
  console.ws.send(`${command}; echo DO""NE\n`);
  await console.until(() => console.output.indexOf("DONE", from) >= 0, 120_000);
  return console.output.slice(from);
}

test("Debian boots to SHELL-READY and powers off", options, async (t) => {
  const { service, session, console } = await debian(t, { cmdline: "console=ttyS0 quiet" });
  const events = service.socket(`/v1/sessions/${session}/events?after=0`);
  await service.call("session.wait", { session, text: "SHELL-READY", timeoutMs: 200_000 });
  await service.call("session.wait", { session, state: ["halted"], timeoutMs: 60_000 });
  assert.match(console.output, /BOOT-OK/);
  await events.until(() => events.messages.some((event) => event["state"] === "halted"));
  assert.equal(events.messages.find((event) => event["state"] === "halted")?.["exitCode"], 0);
});

test("a running Linux with four harts is typed into and streamed without a loss", options, async (t) => {
  const { service, session, console } = await debian(t, { cmdline: "console=ttyS0 quiet shell", harts: 4 });
  await console.until(() => /# /.test(console.output), 200_000);
  assert.match(await shell(console, "grep -c ^processor /proc/cpuinfo"), /\b4\b/);

  const stopAfter = 400_000;
  const sub = await service.call<{ id: string; stream: string }>("subscription.create", {
    session,
    slow: "block",
    stopAfter,
    batchRows: 4096,
    ringBatches: 4,
    fields: ["seq", "icount", "hart", "privilege", "pc", "vaddr", "paddr", "region", "device", "offset"],
  });
  const stream = service.socket(`${sub.stream}?format=arrow`);
  const typed = shell(console, "sha256sum /bin/busybox");
  await stream.closed;
  assert.match(await typed, /[0-9a-f]{64}/);
  const table = tableFromIPC(Buffer.concat(stream.binary));
  assert.equal(table.numRows, stopAfter);
  const column = <T>(name: string): T[] => [...(table.getChild(name) as Iterable<T>)];
  const [seq, icount, paddr, offset] = (["seq", "icount", "paddr", "offset"] as const).map((name) =>
    column<bigint>(name),
  ) as [bigint[], bigint[], bigint[], bigint[]];
  const region = column<string>("region");
  for (let i = 0; i < stopAfter; i++) {
    if (seq[i] !== BigInt(i)) assert.fail(`record ${i} has number ${seq[i]}`);
    if (i > 0 && (icount[i] as bigint) < (icount[i - 1] as bigint)) assert.fail(`time goes backwards at ${i}`);
    if (region[i] === "ram" && paddr[i] !== (offset[i] as bigint) + 0x8000_0000n)
      assert.fail(`record ${i}: ${paddr[i]} is not ${offset[i]}`);
  }
  assert.ok(region.includes("ram"));
  assert.ok(new Set(column<string>("privilege")).size > 1);

  // Typing shows up in the UART, whatever else goes on; attaching and detaching is quick.
  const uart = await service.call<{ id: string; stream: string }>("subscription.create", {
    session,
    filter: { device: ["uart0"], direction: ["write"] },
    fields: ["register", "value"],
  });
  const lines = service.socket(`${uart.stream}?format=jsonl`);
  await lines.opened;
  await shell(console, "echo XYZZY");
  await lines.until(() => {
    const text = lines.texts
      .join("")
      .split("\n")
      .filter((line) => line.includes('"uart0.THR"'))
      .map((line) => String.fromCharCode(Number((JSON.parse(line) as { value: string }).value)))
      .join("");
    return text.includes("\r\nXYZZY\r\nDONE");
  });
  await lines.close();
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const begun = performance.now();
    const { id } = await service.call<{ id: string }>("subscription.create", { session });
    await service.call("subscription.delete", { session, subscription: id });
    times.push(performance.now() - begun);
  }
  t.diagnostic(`attach and detach: ${times.map((ms) => ms.toFixed(1)).join(" ")} ms`);
  await shell(console, "true");
});

test("an idle Linux shell does not burn a processor, keeps time, and wakes at a key", options, async (t) => {
  const { service, session, console } = await debian(t, { cmdline: "console=ttyS0 quiet shell" });
  await console.until(() => /# /.test(console.output), 200_000);
  // Two virtual seconds of quiet are skipped first.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const get = () => service.call<{ virtualNs: number }>("session.get", { session });
  const from = { cpu: process.cpuUsage(), ms: performance.now(), ns: (await get()).virtualNs };
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const cpu = process.cpuUsage(from.cpu);
  const ms = performance.now() - from.ms;
  const virtualMs = ((await get()).virtualNs - from.ns) / 1e6;
  assert.ok(
    (cpu.user + cpu.system) / 1000 < ms * 0.25,
    `${(cpu.user + cpu.system) / 1000} ms of processor time in ${ms} ms`,
  );
  assert.ok(Math.abs(virtualMs - ms) < ms * 0.15, `${virtualMs} virtual ms in ${ms} real ones`);
  const begun = performance.now();
  await shell(console, "true");
  assert.ok(performance.now() - begun < 10_000);
});

test("a DMA burst larger than the ring reaches a blocking client whole", options, async (t) => {
  const service = await startService(t);
  const disk = Buffer.alloc(1 << 20);
  for (let at = 0; at < disk.length; at += 8) disk.writeBigUInt64LE(BigInt(at), at);
  const { id: session } = await service.call<{ id: string }>("session.create", {
    ram: "128M",
    firmware: await image(service, "fw_dynamic.bin"),
    kernel: await image(service, "u-boot-smode.bin"),
    virtio: [{ type: "block", image: { image: await service.upload(disk, "disk"), kind: "raw" } }],
  });
  const console = service.socket(`/v1/sessions/${session}/console`);
  await console.opened;
  await service.call("session.start", { session });
  await console.until(() => /Hit any key/.test(console.output), 120_000);
  console.ws.send("\r");
  await console.until(() => /=> $/.test(console.output), 60_000);
  console.ws.send("virtio scan\r");
  await console.until(() => /scan\s+=> $/.test(console.output), 60_000);
  const sub = await service.call<{ id: string; stream: string }>("subscription.create", {
    session,
    slow: "block",
    filter: { kind: ["dma-write"], paddr: [["0x84000000", "0x840fffff"]] },
    fields: ["seq", "paddr", "value", "kind"],
    batchRows: 256,
    ringBatches: 4,
  });
  const stream = service.socket(`${sub.stream}?format=arrow`);
  await stream.opened;
  console.ws.send("virtio read 0x84000000 0 0x800\r");
  await console.until(() => /2048 blocks read: OK/.test(console.output), 120_000);
  const expected = disk.length / 8;
  const rows = (): number => tableFromIPC(Buffer.concat(stream.binary)).numRows;
  await stream.until(() => stream.binary.length * 256 > expected && rows() === expected, 60_000);
  const table = tableFromIPC(Buffer.concat(stream.binary));
  const values = [...(table.getChild("value") as Iterable<bigint>)];
  const paddrs = [...(table.getChild("paddr") as Iterable<bigint>)];
  for (let i = 0; i < expected; i++) {
    if (values[i] !== BigInt(i * 8) || paddrs[i] !== 0x8400_0000n + BigInt(i * 8))
      assert.fail(`record ${i}: ${values[i]} at ${paddrs[i]}`);
  }
  const { dropped } = await service.call<{ dropped: number }>("subscription.get", { session, subscription: sub.id });
  assert.equal(dropped, 0);
  await stream.close();
});
