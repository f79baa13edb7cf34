// Guests that go nowhere and images that are nonsense harm nobody but themselves: the service goes on answering.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Random } from "../differential/random.js";
import { times } from "../thorough.js";
import { type Client, RpcError, startService } from "./service.js";

const GUESTS = ["LOOP", "TRAP_LOOP", "NO_HANDLER", "WILD_STACK", "WILD_STORES", "SLEEPER"];

const guest = (name: string): Promise<Uint8Array> => readFile(new URL(`../../../guest/${name}.elf`, import.meta.url));

/** A session of the demo guest, not started. */
async function makeDemo(service: Client): Promise<string> {
  const image = await service.upload(await guest("demo/demo"));
  const { id: session } = await service.call<{ id: string }>("session.create", {
    board: "remap",
    kernel: image,
    ram: "64M",
  });
  return session;
}

/** The demo guest does its rounds. */
async function demoWorks(service: Client, session: string): Promise<void> {
  await service.call("session.start", { session });
  const { matched } = await service.call<{ matched: boolean }>("session.wait", {
    session,
    text: "remap #1 ",
    timeoutMs: 60_000,
  });
  assert.ok(matched);
  await service.call("session.delete", { session });
}

test("guests that loop, fault in their trap handler or lose their stack leave the service answering", {
  timeout: 120_000,
}, async (t) => {
  const service = await startService(t);
  const sessions: string[] = [];
  for (const name of GUESTS) {
    const image = await service.upload(await guest(`bare/hostile-${name}`));
    const board = sessions.length % 2 === 0 ? "virt" : "remap";
    const made = await service.call<{ id: string }>("session.create", {
      board,
      kernel: image,
      ram: "16M",
    });
    sessions.push(made.id);
  }
  const demo = await makeDemo(service);
  for (const session of sessions) await service.call("session.start", { session });
  const counts = async (): Promise<number[]> => {
    const all: number[] = [];
    for (const session of sessions)
      all.push((await service.call<{ instructions: number }>("session.get", { session })).instructions);
    return all;
  };
  const before = await counts();
  await demoWorks(service, demo);
  const after = await counts();
  // each goes on in its own way, but for the one that sleeps
  assert.deepEqual(
    sessions.map((_, n) => (after[n] as number) > (before[n] as number)),
    sessions.map((_, n) => n < sessions.length - 1),
  );
  for (const session of sessions) {
    await service.call("session.pause", { session });
    const { hartStates } = await service.call<{ hartStates: { pc: string }[] }>("session.get", { session });
    await service.call("code.disassemble", { session, paddr: "0x80000000", count: 4 });
    await service.call("register.get", { session });
    assert.match(hartStates[0]?.pc as string, /^0x/);
    const { executed } = await service.call<{ executed: number }>("session.step", { session, count: 10 });
    assert.ok(executed <= 10);
    await service.call("session.reset", { session });
    await service.call("session.delete", { session });
  }
  assert.deepEqual(await service.call("session.list"), { sessions: [] });
  assert.equal((await service.call<{ status: string }>("service.health")).status, "ok");
});

test("sessions made of mutated images are refused, or run, and are gone when deleted", {
  timeout: 120_000,
}, async (t) => {
  const service = await startService(t, { maxImages: 2000 });
  const random = new Random(20260303);
  const samples = [await guest("demo/demo"), await guest("bare/integer")];
  const outcomes = { refused: 0, ran: 0 };
  for (let round = 0; round < times(6, 40); round++) {
    const bytes = Uint8Array.from(samples[round % 2] as Uint8Array);
    // the headers, and now and then code
    for (let n = 0; n < 3; n++) bytes[random.u32() % (round % 4 === 0 ? bytes.length : 0x100)] = random.u32();
    // as plain bytes: an upload that says it is ELF is refused when it is not
    const data = Buffer.from(bytes).toString("base64");
    const { digest: image } = await service.call<{ digest: string }>("image.put", { data, kind: "raw" });
    try {
      const { id: session } = await service.call<{ id: string }>("session.create", {
        board: round % 3 === 0 ? "virt" : "remap",
        kernel: { image, kind: "elf" },
        ram: "16M",
      });
      await service.call("session.step", { session, count: 20_000 });
      await service.call("session.delete", { session });
      outcomes.ran++;
    } catch (error) {
      assert.ok(error instanceof RpcError, String(error));
      assert.match(
        error.code,
        /^EMU_(IMAGE_MALFORMED|INVALID_PARAMS|SESSION_STATE)$/,
        `round ${round}: ${error.message}`,
      );
      outcomes.refused++;
    }
    await service.call("image.delete", { image });
  }
  assert.ok(outcomes.refused > 1 && outcomes.ran > 1, JSON.stringify(outcomes));
  assert.deepEqual(await service.call("session.list"), { sessions: [] });
  await demoWorks(service, await makeDemo(service));
});
