// Plugins on a running Debian, over HTTP and WebSocket only. Skipped where the guest is not installed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { debianGuest, skipWithoutGuests } from "../machine/guests.js";
import { type Client, type Socket, startService } from "./service.js";

const image = (service: Client, file: string): Promise<string> =>
  readFile(join(debianGuest as string, file)).then((bytes) => service.upload(bytes, file));

/** Types a line, and waits until `done` comes back. The shell echoes: quotes keep the echo from looking like an answer. */
async function shell(console: Socket, command: string): Promise<string> {
  const from = console.output.length;
  console.ws.send(`${command}; echo DO""NE\n`);
  await console.until(() => console.output.indexOf("DONE", from) >= 0, 240_000);
  return console.output.slice(from);
}

test("all kinds of plugins at once on a Linux with two harts, beside a stream", {
  skip: skipWithoutGuests,
  timeout: 600_000,
}, async (t) => {
  const service = await startService(t, { maxProbeMemory: 64 << 20 });
  await service.call("session.create", {
    id: "demo",
    ram: "256M",
    harts: 2,
    cmdline: "console=ttyS0 quiet shell",
    firmware: await image(service, "fw_dynamic.bin"),
    kernel: await image(service, "Image.gz"),
    initrd: await image(service, "initrd.gz"),
  });
  const console = service.socket("/v1/sessions/demo/console");
  await console.opened;
  await service.call("session.start", { session: "demo" });
  await console.until(() => /# /.test(console.output), 200_000);
  const command = "head -c 200000 /bin/busybox | sha256sum";
  const [sum] = /[0-9a-f]{64}/.exec(await shell(console, command)) ?? [];
  assert.ok(sum);

  const plugins: [string, object][] = [
    ["bb", {}],
    ["insn", {}],
    ["mem", { lines: 100 }],
    ["hotblocks", {}],
    ["hotpages", {}],
    ["howvec", {}],
    ["hwprofile", { lines: 100 }],
    ["execlog", { lines: 100 }],
    ["traps", {}],
    ["discons", { lines: 100 }],
    ["cache", {}],
    ["cflow", {}],
    ["drcov", {}],
    ["bbv", { interval: 1_000_000 }],
    ["uftrace", { events: 1000 }],
  ];
  for (const [plugin, args] of plugins) await service.call("slot.attach", { session: "demo", plugin, args });
  const stream = service.socket(
    "/v1/sessions/demo/trace?device=uart0&direction=write&fields=value&format=jsonl&slow=block",
  );
  await stream.opened;
  const live = service.socket("/v1/sessions/demo/plugins/insn/results?interval=100&on=change");
  const again = await shell(console, command);
  assert.equal(/[0-9a-f]{64}/.exec(again)?.[0], sum, "the guest computes what it did before");
  await live.until(() => live.texts.length > 1);

  await service.call("session.pause", { session: "demo" });
  const found = async <R>(slot: string): Promise<R> =>
    (await service.call<{ results: R }>("slot.results", { session: "demo", slot })).results;
  const insn = await found<{ instructions: number; harts: { hart: number; instructions: number }[] }>("insn");
  assert.equal(
    insn.harts.reduce((all, { instructions }) => all + instructions, 0),
    insn.instructions,
  );
  const { devices } = await found<{ devices: { device: string; writes: number }[] }>("hwprofile");
  const typed = stream.texts
    .slice(1)
    .flatMap((text) => text.trimEnd().split("\n"))
    .filter((line) => line !== "").length;
  const { subscriptions } = await service.call<{ subscriptions: { written: number }[] }>("subscription.list", {
    session: "demo",
  });
  assert.ok(typed > 0);
  // attached before the stream was
  assert.ok((devices.find(({ device }) => device === "uart0")?.writes ?? 0) >= (subscriptions[0]?.written ?? 0));
  const { slots } = await service.call<{ slots: { slot: string; state: string; failure?: unknown }[] }>("slot.list", {
    session: "demo",
  });
  for (const { slot, state, failure } of slots) assert.equal(state, "active", `${slot}: ${JSON.stringify(failure)}`);
  for (const { slot } of slots) await service.call("slot.detach", { session: "demo", slot });
  await stream.close();
  await service.call("session.start", { session: "demo" });
  assert.equal(/[0-9a-f]{64}/.exec(await shell(console, command))?.[0], sum);
  assert.equal((await service.call<{ variant: string }>("engine.stats", { session: "demo" })).variant, "plain");
});
