// Several streams of one running machine at once, with clients that dawdle, leave and come back: every record arrives
// or is counted as lost, and the guest never stands still for good.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessionManager } from "../../src/session/host.js";
import type { SubscriptionHost } from "../../src/session/host-api.js";
import { counter } from "../e2e/programs.js";
import { Random } from "../trace/recorder-harness.js";
import { PLUGIN_LIMITS } from "./fake-plugins.js";

const CHOSEN = process.env["EMUSCOPE_SEED"] ?? "20261123";
const SEED = CHOSEN === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(CHOSEN);
const ROUNDS = 8;

interface Line {
  seq?: number;
  gap?: { firstSeq: number; count: number };
  end?: { written: number; dropped: number };
}

/** Reads a whole stream in the most awkward way; what it got and what it was told it lost. */
async function read(subscription: SubscriptionHost, random: Random): Promise<{ got: number; lost: number }> {
  let last = -1;
  let got = 0;
  let lost = 0;
  let ended = false;
  while (!ended) {
    const frames = subscription.open({ format: "jsonl", ...(last < 0 ? {} : { after: last }) });
    for await (const frame of frames) {
      for (const text of (frame.text ?? "").trimEnd().split("\n")) {
        const { seq, gap, end } = JSON.parse(text) as Line;
        if (gap) {
          assert.equal(gap.firstSeq, last + 1);
          lost += gap.count;
          last += gap.count;
        } else if (end) {
          ended = true;
          assert.deepEqual([end.written, end.dropped], [got, lost]);
        } else {
          assert.equal(seq, last + 1);
          last++;
          got++;
        }
      }
      const fate = random.below(10);
      if (fate < 5) frame.release();
      else if (fate < 8) setImmediate(() => frame.release());
      else setTimeout(() => frame.release(), random.below(6));
      if (random.below(20) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(4)));
      if (!ended && random.below(50) === 0) break;
    }
  }
  return { got, lost };
}

test("awkward clients get every record or the count of what they lost", { timeout: 120_000 }, async (t) => {
  t.diagnostic(`EMUSCOPE_SEED=${SEED}`);
  const random = new Random(SEED);
  const log = { info() {}, warn() {}, error() {} };
  const big = 2 ** 40;
  const sessions = createSessionManager({
    log,
    limits: {
      maxSessions: 4,
      maxRam: big,
      maxTotalRam: big,
      maxSubscriptionsPerSession: 8,
      maxRingBytes: big,
      consoleBuffer: 1024,
      maxConsoleInput: 1024,
      eventBuffer: 100,
      maxSlotsPerSession: 4,
      maxPluginResults: 10_000,
      plugins: PLUGIN_LIMITS,
    },
  });
  t.after(() => sessions.close());
  for (let round = 0; round < ROUNDS; round++) {
    const firmware = { bytes: counter(), name: "counter", kind: "raw" as const };
    const session = await sessions.create(
      { board: "virt", harts: 1, ram: 16 << 20, firmware },
      { images: [], machine: {} },
    );
    const readers = [];
    for (let i = 0; i <= round % 4; i++) {
      const slow = random.below(10) < 7 ? "block" : "drop";
      const stopAfter = 10_000 + random.below(40_000);
      const subscription = await session.subscribe({
        fields: ["seq", "value"],
        filter: { direction: ["write"] },
        include: { fetch: false, walk: false, dma: false },
        everyNth: 1,
        slow,
        stopAfter,
        ringBatches: 2 + random.below(6),
        batchRows: 256,
      });
      readers.push(
        read(subscription, random).then(({ got, lost }) => {
          assert.equal(got + lost, stopAfter);
          if (slow === "block") assert.equal(lost, 0);
        }),
      );
    }
    await session.call("start");
    await Promise.all(readers);
    await sessions.delete(session.id);
  }
});
