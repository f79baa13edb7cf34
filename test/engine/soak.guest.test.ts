// Linux booted in sessions made and deleted; leaves modules, memory and threads where they began.
// EMUSCOPE_SOAK_SECONDS=600 is the full length.
import assert from "node:assert/strict";
import test from "node:test";
import { waitFor } from "../../src/operations/wait.js";
import { guestImage, skipWithoutGuests } from "../machine/guests.js";
import { leftBehind, soak, soakImpossible } from "./soak.js";

const SECONDS = Number(process.env["EMUSCOPE_SOAK_SECONDS"] ?? 40);
const BOOT_MS = 120_000;
/** Compiled code is kept for so long for the next session. */
const KEPT_MS = 11_000;
/** Two booted machines with their code, and two that are about to go. */
const MOST_MIB = 4 * 400;

test(`${SECONDS} s of Linux boots leave nothing behind`, {
  skip: skipWithoutGuests || soakImpossible,
  timeout: (SECONDS + 300) * 1000,
}, async (t) => {
  const images = {
    firmware: guestImage("fw_dynamic.bin"),
    kernel: guestImage("Image.gz"),
    initrd: guestImage("initrd.gz"),
  };
  let boots = 0;
  const report = await soak({
    description: (n) => ({
      board: "virt",
      harts: 1 + (n % 2),
      ram: 256 << 20,
      cmdline: "console=ttyS0 quiet",
      idle: "skip",
      ...images,
    }),
    drive: async (session, n) => {
      // every fourth one is deleted half-way
      const halfway = n % 4 === 3;
      const ready = waitFor(session, {
        state: undefined,
        text: Buffer.from("SHELL-READY"),
        console: undefined,
        from: 0,
        timeoutMs: halfway ? 1500 : BOOT_MS,
        signal: AbortSignal.timeout(BOOT_MS),
      });
      await session.call("start");
      const { matched } = await ready;
      if (halfway) return;
      assert.ok(matched, "SHELL-READY");
      boots++;
    },
    seconds: SECONDS,
    sessions: Number.POSITIVE_INFINITY,
    together: 2,
    settleMs: KEPT_MS,
  });
  t.diagnostic(JSON.stringify({ boots, ...report }));
  assert.ok(boots > 0);
  assert.ok(report.modules > 20 * boots, `${report.modules} modules in ${boots} boots`);
  assert.deepEqual(leftBehind(report), []);
  // what ends goes while others come, not only once all is quiet
  assert.ok(report.most.resident < report.before.resident + MOST_MIB, JSON.stringify(report.most));
});
