// bb, insn, hotblocks, howvec: what is counted, without a callback, and the text QEMU's plugins would print.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bb } from "../../../src/probe/builtin/bb.js";
import { hotblocks } from "../../../src/probe/builtin/hotblocks.js";
import { howvec } from "../../../src/probe/builtin/howvec.js";
import { insn } from "../../../src/probe/builtin/insn.js";
import { PluginOptionError } from "../../../src/probe/plugin.js";
import { FakeHost } from "../fake-host.js";

const ADDI = 0x00150513; // addi a0, a0, 1
const LD = 0x0005b503; // ld a0, 0(a1)
const C_J = 0xbfc5; // c.j -16
const CSRR = 0xf1402573; // csrrs a0, mhartid, zero
const MUL = 0x02b50533; // mul a0, a0, a1

/** Two blocks: `a` runs three times on hart 0 and once on hart 1, `b` once on hart 1, where it traps at its second instruction. */
function runBoth(host: FakeHost): void {
  const a = host.block(0x80000000, [ADDI, LD, C_J]);
  const b = host.block(0x80001000, [CSRR, LD, MUL, C_J]);
  for (let i = 0; i < 3; i++) host.run(a);
  host.run(a, { hart: 1 });
  host.run(b, { hart: 1, count: 2, traps: true });
}

test("bb counts blocks that are entered, with all their instructions", () => {
  const host = new FakeHost({ harts: 3 });
  host.attach(bb, { inline: "on" });
  runBoth(host);
  assert.deepEqual(host.results(), {
    blocks: 5,
    instructions: 16,
    harts: [
      { hart: 0, blocks: 3, instructions: 9 },
      { hart: 1, blocks: 2, instructions: 7 },
      { hart: 2, blocks: 0, instructions: 0 },
    ],
  });
  assert.equal(host.report(), "CPU0: bb's: 3, insns: 9\nCPU1: bb's: 2, insns: 7\nTotal: bb's: 5, insns: 16\n");
  assert.equal(host.calls, 0);
});

test("bb writes a hart's counts when it begins to wait, if it has any", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(bb, { idle: true });
  host.emit("idle", { hart: 0 });
  host.run(host.block(0x80000000, [ADDI]), { hart: 1 });
  host.emit("idle", { hart: 1 });
  assert.equal(host.text, "Idling CPU1: bb's: 1, insns: 1\n");
});

test("insn counts instructions that begin, at any moment", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(insn);
  const seen: number[] = [];
  host.run(host.block(0x80000000, [ADDI, LD, C_J]), { after: () => seen.push(host.results().instructions) });
  assert.deepEqual(seen, [1, 2, 3]);
  runBoth(host);
  assert.equal(host.results().instructions, host.instructions());
  assert.deepEqual(host.results().sizes, [
    { bytes: 2, executed: 5, translated: 2 },
    { bytes: 4, executed: 12, translated: 5 },
  ]);
  assert.equal(host.report(), "cpu 0 insns: 12\ncpu 1 insns: 5\ntotal insns: 17\n");
  assert.equal(host.calls, 0);
});

test("insn counts instructions whose disassembly begins with a prefix, still without callbacks", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(insn, { match: ["ld", "csr"], sizes: true });
  runBoth(host);
  const [ld, csr] = host.results().matches;
  assert.equal(ld.hits, 5);
  assert.deepEqual(
    ld.instructions.map((i: any) => [i.vaddr, i.hits]),
    [
      [0x80000004n, 4],
      [0x80001004n, 1],
    ],
  );
  assert.deepEqual([csr.match, csr.hits], ["csr", 1]);
  assert.equal(host.calls, 0);
  const text = "f1402573          csrrs                   a0,mhartid,zero";
  assert.ok(host.text.includes(`Created record for: 80001000 ${text}\n`));
  assert.ok(host.report().startsWith("len 2 bytes: 2 insns\nlen 4 bytes: 5 insns\nMatch: ld, hits 5\n"));
  assert.ok(host.report().endsWith(`Match: csr, hits 1\n  80001000: ${text} (hits 1)\n`));
});

