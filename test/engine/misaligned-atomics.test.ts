// Atomics off their alignment, in pages whose TLB tags carry flags: devices, and code. They trap, whatever the low bits of
// the address, and touch nothing.
import assert from "node:assert/strict";
import test from "node:test";
import { times } from "../thorough.js";
import { Assembler } from "./assembler.js";
import { boot, differences, type Image, INTERPRETER, runTo, TIERS } from "./machines.js";
import { START } from "./platform.js";

const [A0, A1, A2, A3, T0, T1, S0] = [10, 11, 12, 13, 5, 6, 8];
const X = 0x1000;
const UART = 0x1000_0000;
const ROUNDS = times(12, 40);
const LOAD_MISALIGNED = 4n;
const STORE_MISALIGNED = 6n;

test("atomics at every misaligned place of a device's page and of a page of code", async () => {
  const a = new Assembler();
  const handler = a.label();
  const words = a.label();
  a.la(T0, handler);
  a.csrw(0x305, T0);
  a.li(A0, 0);
  a.li(A1, 0x55);
  a.li(S0, ROUNDS);
  let want = 0n;
  const top = a.here();
  for (const base of ["device", "code"] as const) {
    for (let offset = 1; offset < 8; offset++) {
      if (base === "device") a.li(A2, UART + offset);
      else {
        a.la(A2, words);
        a.op("addi", { rd: A2, rs1: A2, imm: offset });
      }
      for (const size of ["w", "d"] as const) {
        if (offset % (size === "w" ? 4 : 8) === 0) continue;
        a.op(`amoadd.${size}`, { rd: A3, rs1: A2, rs2: A1 });
        a.op(`lr.${size}`, { rd: A3, rs1: A2 });
        want += STORE_MISALIGNED + LOAD_MISALIGNED;
      }
    }
  }
  a.op("addi", { rd: S0, rs1: S0, imm: -1 });
  const out = a.label();
  a.to("beq", out, { rs1: S0 });
  a.jump(top);
  a.place(out);
  a.la(A2, words);
  a.op("ld", { rd: A3, rs1: A2 });
  a.op("ld", { rd: A2, rs1: A2, imm: 8 });
  a.jump(a.here());
  a.place(handler);
  a.csrr(T1, 0x342);
  a.op("add", { rd: A0, rs1: A0, rs2: T1 });
  a.csrr(T1, 0x341);
  a.op("addi", { rd: T1, rs1: T1, imm: 4 });
  a.csrw(0x341, T1);
  a.word(0x3020_0073);
  a.pad(8);
  a.place(words);
  a.data(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]));
  const guest: Image = { parts: [{ address: START, bytes: a.assemble(START).bytes }] };
  const reference = await boot(guest, INTERPRETER);
  runTo(reference, 20_000, 1e6);
  for (const tier of [INTERPRETER, ...TIERS]) {
    const machine = await boot(guest, tier);
    runTo(machine, 20_000, tier.chunk);
    const view = new DataView(machine.memory.buffer);
    const x = (n: number): bigint => view.getBigUint64(X + 8 * n, true);
    assert.deepEqual(
      [x(A0), x(A3), x(A2)],
      [BigInt(ROUNDS) * want, 0x0807060504030201n, 0x100f0e0d0c0b0a09n],
      tier.name,
    );
    assert.deepEqual(differences(reference, machine), [], tier.name);
  }
});
