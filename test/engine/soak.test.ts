// Sessions leave nothing behind. The long version, with Linux, is soak.guest.test.ts.
import assert from "node:assert/strict";
import test from "node:test";
import { times } from "../thorough.js";
import { generateProgram } from "./programs.js";
import { leftBehind, soak, soakImpossible } from "./soak.js";

const SESSIONS = times(8, 24);

test("sessions of small guests, compiled and deleted", {
  skip: soakImpossible,
  timeout: 120_000,
}, async (t) => {
  const report = await soak({
    description: (n) => {
      const { image } = generateProgram(5, n % 6, { rewrite: n % 2 === 0 });
      const load = image.parts.map(({ address, bytes }) => ({ address, bytes, kind: "raw" as const, name: "part" }));
      return {
        board: "virt",
        harts: 1 + (n % 2),
        ram: 2 ** 20,
        load,
        idle: "skip",
        engine: { hotThreshold: 1, batch: 1 },
      };
    },
    drive: async (session, n) => {
      // some end in the middle of things
      if (n % 3 === 0) await session.call("start");
      else await session.call("runUntil", { instructions: 400_000, timeoutMs: 20_000 });
    },
    seconds: 60,
    sessions: SESSIONS,
    together: 2,
  });
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.sessions, SESSIONS);
  assert.ok(report.modules > 50, `${report.modules} modules`);
  // among the mappings are those of the last session's code, which is kept for the next one
  assert.deepEqual(leftBehind(report), []);
});

test("a deleted session's memory goes, whoever has seen it", { skip: soakImpossible, timeout: 120_000 }, async (t) => {
  const bytes = Buffer.alloc(32 << 20, 0x13);
  const report = await soak({
    description: () => ({
      board: "virt",
      harts: 1,
      ram: 64 << 20,
      load: [{ address: 0x8000_0000, bytes, kind: "raw", name: "filler" }],
      idle: "skip",
    }),
    drive: async (session, n) => {
      if (n % 2 === 0) return;
      await session.subscribe({
        fields: ["vaddr"],
        filter: {},
        include: { fetch: false, walk: false, dma: false },
        everyNth: 1,
        slow: "drop",
        ringBatches: 2,
        batchRows: 256,
      });
    },
    seconds: 60,
    sessions: 24,
    together: 1,
  });
  t.diagnostic(JSON.stringify(report));
  const grown = report.most.resident - report.before.resident;
  assert.ok(grown < 24 * 16, `${grown} MiB more than before while 24 sessions of 32 MiB came and went one by one`);
});