test("insn traces matches with the distance between them, up to a limit", () => {
  const host = new FakeHost();
  host.attach(insn, { match: "ld", trace: true, lines: 2 });
  const block = host.block(0x80000000, [ADDI, LD, C_J]);
  for (let i = 0; i < 3; i++) host.run(block);
  assert.equal(host.results().dropped, 1);
  const lines = host.text.split("\n").filter((line) => line.includes("Δ"));
  const text = "0x80000004, '0005b503          ld                      a0,0(a1)";
  assert.deepEqual(lines, [
    `${text}, 1 hits , cpu 0, 1 match hits, Δ+2 since last match, 2 avg insns/match`,
    `${text}, 2 hits , cpu 0, 2 match hits, Δ+3 since last match, 2 avg insns/match`,
  ]);
});

test("hotblocks lists the most frequent first, and goes on counting when blocks are translated again", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(hotblocks, { limit: 1 });
  runBoth(host);
  host.flush();
  runBoth(host);
  assert.deepEqual(host.results(), {
    total: 2,
    executions: 10,
    uncounted: 0,
    blocks: [{ pc: 0x80000000n, instructions: 3, translations: 2, executions: 8 }],
  });
  assert.equal(
    host.report(),
    "collected 2 entries in the hash table\npc, tcount, icount, ecount\n0x0000000080000000, 2, 3, 8\n",
  );
  assert.equal(host.calls, 0);
});

test("hotblocks lists all for limit 0, the last one too, with symbols", () => {
  const host = new FakeHost();
  host.symbols.push({ name: "loop", start: 0x80001000, size: 64 });
  host.attach(hotblocks, { limit: 0 });
  host.run(host.block(0x80001000, [ADDI]));
  assert.equal(host.results().blocks[0].symbol, "loop");
  assert.equal(host.report().trim().split("\n").length, 3);
});

test("hotblocks says how many blocks it has no counter for", () => {
  const host = new FakeHost({ counters: 64 });
  host.attach(hotblocks, { limit: 0 });
  for (let i = 0; i < 100; i++) host.run(host.block(0x80000000 + 4 * i, [ADDI]));
  const { total, executions, uncounted } = host.results();
  assert.deepEqual({ total, executions, uncounted }, { total: 100, executions: 64, uncounted: 36 });
  host.detach();
  host.scoreboard(64);
});

test("howvec counts by class", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(howvec, {});
  runBoth(host);
  const hits = Object.fromEntries(
    host
      .results()
      .classes.filter((c: any) => c.hits > 0)
      .map((c: any) => [c.key, c.hits]),
  );
  assert.deepEqual(hits, { alui: 4, load: 5, jump: 4, csr: 1 });
  assert.equal(
    host.report(),
    [
      "Instruction Classes:",
      `Class: ${"Load".padEnd(24)}\t(5 hits)`,
      `Class: ${"Jump".padEnd(24)}\t(4 hits)`,
      `Class: ${"ALU (imm)".padEnd(24)}\t(4 hits)`,
      `Class: ${"CSR".padEnd(24)}\t(1 hits)`,
      "",
    ].join("\n"),
  );
  assert.equal(host.calls, 0);
});

test("howvec counts a class one by one, or not at all", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(howvec, { count: ["load", "!jump"] });
  runBoth(host);
  const { classes, individual } = host.results();
  const of = (key: string) => classes.find((c: any) => c.key === key);
  assert.deepEqual([of("load").hits, of("load").counting], [5, "individual"]);
  assert.deepEqual([of("jump").hits, of("jump").counting], [0, "none"]);
  assert.deepEqual(individual, {
    total: 1,
    uncounted: 0,
    instructions: [{ disassembly: "ld a0,0(a1)".replace(" ", " ".repeat(22)), bits: LD, class: "load", hits: 5 }],
  });
  assert.match(host.report(), /Class: Load {20}\tcounted individually\n.*Class: Jump {20}\tnot counted\n/s);
  assert.match(
    host.report(),
    /Individual Instructions:\nInstr: 0005b503 .*a0,0\(a1\)\t\(5 hits\)\t\(op=0x0005b503\/Load\)\n$/,
  );
});

test("howvec counts every encoding by itself as QEMU does", () => {
  const host = new FakeHost({ harts: 2 });
  host.attach(howvec, { classes: "none", limit: 2 });
  runBoth(host);
  const { individual } = host.results();
  assert.equal(individual.total, 5);
  assert.deepEqual(
    individual.instructions.map((i: any) => [i.bits, i.hits]),
    [
      [LD, 5],
      [C_J, 4],
    ],
  );
  assert.throws(() => new FakeHost().attach(howvec, { count: "vector" }), PluginOptionError);
});
