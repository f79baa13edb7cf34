// Consoles and session events over the real service.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { counter, echo, sleeper } from "./programs.js";
import { type Client, type RpcError, sharedService } from "./service.js";

const shared = sharedService();

async function machine(
  t: TestContext,
  program: Uint8Array,
  more: Record<string, unknown> = {},
): Promise<{ service: Client; session: string }> {
  const service = await shared(t);
  const image = await service.upload(program);
  const { id } = await service.call<{ id: string }>("session.create", {
    ram: "16M",
    firmware: { image, kind: "raw" },
    ...more,
  });
  return { service, session: id };
}

test("a console carries bytes both ways, and shows what was printed before it was opened", async (t) => {
  const { service, session } = await machine(t, echo("hi "));
  const early = service.socket(`/v1/sessions/${session}/console`);
  await early.opened;
  await service.call("session.start", { session });
  await early.until(() => early.output === "hi ");
  early.ws.send(Buffer.from("abc"));
  await early.until(() => early.output === "hi abc");
  const late = service.socket(`/v1/sessions/${session}/console`);
  await late.until(() => late.output === "hi abc");
  late.ws.send("def");
  await early.until(() => early.output === "hi abcdef");
  await late.close();
  await early.close();
  // The session does not care who listens.
  await service.call("console.write", { session, data: "xyz" });
  await service.call("session.wait", { session, text: "xyz", timeoutMs: 5000 });
});

test("input that came while the guest was busy is not lost, whatever its size", async (t) => {
  const { service, session } = await machine(t, echo(""));
  const socket = service.socket(`/v1/sessions/${session}/console`);
  await socket.opened;
  await service.call("session.start", { session });
  const text = "0123456789abcdef".repeat(1000);
  for (let at = 0; at < text.length; at += 1000) socket.ws.send(text.slice(at, at + 1000));
  await socket.until(() => socket.output.length >= text.length, 30_000);
  assert.equal(socket.output, text);
  await socket.close();
});

test("power-off ends in state halted with its exit code, and events tell the story in order", async (t) => {
  const { service, session } = await machine(t, echo("x"));
  const events = service.socket(`/v1/sessions/${session}/events?after=0`);
  await events.opened;
  await service.call("session.start", { session });
  const console = service.socket(`/v1/sessions/${session}/console`);
  await console.until(() => console.output === "x");
  console.ws.send("q");
  await events.until(() => events.messages.some((event) => event["state"] === "halted"));
  const halted = events.messages.find((event) => event["state"] === "halted");
  assert.equal(halted?.["exitCode"], 0);
  const seqs = events.messages.map((event) => Number(event["seq"]));
  assert.deepEqual(
    seqs,
    seqs.map((_, i) => i + 1),
  );
  const counts = events.messages.map((event) => Number(event["instructions"]));
  assert.deepEqual(
    [...counts].sort((a, b) => a - b),
    counts,
  );
  await assert.rejects(service.call("session.start", { session }), (error: RpcError) => /STATE/.test(error.code));
  await service.call("session.reset", { session });
  await service.call("session.delete", { session });
  assert.equal((await events.closed).code, 1000);
  assert.deepEqual(
    events.messages.slice(-3).map((event) => event["type"]),
    ["reset", "state", "deleted"],
  );
});

test("a guest that loops leaves the service answering at once", async (t) => {
  const { service, session } = await machine(t, counter());
  await service.call("session.start", { session });
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    const begun = performance.now();
    await service.call("session.get", { session });
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  assert.ok((times[15] as number) < 250, `median ${times[15]} ms`);
  const paused = performance.now();
  await service.call("session.pause", { session });
  assert.ok(performance.now() - paused < 1000);
});

test("an idle guest costs no processor time", async (t) => {
  const { service, session } = await machine(t, sleeper("zzz"));
  await service.call("session.start", { session });
  await service.call("session.wait", { session, text: "zzz", timeoutMs: 5000 });
  // the process has other things to do at first, such as starting a thread for the next session: it comes to rest
  const windows: number[] = [];
  const rests = (): boolean => (windows.at(-1) ?? 1) < 0.1;
  while (!rests() && windows.length < 50) {
    const [before, begun] = [process.cpuUsage(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { user, system } = process.cpuUsage(before);
    windows.push((user + system) / 1000 / (performance.now() - begun));
  }
  assert.ok(rests(), `shares of the processor: ${windows}`);
});
